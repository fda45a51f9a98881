"""Coarse to fine: the order of the places, the map in between, how far off it says it is, and the budget that stops it."""

from __future__ import annotations

import itertools
import math
import re
import time
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import distance_transform_edt, gaussian_filter
from small_nets import SmallNet

import seewhy
from seewhy.methods.anytime import CoarseToFine

GRIDS = [(1, 1), (1, 2), (2, 2), (1, 7), (7, 1), (3, 3), (8, 8), (9, 9), (11, 11), (10, 23), (1, 64), (33, 17), (40, 56)]


def through(plan: CoarseToFine, values: np.ndarray[Any, Any], most: int | None = None) -> list[np.ndarray[Any, Any]]:
    """Measure what the plan asks for, ``most`` places in all; returns what was asked for."""
    orders = []
    for order in plan.orders():
        part = order if most is None else order[: most - plan.reached]
        plan.put(part, values.reshape(len(values), -1)[:, part].T)
        orders.append(part)
        if plan.reached == most:
            break
    return orders


def field(grid: tuple[int, int], smooth: float, noise: float, seed: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    """``(1, rows, columns)``: smooth, with a deviation of 1, and noise on it."""
    rng = np.random.default_rng(1000 + seed)
    values = gaussian_filter(rng.standard_normal(grid), smooth)
    return (values / values.std() + noise * rng.standard_normal(grid)).astype(np.float32)[None]


# -- the order --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", GRIDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_every_place_comes_exactly_once(grid: tuple[int, int], seed: int) -> None:
    plan = CoarseToFine(grid, 2, seed)
    values = np.random.default_rng(0).standard_normal((2, *grid)).astype(np.float32)
    orders = through(plan, values)
    assert np.sort(np.concatenate(orders)).tolist() == list(range(grid[0] * grid[1]))
    assert plan.reached == grid[0] * grid[1]
    np.testing.assert_array_equal(plan.values(), values)
    np.testing.assert_array_equal(plan.error(), [0, 0])


@pytest.mark.parametrize("grid", GRIDS)
def test_lattices_are_evenly_spaced_and_each_holds_the_coarser_ones(grid: tuple[int, int]) -> None:
    """Every second order completes a lattice: what is left of it after the places that were measured at random."""
    orders = [
        {divmod(int(place), grid[1]) for place in order}
        for order in through(CoarseToFine(grid, 1, 0), np.zeros((1, *grid), np.float32))
    ]
    step = 1
    while math.ceil(max(grid) / step) > 8:
        step *= 2
    (top, left) = min(orders[0])
    measured: set[tuple[int, int]] = set()
    before: set[tuple[int, int]] = set()
    for number, order in enumerate(orders):
        if number % 2 == 0:
            (rows, columns) = (range(first % step, side, step) for first, side in zip((top, left), grid, strict=True))
            lattice = set(itertools.product(rows, columns))
            assert order == lattice - measured
            assert before <= lattice
            before = lattice
            for axis, side in ((rows, grid[0]), (columns, grid[1])):
                assert axis[0] < step
                assert side - 1 - axis[-1] < step
            step //= 2
        else:
            assert len(order) == min(max(24, len(before) // 5), grid[0] * grid[1] - len(measured))
        assert not order & measured
        measured |= order
    assert measured == set(itertools.product(range(grid[0]), range(grid[1])))


def test_the_first_lattice_has_8_places_along_the_longer_side_at_most() -> None:
    for grid in GRIDS:
        first = next(CoarseToFine(grid, 1, 0).orders())
        (rows, columns) = (len(set(first // grid[1])), len(set(first % grid[1])))
        assert max(rows, columns) <= 8
        assert len(first) == rows * columns
        assert max(rows, columns) >= min(4, max(grid))


def test_the_order_is_random_and_the_seed_decides_it() -> None:
    values = np.zeros((1, 30, 30), np.float32)
    (base, same, other) = (np.concatenate(through(CoarseToFine((30, 30), 1, seed), values)) for seed in (3, 3, 4))
    assert np.array_equal(base, same)
    assert not np.array_equal(base, other)
    first = next(CoarseToFine((30, 30), 1, 3).orders())
    assert not np.array_equal(first, np.sort(first))  # stopped within the first lattice it has looked everywhere


# -- the map in between -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("grid", [(17, 23), (30, 30), (40, 56), (33, 64)])
def test_a_straight_slope_is_predicted_exactly_between_the_places_of_the_lattice(grid: tuple[int, int]) -> None:
    """Bicubic from the second place to the last but one: the border reflects."""
    (rows, columns) = np.mgrid[: grid[0], : grid[1]]
    values = np.stack([0.3 * rows - 0.7 * columns + 2, 0 * rows + 5, columns - 4]).astype(np.float32)
    plan = CoarseToFine(grid, 3, 0)
    orders = plan.orders()
    first = next(orders)
    plan.put(first, values.reshape(3, -1)[:, first].T)
    next(orders)  # the lattice is complete
    (rows, columns) = (sorted(set(axis)) for axis in (first // grid[1], first % grid[1]))
    assert min(len(rows), len(columns)) >= 4
    inner = (slice(None), slice(rows[1], rows[-2] + 1), slice(columns[1], columns[-2] + 1))
    np.testing.assert_allclose(plan.values()[inner], values[inner], atol=1e-6 * np.abs(values).max())
    assert plan.measured[inner[1:]].mean() < 0.3


def test_measured_values_are_kept_and_predicted_ones_stay_within_them() -> None:
    values = field((40, 56), 2, 0.5, 0)
    for most in (1, 3, 20, 34, 35, 36, 60, 200, 700, 2000):
        plan = CoarseToFine((40, 56), 1, 0)
        through(plan, values, most)
        estimates = plan.values()
        assert plan.reached == most == int(plan.measured.sum())
        np.testing.assert_array_equal(estimates[:, plan.measured], values[:, plan.measured])
        (low, high) = (values[:, plan.measured].min(), values[:, plan.measured].max())
        assert np.isfinite(estimates).all()
        assert estimates.min() >= low
        assert estimates.max() <= high


def test_before_the_first_lattice_is_complete_the_nearest_place_counts() -> None:
    values = field((20, 26), 1, 0.1, 3)
    plan = CoarseToFine((20, 26), 1, 0)
    through(plan, values, 5)
    measured_places = np.argwhere(plan.measured)
    for place in itertools.product(range(20), range(26)):
        distances = ((measured_places - place) ** 2).sum(axis=1)
        nearest = {float(values[0, r, c]) for r, c in measured_places[distances == distances.min()]}
        assert float(plan.values()[0, place[0], place[1]]) in nearest
    assert np.isnan(plan.error()).all()
    assert "not known" in plan.describe_error()
    assert not CoarseToFine((20, 26), 1, 0).values().any()


def test_more_places_make_a_better_map() -> None:
    """Mean absolute error over twenty fields; better than the nearest measured place everywhere."""
    stops = (60, 150, 400, 1000, 2240)
    (errors, nearest) = (np.zeros((20, len(stops))), np.zeros((20, len(stops))))
    for seed, (n, most) in itertools.product(range(20), enumerate(stops)):
        values = field((40, 56), 4, 0.02, seed)
        plan = CoarseToFine((40, 56), 1, seed)
        through(plan, values, most)
        (rows, columns) = distance_transform_edt(~plan.measured, return_distances=False, return_indices=True)
        errors[seed, n] = np.abs(plan.values() - values).mean()
        nearest[seed, n] = np.abs(values[:, rows, columns] - values).mean()
    means = errors.mean(axis=0)
    assert (np.diff(means) < 0).all()
    assert means[-1] == 0
    assert (means[:-1] < 0.8 * nearest.mean(axis=0)[:-1]).all()


def test_targets_do_not_disturb_each_other() -> None:
    both = np.concatenate([field((30, 30), 3, 0.1, 0), 100 * field((30, 30), 1, 0.3, 1)])
    plan = CoarseToFine((30, 30), 2, 0)
    through(plan, both, 200)
    for k in range(2):
        alone = CoarseToFine((30, 30), 1, 0)
        through(alone, both[k : k + 1], 200)
        np.testing.assert_allclose(plan.values()[k], alone.values()[0], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(plan.error()[k], alone.error()[0], rtol=1e-4)


# -- how far off ------------------------------------------------------------------------------------------------------


def ratios(grid: tuple[int, int], smooth: float, noise: float, most: int, seeds: int = 40) -> np.ndarray[Any, Any]:
    """Estimated over true mean error after ``most`` places, for many fields."""
    quotients = []
    for seed in range(seeds):
        values = field(grid, smooth, noise, seed)
        plan = CoarseToFine(grid, 1, seed)
        through(plan, values, most)
        quotients.append(float(plan.error()[0]) / float(np.abs(plan.values() - values).mean()))
    return np.array(quotients)


@pytest.mark.parametrize("most", [90, 120, 170, 250, 290, 400, 600, 850])
def test_the_estimated_error_is_the_true_one_within_half(most: int) -> None:
    """Within a factor of 1.5 for nine fields in ten, wherever it is stopped."""
    quotients = ratios((30, 30), 3, 0.1, most)
    assert np.mean((quotients < 1.5) & (quotients > 1 / 1.5)) >= 0.9
    assert np.median(quotients) == pytest.approx(1, abs=0.2)


@pytest.mark.parametrize(("smooth", "noise"), [(6, 0.02), (2, 0.1), (1, 0.5)])
@pytest.mark.parametrize("most", [60, 110, 162, 190, 400, 599, 711, 1475])
def test_the_estimated_error_is_hardly_ever_too_small(smooth: float, noise: float, most: int) -> None:
    """Of very smooth and of rough fields too. It may be too large: each lattice is expected to miss not much less than the
    one before it until enough has been seen beside it, and on smooth fields it misses much less."""
    quotients = ratios((40, 56), smooth, noise, most)
    assert np.mean(quotients > 1 / 1.5) >= 0.85
    assert np.mean(quotients < 2.5) >= 0.95
    assert 0.75 < np.median(quotients) < 1.8


def test_a_flat_field_has_no_error() -> None:
    plan = CoarseToFine((30, 30), 1, 0)
    through(plan, np.full((1, 30, 30), 0.7, np.float32), 150)
    assert plan.error()[0] == pytest.approx(0, abs=1e-6)
    np.testing.assert_allclose(plan.values(), 0.7, rtol=1e-6)


def test_in_words_it_is_the_worst_target() -> None:
    values = np.concatenate([field((30, 30), 3, 0.01, 0), 100 * field((30, 30), 1, 1.0, 1)])
    plan = CoarseToFine((30, 30), 2, 0)
    through(plan, values, 200)
    (error, span) = (plan.error()[1], np.ptp(plan.values()[1]))
    assert error / span > plan.error()[0] / np.ptp(plan.values()[0])
    assert plan.describe_error() == f"estimated mean error {error:.2g} ({100 * error / span:.1f} % of the range)"


# -- a budget ---------------------------------------------------------------------------------------------------------


def counting() -> tuple[seewhy.Classifier, list[int]]:
    rows: list[int] = []

    def scores(x: torch.Tensor) -> torch.Tensor:
        rows.append(len(x))
        weight = torch.linspace(-1, 1, x.shape[2])[:, None] * torch.linspace(0.5, 2, x.shape[3])
        return torch.stack([(x[:, 0] * weight).mean(dim=(1, 2)), x.mean(dim=(1, 2, 3))], dim=1)

    return seewhy.Classifier(scores, head="none"), rows


@pytest.mark.parametrize("budget", [2, 3, 17, 40, 66, 100, 399])
@pytest.mark.parametrize("reduce", ["center", "average"])
def test_a_budget_in_passes_is_kept_to_the_last_one(budget: int, reduce: str) -> None:
    (clf, rows) = counting()
    photo = torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(0))
    settings: dict[str, Any] = {"mask_size": 4, "stride": 2, "reduce": reduce, "target": [0, 1]}
    e = seewhy.explain(clf, photo, method="occlusion", budget=budget, **settings)
    total = 400 if reduce == "center" else 19**2
    if budget > total:
        assert (sum(rows), e.partial) == (total + 1, False)
        return
    assert sum(rows) == budget == e.cost.forward
    assert e.partial
    assert e.details["stopped"] == "budget"
    assert (e.details["masks_done"], e.details["masks"]) == (budget - 1, total)
    assert np.isfinite(e.maps).all()
    (note,) = (note for note in e.notes if "stopped" in note)
    prefix = f"stopped by the budget after {budget - 1} of {total} masks: the rest is interpolated, "
    assert note.startswith(prefix)
    errors = e.details["estimated_error"]
    if all(math.isfinite(error) for error in errors):
        assert re.fullmatch(r"estimated mean error \S+ \(\d+\.\d % of the range\)", note.removeprefix(prefix))
    else:
        assert budget < 66
        assert note.removeprefix(prefix) == "how far off is not known yet"


def test_what_was_measured_is_told_from_what_was_not() -> None:
    (clf, _) = counting()
    photo = torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(0))
    settings: dict[str, Any] = {"mask_size": 4, "stride": 2, "target": [0, 1]}
    whole = seewhy.explain(clf, photo, method="occlusion", **settings)
    part = seewhy.explain(clf, photo, method="occlusion", budget=120, **settings)
    measured = part.details["measured"]
    assert measured.shape == (20, 20)
    assert int(measured.sum()) == 119
    np.testing.assert_array_equal(part.maps[:, measured], whole.maps[:, measured])
    np.testing.assert_array_equal(np.isfinite(part.details["scores"]).all(axis=1), measured.ravel())
    true_error = np.abs(part.maps - whole.maps).mean(axis=(1, 2))
    assert (true_error > 0).all()
    for error, true in zip(part.details["estimated_error"], true_error, strict=True):
        assert 0.5 < error / true < 2
    assert (whole.partial, whole.notes[1:], whole.details["estimated_error"]) == (False, [], [0.0, 0.0])
    assert "measured" not in whole.details


def test_a_network_that_is_followed_keeps_its_budget_too(small: SmallNet, small_photos: torch.Tensor) -> None:
    """The first rectangles are computed a second time as whole photos; that counts."""
    for budget in (12, 40, 90):
        clf = seewhy.Classifier(small)
        e = seewhy.explain(clf, small_photos[0], method="occlusion", mask_size=3, stride=2, budget=budget)
        assert e.cost.forward <= budget
        assert budget - 3 <= e.details["masks_done"] < budget
        assert e.partial
        assert np.isfinite(e.maps).all()


@pytest.mark.parametrize(("budget", "count"), [(2, 1), (3, 2)])
def test_a_network_with_hardly_a_budget_gives_what_it_allows(
    small: SmallNet, small_photos: torch.Tensor, budget: int, count: int
) -> None:
    e = seewhy.explain(seewhy.Classifier(small), small_photos[0], method="occlusion", mask_size=3, stride=2, budget=budget)
    assert (e.details["masks_done"], e.cost.forward, e.partial) == (count, budget, True)


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (2, 2), (7, 1)])
def test_tiny_photos(size: tuple[int, int]) -> None:
    photo = torch.arange(1.0, 1 + size[0] * size[1]).reshape(1, *size)
    clf = seewhy.Classifier(lambda x: x.sum(dim=(2, 3)), head="none")
    e = seewhy.explain(clf, photo, method="occlusion", mask_size=1, stride=1, fill=0)
    np.testing.assert_allclose(e.maps, photo)
    np.testing.assert_allclose(e.on_input(), photo, rtol=1e-5)
    if photo.numel() > 1:
        partial = seewhy.explain(clf, photo, method="occlusion", mask_size=1, stride=1, fill=0, budget=2)
        assert partial.partial
        assert partial.details["masks_done"] == 1
        assert np.isfinite(partial.maps).all()
        assert float(partial.maps.max()) == float(partial.maps.min())  # one value is known


def test_a_budget_in_seconds_stops_a_slow_function() -> None:
    def slow(x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.01 * len(x))
        return x.mean(dim=(2, 3))

    photo = torch.rand(1, 40, 40, generator=torch.Generator().manual_seed(0))
    start = time.perf_counter()
    e = seewhy.explain(
        seewhy.Classifier(slow, head="none"), photo, method="occlusion", mask_size=4, stride=1, budget="0.6s", batch_size=8
    )
    assert time.perf_counter() - start < 5  # 1600 masks would take 16 s
    assert e.partial
    assert 1 <= e.details["masks_done"] <= 70
    assert any(note.startswith("stopped by the budget after") for note in e.notes)


def test_progress_shows_the_map_so_far() -> None:
    (clf, _) = counting()
    photo = torch.ones(1, 40, 40)
    reports: list[tuple[int, int, Any]] = []
    e = seewhy.explain(
        clf,
        photo,
        method="occlusion",
        mask_size=4,
        stride=2,
        fill=0,
        batch_size=50,
        progress=lambda done, total, partial: reports.append((done, total, partial)),
    )
    assert [done for done, _, _ in reports] == sorted({done for done, _, _ in reports})
    assert (reports[0][:2], reports[-1][:2]) == ((1, 401), (401, 401))
    distance = [float(np.abs(np.broadcast_to(partial.maps, e.maps.shape) - e.maps).mean()) for _, _, partial in reports]
    assert distance[0] > 3 * distance[3] > 9 * distance[-2] > 0
    assert distance[-1] == 0
    assert all(np.isfinite(partial.maps).all() for _, _, partial in reports)
