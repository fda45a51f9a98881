"""In which form a network comes, and what can be seen of it: everything, gradients only, layers only, or nothing but scores."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn


@dataclass(frozen=True)
class Form:
    """What a network is, for people, and what of it methods can use.

    name : "an ONNX model", as in "This is an ONNX model". layers : what its operations give can be watched. gradients : they flow
    from the scores back to the photo. probabilities : its scores are probabilities already, whatever they sum to.
    quantised : the name of the first module that computes in int8, which no gradient passes. channels : how many the input has,
    where a file says so. one_at_a_time : layers can be watched while a single photo is run. own_threads : what runs it has
    threads of its own, which wait at full speed between two runs.
    """

    name: str
    layers: bool = False
    gradients: bool = False
    probabilities: bool = False
    quantised: str | None = None
    channels: int | None = None
    one_at_a_time: bool = False
    own_threads: bool = False

    @property
    def is_open(self) -> bool:
        """True where every method may try."""
        return self.layers and self.gradients


OPEN = Form("an nn.Module", layers=True, gradients=True)
FUNCTION = Form("a function")
TORCHSCRIPT = Form("TorchScript", gradients=True)


def form_of(network: Any) -> Form:
    """The form of a module or a callable. One that knows its own has it as the attribute ``form``."""
    own = getattr(network, "form", None)
    if isinstance(own, Form):
        return own
    if not isinstance(network, nn.Module):
        return FUNCTION
    if any(isinstance(module, torch.jit.ScriptModule) for module in network.modules()):
        return TORCHSCRIPT
    first = next(quantised_modules(network), None)
    return OPEN if first is None else Form("a network quantised to int8", layers=True, quantised=first)


def quantised_modules(network: nn.Module) -> Iterator[str]:
    """The names of the modules that compute in whole numbers, in the order in which they are registered."""
    for name, module in network.named_modules():
        package = type(module).__module__
        by_kind = package.startswith("torch.ao.nn.") and ".quantized" in package and ".reference" not in package
        if by_kind or any(_is_quantised(value) for value in vars(module).values()):
            yield name or type(module).__name__


def _is_quantised(value: Any) -> bool:
    """A quantised tensor, or the packed weights of a quantised layer."""
    if isinstance(value, torch.Tensor):
        return value.is_quantized
    return isinstance(value, torch.ScriptObject) and "PackedParams" in str(value._type())
