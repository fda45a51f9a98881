"""Kriging: the surface between places of a grid that are measured, and how far each of them lies from what the others say.

Ordinary kriging with the variogram ``r ** 1.5`` (Chilès and Delfiner 2012, Geostatistics, chapter 3). It has neither a length nor
a height that would have to be fitted: only how the places lie decides how much each of them counts.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import torch

from seewhy.geometry import Array

POWER = 1.5  # of the distance. Occlusion maps of photos rise with 1.1 to 1.5; between 1 and 1.7 the prediction is the same
NOISE = 0.1  # of two values at the same place, where two at a distance of 1 differ by 1: keeps dense places from swinging
INSIDE, NEAR = 120, 300  # a part of the grid holds so many measured places at most, and is predicted from so many

Doubles = npt.NDArray[np.float64]
Indices = npt.NDArray[np.int64]
Rectangle = tuple[int, int, int, int]  # top, bottom, left, right; bottom and right are outside


class Kriging:
    """The surface through ``values`` ``(K, rows, columns)`` where ``measured`` ``(rows, columns)`` is True (at least once)."""

    def __init__(self, measured: npt.NDArray[np.bool_], values: Array) -> None:
        self._grid = measured.shape
        self.places = np.argwhere(measured)
        self._known = values[:, measured].astype(np.float64)
        grid = (0, measured.shape[0], 0, measured.shape[1])
        self._rectangles = [grid] if len(self.places) <= NEAR else list(_halved(grid, self.places))

    def everywhere(self) -> Array:
        """The prediction, ``(K, rows, columns)``; near to what was measured at a measured place, too."""
        surface = np.empty((len(self._known), *self._grid), np.float32)
        for rectangle in self._rectangles:
            (near, _) = self._near(rectangle)
            weights = self._known[:, near] @ _inverse(self.places[near])[:-1]
            (top, bottom, left, right) = rectangle
            columns = (np.arange(left, right) - self.places[near, 1, None]) ** 2
            for row in range(top, bottom):  # row by row, so that it takes no memory to speak of
                variogram = _variogram(columns + (row - self.places[near, 0, None]) ** 2)
                surface[:, row, left:right] = weights[:, :-1] @ variogram + weights[:, -1:]
        return surface

    def residuals(self) -> tuple[Doubles, Doubles]:
        """At every one of n >= 2 places: the value less what the others predict ``(K, n)``, and the deviation to be expected of
        that ``(n,)`` on a surface of unit roughness."""
        (residuals, deviations) = (np.empty_like(self._known), np.empty(len(self.places)))
        for rectangle in self._rectangles:
            (near, inside) = self._near(rectangle)
            inverse = _inverse(self.places[near])
            diagonal = np.diag(inverse)[:-1][inside]
            residuals[:, near[inside]] = (self._known[:, near] @ inverse[:-1, :-1])[:, inside] / diagonal
            deviations[near[inside]] = np.sqrt(-1 / diagonal)
        return residuals, deviations

    def deviations(self, cells: Indices, nearest: Indices) -> Doubles:
        """The deviation to be expected at cells ``(m, 2)`` predicted from the places ``nearest`` ``(m, k)``: ``(m,)``."""
        (count, k) = nearest.shape
        near = self.places[nearest]
        bordered = np.ones((count, k + 1, k + 1))
        bordered[:, :k, :k] = _variogram(((near[:, :, None] - near[:, None]) ** 2).sum(axis=-1)) - NOISE * np.eye(k)
        bordered[:, k, k] = 0
        right = np.ones((count, k + 1))
        right[:, :k] = _variogram(((near - cells[:, None]) ** 2).sum(axis=-1))
        weights = np.linalg.solve(bordered, right[:, :, None])[:, :, 0]
        deviations: Doubles = np.sqrt((weights * right).sum(axis=1) + NOISE)
        return deviations

    def _near(self, rectangle: Rectangle) -> tuple[Indices, npt.NDArray[np.bool_]]:
        """The ``NEAR`` places next to the rectangle, and which of them lie in it."""
        (top, bottom, left, right) = rectangle
        (rows, columns) = self.places.T
        above_or_below = np.maximum(np.maximum(top - rows, rows - bottom + 1), 0)
        beside = np.maximum(np.maximum(left - columns, columns - right + 1), 0)
        squares = above_or_below**2 + beside**2
        near = np.argsort(squares, kind="stable")[:NEAR]
        return near, squares[near] == 0


def _halved(rectangle: Rectangle, places: Indices) -> Iterator[Rectangle]:
    """The rectangle, halved until no part holds more than ``INSIDE`` places."""
    if len(places) <= INSIDE:
        yield rectangle
        return
    (top, bottom, left, right) = rectangle
    if bottom - top >= right - left:
        middle = (top + bottom) // 2
        parts = ((top, middle, left, right), (middle, bottom, left, right))
        first = places[:, 0] < middle
    else:
        middle = (left + right) // 2
        parts = ((top, bottom, left, middle), (top, bottom, middle, right))
        first = places[:, 1] < middle
    for part, held in zip(parts, (first, ~first), strict=True):
        yield from _halved(part, places[held])


def _inverse(places: Indices) -> Doubles:
    """Of the variogram of all pairs with a border of ones, for the mean that is not known: ``(n + 1, n + 1)``."""
    bordered = np.ones((len(places) + 1, len(places) + 1))
    bordered[:-1, :-1] = _variogram(((places[:, None] - places[None]) ** 2).sum(axis=-1)) - NOISE * np.eye(len(places))
    bordered[-1, -1] = 0
    inverse: Doubles = torch.linalg.inv(torch.from_numpy(bordered)).numpy()  # on this thread's number of threads
    return inverse


def _variogram(squares: npt.NDArray[np.int64]) -> Doubles:
    """Half of the mean squared difference of two values, from their squared distance."""
    distances = np.sqrt(squares)
    variogram: Doubles = np.asarray(distances * np.sqrt(distances), np.float64)  # the power 1.5, five times as fast
    return variogram
