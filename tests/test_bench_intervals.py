"""The benches' intervals."""

from __future__ import annotations

import numpy as np
import pytest
from bench import intervals


def test_the_interval_of_a_share() -> None:
    # Wilson 1927, by hand for 8 of 10 with z = 1.96
    (low, high) = intervals.wilson(8, 10)
    assert (low, high) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert intervals.wilson(0, 10)[0] == 0
    assert intervals.wilson(10, 10)[1] == pytest.approx(1)
    assert intervals.mean_and_interval([1.0] * 8 + [0.0] * 2, counted=True) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)


def test_the_interval_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(2, 1, 400)
    assert intervals.mean_and_interval([1.0, 1.0, 1.0]) == (1, 1, 1)  # of measured values, not of counts
    (mean, low, high) = intervals.mean_and_interval(list(values))
    assert mean == pytest.approx(values.mean())
    assert (high - low) / 2 == pytest.approx(1.96 * values.std() / 20, rel=0.1)


def test_exact_shares() -> None:
    """Of n without one the upper limit is 1 - 0.025 ** (1 / n); 5 of 20 stands in every table."""
    assert intervals.exact_interval(0, 59) == (0.0, pytest.approx(1 - 0.025 ** (1 / 59)))
    assert intervals.exact_interval(20, 20) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert intervals.exact_interval(5, 20) == (pytest.approx(0.0866, abs=1e-4), pytest.approx(0.4910, abs=1e-4))
