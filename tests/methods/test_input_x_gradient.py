"""Input × gradient: the product by hand, and its sum over a network that is linear."""

from __future__ import annotations

import numpy as np
import torch
from gradient_nets import plain_gradient
from small_nets import SmallNet
from torch import nn

import seewhy


def test_it_is_the_photo_times_the_gradient(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    for photo in small_photos[2:4]:
        expected = photo.numpy() * plain_gradient(small, photo, 1).numpy()
        e = seewhy.explain(clf, photo, method="input_x_gradient", target=1)
        signed = seewhy.explain(clf, photo, method="input_x_gradient", target=1, signed=True)
        np.testing.assert_allclose(e.raw[0], expected, rtol=1e-4, atol=1e-7)
        np.testing.assert_allclose(signed.maps[0], expected.sum(axis=0), rtol=1e-4, atol=1e-6)
        assert e.units == "logit"
        assert (e.cost.forward, e.cost.backward) == (1, 1)


def test_hand_made_numbers() -> None:
    """y = 2 x₀ - 3 x₁ + 1: the shares of (5, 4) are 10 and -12; black pixels get nothing."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(3, 2))
    with torch.no_grad():
        network[1].weight.copy_(torch.tensor([[2.0, -3.0, 7.0], [0.0, 0.0, 0.0]]))
        network[1].bias.fill_(1)
    e = seewhy.explain(
        seewhy.Classifier(network, head="none"),
        torch.tensor([[[5.0, 4.0, 0.0]]]),
        method="input_x_gradient",
        target=0,
        signed=True,
    )
    assert e.maps[0].tolist() == [[10, -12, 0]]


def test_a_linear_network_s_shares_add_up_to_what_the_photo_adds_to_black(small_photos: torch.Tensor) -> None:
    torch.manual_seed(2)
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))
    clf = seewhy.Classifier(network, head="none")
    e = seewhy.explain(clf, small_photos[0], method="input_x_gradient", target=[0, 1, 2], signed=True)
    difference = clf.logits(small_photos[0]) - clf.logits(torch.zeros_like(small_photos[0]))
    np.testing.assert_allclose(e.maps.sum(axis=(1, 2)), difference[0], rtol=1e-4, atol=1e-5)
