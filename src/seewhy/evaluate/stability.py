"""Does the map stay when the photo hardly changes (Yeh et al. 2019, "sensitivity")? arXiv:1901.09392, section 3."""

from __future__ import annotations

from typing import Any

import numpy as np

from seewhy.evaluate.metric import Measurement, Subject, explained_again
from seewhy.evaluate.references import random_map
from seewhy.explanation import Explanation
from seewhy.geometry import Array
from seewhy.photo import Picture

COPIES = 4
NOISE = 0.02  # of the range: 5 grey levels, which nobody sees


def stability(subject: Subject) -> Measurement:
    """The largest ``|map' - map| / |map|`` over photos with a little noise; small is good, and 0 for a map that never changes.

    The centre blob is perfectly stable and knows nothing: stability is needed, and proves nothing.
    """
    own = subject.explanation.maps[subject.number]
    (e, number) = (subject.explanation, subject.number)
    explanations = []
    for seed in range(COPIES):
        explanations.append(explained_again(e, number, subject.clf, noisy(subject, seed)))
        subject.masked.advance(round(explanations[-1].cost.forward))
    again = [explanation.maps[0] for explanation in explanations]
    spent = sum(explanation.cost.forward for explanation in explanations)
    noise = [random_map(own.shape, own.shape, subject.seed + seed) for seed in range(COPIES + 1)]
    return Measurement(np.array([_largest_change(own, again), _largest_change(noise[0], noise[1:]), 0.0], np.float32), spent)


def passes(explanation: Explanation, steps: int) -> int:
    """How many photos it costs."""
    return COPIES * round(explanation.cost.forward)


def noisy(subject: Subject, seed: int) -> Any:
    """The photo with uniform noise: the picture itself, or the tensor where there is no preprocessing."""
    random = np.random.default_rng(seed)
    photo = subject.explanation.photo
    if photo.raw is not None and subject.clf.preprocess is not None:
        width = NOISE * float(np.ptp(photo.raw))
        values = photo.raw + random.uniform(-width, width, photo.raw.shape)
        values = np.clip(values, photo.raw.min(), photo.raw.max())
        values = np.round(values) if photo.raw.dtype.kind in "iu" else values
        return _beside(subject, Picture(values.astype(photo.raw.dtype), photo.name))
    if photo.original.dtype == np.uint8:
        width = NOISE * 255
        values = photo.original + random.uniform(-width, width, photo.original.shape)
        return _beside(subject, np.clip(np.round(values), 0, 255).astype(np.uint8))
    pixels = photo.pixels if subject.clf.preprocess is None else np.moveaxis(photo.original, -1, 0)  # (C, H, W)
    width = NOISE * float(np.ptp(pixels))
    values = pixels + random.uniform(-width, width, pixels.shape)
    return _beside(subject, np.clip(values, pixels.min(), pixels.max()).astype(np.float32))


def _beside(subject: Subject, noisy_photo: Any) -> Any:
    """The photo with the other inputs that the explained one brought."""
    inputs = subject.explanation.photo.inputs
    return {subject.clf.explain: noisy_photo, **inputs} if subject.clf.explain is not None else noisy_photo


def _largest_change(map: Array, others: list[Array]) -> float:
    size = float(np.linalg.norm(map))
    return max(float(np.linalg.norm(other - map)) for other in others) / size if size else 0.0
