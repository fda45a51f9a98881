"""Integrated gradients: by midpoints and by trapezoids, their points and order, the gap, baselines by name."""

from __future__ import annotations

import copy
import itertools
import sys
from typing import Any

import numpy as np
import pytest
import torch
from gradient_nets import plain_gradient
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.methods.integrated_gradients import _spread


def by_midpoints(network: nn.Module, photo: torch.Tensor, start: torch.Tensor, target: int, steps: int) -> torch.Tensor:
    total = torch.zeros_like(photo)
    for k in range(1, steps + 1):
        total += plain_gradient(network, start + (k - 0.5) / steps * (photo - start), target)
    return (photo - start) * total / steps


def test_integrated_gradients_by_midpoints(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for steps, baseline in ((5, 0), (16, [0.5, -1.0, 2.0]), (7, small_photos[1])):
        e = seewhy.explain(clf, small_photos[0], method="integrated_gradients", target=3, steps=steps, baseline=baseline)
        start = torch.as_tensor(baseline, dtype=torch.float32)
        start = (start[:, None, None] if start.ndim == 1 else start).expand(small_photos[0].shape)
        expected = by_midpoints(small, small_photos[0], start, 3, steps)
        np.testing.assert_allclose(e.raw[0], expected, rtol=1e-3, atol=1e-6)
        np.testing.assert_allclose(e.maps[0], expected.sum(dim=0), rtol=1e-3, atol=1e-5)
        logits = [float(clf.logits(x)[0, 3]) for x in (small_photos[0], start)]
        assert e.details["difference"][0] == pytest.approx(logits[0] - logits[1], abs=1e-5)
        gap = abs(e.maps.sum() - (logits[0] - logits[1])) / abs(logits[0] - logits[1])
        assert e.details["completeness_gap"][0] == pytest.approx(gap, abs=1e-3)


def test_the_points_lie_evenly_on_the_straight_way() -> None:
    batches: list[torch.Tensor] = []

    def remember(output: torch.Tensor) -> torch.Tensor:
        batches.append(output.detach().clone())
        return output[:, 0]

    photo = torch.tensor([2.0, 4.0]).reshape(2, 1, 1).expand(2, 3, 3).contiguous()
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())  # the scores are the means themselves
    seewhy.explain(
        seewhy.Classifier(network, head="none"),
        photo,
        method="integrated_gradients",
        target=remember,
        steps=10,
        baseline=1,
        batch_size=4,
    )
    rows = torch.cat(batches)
    way = rows[(rows[:, 0] > 1) & (rows[:, 0] < 2)]
    shares = sorted(way[:, 0].sub(1).tolist())
    np.testing.assert_allclose(shares, (np.arange(10) + 0.5) / 10, atol=1e-6)
    np.testing.assert_allclose((way[:, 1] - 1) / 3, way[:, 0] - 1, atol=1e-6)


class Cube(nn.Module):
    """``Σ x³`` and ``Σ x``: the integral is known, and the midpoint rule's gap, too."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([(x**3).sum((1, 2, 3)), x.sum((1, 2, 3))], dim=1)


def test_few_points_are_enough_for_a_smooth_score() -> None:
    photo = torch.full((1, 2, 2), 2.0)
    clf = seewhy.Classifier(Cube(), head="none")
    e = seewhy.explain(clf, photo, method="integrated_gradients", target=[0, 1])
    assert e.details["steps"] == 9
    assert (e.cost.forward, e.cost.backward) == (10, 18)  # the baseline's score is a pass of its own
    # ∫ 3x² by m trapezoids misses x³ by the share 1 / (2 m²), by m midpoints by 1 / (4 m²).
    assert e.details["completeness_gap"][0] == pytest.approx(1 / (2 * 8**2), rel=1e-3)
    np.testing.assert_allclose(e.maps[0], 8 * (1 + 1 / (2 * 8**2)), rtol=1e-5)
    np.testing.assert_allclose(e.maps[1], 2.0, rtol=1e-6)
    few = seewhy.explain(clf, photo, method="integrated_gradients", target=0, steps=2)
    assert few.details["completeness_gap"][0] == pytest.approx(1 / 16, rel=1e-3)
    assert "misses the difference of the scores by 6.2% (more steps bring it closer: steps=4)" in " ".join(few.notes)


def by_trapezoids(network: nn.Module, photo: torch.Tensor, start: torch.Tensor, target: int) -> tuple[torch.Tensor, list[float]]:
    """The rule a second time, everything computed anew at every step: the shares of the score, and the points."""
    network = copy.deepcopy(network).eval()

    def score(share: float) -> float:
        with torch.no_grad():
            return float(network((start + share * (photo - start))[None])[0, target])

    def gradient(share: float) -> torch.Tensor:
        return plain_gradient(network, start + max(share, 1 / 1024) * (photo - start), target)

    points = [k / 8 for k in range(9)]
    difference = score(1) - score(0)
    while True:
        (total, errors) = torch.zeros_like(photo), []
        for left, right in itertools.pairwise(points):
            area = (right - left) * (gradient(left) + gradient(right)) / 2 * (photo - start)
            total += area
            errors.append(float(area.sum()) - (score(right) - score(left)))
        if abs(sum(errors)) < 0.01 * abs(difference):
            return total, points
        worst = max(range(len(errors)), key=lambda i: errors[i] * sum(errors))
        points.insert(worst + 1, (points[worst] + points[worst + 1]) / 2)


class Bend(nn.Module):
    """``Σ_i w_i tanh(c_i x̄_i)`` and others: scores that bend sharply close to the baseline."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = x.mean((2, 3))
        return torch.stack([(means * steepness).tanh().sum(1) + means.sum(1) for steepness in (40.0, 7.0)], dim=1)


@pytest.mark.parametrize("target", [0, 1])
def test_points_go_where_the_score_bends(target: int) -> None:
    photo = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)) + torch.tensor([0.5, -0.7, 0.2])[:, None, None]
    (expected, points) = by_trapezoids(Bend(), photo, torch.zeros_like(photo), target)
    e = seewhy.explain(seewhy.Classifier(Bend()), photo, method="integrated_gradients", target=target)
    assert e.details["steps"] == len(points) == {0: 14, 1: 9}[target]
    assert (e.cost.forward, e.cost.backward) == (len(points) + 1, len(points))
    np.testing.assert_allclose(e.raw[0], expected, rtol=1e-4, atol=1e-5)
    assert e.details["completeness_gap"][0] < 0.01
    assert all(share < 1 / 8 for share in points if share * 8 % 1)  # the evenly spread ones aside


def test_the_target_with_the_widest_gap_decides() -> None:
    photo = torch.rand(3, 4, 4, generator=torch.Generator().manual_seed(0)) + 0.5
    clf = seewhy.Classifier(Bend())
    both = seewhy.explain(clf, photo, method="integrated_gradients", target=[1, 0])
    each = [seewhy.explain(clf, photo, method="integrated_gradients", target=target) for target in (1, 0)]
    assert [e.details["steps"] for e in each] == [9, 12]
    assert both.details["steps"] == 13  # with 12 the first one's gap, narrow with 9, is wide again
    assert max(both.details["completeness_gap"]) < 0.01
    assert both.cost.backward == 2 * 13


def test_without_blocks_the_points_are_the_same(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    (one, many) = (
        seewhy.explain(clf, small_photos[0], method="integrated_gradients", target=2, batch_size=size) for size in (1, 8)
    )
    assert one.details["steps"] == many.details["steps"]
    np.testing.assert_allclose(one.maps, many.maps, rtol=1e-3, atol=1e-5)
    (expected, points) = by_trapezoids(small, small_photos[0], torch.zeros_like(small_photos[0]), 2)
    assert one.details["steps"] == len(points)
    np.testing.assert_allclose(one.raw[0], expected, rtol=1e-3, atol=1e-5)


class Shattered(nn.Module):
    """Two pixels whose slopes swing against each other, so that neither shows in the score: ``y = 1`` at the path's end."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (first, second) = (x[:, 0, 0, 0], x[:, 0, 0, 1])
        swing = (8 * torch.pi * (first + second) / 2).cos()
        return torch.stack([first + swing.detach() * (first - second), second], dim=1)


def test_a_small_gap_is_not_enough_where_the_map_does_not_hold_still() -> None:
    clf = seewhy.Classifier(Shattered(), head="none")
    e = seewhy.explain(clf, torch.ones(1, 1, 2), method="integrated_gradients", target=0)
    even = seewhy.explain(clf, torch.ones(1, 1, 2), method="integrated_gradients", target=0, steps=200)
    assert e.details["completeness_gap"][0] < 1e-5
    assert e.details["steps"] > 9
    assert e.details["map_error"][0] < 0.3
    assert "map_error" not in even.details
    np.testing.assert_allclose(even.raw[0, 0, 0], [1.0, 0.0], atol=0.15)  # ∫ cos over four whole swings is 0
    np.testing.assert_allclose(e.raw[0, 0, 0], even.raw[0, 0, 0], atol=0.15)


class Fence(nn.Module):
    """A score with teeth so narrow that few steps miss them: ``y = x`` up to half of the way, and a jump of slope behind."""

    def __init__(self, teeth: int) -> None:
        super().__init__()
        self.teeth = teeth

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x.mean((1, 2, 3))
        return torch.stack([y + torch.sin(2 * torch.pi * self.teeth * y) / 6 + (y - 0.501).clamp_min(0) * 30, y], dim=1)


def test_it_goes_on_with_midpoints_and_says_where_it_ends() -> None:
    photo = torch.ones(1, 2, 2)
    e = seewhy.explain(seewhy.Classifier(Fence(64), head="none"), photo, method="integrated_gradients", target=0)
    assert e.details["steps"] > 64
    assert e.details["completeness_gap"][0] < 0.01
    stuck = seewhy.explain(seewhy.Classifier(Fence(1024), head="none"), photo, method="integrated_gradients", target=0)
    assert stuck.details["steps"] == 1024
    assert stuck.cost.backward == 64 + 128 + 256 + 512 + 1024 == stuck.cost.forward - 1
    assert stuck.details["completeness_gap"][0] > 0.01
    assert "(even with 1024 steps)" in " ".join(stuck.notes)


@pytest.mark.parametrize("count", [1, 2, 7, 64, 100])
def test_every_beginning_of_the_order_is_spread_out(count: int) -> None:
    order = _spread(count)
    assert sorted(order) == list(range(count))
    for n in (8, 16, 32):
        if n <= count:
            mean = (np.array(order[:n]) + 0.5).mean() / count
            assert abs(mean - 0.5) < 0.12


@pytest.mark.parametrize("baseline", ["mean", "blur", "noise", "black", None])
def test_baselines_by_name(small: SmallNet, baseline: Any) -> None:
    photo = (255 * np.random.default_rng(0).random((20, 28, 3))).astype(np.uint8)
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=(20, 28), resize="stretch"))
    e = seewhy.explain(clf, photo, method="integrated_gradients", target=1, baseline=baseline, seed=5)
    assert e.details["completeness_gap"][0] < 0.01
    if baseline == "black":
        zero = seewhy.explain(clf, photo, method="integrated_gradients", target=1)
        assert np.array_equal(zero.maps, e.maps)
    another = seewhy.explain(clf, photo, method="integrated_gradients", target=1, baseline=photo[::-1].copy())
    assert not np.allclose(another.maps, e.maps)


def test_memory_holds_one_block_only(small: SmallNet, small_photos: torch.Tensor) -> None:
    """However many steps: no more photos than a block go through at once."""
    blocks: list[int] = []
    small.features.register_forward_pre_hook(lambda module, args: blocks.append(len(args[0])))
    seewhy.explain(seewhy.Classifier(small), small_photos[0], method="integrated_gradients", steps=100, batch_size=8)
    assert max(blocks) == 8
    assert sum(blocks) >= 100


def test_few_points_are_kept_where_they_would_take_much_memory(
    small: SmallNet, small_photos: torch.Tensor, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Then midpoints go on, of which a sum is enough, to the same integral."""
    clf = seewhy.Classifier(small)
    module = sys.modules["seewhy.methods.integrated_gradients"]
    usual = seewhy.explain(clf, small_photos[0], "integrated_gradients", target=[0, 1, 2], steps=512)
    monkeypatch.setattr(module, "KEPT_BYTES", 1)
    monkeypatch.setattr(module, "TOLERANCE", 1e-6)
    e = seewhy.explain(clf, small_photos[0], "integrated_gradients", target=[0, 1, 2])
    assert e.details["steps"] in [9 * 2**k for k in range(1, 8)]  # doubled from the nine points that were kept
    np.testing.assert_allclose(e.maps, usual.maps, atol=0.02 * float(np.abs(usual.maps).max()))
