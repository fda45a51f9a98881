"""Where on the photo every value of a pass lies, carried from operation to operation.

Transformers and kin move their values around: tokens, windows, shifted and merged grids, channels last. So each tensor has a
companion of its own shape that holds, for every value, the place on the photo that it came from: a complex number, row +
column·i, both as shares of the photo, below -5 for what has no place (a class token, padding). What moves values (views,
permutations, slices, joins) is done to the companion as well; what mixes them along an axis (dense layers, attention) gives the
mean place; whatever else keeps a tensor's shape keeps its places. The layout is then read off the companion, not off names.

The product of two matrices has a second companion, of the places of its columns: whether the table of an attention has tokens
in its rows and in its columns is read off both.

The slices of a volume lie on one such photo, one far below the other; where rows are so far apart another slice begins.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from seewhy.engine.operations import tensors_in
from seewhy.engine.steps import MOVES, Grid

_NOWHERE = -9.0
_CLOSE = 1e-5  # places nearer than this, as shares of the photo, are one
_OWN_PADDING = 3  # cells on a side, with which a convolution keeps its size: as good as its own padding
# Cells that a place may lie beside its place on a whole grid: every k-th row of one, from the first on, stays below.
_ASIDE = 0.501
_APART = 1e5  # the height of a volume in photos: of a thousand slices each still has a hundred
_VOLUME = torch.complex128  # of a volume's companions: rows of far slices are still told apart
_SAMPLES = 8  # channels that are looked at to see whether all have the same place: wide tensors have thousands

_Range = tuple[float, float]
_WHOLE: tuple[_Range, _Range] = ((0.0, 1.0), (0.0, 1.0))

_RESHAPES = frozenset(["view", "reshape"])
_REDUCTIONS = frozenset(["mean", "sum", "amax", "amin", "max", "min", "logsumexp", "prod", "norm", "std", "var", "median"])
_PRODUCTS = frozenset(["matmul", "bmm", "mm", "__matmul__", "baddbmm"])
_ATTENTION = frozenset(["scaled_dot_product_attention", "multi_head_attention_forward"])
_LEADING = "0123456789"  # stand for the axes of an einsum's "..."


class Places:
    """The companions of the tensors of one pass of one photo. A tensor without one has no known place."""

    def __init__(self, inputs: torch.Tensor) -> None:
        self._companions: dict[int, torch.Tensor] = {id(inputs): _lattice(inputs.shape, inputs.ndim == 5)}
        self._columns: dict[int, torch.Tensor] = {}  # of products, and of what keeps their shape or moves their values
        self._is_volume = inputs.ndim == 5
        self._grids: dict[int, Grid | None] = {}
        self._kept: dict[int, torch.Tensor] = {}  # alive until the end, so that an id stays one companion's

    def follow(self, name: str, func: Any, args: Any, kwargs: dict[str, Any], outputs: list[torch.Tensor]) -> None:
        """Carry the places through an operation that has just been done. The tensors must stay alive meanwhile."""
        columns = self._tried(self._carried_columns, name, func, args, kwargs, outputs)
        self._companions_of(outputs, self._tried(self._carried, name, func, args, kwargs, outputs), self._companions)
        self._companions_of(outputs, columns, self._columns)

    def _tried(
        self, carried: Callable[..., Any], name: str, func: Any, args: Any, kwargs: dict[str, Any], outputs: list[torch.Tensor]
    ) -> list[torch.Tensor]:
        if not any(id(tensor) in self._companions for tensor in tensors_in((args, kwargs))):
            return []
        try:
            return list(tensors_in(carried(name, func, args, kwargs, outputs)))
        except Exception:  # an operation used in a way that is not known here: its places are lost, nothing else
            return []

    def _companions_of(self, outputs: list[torch.Tensor], companions: list[torch.Tensor], into: dict[int, torch.Tensor]) -> None:
        for number, output in enumerate(outputs):
            companion = companions[number] if number < len(companions) else None
            if companion is not None and companion.shape == output.shape and output.is_floating_point():
                companion = companion if id(companion) in self._kept else _thin(companion)
                into[id(output)] = self._kept.setdefault(id(companion), companion)
            else:
                into.pop(id(output), None)

    def of_rows(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """The tensor's companion; of a product, the places of its rows."""
        return self._companions.get(id(tensor))

    def of_columns(self, tensor: torch.Tensor) -> torch.Tensor | None:
        """Of a product of two matrices, and of what follows from it, the places of its columns."""
        return self._columns.get(id(tensor))

    def grid(self, tensor: torch.Tensor) -> Grid | None:
        """How the tensor lies over the photo; None where it does not, or where that is not known."""
        companion = self._companions.get(id(tensor))
        if companion is None:
            return None
        if id(companion) not in self._grids:
            self._grids[id(companion)] = _grid_of(companion)
        return self._grids[id(companion)]

    def _carried_columns(self, name: str, func: Any, args: Any, kwargs: dict[str, Any], outputs: list[torch.Tensor]) -> Any:
        """The places of the columns of what the operation gave; None where that is no table."""
        of_table = any(id(tensor) in self._columns for tensor in tensors_in((args, kwargs)))
        if name in _PRODUCTS or name == "einsum":
            if of_table:
                return None  # a table times values
            return self._columns_of_product(name, args, outputs[0].shape)
        if not of_table:
            return None
        places = self._companions
        self._companions = self._columns
        try:
            return self._carried(name, func, args, kwargs, outputs)
        finally:
            self._companions = places

    def _columns_of_product(self, name: str, args: Any, shape: torch.Size) -> torch.Tensor | None:
        if name == "einsum":
            places = self._factors(args, shape)
            return places[1] if len(places) > 1 else None
        right = [tensor for tensor in args if isinstance(tensor, torch.Tensor)][-1]
        return _mean(self._companions[id(right)], -2).expand(shape) if id(right) in self._companions else None

    def _carried(self, name: str, func: Any, args: Any, kwargs: dict[str, Any], outputs: list[torch.Tensor]) -> Any:
        """The companions of what the operation gave; None where the places are lost."""
        shape = outputs[0].shape
        first = next(tensors_in((args, kwargs)))
        if name in _RESHAPES and len(outputs) == 1:
            return self._of(first).reshape(shape)
        if name in ("cat", "concat", "concatenate"):
            return self._joined(func, args, kwargs, shape)
        if name in MOVES:
            return func(*self._replaced(args), **self._replaced(kwargs))
        if name == "pad":
            return functional.pad(self._of(first), kwargs["pad"] if "pad" in kwargs else args[1], value=_NOWHERE)
        if name == "__setitem__":
            target = self._of(first).clone()
            target[args[1]] = self._of(args[2]) if isinstance(args[2], torch.Tensor) else _NOWHERE
            return target
        if name in ("linear", "bilinear"):
            return _mean(self._of(first), -1).expand(shape)
        if name in _PRODUCTS:
            return self._product(args, shape)
        if name in _ATTENTION:
            return _mean(self._of(kwargs.get("query", first)), -1).expand(shape)
        if name == "einsum":
            return self._einsum(args, shape)
        if "conv" in name or "pool" in name or name in ("interpolate", "upsample", "grid_sample", "fold"):
            companion = _resampled(self._companions.get(id(first)), shape, self._is_volume)
            return [companion] * len(outputs)
        if name in _REDUCTIONS:
            return self._reduced(first, shape, args, kwargs, len(outputs))
        return self._kept_shape(args, kwargs, shape)

    def _of(self, tensor: torch.Tensor) -> torch.Tensor:
        """The companion, of no places where there is none."""
        companion = self._companions.get(id(tensor))
        return torch.full((1,), complex(_NOWHERE)).expand(tensor.shape) if companion is None else companion

    def _replaced(self, value: Any) -> Any:
        """Arguments with their companions; whole numbers (indices, masks) stay what they are."""
        if isinstance(value, torch.Tensor):
            return self._of(value) if value.is_floating_point() else value.cpu()
        if isinstance(value, dict):
            return {key: self._replaced(item) for key, item in value.items()}
        if isinstance(value, (tuple, list)):
            items = [self._replaced(item) for item in value]
            return items if isinstance(value, list) else tuple(items)
        return value

    def _joined(self, func: Any, args: Any, kwargs: dict[str, Any], shape: torch.Size) -> torch.Tensor:
        """Side by side; channels of the same places need no memory."""
        companions = [self._of(tensor) for tensor in tensors_in((args, kwargs))]
        axis = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else 0))
        thin = [companion.narrow(axis, 0, 1) for companion in companions if _constant(companion, axis)]
        if len(thin) == len(companions) and all(_same(thin[0], other) for other in thin[1:]):
            return thin[0].expand(shape)
        return torch.cat(companions, axis)

    def _product(self, args: Any, shape: torch.Size) -> torch.Tensor:
        """Of two matrices: each result lies where its row of the first one does; else where its column of the second does."""
        (left, right) = [tensor for tensor in args if isinstance(tensor, torch.Tensor)][-2:]
        if id(left) in self._companions:
            return _mean(self._companions[id(left)], -1).expand(shape)
        return _mean(self._companions[id(right)], -2).expand(shape)

    def _einsum(self, args: Any, shape: torch.Size) -> torch.Tensor | None:
        """The places of the first factor that has some."""
        return next(iter(self._factors(args, shape)), None)

    def _factors(self, args: Any, shape: torch.Size) -> list[torch.Tensor]:
        """The places that each factor of an einsum gives its result: mean over the axes that vanish, the same along those that
        are new."""
        (inputs, _, output) = args[0].replace(" ", "").partition("->")
        factors = args[1] if len(args) == 2 and isinstance(args[1], (list, tuple)) else args[1:]
        new = len(shape) - len(output.replace("...", ""))
        output = output.replace("...", _LEADING[len(_LEADING) - new :])
        places = []
        for axes, factor in zip(inputs.split(","), factors, strict=True):
            companion = self._companions.get(id(factor))
            if companion is None or not output:
                continue
            new = factor.ndim - len(axes.replace("...", ""))
            axes = axes.replace("...", _LEADING[len(_LEADING) - new :])
            for axis in reversed(range(len(axes))):
                companion = companion if axes[axis] in output else _mean(companion, axis).squeeze(axis)
            kept = [axis for axis in axes if axis in output]
            companion = companion.permute([kept.index(axis) for axis in output if axis in kept])
            for number, axis in enumerate(output):
                companion = companion if axis in kept else companion.unsqueeze(number)
            places.append(companion.expand(shape))
        return places

    def _reduced(self, first: torch.Tensor, shape: torch.Size, args: Any, kwargs: dict[str, Any], count: int) -> Any:
        """The mean place over the axes that vanish."""
        axes = kwargs.get("dim", kwargs.get("axis", args[1] if len(args) > 1 else None))
        if axes is None or isinstance(axes, torch.Tensor):  # of everything; or the larger of two tensors
            return self._kept_shape(args, kwargs, shape)
        companion = self._of(first)
        axes = [axis % companion.ndim for axis in ([axes] if isinstance(axes, int) else axes)]
        for axis in sorted(axes, reverse=True):
            companion = _mean(companion, axis)
            companion = companion if len(shape) == first.ndim else companion.squeeze(axis)
        return [companion] * count

    def _kept_shape(self, args: Any, kwargs: dict[str, Any], shape: torch.Size) -> torch.Tensor | None:
        """Of the first tensor of that shape that has places, else of the first one that fits it."""
        companions = [self._companions[id(tensor)] for tensor in tensors_in((args, kwargs)) if id(tensor) in self._companions]
        companion = next((companion for companion in companions if companion.shape == shape), None)
        if companion is not None:
            return companion
        fitting = (companion for companion in companions if _broadcasts(companion.shape, shape))
        return next((companion.expand(shape) for companion in fitting), None)


def _broadcasts(shape: torch.Size, to: torch.Size) -> bool:
    return len(shape) <= len(to) and all(side in (1, other) for side, other in zip(reversed(shape), reversed(to), strict=False))


def _lattice(shape: torch.Size, of_volume: bool = False, part: tuple[_Range, _Range] = _WHOLE) -> torch.Tensor:
    """Companion of ``(..., rows, columns)`` that covers the photo evenly; takes no memory along the other axes.

    of_volume : it is one of ``(..., slices, rows, columns)``. part : of a photo, that it covers: its rows, its columns.
    """
    (rows, columns) = shape[-2:]
    if of_volume:
        (inwards, down, across) = ((torch.arange(side, dtype=torch.float64) + 0.5) / side for side in shape[-3:])
        heights = _APART * inwards[:, None] + down  # (slices, rows)
        return torch.complex(heights[..., None].expand(shape[-3:]), across.expand(shape[-3:])).expand(shape)
    (down, across) = (
        start + (end - start) * ((torch.arange(side, dtype=torch.float32) + 0.5) / side)
        for side, (start, end) in zip((rows, columns), part, strict=True)
    )
    return torch.complex(down[:, None].expand(rows, columns), across.expand(rows, columns)).expand(shape)


def _same(a: torch.Tensor, b: torch.Tensor) -> bool:
    """The same places, to the last bit: they were made in the same way."""
    return a.shape == b.shape and np.array_equal(a.numpy(), b.numpy())


def _nowhere(companion: torch.Tensor) -> torch.Tensor:
    """True for values that have no place."""
    return companion.real < -5


def _constant(companion: torch.Tensor, axis: int) -> bool:
    """The same place along an axis, as far as samples tell: what channels have."""
    side = companion.shape[axis]
    if companion.stride(axis) == 0 or side == 1:
        return True
    samples = torch.linspace(0, side - 1, min(side, _SAMPLES)).round().long()
    places = companion.index_select(axis, samples)
    return bool((places.numpy() == places.narrow(axis, 0, 1).numpy()).all())


def _thin(companion: torch.Tensor) -> torch.Tensor:
    """The same companion without memory for its channels, be they the first or the last axis behind the batch."""
    for axis in (1, companion.ndim - 1):
        if companion.ndim > 2 and _constant(companion, axis):
            return companion if companion.stride(axis) == 0 else companion.narrow(axis, 0, 1).clone().expand(companion.shape)
    return companion


def _mean(companion: torch.Tensor, axis: int) -> torch.Tensor:
    """The mean place along an axis, which stays with one entry; values without a place do not count."""
    if _constant(companion, axis):
        return companion.narrow(axis, 0, 1)
    missing = _nowhere(companion)
    count = (~missing).sum(axis, keepdim=True)
    mean = companion.masked_fill(missing, 0).sum(axis, keepdim=True) / count.clamp_min(1)
    return mean.masked_fill(count == 0, _NOWHERE)


def _resampled(companion: torch.Tensor | None, shape: torch.Size, of_volume: bool) -> torch.Tensor | None:
    """Behind a convolution or a pooling, channels first: the same places on a coarser or finer grid."""
    axes = 5 if of_volume else 4
    if companion is None or len(shape) < 3:
        # What a convolution reads is channels first, whatever made it.
        return _lattice(shape, of_volume) if len(shape) == axes and shape[0] == 1 else None
    places = _mean(companion, 1)
    if places.shape[2:] == shape[2:]:
        return places.expand(shape)
    if len(shape) not in (4, axes) or companion.ndim != len(shape):
        return None
    (inner, before, behind) = _unpadded(places)
    grid = _grid_of(inner.expand(-1, 2, *inner.shape[2:])) if len(places) == 1 else None
    if grid is not None and grid.layout == "channels first":
        if of_volume:
            return _lattice(shape, of_volume)
        ranges = (_range(inner.real, before[0], behind[0]), _range(inner.imag.mT, before[1], behind[1]))
        part = _lattice(shape, False, ranges)
        # Where that is the whole photo, as near as half a cell, all ways to it lead to the same places, to the last bit.
        return _lattice(shape) if _covers(part.real.numpy(), shape[-2]) and _covers(part.imag.numpy(), shape[-1]) else part
    if any(after > before for after, before in zip(shape[2:], places.shape[2:], strict=True)) or bool(_nowhere(places).any()):
        return None
    pool: Any = functional.adaptive_avg_pool2d if len(shape) == 4 else functional.adaptive_avg_pool3d
    parts = [pool(part.contiguous(), tuple(shape[2:])) for part in (places.real, places.imag)]
    return torch.complex(*parts).expand(shape)


def _unpadded(places: torch.Tensor) -> tuple[torch.Tensor, tuple[int, int], tuple[int, int]]:
    """``(..., rows, columns)`` without what is padding all round, and how much of it there is: (rows, columns) before, behind."""
    if places.ndim != 4:
        return places, (0, 0), (0, 0)
    known = ~_nowhere(places[0, 0])
    (rows, columns) = (known.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0))
    if not rows:
        return places, (0, 0), (0, 0)
    inner = places[:, :, rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    return inner, (rows[0], columns[0]), (known.shape[0] - 1 - rows[-1], known.shape[1] - 1 - columns[-1])


def _range(places: torch.Tensor, before: int, behind: int) -> _Range:
    """From where to where the cells of a grid reach, ``(..., cells, others)``, with cells of padding before and behind them."""
    (first, last) = (float(places.min()), float(places.max()))
    cell = (last - first) / (places.shape[-2] - 1) if places.shape[-2] > 1 else 1.0
    (before, behind) = (0, 0) if max(before, behind) <= _OWN_PADDING else (before, behind)
    return first - cell * (before + 0.5), last + cell * (behind + 0.5)


def _grid_of(companion: torch.Tensor) -> Grid | None:
    """Rows and columns, where the places of a tensor ``(1, ...)`` are those of a whole grid, each once."""
    shape = companion.shape
    of_volume = companion.dtype == _VOLUME
    if len(shape) not in (3, 4, 4 + of_volume) or 1 not in shape[:2] or (len(shape) > 3 and shape[0] != 1):
        return None
    batch_axis = 0 if shape[0] == 1 else 1
    single = companion.select(batch_axis, 0)
    for axis in (0, single.ndim - 1):
        channels = single.shape[axis]
        places = single.select(axis, 0)
        if not _constant(single, axis) or (single.ndim == 2 and batch_axis == 1 and axis == 0):
            continue
        order = row_by_row(places.flatten().numpy().tobytes(), of_volume)
        if order is None:
            continue
        (sides, indices, covers) = order
        (rows, columns) = sides[-2:]
        depth = sides[0] if of_volume else None
        whole = indices == tuple(range(len(indices)))
        if places.shape == sides and whole:
            return Grid(rows, columns, channels, "channels first" if axis == 0 else "channels last", depth=depth, covers=covers)
        layout = "tokens" if axis else "channels before tokens"
        in_a_row = indices == tuple(range(indices[0], indices[0] + len(indices)))
        (skip, others) = (indices[0], ()) if in_a_row else (0, indices)
        return Grid(rows, columns, channels, layout, skip, others, places.ndim, batch_axis, depth, covers)
    return None


@lru_cache(maxsize=256)
def row_by_row(places: bytes, of_volume: bool) -> tuple[tuple[int, ...], tuple[int, ...], bool] | None:
    """(rows, columns), of a volume (slices, rows, columns), which of the places come one after the other, and whether they cover
    the photo; None where they are no grid.

    places : complex64, of a volume complex128. Tensors of the same places come by dozens.
    """
    values = np.frombuffer(places, np.complex128 if of_volume else np.complex64)
    known = np.flatnonzero(values.real > -5)
    if not len(known):
        return None
    (down, across) = (_ranks(part[known]) for part in (values.real, values.imag))
    (rows, columns) = (int(down.max()) + 1, int(across.max()) + 1)
    cells = down * columns + across
    order = np.argsort(cells)
    if not np.array_equal(cells[order], np.arange(rows * columns)):
        return None
    indices = tuple(known[order].tolist())
    if not of_volume:
        return (rows, columns), indices, _covers(values.real[known], rows) and _covers(values.imag[known], columns)
    heights = values.real[known[order]][::columns]  # one of each row
    (starts,) = np.nonzero(np.diff(heights) > 1)  # a slice is one photo high
    depth = len(starts) + 1
    if rows % depth or not np.array_equal(starts + 1, np.arange(1, depth) * (rows // depth)):
        return None
    return (depth, rows // depth, columns), indices, True


def _covers(values: npt.NDArray[np.floating[Any]], side: int) -> bool:
    """True where the first and the last of so many cells lie where those of a whole photo do."""
    (first, last) = (float(values.min()) * side - 0.5, float(values.max()) * side - (side - 0.5))
    return max(abs(first), abs(last)) <= _ASIDE


def _ranks(values: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int64]:
    """0 for the smallest value, 1 for the next larger one, ...; values that are close are one."""
    order = np.argsort(values)
    ranks = np.zeros(len(values), np.int64)
    ranks[order[1:]] = np.cumsum(np.diff(values[order]) > _CLOSE)
    return ranks
