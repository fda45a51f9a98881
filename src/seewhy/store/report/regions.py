"""Where on the photo evidence lies: every map on one grid over the whole photo, and the parts of it that have a name."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

from seewhy.explanation.drawing import drawable
from seewhy.geometry import Array, Geometry, SampleGrid, map_on_photo

SIDE = 64  # cells of the grid, down and across
CORNER = SIDE // 4  # each corner: a quarter of the height by a quarter of the width
BORDER = SIDE // 16  # the border: a sixteenth of the height or the width along each edge
CENTRE = SIDE // 4  # the centre: what is at least a quarter of the height and of the width away from every edge

CORNERS = ("upper left corner", "upper right corner", "lower left corner", "lower right corner")
REGIONS = ("corners", "border", "centre", *CORNERS)
IN_WORDS = {
    "corners": "the four corners together, each a quarter of the photo's height by a quarter of its width",
    "border": "a sixteenth of the height or width along each edge, with the corners",
    "centre": "the middle half of the height and of the width",
}


@cache
def region_masks() -> npt.NDArray[np.bool_]:
    """``(7, SIDE, SIDE)``: the regions in the order of ``REGIONS``."""
    near = np.arange(SIDE)
    (first, last) = (near < CORNER, near >= SIDE - CORNER)
    corners = [rows[:, None] & columns for rows in (first, last) for columns in (first, last)]
    edge = (near < BORDER) | (near >= SIDE - BORDER)
    middle = (near >= CENTRE) & (near < SIDE - CENTRE)
    masks = np.stack([np.any(corners, axis=0), edge[:, None] | edge, middle[:, None] & middle, *corners])
    masks.flags.writeable = False
    return masks


def evidence_on_photo(
    map_: Array, geometry: Geometry, sample_grid: SampleGrid | None, units: str
) -> tuple[Array, npt.NDArray[np.bool_]] | None:
    """Where the evidence for a class lies: ``(SIDE, SIDE)`` over the whole photo, its sum 1; and which cells the network saw.

    Only what speaks for the class counts (values above 0), and every photo as much as any other, however strong its map.
    None where nothing speaks for it.
    """
    on_photo = map_on_photo(drawable(map_, units), geometry.at_size((SIDE, SIDE)), sample_grid=sample_grid)
    seen = ~np.isnan(on_photo)
    evidence = np.where(np.isfinite(on_photo), np.maximum(on_photo, 0), 0)
    total = float(evidence.sum(dtype=np.float64))
    return (evidence / np.float32(total), seen) if total > 0 else None


def shares(evidence: Array, seen: npt.NDArray[np.bool_]) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Of each region the share of the evidence, and the share of the area that the network saw."""
    masks = region_masks().reshape(len(REGIONS), -1).astype(np.float64)
    flat = seen.reshape(-1).astype(np.float64)
    return masks @ evidence.reshape(-1).astype(np.float64), masks @ flat / max(1.0, float(flat.sum()))


def overlap(evidence: Array, mean: npt.NDArray[np.float64]) -> float:
    """How much of the evidence lies where the mean has it, too: 1 for equal maps, 0 for maps without a common place."""
    return float(np.minimum(evidence, mean).sum())
