"""Recompute only what a mask can reach: exact inference on masked copies of a photo whose untouched pass is kept.

A mask changes a rectangle of the input. Behind every layer the changed rectangle is a little larger (by the kernel) and the
map it lies in smaller (by the stride); outside of it everything is what the untouched photo gives. So the untouched pass is
kept once, and for a batch of masks only the changed rectangles are carried from layer to layer: all of one size, each at its
own place. The rim that a kernel reads around a rectangle comes from the kept pass. Where a rectangle covers most of its map,
and at operations that are not known here, whole maps are put together and the network goes on with ordinary tensors.

The network's own forward runs, so any Python code in it is followed as it is. An operation is done on rectangles only where
the untouched pass had the same operation on the same things (the same earlier results, weights and settings); everything else
is done on whole maps, which is always right. The idea: Nakandala, Kumar and
Papakonstantinou, "Incremental and Approximate Inference for Faster Occlusion-based Deep CNN Explanations", SIGMOD 2019.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch.overrides import TorchFunctionMode
from torch.utils.weak import WeakTensorKeyDictionary

MOST = 0.7  # a rectangle that covers more of its map than this is not worth carrying
Places = npt.NDArray[np.int64]  # (n,) first row, or first column, of each mask's rectangle
Size = tuple[int, int]
Key = tuple[str, int]  # an operation of a pass: its name, and how many of that name came before


class NotIncrementalError(Exception):
    """Rectangles do not give what whole photos give: the network does something that nobody can see from outside."""


class Patched(torch.Tensor):
    """n maps ``(C, H, W)`` that equal one kept map except in a rectangle each.

    patch : ``(n, C, h, w)``, the rectangles. rows, columns : where they begin. base : ``(1, C, H, W)``, the kept map.
    last : True where the network sees the tensor as ``(n, H, W, C)``. key : the operation that gave it; None for the input.
    source : what it is a permuted view of. viewed : something is a permuted view of it.
    whole : the maps in full, once something has asked for them; from then on they count, and the rest is gone.
    """

    patch: torch.Tensor
    rows: Places
    columns: Places
    base: torch.Tensor
    last: bool
    key: Key | None
    source: Patched | None
    viewed: bool
    whole: torch.Tensor | None

    @staticmethod
    def __new__(
        cls, patch: torch.Tensor, rows: Places, columns: Places, base: torch.Tensor, last: bool = False, key: Key | None = None
    ) -> Patched:
        (_, channels, height, width) = base.shape
        shape = (len(patch), height, width, channels) if last else (len(patch), channels, height, width)
        make: Any = torch.Tensor._make_wrapper_subclass
        made: Patched = make(cls, shape, dtype=patch.dtype, device=patch.device)
        (made.patch, made.rows, made.columns, made.base, made.last, made.key) = (patch, rows, columns, base, last, key)
        (made.source, made.viewed, made.whole) = (None, False, None)
        return made

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Reached from inside what is no torch function (TorchScript, a function of autograd): whole maps."""
        with torch._C.DisableTorchFunction():
            return func(*_put_together(args), **_put_together(kwargs or {}))

    @property
    def grid(self) -> Size:
        """(H, W) of the whole map."""
        return (self.base.shape[2], self.base.shape[3])

    @property
    def starts(self) -> tuple[Places, Places]:
        """First rows and first columns of the rectangles."""
        return self.rows, self.columns

    @property
    def extent(self) -> Size:
        """(h, w) of the rectangles."""
        return (self.patch.shape[2], self.patch.shape[3])

    @property
    def is_whole(self) -> bool:
        """True once the maps have been put together."""
        return self.whole is not None if self.source is None else self.source.is_whole

    @property
    def has_view(self) -> bool:
        """True where another one shows the same numbers in the other layout: both would have to see what is written."""
        return self.viewed or self.source is not None

    def put_together(self) -> torch.Tensor:
        """The whole maps, in the layout that the network sees and in the order in memory that the kept map has."""
        if self.source is not None:  # so that what is written into one is seen in the other
            return self.source.put_together().permute((0, 2, 3, 1) if self.last else (0, 3, 1, 2))
        if self.whole is None:
            zeros = np.zeros(len(self.patch), np.int64)
            whole = window(self, zeros, zeros, self.grid)
            whole = whole.contiguous() if self.base.is_contiguous() else whole  # the network may ask for a view of it
            self.whole = whole.permute(0, 2, 3, 1) if self.last else whole
        return self.whole


def window(of: Patched, rows: Places, columns: Places, size: Size, outside: float = 0.0) -> torch.Tensor:
    """``(n, C, h, w)``, channels last: what lies in n windows, which may reach over the edge, where it is ``outside``.

    Gathered from one table of rows of channels: the kept map's cells, the rectangles' cells, and one for the outside.
    """
    if size == of.extent and (rows is of.rows) and (columns is of.columns):
        return of.patch
    (height, width) = of.base.shape[2:]
    (n, channels, h, w) = of.patch.shape
    down = rows[:, None] + np.arange(size[0])  # (n, size[0])
    across = columns[:, None] + np.arange(size[1])
    cells = (down * width)[:, :, None] + across[:, None, :]  # in the kept map
    # The same cells counted in the rectangles; those count where they lie in one.
    (i, j) = (down - of.rows[:, None], across - of.columns[:, None])
    changed = ((i >= 0) & (i < h))[:, :, None] & ((j >= 0) & (j < w))[:, None, :]
    own = (np.arange(n) * h * w)[:, None, None] + (i * w)[:, :, None] + j[:, None, :] + height * width
    cells = np.where(changed, own, cells)
    beyond = ((down < 0) | (down >= height))[:, :, None] | ((across < 0) | (across >= width))[:, None, :]
    if beyond.any():
        cells[beyond] = height * width + n * h * w
    table = torch.cat([_cells(of.base), _cells(of.patch), of.patch.new_full((1, channels), outside)])
    return _gather(table, cells)


def cut(kept: torch.Tensor, rows: Places, columns: Places, size: Size) -> torch.Tensor:
    """``(n, C, h, w)``, channels last: n windows of one map ``(1, C, H, W)``."""
    cells = ((rows[:, None] + np.arange(size[0])) * kept.shape[3])[:, :, None] + (columns[:, None] + np.arange(size[1]))[
        :, None, :
    ]
    return _gather(_cells(kept), cells)


def _cells(maps: torch.Tensor) -> torch.Tensor:
    """``(N, C, H, W)`` as rows of channels ``(N * H * W, C)``."""
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _gather(table: torch.Tensor, cells: npt.NDArray[np.int64]) -> torch.Tensor:
    """Rows of channels as maps; an embedding is a gather of rows, and much faster than indexing."""
    where = torch.from_numpy(cells.reshape(len(cells), -1)).to(table.device)
    return torch.nn.functional.embedding(where, table).view(*cells.shape, -1).permute(0, 3, 1, 2)


def reach(first: Places, length: int, count: int, kernel: int, stride: int, padding: int, dilation: int) -> tuple[Places, int]:
    """The outputs of a sliding kernel that read any of the inputs ``first`` to ``first + length``: first one, how many.

    count : outputs there are. All get the same number, so that some near the edge begin earlier than they would have to.
    """
    spread = (kernel - 1) * dilation
    many = min(count, (length - 1 + spread) // stride + 1)
    start = -((-(first + padding - spread)) // stride)  # rounded up
    return np.clip(start, 0, count - many), many


class From(NamedTuple):
    """A tensor given to an operation: what an earlier operation of the pass gave."""

    key: Key


class Held(NamedTuple):
    """A tensor given to an operation: any other one, and its version then. What is written into it later makes it worthless."""

    tensor: torch.Tensor
    version: int


class Step(NamedTuple):
    """What an operation gave for the untouched photo.

    output : a copy; None where it shows the numbers of its first argument (``same``). given : its arguments, with ``From`` and
    ``Held`` for tensors.
    """

    output: torch.Tensor | None
    given: Any
    same: bool


def _version(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


def _shares(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a.layout == b.layout == torch.strided and a.data_ptr() == b.data_ptr()


class Keep(TorchFunctionMode):
    """Runs the untouched photo and keeps what every operation on maps gave and what it was given."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.kept: dict[Key, Any] = {}  # Steps
        self._made: Any = WeakTensorKeyDictionary()  # tensor: its operation, and its version when that was done

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name not in HANDLERS:
            return func(*args, **kwargs)
        key = (name, self.counts[name])
        self.counts[name] += 1
        given = self._marked((args, kwargs))
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        version = None if first is None else _version(first)
        out = func(*args, **kwargs)
        if isinstance(out, torch.Tensor) and (out.ndim == 4 or name == "mean"):
            same = name in _SAME and first is not None and _shares(first, out) and version == _version(first)
            # Copied at once: what follows may write into it.
            self.kept[key] = Step(None if same else out.detach().clone(), given, same)
            if not same or name == "permute":
                self._made[out] = (key, _version(out))
            elif first in self._made:  # it is what it was
                self._made[out] = self._made[first]
        return out

    def _marked(self, value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            (key, version) = self._made.get(value, (None, 0))
            return Held(value, _version(value)) if key is None or version != _version(value) else From(key)
        if isinstance(value, (tuple, list)):
            return [self._marked(item) for item in value]
        return {key: self._marked(item) for key, item in value.items()} if isinstance(value, dict) else value


class Incremental(TorchFunctionMode):
    """Runs masked copies as :class:`Patched`, on what :class:`Keep` has kept.

    whole_from : the operation behind which maps were whole, for the record; empty while none was.
    """

    def __init__(self, kept: dict[Key, Any]) -> None:
        super().__init__()
        self.kept = kept
        self.counts: Counter[str] = Counter()
        self.key: Key = ("", 0)
        self.whole_from = ""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        handler = HANDLERS.get(name)
        if handler is not None:
            key = (name, self.counts[name])
            self.counts[name] += 1
        given = _patched((args, kwargs))
        if not given or name in _QUESTIONS or (name == "__get__" and getattr(func.__self__, "__name__", "") in _PROPERTIES):
            return func(*args, **kwargs)  # shapes and the like: the wrapper knows
        if handler is not None and args and not any(one.is_whole for one in given):
            self.key = key
            step = self.kept.get(key)
            shared = isinstance(args[0], Patched) and args[0].has_view and _writes(name, args, kwargs)
            if step is not None and not shared and "out" not in kwargs and self._is_same((args, kwargs), step.given):
                made = handler(self, func, *args, **kwargs)
                if made is not None:
                    return made
        self.whole_from = self.whole_from or name
        (args, kwargs) = _put_together((args, kwargs))
        return func(*args, **kwargs)

    def _is_same(self, now: Any, then: Any) -> bool:
        """True where the untouched pass was given the same, but for the rectangles."""
        if isinstance(now, Patched):
            return (isinstance(then, From) and now.key == then.key) or (not now.last and self._is_equal(now.base, then))
        if isinstance(now, torch.Tensor):
            return self._is_equal(now, then)
        if isinstance(now, (tuple, list)):
            return isinstance(then, list) and len(now) == len(then) and all(map(self._is_same, now, then))
        if isinstance(now, dict):
            return isinstance(then, dict) and now.keys() == then.keys() and all(self._is_same(now[k], then[k]) for k in now)
        return now is then or (not isinstance(then, (From, Held)) and (now == then) is True)

    def _is_equal(self, now: torch.Tensor, then: Any) -> bool:
        if isinstance(then, From):
            was = self.kept[then.key].output
            return was is not None and _equal(now, was)
        return isinstance(then, Held) and _version(then.tensor) == then.version and _equal(now, then.tensor)

    def base(self, last: bool = False) -> torch.Tensor:
        """``(1, C, H, W)``: what the present operation gave for the untouched photo. last : the network saw ``(1, H, W, C)``."""
        output: torch.Tensor = self.kept[self.key].output
        return output.permute(0, 3, 1, 2) if last else output

    def moved(self, x: Patched, patch: torch.Tensor) -> Patched:
        """The operation's result: other values at the same places."""
        if _shares(patch, x.patch):
            patch = patch.clone()  # what is written into the one must not be seen in the other
        return Patched(patch, x.rows, x.columns, self.base(x.last), x.last, self.key)

    def written(self, x: Patched, patch: torch.Tensor, rows: Places, columns: Places) -> Patched:
        """The operation's result, where it was written into ``x``."""
        (x.patch, x.rows, x.columns, x.base, x.key) = (patch, rows, columns, self.base(x.last), self.key)
        return x

    def patched(self, patch: torch.Tensor, rows: Places, columns: Places, last: bool = False) -> torch.Tensor:
        """The operation's result; put together at once where the rectangles cover most of the map."""
        made = Patched(patch, rows, columns, self.base(last), last, self.key)
        (height, width) = made.grid
        if patch.shape[2] * patch.shape[3] <= MOST * height * width:
            return made
        self.whole_from = self.whole_from or self.key[0]
        return made.put_together()


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a is b or (a.shape == b.shape and a.dtype == b.dtype and a.device == b.device and torch.equal(a, b))


def _patched(value: Any) -> list[Patched]:
    if isinstance(value, Patched):
        return [value]
    if isinstance(value, (tuple, list)):
        return [found for item in value for found in _patched(item)]
    return [found for item in value.values() for found in _patched(item)] if isinstance(value, dict) else []


def _put_together(value: Any) -> Any:
    if isinstance(value, Patched):
        return value.put_together()
    if isinstance(value, (tuple, list)):
        parts = [_put_together(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return {key: _put_together(item) for key, item in value.items()} if isinstance(value, dict) else value


def _writes(name: str, args: Any, kwargs: Any) -> bool:
    """True where an operation may write into its first argument."""
    by_name = name in _IN_PLACE or (name.endswith("_") and not name.startswith("__"))
    return by_name or kwargs.get("inplace", False) or any(argument is True for argument in args)


# -- what each operation does with rectangles; None: it has to see whole maps ----------------------------------------------

Handler = Callable[..., Any]


def _pointwise(run: Incremental, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    """One number in, one out: the rectangles themselves."""
    if not isinstance(x, Patched) or any(isinstance(a, torch.Tensor) and a.numel() > 1 for a in (*args, *kwargs.values())):
        return None
    patch = func(x.patch, *args, **kwargs)
    return run.written(x, patch, x.rows, x.columns) if _writes(run.key[0], args, kwargs) else run.moved(x, patch)


def _same(run: Incremental, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    """What returns its argument: by nature, or because there is nothing to do. Dropout that drops something is no such thing."""
    if not isinstance(x, Patched):
        return None
    if run.kept[run.key].same:
        return x
    if "dropout" in run.key[0]:
        return None
    return run.moved(x, func(x.patch, *args, **kwargs))


def _batch_norm(
    run: Incremental, func: Any, x: Any, running_mean: Any = None, running_var: Any = None, *args: Any, **kwargs: Any
) -> torch.Tensor | None:
    training = kwargs.get("training", args[2] if len(args) > 2 else False)
    if not isinstance(x, Patched) or training or x.last:
        return None
    return run.moved(x, func(x.patch, running_mean, running_var, *args, **kwargs))


def _on_channels(run: Incremental, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    """Dense layers and layer norms that read the channels of one place, where those stand last."""
    if not isinstance(x, Patched) or not x.last:
        return None
    if run.key[0] == "layer_norm" and tuple(kwargs.get("normalized_shape", args[0] if args else ())) != (x.shape[-1],):
        return None
    return run.moved(x, func(x.patch.permute(0, 2, 3, 1), *args, **kwargs).permute(0, 3, 1, 2))


def _permute(run: Incremental, func: Any, x: Any, *args: Any, **kwargs: Any) -> torch.Tensor | None:
    dims = kwargs.get("dims", args[0] if len(args) == 1 else args)
    wanted = (0, 3, 1, 2) if x.last else (0, 2, 3, 1)
    if tuple(dim % 4 for dim in dims) != wanted:
        return None
    made = Patched(x.patch, x.rows, x.columns, x.base, not x.last, run.key)
    (made.source, x.viewed) = (x, True)
    return made


def _two(run: Incremental, func: Any, a: Any, b: Any = None, **kwargs: Any) -> torch.Tensor | None:
    """Sums and products of two tensors, or of one and a number (or one number for each channel)."""
    writes = _writes(run.key[0], (), kwargs)
    if not (isinstance(a, Patched) and isinstance(b, Patched)):
        (x, other) = (a, b) if isinstance(a, Patched) else (b, a)
        if not (_is_per_channel(other, x) if isinstance(other, torch.Tensor) else isinstance(other, (int, float))):
            return None
        if x is b and writes:
            return None
        if x.last and isinstance(other, torch.Tensor) and other.numel() > 1:
            other = other.reshape(-1, 1, 1)
        patch = func(*((x.patch, other) if x is a else (other, x.patch)), **kwargs)
        return run.written(x, patch, x.rows, x.columns) if writes else run.moved(x, patch)
    if a.last != b.last or a.shape != b.shape:
        return None
    (rows, columns, size) = _joined([a, b])
    patch = func(window(a, rows, columns, size), window(b, rows, columns, size), **kwargs)
    return run.written(a, patch, rows, columns) if writes else run.patched(patch, rows, columns, a.last)


def _is_per_channel(other: torch.Tensor, x: Patched) -> bool:
    channels = x.base.shape[1]
    if other.numel() == 1:
        return other.ndim <= 4
    shapes = ((channels,), (1, 1, 1, channels)) if x.last else ((channels, 1, 1), (1, channels, 1, 1))
    return tuple(other.shape) in shapes


def _cat(run: Incremental, func: Any, tensors: Any, dim: int = 0, **kwargs: Any) -> torch.Tensor | None:
    tensors = list(tensors) if isinstance(tensors, (tuple, list)) else [tensors]
    if not all(isinstance(t, Patched) and not t.last and t.grid == tensors[0].grid for t in tensors) or dim not in (1, -3):
        return None
    (rows, columns, size) = _joined(tensors)
    return run.patched(func([window(t, rows, columns, size) for t in tensors], 1), rows, columns)


def _joined(tensors: Sequence[Patched]) -> tuple[Places, Places, Size]:
    """The smallest rectangles, of one size, around those of several tensors."""
    first = tensors[0]
    if all(t.rows is first.rows and t.columns is first.columns and t.extent == first.extent for t in tensors):
        return first.rows, first.columns, first.extent
    made = []
    for axis in (0, 1):
        start = np.min([t.starts[axis] for t in tensors], axis=0)
        end = np.max([t.starts[axis] + t.extent[axis] for t in tensors], axis=0)
        length = int((end - start).max())
        made.append((np.minimum(start, first.grid[axis] - length), length))
    return made[0][0], made[1][0], (made[0][1], made[1][1])


def _pair(value: Any) -> tuple[int, int]:
    pair = tuple(value) if isinstance(value, (tuple, list)) else (value,)
    return (int(pair[0]), int(pair[-1]))


def _steps(stride: Any, kernel: Size) -> Size:
    """A pooling's stride; its kernel's size where it has none."""
    return kernel if stride in (None, [], ()) else _pair(stride)


def _slide(
    run: Incremental, x: Patched, kernel: Size, stride: Size, padding: Size, dilation: Size, outside: float
) -> tuple[torch.Tensor, Places, Places]:
    """What a sliding kernel has to read for the outputs that see a rectangle; where those outputs begin."""
    made = []
    for axis in (0, 1):
        settings = (kernel[axis], stride[axis], padding[axis], dilation[axis])
        (first, many) = reach(x.starts[axis], x.extent[axis], run.base().shape[2 + axis], *settings)
        made.append(
            (first, first * stride[axis] - padding[axis], (many - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1)
        )
    ((rows, top, height), (columns, left, width)) = made
    if kernel == stride == (1, 1) and padding == (0, 0):  # it reads nothing but the rectangle itself
        return x.patch, x.rows, x.columns
    return window(x, top, left, (height, width), outside), rows, columns


def _conv(
    run: Incremental,
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
    (read, rows, columns) = _slide(run, x, kernel, stride, _pair(padding), dilation, 0.0)
    return run.patched(func(read, weight, bias, stride, 0, dilation, groups), rows, columns)


def _packed_conv(
    run: Incremental, func: Any, x: Any, packed: Any, bias: Any, padding: Any, stride: Any, dilation: Any, *rest: Any
) -> torch.Tensor | None:
    """A convolution with packed weights (``engine.faster``)."""
    if not isinstance(x, Patched) or x.last:
        return None
    kernel = _pair(packed.shape[2:])
    (read, rows, columns) = _slide(run, x, kernel, _pair(stride), _pair(padding), _pair(dilation), 0.0)
    return run.patched(func(read, packed, bias, (0, 0), stride, dilation, *rest), rows, columns)


def _max_pool(
    run: Incremental,
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
    (read, rows, columns) = _slide(run, x, kernel, stride, _pair(padding), dilation, float("-inf"))
    return run.patched(func(read, kernel, stride, 0, dilation), rows, columns)


def _avg_pool(
    run: Incremental,
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
    (read, rows, columns) = _slide(run, x, kernel, stride, padding, (1, 1), 0.0)
    return run.patched(func(read, kernel, stride, 0, divisor_override=divisor_override), rows, columns)


def _mean(run: Incremental, func: Any, x: Patched, dim: Any = None, keepdim: bool = False, **kwargs: Any) -> torch.Tensor | None:
    """The average over space: the kept one, and what the rectangles change in it."""
    if x.last or kwargs or not isinstance(dim, (tuple, list)) or sorted(d % 4 for d in dim) != [2, 3]:
        return None
    change = (x.patch - cut(x.base, x.rows, x.columns, x.extent)).sum((2, 3)) / (x.grid[0] * x.grid[1])
    return run.base() + (change[..., None, None] if keepdim else change)


def _adaptive_avg_pool(run: Incremental, func: Any, x: Patched, output_size: Any) -> torch.Tensor | None:
    size = tuple(output_size) if isinstance(output_size, (tuple, list)) else (output_size, output_size)
    if x.last:
        return None
    if all(side in (None, own) for side, own in zip(size, x.grid, strict=True)):
        return run.moved(x, x.patch)  # every cell stays what it is
    return _mean(run, func, x, (2, 3), True) if size == (1, 1) else None


_IN_PLACE = frozenset(["__iadd__", "__imul__", "__isub__", "__itruediv__", "__setitem__", "__ior__", "__iand__", "__ipow__"])
_SAME = frozenset(["contiguous", "detach", "dropout", "dropout2d", "float", "permute", "to"])  # may give what they were given
_QUESTIONS = frozenset(
    ["size", "dim", "ndimension", "numel", "nelement", "is_floating_point", "is_complex", "get_device", "element_size", "__len__"]
)
_PROPERTIES = frozenset(
    ["shape", "ndim", "dtype", "device", "requires_grad", "is_cuda", "is_cpu", "is_mkldnn", "is_quantized", "layout", "is_leaf"]
)
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
    **dict.fromkeys(["contiguous", "detach", "dropout", "dropout2d", "float", "to"], _same),
}
