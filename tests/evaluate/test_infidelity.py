"""Infidelity: numbers by hand, and a linear network whose own weights are the perfect map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import seewhy
from seewhy.evaluate.infidelity import squares, unexplained


def test_by_hand() -> None:
    assert unexplained(np.array([1.0, 2.0]), np.array([2.0, 4.0])) == pytest.approx(0, abs=1e-12)
    assert unexplained(np.array([1.0, 2.0]), np.array([-2.0, -4.0])) == 1  # the map says the opposite
    assert unexplained(np.array([1.0, 0.0]), np.array([0.0, 3.0])) == 1
    # b = 3/2, rest (1 - 3/2, 2 - 3/2)² = 1/2 of 5
    assert unexplained(np.array([1.0, 1.0]), np.array([1.0, 2.0])) == pytest.approx(0.5 / 5)
    assert unexplained(np.zeros(2), np.ones(2)) == unexplained(np.ones(2), np.zeros(2)) == 1


def test_the_terms_of_a_sum_explain_it_entirely() -> None:
    weight = torch.randn(1, 12, 16, generator=torch.Generator().manual_seed(1))
    clf = seewhy.Classifier(lambda x: (x * weight).sum(dim=(1, 2, 3))[:, None], preprocess=None, classes=["sum"], head="none")
    photo = torch.rand(1, 12, 16, generator=torch.Generator().manual_seed(2))
    own = seewhy.Explanation.from_map(clf, photo, (photo * weight)[0], 0)
    result = seewhy.evaluate(clf, own, ["infidelity"], fill="black")
    assert result.values["infidelity"] == pytest.approx(0, abs=1e-6)
    assert result.random["infidelity"] > 0.3


def test_the_squares_lie_inside_and_differ() -> None:
    masks = squares((20, 30), 50, seed=0)
    assert masks.any(axis=(1, 2)).all()
    for mask in masks:
        (rows, columns) = (np.flatnonzero(mask.any(axis=axis)) for axis in (1, 0))
        assert np.ptp(rows) == np.ptp(columns)
        assert mask.sum() == (np.ptp(rows) + 1) ** 2
    assert len({mask.tobytes() for mask in masks}) > 40
