"""What might be a shortcut of a class: a place of the photo, and what recurs there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seewhy.audit.photos import SIDE, AuditedPhoto, small_stack
from seewhy.edits import Box

# Why a place is a candidate: the same pixels stand there; maps point there; nothing else is known of the class.
RECURRING, EVIDENCE, CORNER = "recurring", "evidence", "corner"
LEAST_SHARE = 0.10  # of a class's photos that carry a cue ...
LEAST_LIFT = 3.0  # ... and how many times as often as others
_LEAST_CONSTANT = 0.7  # of a box that a cue fills; a round one fills 0.79
ALIKE = 0.9  # correlation of two patches that show the same
FLAT = 0.03  # standard deviation of a patch, as a share of white, below which it shows nothing
# Mean difference of two patches, as a share of white: of the same pixels, saved as a small JPEG, it is 0.01 to 0.02; of dark
# furs before the same grass 0.03 to 0.08.
SAME = 0.03
SIMILAR = 0.15  # a light and a dark sky correlate, too; a window may show some of what lies behind a cue

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Candidate:
    """A box of the photos of one class. why : RECURRING, EVIDENCE or CORNER. template : ``(h, w, 3)``, what mostly stands there
    on the discovery half, in the photo's reduced size. mask : ``(h, w)``, what of it stays the same; the rest lies behind it."""

    class_index: int
    why: str
    box: Box
    template: Floats
    mask: npt.NDArray[np.bool_]

    @property
    def is_constant(self) -> bool:
        """True where the same pixels make up the place: what is around them in its box cannot be what turns an answer."""
        return self.why == RECURRING and float(self.mask.mean()) >= _LEAST_CONSTANT

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        """The photos that show the template at this place."""
        patches = patches_at(small_stack(photos), self.box)
        return [photo for photo, alike in zip(photos, resembles(patches, self.template, SAME, self.mask), strict=True) if alike]

    def share_of(self, photos: Sequence[AuditedPhoto]) -> float:
        """The share of the photos that carry it; 0 of none."""
        return len(self.carriers(photos)) / len(photos) if photos else 0.0


def patches_at(pictures: Floats, box: Box) -> Floats:
    """``(n, h, w, 3)`` of reduced photos."""
    (rows, columns) = cells_of(box)
    patches: Floats = pictures[:, rows, columns]
    return patches


def cells_of(box: Box) -> tuple[slice, slice]:
    """The rows and columns of a reduced photo."""
    (top, left, bottom, right) = (round(SIDE * side) for side in box)
    return slice(top, max(bottom, top + 1)), slice(left, max(right, left + 1))


def box_of(rows: slice, columns: slice) -> Box:
    """The other way round."""
    return (rows.start / SIDE, columns.start / SIDE, rows.stop / SIDE, columns.stop / SIDE)


def resembles(
    patches: Floats, template: Floats, apart: float, mask: npt.NDArray[np.bool_] | None = None
) -> npt.NDArray[np.bool_]:
    """Which of ``(n, h, w, 3)`` patches show what the template shows, where the mask is True. apart : their mean difference, at
    most."""
    if not len(patches):
        return np.zeros(0, bool)
    if mask is not None:
        (patches, template) = (patches[:, mask], template[mask])
    (vectors, vector) = (patches.reshape(len(patches), -1), template.reshape(1, -1))
    correlations = normalised(vectors) @ normalised(vector)[0]
    alike: npt.NDArray[np.bool_] = (correlations > ALIKE) & (np.abs(vectors - vector).mean(axis=1) < apart)
    return alike


def normalised(vectors: Floats) -> Floats:
    """Rows without their mean, of length 1; what is flat becomes 0 and is like nothing."""
    centred = vectors - vectors.mean(axis=1, keepdims=True)
    spread = centred.std(axis=1, keepdims=True)
    unit: Floats = np.where(spread > FLAT, centred / np.maximum(spread, 1e-6), 0) / np.float32(vectors.shape[1] ** 0.5)
    return unit
