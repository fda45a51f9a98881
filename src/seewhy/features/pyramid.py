"""Deep dream, the classical way: gradient ascent on pixels, the gradient evened out over scales, the picture growing.

The Laplacian-normalised, multi-octave form of the public DeepDream tutorial, with the pyramid of Burt and Adelson (1983).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from seewhy.errors import GradientError
from seewhy.features.objective import Objective, Size

REDUCTIONS = 4  # five bands with the rest
KERNEL = (1 / 16, 4 / 16, 6 / 16, 4 / 16, 1 / 16)
LEAST = 1e-8  # a band below it is empty
ROUNDING = 1e-4  # of the whole gradient: what a band of a constant holds is rounding, and must not be blown up


def dream(
    objective: Objective,
    start: torch.Tensor,
    channels: Sequence[int],
    generators: Sequence[torch.Generator],
    iterations: int,
    levels: int,
    scale: float,
    step: float,
) -> Iterator[tuple[torch.Tensor, torch.Tensor, torch.Tensor]]:
    """After every iteration the pictures ``(n, C, h, w)`` in raw pixels, and of the pictures that it began with the values
    ``(n,)``; last, which of them are dead: no gradient at the start ``(n,)``.

    start : ``(n, C, h, w)``, one picture for each of the channels. generators : one for each, so that they do not disturb each
        other. levels : how many sizes, each ``scale`` times the one before, with ``iterations`` each. step : raw pixels.

    Raises GradientError where all are dead.
    """
    pictures = start
    indices = torch.tensor(list(channels), device=start.device)
    dead = torch.zeros(len(start), dtype=torch.bool, device=start.device)
    for level, size in enumerate(sizes((start.shape[2], start.shape[3]), levels, scale)):
        if level > 0:
            pictures = F.interpolate(pictures, size=size, mode="bilinear", align_corners=False)
        for iteration in range(iterations):
            shifts = [[_draw(generator, side) for side in objective.size] for generator in generators]
            (values, gradient) = tiled_gradient(objective, pictures, indices, shifts)
            if level == iteration == 0:
                dead = without_gradient(objective, gradient, channels)
            pictures = pictures + step * normalise(gradient)
            yield pictures, values, dead


def _draw(generator: torch.Generator, side: int) -> int:
    return int(torch.randint(1, side + 1, (), generator=generator))


def without_gradient(objective: Objective, gradient: torch.Tensor, channels: Sequence[int]) -> torch.Tensor:
    """Which pictures have no gradient at all ``(n,)``. Raises GradientError where none has one."""
    dead = (gradient == 0).flatten(1).all(1)
    if bool(dead.all()):
        first = ", ".join(objective.name(channel) for channel in channels[:3])
        raise GradientError(
            f"No gradient for {first}: nothing in the start picture wakes {'it' if len(channels) == 1 else 'them'}. Directly "
            "behind a ReLU or a dropout this happens: name the layer before it, or give a start= photo."
        )
    return dead


def sizes(start: Size, levels: int, scale: float) -> list[Size]:
    """(rows, columns) of every level: ``floor(scale * size)`` of the one before."""
    all_sizes = [start]
    for _ in range(levels - 1):
        (rows, columns) = (math.floor(scale * side + 1e-9) for side in all_sizes[-1])  # 1.15 * 20 is 22.999999999999996
        all_sizes.append((rows, columns))
    return all_sizes


def tiles_of(size: Size, tile: Size) -> int:
    """How many pieces a picture is taken in."""
    return -(-size[0] // tile[0]) * -(-size[1] // tile[1])


def tiled_gradient(
    objective: Objective, pictures: torch.Tensor, channels: torch.Tensor, shifts: Sequence[Sequence[int]]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Values ``(n,)`` and gradient ``(n, C, h, w)``, in tiles of the network's input where a picture is larger than that.

    A tile has an objective of its own. Pictures are shifted by ``shifts`` ((rows, columns) each) in a circle before they are
    cut, so that the seams lie elsewhere every time, and padded with zeros at the bottom and on the right.
    """
    (n, depth, height, width) = pictures.shape
    (tile_height, tile_width) = objective.size
    if height <= tile_height and width <= tile_width:
        return objective.gradient(pictures, channels)
    shifted = torch.stack([torch.roll(one, tuple(shift), (1, 2)) for one, shift in zip(pictures, shifts, strict=True)])
    padded = F.pad(shifted, (0, -width % tile_width, 0, -height % tile_height))
    (rows, columns) = (padded.shape[2] // tile_height, padded.shape[3] // tile_width)
    cut = padded.reshape(n, depth, rows, tile_height, columns, tile_width).permute(0, 2, 4, 1, 3, 5)
    tiles = cut.reshape(-1, depth, tile_height, tile_width)  # (n * rows * columns, C, h, w)
    (values, gradient) = objective.gradient(tiles, channels.repeat_interleave(rows * columns))
    put = gradient.reshape(n, rows, columns, depth, tile_height, tile_width).permute(0, 3, 1, 4, 2, 5)
    whole = put.reshape(padded.shape)[..., :height, :width]
    back = [torch.roll(one, (-down, -across), (1, 2)) for one, (down, across) in zip(whole, shifts, strict=True)]
    return values.reshape(n, -1).mean(1), torch.stack(back)


# -- the pyramid ----------------------------------------------------------------------------------------------------------


def normalise(gradient: torch.Tensor) -> torch.Tensor:
    """``(n, C, h, w)`` with every band of every picture divided by its root mean square: all scales grow alike."""
    least = (ROUNDING * _rms(gradient)).clamp_min(LEAST)
    return merge([band / torch.maximum(_rms(band), least) for band in split(gradient)])


def _rms(values: torch.Tensor) -> torch.Tensor:
    return values.square().mean((1, 2, 3), keepdim=True).sqrt()


def split(x: torch.Tensor) -> list[torch.Tensor]:
    """``(n, C, h, w)`` in bands, the finest first: what each level holds beyond the next one, and the rest.

    A level with a side below 3 is not reduced further.
    """
    bands: list[torch.Tensor] = []
    while len(bands) < REDUCTIONS and min(x.shape[2:]) >= 3:
        coarse = reduce(x)
        bands.append(x - expand(coarse, (x.shape[2], x.shape[3])))
        x = coarse
    return [*bands, x]


def merge(bands: Sequence[torch.Tensor]) -> torch.Tensor:
    """The bands of :func:`split`, added up again from the coarsest."""
    x = bands[-1]
    for band in reversed(bands[:-1]):
        x = band + expand(x, (band.shape[2], band.shape[3]))
    return x


def reduce(x: torch.Tensor) -> torch.Tensor:
    """``(n, C, h, w)`` filtered, every second sample kept. The border is reflected with the edge sample repeated."""
    (rows, columns) = (_reducing(side, x.dtype).to(x.device) for side in x.shape[2:])
    return rows @ x @ columns.T


def expand(x: torch.Tensor, size: Size) -> torch.Tensor:
    """``(n, C, h, w)`` at the finer size: zeros between the samples, filtered, times 4, then bilinear.

    The border is reflected without repeating the edge sample, else samples and zeros would not alternate there and a constant
    would not stay one.
    """
    (rows, columns) = (_expanding(count, side, x.dtype).to(x.device) for count, side in zip(x.shape[2:], size, strict=True))
    return rows @ x @ columns.T


# Both are linear in rows and in columns, so each is two products with small matrices: several times faster than convolutions.


@lru_cache(maxsize=64)
def _reducing(count: int, dtype: torch.dtype) -> torch.Tensor:
    """One axis of :func:`reduce`, ``(ceil(count / 2), count)``."""
    taps = 2 * np.arange(-(-count // 2))[:, None] + np.arange(-2, 3)
    taps = np.where(taps < 0, -1 - taps, np.where(taps >= count, 2 * count - 1 - taps, taps))
    return torch.from_numpy(_gather(taps, np.broadcast_to(KERNEL, taps.shape), count)).to(dtype)


@lru_cache(maxsize=64)
def _expanding(count: int, size: int, dtype: torch.dtype) -> torch.Tensor:
    """One axis of :func:`expand`, ``(size, count)``."""
    double = 2 * count
    taps = np.arange(double)[:, None] + np.arange(-2, 3)
    taps = np.where(taps < 0, -taps, np.where(taps >= double, 2 * double - 2 - taps, taps))
    filtered = _gather(taps, np.broadcast_to(2 * np.array(KERNEL), taps.shape), double)[:, ::2]  # the others read zeros
    at = np.clip((np.arange(size) + 0.5) * double / size - 0.5, 0, double - 1)
    low = np.minimum(np.floor(at).astype(int), double - 2)
    bilinear = _gather(np.stack([low, low + 1], 1), np.stack([1 - (at - low), at - low], 1), double)
    return torch.from_numpy(bilinear @ filtered).to(dtype)


def _gather(taps: npt.NDArray[Any], weights: npt.NDArray[Any], count: int) -> npt.NDArray[np.float64]:
    """A matrix ``(len(taps), count)`` that adds up the samples ``taps`` with ``weights``."""
    matrix = np.zeros((len(taps), count))
    np.add.at(matrix, (np.arange(len(taps))[:, None], taps), weights)
    return matrix
