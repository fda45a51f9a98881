"""Coarse to fine: an order of places in which a map of the whole grid is there at any time, with an estimate of its error.

A lattice over the grid is measured first, then one twice as fine, and so on. Between them some of the places that are still
unknown are measured at random: what is found there against what the lattice so far predicts is the error of the map so far.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from seewhy.geometry import Array, sample_weights

FIRST = 8  # places along the longer side of the first lattice, at most
TESTS = (16, 6)  # test places behind each lattice: at least so many, and one for every so many of its places


class CoarseToFine:
    """Values ``(K, rows, columns)`` that become known place by place.

    grid : (rows, columns). targets : K. Places are counted along rows.
    """

    def __init__(self, grid: tuple[int, int], targets: int, seed: int) -> None:
        self.grid = grid
        self.measured = np.zeros(grid, dtype=bool)
        self._known = np.zeros((targets, *grid), np.float32)
        self._random = np.random.default_rng(seed)
        self._step = 1
        while max(grid) > FIRST * self._step:
            self._step *= 2
        self._lattice: int | None = None  # step of the last complete lattice
        self._tests = np.zeros(0, np.int64)  # places drawn behind it

    @property
    def done(self) -> int:
        """Places measured."""
        return int(self.measured.sum())

    def orders(self) -> Iterator[npt.NDArray[np.int64]]:
        """Places to measure next; each array is to be put before the next one is asked for."""
        step = self._step
        while not self.measured.all():
            fresh = np.flatnonzero(self._on(step).ravel() & ~self.measured.ravel())
            yield self._random.permutation(fresh)
            (self._lattice, self._tests) = (step, np.zeros(0, np.int64))
            rest = np.flatnonzero(~self.measured.ravel())
            count = max(TESTS[0], int(self._on(step).sum()) // TESTS[1])
            self._tests = self._random.permutation(rest)[:count]
            if len(rest):
                yield self._tests
            step //= 2

    def _on(self, step: int) -> npt.NDArray[np.bool_]:
        """The lattice's places. Each lattice holds the coarser ones; what is left over lies evenly at both ends."""
        axes = []
        for length in self.grid:
            places = np.zeros(length, dtype=bool)
            places[self._first(length) % step :: step] = True
            axes.append(places)
        return np.outer(*axes)

    def _first(self, length: int) -> int:
        return (length - 1) % self._step // 2

    def put(self, which: npt.NDArray[np.int64], values: Array) -> None:
        """Values ``(n, K)`` of n places."""
        self._known.reshape(len(self._known), -1)[:, which] = values.T
        self.measured.ravel()[which] = True

    def predicted(self) -> Array:
        """``(K, rows, columns)``: what the last complete lattice gives for every place."""
        if self._lattice is None:
            return self._nearest()
        (step, weights, kept) = (self._lattice, [], [])
        for length in self.grid:
            first = self._first(length) % step
            kept.append(slice(first, None, step))
            count = len(range(first, length, step))
            at = np.clip((np.arange(length) - first) / step, 0, count - 1) + 0.5
            weights.append(sample_weights(count, at, 1.0, "bicubic"))
        predicted: Array = weights[0] @ self._known[:, kept[0], kept[1]] @ weights[1].T
        return predicted

    def _nearest(self) -> Array:
        """Before the first lattice is complete: the nearest place that is known."""
        known = np.argwhere(self.measured)
        if not len(known):
            return np.zeros_like(self._known)
        every = np.argwhere(np.ones(self.grid, dtype=bool))
        nearest = np.concatenate(
            [((part[:, None] - known[None]) ** 2).sum(-1).argmin(1) for part in np.array_split(every, len(every) // 4096 + 1)]
        )
        (rows, columns) = known[nearest].T
        return self._known[:, rows, columns].reshape(self._known.shape)

    def values(self) -> Array:
        """``(K, rows, columns)``: measured where they are, predicted elsewhere."""
        return self._known.copy() if self.measured.all() else np.where(self.measured, self._known, self.predicted())

    def error(self) -> Array:
        """``(K,)``: the estimated mean absolute error over all places; NaN before anything was predicted, 0 at the end."""
        if self.measured.all():
            return np.zeros(len(self._known), np.float32)
        tested = self._tests[self.measured.ravel()[self._tests]]
        if len(tested) < TESTS[0] // 2:
            return np.full(len(self._known), np.nan, np.float32)
        flat = (len(self._known), -1)
        missed = np.abs(self._known.reshape(flat) - self.predicted().reshape(flat))[:, tested].mean(axis=1)
        error: Array = (missed * (1 - self.measured.mean())).astype(np.float32)
        return error

    def words(self) -> str:
        """The estimated error in words."""
        if self.done == 0:
            return "nothing measured yet"
        (errors, values) = (self.error(), self.values())
        spans = np.ptp(values.reshape(len(values), -1), axis=1)
        if np.isnan(errors).any():
            return "its error not known yet"
        parts = errors / np.maximum(spans, 1e-12)
        worst = int(np.argmax(parts))
        return f"estimated mean error {errors[worst]:.2g} ({100 * parts[worst]:.1f} % of the range)"
