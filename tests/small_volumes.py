"""Small networks of volumes, whose evidence is known, and a volume with a bright box."""

from __future__ import annotations

import torch
from torch import nn

SIDES = (6, 16, 24)  # slices, rows, columns: no two alike, so that transposed axes show
BOX = (slice(3, 5), slice(2, 6), slice(14, 20))
HEADS = ("mean", "deep", "flat")


class PlantedVolume(nn.Module):
    """Class k scores by how bright channel k is: 1×1×1 identity convolution (bias -0.5), ReLU, mean over space, identity.

    Every place of a box of ones in channel k gives 0.5 to class k, and every other place nothing.
    """

    def __init__(self, channels: int = 2) -> None:
        super().__init__()
        self.conv = nn.Conv3d(channels, channels, 1)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(channels, channels)
        with torch.no_grad():
            self.conv.weight.copy_(torch.eye(channels)[:, :, None, None, None])
            self.conv.bias.fill_(-0.5)
            self.fc.weight.copy_(torch.eye(channels))
            self.fc.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.relu(self.conv(x)).mean(dim=(2, 3, 4)))


class SmallVolumeNet(nn.Module):
    """Convolution, BatchNorm, in-place ReLU, pooling, and a head: "mean" and one dense layer, "deep" with two, or "flat" of a
    grid of 3×8×12."""

    def __init__(self, head: str = "mean", channels: int = 1, classes: int = 3, seed: int = 0) -> None:
        super().__init__()
        self.head = head
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.features = nn.Sequential(
                nn.Conv3d(channels, 6, 3, padding=1, bias=False),
                nn.BatchNorm3d(6),
                nn.ReLU(inplace=True),
                nn.MaxPool3d(2),
                nn.Conv3d(6, 8, 3, padding=1),
                nn.BatchNorm3d(8),
                nn.ReLU(inplace=True),
            )
            deep = (nn.Linear(8, 5), nn.ReLU(), nn.Linear(5, classes))
            self.classes = nn.Sequential(*deep) if head == "deep" else nn.Linear(8 if head == "mean" else 8 * 3 * 8 * 12, classes)
            for module in self.modules():
                if isinstance(module, nn.BatchNorm3d):
                    nn.init.uniform_(module.weight, 0.5, 2.0)
                    nn.init.normal_(module.bias, std=0.3)
                    module.running_mean.normal_(std=0.3)
                    module.running_var.uniform_(0.5, 2.0)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.features(x)
        return self.classes(features.flatten(1) if self.head == "flat" else features.mean(dim=(2, 3, 4)))


class LinearVolume(nn.Module):
    """Two classes: the sum of the voxels, each with a weight of its own, and minus it."""

    def __init__(self, sides: tuple[int, int, int], seed: int = 0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(sides, generator=torch.Generator().manual_seed(seed)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value = (x[:, 0] * self.weight).sum(dim=(1, 2, 3))
        return torch.stack([value, -value], dim=1)


def planted_volume(channel: int = 1) -> torch.Tensor:
    """(2, 6, 16, 24): ones in the box, in one channel."""
    volume = torch.zeros(2, *SIDES)
    volume[(channel, *BOX)] = 1
    return volume


def noise(count: int = 1, channels: int = 1, seed: int = 3) -> torch.Tensor:
    """``(N, C, 6, 16, 24)``."""
    return torch.randn(count, channels, *SIDES, generator=torch.Generator().manual_seed(seed))
