"""LIME: switch areas of the photo off at random, and fit a simple model to what the network then says."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from seewhy.engine.patched import Positions, Size
from seewhy.engine.strategy import WORTH
from seewhy.engine.sweep import Copies, Indices
from seewhy.errors import setting
from seewhy.geometry import Array
from seewhy.head import SCORES
from seewhy.methods.base import Attribution
from seewhy.methods.perturbation import Estimator, PerturbationMethod, PerturbedPhoto
from seewhy.methods.segments import segments_of
from seewhy.methods.surrogate import MODELS, Bits, Fit, draw, fit, is_stable, sample_weights
from seewhy.records import Ending, Note, Target

PORTION = 128  # samples between two looks at the ranking, where the budget is "auto"
ENOUGH = 10  # samples for each segment
POOR = 0.5  # a fit that explains less of the score's variance than this misleads


@dataclass(frozen=True, kw_only=True)
class Lime(PerturbationMethod):
    """A simple model ``g`` of the score on switched photos, ``f(X_b) ≈ g(b)``, b one bit for each segment (Ribeiro, Singh and
    Guestrin 2016, arXiv:1602.04938). The map shows every segment's importance in ``g``.

    segments : "superpixels" (SLIC with an adaptive compactness) or "grid"; in Python also labels ``(H, W)`` on the network's
        input.
    features : how many segments. samples : how many switched photos; where there are no more than so many, all of them.
    model : "linear" (lasso), "ridge" or "tree". score : "logit", "probability" or "log_odds".
    kernel : None, or the width of ``exp(-D² / width²)``, D the cosine distance to the untouched photo; it weights the samples.
    fill : what a switched-off segment shows, as for occlusion.

    The defaults follow from a measurement (docs/methods.md): a simple model explains the logit far better than the probability.
    MATLAB's settings are ``model="tree", features=49, samples=2048, score="probability"``.
    """

    name: ClassVar[str] = "lime"
    title: ClassVar[str] = "LIME"
    summary: ClassVar[str] = (
        "Cuts the photo into areas, switches about half of them off at random a thousand times, and fits a simple model to "
        "the scores: which areas matter? Red means that without this area the score would be lower. It needs nothing but scores, "
        "so it works on any classifier. It shows whole areas, never their parts, and it says how well the simple model fits "
        "(R²): where it fits badly, the picture means little."
    )
    source: ClassVar[str] = "Ribeiro et al. 2016, arXiv:1602.04938"
    cost: ClassVar[str] = (
        "1 forward pass per sample (1024 by default); all classes in one sweep; budget='auto' ends when it is stable"
    )
    knows_when_stable: ClassVar[bool] = True

    segments: Any = "superpixels"
    features: int = 36
    samples: int = 1024
    model: str = field(default="linear", metadata={"choices": MODELS})
    score: str = field(default="logit", metadata={"choices": ("logit", "probability", "log_odds")})
    kernel: float | None = None
    fill: Any = "mean"

    def estimator(self, photo: PerturbedPhoto) -> Estimator:
        """Photos with segments switched off, and the simple model of their scores."""
        return _LimeMap(self, photo)


class _LimeMap(Estimator):
    """The samples' bits and values, and the model that is fitted to those that have been run."""

    unit = "samples"

    def __init__(self, method: Lime, photo: PerturbedPhoto) -> None:
        self._method = method
        self._photo = photo
        self._segments = segments_of(photo.pixels, method.segments, method.features)
        self._bits = draw(self._segments.count, method.samples, photo.seed)
        sample_weights(self._bits, method.kernel)  # a bad width is reported before the work, not after it
        self.copies: _Switched = _Switched(self._segments.labels, self._bits)
        self._values = np.full((len(self._bits), len(photo.targets)), np.nan)
        self._values[self.copies.same_as(0)] = photo.values  # the untouched photo is known already
        self._scores = photo.score_table(len(self._bits))
        if self._scores is not None:
            self._scores[self.copies.same_as(0)] = photo.scores
        self._runs = self.copies.different()
        self.count = len(self._bits)
        self.passes = len(self._runs)
        self.least = min(3, self.count)
        self._is_stable = False
        photo.hide_behind(method.fill)

    def orders(self) -> Iterator[Indices]:
        """All samples, those that hide a small rectangle first; portion by portion where the ranking decides when to end."""
        portion = PORTION if self._photo.ends_when_stable else max(1, len(self._runs))
        for start in range(0, len(self._runs), portion):
            yield from self.copies.in_groups(self._runs[start : start + portion])
            if self._photo.ends_when_stable and is_stable(self._fit()[0]):
                self._is_stable = True
                return

    @property
    def reached(self) -> int:
        """Samples whose scores are known."""
        return int(np.isfinite(self._values[:, 0]).sum())

    @property
    def is_stable(self) -> bool:
        """True once the ranking of the segments no longer changes."""
        return self._is_stable

    def update(self, indices: Indices, values: Array, scores: Array | None) -> None:
        """Samples with the same bits share one pass."""
        for place, sample in enumerate(indices):
            self._values[self.copies.same_as(sample)] = values[place]
            if self._scores is not None and scores is not None:
                self._scores[self.copies.same_as(sample)] = scores[place]

    def _fit(self) -> tuple[Fit, int]:
        """The model of the samples that have been run, and how many these are."""
        (bits, values) = (self._bits, self._values)
        known = np.isfinite(values).all(axis=1)
        weights = sample_weights(bits, self._method.kernel)[known]
        return fit(bits[known], values[known], self._method.model, weights), int(known.sum())

    def attribution(self, ending: Ending) -> Attribution:
        """Every segment's importance, and how far it can be trusted."""
        (method, photo, segments) = (self._method, self._photo, self._segments)
        (fitted, used) = self._fit()
        maps = fitted.importance.T[:, segments.labels].astype(np.float32)  # (K, H, W)
        partial = used < self.count and ending is not Ending.STABLE
        notes = [] if segments.note is None else [Note(segments.note)]
        notes += photo.flat_notes(np.where(fitted.flat, 0, 1)[:, None], "there is nothing to explain")
        if ending is Ending.STABLE and used < self.count:
            notes.append(Note(f"the ranking of the segments was stable after {used:,} of {self.count:,} samples"))
        if partial:
            notes.append(Note(f"{ending.text} after {used:,} of {self.count:,} samples"))
        if used < ENOUGH * segments.count and not fitted.complete:
            notes.append(
                Note(f"{used:,} samples for {segments.count} segments are few: use at least {ENOUGH * segments.count:,}")
            )
        for number, (target, r2, flat) in enumerate(zip(photo.targets, fitted.r2, fitted.flat, strict=True)):
            if not flat and not r2 >= POOR:
                fit_text = f"R² {round(r2, 2) + 0.0:.2f} on samples it has not seen"  # + 0.0: no -0.00
                finding = f"the {method.model} model explains '{target.text}' badly ({fit_text}): the map means little"
                notes.append(Note(finding + self._advice(target), number))
        details: dict[str, Any] = {
            "segments": segments.named.astype(np.int32),
            "names": segments.names,
            "importance": fitted.importance.astype(np.float32),
            "standard_error": fitted.standard_error.astype(np.float32),
            "effect": fitted.effect.astype(np.float32),
            "r2": [float(r2) for r2 in fitted.r2],
            "r2_fit": [float(r2) for r2 in fitted.r2_fit],
            "complete": fitted.complete,
            "samples": self.count,
            "samples_done": used,
            "bits": self._bits,
            "values": self._values.T.astype(np.float32),
        }
        if self._scores is not None:
            details["scores"] = self._scores.copy() if ending is Ending.RUNNING else self._scores
        return photo.attribution(
            maps,
            ending if partial or ending is Ending.STABLE else Ending.COMPLETE,
            notes=notes,
            details=details,
            units=f"{photo.unit}²" if method.model == "tree" else None,  # a tree's importance is a drop in squared error
        )

    def _advice(self, target: Target) -> str:
        """The settings that raise R², the strongest first (the table in docs/methods.md); "" where there are none left."""
        (method, count) = (self._method, self._segments.count)
        # A function of the output, and an output that is no logit, have one value only.
        has_logit = target.index is not None and self._photo.unit == SCORES[method.score]
        better = [setting("score", "logit")] if has_logit and method.score != "logit" else []
        better += [setting("model", "linear")] if method.model == "tree" else []
        if count >= 4:
            better += [setting("features", count // 2) if isinstance(method.segments, str) else "fewer segments"]
        return f"; usually better: {', '.join(better)}" if better else ""


class _Switched(Copies):
    """Photos with segments switched off. labels : ``(H, W)``. bits : ``(n, d)``, True where a segment is shown."""

    def __init__(self, labels: npt.NDArray[np.int64], bits: Bits) -> None:
        (self._labels, self._bits) = (labels, bits)
        (_, self._first, self._group) = np.unique(np.packbits(bits, axis=1), axis=0, return_index=True, return_inverse=True)
        self._group = self._group.ravel()
        self._members = np.split(np.argsort(self._group, kind="stable"), np.cumsum(np.bincount(self._group))[:-1])
        # The rectangle (first row, first column, last row, last column) around each segment.
        places = [np.nonzero(labels == segment) for segment in range(bits.shape[1])]
        self._around = np.array([[r.min(), c.min(), r.max(), c.max()] for r, c in places])
        self._size: Size | None = None

    def same_as(self, sample: int) -> Indices:
        """The samples with the very bits of this one, itself among them."""
        members: Indices = self._members[self._group[sample]]
        return members

    def different(self) -> Indices:
        """The first sample of each set of bits, but for the untouched photo, in the order drawn."""
        return np.array(sorted(int(sample) for sample in self._first if not self._bits[sample].all()), dtype=np.int64)

    def in_groups(self, indices: Indices) -> list[Indices]:
        """Those that hide a small rectangle of the photo first, then all others; ``bounding_boxes`` follows the group at work."""
        (height, width) = self._labels.shape
        (_, _, down, across) = self._hidden(indices)
        small = down * across <= WORTH / 2 * height * width
        if small.any():
            self._size = (int(down[small].max()), int(across[small].max()))
            small = (down <= self._size[0]) & (across <= self._size[1])
        else:
            self._size = None
        return [group for group in (indices[small], indices[~small]) if len(group)]

    def _hidden(self, indices: Indices) -> tuple[Positions, Positions, Positions, Positions]:
        """First row, first column, height and width of the rectangle around what each sample hides."""
        off = ~self._bits[indices]  # (n, d)
        first = np.where(off[:, :, None], self._around[None, :, :2], np.iinfo(np.int64).max).min(axis=1)
        last = np.where(off[:, :, None], self._around[None, :, 2:], -1).max(axis=1)
        return first[:, 0], first[:, 1], last[:, 0] - first[:, 0] + 1, last[:, 1] - first[:, 1] + 1

    def bounding_boxes(self, indices: Indices) -> tuple[Positions, Positions, Size] | None:
        if self._size is None:
            return None
        (rows, columns, down, across) = self._hidden(indices)
        if (down > self._size[0]).any() or (across > self._size[1]).any():
            return None
        (height, width) = self._labels.shape
        return np.minimum(rows, height - self._size[0]), np.minimum(columns, width - self._size[1]), self._size

    def visible(self, indices: Indices, rows: Positions, columns: Positions, size: Size) -> torch.Tensor:
        bits = self._bits[indices]
        if size == self._labels.shape:
            return torch.from_numpy(np.take(bits, self._labels, axis=1))
        labels = np.stack([self._labels[r : r + size[0], c : c + size[1]] for r, c in zip(rows, columns, strict=True)])
        return torch.from_numpy(np.take_along_axis(bits, labels.reshape(len(indices), -1), axis=1).reshape(labels.shape))
