"""Every change of a network is noticed, and what changes no score is not."""

from __future__ import annotations

import pytest
import torch
from small_nets import SmallNet
from torch import nn

from seewhy.engine.fingerprint import Fingerprint

CHANGES = {
    "a weight in place": lambda n: n.fc.weight.mul_(2),
    "one value through .data": lambda n: n.fc.weight.data.view(-1)[3].add_(1),
    "another tensor in .data": lambda n: setattr(n.fc.weight, "data", n.fc.weight.data.clone()),
    "a new parameter": lambda n: setattr(n.fc, "weight", nn.Parameter(n.fc.weight.clone())),
    "a buffer": lambda n: n.features[1].running_var.mul_(2),
    "a replaced layer": lambda n: setattr(n, "fc", nn.Linear(16, 4)),
    "a layer more": lambda n: n.features.append(nn.ReLU()),
    "a layer less": lambda n: n.features.__delitem__(3),
    "a setting": lambda n: setattr(n.features[0], "padding", (0, 0)),
    "another forward": lambda n: setattr(n, "forward", lambda x: x.mean((2, 3))),
    "a hook": lambda n: n.fc.register_forward_hook(lambda *a: None),
    "a pre-hook": lambda n: n.fc.register_forward_pre_hook(lambda *a: None),
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_fingerprint_notices(small: SmallNet, change: str) -> None:
    fingerprint = Fingerprint(small)
    assert fingerprint.holds(small)
    with torch.no_grad():
        CHANGES[change](small)
    assert not fingerprint.holds(small)


def test_the_fingerprint_does_not_mind(small: SmallNet) -> None:
    fingerprint = Fingerprint(small)
    small.train().eval().requires_grad_(False)
    small.fc.weight.grad = torch.ones_like(small.fc.weight)
    assert fingerprint.holds(small)
    with torch.no_grad():
        small.fc.weight.fill_(float("nan"))
    broken = Fingerprint(small)
    assert broken.holds(small)


def test_a_row_of_a_large_matrix_is_noticed() -> None:
    network = nn.Linear(2048, 1000)
    for row in range(0, 1000, 97):
        fingerprint = Fingerprint(network)
        network.weight.data[row] += 1
        noticed = not fingerprint.holds(network)
        if not noticed:
            pytest.fail(f"row {row} was edited through .data and not noticed")
