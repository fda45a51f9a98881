"""Boxes of a photo, as shares of its sides, and the cells of a reduced photo that they are."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seewhy.audit.photos import SIDE
from seewhy.edits import Box

_TINY = 1e-9


def cells_of(box: Box) -> tuple[slice, slice]:
    """The rows and columns of a reduced photo, ``SIDE`` of each."""
    (top, left, bottom, right) = (round(SIDE * side) for side in box)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def box_of(rows: slice, columns: slice) -> Box:
    """The other way round."""
    return (rows.start / SIDE, columns.start / SIDE, rows.stop / SIDE, columns.stop / SIDE)


def area(box: Box) -> float:
    """A share of the photo."""
    return (box[2] - box[0]) * (box[3] - box[1])


def meet(one: Box, other: Box) -> bool:
    """True where two boxes have something in common."""
    across = one[1] < other[3] - _TINY and other[1] < one[3] - _TINY
    return across and one[0] < other[2] - _TINY and other[0] < one[2] - _TINY


def overlap(one: Box, other: Box) -> float:
    """What two boxes have in common, as a share of what they cover together."""
    common = max(0.0, min(one[2], other[2]) - max(one[0], other[0])) * max(0.0, min(one[3], other[3]) - max(one[1], other[1]))
    return common / (area(one) + area(other) - common)


def with_rim(box: Box) -> Box:
    """A box and a cell around it: the edge of a cue may stand out of the cells that it fills, and what is filled from its edges
    would take its colour."""
    (top, left, bottom, right) = box
    rim = 1 / SIDE
    return (max(0.0, top - rim), max(0.0, left - rim), min(1.0, bottom + rim), min(1.0, right + rim))


def mirrored(box: Box) -> list[Box]:
    """The box on the other sides of the photo, where it does not meet itself."""
    (top, left, bottom, right) = box
    (upside, sideways) = ((1 - bottom, 1 - top), (1 - right, 1 - left))
    boxes = [(upside[0], left, upside[1], right), (top, sideways[0], bottom, sideways[1])]
    boxes.append((upside[0], sideways[0], upside[1], sideways[1]))
    apart: list[Box] = []
    for other in boxes:
        if not any(meet(other, one) for one in (box, *apart)):
            apart.append(other)
    return apart


def salient_boxes(box: Box, mean_map: npt.NDArray[np.float64] | None, most: int) -> list[Box]:
    """Boxes of the same size, apart from it and from each other, with the most evidence; without a map any.

    mean_map : ``(SIDE, SIDE)``, of the class.
    """
    (rows, columns) = cells_of(box)
    (height, width) = (rows.stop - rows.start, columns.stop - columns.start)
    values = np.zeros((SIDE, SIDE)) if mean_map is None else mean_map
    sums = np.pad(values.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    inside = sums[height:, width:] - sums[:-height, width:] - sums[height:, :-width] + sums[:-height, :-width]
    taken = [box]
    for place in np.argsort(-inside, axis=None, kind="stable"):
        (top, left) = (int(part) for part in np.unravel_index(int(place), inside.shape))
        one = _at((top / SIDE, left / SIDE), box)
        if not any(meet(one, other) for other in taken):
            taken.append(one)
            if len(taken) > most:
                break
    return taken[1:]


def _at(corner: tuple[float, float], box: Box) -> Box:
    """A box exactly as large as another one, with its first corner there, or as near as the photo's end allows."""
    (height, width) = (box[2] - box[0], box[3] - box[1])
    (top, left) = (max(0.0, min(corner[0], 1 - height)), max(0.0, min(corner[1], 1 - width)))
    return (top, left, min(1.0, top + height), min(1.0, left + width))


def in_words(box: Box) -> str:
    """ "in the lower left corner (rows 83-98 %, columns 1-21 %)" """
    third = 1 / 3
    (top, left, bottom, right) = box
    (row, column) = ((top + bottom) / 2, (left + right) / 2)
    (above, below) = (row < third, row > 1 - third)
    (before, behind) = (column < third, column > 1 - third)
    height = "upper" if above else "lower" if below else ""
    side = "left" if before else "right" if behind else ""
    if height and side:
        where = f"in the {height} {side} corner"
    elif height or side:
        where = f"at the {height or side} edge".replace("upper edge", "top").replace("lower edge", "bottom")
    else:
        where = "in the middle"
    (rows, columns) = ((round(100 * top), round(100 * bottom)), (round(100 * left), round(100 * right)))
    return f"{where} (rows {rows[0]}-{rows[1]} %, columns {columns[0]}-{columns[1]} %)"
