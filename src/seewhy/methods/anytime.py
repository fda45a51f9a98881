"""Coarse to fine: an order of places in which a map of the whole grid is there at any time, with an estimate of its error.

A coarse grid over the grid is measured first, then one twice as fine, and so on, each in random order; behind every level some
of the places that are still unknown are measured at random. What is found beside the last complete level corrects what the
level predicts around it, and tells how far the prediction is off: each such place is predicted without itself.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from seewhy.geometry import Array, sample_weights

FIRST = 8  # places along the longer side of the first level, at most
TESTS = (24, 5)  # random places behind each level: at least so many, and one for every so many of its places
ENOUGH = 12  # places beside the level that an estimate of the error needs
# A level misses about 0.75 of what the one before it missed (0.6 to 0.95 on photos); where the last two fell faster, that much,
# but not below 0.3. What is foreseen in this way counts like 40 places.
SHRINKS = (0.75, 0.3, 40)
WIDTH = 0.35  # of the level's step: how far a place corrects its surroundings (standard deviation)
TRUST = 0.5  # a place alone corrects 1 / (1 + TRUST) of what the level missed there


class CoarseToFine:
    """Values ``(K, rows, columns)`` that become known place by place.

    grid : (rows, columns). targets : K. Places are counted along rows.
    """

    def __init__(self, grid: tuple[int, int], targets: int, seed: int) -> None:
        self.grid = grid
        self.measured = np.zeros(grid, dtype=bool)
        self._known = np.zeros((targets, *grid), np.float32)
        self._random = np.random.default_rng(seed)
        self._coarsest = 1
        while max(grid) > FIRST * self._coarsest:
            self._coarsest *= 2
        self._level: int | None = None  # step of the last complete level
        self._missed: Array | None = None  # (K,): the mean of what the level before it missed
        self._foreseen: Array | None = None  # (K,): what it was expected to miss before anything was measured beside it

    @property
    def reached(self) -> int:
        """Places measured."""
        return int(self.measured.sum())

    def orders(self) -> Iterator[npt.NDArray[np.int64]]:
        """Places to measure next; each array is to be put before the next one is asked for."""
        step = self._coarsest
        while not self.measured.all():
            level = self._on(step)
            yield self._random.permutation(np.flatnonzero(level.ravel() & ~self.measured.ravel()))
            if self._level is not None:
                missed = np.abs(self._state()[2]).mean(axis=1)
                part = (
                    SHRINKS[0]
                    if self._missed is None
                    else np.clip(missed / np.maximum(self._missed, 1e-12), SHRINKS[1], SHRINKS[0])
                )
                (self._foreseen, self._missed) = (part * missed, missed)
            self._level = step
            rest = np.flatnonzero(~self.measured.ravel())
            if len(rest):
                yield self._random.permutation(rest)[: max(TESTS[0], int(level.sum()) // TESTS[1])]
            step //= 2

    def _on(self, step: int) -> npt.NDArray[np.bool_]:
        """The level's places; each level holds the coarser ones."""
        axes = []
        for length in self.grid:
            places = np.zeros(length, dtype=bool)
            places[self._first(length) % step :: step] = True
            axes.append(places)
        return np.outer(*axes)

    def _first(self, length: int) -> int:
        """Where the coarsest level begins, so that all of them leave about the same at both ends."""
        steps = [2**k for k in range(1, self._coarsest.bit_length())]

        def uneven(first: int) -> float:
            return float(sum(abs(first % step - (length - 1 - first) % step) / step for step in steps))

        return min(range(min(self._coarsest, length)), key=uneven)

    def put(self, which: npt.NDArray[np.int64], values: Array) -> None:
        """Values ``(n, K)`` of n places."""
        self._known.reshape(len(self._known), -1)[:, which] = values.T
        self.measured.ravel()[which] = True

    def values(self) -> Array:
        """``(K, rows, columns)``: measured where they are, predicted elsewhere."""
        if self.measured.all():
            known: Array = self._known.copy()
            return known
        if self._level is None:
            return self._nearest()
        (predicted, correction, _) = self._state()
        # Neither goes beyond what was measured.
        (low, high) = (pick(self._known[:, self.measured], axis=1)[:, None, None] for pick in (np.min, np.max))
        limited = np.clip(predicted + correction, low, high).astype(np.float32)
        shown: Array = np.where(self.measured, self._known, limited)
        return shown

    def error(self) -> Array:
        """``(K,)``: the estimated mean absolute error over all places; NaN while too little is known, 0 at the end."""
        if self.measured.all():
            return np.zeros(len(self._known), np.float32)
        beside = 0 if self._level is None else int((self.measured & ~self._on(self._level)).sum())
        if self._level is None or (beside < ENOUGH and self._foreseen is None):
            return np.full(len(self._known), np.nan, np.float32)
        (missed, count) = (np.abs(self._state()[2]).sum(axis=1), beside)
        if self._foreseen is not None:
            (missed, count) = (missed + SHRINKS[2] * self._foreseen, count + SHRINKS[2])
        error: Array = (missed / count * (1 - self.measured.mean())).astype(np.float32)
        return error

    def describe_error(self) -> str:
        """The estimated error, for a sentence."""
        errors = self.error()
        if np.isnan(errors).any():
            return "how far off is not known yet"
        spans = np.ptp(self.values().reshape(len(errors), -1), axis=1)
        parts = errors / np.maximum(spans, 1e-12)
        worst = int(np.argmax(parts))
        return f"estimated mean error {errors[worst]:.2g} ({100 * parts[worst]:.1f} % of the range)"

    def _state(self) -> tuple[Array, Array, Array]:
        """What the level predicts ``(K, rows, columns)``, its correction, and what is missed ``(K, m)`` at the m measured
        places beside the level when each of them is predicted without itself."""
        from scipy.ndimage import gaussian_filter

        assert self._level is not None
        predicted = self._from_level(self._level)
        beside = self.measured & ~self._on(self._level)
        missed = np.where(beside, self._known - predicted, 0)
        wide = max(WIDTH * self._level, 0.5)
        spike = np.zeros([2 * int(4 * wide + 1) + 1] * 2)
        spike[len(spike) // 2, len(spike) // 2] = 1
        one = gaussian_filter(spike, wide, mode="constant").max()  # so that a place weighs 1 for itself
        weight = gaussian_filter(self.measured.astype(float), wide, mode="constant") / one + TRUST
        near = gaussian_filter(missed, (0, wide, wide), mode="constant") / one
        without = (near - missed)[:, beside] / (weight - 1)[beside]
        return predicted, near / weight, missed[:, beside] - without

    def _from_level(self, step: int) -> Array:
        """Bicubic between the level's places, the last value beyond them."""
        (weights, kept) = ([], [])
        for length in self.grid:
            first = self._first(length) % step
            kept.append(slice(first, None, step))
            count = len(range(first, length, step))
            at = np.clip((np.arange(length) - first) / step, 0, count - 1) + 0.5
            weights.append(sample_weights(count, at, 1.0, "bicubic"))
        predicted: Array = weights[0] @ self._known[:, kept[0], kept[1]] @ weights[1].T
        return predicted

    def _nearest(self) -> Array:
        """Before the first level is complete: the nearest place that is known."""
        from scipy.ndimage import distance_transform_edt

        if not self.measured.any():
            return np.zeros_like(self._known)
        (rows, columns) = distance_transform_edt(~self.measured, return_distances=False, return_indices=True)
        nearest: Array = self._known[:, rows, columns]
        return nearest
