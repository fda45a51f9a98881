"""Kriging by hand, against the loop that really leaves a place out, and in parts."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from seewhy.methods import kriging
from seewhy.methods.kriging import INSIDE, NEAR, NOISE, Kriging


def some(grid: tuple[int, int], count: int, seed: int = 0) -> np.ndarray[Any, np.dtype[np.bool_]]:
    """So many places of a grid, by chance."""
    measured = np.zeros(grid, dtype=bool)
    measured.ravel()[np.random.default_rng(seed).permutation(measured.size)[:count]] = True
    return measured


def smooth(grid: tuple[int, int], targets: int = 1, seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    values = gaussian_filter(np.random.default_rng(seed).standard_normal((targets, *grid)), (0, 4, 4))
    return (values / values.std()).astype(np.float32)


def test_two_places_by_hand() -> None:
    """Values 1 and 3 four places apart: variogram 8, noise 0.1. Weights of the first at x: 1/2 + (v(4 - x) - v(x)) / 2 / 8.1."""
    measured = np.array([[True, False, False, False, True, False]])
    values = np.array([[[1, 0, 0, 0, 3, 0]]], np.float32)
    surface = Kriging(measured, values)
    expected = [1 * w + 3 * (1 - w) for x in range(6) for w in [0.5 + (abs(4 - x) ** 1.5 - x**1.5) / 2 / (8 + NOISE)]]
    np.testing.assert_allclose(surface.everywhere()[0, 0], expected, rtol=1e-6)
    (residuals, deviations) = surface.residuals()
    np.testing.assert_allclose(residuals, [[-2, 2]], rtol=1e-9)  # one alone predicts its own value everywhere
    np.testing.assert_allclose(deviations, [math.sqrt(2 * (8 + NOISE))] * 2, rtol=1e-9)
    # half way the error is that of both weighing 1/2: 2 * v(2) - v(4) / 2 + half of the noise, and that of the cell itself
    (middle,) = surface.deviations(np.array([[0, 2]]), np.array([[0, 1]]))
    assert middle == pytest.approx(math.sqrt(2 * 2**1.5 - 8 / 2 + 1.5 * NOISE))


def test_one_place_is_everywhere() -> None:
    values = np.zeros((2, 3, 4), np.float32)
    values[:, 1, 2] = (5, -7)
    measured = np.zeros((3, 4), dtype=bool)
    measured[1, 2] = True
    np.testing.assert_allclose(Kriging(measured, values).everywhere(), np.broadcast_to([[[5.0]], [[-7.0]]], (2, 3, 4)))


@pytest.mark.parametrize("count", [2, 3, 40])
def test_residuals_are_those_of_really_leaving_a_place_out(count: int) -> None:
    (measured, values) = (some((12, 17), count), smooth((12, 17), 3))
    surface = Kriging(measured, values)
    (residuals, deviations) = surface.residuals()
    for number, (row, column) in enumerate(surface.places):
        others = measured.copy()
        others[row, column] = False
        without = Kriging(others, values)
        np.testing.assert_allclose(
            residuals[:, number], values[:, row, column] - without.everywhere()[:, row, column], rtol=1e-4, atol=1e-5
        )
        nearest = np.arange(count - 1)[None]
        assert deviations[number] == pytest.approx(without.deviations(np.array([[row, column]]), nearest)[0])


def test_deviations_are_those_of_many_surfaces() -> None:
    """Surfaces made by numbers with this variogram: increments of it, by its covariance against one far place."""
    grid = (9, 9)
    cells = np.argwhere(np.ones(grid, dtype=bool))
    distances = np.sqrt(((cells[:, None] - cells[None]) ** 2).sum(-1))
    covariance = 2 * 13**1.5 - distances**1.5 + NOISE * np.eye(81)
    draws = np.linalg.cholesky(covariance) @ np.random.default_rng(0).standard_normal((81, 4000))
    surfaces = draws.T.reshape(4000, *grid).astype(np.float32)
    measured = some(grid, 10)
    predicted = Kriging(measured, surfaces)
    unknown = np.argwhere(~measured)
    expected = predicted.deviations(unknown, np.broadcast_to(np.arange(10), (len(unknown), 10)))
    misses = (surfaces - predicted.everywhere())[:, ~measured]
    np.testing.assert_allclose(misses.std(axis=0), expected, rtol=0.06)
    (residuals, deviations) = predicted.residuals()
    np.testing.assert_allclose(residuals.std(axis=0), deviations, rtol=0.06)


@pytest.mark.parametrize("grid", [(60, 90), (1, 3000), (200, 20)])
def test_in_parts_it_is_nearly_what_it_is_at_once(grid: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    (measured, values) = (some(grid, 900), smooth(grid, 2))
    parts = Kriging(measured, values)
    (surface, (residuals, deviations)) = (parts.everywhere(), parts.residuals())
    monkeypatch.setattr(kriging, "NEAR", 900)
    whole = Kriging(measured, values)
    np.testing.assert_allclose(surface, whole.everywhere(), atol=0.02 * np.ptp(values))
    assert float(np.abs(surface - whole.everywhere()).mean()) < 1e-3 * float(np.ptp(values))
    (expected, unit) = whole.residuals()
    np.testing.assert_allclose(deviations, unit, rtol=0.02)
    assert float(np.abs(residuals - expected).mean()) < 0.02 * float(np.abs(expected).mean())


def test_parts_cover_the_grid_once_and_hold_few_places() -> None:
    for grid, count in (((60, 90), 900), ((7, 500), 2000), ((40, 40), 1600)):
        measured = some(grid, count)
        covered = np.zeros(grid, int)
        for top, bottom, left, right in kriging._halved((0, grid[0], 0, grid[1]), np.argwhere(measured)):
            covered[top:bottom, left:right] += 1
            assert measured[top:bottom, left:right].sum() <= INSIDE <= NEAR
        assert (covered == 1).all()


def test_unit_and_origin_do_not_matter() -> None:
    (measured, values) = (some((20, 20), 60), smooth((20, 20)))
    (surface, moved) = (Kriging(measured, v).everywhere() for v in (values, 1000 * values + 7))
    np.testing.assert_allclose(moved, 1000 * surface + 7, rtol=1e-4, atol=0.1)
