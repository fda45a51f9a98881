"""Gradient methods beside captum's, to 1e-5: on small networks and on torchvision's, in-place and reused ReLUs included.

torchvision's networks run in double precision: in single, rounding alone opens a ReLU here and there that is closed for the peer.
With ``preprocess=None``: gradients with respect to pixels differ from those with respect to tensors by a factor, which is meant.
captum changes ReLU modules only; where a network calls relu as a function, and for ReLU6, the rules are tested by hand-made
numbers instead (tests/engine/test_relu_rules.py).
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.load.from_torchvision import models

captum_attr = pytest.importorskip("captum.attr")
EXACT = 1e-5


class Reused(nn.Module):
    """One in-place ReLU module for all, and a residual joint in front of it."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(5)
            self.conv1 = nn.Conv2d(3, 8, 3, padding=1)
            self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
            self.conv3 = nn.Conv2d(8, 8, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)
            self.fc = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.conv1(x))
        y = self.relu(self.conv2(x))
        x = self.relu(self.conv3(y) + x)
        return self.fc(x.mean(dim=(2, 3)))


class Pooled(nn.Sequential):
    """Max pooling, a Flatten + dense head, a dense ReLU.

    The grids divide the photo evenly: elsewhere torch's "nearest" takes another cell than the one that a pixel's centre lies in.
    """

    def __init__(self) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(6)
            super().__init__(
                nn.Conv2d(3, 8, 3, padding=1),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
                nn.Conv2d(8, 8, 3, padding=1),
                nn.ReLU(),
                nn.Flatten(),
                nn.Linear(8 * 10 * 14, 16),
                nn.ReLU(),
                nn.Linear(16, 4),
            )


def torchvision_network(name: str) -> Callable[[], nn.Module]:
    def make() -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(1)
            return models().get_model(name, weights=None).eval().double()

    return make


SMALL: dict[str, Callable[[], nn.Module]] = {"SmallNet": SmallNet, "Reused": Reused, "Pooled": Pooled}
LARGE = {name: torchvision_network(name) for name in ("resnet18", "vgg11_bn", "squeezenet1_0", "alexnet")}
NETWORKS = SMALL | LARGE
LAYERS = {"SmallNet": "features.6", "Reused": "conv3", "Pooled": "4", "resnet18": "layer4.1.conv2", "vgg11_bn": "features.25"}


@pytest.fixture(params=NETWORKS)
def case(request: pytest.FixtureRequest) -> tuple[str, nn.Module, torch.Tensor]:
    """A network's name, the network, and two photos."""
    size = (20, 28) if request.param in SMALL else (96, 96)
    photos = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(2))
    network = NETWORKS[request.param]().eval()
    return request.param, network, photos.to(next(network.parameters()).dtype)


def assert_same(explanations: list[Any], expected: torch.Tensor) -> None:
    """The raw attributions of the first target, to 1e-5 of the largest."""
    maps = np.stack([e.raw[0] for e in explanations])
    peer = expected.detach().numpy()
    largest = float(np.abs(peer).max())
    assert largest > 0
    assert float(np.abs(maps - peer).max()) <= EXACT * largest


def captum_of(kind: str, network: nn.Module, photos: torch.Tensor, **settings: Any) -> torch.Tensor:
    """captum on a copy of its own."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        method = getattr(captum_attr, kind)(copy.deepcopy(network), **settings.pop("make", {}))
        attribution: torch.Tensor = method.attribute(photos.clone().requires_grad_(), target=1, **settings)
        return attribution


@pytest.mark.parametrize(
    ("method", "kind", "settings"),
    [
        ("gradient", "Saliency", {"abs": False}),
        ("input_x_gradient", "InputXGradient", {}),
        ("guided_backprop", "GuidedBackprop", {}),
        ("deconvnet", "Deconvolution", {}),
    ],
)
def test_one_pass_methods(case: tuple[str, nn.Module, torch.Tensor], method: str, kind: str, settings: dict[str, Any]) -> None:
    (_, network, photos) = case
    explanations = seewhy.explain(seewhy.Classifier(network), photos, method=method, target=1)
    assert_same(explanations, captum_of(kind, network, photos, **settings))


def test_integrated_gradients(case: tuple[str, nn.Module, torch.Tensor]) -> None:
    (_, network, photos) = case
    explanations = seewhy.explain(seewhy.Classifier(network), photos, method="integrated_gradients", target=1, steps=12)
    expected = captum_of("IntegratedGradients", network, photos, n_steps=12, method="riemann_middle")
    assert_same(explanations, expected)


@pytest.mark.parametrize("case", LAYERS, indirect=True)  # where the grid divides the photo evenly
def test_guided_grad_cam(case: tuple[str, nn.Module, torch.Tensor]) -> None:
    (name, network, photos) = case
    own = copy.deepcopy(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        peer = captum_attr.GuidedGradCam(own, own.get_submodule(LAYERS[name]))
        expected = peer.attribute(photos.clone().requires_grad_(), target=1, interpolate_mode="nearest")
    explanations = seewhy.explain(
        seewhy.Classifier(network), photos, method="guided_grad_cam", target=1, layer=LAYERS[name], upsample="nearest"
    )
    assert_same(explanations, expected)
