"""The planned copy gives what the network gives, and its fingerprint notices every change."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
from small_nets import SmallNet, assert_same_state, state_of
from torch import nn

import seewhy
from seewhy.engine.fingerprint import Fingerprint
from seewhy.engine.plan import EXACT, make_plan, unwrap


def planned(network: nn.Module, precision: str = "exact", size: tuple[int, ...] = (3, 20, 28)):
    inputs = torch.rand(1, *size, generator=torch.Generator().manual_seed(0))
    return make_plan(network, inputs, lambda output: output, precision)


def outputs(network: nn.Module, plan, inputs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    with torch.no_grad():
        return copy.deepcopy(network).eval()(inputs), plan.network(plan.prepare(inputs)).float()


def test_folded_and_channels_last_give_the_same_scores(small: SmallNet, small_photos: torch.Tensor) -> None:
    plan = planned(small)
    assert plan.description == "BatchNorm folded, weights packed, channels_last"
    assert not any(isinstance(m, nn.BatchNorm2d) for m in plan.network.modules())
    expected, given = outputs(small, plan, small_photos)
    assert float((given - expected).abs().max() / expected.abs().max()) <= EXACT
    assert plan.deviation <= EXACT
    assert len(plan.folded) == 4


def test_the_person_s_network_is_not_touched(small: SmallNet) -> None:
    before = state_of(small.train())
    planned(small)
    assert_same_state(before, state_of(small))


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
    expected, given = outputs(network, plan, torch.rand(1, 3, 20, 28))
    torch.testing.assert_close(given, expected, rtol=1e-5, atol=1e-6)


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
    expected, given = outputs(network, plan, small_photos)
    assert torch.equal(expected, given)


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
    made = seewhy.explain(seewhy.Classifier(network), small_photos[0], layer="features.0")
    expected = seewhy.explain(seewhy.Classifier(SmallNet()), small_photos[0], layer="features.0")
    assert np.array_equal(made.maps, expected.maps)


def test_double_precision_stays_double(small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(SmallNet().double())
    np.testing.assert_allclose(clf.logits(small_photos), seewhy.Classifier(SmallNet()).logits(small_photos), rtol=1e-4, atol=1e-5)
    assert clf.executor.planned().plan.dtype == torch.float64


def test_fast_is_bfloat16_and_measured(small: SmallNet, small_photos: torch.Tensor) -> None:
    plan = planned(small, "fast")
    assert plan.description == "BatchNorm folded, weights packed, channels_last, bfloat16"
    expected, given = outputs(small, plan, small_photos)
    assert 1e-5 < plan.deviation < 0.05
    assert float((given - expected).abs().max() / expected.abs().max()) < 0.05


@pytest.mark.parametrize("wrap", [nn.DataParallel, torch.compile, lambda n: nn.DataParallel(torch.compile(n))])
def test_wrappers_are_taken_off(small: SmallNet, wrap) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # DataParallel without a GPU
        assert unwrap(wrap(small)) is small


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


def test_an_inplace_edit_of_a_served_network_changes_the_answer(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    before = clf.logits(small_photos)
    optimiser = torch.optim.SGD(small.parameters(), 0.5)
    small.train()
    small(small_photos).logsumexp(1).sum().backward()
    optimiser.step()
    after = clf.logits(small_photos)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, seewhy.Classifier(small).logits(small_photos))
    assert small.training


def test_packed_convolutions_give_way_where_a_gradient_is_asked_for(small: SmallNet, small_photos: torch.Tensor) -> None:
    packed = [m for m in planned(small).network.modules() if type(m).__name__ == "PackedConv2d"]
    if not packed:
        pytest.skip("this build of torch has no oneDNN")
    assert len(packed) == 2
    conv = packed[0]
    plain = nn.functional.conv2d(small_photos, conv.weight, conv.bias, padding=1)
    with torch.no_grad():
        torch.testing.assert_close(conv(small_photos), plain, rtol=1e-5, atol=1e-5)
    leaf = small_photos.clone().requires_grad_()
    conv(leaf).square().sum().backward()
    other = small_photos.clone().requires_grad_()
    nn.functional.conv2d(other, conv.weight, conv.bias, padding=1).square().sum().backward()
    torch.testing.assert_close(leaf.grad, other.grad)


def test_the_network_is_traced_on_noise() -> None:
    """On a blank input every feature is constant, its mean is its maximum, and a head that takes that would pass for CAM."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=8))
    with pytest.raises(seewhy.SeewhyError, match="CAM needs a head that averages"):
        seewhy.explain(clf, np.zeros((8, 8, 3), np.uint8), method="cam")
    assert clf.executor.planned().trace.dense_head is None
