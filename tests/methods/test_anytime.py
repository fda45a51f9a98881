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
from bench.anytime import plain_grid
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
def test_the_first_places_are_an_even_grid_over_everything(grid: tuple[int, int]) -> None:
    """At most 7 places along the longer side, as far apart along the other, and as much left at both ends."""
    first = next(CoarseToFine(grid, 1, 0).orders())
    axes = [sorted({int(place) for place in axis}) for axis in (first // grid[1], first % grid[1])]
    assert sorted(first.tolist()) == [row * grid[1] + column for row, column in itertools.product(*axes)]
    assert max(len(axis) for axis in axes) == min(7, max(grid))
    for axis, side in zip(axes, grid, strict=True):
        assert len(axis) == min(side, math.ceil(7 * side / max(grid)))
        assert max(np.diff(axis), default=0) - min(np.diff(axis), default=0) <= 1
        assert abs(axis[0] - (side - 1 - axis[-1])) <= 1


def test_next_come_batches_where_a_place_is_far_from_all_others() -> None:
    """On a flat map: after 49 places 7 apart the largest hole is closed as on a plain grid."""
    values = np.zeros((1, 49, 49), np.float32)
    plan = CoarseToFine((49, 49), 1, 0)
    orders = through(plan, values, 49 + 16 * 9)
    assert [len(order) for order in orders] == [49, *[16] * 5, 32, 32]
    holes = distance_transform_edt(~plan.measured)
    assert holes.max() <= 4.5  # 193 places: 3.5 apart, where a plain grid leaves 2.5, and the first one left 5


def test_places_lie_densely_where_the_map_is_rough_and_nowhere_does_a_hole_stay() -> None:
    values = np.zeros((1, 60, 60), np.float32)
    values[0, :, 30:] = np.random.default_rng(0).standard_normal((60, 30))
    values[0] = gaussian_filter(values[0], 1)
    values[0] += np.linspace(0, 0.1, 60)
    plan = CoarseToFine((60, 60), 1, 0)
    through(plan, values, 300)
    assert plan.measured[:, 32:].sum() > 0.65 * 300  # of 47 % of the places
    assert distance_transform_edt(~plan.measured).max() < 8.6


def test_a_target_in_small_units_counts_as_much_as_one_in_large_units() -> None:
    rng = np.random.default_rng(0)
    noise = gaussian_filter(rng.standard_normal((60, 60)), 1)
    (left, right) = (noise.copy(), noise.copy())
    left[:, 30:] = right[:, :30] = 0
    plan = CoarseToFine((60, 60), 2, 0)
    through(plan, np.stack([1000 * left, right]).astype(np.float32), 300)
    assert 0.4 < plan.measured[:, :30].mean() / (2 * plan.measured.mean()) < 0.6


def test_values_that_are_not_numbers_do_not_stop_it() -> None:
    values = field((20, 20), 2, 0.1, 0)
    values[0, 3:9, 3:9] = np.nan
    plan = CoarseToFine((20, 20), 1, 0)
    orders = through(plan, values)
    assert np.sort(np.concatenate(orders)).tolist() == list(range(400))


def test_the_order_is_random_and_the_seed_decides_it() -> None:
    values = np.zeros((1, 30, 30), np.float32)
    (base, same, other) = (np.concatenate(through(CoarseToFine((30, 30), 1, seed), values)) for seed in (3, 3, 4))
    assert np.array_equal(base, same)
    assert not np.array_equal(base, other)
    first = next(CoarseToFine((30, 30), 1, 3).orders())
    assert not np.array_equal(first, np.sort(first))  # stopped within the first lattice it has looked everywhere


# -- the map in between -----------------------------------------------------------------------------------------------


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


def test_before_anything_is_known() -> None:
    plan = CoarseToFine((20, 26), 1, 0)
    assert not plan.values().any()
    through(plan, field((20, 26), 1, 0.1, 3), 11)
    assert np.isnan(plan.error()).all()
    assert plan.describe_error() == "how far off is not known yet"
    plan = CoarseToFine((20, 26), 1, 0)
    through(plan, field((20, 26), 1, 0.1, 3), 12)
    assert np.isfinite(plan.error()).all()


@pytest.mark.parametrize("most", [100, 170, 250, 600])
def test_it_is_not_below_a_plain_grid_of_as_many_places(most: int) -> None:
    """Ten maps that are rough in a part of them, as those of photos are: correlation with the truth."""
    for seed in range(10):
        centre = np.random.default_rng(seed).uniform(15, 41, 2)
        (rows, columns) = np.mgrid[:56, :56]
        window = np.exp(-((rows - centre[0]) ** 2 + (columns - centre[1]) ** 2) / 2 / 10**2)
        values = field((56, 56), 2, 0, seed) * window + 0.1 * field((56, 56), 8, 0, seed)
        values = values.astype(np.float32)
        plan = CoarseToFine((56, 56), 1, seed)
        through(plan, values, most)
        (ours, plain) = (
            float(np.corrcoef(map.ravel(), values.ravel())[0, 1]) for map in (plan.values(), plain_grid(values[0], most))
        )
        assert ours > plain


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
    places = np.flatnonzero(plan.measured)  # chosen for both
    for k in range(2):
        alone = CoarseToFine((30, 30), 1, 0)
        alone.put(places, both[k].reshape(-1, 1)[places])
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
    assert np.median(quotients) == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize(("smooth", "noise", "lowest", "highest"), [(6, 0.02, 0.7, 1.9), (2, 0.1, 0.85, 1.5), (1, 0.5, 0.6, 1.2)])
@pytest.mark.parametrize("most", [60, 110, 190, 400, 559])
def test_the_estimated_error_of_very_smooth_and_of_noisy_fields(
    smooth: float, noise: float, lowest: float, highest: float, most: int
) -> None:
    """The error is taken to grow with the distance to the power 0.75: at first too much for the former, too little for noise."""
    quotients = ratios((40, 56), smooth, noise, most, 20)
    assert lowest < np.median(quotients) < highest
    assert np.mean((quotients > 0.55) & (quotients < 2.2)) >= 0.95


def test_on_the_way_an_estimate_of_a_little_while_ago_will_do() -> None:
    values = field((40, 40), 3, 0.1, 0)
    plan = CoarseToFine((40, 40), 1, 0)
    texts = {}
    orders = plan.orders()
    order = next(orders)
    for place in order:
        plan.put(np.array([place]), values.reshape(1, -1)[:, [place]].T)
        texts[plan.reached] = plan.describe_error(recent=True)
    changes = [count for count in texts if texts[count] != texts.get(count - 1)]
    assert (changes[0], texts[1]) == (1, "how far off is not known yet")
    assert 12 <= changes[1] <= 15
    assert len(changes) <= 10
    assert (
        plan.describe_error()
        == f"estimated mean error {plan.error()[0]:.2g} ({100 * plan.error()[0] / np.ptp(plan.values()):.1f} % of the range)"
    )


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
    assert distance[0] > 3 * distance[3] > 3 * distance[-3] > 0
    assert distance[-1] == 0
    assert all(np.isfinite(partial.maps).all() for _, _, partial in reports)
