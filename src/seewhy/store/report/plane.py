"""Some of a store's photos in the plane: near each other where the network's features are alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seewhy.errors import LayerError, OptionError
from seewhy.features.placing import check_differ, check_number, place
from seewhy.geometry import Array


@dataclass(frozen=True, eq=False)
class Plane:
    """numbers : of the photos. points : (N, 2) in [0, 1], the aspect kept, rows downwards. perplexity : of t-SNE."""

    numbers: list[int]
    points: Array
    perplexity: float


def plane(sampled: Sequence[tuple[int, Array | None]], seed: int = 0) -> Plane | None:
    """t-SNE of the photos whose embedding is known; None for fewer than four, and where all are the same."""
    known = [(number, values) for number, values in sampled if values is not None and np.isfinite(values).all()]
    if not known:
        return None
    features = np.stack([values for _, values in known])
    try:
        perplexity = check_number(len(known), "tsne", None)
        check_differ(features, "")
    except (OptionError, LayerError):
        return None
    (points, _) = place(features, "tsne", perplexity, seed)
    (low, high) = (points.min(axis=0), points.max(axis=0))
    scaled = 0.5 + (points - (low + high) / 2) / max(float((high - low).max()), 1e-12)
    return Plane([number for number, _ in known], scaled.astype(np.float32), float(perplexity or 0))
