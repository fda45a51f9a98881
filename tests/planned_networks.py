"""Planned copies of small networks, and what they give beside the original."""

from __future__ import annotations

import copy

import torch
from torch import nn

from seewhy.engine.plan import make_plan


def planned(network: nn.Module, precision: str = "exact", size: tuple[int, ...] = (3, 20, 28)):
    inputs = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    return make_plan(network, inputs, lambda output: output, precision)


def outputs(network: nn.Module, plan, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        return copy.deepcopy(network).eval()(inputs), plan.network(plan.prepare(inputs)).float()
