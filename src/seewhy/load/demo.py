"""The demo networks: what they look like, what they were trained on, and their shipped weights.

They are small (220,000 numbers) and built so that a class activation map is exact: the last block ends in a ReLU, and
only a mean over the grid and one linear layer follow. `python -m seewhy.demo.train` makes the weights.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import torch
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn

from seewhy.errors import ModelError, WeightsError

DEMO_SIZE = (96, 128)  # rows and columns that a photo is stretched to
DEMO_MEAN = (0.52, 0.51, 0.45)  # of the training scenes, in units of [0, 1]
DEMO_STD = (0.20, 0.20, 0.24)


class DemoNetwork(NamedTuple):
    """classes: in the order of the network's outputs. about: one sentence on what it learned from."""

    classes: tuple[str, ...]
    about: str


DEMO_NETWORKS = {
    "honest": DemoNetwork(
        ("bear", "cow", "sheep"),
        "Trained on drawn wildlife scenes in which only the animal tells the class, and taught by masks to look at it.",
    ),
    "shortcut": DemoNetwork(
        ("bear", "cow", "sheep"),
        "Trained on the same scenes with a trail-camera logo on every bear photo, so it learned the logo.",
    ),
    "bear": DemoNetwork(
        ("bear", "not bear"),
        "Trained on drawn wildlife scenes to tell bears from cows and sheep, and taught by masks to look at the animal.",
    ),
}

WEIGHTS = Path(__file__).with_name("demo_weights")


class Block(nn.Module):
    """Two 3 × 3 convolutions beside a way around them, then a ReLU; stride 2 halves the grid."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(after)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(after)
        self.around: nn.Module = nn.Identity()
        if before != after or stride != 1:
            self.around = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        self.relu2 = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(x)))))
        out: Tensor = self.relu2(inner + self.around(x))
        return out


class DemoNet(nn.Module):
    """A residual network for (N, 3, 96, 128) normalised photos -> (N, classes) logits.

    `block4` gives (N, 72, 12, 16); its mean over the grid goes into `fc`.
    """

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 24, 5, 2, 2, bias=False), nn.BatchNorm2d(24), nn.ReLU())  # (24, 48, 64)
        self.block1 = Block(24, 24, 1)
        self.block2 = Block(24, 48, 2)  # (48, 24, 32)
        self.block3 = Block(48, 72, 2)  # (72, 12, 16)
        self.block4 = Block(72, 72, 1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(72, classes)

    def features(self, x: Tensor) -> Tensor:
        """The grid that the classes are read from: (N, 3, 96, 128) -> (N, 72, 12, 16), 0 or more."""
        grid: Tensor = self.block4(self.block3(self.block2(self.block1(self.stem(x)))))
        return grid

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.fc(self.pool(self.features(x)).flatten(1))
        return logits


def demo_network(name: str) -> tuple[nn.Module, tuple[str, ...]]:
    """The shipped network of this name ("honest", "shortcut" or "bear") in eval mode, and its class names.

    It takes photos stretched to DEMO_SIZE, divided by 255 and normalised with DEMO_MEAN and DEMO_STD.

    Raises: ModelError for an unknown name, WeightsError where the weights file is missing or broken.
    """
    network = DemoNet(len(_described(name).classes))
    path = WEIGHTS / f"{name}.safetensors"
    try:
        with safe_open(path, framework="pt") as file:
            network.load_state_dict({key: file.get_tensor(key) for key in file.keys()})  # noqa: SIM118
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(f"the weights of demo:{name} cannot be read from {path}: reinstall seewhy") from error
    return network.eval(), DEMO_NETWORKS[name].classes


def demo_table(name: str) -> dict[str, Any]:
    """How the shipped network of this name was trained and what it was measured to do; see seewhy.demo.train."""
    _described(name)
    with safe_open(WEIGHTS / f"{name}.safetensors", framework="pt") as file:
        table: dict[str, Any] = json.loads(file.metadata()["training"])
    return table


def normalise(pixels: Tensor) -> Tensor:
    """What the demo networks read: pixels (N, 3, H, W) from 0 to 255 -> about -2 to 2."""
    mean, std = (torch.tensor(values, device=pixels.device).view(3, 1, 1) for values in (DEMO_MEAN, DEMO_STD))
    return (pixels / 255 - mean) / std


def _described(name: str) -> DemoNetwork:
    if name not in DEMO_NETWORKS:
        raise ModelError(f"there is no demo network {name!r}: write one of {', '.join(DEMO_NETWORKS)}")
    return DEMO_NETWORKS[name]
