"""Maps that know nothing of the photo, to compare with: a number alone says nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.geometry import Array, Size, resize_map

BLOB = 0.25  # standard deviation of the centre blob, as a share of each side
SHIFTS = (5, 5)  # places down and across to which a map is laid, its own among them


def random_map(grid: Size, size: Size, seed: int | Sequence[int]) -> Array:
    """Uniform noise from 0 to 1 on a map's own grid, enlarged as the map is, ``(H, W)``."""
    return resize_map(np.random.default_rng(seed).random(grid, dtype=np.float32), size)


def centre_map(size: Size) -> Array:
    """A Gaussian in the middle, ``(H, W)``: where photographers put things."""
    (rows, columns) = (((np.arange(side) + 0.5) / side - 0.5) / BLOB for side in size)
    blob: Array = np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / 2).astype(np.float32)
    return blob


def laid_elsewhere(map: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """The map moved by fifths of each side, ``(24, H, W)``: what leaves at one edge comes in at the other one.

    Each copy has the values, and the shapes, of the map; only where they lie differs. The 25 moves are a group: seen from any of
    the copies, the others and the map itself lie as the copies do seen from the map. So a map whose place was drawn at random is
    the best of the 25 in exactly 1 of 25 cases.
    """
    (height, width) = map.shape
    (down, across) = SHIFTS
    moves = [(round(row * height / down), round(column * width / across)) for row in range(down) for column in range(across)]
    return np.stack([np.roll(map, move, axis=(0, 1)) for move in moves[1:]])
