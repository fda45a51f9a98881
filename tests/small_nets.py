"""Small networks whose evidence is known, and the state that an explanation must not disturb."""

from __future__ import annotations

import copy
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

DATA = Path(__file__).resolve().parents[1].parent / "shared" / "data"


class Planted(nn.Module):
    """Class k scores by how bright channel k is: 1×1 identity convolution (bias -0.5), ReLU, mean over space, identity.

    For a photo of zeros with a square of ones in channel k, every place of the square gives 0.5 to class k and every other
    place gives nothing, so each method's map is known.

    attends : every place looks at the bright places alone, before the mean.
    """

    def __init__(self, channels: int = 3, attends: bool = False) -> None:
        super().__init__()
        self.attends = attends
        self.conv = nn.Conv2d(channels, channels, 1)
        self.relu = nn.ReLU()
        self.fc = nn.Linear(channels, channels)
        with torch.no_grad():
            self.conv.weight.copy_(torch.eye(channels)[:, :, None, None])
            self.conv.bias.fill_(-0.5)
            self.fc.weight.copy_(torch.eye(channels))
            self.fc.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.relu(self.conv(x))
        if self.attends:
            tokens = features.flatten(2).mT
            keys = 1000 * tokens.sum(-1)[:, None].expand(-1, tokens.shape[1], -1)
            features = (tokens + keys[:, None].softmax(-1)[:, 0] @ tokens).mT[..., None]
        return self.fc(features.mean(dim=(2, 3)))


class Keeping(nn.Module):
    """Keeps a value of its pass, and waits before it reads it again, as long as another pass might overwrite it."""

    def __init__(self, seconds: float = 0.003) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, padding=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.linear = nn.Linear(4, 3)
        self.seconds = seconds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.kept = self.conv(x).relu()
        time.sleep(self.seconds)
        out: torch.Tensor = self.linear(self.pool(self.kept).flatten(1))
        return out


class SmallNet(nn.Module):
    """Convolution, BatchNorm, in-place ReLU, pooling, mean, dropout, dense: what people train in a week.

    attends : before the mean, each place looks at all others, for methods that follow attention.
    """

    def __init__(self, classes: int = 4, seed: int = 0, attends: bool = False) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.features = nn.Sequential(
                nn.Conv2d(3, 8, 3, padding=1, bias=False),
                nn.BatchNorm2d(8),
                nn.ReLU(inplace=True),
                nn.MaxPool2d(2),
                nn.Conv2d(8, 16, 3, padding=1),
                nn.BatchNorm2d(16),
                nn.ReLU(inplace=True),
            )
            self.dropout = nn.Dropout(0.5)
            self.fc = nn.Linear(16, classes)
            self.project = nn.Linear(16, 48) if attends else None
            for module in self.modules():
                if isinstance(module, nn.BatchNorm2d):
                    nn.init.uniform_(module.weight, 0.5, 2.0)
                    nn.init.normal_(module.bias, std=0.3)
                    module.running_mean.normal_(std=0.3)
                    module.running_var.uniform_(0.5, 2.0)

    def pooled(self, x: torch.Tensor) -> torch.Tensor:
        features = self.features(x)
        if self.project is None:
            return features.mean(dim=(2, 3))
        tokens = features.flatten(2).mT
        (q, k, v) = self.project(tokens).unflatten(-1, (3, 2, 8)).permute(2, 0, 3, 1, 4).unbind()
        return (tokens + functional.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2)).mean(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.dropout(self.pooled(x)))


def state_of(network: nn.Module) -> dict[str, Any]:
    """Everything about a network and the process that an explanation could disturb."""
    return {
        "modules": [(name, id(module), module.training) for name, module in network.named_modules()],
        "hooks": [
            (len(m._forward_hooks), len(m._forward_pre_hooks), len(m._backward_hooks), len(m._backward_pre_hooks))
            for m in network.modules()
        ],
        "tensors": [
            (name, id(t), t.detach().clone(), t.stride(), t.requires_grad, t._version, None if t.grad is None else t.grad.clone())
            for name, t in (*network.named_parameters(), *network.named_buffers())
        ],
        "torch": torch.get_rng_state().clone(),
        "numpy": copy.deepcopy(np.random.get_state()),
        "python": random.getstate(),
        "grad mode": torch.is_grad_enabled(),
        "inference mode": torch.is_inference_mode_enabled(),
        "threads": torch.get_num_threads(),
    }


def assert_same_state(before: dict[str, Any], after: dict[str, Any]) -> None:
    """Bit for bit."""
    (before, after) = (dict(before), dict(after))
    for (name, *old), (_, *new) in zip(before.pop("tensors"), after.pop("tensors"), strict=True):
        for a, b in zip(old, new, strict=True):
            same = torch.equal(a, b) if isinstance(a, torch.Tensor) and isinstance(b, torch.Tensor) else a == b
            assert same, f"{name} changed: {a} -> {b}"
    assert torch.equal(before.pop("torch"), after.pop("torch")), "torch's random state changed"
    for a, b in zip(before.pop("numpy"), after.pop("numpy"), strict=True):
        assert np.array_equal(a, b), "numpy's random state changed"
    assert before == after
