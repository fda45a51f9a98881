"""Candidates of a known place and content."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from reduced_photos import COLUMNS, ROWS, STAMP, noise, photos, stamped

from seewhy.audit.boxes import box_of
from seewhy.audit.fixed_place import FixedPlace
from seewhy.audit.kinds import RECURRING
from seewhy.audit.photos import AuditedPhoto
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
    template = (STAMP / 255).astype(np.float32)
    mask = np.ones(template.shape[:2], bool) if constant else np.eye(*template.shape[:2], dtype=bool)
    own = list(donors) or photos([stamped(noise(500))], first=500)
    return FixedPlace(class_index, why, own, STAMP_BOX, template, mask, list(salient))
