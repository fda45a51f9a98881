"""Folded BatchNorms and packed weights give the same scores, and are left alone where they would not."""

from __future__ import annotations

import pytest
import torch
from planned_networks import outputs, planned
from small_nets import SmallNet
from torch import nn

from seewhy.engine.plan import EXACT


def test_folded_and_channels_last_give_the_same_scores(small: SmallNet, small_photos: torch.Tensor) -> None:
    plan = planned(small)
    assert plan.description == "BatchNorm folded, weights packed, channels_last"
    assert not any(isinstance(m, nn.BatchNorm2d) for m in plan.network.modules())
    expected, output = outputs(small, plan, small_photos)
    assert float((output - expected).abs().max() / expected.abs().max()) <= EXACT
    assert plan.deviation <= EXACT
    assert len(plan.folded) == 4


class Shared(nn.Module):
    """What must not be folded: a convolution that somebody else reads, one that runs twice, a BatchNorm in train mode form."""

    def __init__(self) -> None:
        super().__init__()
        self.read_twice, self.norm1 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.runs_twice, self.norm2 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3)
        self.last, self.norm3 = nn.Conv2d(3, 3, 1), nn.BatchNorm2d(3, track_running_stats=False)
        for norm in (self.norm1, self.norm2):
            norm.running_mean.uniform_(-1, 1)
            norm.running_var.uniform_(0.5, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        before = self.read_twice(x)
        x = self.norm1(before) + before
        x = self.norm2(self.runs_twice(x)) + self.runs_twice(x * 2)
        return self.norm3(self.last(x)).relu().mean((2, 3))


def test_only_what_may_be_folded_is() -> None:
    torch.manual_seed(1)
    network = Shared()
    plan = planned(network)
    assert plan.folded == frozenset()
    expected, output = outputs(network, plan, torch.rand(1, 3, 20, 28))
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-6)


def test_packed_convolutions_give_way_where_a_gradient_is_asked_for(small: SmallNet, small_photos: torch.Tensor) -> None:
    packed = [m for m in planned(small).network.modules() if type(m).__name__ == "PackedConv2d"]
    if not packed:
        pytest.skip("this build of torch has no oneDNN")
    assert len(packed) == 2
    conv = packed[0]
    plain = nn.functional.conv2d(small_photos, conv.weight, conv.bias, padding=1)
    with torch.no_grad():
        torch.testing.assert_close(conv(small_photos), plain.relu(), rtol=1e-5, atol=1e-5)
    leaf = small_photos.clone().requires_grad_()
    conv(leaf).square().sum().backward()
    other = small_photos.clone().requires_grad_()
    nn.functional.conv2d(other, conv.weight, conv.bias, padding=1).square().sum().backward()
    torch.testing.assert_close(leaf.grad, other.grad)
