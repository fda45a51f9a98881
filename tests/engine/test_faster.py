"""Folded BatchNorms and packed weights give the same scores, and are left alone where they would not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from planned_networks import outputs, planned
from small_nets import SmallNet
from torch import nn
from torch.overrides import TorchFunctionMode

import seewhy
from seewhy.engine.faster import PackedConv2d
from seewhy.engine.plan import EXACT
from seewhy.engine.probe import run_until


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


class Rectified(nn.Module):
    """One ReLU that runs three times: behind a convolution, behind a folded BatchNorm, and behind a sum."""

    def __init__(self) -> None:
        super().__init__()
        (self.first, self.second, self.norm) = (nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
        (self.relu, self.capped, self.last) = (nn.ReLU(inplace=True), nn.ReLU6(), nn.Conv2d(4, 4, 1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.first(x))
        y = self.relu(self.norm(self.second(x)))
        x = self.relu(y - 2 * x)
        return self.capped(self.last(x) * 5).mean((2, 3)) + self.capped(9 * self.last(-x)).amax((2, 3))


def test_relus_run_inside_the_convolutions_that_they_alone_read() -> None:
    torch.manual_seed(0)
    network = Rectified().eval()
    photos = torch.randn(3, 3, 20, 28)
    plan = planned(network)
    convolutions = {name: m for name, m in plan.network.named_modules() if isinstance(m, PackedConv2d)}
    if not convolutions:
        pytest.skip("this build of torch has no oneDNN")
    rectifiers = {name: conv.rectifier[0] for name, conv in convolutions.items()}
    assert rectifiers == {"first": "relu", "second": "relu"}  # the last one runs twice, and what follows it is no ReLU
    with torch.no_grad():
        inside = convolutions["first"](photos)
        rectified = nn.functional.conv2d(photos, convolutions["first"].weight, convolutions["first"].bias).relu()
    torch.testing.assert_close(inside, rectified, rtol=1e-6, atol=1e-6)
    assert float(inside.min()) == 0.0
    (expected, output) = outputs(network, plan, photos)
    torch.testing.assert_close(output, expected, rtol=1e-5, atol=1e-6)


class Names(TorchFunctionMode):
    """Writes down what is called."""

    def __init__(self) -> None:
        super().__init__()
        self.names: list[str] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.append(func.__name__)
        return func(*args, **(kwargs or {}))


@pytest.mark.parametrize(("kind", "name"), [(nn.ReLU, "relu"), (nn.ReLU6, "hardtanh")])
def test_a_relu_inside_a_convolution_is_still_seen(kind: type[nn.Module], name: str) -> None:
    """Steps are found by their operation's name and number: both must stay."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), kind(), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval()
    plan = planned(network)
    if not isinstance(plan.network[0], PackedConv2d):
        pytest.skip("this build of torch has no oneDNN")
    assert plan.network[0].rectifier[0] != "none"
    assert 0 in plan.folded  # the convolution's own result does not exist any more
    assert 1 not in plan.folded
    photos = torch.randn(2, 3, 20, 28)
    with torch.no_grad(), Names() as seen:
        plan.network(photos)
    with torch.no_grad(), Names() as expected:
        network(photos)
    assert seen.names.count(name) == expected.names.count(name) == 1


def test_several_photos_do_not_take_weights_packed_for_one() -> None:
    plan = planned(nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten()).eval())
    conv = plan.network[0]
    if not isinstance(conv, PackedConv2d):
        pytest.skip("this build of torch has no oneDNN")
    photos = torch.randn(2, 3, 20, 28)
    with torch.no_grad():
        expected = conv(photos[:1])
        conv.packed = torch.full_like(conv.weight, torch.nan)  # whoever reads it is found out
        assert bool(conv(photos[:1]).isnan().all())
        torch.testing.assert_close(conv(photos)[:1], expected, rtol=1e-5, atol=1e-6)


class WrittenInto(nn.Module):
    """One ReLU for all, and what it gives is written into before it comes back."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        (self.first, self.second) = (nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1))
        self.relu = nn.ReLU()
        self.head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.relu(self.first(x))
        features -= 1
        features = self.relu(features)
        return self.head(self.relu(self.second(features)))  # type: ignore[no-any-return]


@pytest.mark.parametrize("precision", ["exact", "fast"])
def test_a_rectified_tensor_that_is_written_into_is_rectified_again(precision: str) -> None:
    network = WrittenInto().eval()
    clf = seewhy.Classifier(network, preprocess=None, precision=precision)
    photo = torch.randn(3, 8, 8, generator=torch.Generator().manual_seed(1))
    expected = network(photo[None])[0].detach().numpy()
    np.testing.assert_allclose(clf.logits(photo)[0], expected, atol=1e-5 if precision == "exact" else 0.02)
    planned = clf.executor.planned(photo[None])
    assert "weights packed" in planned.plan.description


class Turned(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mT


class TurnedAgain(nn.Module):
    """A convolution, which is packed, and three ``.mT`` behind it, each in a layer of its own."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        (self.conv, self.dense, self.fc) = (nn.Conv2d(3, 16, 4, 4), nn.Linear(16, 16), nn.Linear(16, 3))
        (self.first, self.second, self.third) = (Turned(), Turned(), Turned())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.first(self.conv(x).flatten(2))
        tokens = self.second(torch.relu(self.dense(tokens)))
        return self.fc(self.third(tokens * 2).amax(1))


def test_every_layer_of_a_packed_network_is_the_one_that_was_named() -> None:
    network = TurnedAgain().eval()
    photo = torch.rand(3, 16, 16, generator=torch.Generator().manual_seed(1))
    clf = seewhy.Classifier(network)
    values = {name: seewhy.activations(clf, photo, name).values for name in ("conv", "first", "dense", "second", "third")}
    expected: dict[str, torch.Tensor] = {}
    for name in values:
        network.get_submodule(name).register_forward_hook(lambda m, i, out, n=name: expected.update({n: out.detach()[0]}))
    network(photo[None])
    assert len(expected) == 5
    for name, value in values.items():
        own = torch.as_tensor(value).reshape(16, 16)  # channels first
        theirs = expected[name].reshape(16, 16)
        torch.testing.assert_close(own, theirs.T if name in ("first", "dense", "third") else theirs, rtol=1e-4, atol=1e-6)


def test_a_kernel_that_is_made_on_the_way_is_no_step() -> None:
    """The first pass with a gradient makes the first convolution's kernel, with operations that the network has too."""
    network = TurnedAgain().eval()
    photos = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    for op in ("flatten", "__get__"):
        plan = planned(network, size=(3, 16, 16))
        assert plan.trace is not None
        step = next(step for step in plan.trace.steps if step.op == op)
        value = run_until(plan, photos.clone().requires_grad_(), lambda output: output, step)
        before = network.conv(photos).flatten(2)
        torch.testing.assert_close(value, before if op == "flatten" else before.mT, rtol=1e-4, atol=1e-6)
