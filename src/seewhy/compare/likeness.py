"""How alike are maps: those of one photo, and those of different photos, which says how much any two maps have in common."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np

from seewhy.evaluate import agreement, rank_correlation
from seewhy.explanation import Explanation
from seewhy.explanation.drawing import drawable
from seewhy.geometry import Array, Geometry, map_on_photo
from seewhy.show import colour

COMPARED = 256  # pixels a side at which maps are compared: ranks of more take longer and say the same
SAMPLED = 64  # of these, along the longer side, for maps of different photos: there are many pairs, and their mean is taken

Row = Sequence[Explanation | None]


def is_empty(explanation: Explanation) -> bool:
    """True for a map that is the same everywhere, as it is drawn: its places have no order that could be compared."""
    return colour.is_flat(drawable(explanation.maps[0], explanation.units))


def matched_correlations(row: Row) -> Array:
    """``(C, C)``: rank correlations of one photo's maps, laid on the photo; NaN where a column has none, or an empty one."""
    matrix = np.full((len(row),) * 2, np.nan, np.float32)
    ordered = _ordered(row)
    places = [place for place, e in enumerate(ordered) if e is not None]
    matrix[np.ix_(places, places)] = agreement([_on_photo(e) for e in ordered if e is not None])
    return matrix


def mismatched_correlations(rows: Sequence[Row]) -> Array:
    """``(C, C)``: the mean rank correlation of one column's map of a photo and another column's map of the next photo.

    The last photo's next one is the first. The next photo's map is laid on this one as if it were its own, so that both are as
    fine as in :func:`matched_correlations`. Empty maps are left out. NaN where there is nothing to compare, as with a single
    photo.
    """
    count = len(rows[0]) if rows else 0
    (sums, counts) = (np.zeros((count, count)), np.zeros((count, count)))
    ordered = map(_ordered, rows)  # read one after the other: there may be more than fit into memory
    first = row = next(ordered, [])
    for next_row in itertools.chain(ordered, [first]) if len(rows) > 1 else ():
        own = [None if e is None else _sampled(_on_photo(e)) for e in row]
        others = [
            None if e is None or next_one is None else _sampled(_laid_on(next_one, e.photo.geometry))
            for e, next_one in zip(row, next_row, strict=True)
        ]
        for a, map_of_photo in enumerate(own):
            for b, map_of_next in enumerate(others):
                if map_of_photo is not None and map_of_next is not None:
                    sums[a, b] += rank_correlation(map_of_photo, map_of_next)
                    counts[a, b] += 1
        row = next_row
    (sums, counts) = (sums + sums.T, counts + counts.T)  # which of the two columns has the first photo makes no difference
    mean: Array = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
    return mean


def _ordered(row: Row) -> list[Explanation | None]:
    """The row without its empty maps."""
    return [None if e is None or is_empty(e) else e for e in row]


def _on_photo(explanation: Explanation) -> Array:
    """The map on the photo at the size at which maps are compared."""
    geometry = _small(explanation.photo.geometry)
    laid: Array = map_on_photo(explanation.maps, geometry, sample_grid=explanation.sample_grid)[0]
    return laid


def _laid_on(explanation: Explanation, geometry: Geometry) -> Array:
    """The map on a photo that is not its own. geometry : of that photo."""
    laid: Array = map_on_photo(explanation.on_input(), _small(geometry))[0]
    return laid


def _small(geometry: Geometry) -> Geometry:
    (height, width) = geometry.photo
    scale = min(1.0, COMPARED / max(height, width))
    return geometry.at_size((max(1, round(height * scale)), max(1, round(width * scale))))


def _sampled(laid: Array) -> Array:
    """Some of its pixels as they are: means of them would be smoother, and correlate more."""
    step = max(1, max(laid.shape) // SAMPLED)
    return laid[::step, ::step]
