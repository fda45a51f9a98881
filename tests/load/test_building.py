"""Architectures built for weights of a file."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from seewhy.errors import WeightsError
from seewhy.load import building
from seewhy.load.building import head_of, outputs_in, without_initial_values


def network(classes: int) -> nn.Module:
    """With an auxiliary head, as GoogLeNet has."""
    return nn.ModuleDict({"stem": nn.Linear(2, 3), "head": nn.Linear(3, classes), "aux": nn.Linear(3, classes)})


def test_the_head_is_what_changes_with_the_classes() -> None:
    before = torch.get_rng_state()
    assert head_of(network) == "head.weight"
    assert torch.equal(torch.get_rng_state(), before)
    assert outputs_in({"head.weight": torch.zeros(7, 3)}, "head.weight", "ours") == 7
    with pytest.raises(WeightsError) as error:
        outputs_in({"a": torch.zeros(1)}, "head.weight", "ours")
    assert str(error.value) == (
        "The weights do not fit ours: there is no 'head.weight' in the file (it has a). Of which architecture are they?"
    )


def test_nothing_is_drawn() -> None:
    before = torch.get_rng_state()
    with without_initial_values():
        filled = nn.init.normal_(torch.full((3,), 7.0))
        parameter = nn.init.kaiming_normal_(nn.Parameter(torch.empty(2, 3)))
        outside = nn.init.trunc_normal_(nn.Parameter(torch.empty(50)), mean=0.0, a=0.1, b=3.0).detach()
        torch.rand(1)
    assert filled.tolist() == [7.0, 7.0, 7.0]
    assert not parameter.any()
    assert float(outside.min()) >= 0.1
    assert float(outside.max()) <= 3
    assert torch.equal(torch.get_rng_state(), before)


def test_a_network_is_built_without_drawing_weights() -> None:
    (weight, mode) = (torch.full((8, 4, 3, 3), 7.0), building._NoInitialValues())
    with mode:
        for draw in (nn.init.normal_, nn.init.uniform_, nn.init.kaiming_uniform_):
            assert draw(weight) is weight
        nn.init.zeros_(bias := torch.ones(3))
        drawn = nn.init.trunc_normal_(torch.full((100,), 7.0))
    assert bool((weight == 7).all())
    assert bias.tolist() == [0, 0, 0]
    assert float(drawn.abs().max()) <= 2
