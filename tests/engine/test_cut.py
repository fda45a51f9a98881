"""Where a gradient ends: the first step without one is named, with what ends it there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy.engine.cut import Cause, Cut, first_cut
from seewhy.engine.network import WITHOUT_GRADIENT, PlannedNetwork
from seewhy.errors import Message, alternatives, setting
from seewhy.methods import Needs

PHOTO = torch.rand(1, 3, 20, 28, generator=torch.Generator().manual_seed(0))


class Between(SmallNet):
    """Something is done to the feature maps before the head reads their largest values."""

    def __init__(self, between: Callable[[torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.between = between

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.between(self.features(x)).amax((2, 3)))


class Twice(torch.autograd.Function):
    """With a backward pass of its own."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x * 2

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return gradient * 2


def cut_of(network: nn.Module, layer: str | None = None) -> Cut | None:
    noise = torch.rand(2, 3, 20, 28, generator=torch.Generator().manual_seed(0))
    planned = PlannedNetwork(network, noise, lambda output: output, "exact", type(network).__name__)
    step = None if layer is None else planned.plan.trace.steps[planned.plan.trace.find(layer)[0]]
    return first_cut(planned._unfolded, PHOTO, lambda output: output, step)


def largest(y: torch.Tensor) -> torch.Tensor:
    return y.argmax(1)[:, None].float().expand(-1, 16, -1, -1)


@pytest.mark.parametrize(
    ("between", "expected"),
    [
        (lambda y: y.detach(), Cut("detach()", "detach()", Cause.OPERATION, "")),
        (lambda y: y.data, Cut("data", ".data", Cause.OPERATION, "")),
        (largest, Cut("argmax()", "argmax()", Cause.WHOLE_NUMBERS, "")),
        (lambda y: (y > 0).float(), Cut("gt()", "gt()", Cause.TRUTH, "")),
        (lambda y: torch.from_numpy(y.numpy()), Cut("numpy()", "numpy()", Cause.OPERATION, "")),
        (lambda y: torch.from_numpy(y.detach().numpy()), Cut("numpy()", "numpy()", Cause.OPERATION, "")),
        (lambda y: torch.no_grad()(torch.sin)(y), Cut("sin()", "sin()", Cause.NO_GRAD, "")),
        (lambda y: torch.inference_mode()(torch.sin)(y).clone(), Cut("sin()", "sin()", Cause.INFERENCE, "")),
        # What is multiplied with a mask still has its gradient: the mask is not what cuts it off.
        (lambda y: (y * (y > 0)).detach(), Cut("detach()", "detach()", Cause.OPERATION, "")),
        (lambda y: Twice.apply(y).detach(), Cut("detach()", "detach()", Cause.OPERATION, "")),
        (lambda y: Twice.apply(y), None),
        (lambda y: y + y.detach(), None),
    ],
)
@pytest.mark.parametrize("layer", [None, "features"])
def test_the_first_step_without_a_gradient(
    between: Callable[[torch.Tensor], torch.Tensor], expected: Cut | None, layer: str | None
) -> None:
    assert cut_of(Between(between), layer) == expected


def test_weights_that_want_a_gradient_do_not_hide_a_cut() -> None:
    """A network with hooks of its own is run as it is, and its dense layer stands in a graph whatever it reads."""
    network = Between(lambda y: y.detach())
    network.fc.register_forward_hook(lambda *_: None)
    for layer in (None, "features"):
        assert cut_of(network, layer) == Cut("detach()", "detach()", Cause.OPERATION, "")


class Frozen(nn.Module):
    """A backbone without gradients, as people write it: around the call, or as a decorator."""

    def __init__(self, decorated: bool) -> None:
        super().__init__()
        self.backbone = Decorated() if decorated else SmallNet()
        self.decorated = decorated
        self.fc = nn.Linear(16, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(torch.is_grad_enabled() and self.decorated):
            maps = self.backbone.features(x) if not self.decorated else self.backbone(x)
        return self.fc(maps.amax((2, 3)).sin())


class Decorated(SmallNet):
    @torch.no_grad()
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(x)


def test_no_grad_stands_in_the_forward_that_was_called_with_a_graph() -> None:
    """The convolution is the first without a gradient; what has to be changed stands further out."""
    assert cut_of(Frozen(decorated=True)) == Cut("backbone.features.0", "conv2d()", Cause.NO_GRAD, "backbone")
    assert cut_of(Frozen(decorated=False)) == Cut("backbone.features.0", "conv2d()", Cause.NO_GRAD, "")


@pytest.mark.parametrize(
    ("cut", "text", "culprit"),
    [
        (Cut("body", "conv2d()", Cause.NO_GRAD, ""), "'body' (torch.no_grad())", "torch.no_grad()"),
        (Cut("body.sin()", "sin()", Cause.INFERENCE, ""), "'body.sin()' (torch.inference_mode())", "torch.inference_mode()"),
        (Cut("argmax()", "argmax()", Cause.WHOLE_NUMBERS, ""), "'argmax()' (whole numbers)", "argmax()"),
        (Cut("body", "detach()", Cause.OPERATION, ""), "'body' (detach())", "detach()"),
        (Cut("body.data", ".data", Cause.OPERATION, ""), "'body.data'", ".data"),
    ],
)
def test_a_cut_in_words(cut: Cut, text: str, culprit: str) -> None:
    assert (str(cut), cut.culprit) == (text, culprit)


def test_the_methods_without_gradient_are_those_that_need_scores_alone() -> None:
    names = [setting("method", name) for name, method in seewhy.METHODS.items() if method.needs is Needs.SCORES]
    assert Message(WITHOUT_GRADIENT) == Message(alternatives(names))
