"""Gradients through a BatchNorm whose result is rearranged as tokens."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import seewhy
from seewhy.engine.batch_norm import OrderedGradients


class Tokens(nn.Module):
    """Convolution, BatchNorm, and each place a token with a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.conv = nn.Conv2d(3, 16, 3, padding=1)
            self.norm = nn.BatchNorm2d(16)
            self.fc = nn.Linear(49 * 16, 3)
            self.norm.running_var.uniform_(0.5, 2)
            self.norm.running_mean.normal_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.norm(self.conv(x)).flatten(2).mT.flatten(1))
        return out


def by_differences(network: nn.Module, photo: torch.Tensor) -> torch.Tensor:
    """The gradient of class 1, one step for each value: the network is linear."""
    steps = torch.eye(photo.numel(), dtype=photo.dtype).reshape(-1, *photo.shape)
    with torch.no_grad():
        return (network(photo + steps) - network(photo[None]))[:, 1].reshape(photo.shape)


@pytest.fixture
def photo() -> torch.Tensor:
    return torch.randn(3, 7, 7, generator=torch.Generator().manual_seed(1)).double()


def test_the_gradient_is_that_of_differences(photo: torch.Tensor) -> None:
    network = Tokens().eval().double()
    inputs = photo[None].clone().requires_grad_()
    with OrderedGradients():
        (gradient,) = torch.autograd.grad(network(inputs)[0, 1], inputs)
    torch.testing.assert_close(gradient[0], by_differences(network, photo))


@pytest.mark.parametrize("hooked", [False, True], ids=["planned", "as it is"])
def test_of_one_photo_in_any_plan(hooked: bool, photo: torch.Tensor) -> None:
    network = Tokens().eval().double()
    expected = by_differences(network, photo).numpy()
    if hooked:
        network.conv.register_forward_hook(lambda *_: None)
    clf = seewhy.Classifier(network)
    explanation = seewhy.explain(clf, photo, "gradient", 1, signed=True)
    assert abs(explanation.raw[0] - expected).max() < 1e-6
    at_layer = seewhy.explain(clf, photo, "hires_cam", 1, layer="conv", relu=False)
    assert at_layer.maps[0].shape == (7, 7)
    with torch.no_grad():
        scale = (network.norm.weight * (network.norm.running_var + network.norm.eps).rsqrt())[:, None, None]
        weights = network.fc.weight[1].reshape(49, 16).T.reshape(16, 7, 7) * scale
        by_hand = (weights * network.conv(photo[None])[0]).sum(0).numpy()
    assert abs(at_layer.maps[0] - by_hand).max() < 1e-6
