"""The areas of a photo that LIME switches on and off."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, did_you_mean, is_whole_number, setting
from seewhy.geometry import Array, Size

Labels = npt.NDArray[np.int64]

KINDS = ("superpixels", "grid")


@dataclass(frozen=True, eq=False)
class Segments:
    """A photo cut into d areas; every pixel belongs to exactly one.

    labels : int64 ``(H, W)``, 0 to d - 1 without gaps.
    names : int64 ``(d,)``, ascending: the person's own numbers, else 1 to d.
    cells : (rows, columns) of a grid; None otherwise. The cells count row by row.
    note : what was done other than asked for, in words; None where nothing was.
    """

    labels: Labels
    names: Labels
    cells: Size | None = None
    note: str | None = None

    @property
    def count(self) -> int:
        """d, the number of segments; at least 2."""
        return len(self.names)

    @property
    def named(self) -> Labels:
        """``(H, W)`` with each pixel's name instead of its label."""
        named: Labels = self.names[self.labels]
        return named


def segments_of(pixels: Array, kind: str | npt.ArrayLike, features: int) -> Segments:
    """Cut a photo into segments.

    pixels : ``(C, H, W)``, finite, 0-255 or in the tensor's own units.
    kind : "superpixels" (areas of like colour), "grid" (rectangles), or integers ``(H, W)``, one number per segment.
    features : how many are wanted. Superpixels may be more or fewer, grid cells at most that many; with an array of one's
        own it is not looked at.

    Where superpixels would be fewer than two, the grid is taken, and ``note`` says so. Superpixels and grid cells are
    connected; segments of one's own need not be.

    Raises OptionError: an unknown kind; features that is no integer from 2 to H * W; an array that is not ``(H, W)``, holds
    other than integers, or only one number.
    """
    size = (pixels.shape[1], pixels.shape[2])
    if not isinstance(kind, str):
        return _own(kind, size)
    if kind not in KINDS:
        raise OptionError(
            f"{setting('segments', kind)}: write 'superpixels' or 'grid', in Python also (H, W) "
            f"integers.{did_you_mean(kind, KINDS)}"
        )
    _check_features(features, size)
    if kind == "grid":
        return _grid(size, features)
    labels = _superpixels(pixels, features)
    if labels.max() > 0:
        return Segments(labels, np.arange(1, labels.max() + 2))
    note = "Superpixels would have been one segment only, the whole photo: a grid was taken."
    return replace(_grid(size, features), note=note)


def grid_cells(size: Size, features: int) -> Size:
    """(rows, columns) of a grid of at most ``features`` cells, near to squares, on ``size`` = (H, W) pixels.

    rows = √(features · H / W) rounded half up, columns = ⌊features / rows⌋, each at least 1 and at most the pixels there are.
    On a very narrow photo the rows alone would be more than was asked for: they stop there.
    """
    (height, width) = size
    rows = math.floor(math.sqrt(features * height / width) + 0.5)
    rows = min(max(rows, 1), height, features)
    return rows, min(features // rows, width)


def _grid(size: Size, features: int) -> Segments:
    """Cells whose heights, and whose widths, differ by at most one pixel."""
    (rows, columns) = grid_cells(size, features)
    (row_of, column_of) = (_even(pixels, cells) for pixels, cells in zip(size, (rows, columns), strict=True))
    labels: Labels = row_of[:, None] * columns + column_of[None, :]
    return Segments(labels, np.arange(1, rows * columns + 1), (rows, columns))


def _even(pixels: int, cells: int) -> Labels:
    """The cell of each pixel on one axis: cell i begins at ⌊i · pixels / cells⌋."""
    begins = np.arange(cells) * pixels // cells
    cell: Labels = np.searchsorted(begins, np.arange(pixels), side="right") - 1
    return cell.astype(np.int64)


def _superpixels(pixels: Array, features: int) -> Labels:
    """SLIC with an adaptive compactness (SLICO), ten rounds: Achanta et al. 2012, doi:10.1109/TPAMI.2012.120.

    Three channels are taken as RGB and compared in L*a*b*, one channel as its L*, others as they are.
    """
    from skimage.color import rgb2lab
    from skimage.segmentation import slic

    # SLIC stretches what it is given to [0, 1] by itself. Doing it here, before L*, makes a tensor's own units no special case.
    values = np.moveaxis(pixels.astype(np.float64), 0, -1)
    values = (values - values.min()) / (np.ptp(values) or 1.0)
    colour = values.shape[-1] == 3
    if values.shape[-1] == 1:
        values = rgb2lab(np.repeat(values, 3, axis=-1))[..., :1]
    # SLIC's usual 10 is meant for L*a*b*, whose values reach 100. For values up to 1 the same is 0.1: at 10, they would not
    # count beside the distances in pixels, and every grey photo would give a grid.
    areas = slic(
        values,
        n_segments=features,
        compactness=10.0 if colour else 0.1,
        max_num_iter=10,
        slic_zero=True,
        start_label=0,
        convert2lab=colour,
        channel_axis=-1,
    )
    labels: Labels = np.unique(areas, return_inverse=True)[1].reshape(areas.shape).astype(np.int64)
    return labels


def _own(kind: npt.ArrayLike, size: Size) -> Segments:
    """The person's own label array, checked."""
    try:
        array: npt.NDArray[Any] = np.asarray(kind)
    except ValueError:  # rows of different lengths
        raise OptionError("The label array has rows of different lengths: give (H, W) integers.") from None
    if array.ndim == 0:
        raise OptionError(f"{setting('segments', kind)}: write 'superpixels' or 'grid', in Python also (H, W) integers.")
    if array.ndim != 2:
        raise OptionError(f"The label array has the shape {array.shape}: give (H, W), one label for each pixel.")
    if array.dtype.kind not in "iu":
        raise OptionError(f"The label array holds {array.dtype}: give integers, one number per segment (labels.astype(int)).")
    if array.shape != size:
        (rows, columns) = array.shape
        raise OptionError(
            f"The label array is {rows}×{columns} and the network's input {size[0]}×{size[1]} (rows × columns): "
            "give one label for each pixel of the network's input."
        )
    names, labels = np.unique(array, return_inverse=True)
    if len(names) < 2:
        raise OptionError(
            f"The label array holds one number only ({names[0]}): give at least two "
            f"segments, or write {setting('segments', 'grid')}."
        )
    return Segments(labels.reshape(size).astype(np.int64), names.astype(np.int64))


def _check_features(features: int, size: Size) -> None:
    if not is_whole_number(features) or features < 2:
        raise OptionError(
            f"{setting('features', features)}: write an integer of at least 2. One segment has nothing to be compared with."
        )
    if features > size[0] * size[1]:
        raise OptionError(
            f"{setting('features', features)}, but the network's input has "
            f"{size[0]}×{size[1]} pixels: write at most {size[0] * size[1]}."
        )
