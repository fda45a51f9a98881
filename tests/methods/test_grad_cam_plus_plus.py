"""Grad-CAM++: the equation a second time, and two objects of different size."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from cam_equations import LAYERS, assert_equation
from small_nets import SmallNet
from torch import nn

import seewhy


def plus_plus(A: Any, g: Any) -> Any:
    cam = np.zeros(A.shape[1:])
    for k in range(len(A)):
        weight = 0.0
        for i, j in np.ndindex(*A.shape[1:]):
            below = 2 * g[k, i, j] ** 2 + A[k].sum() * g[k, i, j] ** 3
            alpha = g[k, i, j] ** 2 / below if below != 0 else 0.0
            weight += alpha * max(g[k, i, j], 0.0)
        cam += weight * A[k]
    return cam


@pytest.mark.parametrize(("split", "name"), LAYERS)
def test_the_equation_in_loops(split: int, name: str, small: SmallNet, small_photos: torch.Tensor) -> None:
    assert_equation("grad_cam_plus_plus", plus_plus, split, name, small, small_photos)


def test_grad_cam_plus_plus_counts_two_objects_alike() -> None:
    """One channel, two squares of very different size: the map holds both, and its weight is the sum over the places."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    with torch.no_grad():
        network[0].weight.fill_(1)
        network[0].bias.zero_()
        network[3].weight.fill_(0.5)
        network[3].bias.zero_()
    photo = torch.zeros(1, 8, 8)
    photo[0, :4, :4] = 1
    photo[0, 6, 6] = 1
    e = seewhy.explain(seewhy.Classifier(network), photo, method="grad_cam_plus_plus", target=0)
    weight = 64 * 0.5**2 / (2 * 0.5**2 + 17 * 0.5**3) * 0.5
    np.testing.assert_allclose(e.maps[0], weight * photo[0], rtol=1e-5)
