"""Maps that equal a kept one except in a rectangle each, and the arithmetic of rectangles."""

from __future__ import annotations

from itertools import groupby
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seewhy.engine.operations import Address

Positions = npt.NDArray[np.int64]  # (n,) first row, or first column, of each copy's rectangle
Size = tuple[int, int]
PLAIN = (int, float, str, type(None))  # quick to tell from what may hold a tensor


class KeptMap:
    """A map of the untouched photo, and the tables that windows of it are gathered from.

    values : ``(1, C, H, W)``; nothing writes into it any more.
    """

    def __init__(self, values: torch.Tensor) -> None:
        self.values = values
        self._tables: dict[float, torch.Tensor] = {}

    def table(self, outside: float) -> torch.Tensor:
        """``(H * W + 1, C)``: the channels of every cell, and a last row for what lies outside of the map."""
        if outside not in self._tables:
            cells = _cells(self.values)
            self._tables[outside] = torch.cat([cells, cells.new_full((1, cells.shape[1]), outside)])
        return self._tables[outside]


class Patched(torch.Tensor):
    """n maps ``(C, H, W)`` that equal one kept map except in a rectangle each.

    patch : ``(n, C, h, w)``, the rectangles. rows, columns : where they begin. kept : the kept map.
    last : True where the network sees the tensor as ``(n, H, W, C)``. address : the operation that gave it; None for the input.
    source : what it is a permuted view of. viewed : something is a permuted view of it.
    whole : the maps in full, once something has asked for them; from then on they count, and the rest is gone.
    """

    patch: torch.Tensor
    rows: Positions
    columns: Positions
    kept: KeptMap
    last: bool
    address: Address | None
    source: Patched | None
    viewed: bool
    whole: torch.Tensor | None

    @staticmethod
    def __new__(
        cls,
        patch: torch.Tensor,
        rows: Positions,
        columns: Positions,
        base: torch.Tensor | KeptMap,
        last: bool = False,
        address: Address | None = None,
    ) -> Patched:
        kept = base if isinstance(base, KeptMap) else KeptMap(base)
        (_, channels, height, width) = kept.values.shape
        shape = (len(patch), height, width, channels) if last else (len(patch), channels, height, width)
        make: Any = torch.Tensor._make_wrapper_subclass
        result: Patched = make(cls, shape, dtype=patch.dtype, device=patch.device)
        (result.patch, result.rows, result.columns, result.kept, result.last, result.address) = (
            patch,
            rows,
            columns,
            kept,
            last,
            address,
        )
        (result.source, result.viewed, result.whole) = (None, False, None)
        return result

    __torch_function__ = torch._C._disabled_torch_function_impl  # type: ignore[assignment]

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:  # type: ignore[override]
        """Reached from inside what is no torch function (TorchScript, a function of autograd): whole maps."""
        with torch._C.DisableTorchFunction():
            return func(*put_together(args), **put_together(kwargs or {}))

    @property
    def base(self) -> torch.Tensor:
        """``(1, C, H, W)``: the kept map."""
        return self.kept.values

    @property
    def grid(self) -> Size:
        """(H, W) of the whole map."""
        return (self.base.shape[2], self.base.shape[3])

    @property
    def starts(self) -> tuple[Positions, Positions]:
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
            order = torch.contiguous_format if self.base.is_contiguous() else torch.channels_last
            whole = whole.contiguous(memory_format=order)  # the network may ask for a view of it
            self.whole = whole.permute(0, 2, 3, 1) if self.last else whole
        return self.whole


def window(of: Patched, rows: Positions, columns: Positions, size: Size, outside: float = 0.0) -> torch.Tensor:
    """``(n, C, h, w)``, channels last: what lies in n windows, which may reach over the edge, where it is ``outside``.

    All cells are gathered from the kept map, which is small and stays in the cache; the rectangles are then put over them.
    """
    if size == of.extent and _are_equal(rows, of.rows) and _are_equal(columns, of.columns):
        return of.patch
    (height, width) = of.grid
    down = rows[:, None] + np.arange(size[0])  # (n, size[0])
    across = columns[:, None] + np.arange(size[1])
    cells = (down * width)[:, :, None] + across[:, None, :]
    if rows.min() < 0 or columns.min() < 0 or rows.max() + size[0] > height or columns.max() + size[1] > width:
        (above, beside) = ((down < 0) | (down >= height), (across < 0) | (across >= width))
        cells[above[:, :, None] | beside[:, None, :]] = height * width  # the table's last row
    result = _gather(of.kept.table(outside), cells)
    _put(of.patch, result, of.rows - rows, of.columns - columns)
    return result


def _are_equal(a: Positions, b: Positions) -> bool:
    return a is b or bool((a == b).all())


def _put(patch: torch.Tensor, into: torch.Tensor, rows: Positions, columns: Positions) -> None:
    """Copy rectangles ``(n, C, h, w)`` into maps ``(n, C, H, W)`` at these places; what hangs over is cut off."""
    (h, w) = patch.shape[2:]
    (height, width) = into.shape[2:]
    first = 0
    # Neighbours at one place go in one copy.
    for (row, column), alike in groupby(zip(rows.tolist(), columns.tolist(), strict=True)):
        end = first + len(list(alike))
        (top, bottom, left, right) = (max(row, 0), min(row + h, height), max(column, 0), min(column + w, width))
        if top < bottom and left < right:
            part = patch[first:end, :, top - row : bottom - row, left - column : right - column]
            into[first:end, :, top:bottom, left:right].copy_(part)
        first = end


def cut(kept: torch.Tensor, rows: Positions, columns: Positions, size: Size) -> torch.Tensor:
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


def shares_memory(a: torch.Tensor, b: torch.Tensor) -> bool:
    """True where two tensors show the same numbers."""
    try:
        return a.layout == b.layout == torch.strided and a.data_ptr() == b.data_ptr()
    except RuntimeError:  # inside torch.vmap they have no memory of their own
        return False


def reach(
    first: Positions, length: int, count: int, kernel: int, stride: int, padding: int, dilation: int
) -> tuple[Positions, int]:
    """The outputs of a sliding kernel that read any of the inputs ``first`` to ``first + length``: first one, how many.

    count : outputs there are. All get the number that the one with the most needs, so that some begin earlier than they would
    have to, and none reaches over the edge.
    """
    spread = (kernel - 1) * dilation
    start = np.maximum(-((-(first + padding - spread)) // stride), 0)  # rounded up
    end = np.minimum((first + length - 1 + padding) // stride + 1, count)
    many = max(1, int((end - start).max()))
    return np.minimum(start, count - many), many


def patched_in(value: Any) -> list[Patched]:
    """The patched tensors among an operation's arguments."""
    if isinstance(value, Patched):
        return [value]
    items = value.values() if isinstance(value, dict) else value
    if not isinstance(value, (tuple, list, dict)) or not items:
        return []
    return [patched for item in items if not isinstance(item, PLAIN) for patched in patched_in(item)]


def put_together(value: Any) -> Any:
    """The arguments with whole maps in the place of patched tensors."""
    if isinstance(value, Patched):
        return value.put_together()
    if isinstance(value, (tuple, list)):
        parts = [put_together(item) for item in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    return {key: put_together(item) for key, item in value.items()} if isinstance(value, dict) else value
