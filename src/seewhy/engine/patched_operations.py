"""What each operation does with rectangles: a handler of a few lines, or None where it has to see whole maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch

from seewhy.engine.operations import Address
from seewhy.engine.patched import KeptMap, Patched, Positions, Size, cut, reach, shares_memory, window

MOST = 0.85  # a rectangle that covers more of its map than this is not worth carrying


class ResultOf(NamedTuple):
    """A tensor given to an operation: what an earlier operation of the pass gave."""

    address: Address


class OtherTensor(NamedTuple):
    """A tensor given to an operation: any other one, and its version then. What is written into it later makes it worthless."""

    tensor: torch.Tensor
    version: int


@dataclass
class KeptResult:
    """What an operation gave for the untouched photo.

    output : a copy; None where it shows the numbers of its first argument (``same``). arguments : what it was given, with
    ``ResultOf`` and ``OtherTensor`` for tensors.
    """

    output: torch.Tensor | None
    arguments: Any
    same: bool
    _maps: dict[bool, KeptMap] = field(default_factory=dict)

    def map(self, last: bool) -> KeptMap:
        """The output as ``(1, C, H, W)``. last : the network saw ``(1, H, W, C)``."""
        if last not in self._maps:
            assert self.output is not None
            self._maps[last] = KeptMap(self.output.permute(0, 3, 1, 2) if last else self.output)
        return self._maps[last]


class PatchedOperation:
    """One operation of a pass that is to be done on rectangles.

    address : which one. kept : what every operation gave for the untouched photo. is_whole : True once it has put the maps
    together, because the rectangles cover most of them.
    """

    def __init__(self, address: Address, kept: dict[Address, KeptResult]) -> None:
        self.address = address
        self.kept = kept
        self.is_whole = False

    @property
    def hands_on(self) -> bool:
        """True where the operation gave the untouched photo's pass the very numbers that it was given."""
        return self.kept[self.address].same

    def base(self, last: bool = False) -> KeptMap:
        """What the present operation gave for the untouched photo. last : the network saw ``(1, H, W, C)``."""
        return self.kept[self.address].map(last)

    def moved(self, x: Patched, patch: torch.Tensor) -> Patched:
        """The operation's result: other values at the same places."""
        if shares_memory(patch, x.patch):
            patch = patch.clone()  # what is written into the one must not be seen in the other
        return Patched(patch, x.rows, x.columns, self.base(x.last), x.last, self.address)

    def written(self, x: Patched, patch: torch.Tensor, rows: Positions, columns: Positions) -> Patched:
        """The operation's result, where it was written into ``x``."""
        (x.patch, x.rows, x.columns, x.kept, x.address) = (patch, rows, columns, self.base(x.last), self.address)
        return x

    def patched(self, patch: torch.Tensor, rows: Positions, columns: Positions, last: bool = False) -> torch.Tensor:
        """The operation's result; put together at once where the rectangles cover most of the map."""
        result = Patched(patch, rows, columns, self.base(last), last, self.address)
        (height, width) = result.grid
        if patch.shape[2] * patch.shape[3] <= MOST * height * width:
            return result
        self.is_whole = True
        return result.put_together()


_IN_PLACE = frozenset(["__iadd__", "__imul__", "__isub__", "__itruediv__", "__setitem__", "__ior__", "__iand__", "__ipow__"])
MAY_HAND_ON = frozenset(
    ["contiguous", "detach", "dropout", "dropout2d", "float", "hardtanh", "permute", "relu", "to"]
)  # may give what they were given


def writes_in_place(name: str, args: Any, kwargs: Any) -> bool:
    """True where an operation may write into its first argument."""
    by_name = name in _IN_PLACE or (name.endswith("_") and not name.startswith("__"))
    return by_name or kwargs.get("inplace", False) or any(argument is True for argument in args)


Handler = Callable[..., Any]


def _pointwise(operation: PatchedOperation, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    """One number in, one out: the rectangles themselves."""
    if not isinstance(x, Patched) or any(isinstance(a, torch.Tensor) and a.numel() > 1 for a in (*args, *kwargs.values())):
        return None
    if operation.hands_on:  # a ReLU that the convolution before it has done
        return x
    patch = func(x.patch, *args, **kwargs)
    if writes_in_place(operation.address.name, args, kwargs):
        return operation.written(x, patch, x.rows, x.columns)
    return operation.moved(x, patch)


def _handed_on(operation: PatchedOperation, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    """What returns its argument: by nature, or because there is nothing to do. Dropout that drops something is no such thing."""
    if not isinstance(x, Patched):
        return None
    if operation.hands_on:
        return x
    if "dropout" in operation.address.name:
        return None
    return operation.moved(x, func(x.patch, *args, **kwargs))


def _batch_norm(
    operation: PatchedOperation, func: Any, x: Any, running_mean: Any = None, running_var: Any = None, *args: Any, **kwargs: Any
) -> torch.Tensor | None:
    training = kwargs.get("training", args[2] if len(args) > 2 else False)
    if not isinstance(x, Patched) or training or x.last:
        return None
    return operation.moved(x, func(x.patch, running_mean, running_var, *args, **kwargs))


def _on_channels(operation: PatchedOperation, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    """Dense layers and layer norms that read the channels of one place, where those stand last."""
    if not isinstance(x, Patched) or not x.last:
        return None
    if operation.address.name == "layer_norm" and tuple(kwargs.get("normalized_shape", args[0] if args else ())) != (
        x.shape[-1],
    ):
        return None
    return operation.moved(x, func(x.patch.permute(0, 2, 3, 1), *args, **kwargs).permute(0, 3, 1, 2))


def _permute(operation: PatchedOperation, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    dims = kwargs.get("dims", args[0] if len(args) == 1 else args)
    expected = (0, 3, 1, 2) if x.last else (0, 2, 3, 1)
    if tuple(dim % 4 for dim in dims) != expected:
        return None
    result = Patched(x.patch, x.rows, x.columns, x.kept, not x.last, operation.address)
    (result.source, x.viewed) = (x, True)
    return result


def _two(operation: PatchedOperation, func: Any, a: Any, b: Any = None, **kwargs: Any) -> torch.Tensor | None:
    """Sums and products of two tensors, or of one and a number (or one number for each channel)."""
    writes = writes_in_place(operation.address.name, (), kwargs)
    if not (isinstance(a, Patched) and isinstance(b, Patched)):
        (x, other) = (a, b) if isinstance(a, Patched) else (b, a)
        if not (_is_per_channel(other, x) if isinstance(other, torch.Tensor) else isinstance(other, (int, float))):
            return None
        if x is b and writes:
            return None
        if x.last and isinstance(other, torch.Tensor) and other.numel() > 1:
            other = other.reshape(-1, 1, 1)
        patch = func(*((x.patch, other) if x is a else (other, x.patch)), **kwargs)
        return operation.written(x, patch, x.rows, x.columns) if writes else operation.moved(x, patch)
    if a.last != b.last or a.shape != b.shape:
        return None
    (rows, columns, size) = _joined([a, b])
    patch = func(window(a, rows, columns, size), window(b, rows, columns, size), **kwargs)
    return operation.written(a, patch, rows, columns) if writes else operation.patched(patch, rows, columns, a.last)


def _is_per_channel(other: torch.Tensor, x: Patched) -> bool:
    channels = x.base.shape[1]
    if other.numel() == 1:
        return other.ndim <= 4
    shapes = ((channels,), (1, 1, 1, channels)) if x.last else ((channels, 1, 1), (1, channels, 1, 1))
    return tuple(other.shape) in shapes


def _cat(operation: PatchedOperation, func: Any, tensors: Any, dim: int = 0, **kwargs: Any) -> torch.Tensor | None:
    tensors = list(tensors) if isinstance(tensors, (tuple, list)) else [tensors]
    if not all(isinstance(t, Patched) and not t.last and t.grid == tensors[0].grid for t in tensors) or dim not in (1, -3):
        return None
    (rows, columns, size) = _joined(tensors)
    return operation.patched(func([window(t, rows, columns, size) for t in tensors], 1), rows, columns)


def _joined(tensors: Sequence[Patched]) -> tuple[Positions, Positions, Size]:
    """The smallest rectangles, of one size, around those of several tensors."""
    first = tensors[0]
    if all(t.rows is first.rows and t.columns is first.columns and t.extent == first.extent for t in tensors):
        return first.rows, first.columns, first.extent
    result = []
    for axis in (0, 1):
        start = np.min([t.starts[axis] for t in tensors], axis=0)
        end = np.max([t.starts[axis] + t.extent[axis] for t in tensors], axis=0)
        length = int((end - start).max())
        result.append((np.minimum(start, first.grid[axis] - length), length))
    return result[0][0], result[1][0], (result[0][1], result[1][1])


def _pair(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return (int(pair[0]), int(pair[-1]))


def _steps(stride: Any, kernel: Size) -> Size:
    """A pooling's stride; its kernel's size where it has none."""
    return kernel if stride in (None, [], ()) else _pair(stride)


def _slide(
    operation: PatchedOperation, x: Patched, kernel: Size, stride: Size, padding: Size, dilation: Size, outside: float
) -> tuple[torch.Tensor, Positions, Positions]:
    """What a sliding kernel has to read for the outputs that see a rectangle; where those outputs begin."""
    if kernel == stride == (1, 1) and padding == (0, 0):  # it reads nothing but the rectangle itself
        return x.patch, x.rows, x.columns
    result = []
    for axis in (0, 1):
        settings = (kernel[axis], stride[axis], padding[axis], dilation[axis])
        (first, many) = reach(x.starts[axis], x.extent[axis], operation.base().values.shape[2 + axis], *settings)
        result.append(
            (first, first * stride[axis] - padding[axis], (many - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1)
        )
    ((rows, top, height), (columns, left, width)) = result
    return window(x, top, left, (height, width), outside), rows, columns


def _conv(
    operation: PatchedOperation,
    func: Any,
    x: Any,
    weight: torch.Tensor,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> torch.Tensor | None:
    if not isinstance(x, Patched) or x.last or weight.ndim != 4:
        return None
    kernel = _pair(weight.shape[2:])
    (stride, dilation) = (_pair(stride), _pair(dilation))
    if isinstance(padding, str):  # what is odd of "same" stands behind, and how much stands there does not matter here
        padding = [(k - 1) * d // 2 if padding == "same" else 0 for k, d in zip(kernel, dilation, strict=True)]
    (read, rows, columns) = _slide(operation, x, kernel, stride, _pair(padding), dilation, 0.0)
    return operation.patched(func(read, weight, bias, stride, 0, dilation, groups), rows, columns)


def _packed_conv(
    operation: PatchedOperation, func: Any, x: Any, packed: Any, bias: Any, padding: Any, stride: Any, dilation: Any, *rest: Any
) -> torch.Tensor | None:
    """A convolution with packed weights (``engine.faster``)."""
    if not isinstance(x, Patched) or x.last:
        return None
    kernel = _pair(packed.shape[2:])
    (read, rows, columns) = _slide(operation, x, kernel, _pair(stride), _pair(padding), _pair(dilation), 0.0)
    return operation.patched(func(read, packed, bias, (0, 0), stride, dilation, *rest), rows, columns)


def _max_pool(
    operation: PatchedOperation,
    func: Any,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> torch.Tensor | None:
    if not isinstance(x, Patched) or x.last or return_indices:
        return None
    (kernel, dilation) = (_pair(kernel_size), _pair(dilation))
    stride = _steps(stride, kernel)
    (read, rows, columns) = _slide(operation, x, kernel, stride, _pair(padding), dilation, float("-inf"))
    return operation.patched(func(read, kernel, stride, 0, dilation), rows, columns)


def _avg_pool(
    operation: PatchedOperation,
    func: Any,
    x: Any,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> torch.Tensor | None:
    padding = _pair(padding)
    if (
        not isinstance(x, Patched)
        or x.last
        or ceil_mode
        or (padding != (0, 0) and not count_include_pad and divisor_override is None)
    ):
        return None  # windows at the edge divide by fewer cells
    kernel = _pair(kernel_size)
    stride = _steps(stride, kernel)
    (read, rows, columns) = _slide(operation, x, kernel, stride, padding, (1, 1), 0.0)
    return operation.patched(func(read, kernel, stride, 0, divisor_override=divisor_override), rows, columns)


def _mean(
    operation: PatchedOperation, func: Any, x: Patched, dim: Any = None, keepdim: bool = False, **kwargs: Any
) -> torch.Tensor | None:
    """The average over space: the kept one, and what the rectangles change in it."""
    if x.last or kwargs or not isinstance(dim, (tuple, list)) or sorted(d % 4 for d in dim) != [2, 3]:
        return None
    change = (x.patch - cut(x.base, x.rows, x.columns, x.extent)).sum((2, 3)) / (x.grid[0] * x.grid[1])
    output = operation.kept[operation.address].output
    return None if output is None else output + (change[..., None, None] if keepdim else change)


def _adaptive_avg_pool(operation: PatchedOperation, func: Any, x: Patched, output_size: Any) -> torch.Tensor | None:
    size = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if x.last:
        return None
    if all(side in (None, own) for side, own in zip(size, x.grid, strict=True)):
        return operation.moved(x, x.patch)  # every cell stays what it is
    return _mean(operation, func, x, (2, 3), True) if size == (1, 1) else None


HANDLERS: dict[str, Handler] = {
    "conv2d": _conv,
    "_convolution_pointwise": _packed_conv,
    "max_pool2d": _max_pool,
    "avg_pool2d": _avg_pool,
    "adaptive_avg_pool2d": _adaptive_avg_pool,
    "mean": _mean,
    "batch_norm": _batch_norm,
    "layer_norm": _on_channels,
    "linear": _on_channels,
    "permute": _permute,
    "cat": _cat,
    "concat": _cat,
    **dict.fromkeys(["add", "add_", "__add__", "__radd__", "__iadd__", "sub", "sub_", "__sub__", "__rsub__", "__isub__"], _two),
    **dict.fromkeys(["mul", "mul_", "__mul__", "__rmul__", "__imul__", "div", "div_", "__truediv__", "__itruediv__"], _two),
    **dict.fromkeys(
        ["relu", "relu_", "relu6", "hardtanh", "hardtanh_", "leaky_relu", "leaky_relu_", "elu", "elu_", "celu"], _pointwise
    ),
    **dict.fromkeys(
        ["celu_", "selu", "selu_", "silu", "silu_", "gelu", "mish", "hardswish", "hardswish_", "hardsigmoid"], _pointwise
    ),
    **dict.fromkeys(
        ["softplus", "sigmoid", "sigmoid_", "tanh", "tanh_", "clamp", "clamp_", "clamp_min", "clamp_max"], _pointwise
    ),
    **dict.fromkeys(
        ["threshold", "neg", "abs", "exp", "sqrt", "square", "clone", "logsigmoid", "softsign", "erf", "log1p"], _pointwise
    ),
    **dict.fromkeys(["contiguous", "detach", "dropout", "dropout2d", "float", "to"], _handed_on),
}
