"""Explanations of one's own maps, their maps at other sizes, and lists of them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from full_explanation import assert_same, explanation
from torch import nn

from seewhy import Classifier, Explanation, Target
from seewhy.errors import OptionError, TargetError
from seewhy.explanation import Explanations
from seewhy.geometry import Geometry, map_on_photo, resize_map


def test_on_input_and_on_photo() -> None:
    e = explanation()
    np.testing.assert_array_equal(e.on_input(), resize_map(e.maps, (8, 8)))
    np.testing.assert_array_equal(e.on_input("nearest"), np.kron(e.maps, np.ones((2, 2), np.float32)))
    assert e.on_photo().shape == (2, 12, 20)
    np.testing.assert_array_equal(e.on_photo("nearest"), map_on_photo(e.maps, e.photo.geometry, "nearest"))
    inside = ~np.isnan(e.on_photo()[0])
    # 8 of 13 columns from the second on: 3.08 to 15.38 photo pixels, so the centres 3.5 to 14.5.
    np.testing.assert_array_equal(np.flatnonzero(inside.any(axis=0)), np.arange(3, 15))
    assert inside[:, 3:15].all()
    with pytest.raises(OptionError, match=r"^upsample='linear' is not known: write 'bicubic' or 'nearest'\.$"):
        e.on_photo("linear")


@pytest.fixture
def clf(planted: nn.Module) -> Classifier:
    return Classifier(planted, classes=["red", "green", "blue"])


def test_from_map(clf: Classifier, planted_photo: torch.Tensor) -> None:
    map_ = np.arange(6.0).reshape(2, 3)
    e = Explanation.from_map(clf, planted_photo, map_, "green")
    np.testing.assert_array_equal(e.maps, map_[None].astype(np.float32))
    assert e.maps.dtype == np.float32
    scores = clf.scores(planted_photo)[0]
    assert e.targets == [Target("green", 1, pytest.approx(float(scores[1])), 1)]
    assert (e.method, e.signed, e.layer, e.notes) == ("from_map", False, None, [])
    assert [p.name for p in e.predictions] == ["green", "red", "blue"]
    assert e.photo.geometry == Geometry.whole((16, 24))
    assert_same(Explanation.from_map(clf, planted_photo, torch.tensor(map_), 1).maps, e.maps)
    assert Explanation.from_map(clf, planted_photo, -map_).signed


def test_from_map_with_several_targets_and_a_function(clf: Classifier, planted_photo: torch.Tensor) -> None:
    e = Explanation.from_map(clf, planted_photo, np.ones((3, 2, 2)) * [[[0]], [[1]], [[-1]]], ["top1", "blue", "red"])
    assert [t.name for t in e.targets] == ["green", "blue", "red"]
    assert len(e.notes) == 3
    assert e.notes[0].startswith("The map is empty: nothing speaks for 'green' (score 0.")
    assert e.notes[1].startswith("The map is flat: every place counts the same for 'blue' (score 0.")


def test_from_map_with_a_wrong_map(clf: Classifier, planted_photo: torch.Tensor) -> None:
    with pytest.raises(TargetError) as error:
        Explanation.from_map(clf, planted_photo, np.ones((2, 2, 2)), "top3")
    assert str(error.value) == "2 maps but 3 targets: give one target per map."
    for wrong in (np.ones(3), np.ones((1, 1, 2, 2)), np.full((2, 2), np.nan), np.ones((0, 2))):
        with pytest.raises(OptionError, match=r"give finite numbers, \(h, w\), or \(K, h, w\) for K targets\.$"):
            Explanation.from_map(clf, planted_photo, wrong)


def test_explanations_are_frozen_and_compared_by_identity() -> None:
    e = explanation()
    assert e != explanation()
    assert len({e, e, explanation()}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        e.seed = 1  # type: ignore[misc]


def test_several_explanations_are_a_list_that_shows_itself() -> None:
    (first, second) = (explanation(), explanation())
    several = Explanations([first, second])
    assert several == [first, second]
    assert several[0] is first
    html = several._repr_html_()
    assert html.count("<img ") == 6
    assert html == f"{first._repr_html_()}\n{second._repr_html_()}"


@pytest.mark.parametrize(
    ("map_", "message"),
    [
        ("heat.png", "'heat.png' is no map: "),
        ([[1, 2], [3]], "A list that holds something else, or rows of several lengths is no map: "),
        ([["a"]], "A list that holds something else, or rows of several lengths is no map: "),
        (np.full((1, 12, 16), np.nan), "The map holds NaN: "),
        (np.full((12, 16), np.inf), "The map holds infinity: "),
        (np.ones(3), "The map has shape (3,): "),
    ],
)
def test_from_map_says_what_is_wrong_with_it(clf: Classifier, planted_photo: torch.Tensor, map_: object, message: str) -> None:
    with pytest.raises(OptionError) as error:
        Explanation.from_map(clf, planted_photo, map_)
    assert str(error.value) == f"{message}give finite numbers, (h, w), or (K, h, w) for K targets."


def test_from_map_with_a_colour_picture(clf: Classifier, planted_photo: torch.Tensor) -> None:
    with pytest.raises(OptionError) as error:
        Explanation.from_map(clf, planted_photo, np.ones((12, 16, 3)))
    assert str(error.value) == "The map has shape (12, 16, 3), which looks like a colour picture: give (h, w), a number a place."
    with pytest.raises(TargetError, match=r"^12 maps but 1 target: give one target per map\.$"):
        Explanation.from_map(clf, planted_photo, np.ones((12, 16, 5)))


def test_from_map_that_may_be_transposed(clf: Classifier, planted_photo: torch.Tensor) -> None:
    """The input is 16×24."""
    random = np.random.default_rng(0)
    for size in ((6, 4), (24, 16)):
        text = f"the map is {size[0]}×{size[1]}, taller than wide, the network's input 16×24 is wider: is it transposed?"
        assert Explanation.from_map(clf, planted_photo, random.random(size)).notes == [text]
    for size in ((4, 6), (7, 7), (7, 6)):
        assert Explanation.from_map(clf, planted_photo, random.random(size)).notes == []
    upright = planted_photo.transpose(-1, -2)
    (note,) = Explanation.from_map(clf, upright, random.random((4, 6))).notes
    assert note == "the map is 4×6, wider than tall, the network's input 24×16 is taller: is it transposed?"


def test_from_map_in_half_precision(clf: Classifier, planted_photo: torch.Tensor) -> None:
    map_ = torch.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(Explanation.from_map(clf, planted_photo, map_.bfloat16()).maps[0], map_.numpy())
