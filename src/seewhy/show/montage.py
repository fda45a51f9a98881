"""Many pictures as one, in rows and columns."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, PhotoError
from seewhy.geometry import resize_map
from seewhy.show import colour

Picture = npt.NDArray[Any]
log = logging.getLogger("seewhy")


def montage(
    images: Any,
    grid: tuple[int | None, int | None] | None = None,
    thumb: int | tuple[int, int] | None = None,
    border: int = 0,
    background: Any = "black",
) -> Picture:
    """Pictures side by side, filled row by row: ``(rows * h, columns * w)`` if all are grey, else ``(..., 3)``.

    images : arrays ``(h, w)``, ``(h, w, 1)`` or ``(h, w, 3)`` (bytes or floats), PIL images, and ``None`` for an empty
        cell; a list or one array ``(n, h, w)`` or ``(n, h, w, 3)``. Values are not stretched: use ``min_max`` before.
    grid : (rows, columns), one of them may be None. None: as near to a square picture as the tiles allow. A grid that
        is too small shows the first pictures, and a warning in the log "seewhy" says so.
    thumb : size of a tile, (h, w) or one number for both; None takes the first picture's. Others are fitted into it
        with their aspect kept.
    border : pixels around every tile, in the background's colour.
    background : a colour's name, "#rrggbb", (r, g, b) of 0-255, or one grey of 0-255.

    Bytes beside floats become floats in [0, 1]; grey beside colour becomes colour.
    """
    tiles = [None if image is None else _tile(image) for image in images]
    pictures = [tile for tile in tiles if tile is not None]
    if not pictures:
        raise OptionError("There is nothing to show: montage needs at least one picture.")
    if border < 0:
        raise OptionError(f"border={border} is negative: give a number of pixels from 0 up.")
    (height, width) = (thumb, thumb) if isinstance(thumb, int) else thumb or pictures[0].shape[:2]
    if min(height, width) < 1:
        raise OptionError(f"thumb={thumb} is not a size: give (rows, columns) in pixels.")
    (rows, columns) = _grid(len(tiles), grid, height, width)
    if len(tiles) > rows * columns:
        log.warning("montage: of %d pictures a %d×%d grid shows the first %d.", len(tiles), rows, columns, rows * columns)

    paint = _colour(background)
    channels = 3 if len(set(paint)) > 1 or any(tile.shape[2] == 3 for tile in pictures) else 1
    bytes_only = all(tile.dtype == np.uint8 for tile in pictures)
    (cell_height, cell_width) = (height + 2 * border, width + 2 * border)
    ground = np.array(paint[:channels], dtype=np.uint8)
    canvas = np.empty((rows * cell_height, columns * cell_width, channels), np.uint8 if bytes_only else np.float32)
    canvas[:] = ground if bytes_only else colour.to_unit(ground)
    for cell, tile in enumerate(tiles[: rows * columns]):
        if tile is not None:
            fitted = _fitted(tile if bytes_only else colour.to_unit(tile), height, width)
            (h, w) = fitted.shape[:2]
            top = cell // columns * cell_height + border + (height - h) // 2
            left = cell % columns * cell_width + border + (width - w) // 2
            canvas[top : top + h, left : left + w] = fitted
    return canvas if channels == 3 else canvas[:, :, 0]


def _grid(count: int, grid: tuple[int | None, int | None] | None, height: int, width: int) -> tuple[int, int]:
    """(rows, columns): as ``grid`` says, or ``columns = ceil(sqrt(h * n / w))`` and as many rows as that needs."""
    (rows, columns) = grid or (None, None)
    if (rows is not None and rows < 1) or (columns is not None and columns < 1):
        raise OptionError(f"grid={grid} has no cells: give (rows, columns), each from 1 up.")
    if columns is None:
        if rows is None:
            # Whole numbers, since a root that comes out a hair too large would add a column.
            columns = math.isqrt(height * count // width)
            columns += columns * columns * width < height * count
        else:
            columns = -(-count // rows)
    return (-(-count // columns) if rows is None else rows, columns)


def _tile(image: Any) -> Picture:
    """``(h, w, 1)`` or ``(h, w, 3)``, bytes or float32."""
    if hasattr(image, "convert") and hasattr(image, "mode"):
        image = image if image.mode in ("L", "RGB") else image.convert("RGB")
    tile = np.asarray(image)
    if tile.ndim == 2:
        tile = tile[:, :, None]
    if tile.ndim != 3 or tile.shape[2] not in (1, 3) or not tile.size:
        raise PhotoError(f"A picture in a montage is (rows, columns) or (rows, columns, 3), one is {np.shape(image)}.")
    if tile.dtype.kind in "fb":
        return tile.astype(np.float32)
    if tile.dtype.kind not in "iu" or tile.min() < 0 or tile.max() > 255:
        raise PhotoError(f"A picture in a montage holds {tile.dtype} values outside 0-255: make them bytes or floats.")
    return tile.astype(np.uint8)


def _fitted(tile: Picture, height: int, width: int) -> Picture:
    """The tile as large as fits, its aspect kept."""
    if tile.shape[:2] == (height, width):
        return tile
    scale = min(height / tile.shape[0], width / tile.shape[1])
    size = (max(1, round(tile.shape[0] * scale)), max(1, round(tile.shape[1] * scale)))
    resized = np.moveaxis(resize_map(np.moveaxis(tile, 2, 0), size), 0, 2)
    return colour.to_bytes(resized) if tile.dtype == np.uint8 else resized


def _colour(background: Any) -> Sequence[int]:
    """(r, g, b) of 0-255."""
    from PIL import ImageColor

    if isinstance(background, str):
        try:
            return ImageColor.getrgb(background)[:3]
        except ValueError:
            raise OptionError(f"background={background!r} is no colour: write a name such as 'white' or '#rrggbb'.") from None
    paint = [int(background)] * 3 if np.ndim(background) == 0 else [int(part) for part in background]
    if len(paint) != 3 or min(paint) < 0 or max(paint) > 255:
        raise OptionError(f"background={background!r} is no colour: give (red, green, blue), each 0-255.")
    return paint
