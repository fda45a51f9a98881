"""Maps in few bytes: float16 times one float32 scale for each map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seewhy.geometry import Array


@dataclass(frozen=True)
class PackedMaps:
    """Maps ``(K, h, w)`` as they are stored.

    values : ``K·h·w`` float16 numbers in [-1, 1], little endian, row by row. scales : what each map is multiplied by. grid :
    (K, h, w).
    """

    values: bytes
    scales: list[float]
    grid: list[int]

    @classmethod
    def of(cls, maps: Array) -> PackedMaps:
        """The largest absolute value of each map is its scale: every other one keeps 11 bits, and those under 1/16,384 of it an
        absolute error of 2**-25 of the scale."""
        finite = np.where(np.isfinite(maps), np.abs(maps), 0)
        largest = finite.max(axis=tuple(range(1, maps.ndim)), initial=0).astype(np.float32)
        scales = np.where(largest > 0, largest, 1).astype(np.float32)
        values = (maps / scales[:, None, None]).astype("<f2")
        return cls(values.tobytes(), [float(scale) for scale in scales], [int(side) for side in maps.shape])

    def unpacked(self) -> Array:
        """float32 ``(K, h, w)``."""
        return unpacked(self.values, self.scales, self.grid)


def unpacked(values: bytes, scales: Sequence[float], grid: Sequence[int]) -> Array:
    """float32 ``(K, h, w)`` of the parts of :class:`PackedMaps`."""
    numbers = np.frombuffer(values, "<f2").astype(np.float32).reshape([int(side) for side in grid])
    maps: Array = numbers * np.asarray(scales, np.float32)[:, None, None]
    return maps
