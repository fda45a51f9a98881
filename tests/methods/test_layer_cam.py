"""LayerCAM: the equation a second time, and what it leaves out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cam_equations import LAYERS, assert_equation
from small_nets import SmallNet

import seewhy


def layer(A: Any, g: Any) -> Any:
    cam = np.zeros(A.shape[1:])
    for k, i, j in np.ndindex(*A.shape):
        cam[i, j] += max(g[k, i, j], 0.0) * A[k, i, j]
    return cam


@pytest.mark.parametrize(("split", "name"), LAYERS)
def test_the_equation_in_loops(split: int, name: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    assert_equation("layer_cam", layer, split, name, small, small_photos)


def test_with_positive_gradients_layer_cam_is_hires_cam(small: SmallNet, small_photos: torch.Tensor) -> None:
    with torch.no_grad():
        small.fc.weight.abs_()
    clf = seewhy.Classifier(small)
    (a, b) = (seewhy.explain(clf, small_photos[0], method=m, target=[0, 1], relu=False).maps for m in ("layer_cam", "hires_cam"))
    np.testing.assert_allclose(a, b, rtol=1e-5)


def test_layer_cam_leaves_out_what_speaks_against(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    e = seewhy.explain(clf, small_photos[0], method="layer_cam", target=[0, 1, 2, 3], relu=False, layer="features.2")
    assert (e.maps >= 0).all()  # the layer is behind a ReLU
