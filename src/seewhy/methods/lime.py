"""LIME: switch areas of the photo off at random, and fit a simple model to what the network then says."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from seewhy.engine.incremental import Places, Size
from seewhy.engine.sweep import WORTH, Copies, Which
from seewhy.errors import OptionError
from seewhy.geometry import Array
from seewhy.methods.base import Heat
from seewhy.methods.perturbation import PerturbationMethod, Study
from seewhy.methods.segments import Segments, segments_of
from seewhy.methods.surrogate import MODELS, Bits, Fit, draw, fit, is_stable, sample_weights

PORTION = 128  # samples between two looks at the ranking, where the budget is "auto"
ENOUGH = 10  # samples for each segment
POOR = 0.5  # a fit that explains less of the score's variance than this misleads


@dataclass(frozen=True, kw_only=True)
class Lime(PerturbationMethod):
    """A simple model ``g`` of the score on switched photos, ``f(X_b) ≈ g(b)``, b one bit for each segment (Ribeiro, Singh and
    Guestrin 2016, arXiv:1602.04938). The map shows every segment's importance in ``g``.

    segments : "superpixels" (SLIC with an adaptive compactness), "grid", or labels ``(H, W)`` on the network's input.
    features : how many segments. samples : how many switched photos; where there are no more than so many, all of them.
    model : "tree", "linear" (lasso) or "ridge". kernel : None, or the width of ``exp(-D² / width²)``, D the cosine distance to
        the untouched photo; it weights the samples. fill : what a switched-off segment shows, as for occlusion.
    """

    name: ClassVar[str] = "lime"
    title: ClassVar[str] = "LIME"
    summary: ClassVar[str] = (
        "Cuts the photo into areas, switches about half of them off at random a few thousand times, and fits a simple model to "
        "the scores: which areas matter? Red means that without this area the score would be lower. It needs nothing but scores, "
        "so it works on any classifier. It shows whole areas, never their parts, and it says how well the simple model fits "
        "(R²): where it fits badly, the picture means little."
    )
    source: ClassVar[str] = "Ribeiro et al. 2016, arXiv:1602.04938"
    cost: ClassVar[str] = (
        "1 forward pass per sample (2048 by default); all classes in one sweep; budget='auto' ends when it is stable"
    )
    ends_itself: ClassVar[bool] = True

    segments: Any = "superpixels"
    features: int = 49
    samples: int = 2048
    model: str = field(default="tree", metadata={"choices": MODELS})
    kernel: float | None = None
    fill: Any = "mean"

    def explore(self, study: Study) -> Heat:
        """Run the samples, fit the model."""
        cut = segments_of(study.pixels, self.segments, self.features)
        bits = draw(cut.count, self.samples, study.seed)
        sample_weights(bits, self.kernel)  # a bad width is said before the work, not behind it
        study.hide_behind(self.fill)
        copies = _Switched(cut.labels, bits)
        values = np.full((len(bits), len(study.targets)), np.nan)
        values[copies.same_as(0)] = study.values  # the untouched photo has been asked already
        table = study.table(len(bits))
        if table is not None:
            table[copies.same_as(0)] = study.scores
        runs = copies.different()
        study.expect(copies, len(runs))

        def take(which: Which, found: Array, scores: Array | None) -> None:
            for place, one in enumerate(which):
                values[copies.same_as(one)] = found[place]
                if table is not None and scores is not None:
                    table[copies.same_as(one)] = scores[place]

        def result(stopped: str) -> Heat:
            return self._heat(study, cut, bits, values, table, stopped)

        portion = PORTION if study.ends_itself else max(1, len(runs))
        for start in range(0, len(runs), portion):
            for order in copies.in_groups(runs[start : start + portion]):
                study.sweep(copies, order, take, lambda: result("so far"))
            if study.stopped:
                break
            if study.ends_itself and is_stable(self._fit(bits, values)[0]):
                return result("stable")
        if np.isfinite(values[:, 0]).sum() < min(3, len(bits)):
            if study.stopped == "interrupted":
                raise KeyboardInterrupt
            raise OptionError(f"The budget was used up before three of {len(bits)} samples: give it more passes or seconds.")
        return result(study.stopped)

    def _fit(self, bits: Bits, values: npt.NDArray[np.float64]) -> tuple[Fit, int]:
        """The model of the samples that have been run, and how many these are."""
        known = np.isfinite(values).all(axis=1)
        weights = sample_weights(bits, self.kernel)[known]
        return fit(bits[known], values[known], self.model, weights), int(known.sum())

    def _heat(
        self, study: Study, cut: Segments, bits: Bits, values: npt.NDArray[np.float64], table: Array | None, stopped: str
    ) -> Heat:
        (found, used) = self._fit(bits, values)
        maps = found.importance.T[:, cut.labels].astype(np.float32)  # (K, H, W)
        partial = used < len(bits) and stopped != "stable"
        notes = [] if cut.note is None else [cut.note]
        notes += study.flat_notes(np.where(found.flat, 0, 1)[:, None], "there is nothing to explain")
        if stopped == "stable" and used < len(bits):
            notes.append(f"the ranking of the segments was stable after {used:,} of {len(bits):,} samples")
        if partial:
            notes.append(f"{stopped} after {used:,} of {len(bits):,} samples")
        if used < ENOUGH * cut.count and not found.complete:
            notes.append(f"{used:,} samples for {cut.count} segments are few: use at least {ENOUGH * cut.count:,}")
        for target, r2, flat in zip(study.targets, found.r2, found.flat, strict=True):
            if not flat and not r2 >= POOR:
                cure = "more samples help" if self.model != "tree" else "more samples help, or model='linear'"
                said = f"R² {r2:.2f} on samples it has not seen"
                notes.append(f"the {self.model} model explains '{target.name}' badly ({said}): the map means little; {cure}")
        details: dict[str, Any] = {
            "segments": cut.named.astype(np.int32),
            "names": cut.names,
            "importance": found.importance.astype(np.float32),
            "standard_error": found.standard_error.astype(np.float32),
            "effect": found.effect.astype(np.float32),
            "r2": [float(r2) for r2 in found.r2],
            "r2_fit": [float(r2) for r2 in found.r2_fit],
            "complete": found.complete,
            "samples": len(bits),
            "samples_done": used,
            "bits": bits,
            "values": values.T.astype(np.float32),
        }
        if table is not None:
            details["scores"] = table.copy() if stopped == "so far" else table
        # A tree's importance is a drop in squared error.
        return study.heat(maps, notes=notes, details=details, partial=partial, units="{}²" if self.model == "tree" else "{}")


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

    def same_as(self, sample: int) -> Which:
        """The samples with the very bits of this one, itself among them."""
        found: Which = self._members[self._group[sample]]
        return found

    def different(self) -> Which:
        """The first sample of each set of bits, but for the untouched photo, in the order drawn."""
        return np.array(sorted(int(one) for one in self._first if not self._bits[one].all()), dtype=np.int64)

    def in_groups(self, which: Which) -> list[Which]:
        """Those that hide a small rectangle of the photo first, then all others; ``boxes`` follows the one that is run."""
        (height, width) = self._labels.shape
        (_, _, down, across) = self._hidden(which)
        small = down * across <= WORTH / 2 * height * width
        if small.any():
            self._size = (int(down[small].max()), int(across[small].max()))
            small = (down <= self._size[0]) & (across <= self._size[1])
        else:
            self._size = None
        return [group for group in (which[small], which[~small]) if len(group)]

    def _hidden(self, which: Which) -> tuple[Places, Places, Places, Places]:
        """First row, first column, height and width of the rectangle around what each sample hides."""
        off = ~self._bits[which]  # (n, d)
        first = np.where(off[:, :, None], self._around[None, :, :2], np.iinfo(np.int64).max).min(axis=1)
        last = np.where(off[:, :, None], self._around[None, :, 2:], -1).max(axis=1)
        return first[:, 0], first[:, 1], last[:, 0] - first[:, 0] + 1, last[:, 1] - first[:, 1] + 1

    def boxes(self, which: Which) -> tuple[Places, Places, Size] | None:
        if self._size is None:
            return None
        (rows, columns, down, across) = self._hidden(which)
        if (down > self._size[0]).any() or (across > self._size[1]).any():
            return None
        (height, width) = self._labels.shape
        return np.minimum(rows, height - self._size[0]), np.minimum(columns, width - self._size[1]), self._size

    def shown(self, which: Which, rows: Places, columns: Places, size: Size) -> torch.Tensor:
        bits = self._bits[which]
        if size == self._labels.shape:
            return torch.from_numpy(np.take(bits, self._labels, axis=1))
        labels = np.stack([self._labels[r : r + size[0], c : c + size[1]] for r, c in zip(rows, columns, strict=True)])
        return torch.from_numpy(np.take_along_axis(bits, labels.reshape(len(which), -1), axis=1).reshape(labels.shape))
