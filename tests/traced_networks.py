"""Forward passes written down, and a network whose head can be tried."""

from __future__ import annotations

import torch
from torch import nn

from seewhy.engine.steps import Trace
from seewhy.engine.trace import trace


def traced(network: nn.Module, *size: int) -> Trace:
    inputs = torch.rand(1, *(size or (3, 16, 24)), generator=torch.Generator().manual_seed(0))
    return trace(network.eval(), inputs, lambda output: output)[0]


class Head(nn.Module):
    """A convolution, a ReLU, and a head to be tried."""

    def __init__(self, head, out: int = 8) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fc = nn.Linear(out, 5)
        self.head = head

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self, torch.relu(self.conv(x)))
