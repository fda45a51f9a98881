"""A candidate of no fixed place: the same pixels, somewhere else in each photo of a class."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seewhy.audit.boxes import overlap, salient_boxes
from seewhy.audit.candidates import OVERLAY_CARRIERS, OVERLAY_FILLED, Candidate, CueChange
from seewhy.audit.fixed_place import taking_turns
from seewhy.audit.kinds import COVERED, CUE, ELSEWHERE, FILLED, OTHER_PLACE, REPLACED, SHUFFLED, THIRD
from seewhy.audit.matching import CELLS, Floats, Matches, best_matches, least_score, pictures_of
from seewhy.audit.photos import AuditedPhoto
from seewhy.edits import Box, Edit, Inpaint, Paste

_RIM = 1  # cells around a match: they show the cue and what lies behind it, mixed
_OVERLAY_CONCORDANCE, _OF_FEW_CELLS = 0.79, 1.25  # without the edges, and more the fewer cells there are, see is_overlay
_OVERLAY_EDGE = 0.15  # translucent marks of opacity 0.45 reach 0.18 and more
_OTHERS_OF_A_KIND = 2  # controls
_STRIDES = (
    0.7548776662466927,
    0.5698402909980532,
)  # points that fill a square evenly: the powers of the plastic number's inverse


@dataclass(frozen=True)
class FoundPlace:
    """score : concordance of the best place. box : of that place, a rim around it."""

    score: float
    box: Box


@dataclass(frozen=True, eq=False)
class FreePlace(Candidate):
    """template : ``(3, h, w)``, the details that the carriers show. mask : ``(h, w)``, its cells that are the same in all.
    concordance : of the donors without the cue's edges, their median. edge : by how much more they differ right outside the cue
    than inside, as a share of what they differ anywhere. evidence : maps of the class ``(SIDE, SIDE)``, by number.
    """

    template: Floats
    mask: npt.NDArray[np.bool_]
    concordance: float
    edge: float
    evidence: Mapping[int, npt.NDArray[np.floating]] = field(repr=False)
    _matches: dict[int, FoundPlace] = field(default_factory=dict, repr=False)

    @property
    def is_overlay(self) -> bool:
        least = _OVERLAY_CONCORDANCE + _OF_FEW_CELLS / np.sqrt(self.mask.sum())  # parts of 60 cells reach 0.93, of 160 cells 0.86
        alike = bool(self.concordance >= least) and self.edge >= _OVERLAY_EDGE
        return alike and len(self.donors) >= OVERLAY_CARRIERS and bool(self.mask.mean() >= OVERLAY_FILLED)

    @property
    def words(self) -> str:
        return "the same pixels at no fixed place"

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        return [photo for photo, match in zip(photos, self.matches(photos), strict=True) if match.score >= least_score(self.mask)]

    def box_in(self, photo: AuditedPhoto) -> Box | None:
        match = self.matches([photo])[0]
        return match.box if match.score >= least_score(self.mask) else None

    def matches(self, photos: Sequence[AuditedPhoto]) -> list[FoundPlace]:
        """The best place in each photo, whether it carries the cue or not; each photo is searched once."""
        new = list({photo.number: photo for photo in photos if photo.number not in self._matches}.values())
        if new:
            best = best_matches(pictures_of(new), self.template[None], self.mask)
            found = matches_of(best, (self.mask.shape[0], self.mask.shape[1]))
            self._matches.update(zip((photo.number for photo in new), found, strict=True))
        return [self._matches[photo.number] for photo in photos]

    def put_on(self, recipient: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        donor = self.donor(place)
        own = self.matches([donor])[0].box
        box = _target(own, place)
        edits: list[tuple[str, Edit]] = [("", Paste(source=donor.path, source_box=own, box=box))]
        for other in self._salient(donor, own):
            edits.append((ELSEWHERE, Paste(source=donor.path, source_box=other, box=box)))
        for third in taking_turns(thirds, place, _OTHERS_OF_A_KIND):
            (salient, *_) = [*self._salient(third, box), box]
            edits.append((THIRD, Paste(source=third.path, source_box=salient, box=box)))
        edits.append((COVERED, Inpaint(box=box)))
        edits.append((SHUFFLED, Paste(source=donor.path, source_box=own, box=box, shuffle=0)))
        return [CueChange(CUE, edit, control) for control, edit in edits]

    def taken_away(self, carrier: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        own = self.box_in(carrier)
        if own is None:
            return []
        changes: list[CueChange] = []
        for box in [own, *self._salient(carrier, own)]:
            control = "" if box is own else OTHER_PLACE
            changes.append(CueChange(FILLED, Inpaint(box=box), control))
            changes += [
                CueChange(REPLACED, Paste(source=third.path, box=box), control) for third in taking_turns(thirds, place, 1)
            ]
        return changes

    def _salient(self, photo: AuditedPhoto, box: Box) -> list[Box]:
        """Boxes as large as this one, apart from it: where the class's map is brightest, or else the photo changes most."""
        values = self.evidence.get(photo.number)
        return salient_boxes(box, changes_of(photo) if values is None else np.asarray(values, np.float64), _OTHERS_OF_A_KIND)


def matches_of(found: Matches, size: tuple[int, int]) -> list[FoundPlace]:
    """Of one template in each picture."""
    places = zip(found.scores[0], found.tops[0], found.lefts[0], strict=True)
    return [FoundPlace(float(score), match_box(int(top), int(left), size)) for score, top, left in places]


def match_box(top: int, left: int, size: tuple[int, int]) -> Box:
    """Cells as shares of the photo, with a rim."""
    (bottom, right) = (top + size[0] + _RIM, left + size[1] + _RIM)
    return (max(0, top - _RIM) / CELLS, max(0, left - _RIM) / CELLS, min(CELLS, bottom) / CELLS, min(CELLS, right) / CELLS)


def _target(own: Box, place: int) -> Box:
    """A place of the same size for the recipient at this place of a list; not the donor's own."""
    (height, width) = (own[2] - own[0], own[3] - own[1])
    boxes = (_spread(height, width, place, turn) for turn in range(8))
    return next((box for box in boxes if overlap(own, box) < 0.2), _spread(height, width, place, 0))


def _spread(height: float, width: float, place: int, turn: int) -> Box:
    """Places that cover the photo evenly, one after the other; each turn is another round of them."""
    point = place + 1 + 1000 * turn
    (top, left) = (point * _STRIDES[0] % 1 * (1 - height), point * _STRIDES[1] % 1 * (1 - width))
    return (top, left, min(1.0, top + height), min(1.0, left + width))


def changes_of(photo: AuditedPhoto) -> npt.NDArray[np.float64]:
    """How much a reduced photo changes at each of its cells ``(SIDE, SIDE)``."""
    values = photo.small.astype(np.float64) / 255
    (down, across) = np.gradient(values, axis=(0, 1))
    changes: npt.NDArray[np.float64] = np.sqrt(down**2 + across**2).sum(axis=2)
    return changes
