"""Which slices of a volume are shown, and what lies on them."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seewhy.explanation.record import ExplanationRecord
from seewhy.geometry import Array, SampleGrid, at_slices
from seewhy.records import Photo

ALIKE = 0.99  # of the largest value of a map: slices that reach it are as strong
MOST = 11  # slices of one map: with one of them without map three rows of four


@dataclass(frozen=True, eq=False)
class Slices:
    """Slices of one map.

    numbers : of the slices, counted from 0. strongest : which of ``numbers`` holds the map's largest absolute value, to 1 %.
    maps : ``(n, h, w)``, the map at these slices, on its own rows and columns. sample_grid : where these lie on a slice.
    """

    numbers: list[int]
    strongest: int
    maps: Array
    sample_grid: SampleGrid | None


def slices_of_map(explanation: ExplanationRecord, number: int, upsample: str = "bicubic", most: int = MOST) -> Slices:
    """The slices to show of a volume's map: evenly spread along its depth, the strongest one among them."""
    depth = explanation.photo.depth
    assert depth is not None
    grid = explanation.volume_grid
    everywhere = at_slices(explanation.maps[number], depth, np.arange(depth), upsample, grid)  # (D, h, w)
    strengths = np.abs(everywhere)
    heights = strengths.max(axis=(1, 2))
    # Enlarging cuts peaks off, so that neighbours are as high: among them the one with most around its peak. Of an empty map
    # the middle one.
    highest = heights >= ALIKE * heights.max()
    strongest = int(np.where(highest, strengths.mean(axis=(1, 2)), -1).argmax()) if np.ptp(heights) else depth // 2
    numbers = chosen_slices(depth, strongest, most)
    return Slices(numbers, numbers.index(strongest), everywhere[numbers], None if grid is None else grid.in_plane)


def chosen_slices(depth: int, strongest: int, most: int = MOST) -> list[int]:
    """At most so many of ``depth`` slices, from 0: the middles of equal parts, the nearest of them moved to the strongest one."""
    count = min(depth, most)
    numbers = ((np.arange(count) + 0.5) * depth / count).astype(int)
    numbers[np.abs(numbers - strongest).argmin()] = strongest
    return [int(number) for number in numbers]


def slice_of_photo(photo: Photo, number: int) -> Photo:
    """One slice of a volume as a photo."""
    return replace(photo, original=photo.original[number], pixels=photo.pixels[:, number])
