"""HiResCAM: the equation in loops, its laws, and the network of last week."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy


def test_the_equation_in_loops(small_photos: torch.Tensor) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(4 * 18 * 26, 8), nn.Tanh(), nn.Linear(8, 3)
    )
    photo = small_photos[0]
    with torch.no_grad():
        features = torch.relu(network[0](photo[None]))
    leaf = features.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(network[2:](leaf)[0, 2], leaf)
    cam = np.zeros((18, 26))
    for k in range(4):
        for row in range(18):
            for column in range(26):
                cam[row, column] += float(gradient[0, k, row, column]) * float(features[0, k, row, column])
    explanation = seewhy.explain(seewhy.Classifier(network), photo, method="hires_cam", target=2, relu=False)
    np.testing.assert_allclose(explanation.maps[0], cam, rtol=1e-4, atol=1e-6)
    assert not any("flattens" in note for note in explanation.notes)


def test_behind_a_linear_head_the_map_adds_up_to_the_score(small_photos: torch.Tensor) -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 18 * 26, 3))
    clf = seewhy.Classifier(network)
    e = seewhy.explain(clf, small_photos[0], method="hires_cam", target=[0, 1, 2], relu=False)
    sums = e.maps.sum(axis=(1, 2)) + network[3].bias.detach().numpy()
    np.testing.assert_allclose(sums, clf.logits(small_photos[0])[0], rtol=1e-4, atol=1e-5)


def test_behind_an_average_it_is_grad_cam_and_cam_over_the_cells(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    hires, grad = (
        seewhy.explain(clf, small_photos[0], method=m, target=[0, 3], relu=False).maps for m in ("hires_cam", "grad_cam")
    )
    cam = seewhy.explain(clf, small_photos[0], method="cam", target=[0, 3]).maps
    np.testing.assert_allclose(hires, grad, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(hires * hires[0].size, cam, rtol=1e-4, atol=1e-5)


def test_it_finds_the_square_where_averaging_cannot() -> None:
    """A head that reads one place only: the map lies there, and Grad-CAM's average lights up everything bright."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2))
    with torch.no_grad():
        network[0].weight.fill_(1), network[0].bias.zero_()
        network[3].weight.zero_(), network[3].bias.zero_()
        network[3].weight[1, 3 * 8 + 5] = 1.0
    photo = torch.rand(1, 8, 8, generator=torch.Generator().manual_seed(0)) + 0.1
    clf = seewhy.Classifier(network)
    map_ = seewhy.explain(clf, photo, method="hires_cam", target=1).maps[0]
    assert np.argwhere(map_ > 0).tolist() == [[3, 5]]
    assert map_[3, 5] == pytest.approx(float(photo[0, 3, 5]))
    np.testing.assert_array_equal(seewhy.explain(clf, photo, target=1).maps[0], map_)  # what "auto" takes
    averaged = seewhy.explain(clf, photo, "grad_cam", target=1)
    assert (averaged.maps[0] > 0).all()
    assert any(note.endswith("use method='hires_cam'") for note in averaged.notes)
