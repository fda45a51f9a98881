"""EigenCAM: by the covariance of the channels, and without a class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cam_equations import LAYERS, assert_equation
from small_nets import SmallNet

import seewhy


def eigen(A: Any, g: Any) -> Any:
    """By the covariance matrix of the channels instead of a decomposition of the values."""
    rows = A.reshape(len(A), -1).T
    covariance = np.cov(rows, rowvar=False)
    (_, vectors) = np.linalg.eigh(covariance)
    cam = rows @ vectors[:, -1]
    sign = np.sign(np.corrcoef(cam, rows.sum(axis=1))[0, 1])
    return (sign * cam).reshape(A.shape[1:])


@pytest.mark.parametrize(("split", "name"), LAYERS)
def test_the_equation_in_loops(split: int, name: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    assert_equation("eigen_cam", eigen, split, name, small, small_photos)


def test_eigen_cam_has_no_class(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method="eigen_cam", target="top3")
    assert np.array_equal(e.maps[0], e.maps[1])
    assert np.array_equal(e.maps[0], e.maps[2])
    assert (e.signed, e.units, e.cost.backward) == (False, "activation", 0)
    with torch.no_grad():
        small.features[0].weight.zero_()
    flat = seewhy.explain(clf, small_photos[0], method="eigen_cam", layer="features.0")
    assert not flat.maps.any()
    assert flat.notes[0].startswith("The map is empty")
    assert flat.notes[1] == "another layer= may show more"
