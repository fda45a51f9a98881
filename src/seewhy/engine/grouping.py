"""Which masked copies go through the network together.

All rectangles of a block have the size of its largest one, and at the edge of a map a rectangle grows to one side only. So copies
whose rectangles lie equally far from the edges share a block: counted for SqueezeNet, masks of 45 pixels and blocks of 32, that
saves a tenth of the convolutions' work (81 whole masks), or a fifth (121 masks, cut at the edges).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seewhy.engine.patched import Positions, Size

Ranks = npt.NDArray[np.int64]


def alike_together(rows: Positions, columns: Positions, size: Size, grid: Size, block: int) -> Ranks:
    """The numbers of n rectangles in an order in which every ``block`` that follow one another lie alike.

    rows, columns : where they begin. size, grid : (h, w) of the rectangles and of the map.
    """
    places = np.stack([rows, columns])  # (2, n)
    far = np.array([[side - length] for side, length in zip(grid, size, strict=True)])
    return _split(np.arange(len(rows)), places, np.minimum(places, far - places), block)


def _split(ranks: Ranks, places: Ranks, distances: Ranks, block: int) -> Ranks:
    """Cut into halves of whole blocks along the axis on which the distances to the edge are spread most."""
    if len(ranks) <= block:
        return ranks[np.lexsort(places[::-1, ranks])]  # by rows, then columns: neighbours are copied together
    (axis, other) = np.argsort(-np.ptp(distances[:, ranks], axis=1), kind="stable").tolist()
    ordered = ranks[np.lexsort(distances[[other, axis]][:, ranks])]
    half = block * (-(-len(ranks) // block) // 2)
    return np.concatenate([_split(part, places, distances, block) for part in (ordered[:half], ordered[half:])])
