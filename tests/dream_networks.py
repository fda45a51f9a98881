"""Networks and objectives for the tests of dreams."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

import seewhy
from seewhy.features.objective import Objective

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def classifier(network: Any, size: int | tuple[int, int] = 16, **settings: Any) -> seewhy.Classifier:
    return seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=size, mean=MEAN, std=STD), **settings)


def objective(clf: seewhy.Classifier, layer: str | None = None) -> Objective:
    return Objective.of(clf, layer, None)


class PixelWise(nn.Module):
    """Every place for itself: 1×1 convolutions with a smooth bend between them, and the mean."""

    def __init__(self) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.first = nn.Conv2d(3, 6, 1)
            self.second = nn.Conv2d(6, 4, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.tanh(self.first(x))).mean((2, 3))
