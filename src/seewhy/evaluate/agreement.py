"""Do two maps say the same? Rank correlation, which needs no common scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seewhy.geometry import Array


def rank_correlation(a: Array, b: Array) -> float:
    """Spearman's, from -1 to 1, over the places where both maps have a value; 0 where one of them is the same everywhere.

    a, b : of one shape; NaN where the network did not see the photo.
    """
    from scipy.stats import rankdata

    known = np.isfinite(a) & np.isfinite(b)
    (ranks_a, ranks_b) = (rankdata(map[known]) for map in (a, b))
    if known.sum() < 2 or np.ptp(ranks_a) == 0 or np.ptp(ranks_b) == 0:
        return 0.0
    return float(np.corrcoef(ranks_a, ranks_b)[0, 1])


def agreement(maps: Sequence[Array]) -> Array:
    """How alike maps of one photo are, ``(n, n)``: the rank correlation of every pair. maps : of one shape."""
    matrix = np.eye(len(maps), dtype=np.float32)
    for first in range(len(maps)):
        for second in range(first):
            matrix[first, second] = matrix[second, first] = rank_correlation(maps[first], maps[second])
    return matrix
