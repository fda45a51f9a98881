"""Coarse to fine in a volume: an order of places in which a map of the whole grid is there at any time, with its error."""

from __future__ import annotations

import math
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from seewhy.geometry import Array, Box
from seewhy.methods.anytime import ENOUGH, describe_error
from seewhy.methods.kriging import Indices

NEAREST = 8  # measured places that a value in between is made of
MOST_SPREAD = 20_000  # places that are put in order by their distances, which takes a second; more come by chance


class CoarseToFineVolume:
    """Values ``(K, slices, rows, columns)`` that become known place by place, each the farthest from all before it.

    In between, the mean of the nearest measured places, weighted by one over their squared distance. The same questions as to
    ``CoarseToFine``. grid : (slices, rows, columns). targets : K. Places are counted along columns, rows, slices.
    """

    def __init__(self, grid: Box, targets: int, seed: int) -> None:
        self.grid = grid
        self.measured = np.zeros(grid, dtype=bool)
        self._known = np.zeros((targets, *grid), np.float32)
        self._seed = seed
        self._stated: tuple[int, Array] | None = None  # places that were measured, and the error then

    @property
    def reached(self) -> int:
        """Places measured."""
        return int(self.measured.sum())

    def orders(self, least: int = 1) -> Iterator[Indices]:
        """All places, in one array. least : has no effect."""
        if self.measured.size > MOST_SPREAD:
            yield np.random.default_rng(self._seed).permutation(self.measured.size)
        else:
            yield np.frombuffer(_spread(self.grid, self._seed), np.int64)

    def put(self, which: Indices, values: Array) -> None:
        """Values ``(n, K)`` of n places."""
        self._known.reshape(len(self._known), -1)[:, which] = values.T
        self.measured.ravel()[which] = True

    def values(self) -> Array:
        """``(K, slices, rows, columns)``: measured where they are, in between elsewhere; 0 while nothing is measured."""
        shown: Array = self._known.copy()
        if self.measured.any() and not self.measured.all():
            unknown = np.argwhere(~self.measured)
            shown[:, ~self.measured] = self._between(unknown, leave_out=0)
        return shown

    def error(self) -> Array:
        """``(K,)``: the estimated mean absolute error over all places: what each measured place misses when the others predict
        it, for the part that is not measured. NaN while too little is known, 0 at the end."""
        if self.measured.all():
            return np.zeros(len(self._known), np.float32)
        if self.reached < ENOUGH:
            return np.full(len(self._known), np.nan, np.float32)
        missed = np.abs(self._between(np.argwhere(self.measured), leave_out=1) - self._known[:, self.measured])
        error: Array = (missed.mean(axis=1) * (1 - self.measured.mean())).astype(np.float32)
        return error

    def describe_error(self, recent: bool = False) -> str:
        """The estimated error, for a sentence. recent : True where that of a little while ago will do."""
        (self._stated, text) = describe_error(self, self._known[:, self.measured], self._stated if recent else None)
        return text

    def _between(self, places: Indices, leave_out: int) -> Array:
        """``(K, n)`` at places ``(n, 3)``. leave_out : so many of the nearest ones do not count."""
        from scipy.spatial import cKDTree

        count = min(NEAREST + leave_out, self.reached)
        (distances, nearest) = cKDTree(np.argwhere(self.measured)).query(places, range(1 + leave_out, count + 1))
        weights = 1 / distances**2
        weights /= weights.sum(axis=1, keepdims=True)
        known = self._known[:, self.measured].astype(np.float64)
        between: Array = np.einsum("kni,ni->kn", known[:, nearest], weights).astype(np.float32)
        return between


@lru_cache(maxsize=4)
def _spread(grid: Box, seed: int) -> bytes:
    """The numbers of all places, int64: first one by chance, then always the one that is farthest from all before it."""
    places = np.stack(np.unravel_index(np.arange(math.prod(grid)), grid), axis=1)
    random = np.random.default_rng(seed)
    away: npt.NDArray[np.float64] = np.full(len(places), np.inf)
    order = np.empty(len(places), np.int64)
    chance = 0.5 * random.random(len(places))  # among places that are as far, any
    for number in range(len(places)):
        order[number] = (away + chance).argmax() if number else random.integers(len(places))
        np.minimum(away, ((places - places[order[number]]) ** 2).sum(axis=1), out=away)
        away[order[number]] = -1
    return order.tobytes()
