"""Maps that know nothing of the photo, to compare with: a number alone says nothing."""

from __future__ import annotations

import numpy as np

from seewhy.geometry import Array, Size, resize_map

BLOB = 0.25  # standard deviation of the centre blob, as a share of each side
NEAR = 0.25  # of a side: a map that is moved by less on both axes says nearly the same


def random_map(grid: Size, size: Size, seed: int) -> Array:
    """Uniform noise from 0 to 1 on a map's own grid, enlarged as the map is, ``(H, W)``."""
    return resize_map(np.random.default_rng(seed).random(grid, dtype=np.float32), size)


def centre_map(size: Size) -> Array:
    """A Gaussian in the middle, ``(H, W)``: where photographers put things."""
    (rows, columns) = (((np.arange(side) + 0.5) / side - 0.5) / BLOB for side in size)
    blob: Array = np.exp(-(rows[:, None] ** 2 + columns[None, :] ** 2) / 2).astype(np.float32)
    return blob


def laid_elsewhere(map: Array, count: int, seed: int) -> Array:
    """The map moved to other places, ``(count, H, W)``: what leaves at one edge comes in at the other one.

    Each has the values, and the shapes, of the map; only where they lie differs. Moved by at least a quarter of a side, up and
    down or across.
    """
    random = np.random.default_rng(seed)
    (height, width) = map.shape
    moved: list[Array] = []
    while len(moved) < count:
        (down, across) = (int(random.integers(height)), int(random.integers(width)))
        # On a ring, both ways round.
        if min(down, height - down) >= NEAR * height or min(across, width - across) >= NEAR * width:
            moved.append(np.roll(map, (down, across), axis=(0, 1)))
    return np.stack(moved)
