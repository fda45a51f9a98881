"""Where a cell of a map lies on the photo, and how a small map becomes a large one.

Rows and columns, never x and y. Positions are continuous: pixel ``r`` covers ``r`` to ``r + 1``, its centre is ``r + 0.5``.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError

Array = npt.NDArray[np.float32]
Size = tuple[int, int]
Box = tuple[int, int, int]  # slices, rows, columns
UPSAMPLINGS = ("bicubic", "nearest")


@dataclass(frozen=True)
class Geometry:
    """How the network's input was cut out of the photo: ``photo = scale * input + offset`` on each axis.

    photo : (H, W) of the photo as a person sees it.
    input : (h, w) of the network's input.
    rows, columns : (scale, offset) of each axis, in photo pixels per input pixel and photo pixels.
    """

    photo: Size
    input: Size
    rows: tuple[float, float]
    columns: tuple[float, float]

    @classmethod
    def resized(cls, photo: Size, resized: Size, crop: tuple[int, int], size: Size) -> Geometry:
        """A photo resized to ``resized``, of which ``size`` pixels are cut out from (top, left) = ``crop`` on."""
        (row_scale, column_scale) = (photo[0] / resized[0], photo[1] / resized[1])
        return cls(photo, size, (row_scale, crop[0] * row_scale), (column_scale, crop[1] * column_scale))

    @classmethod
    def whole(cls, size: Size) -> Geometry:
        """The input is the photo itself."""
        return cls(size, size, (1.0, 0.0), (1.0, 0.0))

    def at_size(self, photo: Size) -> Geometry:
        """The same cut out of the photo resized to ``photo``."""
        (down, across) = (photo[0] / self.photo[0], photo[1] / self.photo[1])
        rows = (self.rows[0] * down, self.rows[1] * down)
        return Geometry(photo, self.input, rows, (self.columns[0] * across, self.columns[1] * across))

    @property
    def frame(self) -> tuple[float, float, float, float]:
        """(top, left, bottom, right) of what the network saw, in photo pixels, cut at the photo's edges."""
        (top, left) = (max(0.0, self.rows[1]), max(0.0, self.columns[1]))
        bottom = min(self.photo[0], self.rows[0] * self.input[0] + self.rows[1])
        right = min(self.photo[1], self.columns[0] * self.input[1] + self.columns[1])
        return (top, left, bottom, right)

    @property
    def cropped(self) -> bool:
        """True when part of the photo was not seen by the network (more than half a pixel)."""
        (top, left, bottom, right) = self.frame
        return top > 0.5 or left > 0.5 or bottom < self.photo[0] - 0.5 or right < self.photo[1] - 0.5

    def input_positions(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        """The input row of every photo row's centre ``(H,)``, and the input column of every photo column's ``(W,)``."""
        rows = (np.arange(self.photo[0], dtype=np.float64) + 0.5 - self.rows[1]) / self.rows[0]
        columns = (np.arange(self.photo[1], dtype=np.float64) + 0.5 - self.columns[1]) / self.columns[0]
        return rows, columns


@dataclass(frozen=True)
class SampleGrid:
    """Where the samples of a map lie on the network's input, when they do not cover it evenly: (first, step) of each axis.

    In continuous input pixels; occlusion's masks have their centres there.
    """

    rows: tuple[float, float]
    columns: tuple[float, float]

    @property
    def axes(self) -> tuple[tuple[float, float], ...]:
        """(first, step) of each axis, in the order of a map's axes."""
        return self.rows, self.columns

    def read_at(self, axis: int, positions: npt.NDArray[np.float64], count: int) -> npt.NDArray[np.float64]:
        """Input positions in units of samples (sample k covers k to k + 1); the outermost sample goes on beyond the last one."""
        (first, step) = self.axes[axis]
        return np.clip((positions - first) / step, 0, count - 1) + 0.5


@dataclass(frozen=True)
class VolumeSampleGrid(SampleGrid):
    """The same in a volume. slices : (first, step) along its depth."""

    slices: tuple[float, float]

    @property
    def axes(self) -> tuple[tuple[float, float], ...]:
        return self.slices, self.rows, self.columns

    @property
    def in_plane(self) -> SampleGrid:
        """Of each slice."""
        return SampleGrid(self.rows, self.columns)


def _keys(x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The cubic convolution kernel of Keys (1981) with a = -0.5."""
    x = np.abs(x)
    near = (1.5 * x - 2.5) * x**2 + 1.0
    far = ((-0.5 * x + 2.5) * x - 4.0) * x + 2.0
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))


def sample_weights(count: int, positions: npt.NDArray[np.float64], shrink: float, upsample: str) -> Array:
    """A matrix ``(len(positions), count)`` that reads ``count`` samples, evenly spread, at other positions.

    positions : in units of samples; sample k covers k to k + 1.
    shrink : samples per new position. Above 1 the kernel is widened by it, so that nothing is skipped (antialiasing).
    upsample : "bicubic" (Keys, a = -0.5, the border reflected with the edge sample repeated) or "nearest".
    """
    if upsample not in UPSAMPLINGS:
        raise OptionError(f"upsample={upsample!r} is not known: write 'bicubic' or 'nearest'.")
    weights = np.zeros((len(positions), count))
    if upsample == "nearest":
        weights[np.arange(len(positions)), np.clip(np.floor(positions), 0, count - 1).astype(int)] = 1.0
        return weights.astype(np.float32)
    shrink = max(1.0, shrink)
    centres = positions - 0.5
    first = np.floor(centres - 2 * shrink).astype(int) + 1
    taps = first[:, None] + np.arange(int(np.ceil(4 * shrink)))  # (positions, taps)
    values = _keys((centres[:, None] - taps) / shrink)
    values /= values.sum(axis=1, keepdims=True)
    taps = taps % (2 * count)  # reflected: ... 1 0 | 0 1 2 ... n-1 | n-1 n-2 ...
    taps = np.where(taps < count, taps, 2 * count - 1 - taps)
    np.add.at(weights, (np.arange(len(positions))[:, None], taps), values)
    return weights.astype(np.float32)


def _enlarged(maps: Array, row_weights: Array, column_weights: Array) -> Array:
    """``(..., H, W)``. Bicubic overshoots between samples: every value is kept within the map's own smallest and largest one."""
    large: Array = np.clip(
        row_weights @ maps @ column_weights.T, maps.min(axis=(-2, -1), keepdims=True), maps.max(axis=(-2, -1), keepdims=True)
    )
    return large


def peak(map_: Array) -> tuple[int, int]:
    """(row, column) of the strongest place of a map ``(H, W)``, NaN left out.

    Of several equal ones the one nearest to their mean place: of an area of LIME's its middle; the first one, row by row, would
    be its upper edge.
    """
    peaks = np.argwhere(map_ == np.nanmax(map_))  # (n, 2), row by row
    (row, column) = peaks[np.argmin(((peaks - peaks.mean(axis=0)) ** 2).sum(axis=1))]
    return int(row), int(column)


def resize_map(maps: npt.ArrayLike, size: Size, upsample: str = "bicubic", sample_grid: SampleGrid | None = None) -> Array:
    """Maps ``(..., h, w)`` enlarged (or reduced, antialiased) to ``(..., H, W)``; half-pixel centres.

    No value leaves the range of the map's own values.
    sample_grid : where the samples lie in the new map; None where they cover it evenly.
    """
    maps = np.asarray(maps, dtype=np.float32)
    weights = []
    for axis, (count, new) in enumerate(zip(maps.shape[-2:], size, strict=True)):
        (positions, shrink) = _samples(axis, np.arange(new, dtype=np.float64) + 0.5, count, new, sample_grid)
        weights.append(sample_weights(count, positions, shrink, upsample))
    return _enlarged(maps, *weights)


def _samples(
    axis: int, positions: npt.NDArray[np.float64], count: int, length: int, sample_grid: SampleGrid | None
) -> tuple[npt.NDArray[np.float64], float]:
    """Input positions in units of ``count`` samples, and samples per input pixel."""
    if sample_grid is None:
        return positions * count / length, count / length
    return sample_grid.read_at(axis, positions, count), 1 / sample_grid.axes[axis][1]


def at_slices(
    maps: npt.ArrayLike,
    depth: int,
    slices: npt.ArrayLike,
    upsample: str = "bicubic",
    sample_grid: VolumeSampleGrid | None = None,
) -> Array:
    """Maps ``(..., d, h, w)`` of a volume at some of its ``depth`` slices, ``(..., n, h, w)``: each is then a map of its own.

    slices : n of them, counted from 0. No value leaves the range of the map's own values.
    """
    maps = np.asarray(maps, dtype=np.float32)
    count = maps.shape[-3]
    (positions, shrink) = _samples(0, np.asarray(slices, dtype=np.float64) + 0.5, count, depth, sample_grid)
    weights = sample_weights(count, positions, shrink, upsample)
    between = np.moveaxis(np.tensordot(weights, maps, axes=(1, maps.ndim - 3)), 0, -3)
    (low, high) = (of(maps, axis=(-3, -2, -1), keepdims=True) for of in (np.min, np.max))
    return np.clip(between, low, high).astype(np.float32)


def resize_volume(
    maps: npt.ArrayLike, size: Box, upsample: str = "bicubic", sample_grid: VolumeSampleGrid | None = None
) -> Array:
    """Maps ``(..., d, h, w)`` enlarged to ``(..., D, H, W)``: :func:`resize_map` with a third axis, by the same kernel.

    sample_grid : where the samples lie in the new map; None where they cover it evenly.
    """
    slices = at_slices(maps, size[0], np.arange(size[0]), upsample, sample_grid)
    return resize_map(slices, size[1:], upsample, None if sample_grid is None else sample_grid.in_plane)


def map_on_photo(
    maps: npt.ArrayLike, geometry: Geometry, upsample: str = "bicubic", sample_grid: SampleGrid | None = None
) -> Array:
    """Maps ``(..., h, w)`` over the network's input, laid on the photo ``(..., H, W)``.

    No value leaves the range of the map's own values.
    sample_grid : where the samples lie on the input; None where they cover it evenly.
    NaN where a photo pixel's centre lies outside what the network saw.
    """
    (inside, seen) = map_on_seen(maps, geometry, upsample, sample_grid)
    large = np.full((*inside.shape[:-2], *geometry.photo), np.nan, np.float32)
    large[..., seen[0], seen[1]] = inside
    return large


def map_on_seen(
    maps: npt.ArrayLike, geometry: Geometry, upsample: str = "bicubic", sample_grid: SampleGrid | None = None
) -> tuple[Array, tuple[slice, slice]]:
    """The part of :func:`map_on_photo` that the network saw, and which rows and columns of the photo that is."""
    maps = np.asarray(maps, dtype=np.float32)
    (height, width) = maps.shape[-2:]
    (row_weights, rows) = _axis_weights(0, height, geometry, upsample, sample_grid)
    (column_weights, columns) = _axis_weights(1, width, geometry, upsample, sample_grid)
    return _enlarged(maps, row_weights, column_weights), (rows, columns)


@lru_cache(maxsize=4)  # the frames of a camera are alike
def _axis_weights(
    axis: int, count: int, geometry: Geometry, upsample: str, sample_grid: SampleGrid | None
) -> tuple[Array, slice]:
    """What reads ``count`` samples at the photo's pixels that the network saw, and which of them it saw."""
    positions = geometry.input_positions()[axis]
    (seen,) = np.nonzero((positions >= 0) & (positions <= geometry.input[axis]))
    part = slice(int(seen[0]), int(seen[-1]) + 1) if len(seen) else slice(0, 0)
    (read, shrink) = _samples(axis, positions[part], count, geometry.input[axis], sample_grid)
    scale = (geometry.rows, geometry.columns)[axis][0]
    weights = sample_weights(count, read, shrink / scale, upsample)
    weights.flags.writeable = False
    return weights, part
