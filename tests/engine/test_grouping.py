"""Copies whose rectangles lie equally far from the edges share a block."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.engine.grouping import alike_together


@pytest.mark.parametrize(("count", "block"), [(0, 4), (1, 4), (4, 4), (5, 4), (41, 7), (128, 16), (128, 1)])
def test_every_rectangle_comes_once(count: int, block: int) -> None:
    rng = np.random.default_rng(count)
    (rows, columns) = (rng.integers(0, 30, count), rng.integers(0, 40, count))
    ranks = alike_together(rows, columns, (3, 5), (32, 44), block)
    assert sorted(ranks.tolist()) == list(range(count))


def test_those_as_far_from_an_edge_are_together_on_either_side() -> None:
    # Squares of 2 in a map of 20 by 20, all in the middle of the other axis.
    for axis in (0, 1):
        places = np.full((2, 9), 9)
        places[axis] = [18, 9, 0, 4, 8, 14, 0, 10, 4]
        ranks = alike_together(places[0], places[1], (2, 2), (20, 20), 3)
        assert [places[axis][ranks[first : first + 3]].tolist() for first in (0, 3, 6)] == [[0, 0, 18], [4, 4, 14], [8, 9, 10]]


def test_a_block_is_in_order_of_rows_then_columns() -> None:
    (rows, columns) = (np.array([5, 0, 5, 0, 2]), np.array([3, 1, 1, 0, 9]))
    assert alike_together(rows, columns, (1, 1), (10, 10), 8).tolist() == [3, 1, 4, 2, 0]
