"""Photos that went through a network already: what is known of them, so that they can be placed in the plane without it."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from seewhy.explanation import Explanation
from seewhy.geometry import Array
from seewhy.records import Prediction


@dataclass(frozen=True, eq=False)
class KnownFeatures:
    """N photos of ``total``, as an :class:`~seewhy.features.embedding.EmbeddingRecord` has them.

    numbers : the photos' places among what knows them.
    """

    total: int
    features: Array
    scores: Array
    predictions: list[Prediction]
    labels: list[str | None]
    label_indices: list[int | None]
    names: list[str]
    paths: list[Path | None]
    numbers: list[int]
    thumbnails: list[npt.NDArray[np.uint8]]
    pixels: Array
    layer: str
    notes: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)
    model: str = ""
    weights: str = ""
    preprocessing: str = ""


@runtime_checkable
class KnowsFeatures(Protocol):
    """What has photos with their features and their explanations: a :class:`seewhy.Store`, which stands above this room."""

    def known_features(self, most: int) -> KnownFeatures:
        """Of at most so many photos, an even sample."""
        ...

    def explanations(self, i: int) -> list[Explanation]:
        """Of the photo at a place, one for each method."""
        ...
