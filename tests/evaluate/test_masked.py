"""Masked copies of a photo, and the order of a map's pixels."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
from seewhy.evaluate.masked import MaskCopies, MaskedPhoto, RankedCopies, ranks_of, subject_of, target_values
from seewhy.head import Head
from seewhy.records import Prediction, Target


def test_the_strongest_pixel_comes_first_and_equal_ones_in_any_order() -> None:
    map_ = np.array([[0.1, 0.9], [0.5, 0.5]], np.float32)
    assert {tuple(ranks_of(map_, seed).ravel()) for seed in range(20)} == {(3, 0, 1, 2), (3, 0, 2, 1)}


def test_copies_hide_or_show_the_counted_pixels() -> None:
    ranks = np.array([[[0, 1], [2, 3]], [[3, 2], [1, 0]]], np.int32)
    copies = RankedCopies(ranks, [0, 0, 1], [1, 2, 1], [False, True, True])
    zeros = np.zeros(3, np.int64)
    visible = copies.visible(np.arange(3), zeros, zeros, (2, 2)).numpy().astype(int)
    np.testing.assert_array_equal(visible, [[[0, 1], [1, 1]], [[1, 1], [0, 0]], [[0, 0], [0, 1]]])


def test_values_are_the_scores_of_photos_mixed_by_hand(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    photo = clf.read(small_photos[0])
    masked = MaskedPhoto(clf, photo, 0.5)
    shares = np.random.default_rng(0).random((5, 20, 28), dtype=np.float32)
    target = Target("2", 2, 0.0, 1)
    values = masked.values(MaskCopies(shares), 5, target)
    for share, value in zip(shares, values, strict=True):
        mixed = torch.from_numpy(share) * small_photos[0] + 0.5 * (1 - torch.from_numpy(share))
        np.testing.assert_allclose(value, clf.scores(mixed)[0, 2], atol=1e-5)
    np.testing.assert_allclose(masked.untouched(target), clf.scores(small_photos[0])[0, 2], atol=1e-6)
    odds = masked.values(MaskCopies(shares), 5, target, "log_odds").astype(np.float64)
    np.testing.assert_allclose(masked.as_probability(odds), values, atol=1e-5)


def test_compared_with_another_class_a_value_is_the_share_of_the_two() -> None:
    rows = torch.tensor([[1.0, 3.0, 0.5]])
    target = Target("b", 1, 0.0, 1, against=Prediction("a", 0, 0.0))
    for kind in ("softmax", "sigmoid"):
        head = Head(kind)
        assert target_values(head, rows, target, "log_odds")[0] == pytest.approx(2)
        assert target_values(head, rows, target, "probability")[0] == pytest.approx(1 / (1 + np.exp(-2)), abs=1e-6)
    assert target_values(Head("none"), rows, target, "probability")[0] == pytest.approx(2)


@pytest.mark.parametrize(
    ("head", "values"),
    [
        ("softmax", "its share of the two probabilities"),
        ("binary", "its share of the two probabilities"),
        ("sigmoid", "its share of the two odds"),
        ("none", "the difference of the two scores"),
    ],
)
def test_what_the_values_of_a_comparison_are_in_words(head: str, values: str) -> None:
    assert subject_of("cow", False, head) == "'cow'"
    assert subject_of("cow, not bear", True, head) == f"'cow, not bear' ({values})"


def test_every_block_is_heard_of(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small.eval(), preprocess=None)
    counts: list[int] = []
    masked = MaskedPhoto(clf, clf.read(small_photos[0]), "mean", batch_size=4, advance=counts.append)
    masked.values(MaskCopies(np.ones((10, 20, 28), bool)), 10, Target("2", 2, 0.0, 1))
    assert counts == [4, 4, 2]
    assert 0 < masked.seconds_each < 60
