"""RISE: random soft masks over the whole photo, each weighted by the score that it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch

from seewhy.engine.incremental import Places, Size
from seewhy.engine.sweep import Copies, Which
from seewhy.errors import OptionError, whole_number
from seewhy.geometry import Array
from seewhy.methods.base import Heat
from seewhy.methods.perturbation import PerturbationMethod, Study


@dataclass(frozen=True, kw_only=True)
class Rise(PerturbationMethod):
    """``S = (1 / (N p)) Σ_n (y_n - ȳ) M_n``: the mean of N random masks, each weighted by the score of the photo behind it, less
    what the mean score gives (Petsiuk, Das and Saenko 2018, arXiv:1806.07421; centred).

    masks : N. grid : cells of a mask along a side. keep : p, the share of cells that are shown. fill : what lies behind the
        masks, black as published; otherwise as for occlusion.
    """

    name: ClassVar[str] = "rise"
    title: ClassVar[str] = "RISE"
    summary: ClassVar[str] = (
        "Looks at the photo through a few thousand random soft masks that each show about half of it, and adds the masks up, "
        "weighted by the score: where the score is high whenever a place is shown, that place speaks for the class. It needs "
        "nothing but scores, so it works on any classifier. The map is smooth and as coarse as the masks; chance leaves spots in "
        "it, and the standard error of every pixel says how large they are."
    )
    source: ClassVar[str] = "Petsiuk et al. 2018, arXiv:1806.07421"
    cost: ClassVar[str] = "1 forward pass per mask (2000 by default); all classes in one sweep"

    masks: int = 2000
    grid: int = 7
    keep: float = 0.5
    fill: Any = "black"

    def explore(self, study: Study) -> Heat:
        """Run the masks; only sums are kept."""
        masks = _SoftMasks(study.size, self.masks, self.grid, self.keep, study.seed)
        study.hide_behind(self.fill)
        (targets, pixels) = (len(study.targets), study.size[0] * study.size[1])
        # Σ M, and of every target Σ y M, Σ y² M; then the same with M².
        sums = np.zeros((2 * (1 + 2 * targets), pixels))
        values = np.full((self.masks, targets), np.nan, np.float32)
        study.expect(masks, self.masks)

        def take(which: Which, found: Array, scores: Array | None) -> None:
            mask = masks.all(which).reshape(len(which), -1).double().numpy()
            y = found.astype(np.float64).T  # (K, n)
            weights = np.concatenate([np.ones((1, len(which))), y, y**2])
            sums[:] += np.concatenate([weights @ mask, weights @ mask**2])
            values[which] = found

        def result(stopped: str) -> Heat:
            return self._heat(study, sums, values, stopped)

        study.sweep(masks, np.arange(self.masks), take, lambda: result("so far"))
        if np.isfinite(values[:, 0]).sum() < 2:
            if study.stopped == "interrupted":
                raise KeyboardInterrupt
            raise OptionError(f"The budget was used up before two of {self.masks} masks: give it more passes or seconds.")
        return result(study.stopped)

    def _heat(self, study: Study, sums: npt.NDArray[np.float64], values: Array, stopped: str) -> Heat:
        known = values[np.isfinite(values[:, 0])].astype(np.float64)  # (n, K)
        (n, targets) = known.shape
        mean = known.mean(axis=0)[:, None]
        (first, second) = ((part[0], part[1 : 1 + targets], part[1 + targets :]) for part in np.split(sums, 2))
        total = first[1] - mean * first[0]  # Σ (y - ȳ) M, which is Σ (y - ȳ) (M - M̄)
        (by_mask, by_square) = (yy - 2 * mean * y + mean**2 * one for one, y, yy in (first, second))  # Σ (y - ȳ)² M, ... M²
        of_mean = first[0] / n  # M̄
        squares = by_square - 2 * of_mean * by_mask + of_mean**2 * ((known - mean.T) ** 2).sum(axis=0)[:, None]
        variance = np.maximum(squares - total**2 / n, 0) / max(n - 1, 1)
        shape = (targets, *study.size)
        maps = (total / (n * self.keep)).reshape(shape)
        maps[np.ptp(known, axis=0) == 0] = 0.0  # else the rounding of the sums would be drawn
        error = np.sqrt(variance / n) / self.keep
        partial = n < self.masks
        notes = study.flat_notes(maps.astype(np.float32), "there is nothing to explain")
        if partial:
            worst = float(error.mean(axis=1).max())
            notes.append(f"{stopped} after {n:,} of {self.masks:,} masks: standard error {worst:.2g} on average")
        details = {
            "masks": self.masks,
            "masks_done": n,
            "standard_error": error.reshape(shape).astype(np.float32),
            "values": values.T.copy(),
        }
        return study.heat(maps.astype(np.float32), notes=notes, details=details, partial=partial)


class _SoftMasks(Copies):
    """Random grids of on and off, enlarged bilinearly and cut out at a random offset within one cell."""

    def __init__(self, photo: Size, count: int, grid: int, keep: float, seed: int) -> None:
        whole_number("masks", count, 2)
        whole_number("grid", grid)
        if isinstance(keep, bool) or not isinstance(keep, (int, float, np.number)) or not 0 < keep < 1:
            raise OptionError(f"keep={keep!r}: write a share between 0 and 1.")
        if grid > min(photo):
            raise OptionError(f"grid={grid}: the network's input has {photo[0]}×{photo[1]} pixels only: write a smaller grid.")
        random = np.random.default_rng(seed)
        self._photo = photo
        self._on = torch.from_numpy((random.random((count, grid + 1, grid + 1)) < keep).astype(np.float32))
        cells = [math.ceil(side / grid) for side in photo]
        self._offsets = np.stack([random.integers(0, cell, count) for cell in cells])
        self._enlarge = [_bilinear(grid + 1, cell) for cell in cells]  # (pixels, grid + 1)

    def all(self, which: Which) -> torch.Tensor:
        """``(n, H, W)``, from 0 to 1."""
        (rows, columns) = (
            enlarge[torch.from_numpy(offsets[which][:, None] + np.arange(side))]
            for enlarge, offsets, side in zip(self._enlarge, self._offsets, self._photo, strict=True)
        )
        return rows @ self._on[which] @ columns.transpose(1, 2)

    def shown(self, which: Which, rows: Places, columns: Places, size: Size) -> torch.Tensor:
        return self.all(which)  # such a mask is everywhere: there are no rectangles


def _bilinear(cells: int, pixels: int) -> torch.Tensor:
    """``(cells * pixels, cells)``: half-pixel centres, the edge value outside."""
    at = np.clip((np.arange(cells * pixels) + 0.5) / pixels - 0.5, 0, cells - 1)
    low = np.minimum(at.astype(int), max(cells - 2, 0))
    weights = np.zeros((len(at), cells), np.float32)
    weights[np.arange(len(at)), low] = 1 - (at - low)
    weights[np.arange(len(at)), np.minimum(low + 1, cells - 1)] += at - low
    return torch.from_numpy(weights)
