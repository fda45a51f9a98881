"""Coarse to fine: an order of places in which a map of the whole grid is there at any time, with an estimate of its error.

A coarse grid over the whole grid is measured first. Next come the places where most is to be learned: far from all that is
measured, and where the map is rough. How rough it is, and how far off the map is, tell the places that are measured, when each of
them is predicted without itself.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np

from seewhy.geometry import Array
from seewhy.methods.kriging import POWER, Doubles, Indices, Kriging

FIRST = 7  # places along the longer side of the coarse grid, at most
BATCH = (16, 4)  # places that are chosen together: 16, and the multiple of 16 below one for every 4 that are measured
FOLLOWED = 0.25  # of the places; once they are measured the map is known so well that the others come in any order
CHANCE = 0.1  # a place is up to a tenth more urgent by chance, so that seeds differ
PRIOR = (0.3, 0.5)  # the roughness where nothing is measured: counts like 0.3 places of half the mean
LEAST = 1e-3  # of the largest roughness: no part of the map is taken for flatter
ENOUGH = 12  # places that an estimate of the error needs
SAMPLE, AROUND, ALIKE = 300, 24, 6  # it looks at so many places, predicts each from 24, and takes its roughness from 6
RECENT = 0.8  # an estimate from as large a part of the places is good enough on the way


class CoarseToFine:
    """Values ``(K, rows, columns)`` that become known place by place.

    grid : (rows, columns). targets : K. Places are counted along rows.
    """

    def __init__(self, grid: tuple[int, int], targets: int, seed: int) -> None:
        self.grid = grid
        self.measured = np.zeros(grid, dtype=bool)
        self._known = np.zeros((targets, *grid), np.float32)
        self._seed = seed
        self._random = np.random.default_rng(seed)
        self._stated: tuple[int, Array] | None = None  # places that were measured, and the error then

    @property
    def reached(self) -> int:
        """Places measured."""
        return int(self.measured.sum())

    def orders(self, least: int = BATCH[0]) -> Iterator[Indices]:
        """Places to measure next, behind the coarse grid at least so many; each array is to be put before the next one is asked
        for."""
        yield self._random.permutation(self._coarse())
        while self.reached < FOLLOWED * self.measured.size:
            count = max(least, self.reached // BATCH[1] // BATCH[0] * BATCH[0])
            yield self._urgent(min(count, self.measured.size - self.reached))
        if not self.measured.all():
            yield self._random.permutation(np.flatnonzero(~self.measured))

    def _coarse(self) -> Indices:
        """Evenly spread places, as far apart along both sides."""
        axes = []
        for length in self.grid:
            count = min(length, -(-FIRST * length // max(self.grid)))
            axes.append(((np.arange(count) + 0.5) * length / count).astype(np.int64))
        return (axes[0][:, None] * self.grid[1] + axes[1]).ravel()

    def _urgent(self, count: int) -> Indices:
        """The places with the largest squared error to be expected, times the area that has no nearer place; one after the other,
        as if each were measured before the next one is chosen."""
        from scipy.ndimage import distance_transform_edt

        rough = self._roughness() * (1 + CHANCE * self._random.random(self.grid))
        squares: Doubles = distance_transform_edt(~self.measured) ** 2  # of the distance to the nearest place that is measured
        reach = int(np.ceil(np.sqrt(squares.max())))
        power = POWER / 4 + 0.5
        urgency = rough * squares**power  # the root of what is sought
        chosen = np.empty(count, np.int64)
        for number in range(count):
            chosen[number] = urgency.argmax()
            (row, column) = divmod(int(chosen[number]), self.grid[1])
            around = (slice(max(row - reach, 0), row + reach + 1), slice(max(column - reach, 0), column + reach + 1))
            (rows, columns) = (np.arange(side)[part] for side, part in zip(self.grid, around, strict=True))
            away = ((rows - row) ** 2)[:, None] + (columns - column) ** 2
            nearer = away < squares[around]
            squares[around][nearer] = away[nearer]
            urgency[around][nearer] = rough[around][nearer] * away[nearer] ** power
            urgency[row, column] = -1
        return chosen

    def _roughness(self) -> Doubles:
        """How rough the map is around every place ``(rows, columns)``, in a unit of its own; the mean over the targets."""
        from scipy.ndimage import gaussian_filter

        (residuals, deviations) = Kriging(self.measured, self._known).residuals()
        squares = (residuals / deviations) ** 2
        means = squares.mean(axis=1, keepdims=True)
        spans = np.ptp(self._known[:, self.measured], axis=1, keepdims=True)
        shown = (means > (1e-6 * spans) ** 2) & np.isfinite(means)  # a flat target's rounding says nothing
        relative = np.where(shown, squares / np.where(shown, means, 1), 1)

        width = np.sqrt(self.measured.size / self.reached)  # the mean distance of two places

        def sums(of: Doubles) -> Doubles:
            around = np.zeros(self.grid)
            around[self.measured] = of
            total: Doubles = gaussian_filter(around, width, mode="constant") * (
                2 * np.pi * width**2
            )  # a place weighs 1 for itself
            return total

        counts = sums(np.ones(self.reached))
        rough: Doubles = np.mean([np.sqrt((sums(of) + PRIOR[0] * PRIOR[1]) / (counts + PRIOR[0])) for of in relative], axis=0)
        floored: Doubles = np.maximum(rough, LEAST * rough.max())
        return floored

    def put(self, which: Indices, values: Array) -> None:
        """Values ``(n, K)`` of n places."""
        self._known.reshape(len(self._known), -1)[:, which] = values.T
        self.measured.ravel()[which] = True

    def values(self) -> Array:
        """``(K, rows, columns)``: measured where they are, predicted elsewhere; 0 while nothing is measured."""
        if self.measured.all() or not self.measured.any():
            known: Array = self._known.copy()
            return known
        # No prediction goes beyond what was measured.
        (low, high) = (pick(self._known[:, self.measured], axis=1)[:, None, None] for pick in (np.min, np.max))
        predicted = np.clip(Kriging(self.measured, self._known).everywhere(), low, high)
        shown: Array = np.where(self.measured, self._known, predicted)
        return shown

    def error(self) -> Array:
        """``(K,)``: the estimated mean absolute error over all places; NaN while too little is known, 0 at the end."""
        from scipy.spatial import cKDTree

        if self.measured.all():
            return np.zeros(len(self._known), np.float32)
        if self.reached < ENOUGH:
            return np.full(len(self._known), np.nan, np.float32)
        kriging = Kriging(self.measured, self._known)
        (residuals, deviations) = kriging.residuals()
        rough = np.abs(residuals) / deviations
        unknown = np.argwhere(~self.measured)
        cells = unknown[np.random.default_rng(self._seed).permutation(len(unknown))[:SAMPLE]]
        nearest = cKDTree(kriging.places).query(cells, min(AROUND, self.reached))[1]
        around = rough[:, nearest[:, :ALIKE]].mean(axis=-1)  # (K, cells)
        missed = (around * kriging.deviations(cells, nearest)).mean(axis=1)
        error: Array = (missed * (len(unknown) / self.measured.size)).astype(np.float32)
        return error

    def describe_error(self, recent: bool = False) -> str:
        """The estimated error, for a sentence. recent : True where that of a little while ago will do."""
        (self._stated, text) = describe_error(self, self._known[:, self.measured], self._stated if recent else None)
        return text


class Growing(Protocol):
    """A map that becomes known place by place."""

    @property
    def reached(self) -> int: ...

    def error(self) -> Array: ...


def describe_error(growing: Growing, known: Array, stated: tuple[int, Array] | None) -> tuple[tuple[int, Array], str]:
    """How many places are measured and the estimated error then, and both for a sentence.

    known : ``(K, n)``, what was measured. stated : what was said last, where that will do as long as little has come since.
    """
    if stated is None or stated[0] < RECENT * growing.reached:
        stated = (growing.reached, growing.error())
    errors = stated[1]
    if np.isnan(errors).any():
        return stated, "how far off is not known yet"
    spans = np.ptp(known, axis=1)  # those of the values: none goes beyond what was measured
    parts = errors / np.maximum(spans, 1e-12)
    worst = int(np.argmax(parts))
    return stated, f"estimated mean error {errors[worst]:.2g} ({100 * parts[worst]:.1f} % of the range)"
