"""Maps that differ from a kept one in a rectangle each, and a network run on them beside the same network on whole photos."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from seewhy.engine.incremental import Incremental, KeepResults
from seewhy.engine.patched import Patched


def patched(seed: int = 0, n: int = 3, grid: tuple[int, int] = (7, 9), size: tuple[int, int] = (3, 2)) -> Patched:
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    rows = rng.integers(0, grid[0] - size[0] + 1, n)
    columns = rng.integers(0, grid[1] - size[1] + 1, n)
    return Patched(torch.rand(n, 4, *size), rows, columns, torch.rand(1, 4, *grid))


def by_hand(x: Patched) -> torch.Tensor:
    whole = x.base.repeat(len(x.patch), 1, 1, 1)
    for i, (row, column) in enumerate(zip(x.rows, x.columns, strict=True)):
        whole[i, :, row : row + x.extent[0], column : column + x.extent[1]] = x.patch[i]
    # A network may behave differently by the order in memory: what it writes into may be a copy, or not.
    return whole if x.base.is_contiguous() else whole.contiguous(memory_format=torch.channels_last)


def masked(photo: torch.Tensor, places: list[tuple[int, int]], size: tuple[int, int]) -> Patched:
    """Rectangles of noise at these places of a photo."""
    (rows, columns) = np.array(places, np.int64).T
    noise = torch.randn(len(places), photo.shape[1], *size, generator=torch.Generator().manual_seed(9)).to(photo.dtype)
    return Patched(noise, rows, columns, photo)


def corners(photo: torch.Tensor, size: tuple[int, int], n: int = 5) -> list[tuple[int, int]]:
    """The four corners and the middle."""
    (bottom, right) = (photo.shape[2] - size[0], photo.shape[3] - size[1])
    return [(0, 0), (bottom, right), (0, right), (bottom // 2, right // 2), (bottom, 0)][:n]


def both(run: Callable[[torch.Tensor], torch.Tensor], x: Patched) -> tuple[torch.Tensor, torch.Tensor, Incremental]:
    """What comes out of rectangles, and of whole photos. Nothing may be left of the first pass in the second."""
    photo = x.base.clone()  # the network may write into it
    with torch.no_grad():
        with KeepResults() as keep:
            run(photo)
        expected = run(by_hand(x))
        with Incremental(keep.kept) as incremental:
            output = run(x)
            output = output.put_together() if isinstance(output, Patched) else output
    return output, expected, incremental


def deviation(output: torch.Tensor, expected: torch.Tensor) -> float:
    assert output.shape == expected.shape
    assert output.dtype == expected.dtype
    assert bool(torch.isfinite(expected).all())
    return float((output - expected).abs().max() / expected.abs().max().clamp_min(1e-30))


def assert_same(run: Callable[[torch.Tensor], torch.Tensor], x: Patched, most: float = 1e-5) -> Incremental:
    (output, expected, incremental) = both(run, x)
    assert deviation(output, expected) <= most
    return incremental


class Cells(TorchDispatchMode):
    """Counts the cells that convolutions give."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if "convolution" in str(func) and "reorder" not in str(func):
            self.given += out.shape[0] * out.shape[2] * out.shape[3]
        return out


def cells(network: nn.Module, x: Patched, kept) -> tuple[int, int]:
    """Cells given for rectangles and for whole photos."""
    with torch.no_grad():
        with Cells() as whole:
            network(by_hand(x))
        with Cells() as few, Incremental(kept):
            network(x)
    return few.given, whole.given


def kept_of(network: nn.Module, photo: torch.Tensor):
    with torch.no_grad(), KeepResults() as keep:
        network(photo)
    return keep.kept
