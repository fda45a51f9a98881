"""Candidates of a fixed place: where the maps of a class are brightest, and corners; each photo has its own there.

Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seewhy.audit.boxes import box_of, mirrored, salient_boxes, with_rim
from seewhy.audit.boxes import in_words as box_in_words
from seewhy.audit.candidates import Candidate, CueChange
from seewhy.audit.kinds import (
    CORNER,
    COVERED,
    CUE,
    ELSEWHERE,
    EVIDENCE,
    FILLED,
    OTHER_PLACE,
    REPLACED,
    SHUFFLED,
    THIRD,
)
from seewhy.audit.photos import SIDE, AuditedPhoto
from seewhy.edits import Box, Inpaint, Paste

Map = npt.NDArray[np.float64]

OTHERS_OF_A_KIND = 2  # controls
_MOST_CELLS = 28  # rows and columns of a place that maps point at
_CORNER = 0.25  # of the photo's sides
_BRIGHTEST = 0.05  # of the photo's area, by maps


@dataclass(frozen=True, eq=False)
class FixedPlace(Candidate):
    """A box of the photos of one class, in which each has its own. place : the box. salient : boxes of its size with the most
    evidence elsewhere."""

    place: Box
    salient: list[Box]

    @property
    def box(self) -> Box:
        return self.place

    @property
    def words(self) -> str:
        return f"what lies {box_in_words(self.place)}"

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        return [photo for photo in photos if photo.label == self.class_index]

    def put_on(self, recipient: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        (donor, box) = (self.donor(place).path, self.place)
        changes = [CueChange(CUE, Paste(source=donor, box=box))]
        changes += [CueChange(CUE, Paste(source=donor, box=box, source_box=other), ELSEWHERE) for other in self.salient]
        for third in taking_turns(thirds, place, OTHERS_OF_A_KIND):
            changes.append(CueChange(CUE, Paste(source=third.path, box=box), THIRD))
        return [
            *changes,
            CueChange(CUE, Inpaint(box=box), COVERED),
            CueChange(CUE, Paste(source=donor, box=box, shuffle=0), SHUFFLED),
        ]

    def taken_away(self, carrier: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        changes = []
        for box in (self.place, *mirrored(self.place)):
            control = "" if box is self.place else OTHER_PLACE
            changes.append(CueChange(FILLED, Inpaint(box=with_rim(box)), control))
            changes += [
                CueChange(REPLACED, Paste(source=third.path, box=box), control) for third in taking_turns(thirds, place, 1)
            ]
        return changes


def taking_turns(photos: Sequence[AuditedPhoto], place: int, most: int) -> list[AuditedPhoto]:
    """So many of the photos, other ones for each place of a list."""
    start = place * most
    return list(dict.fromkeys(photos[(start + n) % len(photos)] for n in range(most) if photos))


def brightest_place(class_index: int, mean_map: Map, own: Sequence[AuditedPhoto]) -> FixedPlace | None:
    """Where the maps of a class are brightest in the mean: the region around the peak, a twentieth of the photo at most.

    mean_map : ``(SIDE, SIDE)``, of the discovery half. None where nothing speaks for the class.
    """
    from scipy.ndimage import find_objects, label

    if not mean_map.max() > 0:
        return None
    threshold = max(np.quantile(mean_map, 1 - _BRIGHTEST), 0.5 * mean_map.max())
    (regions, _) = label(mean_map >= threshold)
    peak = np.unravel_index(int(mean_map.argmax()), mean_map.shape)
    (rows, columns) = find_objects(regions)[regions[peak] - 1]
    box = box_of(_around(rows, int(peak[0])), _around(columns, int(peak[1])))
    return _at_box(class_index, EVIDENCE, box, own, mean_map)


def _around(cells: slice, peak: int) -> slice:
    """Rows or columns, those near the peak where they are too many: of a map without a shape, or nearly all of the photo."""
    if cells.stop - cells.start <= _MOST_CELLS:
        return cells
    start = min(max(0, peak - _MOST_CELLS // 2), SIDE - _MOST_CELLS)
    return slice(start, start + _MOST_CELLS)


def corners(class_index: int, own: Sequence[AuditedPhoto]) -> list[FixedPlace]:
    """For a network without maps, where nothing recurs: logos and stamps lie in corners."""
    (near, far) = ((0.0, _CORNER), (1 - _CORNER, 1.0))
    boxes = [(top, left, bottom, right) for (top, bottom) in (near, far) for (left, right) in (near, far)]
    return [_at_box(class_index, CORNER, box, own) for box in boxes]


def _at_box(class_index: int, why: str, box: Box, own: Sequence[AuditedPhoto], mean_map: Map | None = None) -> FixedPlace:
    return FixedPlace(class_index, why, list(own), box, salient_boxes(box, mean_map, OTHERS_OF_A_KIND))
