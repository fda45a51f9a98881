"""Candidates along the edges of the photos: the same border on some of them, and whatever lies there.

Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from seewhy.audit.boxes import area
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, Candidate, CueChange
from seewhy.audit.fixed_place import taking_turns
from seewhy.audit.kinds import BORDER, COVERED, CUE, OTHER_PLACE, REPLACED, RING, SURROUNDINGS, THIRD
from seewhy.audit.photos import SIDE, AuditedPhoto, small_stack
from seewhy.audit.sharing import set_apart, share_elsewhere
from seewhy.edits import Box, Ring

Floats = npt.NDArray[np.float32]

_WIDTH = 0.15  # of the outer ring
_THIRDS = 2  # controls of that kind
_LEAST_CARRIERS = 3
# Mean difference along the outermost cells, as a share of white: of one border on two photos 0.01, of two scenes 0.1 and more.
_SAME = 0.03
_MOST_CELLS = 9  # of a border's width; of a wider one the outer part is tried


@dataclass(frozen=True, eq=False)
class OuterRing(Candidate):
    """What lies along the edges of the photos of a class: each has its own. width : as a share of each side."""

    width: float = _WIDTH

    @property
    def kind(self) -> str:
        return SURROUNDINGS

    @property
    def words(self) -> str:
        return "the outer ring of the photo"

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        return [photo for photo in photos if photo.label == self.class_index]

    def surrounds(self, box: Box) -> bool:
        """At least half of the place lies in it."""
        (top, left, bottom, right) = (max(self.width, side) for side in box)
        (height, across) = (min(1 - self.width, bottom) - top, min(1 - self.width, right) - left)
        return max(0.0, height) * max(0.0, across) <= area(box) / 2

    def put_on(self, recipient: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        changes = [CueChange(CUE, Ring(source=self.donor(place).path, width=self.width))]
        for third in taking_turns(thirds, place, _THIRDS):
            changes.append(CueChange(CUE, Ring(source=third.path, width=self.width), THIRD))
        return [*changes, CueChange(CUE, Ring(source=None, width=self.width), COVERED)]

    def taken_away(self, carrier: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        changes = [CueChange(REPLACED, Ring(source=third.path, width=self.width)) for third in taking_turns(thirds, place, 1)]
        return changes and [*changes, CueChange(REPLACED, Ring(source=self.donor(place).path, width=self.width), OTHER_PLACE)]


@dataclass(frozen=True, eq=False)
class Border(OuterRing):
    """The same border on the photos that carry it. template : ``(m, 3)``, the outermost cells of the reduced photos."""

    template: Floats = field(kw_only=True)

    @property
    def words(self) -> str:
        return "the same border around the photo"

    def surrounds(self, box: Box) -> bool:
        """Never: it is the same in all of its photos, and says what it is."""
        return False

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        distances = _distances(outermost(small_stack(photos)), self.template)
        return [photo for photo, distance in zip(photos, distances, strict=True) if distance < _SAME]


def ring_candidates(class_index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto]) -> list[OuterRing]:
    """The same border, where some photos of the class have one and others have not, and the outer ring, which is always one."""
    if not own:
        return []
    border = _border(class_index, own, others)
    return [*([] if border is None else [border]), OuterRing(class_index, RING, list(own))]


def outermost(pictures: Floats) -> Floats:
    """``(n, m, 3)``: the cells along the edges of ``(n, SIDE, SIDE, 3)``."""
    cells: Floats = pictures[:, _depth() == 0]
    return cells


def _depth() -> npt.NDArray[np.int64]:
    """How many cells lie between each cell and the nearest edge, ``(SIDE, SIDE)``."""
    ends = np.minimum(np.arange(SIDE), SIDE - 1 - np.arange(SIDE))
    return np.minimum(ends[:, None], ends[None, :])


def _distances(cells: Floats, template: Floats) -> Floats:
    distances: Floats = np.abs(cells - template).mean(axis=(1, 2))
    return distances


def _border(class_index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto]) -> Border | None:
    (own_pictures, other_pictures) = (small_stack(own), small_stack(others))
    cells = outermost(own_pictures)
    alike = np.stack([_distances(cells, one) < _SAME for one in cells])
    carried = alike[int(alike.sum(axis=1).argmax())]
    carried = _distances(cells, np.median(cells[carried], axis=0)) < _SAME
    least = max(_LEAST_CARRIERS, LEAST_SHARE * len(own))
    if carried.sum() < least:
        return None
    template: Floats = np.median(cells[carried], axis=0)
    elsewhere = share_elsewhere(_distances(outermost(other_pictures), template) < _SAME, [photo.label for photo in others])
    if carried.mean() < LEAST_LIFT * elsewhere:
        return None
    spread = np.abs(own_pictures[carried] - np.median(own_pictures[carried], axis=0)).mean(axis=(0, 3))
    depth = _depth()
    layers = 1
    while layers < _MOST_CELLS and spread[depth == layers].mean() < _SAME:
        layers += 1
    # One cell more: it shows the border and what lies behind it, mixed.
    border = Border(class_index, BORDER, list(own), width=(layers + 1) / SIDE, template=template)
    donors = border.carriers(own)
    return set_apart(replace(border, donors=donors), own, others) if len(donors) >= least else None
