"""What is done to which photo to try a candidate, as data: the cue put on other photos, taken away from its own, and controls.

Each is one pass of the network: a photo of the run and an edit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seewhy.audit.candidates import Candidate, cells_of
from seewhy.audit.photos import SIDE, AuditedPhoto
from seewhy.edits import Box, Edit, Inpaint, Paste

CUE = "cue"  # put on another photo
FILLED, REPLACED = "filled", "replaced"  # two ways of taking it away: from its edges, and by another class's photo
FILLS = (FILLED, REPLACED)
# Kinds of controls of a cue on another photo: the same donor's other places, a third class's photo, its pixels in another order,
# nothing but the place covered. Of a cue taken away: another place.
ELSEWHERE, THIRD, SHUFFLED, COVERED, OTHER_PLACE = "elsewhere", "third", "shuffled", "covered", "other place"
_OTHER_PLACES = 2  # controls of each kind
_THIRDS = 2
_SHUFFLES = 2


@dataclass(frozen=True)
class AuditTrial:
    """candidate : its number. role : CUE, FILLED or REPLACED. control : the kind of control; empty for the cue itself.
    photo : the place of the photo among those that this candidate is tried on. donor : the place of the photo that the cue comes
    from, or is taken from: what has one donor is one outcome."""

    candidate: int
    role: str
    photo: int
    path: str
    number: int
    edit: Edit
    donor: int
    control: str = ""


def put_on(
    number: int,
    candidate: Candidate,
    donors: Sequence[AuditedPhoto],
    recipients: Sequence[AuditedPhoto],
    thirds: Sequence[AuditedPhoto],
    salient: Sequence[Box],
) -> Iterator[AuditTrial]:
    """The cue of a donor on each recipient, at its own place; and in its place what is as large: parts of the same donor from
    elsewhere, the same place of a third class's photos, the cue's own pixels in another order, and what its edges give.

    thirds : photos of other classes than the candidate's. salient : boxes of the cue's size, the class's strongest elsewhere.
    """
    box = candidate.box
    for place, recipient in enumerate(recipients):
        donor = donors[place % len(donors)]
        others = [third for third in thirds if third.number != recipient.number]
        foreign = [third for third in others if third.label != recipient.label]  # of two classes there is no third
        start = place * _THIRDS
        controls: list[tuple[str, Edit]] = [
            (ELSEWHERE, Paste(source=donor.path, box=box, source_box=elsewhere)) for elsewhere in salient[:_OTHER_PLACES]
        ]
        controls += [
            (THIRD, Paste(source=third.path, box=box))
            for third in dict.fromkeys(foreign[(start + n) % len(foreign)] for n in range(_THIRDS) if foreign)
        ]
        controls += [(SHUFFLED, Paste(source=donor.path, box=box, shuffle=seed)) for seed in range(_SHUFFLES)]
        controls.append((COVERED, Inpaint(box=box)))
        own = place % len(donors)
        yield AuditTrial(number, CUE, place, recipient.path, recipient.number, Paste(source=donor.path, box=box), own)
        for kind, control in controls:
            yield AuditTrial(number, CUE, place, recipient.path, recipient.number, control, own, kind)


def taken_away(
    number: int, candidate: Candidate, carriers: Sequence[AuditedPhoto], thirds: Sequence[AuditedPhoto]
) -> Iterator[AuditTrial]:
    """The cue taken away from photos of its class in two ways, and in the same ways what lies as far from the centre."""
    boxes = [candidate.box, *mirrored(candidate.box)]
    for place, carrier in enumerate(carriers):
        for box in boxes:
            control = "" if box is candidate.box else OTHER_PLACE
            yield AuditTrial(number, FILLED, place, carrier.path, carrier.number, Inpaint(box=box), place, control)
            if thirds:
                third = thirds[place % len(thirds)]
                replaced = Paste(source=third.path, box=box)
                yield AuditTrial(number, REPLACED, place, carrier.path, carrier.number, replaced, place, control)


def mirrored(box: Box) -> list[Box]:
    """The box on the other sides of the photo, where it does not meet itself."""
    (top, left, bottom, right) = box
    (upside, sideways) = ((1 - bottom, 1 - top), (1 - right, 1 - left))
    boxes = [(upside[0], left, upside[1], right), (top, sideways[0], bottom, sideways[1])]
    boxes.append((upside[0], sideways[0], upside[1], sideways[1]))
    apart: list[Box] = []
    for other in boxes:
        if not any(_meet(other, one) for one in (box, *apart)):
            apart.append(other)
    return apart


def _meet(one: Box, other: Box) -> bool:
    tiny = 1e-9
    return one[0] < other[2] - tiny and other[0] < one[2] - tiny and one[1] < other[3] - tiny and other[1] < one[3] - tiny


def salient_boxes(box: Box, mean_map: npt.NDArray[np.float64] | None, most: int = _OTHER_PLACES) -> list[Box]:
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
        one = (top / SIDE, left / SIDE, (top + height) / SIDE, (left + width) / SIDE)
        if not any(_meet(one, other) for other in taken):
            taken.append(one)
            if len(taken) > most:
                break
    return taken[1:]
