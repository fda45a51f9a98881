"""Trapezoids on a path: exact where they must be, what they miss where they are not, and where the next point goes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from seewhy.methods.trapezoids import PathPoint, Trapezoids


def of(scores: list[Callable[[torch.Tensor], torch.Tensor]], shares: list[float]) -> Trapezoids:
    """Scores of one pixel that goes from 0 to 1: it is the share, and the gradient is the slope."""
    trapezoids = Trapezoids()
    for share in shares:
        pixel = torch.tensor(share, dtype=torch.float64, requires_grad=True)
        values = torch.stack([score(pixel) for score in scores])
        slopes = torch.stack([torch.autograd.grad(score(pixel), pixel)[0] for score in scores])
        trapezoids.add(PathPoint.of(share, values.detach(), slopes.reshape(-1, 1, 1, 1)))
    return trapezoids


def test_quadratic_scores_are_exact_on_uneven_points() -> None:
    trapezoids = of([lambda x: 3 * x**2 - 5 * x + 7, lambda x: 2 * x], [1.0, 0.0, 0.3, 0.9, 0.35])
    assert [point.share for point in trapezoids.points] == [0, 0.3, 0.35, 0.9, 1]
    assert trapezoids.difference().tolist() == pytest.approx([-2, 2])
    assert trapezoids.integral().flatten().tolist() == pytest.approx([-2, 2])
    assert trapezoids.gap() == pytest.approx(0, abs=1e-12)


def test_what_a_cubic_score_misses() -> None:
    """∫ 3x² over a trapezoid of width h is too large by h³ / 2, wherever it stands."""
    trapezoids = of([lambda x: x**3], [0.0, 0.5, 0.75, 1.0])
    assert trapezoids.missed()[0].tolist() == pytest.approx([0.5**3 / 2, 0.25**3 / 2, 0.25**3 / 2])
    assert trapezoids.gap() == pytest.approx((0.5**3 + 2 * 0.25**3) / 2)
    assert trapezoids.integral().item() == pytest.approx(1 + trapezoids.gap())
    assert trapezoids.where_missed() == 0.25


def test_an_interval_that_makes_good_for_others_is_left_alone() -> None:
    trapezoids = Trapezoids()
    for share, value in ((0.0, 0.0), (0.25, -0.05), (0.5, 0.0), (1.0, 0.9)):
        one = torch.ones(1, dtype=torch.float64)
        trapezoids.add(PathPoint.of(share, value * one, one.reshape(1, 1, 1, 1)))
    assert trapezoids.missed()[0].tolist() == pytest.approx([0.3 / 0.9, 0.2 / 0.9, -0.4 / 0.9])
    assert trapezoids.gap() == pytest.approx(0.1 / 0.9)
    assert trapezoids.where_missed() == 0.125  # halving the interval that misses most would widen the gap


@pytest.mark.parametrize("kink", [0.1, 0.62, 0.99])
def test_points_close_in_on_a_kink(kink: float) -> None:
    (score, shares) = (lambda x: (x - kink).clamp_min(0) * 5 + x, [k / 8 for k in range(9)])
    trapezoids = of([score], shares)
    while trapezoids.gap() >= 0.001:
        shares.append(trapezoids.where_missed())
        trapezoids = of([score], shares)
    added = shares[9:]
    assert len(added) <= 8
    assert all(abs(share - kink) <= 1 / 8 for share in added)


def test_the_target_with_the_widest_gap_chooses() -> None:
    (early, late) = ((lambda x: (x - 0.1).clamp_min(0) + x), (lambda x: 20 * (x - 0.7).clamp_min(0) + x))
    trapezoids = of([early, late], [0.0, 0.5, 1.0])
    missed = trapezoids.missed().sum(dim=1).abs()
    assert missed[1] > missed[0]
    assert trapezoids.gap() == pytest.approx(float(missed[1]))
    assert trapezoids.where_missed() == 0.75


def test_the_widest_interval_is_where_points_are_sparse() -> None:
    assert of([lambda x: x], [0.0, 0.2, 0.9, 1.0]).where_sparse() == pytest.approx(0.55)


def test_the_map_is_compared_with_that_of_every_second_point() -> None:
    """Two pixels, of which the first alone has a slope that bends; and the last point always counts."""
    trapezoids = Trapezoids()
    for share in (0.0, 0.25, 0.5, 1.0):
        slopes = torch.tensor([3 * share**2, 1.0], dtype=torch.float64).reshape(1, 1, 1, 2)
        trapezoids.add(PathPoint.of(share, torch.tensor([share**3 + share]), slopes))
    whole = 1 + (2 * 0.25**3 + 0.5**3) / 2
    coarse = 1 + 2 * 0.5**3 / 2  # 0, 0.5, 1
    assert trapezoids.integral().flatten().tolist() == pytest.approx([whole, 1])
    assert trapezoids.map_error().tolist() == pytest.approx([(coarse - whole) / (whole**2 + 1) ** 0.5])
    flat = of([lambda x: 0 * x], [0.0, 0.5, 1.0])
    assert flat.map_error().tolist() == [0]
