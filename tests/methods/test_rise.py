"""RISE: the equation with its masks made a second time, what chance leaves in it, and what cannot be asked for."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch.nn import functional as F

import seewhy

Maps = np.ndarray[Any, np.dtype[np.float64]]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def masks_of(size: tuple[int, int], count: int, grid: int, keep: float, seed: int) -> torch.Tensor:
    """``(N, H, W)``: grids of on and off with a cell to spare, enlarged by torch, cut out one after the other."""
    rng = np.random.default_rng(seed)
    on = rng.random((count, grid + 1, grid + 1)) < keep
    cells = [math.ceil(side / grid) for side in size]
    offsets = [rng.integers(0, cell, count) for cell in cells]
    masks = []
    for n in range(count):
        small = torch.from_numpy(on[n].astype(np.float32))[None, None]
        large = F.interpolate(small, size=[(grid + 1) * cell for cell in cells], mode="bilinear", align_corners=False)[0, 0]
        (top, left) = (offsets[0][n], offsets[1][n])
        masks.append(large[top : top + size[0], left : left + size[1]])
    return torch.stack(masks)


def by_loops(
    value: Callable[[torch.Tensor], torch.Tensor], photo: torch.Tensor, masks: torch.Tensor, fill: torch.Tensor, keep: float
) -> tuple[Maps, Maps]:
    """The map and its standard error ``(H, W)``: (1 / (N p)) Σ (y - ȳ) M, one mask after the other.

    As Σ (y - ȳ) is 0, this is (1 / (N p)) Σ (y - ȳ) (M - M̄), a covariance: its terms' spread gives the standard error.
    """
    scores = []
    with torch.no_grad():
        for mask in masks:
            scores.append(float(value((photo * mask + fill[:, None, None] * (1 - mask))[None])[0]))
    mean = sum(scores) / len(scores)
    arrays = masks.double().numpy()
    map_ = sum((y - mean) * mask for y, mask in zip(scores, arrays, strict=True)) / (keep * len(scores))
    terms = np.stack([(y - mean) * (mask - arrays.mean(axis=0)) / keep for y, mask in zip(scores, arrays, strict=True)])
    return map_, terms.std(axis=0, ddof=1) / math.sqrt(len(scores))


@pytest.mark.parametrize(
    ("grid", "keep", "fill", "size"),
    [
        (7, 0.5, "black", (20, 28)),
        (3, 0.2, [0.5, -1.0, 2.0], (20, 28)),  # 20 rows are no multiple of 3 cells
        (1, 0.9, 0.25, (20, 28)),
        (13, 0.5, "black", (13, 30)),  # one pixel for each cell, of which 30 columns are not a multiple
    ],
)
def test_the_equation_with_masks_made_a_second_time(
    small: SmallNet, grid: int, keep: float, fill: Any, size: tuple[int, int]
) -> None:
    photo = noise(3, *size)
    e = seewhy.explain(
        seewhy.Classifier(small),
        photo,
        method="rise",
        target=[2, 0],
        masks=60,
        grid=grid,
        keep=keep,
        fill=fill,
        seed=11,
        score="logit",
    )
    colour = torch.zeros(3) if fill == "black" else torch.as_tensor(fill).expand(3)
    masks = masks_of(size, 60, grid, keep, 11)
    assert e.maps.shape == e.details["standard_error"].shape == (2, *size)
    assert e.signed
    small.eval()
    for map_, error, k in zip(e.maps, e.details["standard_error"], (2, 0), strict=True):
        (expected, spread) = by_loops(lambda x, k=k: small(x)[:, k], photo, masks, colour, keep)
        np.testing.assert_allclose(map_, expected, atol=1e-5 * np.abs(expected).max() + 1e-6)
        np.testing.assert_allclose(error, spread, atol=1e-4 * spread.max() + 1e-6)
        assert np.ptp(expected) > 1e-3
    assert (e.cost.forward, e.details["masks_done"], e.partial) == (61, 60, False)


def test_the_scores_of_the_masks_are_kept(small: SmallNet) -> None:
    photo = noise(3, 20, 28)
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, photo, method="rise", target=[1, 3], masks=20, seed=2)
    expected = clf.scores([photo * mask for mask in masks_of((20, 28), 20, 7, 0.5, 2)])
    assert e.details["values"].shape == (2, 20)
    np.testing.assert_allclose(e.details["values"], expected.T[[1, 3]], atol=2e-6)
    assert e.units == "probability"
    np.testing.assert_allclose(e.details["base"], clf.scores(photo)[0][[1, 3]], atol=1e-6)


def test_masks_show_their_share_and_are_soft() -> None:
    """As the network sees them: from 0 to 1, ``keep`` of the photo on average, and everywhere alike."""
    copies: list[torch.Tensor] = []

    def scores(x: torch.Tensor) -> torch.Tensor:
        copies.append(x[:, 0].clone())
        return x.mean(dim=(2, 3))

    for keep in (0.5, 0.2):
        copies.clear()
        seewhy.explain(
            seewhy.Classifier(scores, head="none"), torch.ones(1, 21, 30), method="rise", masks=2000, grid=5, keep=keep
        )
        masks = torch.cat(copies[1:]).numpy()
        assert masks.shape == (2000, 21, 30)
        assert masks.min() >= 0
        assert masks.max() <= 1 + 1e-6
        assert masks.mean() == pytest.approx(keep, abs=0.01)
        np.testing.assert_allclose(masks.mean(axis=0), keep, atol=0.05)
        between = (masks > 0.05) & (masks < 0.95)
        assert between.mean() > 0.3
        assert np.abs(np.diff(masks, axis=2)).max() <= 1 / 6 + 1e-5  # from cell to cell in 6 columns


def test_a_constant_score_gives_exactly_nothing() -> None:
    clf = seewhy.Classifier(lambda x: torch.full((len(x), 2), 0.3), head="none")
    e = seewhy.explain(clf, noise(3, 14, 21), method="rise", masks=50, target=[0, 1])
    assert not e.maps.any()
    assert e.details["standard_error"].max() < 1e-6
    sentence = "The map is flat: hiding any part of the photo changes the value of 'class {}' (0.30) by less than a millionth; "
    assert e.notes[1:] == [sentence.format(k) + "there is nothing to explain" for k in (0, 1)]


def test_the_map_is_centred() -> None:
    """A number added to the score changes nothing, though it is a hundred times as large as what the masks move."""
    photo = noise(1, 14, 21)
    weight = noise(14, 21, seed=1) / 100

    def explained(offset: float) -> seewhy.Explanation:
        clf = seewhy.Classifier(lambda x: (x * weight).double().sum(dim=(2, 3)) + offset, head="none")
        return seewhy.explain(clf, photo, method="rise", masks=200, seed=1)

    (plain, moved) = (explained(0.0), explained(30.0))
    np.testing.assert_allclose(moved.maps, plain.maps, atol=2e-3 * np.abs(plain.maps).max())
    np.testing.assert_allclose(
        moved.details["standard_error"], plain.details["standard_error"], atol=2e-3 * plain.details["standard_error"].max()
    )
    assert (plain.maps > 0).any()
    assert (plain.maps < 0).any()


def test_a_linear_score_gives_its_contribution_blurred_by_the_masks() -> None:
    """S(p) -> Σ_q c(q) Cov(M_p, M_q) / keep, c = weight · photo. The covariance from all offsets, cell by cell."""
    (size, grid, keep) = ((12, 15), 3, 0.4)
    photo = noise(2, *size)
    weight = noise(2, *size, seed=1)
    clf = seewhy.Classifier(lambda x: (x * weight).sum(dim=(1, 2, 3))[:, None], head="none")
    cells = [math.ceil(side / grid) for side in size]
    corners = torch.eye((grid + 1) ** 2).reshape(-1, 1, grid + 1, grid + 1)
    large = F.interpolate(corners, size=[(grid + 1) * cell for cell in cells], mode="bilinear", align_corners=False)[:, 0]
    covariance = np.zeros((12 * 15, 12 * 15))
    for top in range(cells[0]):
        for left in range(cells[1]):
            shares = large[:, top : top + 12, left : left + 15].reshape(len(large), -1).double().numpy()
            covariance += keep * (1 - keep) * shares.T @ shares / (cells[0] * cells[1])
    contribution = (photo * weight).sum(dim=0).double().numpy().ravel()
    expected = (covariance @ contribution / keep).reshape(size)
    far = []
    for masks in (250, 1000, 16_000):
        e = seewhy.explain(clf, photo, method="rise", masks=masks, grid=grid, keep=keep)
        error = e.details["standard_error"][0]
        assert (np.abs(e.maps[0] - expected) / error).max() < 4.5
        far.append(float(np.abs(e.maps[0] - expected).mean()))
    assert np.corrcoef(e.maps[0].ravel(), expected.ravel())[0, 1] > 0.99
    assert far[2] < 0.5 * far[0]
    assert np.abs(expected).mean() > 4 * far[2]


def test_the_peak_lies_where_the_evidence_is() -> None:
    photo = torch.zeros(1, 30, 48)
    photo[0, 4:9, 36:42] = 1
    clf = seewhy.Classifier(lambda x: torch.stack([x.sum(dim=(1, 2, 3)), -x.sum(dim=(1, 2, 3))], dim=1), head="none")
    e = seewhy.explain(clf, photo, method="rise", masks=3000, target=[0, 1])
    (row, column) = np.unravel_index(np.argmax(e.maps[0]), (30, 48))
    assert abs(row - 6) <= 2
    assert abs(column - 38.5) <= 3
    np.testing.assert_allclose(e.maps[1], -e.maps[0], atol=1e-5)


def test_the_standard_error_is_the_spread_over_seeds() -> None:
    photo = noise(1, 12, 15)
    weight = noise(12, 15, seed=1)
    clf = seewhy.Classifier(lambda x: (x * weight).sum(dim=(2, 3)).tanh(), head="none")
    several = [seewhy.explain(clf, photo, method="rise", masks=200, grid=3, seed=seed) for seed in range(30)]
    spread = np.std([e.maps[0] for e in several], axis=0, ddof=1)
    standard_error = np.mean([e.details["standard_error"][0] for e in several], axis=0)
    assert (standard_error / spread).mean() == pytest.approx(1, abs=0.25)
    assert np.quantile(standard_error / spread, [0.02, 0.98]) == pytest.approx([1, 1], abs=0.6)
    four_times = seewhy.explain(clf, photo, method="rise", masks=800, grid=3)
    assert four_times.details["standard_error"].mean() == pytest.approx(standard_error.mean() / 2, rel=0.1)


def test_all_classes_in_one_sweep_equal_one_by_one(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    together = seewhy.explain(clf, small_photos[0], method="rise", masks=50, target=[3, 0, 1, 2])
    for k, target in enumerate((3, 0, 1, 2)):
        alone = seewhy.explain(clf, small_photos[0], method="rise", masks=50, target=target)
        np.testing.assert_allclose(together.maps[k], alone.maps[0], atol=1e-7)
        np.testing.assert_allclose(together.details["standard_error"][k], alone.details["standard_error"][0], atol=1e-7)
        assert together.cost.forward == alone.cost.forward == 51
    np.testing.assert_allclose(together.maps.sum(axis=0), 0, atol=1e-6)


def test_the_batch_size_does_not_matter(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    (single, many) = (seewhy.explain(clf, small_photos[0], method="rise", masks=70, batch_size=size) for size in (1, 64))
    assert (single.details["batch_size"], many.details["batch_size"]) == (1, 64)
    np.testing.assert_allclose(single.maps, many.maps, atol=1e-6)
    np.testing.assert_allclose(single.details["standard_error"], many.details["standard_error"], atol=1e-6)


def test_the_seed_decides_the_masks(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    (first, same, other) = (seewhy.explain(clf, small_photos[0], method="rise", masks=40, seed=seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(first.maps, same.maps)
    assert np.abs(first.maps - other.maps).max() > 0.1 * np.abs(first.maps).max()


def test_numbers_of_numpy_are_taken() -> None:
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), head="none")
    (plain, numpys) = (
        seewhy.explain(clf, noise(1, 14, 21), method="rise", masks=number(20), grid=number(3), keep=share(0.25))
        for number, share in ((int, float), (np.int64, np.float32))
    )
    np.testing.assert_array_equal(plain.maps, numpys.maps)
    assert plain.maps.any()


@pytest.mark.parametrize("budget", [3, 20, 51, 99])
def test_a_budget_in_passes_is_kept_to_the_last_one(budget: int) -> None:
    """What is there then is what so many masks would have given, with the larger standard error."""
    rows: list[int] = []

    def scores(x: torch.Tensor) -> torch.Tensor:
        rows.append(len(x))
        return x.mean(dim=(2, 3))

    photo = noise(2, 14, 21)
    clf = seewhy.Classifier(scores, head="none")
    e = seewhy.explain(clf, photo, method="rise", masks=100, budget=budget)
    assert sum(rows) == budget == e.cost.forward
    assert (e.partial, e.details["masks_done"], e.details["stopped"]) == (True, budget - 1, "budget")
    error = e.details["standard_error"][0].mean()
    assert e.notes[1] == f"stopped by the budget after {budget - 1} of 100 masks: standard error {error:.2g} on average"
    masks = masks_of((14, 21), 100, 7, 0.5, 0)[: budget - 1]
    k = e.targets[0].index
    (expected, spread) = by_loops(lambda x: x.mean(dim=(2, 3))[:, k], photo, masks, torch.zeros(2), 0.5)
    np.testing.assert_allclose(e.maps[0], expected, atol=1e-6)
    np.testing.assert_allclose(e.details["standard_error"][0], spread, atol=1e-6)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"masks": 0}, "masks=0: write a whole number, 2 or more."),
        ({"masks": 1}, "masks=1: write a whole number, 2 or more."),
        ({"masks": -5}, "masks=-5: write a whole number, 2 or more."),
        ({"masks": 20.0}, "masks=20.0: write a whole number, 2 or more."),
        ({"masks": True}, "masks=True: write a whole number, 2 or more."),
        ({"grid": 0}, "grid=0: write a whole number above 0."),
        ({"grid": 2.5}, "grid=2.5: write a whole number above 0."),
        ({"grid": 15}, "grid=15: the network's input has 14×21 pixels only: write a smaller grid."),
        ({"keep": 0}, "keep=0: write a share between 0 and 1."),
        ({"keep": 1}, "keep=1: write a share between 0 and 1."),
        ({"keep": 1.0}, "keep=1.0: write a share between 0 and 1."),
        ({"keep": -0.5}, "keep=-0.5: write a share between 0 and 1."),
        ({"keep": True}, "keep=True: write a share between 0 and 1."),
        ({"keep": "half"}, "keep='half': write a share between 0 and 1."),
        ({"keep": float("nan")}, "keep=nan: write a share between 0 and 1."),
        (
            {"fill": "white"},
            "fill='white': write a number, or one per channel, in the tensor's own units, "
            "or one of 'mean', 'black', 'blur', 'noise'.",
        ),
        ({"score": "p"}, "score='p': write one of 'probability', 'logit', 'log_odds'."),
        (
            {"budget": "auto"},
            "budget='auto': rise does not know when it has seen enough; write forward passes (200) or seconds ('20s').",
        ),
        ({"budget": 1}, "The budget was used up before two of 2000 masks: give it more passes or seconds."),
        ({"budget": 2}, "The budget was used up before two of 2000 masks: give it more passes or seconds."),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), head="none")
    with pytest.raises(seewhy.errors.OptionError, match=f"^{re.escape(message)}$"):
        seewhy.explain(clf, noise(3, 14, 21), method="rise", **settings)


def test_two_masks_are_enough_for_a_map() -> None:
    photo = noise(1, 14, 21)
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), head="none")
    e = seewhy.explain(clf, photo, method="rise", masks=2, seed=3)
    (expected, _) = by_loops(lambda x: x.mean(dim=(1, 2, 3)), photo, masks_of((14, 21), 2, 7, 0.5, 3), torch.zeros(1), 0.5)
    np.testing.assert_allclose(e.maps[0], expected, atol=1e-7)
    assert np.abs(expected).max() > 1e-4
