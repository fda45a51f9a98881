"""What a written-down forward pass is asked: names of layers, where they are found, and how results lie over the photo."""

from __future__ import annotations

import pytest
import torch
from small_nets import SmallNet
from torch import nn
from traced_networks import Head, traced


def test_names_are_the_outermost_module_that_returned_the_step(small: SmallNet) -> None:
    trace = traced(small)
    (step,) = (s for s in trace.steps if s.number == trace.feature_steps()[0].number)
    assert (trace.name(step), trace.kind(step)) == ("features", "Sequential")
    assert trace.find("features") == trace.find("features.6") == [step.number]
    assert (step.grid.rows, step.grid.columns, step.grid.channels) == (8, 12, 16)
    assert trace.find("nowhere") == []


def test_a_reused_module_is_found_by_call() -> None:
    class Reused(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first = nn.Conv2d(3, 8, 3, padding=1)
            self.second = nn.Conv2d(8, 8, 3, padding=1)
            self.relu = nn.ReLU(inplace=True)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.relu(self.second(self.relu(self.first(x)))).mean((2, 3))

    trace = traced(Reused())
    (first, second) = trace.find("relu")
    assert trace.find("relu:1") == [first]
    assert trace.find("relu:2") == [second]
    assert trace.find("relu:3") == trace.find("relu:0") == []
    assert trace.name(trace.steps[second]) == "relu:2"
    assert trace.feature_steps()[0].number == second


def test_functions_have_names_too() -> None:
    trace = traced(Head(lambda self, x: self.fc(x.mean((2, 3)))))
    (step, *_) = trace.feature_steps()
    assert (trace.name(step), trace.kind(step)) == ("relu()", "relu")
    assert trace.find("relu()") == [step.number]


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

    trace = traced(Mixed())
    layouts = {trace.name(s): (s.grid.layout, s.grid.rows, s.grid.columns, s.grid.skip) for s in trace.path if s.grid}
    assert layouts["norm:1"] == ("channels last", 4, 6, 0)
    assert layouts["norm:2"] == ("tokens", 4, 6, 1)
    (second,) = trace.find("norm:2")
    tokens = torch.arange(2 * 25 * 8.0).reshape(2, 25, 8)
    values = trace.steps[second].grid.read(tokens)
    assert values.shape == (2, 8, 4, 6)
    assert values[1, 3, 2, 5] == tokens[1, 1 + 2 * 6 + 5, 3]


@pytest.mark.parametrize(
    ("head", "bypassed"),
    [
        (lambda self, x: self.fc(x.mean((2, 3))), False),
        (lambda self, x: self.fc((x * x.mean((2, 3), keepdim=True).sigmoid()).mean((2, 3))), False),
        (lambda self, x: self.fc(torch.cat([x.mean((2, 3)), x.new_zeros(1, 8)], 1)[:, :8]), False),
        (lambda self, x: self.fc(x.mean((2, 3)) + torch.zeros_like(self.photo).mean()), False),
        (lambda self, x: self.fc(x.mean((2, 3)) + self.photo.mean()), True),
        (lambda self, x: self.fc(x.mean((2, 3)) + self.conv(self.photo.flip(-1)).mean((2, 3))), True),
    ],
    ids=["one path", "two that meet behind it", "zeros beside it", "zeros of the photo's size", "the photo", "another pass"],
)
def test_other_paths_around_a_step(head: object, bypassed: bool) -> None:
    class Watched(Head):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.photo = x
            return super().forward(x)

    trace = traced(Watched(head))
    (relu,) = (step for step in trace.steps if step.op == "relu")
    assert trace.is_bypassed(relu) == bypassed
    assert not trace.is_bypassed(trace.steps[trace.output])
