"""Rank correlation of maps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from seewhy.evaluate import agreement, rank_correlation


def test_only_the_order_of_places_counts() -> None:
    map_ = np.random.default_rng(0).random((6, 7), dtype=np.float32)
    assert rank_correlation(map_, map_**3) == pytest.approx(1)
    assert rank_correlation(map_, -map_) == pytest.approx(-1)


def test_it_is_spearmans_also_with_ties() -> None:
    random = np.random.default_rng(1)
    (a, b) = (random.integers(0, 4, (9, 8)).astype(np.float32) for _ in range(2))
    assert rank_correlation(a, b) == pytest.approx(float(spearmanr(a.ravel(), b.ravel()).statistic), abs=1e-6)


def test_places_that_one_of_them_does_not_know_are_left_out() -> None:
    a = np.array([[1, 2, 3, np.nan]], np.float32)
    b = np.array([[1, 2, 3, -9]], np.float32)
    assert rank_correlation(a, b) == pytest.approx(1)


def test_a_flat_map_agrees_with_nothing() -> None:
    assert rank_correlation(np.ones((3, 3), np.float32), np.arange(9, dtype=np.float32).reshape(3, 3)) == 0
    assert rank_correlation(np.full((2, 2), np.nan, np.float32), np.ones((2, 2), np.float32)) == 0


def test_every_pair_of_several_maps() -> None:
    map_ = np.arange(12, dtype=np.float32).reshape(3, 4)
    np.testing.assert_allclose(agreement([map_, -map_, 2 * map_]), [[1, -1, 1], [-1, 1, -1], [1, -1, 1]], atol=1e-6)
