"""Which layer a photo meets first, and how many channels that takes: by what is called, not by what is registered."""

from __future__ import annotations

import contextlib
import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from seewhy.engine.own_state import watched
from seewhy.engine.plan import eval_mode

CONVOLUTIONS: dict[int, type[nn.Module]] = {2: nn.Conv2d, 3: nn.Conv3d}  # by the axes of what a network sees
_NORMS = frozenset(["batch_norm", "instance_norm"])
_WEIGHTED = _NORMS | {
    "conv1d",
    "conv2d",
    "conv3d",
    "conv_transpose2d",
    "linear",
    "matmul",
    "__matmul__",
    "layer_norm",
    "group_norm",
}


@dataclass(frozen=True)
class FirstLayer:
    """name : of the module. channels : that it takes. weight : by which it is known to be still there."""

    name: str
    channels: int
    weight: torch.Tensor


def first_layer(network: nn.Module, shape: tuple[int, ...]) -> FirstLayer | None:
    """The layer whose weights meet an input ``(C, H, W)`` or ``(C, D, H, W)`` first. The pass ends there, before it is computed.

    None where the pass does not reach one, or where what reaches it is not the channels of the input any more.
    """
    like = next(iter(network.parameters()), torch.zeros(()))
    own = _tensors(network)
    # In eval mode: a BatchNorm that trains counts its batches before it uses its weights. And a forward may raise anything.
    with torch.no_grad(), eval_mode(network), watched(network):
        watch = _FirstWeights({id(tensor): name for name, tensor in _tensors(network).items()}, shape)  # buffers are copies here
        with contextlib.suppress(_ReachedError, Exception), watch:
            network(torch.zeros((1, *shape), dtype=like.dtype, device=like.device))
    if watch.weight is None or watch.channels is None:
        return None
    return FirstLayer(watch.weight.rpartition(".")[0], watch.channels, own[watch.weight])


def _tensors(network: nn.Module) -> dict[str, torch.Tensor]:
    return dict((*network.named_parameters(), *network.named_buffers()))


def first_convolution(network: nn.Module, shape: tuple[int, ...]) -> tuple[str, int] | None:
    """The name and the channels of the convolution that a photo meets first, in float or in int8, which torch's functions do not
    show. Where the pass does not come so far, it is the one that is registered first.

    None without any, and where what reaches it is not the channels of the photo any more.
    """
    convolutions = _convolutions(network, shape)
    first = next(iter(convolutions), None)
    reached: list[tuple[Any, int]] = []

    def stop(module: nn.Module, args: Any) -> None:
        reached.append((module, args[0].shape[1]))
        raise _ReachedError

    if first is not None and first.in_channels != shape[0]:
        hooks = [module.register_forward_pre_hook(stop) for module in convolutions]
        try:
            with torch.no_grad(), eval_mode(network), contextlib.suppress(_ReachedError, Exception):
                network(torch.zeros((1, *shape), device=next((p.device for p in network.parameters()), None)))
        finally:
            for hook in hooks:
                hook.remove()
    (first, channels) = reached[0] if reached else (first, shape[0])
    return (convolutions[first], first.in_channels) if first is not None and channels == shape[0] else None


def has_int8_convolution(network: nn.Module, shape: tuple[int, ...]) -> bool:
    """True where a convolution of a quantised network is none of torch's plain ones."""
    return not all(isinstance(module, CONVOLUTIONS[len(shape) - 1]) for module in _convolutions(network, shape))


def _convolutions(network: nn.Module, shape: tuple[int, ...]) -> dict[Any, str]:
    """The names of all convolutions: those in int8 are classes of their own, with the same attributes."""
    names: dict[Any, str] = {}
    for name, module in network.named_modules():
        kernel = getattr(module, "kernel_size", None)
        if isinstance(getattr(module, "in_channels", None), int) and isinstance(kernel, tuple) and len(kernel) == len(shape) - 1:
            names[module] = name
    return names


def other_dimensions(network: nn.Module, dimensions: int) -> str | None:
    """The name of the first convolution, where all of them are made for inputs of other ``dimensions``; else None."""
    kinds = {axes: [n for n, m in network.named_modules() if isinstance(m, kind)] for axes, kind in CONVOLUTIONS.items()}
    others = kinds[5 - dimensions]
    return None if kinds[dimensions] or not others else others[0]


class _ReachedError(BaseException):
    """The first weights. No Exception, so that a person's ``except Exception`` does not swallow it."""


class _FirstWeights(TorchFunctionMode):
    """weight : the name of the first weight. channels : of the photo, as its layer expects them."""

    def __init__(self, names: dict[int, str], shape: tuple[int, ...]) -> None:
        super().__init__()
        self._names = names
        self._shape = shape
        self.weight: str | None = None
        self.channels: int | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name in _WEIGHTED:
            tensors = [value for value in (*args, *kwargs.values()) if isinstance(value, torch.Tensor)]
            own = [tensor for tensor in tensors[1:] if id(tensor) in self._names]
            if own:
                self.weight = self._names[id(own[0])]
                self.channels = self._channels(name, tensors[0], own[0], args, kwargs)
                raise _ReachedError
        return func(*args, **kwargs)

    def _channels(self, name: str, x: torch.Tensor, weight: torch.Tensor, args: Any, kwargs: Any) -> int | None:
        """Of the photo, as the layer expects it; None where that cannot be told."""
        channels = self._shape[0]
        convolution = CONVOLUTIONS[len(self._shape) - 1].__name__.lower()  # "conv2d"
        if name == "conv_transpose2d":
            return int(weight.shape[0]) if x.shape[1:] == self._shape else None
        if name == convolution or name in _NORMS:
            groups = kwargs.get("groups", args[6] if len(args) > 6 else 1) if name == convolution else 1
            own = weight.shape[1] * groups if name == convolution else weight.shape[0]
            return int(own) if x.shape[1] == channels else None
        if name == "linear" and x.numel() == math.prod(self._shape) and not x.shape[-1] % channels:
            (expected, rest) = divmod(weight.shape[1], x.shape[-1] // channels)  # flattened pixels, or flattened patches
            return int(expected) if not rest else None
        return None
