"""What is known of photos that were placed in the plane: the record of an embedding, without its pictures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, TargetError, is_whole_number, listed, whole_number
from seewhy.geometry import Array
from seewhy.records import Prediction

SPACES = ("points", "features", "pixels")


@dataclass(frozen=True, eq=False, kw_only=True)
class PhotoFeatures:
    """What is known of N photos that went through a network; the fields are those of :class:`EmbeddingRecord`."""

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


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddingRecord(PhotoFeatures):
    """N photos placed in the plane by the features that one layer of a network gives for them.

    points : float32 ``(N, 2)``; only nearness means something, the axes have no units.
    features : float32 ``(N, D)``, what the layer gave (averaged over space unless ``pool="flatten"``).
    scores : float32 ``(N, K)``, the network's probabilities; NaN where a store has not kept them. predictions : the first choice
        for each photo.
    labels : the true class of each photo, or the name of any other group; None where it is not known. label_indices : the same as
        class indices; all None where the labels are groups, and nothing is compared with the predictions then.
    names, paths : of the photos; a path is None for what was no file. numbers : their places in what was given.
    thumbnails : uint8 ``(h, w, 3)`` each, at most 64 pixels a side.
    sources : the photos that were no files (arrays, images, tensors), kept to be explained later; None for files.
    pixels : float32 ``(N, C, 16, 16)``, the network's input made tiny: what "near in pixel space" compares.
    layer : "scores" for the class logits. method : "tsne" or "pca". settings, seed : enough to repeat it.
    notes : diagnoses, for people. skipped : (path, reason) of photos that could not be read.
    details : "perplexity", "kl_divergence" (t-SNE's loss), "explained_variance" (the share of the variance that PCA kept).
    """

    points: Array
    method: str
    settings: dict[str, Any] = field(default_factory=dict)
    seed: int = 0
    details: dict[str, Any] = field(default_factory=dict)
    sources: list[Any] | None = None

    def __len__(self) -> int:
        return len(self.points)

    @property
    def wrong(self) -> npt.NDArray[np.bool_]:
        """``(N,)``: the true class is known, and the network's first choice is another one."""
        pairs = zip(self.label_indices, self.predictions, strict=True)
        return np.array([label is not None and label != prediction.index for label, prediction in pairs])

    @property
    def labelled(self) -> bool:
        """True where at least one photo has a label."""
        return any(label is not None for label in self.labels)

    @property
    def compared(self) -> bool:
        """True where the labels are classes, so that predictions can be right or wrong."""
        return any(index is not None for index in self.label_indices)

    @property
    def grouped(self) -> bool:
        """True where the labels are groups of another kind than the network's classes."""
        return self.labelled and not self.compared

    @property
    def groups(self) -> list[str | None]:
        """What the points are coloured by: the labels, or the predicted classes where there are none."""
        if self.labelled:
            return list(self.labels)
        return [prediction.name for prediction in self.predictions]

    def neighbours(self, i: int, k: int = 5, space: str = "features") -> list[tuple[int, float]]:
        """The k photos nearest to photo i with their Euclidean distances, nearest first; all others where there are fewer.

        space : "features" (as the network sees them), "pixels" (16×16 input pixels) or "points" (in the plane).
        """
        rows = self._space(space)
        if not is_whole_number(i) or not 0 <= i < len(self):
            raise OptionError(f"i={i!r}: the {len(self)} photos are numbered 0 to {len(self) - 1}.")
        distances = np.sqrt(((rows - rows[i]).astype(np.float64) ** 2).sum(axis=1))
        order = [int(j) for j in np.argsort(distances, kind="stable") if j != i]
        return [(j, float(distances[j])) for j in order[: whole_number("k", k)]]

    def purity(self, k: int = 5, space: str = "points") -> float:
        """The share of the k nearest neighbours that are of a photo's own group, averaged over the photos; 1 at best.

        The group is the label, the predicted class where there are no labels; photos without one do not count. Groups that lie
        apart are near 1; where the place says nothing it is about the chance to draw a photo of the same group.
        """
        groups = self.groups
        known = np.array([group is not None for group in groups])
        if known.sum() < 2:
            raise TargetError("Purity needs at least two photos whose label is known.")
        names = np.array([group for group in groups if group is not None])
        rows = self._space(space)[known]
        near = _nearest(rows, min(whole_number("k", k), len(rows) - 1))  # (n, k)
        return float((names[near] == names[:, None]).mean())

    def nearest(self, k: int, space: str) -> npt.NDArray[np.intp]:
        """``(N, k)``: the k nearest photos of every photo, nearest first."""
        return _nearest(self._space(space), min(k, len(self) - 1))

    def _space(self, space: str) -> Array:
        if space not in SPACES:
            raise OptionError(f"space={space!r}: write one of {listed(map(repr, SPACES))}.")
        rows: Array = {"points": self.points, "features": self.features, "pixels": self.pixels}[space]
        return rows.reshape(len(rows), -1)

    def record(self) -> dict[str, Any]:
        """Everything but the arrays, as plain JSON values."""
        return {
            "method": self.method,
            "layer": self.layer,
            "settings": self.settings,
            "seed": self.seed,
            "details": self.details,
            "notes": self.notes,
            "skipped": [{"photo": photo, "reason": reason} for photo, reason in self.skipped],
            "model": self.model,
            "weights": self.weights,
            "preprocessing": self.preprocessing,
            "photos": [
                {"name": name, "number": number, "label": label, "prediction": prediction.name, "score": prediction.score}
                for name, number, label, prediction in zip(self.names, self.numbers, self.labels, self.predictions, strict=True)
            ],
        }

    def __repr__(self) -> str:
        groups = f"{len(ranked(self.labels))} groups" if self.labelled else "no labels"
        summary = f"{int(self.wrong.sum())} misclassified" if self.compared else groups
        return f"<Embedding {self.method} of {len(self)} photos at {self.layer}: {summary}>"


def _nearest(rows: Array, k: int) -> npt.NDArray[np.intp]:
    from sklearn.neighbors import NearestNeighbors

    neighbours: npt.NDArray[np.intp] = (
        NearestNeighbors(n_neighbors=k, algorithm="brute").fit(rows).kneighbors(return_distance=False)
    )
    return neighbours


def ranked(names: Sequence[str | None]) -> list[str]:
    """The groups from the most frequent to the rarest, ties in order of appearance."""
    return [name for name, _ in Counter(name for name in names if name is not None).most_common()]
