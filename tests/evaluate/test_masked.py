"""Masked copies of a photo, and the order of a map's pixels."""

from __future__ import annotations

import numpy as np
import torch
from small_nets import SmallNet

import seewhy
from seewhy.evaluate.masked import MaskCopies, MaskedPhoto, RankedCopies, ranks_of


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
    values = masked.values(MaskCopies(shares), 5, 2)
    for share, value in zip(shares, values, strict=True):
        mixed = torch.from_numpy(share) * small_photos[0] + 0.5 * (1 - torch.from_numpy(share))
        np.testing.assert_allclose(value, clf.scores(mixed)[0, 2], atol=1e-5)
    np.testing.assert_allclose(masked.untouched(2), clf.scores(small_photos[0])[0, 2], atol=1e-6)
    odds = masked.values(MaskCopies(shares), 5, 2, "log_odds").astype(np.float64)
    np.testing.assert_allclose(masked.as_probability(odds), values, atol=1e-5)
