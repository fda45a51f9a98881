"""RISE: random soft masks over the whole photo, each weighted by the score that it leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from seewhy.engine.patched import Positions, Size
from seewhy.engine.sweep import Copies, Indices
from seewhy.errors import OptionError, is_number, setting, whole_number
from seewhy.geometry import Array
from seewhy.methods.base import Attribution
from seewhy.methods.perturbation import Estimator, PerturbationMethod, PerturbedPhoto
from seewhy.records import Ending, Note


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

    def estimator(self, photo: PerturbedPhoto) -> Estimator:
        """Random masks; only sums are kept."""
        return _RiseMap(self, photo)


class _RiseMap(Estimator):
    """Sums over masks, from which the map and its standard error follow."""

    unit = "masks"
    least = 2

    def __init__(self, method: Rise, photo: PerturbedPhoto) -> None:
        self._method = method
        self._photo = photo
        self.copies: _SoftMasks = _SoftMasks((photo.size[0], photo.size[1]), method.masks, method.grid, method.keep, photo.seed)
        self.count = self.passes = method.masks
        targets = len(photo.targets)
        # Σ M, and of every target Σ y M, Σ y² M; then the same with M².
        self._sums = np.zeros((2 * (1 + 2 * targets), photo.size[0] * photo.size[1]))
        self._values = np.full((method.masks, targets), np.nan, np.float32)
        photo.hide_behind(method.fill)

    @property
    def reached(self) -> int:
        """Masks whose scores are known."""
        return int(np.isfinite(self._values[:, 0]).sum())

    def update(self, indices: Indices, values: Array, scores: Array | None) -> None:
        """Add the masks up."""
        mask = self.copies.all(indices).reshape(len(indices), -1).double().numpy()
        y = values.astype(np.float64).T  # (K, n)
        weights = np.concatenate([np.ones((1, len(indices))), y, y**2])
        self._sums += np.concatenate([weights @ mask, weights @ mask**2])
        self._values[indices] = values

    def attribution(self, ending: Ending) -> Attribution:
        """The map, centred, with the standard error of every pixel."""
        (method, photo) = (self._method, self._photo)
        known = self._values[np.isfinite(self._values[:, 0])].astype(np.float64)  # (n, K)
        (n, targets) = known.shape
        mean = known.mean(axis=0)[:, None]
        (first, second) = ((part[0], part[1 : 1 + targets], part[1 + targets :]) for part in np.split(self._sums, 2))
        total = first[1] - mean * first[0]  # Σ (y - ȳ) M, which is Σ (y - ȳ) (M - M̄)
        # Σ (y - ȳ)² M, and the same with M²
        (by_mask, by_square) = (yy - 2 * mean * y + mean**2 * ones for ones, y, yy in (first, second))
        mean_mask = first[0] / n  # M̄
        squares = by_square - 2 * mean_mask * by_mask + mean_mask**2 * ((known - mean.T) ** 2).sum(axis=0)[:, None]
        variance = np.maximum(squares - total**2 / n, 0) / max(n - 1, 1)
        shape = (targets, *photo.size)
        maps = (total / (n * method.keep)).reshape(shape)
        maps[np.ptp(known, axis=0) == 0] = 0.0  # else the rounding of the sums would be drawn
        error = np.sqrt(variance / n) / method.keep
        partial = n < method.masks
        notes = photo.flat_notes(maps.astype(np.float32), "there is nothing to explain")
        if partial:
            worst = float(error.mean(axis=1).max())
            notes.append(Note(f"{ending.text} after {n:,} of {method.masks:,} masks: standard error {worst:.2g} on average"))
        details = {
            "masks": method.masks,
            "masks_done": n,
            "standard_error": error.reshape(shape).astype(np.float32),
            "values": self._values.T.copy(),
        }
        return photo.attribution(maps.astype(np.float32), ending if partial else Ending.COMPLETE, notes=notes, details=details)


class _SoftMasks(Copies):
    """Random grids of on and off, enlarged bilinearly and cut out at a random offset within one cell."""

    def __init__(self, photo: Size, count: int, grid: int, keep: float, seed: int) -> None:
        whole_number("masks", count, 2)
        whole_number("grid", grid)
        if not is_number(keep) or not 0 < keep < 1:
            raise OptionError(f"{setting('keep', keep)}: write a share between 0 and 1.")
        if grid > min(photo):
            raise OptionError(
                f"{setting('grid', grid)}: the network's input has {photo[0]}×{photo[1]} pixels only: write a smaller grid."
            )
        random = np.random.default_rng(seed)
        self._photo = photo
        self._on = torch.from_numpy((random.random((count, grid + 1, grid + 1)) < keep).astype(np.float32))
        cells = [math.ceil(side / grid) for side in photo]
        self._offsets = np.stack([random.integers(0, cell, count) for cell in cells])
        self._enlarge = [_bilinear(grid + 1, cell) for cell in cells]  # (pixels, grid + 1)

    def all(self, indices: Indices) -> torch.Tensor:
        """``(n, H, W)``, from 0 to 1."""
        (rows, columns) = (
            enlarge[torch.from_numpy(offsets[indices][:, None] + np.arange(side))]
            for enlarge, offsets, side in zip(self._enlarge, self._offsets, self._photo, strict=True)
        )
        return rows @ self._on[indices] @ columns.transpose(1, 2)

    def visible(self, indices: Indices, rows: Positions, columns: Positions, size: Size) -> torch.Tensor:
        return self.all(indices)  # such a mask is everywhere: there are no rectangles


def _bilinear(cells: int, pixels: int) -> torch.Tensor:
    """``(cells * pixels, cells)``: half-pixel centres, the edge value outside."""
    at = np.clip((np.arange(cells * pixels) + 0.5) / pixels - 0.5, 0, cells - 1)
    low = np.minimum(at.astype(int), max(cells - 2, 0))
    weights = np.zeros((len(at), cells), np.float32)
    weights[np.arange(len(at)), low] = 1 - (at - low)
    weights[np.arange(len(at)), np.minimum(low + 1, cells - 1)] += at - low
    return torch.from_numpy(weights)
