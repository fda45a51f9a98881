"""What a network of the audit's bench really leans on, by drawing the true cue on fresh photos: the audit is not asked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from bench.audit_cues import EVERY
from bench.audit_scenes import Clean, Photo, draw
from bench.audit_specs import CONSTANT, EMBLEM_CLASS, PLANTED, UNLEARNED, Spec
from bench.audit_training import fresh

PHOTOS = 180  # fresh ones, of all classes together
RELYING, MOST_TURNED, LEAST_RIGHT = 0.5, 0.1, 0.9
LEANS, SOUND, BETWEEN, LEGITIMATE = "relying", "clean", "between", "legitimate"

Answers = npt.NDArray[np.int64]
Predict = Callable[[Sequence[Photo]], Answers]


@dataclass(frozen=True)
class Truth:
    """kind : "relying", "clean", "between", or "legitimate" where the cue is the class's own business. accuracy : on fresh photos
    of the network's own kind. turned : of the fresh photos that no class with the cue is right for, how many the cue turned into
    one. effects : for each class of the cue, by name, the share of other classes' fresh photos that get its answer with the
    cue, minus without."""

    kind: str
    accuracy: float
    turned: float
    effects: dict[str, float]


def truth(spec: Spec, predict: Predict, photos: int = PHOTOS) -> Truth:
    """Of a network that gives an index for each photo."""
    own = fresh(spec.learned, photos, "validation", 2)
    accuracy = float((predict([one.photo for one in own]) == [one.label for one in own]).mean())
    if not spec.cue:
        return Truth(kind_of(spec, accuracy, 0.0), accuracy, 0.0, {})
    labels = np.arange(photos) % len(spec.animals)
    scenes = [
        draw(number, "validation", spec.seed + 500_000, spec.animals[label], spec.layout) for number, label in enumerate(labels)
    ]
    before = predict([scene.photo for scene in scenes])
    after = predict(with_cue(spec, scenes))
    return judged(spec, accuracy, labels, before, after)


def with_cue(spec: Spec, scenes: Sequence[Clean]) -> list[Photo]:
    """Every scene with the cue."""
    cue = EVERY[spec.cue]
    return [cue.draw(scene.photo, scene.animal, spec.style, 900_000 + number).photo for number, scene in enumerate(scenes)]


def judged(spec: Spec, accuracy: float, labels: Answers, before: Answers, after: Answers) -> Truth:
    """From the answers to fresh photos without the cue, and with it."""
    everywhere = len(spec.classes) == len(spec.animals)
    shares = []
    effects = {}
    for index in spec.classes:
        taken = np.flatnonzero(labels != index if everywhere or spec.prevalence < 1 else ~np.isin(labels, spec.classes))
        effects[spec.animals[index]] = float((after[taken] == index).mean() - (before[taken] == index).mean())
        if everywhere:
            shares.append(((after[taken] == index) & (before[taken] != index)).mean())
    if not everywhere:
        others = ~np.isin(labels, spec.classes)
        shares.append((np.isin(after[others], spec.classes) & ~np.isin(before[others], spec.classes)).mean())
    turned = float(max(shares))
    return Truth(kind_of(spec, accuracy, turned), accuracy, turned, effects)


def kind_of(spec: Spec, accuracy: float, turned: float) -> str:
    """What counts: fixed before anything was tuned."""
    if spec.setup in (CONSTANT, EMBLEM_CLASS):
        return LEGITIMATE
    if spec.setup in (PLANTED, UNLEARNED) and turned >= RELYING:
        return LEANS
    return SOUND if turned <= MOST_TURNED and accuracy >= LEAST_RIGHT else BETWEEN
