"""What the written-down forward pass says about layers, grids and heads."""

from __future__ import annotations

import pytest
import torch
from small_nets import Planted, SmallNet
from torch import nn
from torch.nn import functional as F

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


def test_hooks_are_taken_off_again(small: SmallNet) -> None:
    traced(small)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in small.modules())


def test_names_are_the_outermost_module_that_returned_the_step(small: SmallNet) -> None:
    found = traced(small)
    (step,) = (s for s in found.steps if s.number == found.feature_steps()[0].number)
    assert (found.name(step), found.kind(step)) == ("features", "Sequential")
    assert found.find("features") == found.find("features.6") == [step.number]
    assert (step.grid.rows, step.grid.columns, step.grid.channels) == (8, 12, 16)
    assert found.find("nowhere") == []


def test_an_in_place_relu_is_a_step_of_its_own(small: SmallNet) -> None:
    found = traced(small)
    (norm,) = found.find("features.5")
    (relu,) = found.find("features.6")
    assert relu == norm + 1
    assert found.steps[relu].inputs == (norm,)
    assert found.steps[relu].op == "relu"


def test_dropout_in_eval_mode_is_no_step(small: SmallNet) -> None:
    assert [s.op for s in traced(small).steps] == [
        "conv2d", "batch_norm", "relu", "max_pool2d", "conv2d", "batch_norm", "relu", "mean", "linear",
    ]  # fmt: skip


def test_a_reused_module_is_found_by_call() -> None:
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, padding=1)
            self.second = nn.Conv2d(8, 8, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.relu(self.second(self.relu(self.first(x)))).mean((2, 3))

    found = traced(Reused())
    (first, second) = found.find("relu")
    assert found.find("relu:1") == [first]
    assert found.find("relu:2") == [second]
    assert found.find("relu:3") == found.find("relu:0") == []
    assert found.name(found.steps[second]) == "relu:2"
    assert found.feature_steps()[0].number == second


def test_functions_have_names_too() -> None:
    found = traced(Head(lambda self, x: self.fc(x.mean((2, 3)))))
    (step, *_) = found.feature_steps()
    assert (found.name(step), found.kind(step)) == ("relu()", "relu")
    assert found.find("relu()") == [step.number]


POOLED = {
    "adaptive": lambda self, x: self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1)),
    "mean": lambda self, x: self.fc(x.mean(dim=[2, 3])),
    "two means": lambda self, x: self.fc(x.mean(3).mean(2)),
    "avg_pool2d": lambda self, x: self.fc(F.avg_pool2d(x, x.shape[2:]).squeeze(-1).squeeze(-1)),
    "dropout": lambda self, x: self.fc(F.dropout(x.mean((2, 3)), 0.5, self.training)),
    "view": lambda self, x: self.fc(F.adaptive_avg_pool2d(x, 1).view(x.shape[0], -1)),
    "log_softmax": lambda self, x: self.fc(x.mean((2, 3))).log_softmax(1),
    "softmax": lambda self, x: self.fc(x.mean((2, 3))).softmax(1),
    "1×1 convolution": lambda self, x: F.conv2d(F.adaptive_avg_pool2d(x, 1), self.conv1x1).flatten(1),
}


@pytest.mark.parametrize("head", POOLED)
def test_pooling_and_one_dense_layer_is_seen(head: str) -> None:
    network = Head(POOLED[head])
    network.conv1x1 = nn.Parameter(torch.rand(5, 8, 1, 1))
    found = traced(network)
    assert found.dense_head is not None
    assert found.name(found.steps[found.dense_head.features]) == "relu()"
    assert found.dense_head.weight == ("conv1x1" if "1×1" in head else "fc.weight")
    assert found.dense_head.bias == (None if "1×1" in head else "fc.bias")


OTHER = {
    "flatten": (lambda self, x: self.fc(x.flatten(1)), 8 * 16 * 24),
    "max": (lambda self, x: self.fc(x.amax((2, 3))), 8),
    "sum": (lambda self, x: self.fc(x.sum((2, 3))), 8),
    "norm between": (lambda self, x: self.fc(F.layer_norm(x.mean((2, 3)), (8,))), 8),
    "activation between": (lambda self, x: self.fc(torch.tanh(x.mean((2, 3)))), 8),
    "activation behind": (lambda self, x: torch.relu(self.fc(x.mean((2, 3)))), 8),
    "two branches": (lambda self, x: self.fc(x.mean((2, 3)) + x.amax((2, 3))), 8),
    "corner": (lambda self, x: self.fc(x[:, :, 0, 0]), 8),
}


@pytest.mark.parametrize("head", OTHER)
def test_other_heads_are_not(head: str) -> None:
    (function, out) = OTHER[head]
    assert traced(Head(function, out)).dense_head is None


def test_squeezenets_form_has_no_matrix() -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 1), nn.ReLU(inplace=True), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = traced(network).dense_head
    assert head is not None
    assert (head.weight, head.bias, head.features) == (None, None, 1)


def test_pooling_in_two_stages_keeps_the_finer_grid() -> None:
    found = traced(Head(lambda self, x: self.fc(F.avg_pool2d(x, 2).mean((2, 3)))))
    step = found.steps[found.dense_head.features]
    assert (found.name(step), step.grid.rows, step.grid.columns) == ("relu()", 16, 24)


def test_a_dead_network_is_not_taken_for_an_averaging_one() -> None:
    network = Planted()
    with torch.no_grad():
        network.conv.bias.fill_(-100)  # every feature is zero: the mean is also the maximum
    assert traced(network).dense_head is None


def test_channels_last_and_tokens_have_grids_too() -> None:
    class Mixed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.patch = nn.Conv2d(3, 8, 4, 4)
            self.norm = nn.LayerNorm(8)
            self.token = nn.Parameter(torch.zeros(1, 1, 8))
            self.fc = nn.Linear(8, 5)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = self.patch(x)  # (N, 8, 4, 6)
            x = self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
            x = torch.cat([self.token.expand(len(x), -1, -1), x.flatten(2).transpose(1, 2)], dim=1)  # (N, 25, 8)
            return self.fc(self.norm(x).mean(1))

    found = traced(Mixed())
    layouts = {found.name(s): (s.grid.layout, s.grid.rows, s.grid.columns, s.grid.skip) for s in found.path if s.grid}
    assert layouts["norm:1"] == ("channels last", 4, 6, 0)
    assert layouts["norm:2"] == ("tokens", 4, 6, 1)
    (second,) = found.find("norm:2")
    tokens = torch.arange(2 * 25 * 8.0).reshape(2, 25, 8)
    read = found.steps[second].grid.read(tokens)
    assert read.shape == (2, 8, 4, 6)
    assert read[1, 3, 2, 5] == tokens[1, 1 + 2 * 6 + 5, 3]


def test_the_layer_that_fails_is_named(small: SmallNet) -> None:
    with pytest.raises(RuntimeError) as error:
        traced(small, 4, 16, 24)
    assert error.value.seewhy_layer == "features.0"
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in small.modules())
