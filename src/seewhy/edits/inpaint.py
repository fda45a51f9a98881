"""Inpaint: a box filled from its edges, as smoothly as they allow."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from seewhy.edits.base import Box, Edit, Values, box_in_words, check_box, place_of
from seewhy.inpainting import inpaint

_CELLS = 48  # along each side of the box: what is solved is smooth, and is enlarged afterwards


@dataclass(frozen=True, kw_only=True)
class Inpaint(Edit):
    """box : what is filled; see :func:`seewhy.inpainting.inpaint`. The whole photo becomes its mean."""

    name: ClassVar[str] = "inpaint"

    box: Box

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", check_box("box", self.box))

    def apply(self, values: Values, other: Callable[[str], Values]) -> Values:
        edited: Values = values.copy()
        place = place_of(self.box, values)
        planes = values.reshape(*values.shape[:2], -1).transpose(2, 0, 1)
        filled = np.moveaxis(_filled(planes, *place), 0, -1).reshape(edited[place].shape)
        edited[place] = np.rint(filled) if values.dtype.kind == "u" else filled
        return edited

    @property
    def words(self) -> str:
        return f"filled from its edges: {box_in_words(self.box)}"


def _filled(planes: Values, rows: slice, columns: slice) -> npt.NDArray[np.float32]:
    """The box's values ``(C, h, w)``; the mean of each plane where the box is all of it.

    Of a large box few cells are solved, within the means of parts of its edges.
    """
    (_, height, width) = planes.shape
    size = (rows.stop - rows.start, columns.stop - columns.start)
    cells = (min(size[0], _CELLS), min(size[1], _CELLS))
    (above, left) = (int(rows.start > 0), int(columns.start > 0))
    (below, right) = (int(rows.stop < height), int(columns.stop < width))
    if not above + left + below + right:
        return np.broadcast_to(planes.mean(axis=(1, 2), dtype=np.float64)[:, None, None], planes.shape).astype(np.float32)
    small = np.zeros((len(planes), above + cells[0] + below, left + cells[1] + right), np.float32)
    inside = (slice(above, above + cells[0]), slice(left, left + cells[1]))
    if above:
        small[:, 0, inside[1]] = _reduced(planes[:, rows.start - 1, columns], cells[1])
    if below:
        small[:, -1, inside[1]] = _reduced(planes[:, rows.stop, columns], cells[1])
    if left:
        small[:, inside[0], 0] = _reduced(planes[:, rows, columns.start - 1], cells[0])
    if right:
        small[:, inside[0], -1] = _reduced(planes[:, rows, columns.stop], cells[0])
    mask = np.zeros(small.shape[1:], bool)
    mask[inside] = True
    # The corners are nobody's neighbour.
    solved = inpaint(small, mask)[:, inside[0], inside[1]]
    return np.stack([_enlarged(plane, size) for plane in solved])


def _reduced(edges: Values, cells: int) -> npt.NDArray[np.float64]:
    """The means ``(C, cells)`` of so many parts of edges ``(C, n)``."""
    parts = np.array_split(edges.astype(np.float64), cells, axis=1)
    return np.stack([part.mean(axis=1) for part in parts], axis=1)


def _enlarged(plane: npt.NDArray[np.float32], size: tuple[int, int]) -> npt.NDArray[np.float32]:
    if plane.shape == size:
        return plane
    return np.asarray(Image.fromarray(plane).resize((size[1], size[0]), Image.Resampling.BILINEAR), np.float32)
