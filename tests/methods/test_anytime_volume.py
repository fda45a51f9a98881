"""Coarse to fine in a volume: the order of the places, the map in between, and how far off it says it is."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt, gaussian_filter

from seewhy.methods import anytime_volume
from seewhy.methods.anytime_volume import CoarseToFineVolume

GRID = (6, 9, 11)


def field(seed: int) -> np.ndarray:
    """``(2, 6, 9, 11)``: smooth, and half of it."""
    values = gaussian_filter(np.random.default_rng(seed).standard_normal(GRID), 1.5)
    values = (values / values.std()).astype(np.float32)
    return np.stack([values, values / 2])


def measured(seed: int, count: int) -> tuple[CoarseToFineVolume, np.ndarray]:
    (plan, values) = (CoarseToFineVolume(GRID, 2, seed), field(seed))
    (order,) = plan.orders()
    plan.put(order[:count], values.reshape(2, -1)[:, order[:count]].T)
    return plan, values


@pytest.mark.parametrize("grid", [(1, 1, 1), (1, 1, 5), (4, 3, 2), GRID])
def test_every_place_comes_exactly_once(grid: tuple[int, int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    for most in (20_000, 0):
        monkeypatch.setattr(anytime_volume, "MOST_SPREAD", most)
        (order,) = CoarseToFineVolume(grid, 1, 0).orders()
        assert sorted(order) == list(range(math.prod(grid)))


def test_the_first_places_are_spread_over_the_volume() -> None:
    """No place is farther from a measured one than evenly spread ones would leave it, by half."""
    (plan, _) = measured(0, 40)
    far = distance_transform_edt(~plan.measured).max()
    assert far < 1.5 * (3 * math.prod(GRID) / 40) ** (1 / 3)
    (order, other) = (next(CoarseToFineVolume(GRID, 1, seed).orders()) for seed in (0, 1))
    assert order[0] != other[0]
    np.testing.assert_array_equal(order, next(CoarseToFineVolume(GRID, 1, 0).orders()))


def test_measured_places_keep_their_values_and_the_others_lie_between_them() -> None:
    (plan, values) = measured(0, 200)
    shown = plan.values()
    np.testing.assert_array_equal(shown[:, plan.measured], values[:, plan.measured])
    for k in range(2):
        assert shown[k].min() == values[k][plan.measured].min()
        assert shown[k].max() == values[k][plan.measured].max()
    # One place by hand: the mean of its eight nearest, by one over the squared distance.
    place = np.argwhere(~plan.measured)[17]
    squares = ((np.argwhere(plan.measured) - place) ** 2).sum(axis=1)
    nearest = np.sort(squares)[:9]
    if nearest[7] == nearest[8]:  # which of them is the eighth, is open
        assert shown[0][tuple(place)] == pytest.approx(values[0][tuple(place)], abs=1)
    else:
        eight = np.argsort(squares)[:8]
        expected = np.average(values[0][plan.measured][eight], weights=1 / squares[eight])
        assert shown[0][tuple(place)] == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(4))
def test_the_stated_error_is_about_the_error(seed: int) -> None:
    for count in (60, 200, 400):
        (plan, values) = measured(seed, count)
        off = np.abs(plan.values() - values).mean(axis=(1, 2, 3))
        stated = plan.error()
        assert (0.4 * off < stated).all()
        assert (stated < 2.5 * off).all()


def test_the_beginning_and_the_end() -> None:
    (plan, values) = measured(0, 0)
    assert plan.values().tolist() == np.zeros_like(values).tolist()
    assert np.isnan(plan.error()).all()
    assert plan.describe_error() == "how far off is not known yet"
    (plan, values) = measured(0, math.prod(GRID))
    np.testing.assert_array_equal(plan.values(), values)
    assert plan.error().tolist() == [0, 0]
    assert plan.reached == math.prod(GRID)
    assert plan.describe_error() == "estimated mean error 0 (0.0 % of the range)"


def test_a_recent_statement_is_kept_a_while() -> None:
    (plan, values) = measured(0, 100)
    first = plan.describe_error(recent=True)
    unknown = np.flatnonzero(~plan.measured.ravel())[:10]
    plan.put(unknown, 50 + values.reshape(2, -1)[:, unknown].T)
    assert plan.describe_error(recent=True).split("(")[0] == first.split("(")[0]
    assert plan.describe_error().split("(")[0] != first.split("(")[0]
