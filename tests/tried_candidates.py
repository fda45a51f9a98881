"""Candidates of a known place and content."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from reduced_photos import COLUMNS, ROWS, noise, photos, stamped

from seewhy.audit.boxes import box_of
from seewhy.audit.fixed_place import FixedPlace
from seewhy.audit.kinds import RECURRING
from seewhy.audit.matching import CELLS, pictures_of
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.recurring import RecurringPlace
from seewhy.edits import Box

STAMP_BOX = box_of(ROWS, COLUMNS)


def stamp_candidate(
    class_index: int = 0,
    why: str = RECURRING,
    donors: Sequence[AuditedPhoto] = (),
    constant: bool = True,
    salient: Sequence[Box] = (),
) -> FixedPlace:
    """The stamp at its place. constant : False: of its box few pixels stay the same."""
    own = list(donors) or photos([stamped(noise(500))] * 5, first=500)
    if why != RECURRING:
        return FixedPlace(class_index, why, own, STAMP_BOX, list(salient))
    (top, left, bottom, right) = (round(CELLS * side) for side in STAMP_BOX)
    details = pictures_of(photos([stamped(noise(501))])).details[0]
    template = details[:, top + 1 : bottom - 1, left + 1 : right - 1]
    mask = np.ones(template.shape[1:], bool) if constant else np.eye(*template.shape[1:], dtype=bool)
    shown = {"corner": (top + 1, left + 1), "template": template, "mask": mask, "variation": 0.01, "spread": 0.2}
    return RecurringPlace(class_index, why, own, STAMP_BOX, list(salient), **shown)
