"""Occlusion: which masks there are, what they measure, where the values lie, and what cannot be asked for."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.geometry import SampleGrid
from seewhy.methods.anytime import CoarseToFine
from seewhy.methods.occlusion import Occlusion, _Masks

Maps = np.ndarray[Any, np.dtype[np.float32]]
Function = Callable[[torch.Tensor], torch.Tensor]


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def function(scores: Function, **settings: Any) -> seewhy.Classifier:
    """A function as a classifier; its outputs are the scores."""
    return seewhy.Classifier(scores, head="none", **settings)


def edges(x: torch.Tensor) -> torch.Tensor:
    """``(n, 5)``: of the zeros in each copy the first row, the row behind the last, the columns likewise, and their number.

    The scores of a photo of ones without a mask are all 0, so that the map is minus these numbers.
    """
    numbers = []
    for copy in x:
        (rows, columns) = np.nonzero(copy[0].numpy() == 0)
        row = [rows.min(), rows.max() + 1, columns.min(), columns.max() + 1, len(rows)] if len(rows) else [0] * 5
        numbers.append(row)
    return torch.tensor(numbers, dtype=torch.float32)


def rectangles(size: tuple[int, int], **settings: Any) -> np.ndarray[Any, Any]:
    """``(rows, columns, 4)``: first row, row behind the last, and the columns, of every mask as the network saw it."""
    e = seewhy.explain(
        function(edges), torch.ones(1, *size), method="occlusion", fill=0, target=[0, 1, 2, 3, 4], score="logit", **settings
    )
    (top, bottom, left, right, pixels) = -e.maps
    np.testing.assert_array_equal(pixels, (bottom - top) * (right - left))  # nothing but a rectangle
    return np.stack([top, bottom, left, right], axis=-1).astype(int)


def copies(
    photo: torch.Tensor, fill: torch.Tensor, size: tuple[int, int], stride: tuple[int, int], clip: bool
) -> list[list[torch.Tensor]]:
    """Every masked photo, one by one, rows of masks first."""
    (height, width) = photo.shape[1:]
    grid = []
    tops = range(0, height, stride[0]) if clip else range(0, height - size[0] + 1, stride[0])
    lefts = range(0, width, stride[1]) if clip else range(0, width - size[1] + 1, stride[1])
    for row in tops:
        grid.append([])
        for column in lefts:
            copy = photo.clone()
            top = row - math.floor((size[0] - 1) / 2) if clip else row
            left = column - math.floor((size[1] - 1) / 2) if clip else column
            for r in range(max(0, top), min(height, top + size[0])):
                for c in range(max(0, left), min(width, left + size[1])):
                    copy[:, r, c] = fill
            grid[-1].append(copy)
    return grid


def drops(scores: Function, photo: torch.Tensor, masked: list[list[torch.Tensor]]) -> Maps:
    """``(rows, columns)``: the score of the photo minus that of every copy; ``scores``: (n, C, H, W) -> (n,)."""
    with torch.no_grad():
        base = scores(photo[None])[0]
        return np.array([[float(base - scores(copy[None])[0]) for copy in row] for row in masked], np.float32)


# -- which masks ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("side", "mask", "stride", "clipped", "whole"),
    [
        (224, None, None, 11, 9),
        (224, 45, 22, 11, 9),
        (224, 15, 10, 23, 21),
        (227, None, None, 10, 8),
        (227, 45, 23, 10, 8),
        (299, None, None, 10, 8),
        (299, 60, 30, 10, 8),
        (224, 71, 1, 224, 154),
    ],
)
def test_how_many_masks(side: int, mask: int | None, stride: int | None, clipped: int, whole: int) -> None:
    clf = function(lambda x: x.mean(dim=(2, 3)))
    for clip, count in ((True, clipped), (False, whole)):
        settings = {"mask_size": mask, "stride": stride, "clip": clip}
        e = seewhy.explain(clf, torch.zeros(1, side, side), method="occlusion", budget=3, **settings)
        assert e.maps.shape == (1, count, count)
        assert e.details["masks"] == count**2
        assert e.details["mask_size"] == ((mask or round(side / 5)),) * 2
        positions = [(r * e.details["stride"][0], c * e.details["stride"][1]) for r in range(count) for c in range(count)]
        first = (e.details["mask_size"][0] - 1) // 2 if clip else 0
        assert list(zip(e.details["mask_rows"] + first, e.details["mask_columns"] + first, strict=True)) == positions


def test_the_dense_sweep_of_the_sources() -> None:
    """50,176 masks of 71×71, one for every pixel: rows max(0, r - 35) to min(223, r + 35); 36×36 in the corners."""
    masks = _Masks.of((224, 224), 71, 1, True, "center")
    assert masks.count == 50_176
    places = ((0, 0), (0, 223), (223, 0), (223, 223), (112, 143), (35, 188), (50, 36), (100, 34))
    indices = np.array([224 * r + c for r, c in places])
    zeros = np.zeros(len(indices), np.int64)
    hidden = ~masks.visible(indices, zeros, zeros, (224, 224)).numpy()
    for (r, c), off in zip(places, hidden, strict=True):
        expected = np.zeros((224, 224), bool)
        for row in range(max(0, r - 35), min(223, r + 35) + 1):
            expected[row, max(0, c - 35) : min(223, c + 35) + 1] = True
        assert np.array_equal(off, expected), (r, c)
    assert [int(off.sum()) for off in hidden[:5]] == [36**2, 36**2, 36**2, 36**2, 71**2]
    trial = next(k for k in range(masks.count) if tuple(masks.corners[:, k]) == (77, 108))  # S3's first single trial
    (visible,) = masks.visible(np.array([trial]), zeros[:1], zeros[:1], (224, 224)).numpy()
    assert np.argwhere(~visible).min(axis=0).tolist() == [77, 108]
    assert np.argwhere(~visible).max(axis=0).tolist() == [147, 178]


@pytest.mark.parametrize("mask", [1, 2, 3, 6, 7, (5, 2), (2, 5), (24, 31)])
@pytest.mark.parametrize("stride", [1, 5, (4, 3)])
def test_clipped_masks_have_their_centres_on_the_pixels(mask: Any, stride: Any) -> None:
    """A mask of m pixels begins floor((m - 1) / 2) before its pixel; it is cut at the edges."""
    size = (24, 31)
    (m, s) = (pair if isinstance(pair, tuple) else (pair, pair) for pair in (mask, stride))
    boxes = rectangles(size, mask_size=mask, stride=stride)
    assert boxes.shape == (math.ceil(24 / s[0]), math.ceil(31 / s[1]), 4)
    for i, j in itertools.product(range(boxes.shape[0]), range(boxes.shape[1])):
        tops = [i * s[0] - math.floor((m[0] - 1) / 2), j * s[1] - math.floor((m[1] - 1) / 2)]
        expected = [max(0, tops[0]), min(24, tops[0] + m[0]), max(0, tops[1]), min(31, tops[1] + m[1])]
        assert boxes[i, j].tolist() == expected


@pytest.mark.parametrize("mask", [1, 6, (5, 2), (24, 31)])
@pytest.mark.parametrize("stride", [1, 5, (4, 3), 40])
def test_whole_masks_begin_in_the_corner_and_the_last_partial_ones_are_left_out(mask: Any, stride: Any) -> None:
    (m, s) = (pair if isinstance(pair, tuple) else (pair, pair) for pair in (mask, stride))
    boxes = rectangles((24, 31), mask_size=mask, stride=stride, clip=False)
    assert boxes.shape == ((24 - m[0]) // s[0] + 1, (31 - m[1]) // s[1] + 1, 4)
    for i, j in itertools.product(range(boxes.shape[0]), range(boxes.shape[1])):
        (top, left) = (i * s[0], j * s[1])
        assert boxes[i, j].tolist() == [top, top + m[0], left, left + m[1]]
        assert top + m[0] <= 24
        assert left + m[1] <= 31


@pytest.mark.parametrize(
    ("size", "mask", "stride"),
    [
        ((224, 224), (45, 45), (22, 22)),
        ((48, 63), (10, 13), (5, 6)),  # 9.6, 12.6; 4.8, 6.3
        ((45, 12), (9, 2), (5, 1)),  # 4.5 goes up; 2.4, 1.2
        ((25, 35), (5, 7), (3, 4)),  # 2.5, 3.5 go up
        ((4, 2), (1, 1), (1, 1)),  # never below 1
    ],
)
def test_the_defaults_are_a_fifth_and_a_tenth_of_each_side(
    size: tuple[int, int], mask: tuple[int, int], stride: tuple[int, int]
) -> None:
    e = seewhy.explain(function(lambda x: x.mean(dim=(2, 3))), torch.zeros(1, *size), method="occlusion", budget=20)
    assert e.details["mask_size"] == mask
    assert e.details["stride"] == stride
    assert e.maps.shape == (1, math.ceil(size[0] / stride[0]), math.ceil(size[1] / stride[1]))


# -- what is measured -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize(("row", "column"), [(3, 17), (0, 0), (13, 21), (13, 0)])
def test_one_planted_pixel_counts_exactly_where_a_mask_covers_it(row: int, column: int, clip: bool) -> None:
    """Rows are not columns: the photo is not square, and neither is the mask."""
    photo = noise(2, 14, 23)
    clf = function(lambda x: 3 * x[:, 1:, row, column])
    (m, s) = ((4, 5), (1, 2))
    e = seewhy.explain(clf, photo, method="occlusion", mask_size=m, stride=s, clip=clip, fill=[9.0, 0.5])
    expected = np.zeros(e.maps.shape[1:], np.float32)
    for i, j in itertools.product(range(expected.shape[0]), range(expected.shape[1])):
        (top, left) = (i * s[0] - (1 if clip else 0), j * s[1] - (2 if clip else 0))
        if top <= row < top + m[0] and left <= column < left + m[1]:
            expected[i, j] = 3 * (float(photo[1, row, column]) - 0.5)
    assert (expected != 0).any()
    assert (expected == 0).any()
    np.testing.assert_allclose(e.maps[0], expected, atol=1e-6)


def test_positive_speaks_for_the_class_and_negative_against_it() -> None:
    photo = torch.ones(1, 10, 15)
    clf = function(lambda x: x[:, :, 2, 3] - 2 * x[:, :, 7, 11])
    e = seewhy.explain(clf, photo, method="occlusion", mask_size=3, stride=1, fill=0)
    assert e.signed
    assert np.argwhere(e.maps[0] > 0).tolist() == [[r, c] for r in (1, 2, 3) for c in (2, 3, 4)]
    assert np.argwhere(e.maps[0] < 0).tolist() == [[r, c] for r in (6, 7, 8) for c in (10, 11, 12)]
    assert (e.maps.max(), e.maps.min()) == (1.0, -2.0)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize(("mask", "stride"), [(None, None), ((5, 9), (3, 4)), ((20, 28), (7, 7))])
def test_the_equation_a_second_time(small: SmallNet, small_photos: torch.Tensor, mask: Any, stride: Any, clip: bool) -> None:
    (photo, (m, s)) = (small_photos[0], (mask or (4, 6), stride or (2, 3)))
    e = seewhy.explain(
        seewhy.Classifier(small), photo, method="occlusion", target=[2, 0], mask_size=mask, stride=stride, clip=clip
    )
    masked = copies(photo, photo.mean(dim=(1, 2)), m, s, clip)
    for map_, k in zip(e.maps, (2, 0), strict=True):
        expected = drops(lambda x, k=k: small.eval()(x).softmax(dim=1)[:, k], photo, masked)
        np.testing.assert_allclose(map_, expected, atol=2e-6)
        assert np.ptp(expected) > 1e-3 or expected.size == 1


def test_probability_logit_and_log_odds(small: SmallNet, small_photos: torch.Tensor) -> None:
    photo = small_photos[1]
    masked = copies(photo, torch.zeros(3), (6, 6), (6, 6), True)

    def log_odds(x: torch.Tensor) -> torch.Tensor:
        p = small(x).double().softmax(dim=1)[:, 1]
        return torch.log(p / (1 - p))

    values: dict[str, Function] = {
        "probability": lambda x: small(x).softmax(dim=1)[:, 1],
        "logit": lambda x: small(x)[:, 1],
        "log_odds": log_odds,
    }
    small.eval()
    for score, value in values.items():
        e = seewhy.explain(
            seewhy.Classifier(small), photo, method="occlusion", target=1, mask_size=6, stride=6, fill=0, score=score
        )
        expected = drops(value, photo, masked)
        np.testing.assert_allclose(e.maps[0], expected, atol=1e-5 * max(1, np.abs(expected).max()))
        assert e.units == {"probability": "probability", "logit": "logit", "log_odds": "log-odds"}[score]
        assert e.details["base"][0] == pytest.approx(float(value(photo[None]).detach()[0]), abs=1e-5)
    assert seewhy.explain(seewhy.Classifier(small), photo, method="occlusion").units == "probability"


def test_a_function_of_the_output_is_a_target(small: SmallNet, small_photos: torch.Tensor) -> None:
    photo = small_photos[2]

    def margin(y: torch.Tensor) -> torch.Tensor:
        return y[:, 3] - y[:, 1]

    e = seewhy.explain(
        seewhy.Classifier(small), photo, method="occlusion", target=[margin, 3], mask_size=6, stride=6, fill=0, score="logit"
    )
    masked = copies(photo, torch.zeros(3), (6, 6), (6, 6), True)
    small.eval()
    np.testing.assert_allclose(e.maps[0], drops(lambda x: margin(small(x)), photo, masked), atol=2e-5)
    np.testing.assert_allclose(e.maps[1], drops(lambda x: small(x)[:, 3], photo, masked), atol=2e-5)
    assert (e.targets[0].name, e.targets[0].index) == ("margin", None)
    assert e.targets[0].score == pytest.approx(float(margin(small(photo[None]))[0].detach()), abs=1e-5)


@pytest.mark.parametrize("head", ["softmax", "sigmoid", "none"])
@pytest.mark.parametrize("score", ["probability", "logit", "log_odds"])
def test_the_map_against_a_class_is_the_difference_of_two(
    head: str, score: str, small: SmallNet, small_photos: torch.Tensor
) -> None:
    clf = seewhy.Classifier(small, head=head)
    settings: dict[str, Any] = {"method": "occlusion", "mask_size": 7, "stride": 4, "score": score}
    (one, two, other) = seewhy.explain(clf, small_photos[0], target=[1, 2, 3], **settings).maps
    e = seewhy.explain(clf, small_photos[0], target=[1, 2], against=3, **settings)
    np.testing.assert_allclose(e.maps, [one - other, two - other], atol=1e-6 * max(1, np.abs(one).max()))
    values = clf.scores(small_photos[0])[0] if score == "probability" or head == "none" else None
    if values is not None:
        np.testing.assert_allclose(e.details["base"], values[[1, 2]] - values[3], atol=1e-6)
    unit = "value" if head == "none" else {"probability": "probability", "logit": "logit", "log_odds": "log-odds"}[score]
    assert e.units == unit


def test_a_flat_difference_names_both_classes(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, classes=["ant", "bee", "cat", "dog"])
    photo = torch.full((3, 20, 28), 0.3)
    (cat, ant) = clf.scores(photo)[0][[2, 0]]
    e = seewhy.explain(clf, photo, method="occlusion", target="cat", against="ant")
    assert e.notes == [
        f"The map is flat: hiding any part of the photo changes the probability of 'cat' ({cat:.2f}) minus that of 'ant' "
        f"({ant:.2f}) by less than a millionth; try a larger mask_size"
    ]


def test_all_classes_in_one_sweep_equal_one_by_one(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    settings: dict[str, Any] = {"method": "occlusion", "mask_size": 7, "stride": 4}
    together = seewhy.explain(clf, small_photos[0], target=[3, 0, 1, 2], **settings)
    for k, target in enumerate((3, 0, 1, 2)):
        alone = seewhy.explain(clf, small_photos[0], target=target, **settings)
        np.testing.assert_allclose(together.maps[k], alone.maps[0], atol=1e-7)
        assert together.cost.forward <= alone.cost.forward + 2  # + 2: where rectangles were checked first
    np.testing.assert_allclose(together.maps.sum(axis=0), 0, atol=1e-6)  # probabilities: what one loses another one gets


@pytest.mark.parametrize("reduce", ["center", "average"])
def test_the_batch_size_does_not_matter(small: SmallNet, small_photos: torch.Tensor, reduce: str) -> None:
    clf = seewhy.Classifier(small)
    (single, many) = (
        seewhy.explain(
            clf, small_photos[0], method="occlusion", mask_size=5, stride=3, target=[0, 1], batch_size=size, reduce=reduce
        )
        for size in (1, 64)
    )
    assert (single.details["batch_size"], many.details["batch_size"] > 10) == (1, True)
    np.testing.assert_allclose(single.maps, many.maps, atol=2e-6)
    assert np.abs(single.maps).max() > 1e-3


def test_a_photo_of_one_colour_behind_its_own_colour_is_flat(small: SmallNet) -> None:
    photo = torch.tensor([0.25, -1.0, 2.0])[:, None, None].expand(3, 20, 28).clone()
    clf = seewhy.Classifier(small, classes=["ant", "bee", "cat", "dog"])
    for fill in (None, [0.25, -1.0, 2.0], "noise"):
        e = seewhy.explain(clf, photo, method="occlusion", target=["cat", "ant"], fill=fill)
        assert float(np.abs(e.maps).max()) < 1e-7  # a softmax of several rows may round in another way than that of one
        (cat, ant) = clf.scores(photo)[0][[2, 0]]
        sentence = "The map is flat: hiding any part of the photo changes the probability of"
        assert e.notes == [
            f"{sentence} 'cat' ({cat:.2f}) by less than a millionth; try a larger mask_size",
            f"{sentence} 'ant' ({ant:.2f}) by less than a millionth; try a larger mask_size",
        ]
    assert seewhy.explain(clf, photo, method="occlusion", fill=0).notes == []


def test_the_flat_map_of_an_improbable_class_names_the_score_that_is_not_flat(
    small: SmallNet, small_photos: torch.Tensor
) -> None:
    with torch.no_grad():
        small.fc.bias[2] = -25.0
    clf = seewhy.Classifier(small)
    (flat, log_odds) = (
        seewhy.explain(clf, small_photos[0], method="occlusion", target=2, score=score) for score in ("probability", "log_odds")
    )
    assert 0 < float(flat.targets[0].score) < 1e-9
    assert flat.notes[0].endswith("by less than a millionth; score='log_odds' does not vanish where the network is sure")
    (_, panel) = flat.panels()
    assert (panel.bar.low, panel.bar.high) == (0, 0)
    assert flat.maps.any()  # the numbers stay as they were measured
    assert log_odds.notes == []
    assert np.abs(log_odds.maps).max() > 0.005


@pytest.mark.parametrize("reduce", ["center", "average"])
def test_a_mask_over_everything_gives_one_constant(small: SmallNet, small_photos: torch.Tensor, reduce: str) -> None:
    photo = small_photos[0]
    e = seewhy.explain(
        seewhy.Classifier(small), photo, method="occlusion", mask_size=(20, 28), clip=False, target=1, fill=0, reduce=reduce
    )
    small.eval()
    expected = small(torch.stack([photo, torch.zeros(3, 20, 28)])).softmax(dim=1)[:, 1].detach()
    assert e.maps.shape == ((1, 1, 1) if reduce == "center" else (1, 20, 28))
    np.testing.assert_allclose(e.maps, float(expected[0] - expected[1]), atol=1e-6)
    np.testing.assert_array_equal(e.on_input(), np.full((1, 20, 28), e.maps[0, 0, 0]))


def test_the_table_holds_the_scores_of_every_masked_photo(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    photo = small_photos[0]
    e = seewhy.explain(clf, photo, method="occlusion", mask_size=(6, 4), stride=(5, 6), fill=[0.5, 0, -1])
    masked = copies(photo, torch.tensor([0.5, 0.0, -1.0]), (6, 4), (5, 6), True)
    expected = clf.scores([copy for row in masked for copy in row])
    assert e.details["scores"].shape == (4 * 5, 4)
    np.testing.assert_allclose(e.details["scores"], expected, atol=1e-6)
    top = e.targets[0].index
    np.testing.assert_allclose(e.maps[0].ravel(), e.targets[0].score - e.details["scores"][:, top], atol=1e-6)
    np.testing.assert_array_equal(e.details["values"], e.maps.reshape(1, -1))
    # The photo with the mask that costs most can be made again.
    worst = int(np.argmin(e.details["scores"][:, top]))
    (r, c) = (int(e.details[name][worst]) for name in ("mask_rows", "mask_columns"))
    copy = photo.clone()
    copy[:, max(0, r) : r + 6, max(0, c) : c + 4] = torch.tensor([0.5, 0.0, -1.0])[:, None, None]
    assert clf.scores(copy)[0, top] == pytest.approx(e.details["scores"][worst, top], abs=1e-6)


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize("reduce", ["center", "average"])
def test_rectangles_give_what_whole_photos_give(small: SmallNet, small_photos: torch.Tensor, clip: bool, reduce: str) -> None:
    """A network is run on what a mask can reach, a function on whole photos."""
    settings: dict[str, Any] = {"mask_size": (5, 6), "stride": (4, 3), "clip": clip, "reduce": reduce, "target": [0, 1, 2, 3]}
    fast = seewhy.explain(seewhy.Classifier(small), small_photos[0], method="occlusion", **settings)
    network = small.eval()
    slow = seewhy.explain(seewhy.Classifier(lambda x: network(x)), small_photos[0], method="occlusion", **settings)
    assert fast.details["computed"] == "only what a mask can reach was recomputed"
    assert slow.details["computed"] == "whole photos"
    np.testing.assert_allclose(fast.maps, slow.maps, atol=2e-6)
    np.testing.assert_allclose(fast.details["scores"], slow.details["scores"], atol=2e-6)
    assert slow.cost.forward == slow.details["masks"] + 1


# -- reduce="average" -------------------------------------------------------------------------------------------------

WINDOWS = [
    ((4, 6), (2, 3)),
    ((5, 5), (3, 4)),
    ((7, 3), (7, 3)),
    ((3, 9), (2, 5)),
    ((20, 28), (1, 1)),
    ((1, 1), (1, 1)),
    ((8, 8), (5, 8)),
]


@pytest.mark.parametrize(("mask", "stride"), WINDOWS)
def test_the_average_over_the_masks_that_cover_a_pixel(mask: tuple[int, int], stride: tuple[int, int]) -> None:
    """Masks begin in the corner; the last ones, which would not fit, are cut off."""
    photo = noise(1, 20, 28)
    weight = noise(20, 28, seed=1)
    clf = function(lambda x: ((x[:, 0] * weight).sum(dim=(1, 2)) / 10).tanh()[:, None])
    e = seewhy.explain(clf, photo, method="occlusion", mask_size=mask, stride=stride, fill=0.5, reduce="average")
    (total, count) = (np.zeros((20, 28)), np.zeros((20, 28)))
    masks = 0
    for top in range(0, math.ceil((20 - mask[0]) / stride[0]) * stride[0] + 1, stride[0]):
        for left in range(0, math.ceil((28 - mask[1]) / stride[1]) * stride[1] + 1, stride[1]):
            copy = photo.clone()
            copy[:, top : top + mask[0], left : left + mask[1]] = 0.5
            drop = float(clf.network(photo[None]) - clf.network(copy[None]))
            total[top : top + mask[0], left : left + mask[1]] += drop
            count[top : top + mask[0], left : left + mask[1]] += 1
            masks += 1
    assert e.details["masks"] == masks
    assert count.min() >= 1
    np.testing.assert_allclose(e.maps[0], total / count, atol=1e-6)
    assert e.sample_grid is None
    np.testing.assert_allclose(e.on_input(), e.maps, atol=1e-6)


@pytest.mark.parametrize(("mask", "stride"), WINDOWS[:5])
def test_the_average_is_captums_occlusion(small: SmallNet, mask: tuple[int, int], stride: tuple[int, int]) -> None:
    captum = pytest.importorskip("captum.attr")
    photo = noise(3, 20, 28, seed=4)
    network = nn.Sequential(small, nn.Softmax(dim=1)).eval()
    expected = captum.Occlusion(network).attribute(
        photo[None],
        sliding_window_shapes=(3, *mask),
        strides=(3, *stride),
        target=2,
        baselines=0.7,
        perturbations_per_eval=16,
    )[0]
    e = seewhy.explain(
        seewhy.Classifier(small), photo, method="occlusion", mask_size=mask, stride=stride, fill=0.7, target=2, reduce="average"
    )
    assert float(expected.abs().max()) > 1e-3
    for channel in expected.numpy():
        np.testing.assert_allclose(e.maps[0], channel, atol=1e-4 * float(expected.abs().max()) + 1e-6)


# -- where the values lie ---------------------------------------------------------------------------------------------


def keys(x: float) -> float:
    """Keys's cubic convolution, a = -0.5."""
    x = abs(x)
    if x <= 1:
        return 1.5 * x**3 - 2.5 * x**2 + 1
    return -0.5 * x**3 + 2.5 * x**2 - 4 * x + 2 if x < 2 else 0.0


def read(map_: Maps, sample_grid: SampleGrid, at: tuple[float, float]) -> float:
    """The map at one place of the network's input, in continuous pixels, by hand."""
    parts = []
    for place, (first, step), count in zip(at, (sample_grid.rows, sample_grid.columns), map_.shape, strict=True):
        x = min(max((place - first) / step, 0.0), count - 1.0)  # beyond the last centre its value goes on
        taps = []
        for tap in range(math.floor(x) - 1, math.floor(x) + 3):
            inside = -1 - tap if tap < 0 else tap if tap < count else 2 * count - 1 - tap
            taps.append((inside % count, keys(x - tap)))
        parts.append(taps)
    value = sum(map_[r, c] * a * b for r, a in parts[0] for c, b in parts[1])
    return float(np.clip(value, map_.min(), map_.max()))


@pytest.mark.parametrize("clip", [True, False])
@pytest.mark.parametrize(("mask", "stride"), [((5, 7), (3, 4)), ((6, 4), (4, 3)), ((7, 7), (8, 11))])
def test_values_lie_at_the_centres_of_their_masks(mask: tuple[int, int], stride: tuple[int, int], clip: bool) -> None:
    photo = noise(1, 30, 41)
    e = seewhy.explain(
        function(lambda x: (x * photo * 0.1).sum(dim=(2, 3)).tanh()),
        photo,
        method="occlusion",
        mask_size=mask,
        stride=stride,
        clip=clip,
    )
    large = e.on_input()[0]
    assert large.shape == (30, 41)
    (rows, columns) = e.maps.shape[1:]
    centres = [
        ((e.details["mask_rows"][k] + mask[0] / 2), (e.details["mask_columns"][k] + mask[1] / 2)) for k in range(rows * columns)
    ]
    for k, (row, column) in enumerate(centres):
        on_pixel = (row - 0.5, column - 0.5)
        if all(float(v).is_integer() for v in on_pixel):  # odd masks: the centre of a mask is the centre of a pixel
            assert large[int(on_pixel[0]), int(on_pixel[1])] == pytest.approx(e.maps[0].ravel()[k], abs=1e-6)
    assert mask[0] % 2 == 0 or float(centres[0][0] - 0.5).is_integer()
    for r, c in ((0, 0), (29, 40), (4, 40), (11, 17), (12, 18), (13, 19), (20, 5), (29, 3), (2, 22)):
        assert large[r, c] == pytest.approx(read(e.maps[0], e.sample_grid, (r + 0.5, c + 0.5)), abs=1e-5)


def test_beyond_the_last_centre_its_value_goes_on() -> None:
    photo = noise(1, 24, 24)
    e = seewhy.explain(
        function(lambda x: (x * photo).sum(dim=(2, 3))), photo, method="occlusion", mask_size=9, stride=5, clip=False
    )
    large = e.on_input()[0]
    assert e.maps.shape == (1, 4, 4)  # centres 4, 9, 14, 19
    for r, c in itertools.product(range(5), range(5)):
        assert large[r, c] == pytest.approx(e.maps[0, 0, 0], abs=1e-6)
    for r, c in itertools.product(range(19, 24), range(19, 24)):
        assert large[r, c] == pytest.approx(e.maps[0, 3, 3], abs=1e-6)
    nearest = e.on_input("nearest")[0]
    for r, c in itertools.product(range(24), range(24)):
        (i, j) = (min(range(4), key=lambda k, v=v: (abs(4 + 5 * k - v), -k)) for v in (r, c))
        assert nearest[r, c] == e.maps[0, i, j]


def test_the_peak_is_drawn_where_the_evidence_is() -> None:
    """Small masks side by side, and large ones that overlap and do not reach the edges with their centres."""
    photo = torch.zeros(1, 60, 80)
    photo[0, 30:35, 20:25] = 1
    clf = function(lambda x: x.sum(dim=(2, 3)))
    for mask, places in ((5, 1), (15, 3)):
        e = seewhy.explain(clf, photo, method="occlusion", mask_size=mask, stride=5, clip=False, fill=0)
        assert int((e.maps == 25).sum()) == places**2
        strongest = np.argwhere(e.on_input()[0] > 0.999 * 25)
        assert strongest.mean(axis=0) == pytest.approx([32, 22], abs=0.01)  # of rows 30 to 34, columns 20 to 24
        assert len(strongest) < (5 * places) ** 2


def test_on_the_photo_the_resize_and_the_crop_are_undone() -> None:
    pixels = np.zeros((60, 80, 3), np.uint8)
    pixels[20:30, 50:60] = 255  # input rows 10 to 15, columns 15 to 20: the middle 60 of 80 columns are kept
    clf = function(lambda x: x.mean(dim=(1, 2, 3))[:, None], preprocess=seewhy.Preprocess(size=30))
    e = seewhy.explain(clf, pixels, method="occlusion", mask_size=5, stride=5, clip=False, fill=0)
    assert np.unravel_index(np.argmax(e.maps[0]), (6, 6)) == (2, 4)
    large = e.on_photo()[0]
    assert np.isnan(large[:, :10]).all()
    assert np.isnan(large[:, 70:]).all()
    assert np.isfinite(large[:, 10:70]).all()
    peaks = np.argwhere(large >= np.nanmax(large) - 1e-7)
    assert peaks.mean(axis=0) + 0.5 == pytest.approx([25, 55], abs=0.6)
    for r, c in ((25, 55), (0, 10), (59, 69), (31, 40), (24, 50)):
        assert large[r, c] == pytest.approx(read(e.maps[0], e.sample_grid, ((r + 0.5) / 2, (c + 0.5 - 10) / 2)), abs=1e-5)


def test_saved_and_read_back(small: SmallNet, small_photos: torch.Tensor, tmp_path: Path) -> None:
    e = seewhy.explain(
        seewhy.Classifier(small), small_photos[0], method="occlusion", mask_size=(5, 6), stride=(3, 4), clip=False, fill=[1, 2, 3]
    )
    back = seewhy.Explanation.load(e.save(tmp_path / "x.npz"))
    np.testing.assert_array_equal(back.maps, e.maps)
    assert back.sample_grid == e.sample_grid == SampleGrid((2.5, 3.0), (3.0, 4.0))
    np.testing.assert_array_equal(back.on_input(), e.on_input())
    assert set(back.details) == set(e.details)
    for name, value in e.details.items():
        loaded_value = back.details[name]
        if isinstance(value, np.ndarray):
            np.testing.assert_array_equal(loaded_value, value)
            assert loaded_value.dtype == value.dtype
        else:
            assert loaded_value == (list(value) if isinstance(value, tuple) else value), name
    assert (back.units, back.signed, back.cost, back.notes) == (e.units, True, e.cost, e.notes)
    assert back.settings["fill"] == [1, 2, 3]


# -- what cannot be asked for -----------------------------------------------------------------------------------------

SIDES = "write pixels of the network's input, a whole number above 0, or (rows, columns)."


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mask_size": 21}, "mask_size=21: larger than the network's input (20×28 pixels): write a smaller one."),
        ({"mask_size": (5, 29)}, "mask_size=(5, 29): larger than the network's input (20×28 pixels): write a smaller one."),
        ({"mask_size": 0}, f"mask_size=0: {SIDES}"),
        ({"mask_size": -3}, f"mask_size=-3: {SIDES}"),
        ({"mask_size": True}, f"mask_size=True: {SIDES}"),
        ({"mask_size": 4.0}, f"mask_size=4.0: {SIDES}"),
        ({"mask_size": "4"}, f"mask_size='4': {SIDES}"),
        ({"mask_size": (4, 4, 4)}, f"mask_size=(4, 4, 4): {SIDES}"),
        ({"mask_size": (4, True)}, f"mask_size=(4, True): {SIDES}"),
        ({"stride": 0}, f"stride=0: {SIDES}"),
        ({"stride": (2, 0)}, f"stride=(2, 0): {SIDES}"),
        ({"stride": -1}, f"stride=-1: {SIDES}"),
        ({"stride": 2.5}, f"stride=2.5: {SIDES}"),
        ({"stride": False}, f"stride=False: {SIDES}"),
        (
            {"mask_size": 4, "stride": 5, "reduce": "average"},
            "stride=5 is larger than mask_size=4: with reduce='average' some pixels have no mask.",
        ),
        (
            {"mask_size": (4, 6), "stride": (4, 7), "reduce": "average"},
            "stride=7 is larger than mask_size=6: with reduce='average' some pixels have no mask.",
        ),
        ({"reduce": "mean"}, "reduce='mean': write one of 'center', 'average'."),
        ({"reduce": None}, "reduce=None: write one of 'center', 'average'."),
        ({"score": "odds"}, "score='odds': write one of 'probability', 'logit', 'log_odds'."),
        ({"clip": "no"}, "clip='no': write True or False."),
        (
            {"fill": "grey"},
            "fill='grey': write a number, or one per channel, in the tensor's own units, "
            "or one of 'mean', 'black', 'blur', 'noise'.",
        ),
        (
            {"budget": "auto"},
            "budget='auto': occlusion does not know when it has seen enough; write forward passes (200) or seconds ('20s').",
        ),
        ({"budget": 1}, "The budget was used up before the first of 100 masks: give it more passes or seconds."),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    clf = function(lambda x: x.mean(dim=(2, 3)))
    with pytest.raises(seewhy.errors.OptionError, match=f"^{re.escape(message)}$"):
        seewhy.explain(clf, noise(3, 20, 28), method="occlusion", **settings)


def test_a_stride_above_the_mask_leaves_gaps_between_the_centres() -> None:
    assert rectangles((20, 20), mask_size=3, stride=8, clip=False)[1, 2].tolist() == [8, 11, 16, 19]


def test_whole_numbers_of_numpy_and_lists_are_taken() -> None:
    expected = rectangles((12, 17), mask_size=(5, 3), stride=(2, 4))
    assert np.array_equal(rectangles((12, 17), mask_size=[np.int64(5), 3], stride=[2, np.int32(4)]), expected)


def test_a_method_made_by_hand_does_the_same() -> None:
    photo = noise(1, 12, 17)
    clf = function(lambda x: (x * photo).sum(dim=(2, 3)))
    explanation = seewhy.explain(clf, photo, method=Occlusion(mask_size=4, stride=3))
    named = seewhy.explain(clf, photo, method="occlusion", mask_size=4, stride=3)
    np.testing.assert_array_equal(explanation.maps, named.maps)
    assert np.abs(explanation.maps).max() > 0


@pytest.mark.parametrize(("score", "unit", "step"), [("logit", "logit", 0.25), ("probability", "probability", 0.062)])
def test_a_map_of_few_steps_of_a_bfloat16_score_says_so(score: str, unit: str, step: float) -> None:
    """bfloat16 has 8 binary digits: around 2.4 it goes in steps of 1/64, around 62 of 1/4, and p at 0.5 in a quarter of that."""
    (clf, photo) = (seewhy.load("demo:honest"), seewhy.demo.scenes(1, seed=3)[0].photo)
    dense = [module for module in clf.network.modules() if isinstance(module, nn.Linear)][-1]
    for shift, precision, is_coarse in ((0, "fast", False), (60, "exact", False), (60, "fast", True)):
        with torch.no_grad():
            dense.bias += shift
        shifted = seewhy.Classifier(clf.network, preprocess=clf.preprocess, classes=clf.classes, precision=precision)
        e = seewhy.explain(shifted, photo, method="occlusion", score=score)
        with torch.no_grad():
            dense.bias -= shift
        coarse = [note for note in e.notes if "coarse" in note]
        expected = (
            f"the map of 'bear' is coarse: it spans {np.ptp(e.maps):.2g}, and at precision='fast' the {unit} moves in steps of "
            f"about {step:.2g}: use precision='exact'"
        )
        assert coarse == [expected] * is_coarse
        if is_coarse and score == "logit":
            np.testing.assert_array_equal(e.maps / step, np.round(e.maps / step))


@pytest.mark.parametrize("score", ["logit", "probability"])
def test_a_difference_of_few_steps_says_so(score: str) -> None:
    """Of two logits: in steps of either; of two probabilities: by how much a step of the logit moves it at the photo."""
    (clf, photo) = (seewhy.load("demo:honest"), seewhy.demo.scenes(1, seed=3)[0].photo)
    dense = [module for module in clf.network.modules() if isinstance(module, nn.Linear)][-1]
    with torch.no_grad():
        dense.weight *= 0.05  # so that the network is not sure
        dense.bias *= 0.05
        dense.bias += 60
    shifted = seewhy.Classifier(clf.network, preprocess=clf.preprocess, classes=clf.classes, precision="fast")
    e = seewhy.explain(shifted, photo, method="occlusion", target="bear", against="cow", score=score)
    logits = shifted.logits(photo)[0].astype(np.float64)
    (before, after) = (np.exp(z - z.max()) / np.exp(z - z.max()).sum() for z in (logits, logits + np.array([0.25, 0, 0])))
    step = 0.25 if score == "logit" else (after[0] - after[1]) - (before[0] - before[1])
    assert 0.01 < step < 0.3
    assert [note for note in e.notes if "coarse" in note] == [
        f"the map of 'bear, not cow' is coarse: it spans {np.ptp(e.maps):.2g}, and at precision='fast' the {score} moves in "
        f"steps of about {step:.2g}: use precision='exact'"
    ]


def test_a_constant_network_gives_zeros_and_says_so() -> None:
    e = seewhy.explain(function(lambda x: torch.full((len(x), 2), 0.3)), noise(1, 12, 17), method="occlusion", target=[0, 1])
    assert not e.maps.any()
    sentence = "The map is flat: hiding any part of the photo changes the value of 'class {}' (0.30) by less than a millionth; "
    note = "the value itself is explained, not a logit or a probability"
    assert e.notes == [note, *(sentence.format(k) + "try a larger mask_size" for k in (0, 1))]


def test_a_method_made_by_hand_is_checked_too() -> None:
    clf = function(lambda x: x.mean(dim=(2, 3)))
    with pytest.raises(seewhy.errors.OptionError, match=r"^reduce='avg': write one of 'center', 'average'\.$"):
        seewhy.explain(clf, noise(3, 20, 28), method=Occlusion(reduce="avg"))


# -- the order of the masks ------------------------------------------------------------------------------------------------


def blocks_of(monkeypatch: pytest.MonkeyPatch, side: int, **settings: Any) -> list[list[int]]:
    """The numbers of the masks of every block, as they were run: masks of two pixels side by side."""
    blocks: list[list[int]] = []
    put = CoarseToFine.put

    def noted(plan: CoarseToFine, indices: Any, values: Any) -> None:
        blocks.append(indices.tolist())
        put(plan, indices, values)

    monkeypatch.setattr(CoarseToFine, "put", noted)
    clf = function(lambda x: x.mean((2, 3)))
    seewhy.explain(clf, noise(3, side, side), "occlusion", 0, mask_size=2, stride=2, clip=False, **settings)
    return blocks


def test_without_a_budget_masks_as_far_from_the_edge_share_a_block(monkeypatch: pytest.MonkeyPatch) -> None:
    (outer, inner) = blocks_of(monkeypatch, 16)  # 8 by 8
    assert [number // 8 for number in outer] == [row for row in (0, 1, 6, 7) for _ in range(8)]
    assert [number // 8 for number in inner] == [row for row in (2, 3, 4, 5) for _ in range(8)]


@pytest.mark.parametrize(
    ("side", "settings"),
    [(16, {"budget": 1000}), (16, {"budget": "1000s"}), (40, {"progress": lambda done, total, partial: None})],
)
def test_with_a_budget_or_somebody_who_looks_the_coarse_ones_come_first(
    side: int, settings: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = blocks_of(monkeypatch, side, **settings)
    level = next(CoarseToFine((side // 2, side // 2), 1, 0).orders())
    assert sorted(itertools.chain(*blocks)) == list(range((side // 2) ** 2))
    order = list(itertools.chain(*blocks))
    assert set(order[: len(level)]) == set(level.tolist())
    assert (order[: len(level)] == level.tolist()) == ("budget" in settings)  # in the order that was drawn
