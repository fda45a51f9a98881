"""The planned copy gives what the network gives, and its fingerprint notices every change."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from planned_networks import outputs, planned
from small_nets import SmallNet, assert_same_state, state_of
from torch import nn

import seewhy
from seewhy.engine.plan import unwrap


def test_the_person_s_network_is_not_touched(small: SmallNet) -> None:
    before = state_of(small.train())
    planned(small)
    assert_same_state(before, state_of(small))


def test_a_view_that_wants_another_memory_format_runs_plainly(small_photos: torch.Tensor) -> None:
    class Views(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(3, 4, 3)
            self.fc = nn.Linear(4 * 18 * 26, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.fc(torch.relu(self.conv(x)).view(len(x), -1))  # refused on channels_last

    network = Views()
    plan = planned(network)
    assert plan.description == "plain"
    expected, output = outputs(network, plan, small_photos)
    assert torch.equal(expected, output)


def test_what_cannot_be_copied_runs_as_it_is(small_photos: torch.Tensor) -> None:
    class Locked(SmallNet):
        def __deepcopy__(self, memo: dict) -> None:
            raise TypeError("not this one")

    network = Locked().train()
    plan = planned(network)
    assert plan.as_is
    assert plan.network is network
    np.testing.assert_allclose(
        seewhy.Classifier(network).logits(small_photos), seewhy.Classifier(SmallNet()).logits(small_photos), rtol=1e-4, atol=1e-5
    )
    assert all(module.training for module in network.modules())


def test_weights_made_in_inference_mode(small_photos: torch.Tensor) -> None:
    with torch.inference_mode():
        network = SmallNet()
    explanation = seewhy.explain(seewhy.Classifier(network), small_photos[0], layer="features.0")
    expected = seewhy.explain(seewhy.Classifier(SmallNet()), small_photos[0], layer="features.0")
    assert np.array_equal(explanation.maps, expected.maps)


def test_fast_is_bfloat16_and_measured(small: SmallNet, small_photos: torch.Tensor) -> None:
    plan = planned(small, "fast")
    assert plan.description == "BatchNorm folded, weights packed, channels_last, bfloat16"
    expected, output = outputs(small, plan, small_photos)
    assert 1e-5 < plan.deviation < 0.05
    assert float((output - expected).abs().max() / expected.abs().max()) < 0.05


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda n: nn.DataParallel(torch.compile(n))])
def test_wrappers_are_taken_off(small: SmallNet, wrap) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DataParallel without a GPU
        assert unwrap(wrap(small)) is small
