"""The work that masked copies of a photo really need, counted: the floor under every way to compute occlusion exactly.

A mask changes a rectangle of the photo. Through the layers the rectangle grows with the kernels and shrinks with the strides;
what lies outside is known from the photo without a mask. Only multiply-adds of convolutions and dense layers are counted, two
operations each; everything else is small beside them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

# (masks, 4) whole numbers: first row, row behind the last, first column, column behind the last. Nothing changed: (H, 0, W, 0).
Rectangles = npt.NDArray[np.int64]

# Output (i, j) depends on the inputs' (i, j) alone.
_ACTIVATIONS = {"relu", "relu_", "hardtanh", "relu6", "sigmoid", "sigmoid_", "silu", "hardswish", "hardsigmoid", "gelu", "elu"}
_SUMS = {
    "add",
    "add_",
    "sub",
    "sub_",
    "mul",
    "mul_",
    "div",
    "div_",
    "__add__",
    "__iadd__",
    "__mul__",
    "__imul__",
    "cat",
    "concat",
}
_PLACEWISE = (
    _ACTIVATIONS | _SUMS | {"leaky_relu", "selu", "tanh", "mish", "dropout", "batch_norm", "contiguous", "clone", "float"}
)
_WINDOWS = {"conv2d", "max_pool2d", "avg_pool2d"}


@dataclass(frozen=True)
class Work:
    """Operations (FLOP) of one pass. whole : for a photo. masked : for one mask, the mean over all, only what it can change."""

    whole: float
    masked: float


def count(network: nn.Module, size: tuple[int, int], masks: Rectangles, channels: int = 3) -> Work:
    """Run a photo of zeros through the network and follow the masks' rectangles on the way."""
    inputs = torch.zeros(1, channels, *size)
    counter = _Counter(inputs, _tidied(masks, size))
    with torch.no_grad(), counter:
        network(inputs)
    return Work(counter.whole, counter.masked)


def occlusion_masks(size: tuple[int, int], mask: int, stride: int, kind: str) -> Rectangles:
    """The masks of a grid.

    kind : "whole" (from the corner, only whole masks), "cut" (from the corner, the last ones cut off, as captum's) or "centred"
    (the first on the first pixel, cut at all edges).
    """
    axes = []
    for length in size:
        if kind == "centred":
            starts = np.arange(0, length, stride) - (mask - 1) // 2
        elif kind == "cut":
            starts = np.arange(-(-(length - mask) // stride) + 1) * stride
        elif kind == "whole":
            starts = np.arange((length - mask) // stride + 1) * stride
        else:
            raise ValueError(kind)
        axes.append([(max(0, start), min(length, start + mask)) for start in starts.tolist()])
    (rows, columns) = axes
    return np.array([(*row, *column) for row in rows for column in columns], dtype=np.int64)


class _Counter(TorchFunctionMode):
    """Adds up the work while the network runs. A tensor that no entry is kept for does not depend on the photo."""

    def __init__(self, inputs: torch.Tensor, masks: Rectangles) -> None:
        super().__init__()
        self.masks = len(masks)
        self.whole = self.masked = 0.0
        self._changed: dict[int, Rectangles | None] = {id(inputs): masks}  # None: everything
        self._kept = [inputs]  # alive until the end, so that an id stays one tensor's

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        inputs = [tensor for tensor in _tensors((args, kwargs)) if id(tensor) in self._changed]
        out = func(*args, **kwargs)
        outputs = list(_tensors(out))
        if not inputs or not outputs:
            return out
        for tensor in outputs:
            self._changed[id(tensor)] = self._after(name, args, kwargs, inputs, tensor)
            self._kept.append(tensor)
        if name in ("conv2d", "linear"):
            self._add(outputs[0], args[1] if len(args) > 1 else kwargs["weight"])
        return out

    def _after(self, name: str, args: Any, kwargs: Any, inputs: list[torch.Tensor], out: torch.Tensor) -> Rectangles | None:
        """What of an operation's result a mask can change."""
        before = [self._changed[id(tensor)] for tensor in inputs]
        if out.ndim != 4 or any(changed is None for changed in before):
            return None
        size = (out.shape[-2], out.shape[-1])
        if name in _WINDOWS and len(inputs) == 1:
            return _behind_window(before[0], size, *_window(name, args, kwargs))
        alike = all(tensor.shape[0] == out.shape[0] and tensor.shape[-2:] == out.shape[-2:] for tensor in inputs)
        if name in _PLACEWISE and alike:
            return _union(before)
        return None

    def _add(self, out: torch.Tensor, weight: torch.Tensor) -> None:
        each = 2.0 * weight[0].numel()  # operations for one number of the result
        self.whole += each * out.numel()
        changed = self._changed[id(out)]
        if changed is None:
            self.masked += each * out.numel()
            return
        places = (changed[:, 1] - changed[:, 0]).clip(0) * (changed[:, 3] - changed[:, 2]).clip(0)
        self.masked += each * out.shape[1] * float(places.mean())


def _window(name: str, args: Any, kwargs: Any) -> tuple[tuple[int, int], ...]:
    """Kernel, stride, padding and dilation, (rows, columns) each, however they were given."""
    names = {
        "conv2d": ("input", "weight", "bias", "stride", "padding", "dilation"),
        "max_pool2d": ("input", "kernel_size", "stride", "padding", "dilation"),
        "avg_pool2d": ("input", "kernel_size", "stride", "padding"),
    }[name]
    arguments = {**dict(zip(names, args, strict=False)), **kwargs}
    kernel = _pair(tuple(arguments["weight"].shape[-2:]) if name == "conv2d" else arguments["kernel_size"])
    stride = _pair(1 if name == "conv2d" else kernel, arguments.get("stride"))
    dilation = _pair(1, arguments.get("dilation"))
    padding = arguments.get("padding")
    if isinstance(padding, str):  # "same" puts the smaller half before the first pixel
        padding = tuple((k - 1) * d // 2 if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True))
    return kernel, stride, _pair(0, padding), dilation


def _pair(otherwise: Any, setting: Any = None) -> tuple[int, int]:
    value = otherwise if setting is None or setting == [] or setting == () else setting
    if isinstance(value, int):
        return value, value
    return (value[0], value[0]) if len(value) == 1 else (value[0], value[1])


def _behind_window(
    before: Rectangles,
    size: tuple[int, int],
    kernel: tuple[int, int],
    stride: tuple[int, int],
    padding: tuple[int, int],
    dilation: tuple[int, int],
) -> Rectangles:
    """The outputs whose window touches the rectangle; ``size`` of the result."""
    after = np.empty_like(before)
    for axis in (0, 1):
        (first, end) = before[:, 2 * axis], before[:, 2 * axis + 1]
        reach = (kernel[axis] - 1) * dilation[axis]
        after[:, 2 * axis] = -(-(first + padding[axis] - reach) // stride[axis])
        after[:, 2 * axis + 1] = (end - 1 + padding[axis]) // stride[axis] + 1
    after[_empty(before)] = 0
    return _tidied(after, size)


def _tidied(rectangles: Rectangles, size: tuple[int, int]) -> Rectangles:
    """Cut at the edges; the empty ones in the form that a union leaves out."""
    (height, width) = size
    cut = rectangles.clip((0, 0, 0, 0), (height, height, width, width))
    cut[_empty(cut)] = (height, 0, width, 0)
    return cut


def _empty(rectangles: Rectangles) -> npt.NDArray[np.bool_]:
    return (rectangles[:, 1] <= rectangles[:, 0]) | (rectangles[:, 3] <= rectangles[:, 2])


def _union(of: list[Rectangles]) -> Rectangles:
    """The smallest rectangles around those of all branches."""
    joined = np.stack(of)
    (low, high) = joined.min(axis=0), joined.max(axis=0)
    return np.stack([low[:, 0], high[:, 1], low[:, 2], high[:, 3]], axis=1)


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)
