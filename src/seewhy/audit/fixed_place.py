"""Candidates of a fixed place: where the photos of a class show the same pixels, and where their maps are brightest.

Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from seewhy.audit.boxes import area, box_of, cells_of, mirrored, salient_boxes, with_rim
from seewhy.audit.boxes import in_words as box_in_words
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, Candidate, CueChange
from seewhy.audit.kinds import (
    CORNER,
    COVERED,
    CUE,
    ELSEWHERE,
    EVIDENCE,
    FILLED,
    OTHER_PLACE,
    RECURRING,
    REPLACED,
    SHUFFLED,
    THIRD,
)
from seewhy.audit.photos import SIDE, AuditedPhoto, small_stack
from seewhy.audit.sharing import set_apart, share_elsewhere
from seewhy.edits import Box, Inpaint, Paste

Floats = npt.NDArray[np.float32]
Map = npt.NDArray[np.float64]

_WINDOW, _STEP = 8, 4  # of a reduced photo
_MOST = 3  # places of a class, by what recurs
_LEAST_PARTNERS = 2  # photos that show the same as one
_CONSTANT = 0.06  # standard deviation over the photos that carry a cue, as a share of white ...
_STEADIER = 0.5  # ... and of what the class's photos have on the average
_MOST_AREA = 0.25  # of the photo: laying more than that on another one shows little
_MOST_CELLS = 28  # rows and columns of a place that maps point at
_LEAST_CELLS = 12  # of a cue; less shows nothing
_CORNER = 0.25  # of the photo's sides
_BRIGHTEST = 0.05  # of the photo's area, by maps
_OTHERS = 2  # controls of a kind
_LEAST_CONSTANT = 0.7  # of a box that a cue fills; a round one fills 0.79
ALIKE = 0.9  # correlation of two patches that show the same
FLAT = 0.03  # standard deviation of a patch, as a share of white, below which it shows nothing
# Mean difference of two patches, as a share of white: of the same pixels, saved as a small JPEG, it is 0.01 to 0.02; of dark
# furs before the same grass 0.03 to 0.08.
SAME = 0.03
SIMILAR = 0.15  # a light and a dark sky correlate, too; a window may show some of what lies behind a cue


@dataclass(frozen=True, eq=False)
class FixedPlace(Candidate):
    """A box of the photos of one class. why : RECURRING, EVIDENCE or CORNER. place : the box. template : ``(h, w, 3)``, what
    mostly stands there on the discovery half, in the photo's reduced size. mask : ``(h, w)``, what of it stays the same; the rest
    lies behind it. salient : boxes of its size with the most evidence elsewhere."""

    place: Box
    template: Floats
    mask: npt.NDArray[np.bool_]
    salient: list[Box]

    @property
    def box(self) -> Box:
        return self.place

    @property
    def is_overlay(self) -> bool:
        return self.why == RECURRING and float(self.mask.mean()) >= _LEAST_CONSTANT

    @property
    def words(self) -> str:
        what = "the same pixels" if self.is_overlay else "what lies"
        return f"{what} {box_in_words(self.place)}"

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        if self.why != RECURRING:  # each photo of the class has its own there
            return [photo for photo in photos if photo.label == self.class_index]
        patches = patches_at(small_stack(photos), self.place)
        return [photo for photo, alike in zip(photos, resembles(patches, self.template, SAME, self.mask), strict=True) if alike]

    def put_on(self, recipient: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        (donor, box) = (self.donor(place).path, self.place)
        changes = [CueChange(CUE, Paste(source=donor, box=box))]
        changes += [CueChange(CUE, Paste(source=donor, box=box, source_box=other), ELSEWHERE) for other in self.salient]
        changes += [CueChange(CUE, Paste(source=third.path, box=box), THIRD) for third in taking_turns(thirds, place, _OTHERS)]
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


def patches_at(pictures: Floats, box: Box) -> Floats:
    """``(n, h, w, 3)`` of reduced photos."""
    (rows, columns) = cells_of(box)
    patches: Floats = pictures[:, rows, columns]
    return patches


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


def recurring_places(
    class_index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto], mean_map: Map | None = None
) -> list[FixedPlace]:
    """Where at least a tenth of a class's photos show the same, three times as often as the others; the most frequent first.

    A window is compared between all pairs of photos, so that a cue in part of them is seen, too. own, others : the discovery
    halves of the class and of all others. mean_map : of the class, for the controls.
    """
    (own_pictures, other_pictures) = (small_stack(own), small_stack(others))
    starts = range(0, SIDE - _WINDOW + 1, _STEP)
    windows = [(top, left) for top in starts for left in starts]
    labels = [photo.label for photo in others]
    shares = [_recurring_share(_at(own_pictures, *window), _at(other_pictures, *window), labels) for window in windows]
    candidates: list[FixedPlace] = []
    for place in np.argsort(-np.round(shares, 2), kind="stable"):
        if shares[place] < LEAST_SHARE or len(candidates) == _MOST:
            break
        window = windows[int(place)]
        if any(_covers(candidate.box, *window) for candidate in candidates):
            continue
        grown = _grown(class_index, own, own_pictures, window, mean_map)
        candidate = None if grown is None else set_apart(grown, own, others)
        if candidate is None:
            continue
        share = candidate.share_of(own)  # a window may have shown a part alone
        if (
            area(candidate.box) <= _MOST_AREA
            and share >= max(_LEAST_PARTNERS / len(own), LEAST_SHARE)
            and not _stands_in(candidate, candidates)
        ):
            candidates.append(candidate)
    return candidates


def _at(pictures: Floats, top: int, left: int) -> Floats:
    window: Floats = pictures[:, top : top + _WINDOW, left : left + _WINDOW]
    return window


def _covers(box: Box, top: int, left: int) -> bool:
    """True for a box that has the middle of a window in it."""
    (rows, columns) = cells_of(box)
    middle = _WINDOW // 2
    in_rows: bool = rows.start - middle <= top + middle < rows.stop + middle
    return in_rows and bool(columns.start - middle <= left + middle < columns.stop + middle)


def _stands_in(candidate: FixedPlace, candidates: Sequence[FixedPlace]) -> bool:
    """True where one of them has grown to the same place from another window."""
    (rows, columns) = cells_of(candidate.box)
    window = ((rows.start + rows.stop - _WINDOW) // 2, (columns.start + columns.stop - _WINDOW) // 2)
    return any(_covers(other.box, *window) for other in candidates)


def _recurring_share(own: Floats, others: Floats, labels: Sequence[int]) -> float:
    """Of the windows ``(n, h, w, 3)`` of a class the share that shows what others of them show; 0 where that is not its own.
    labels : of the others."""
    alike = _alike(own)
    partners = alike.sum(axis=1)
    central = int(partners.argmax())
    if partners[central] < max(_LEAST_PARTNERS, LEAST_SHARE * len(own) - 1):
        return 0.0
    template = _template(own)
    share = float(resembles(own, template, SIMILAR).mean())
    elsewhere = share_elsewhere(resembles(others, template, SIMILAR), labels)
    return share if share >= LEAST_LIFT * elsewhere else 0.0


def _alike(windows: Floats) -> npt.NDArray[np.bool_]:
    """Which pairs show the same; none is its own partner."""
    unit = normalised(windows.reshape(len(windows), -1))
    alike: npt.NDArray[np.bool_] = unit @ unit.T > ALIKE
    np.fill_diagonal(alike, False)
    return alike


def _template(windows: Floats) -> Floats:
    """What most of the windows show: the median of the one with the most partners, and of these."""
    alike = _alike(windows)
    central = int(alike.sum(axis=1).argmax())
    template: Floats = np.median(windows[alike[central] | (np.arange(len(windows)) == central)], axis=0)
    return template


def _sharpest(own: Floats, top: int, left: int) -> tuple[int, int]:
    """Where next to a window the most photos show the same: there it has the least of what lies behind a cue."""
    near = [
        (row, column)
        for row in range(max(0, top - _STEP), min(SIDE - _WINDOW, top + _STEP) + 1)
        for column in range(max(0, left - _STEP), min(SIDE - _WINDOW, left + _STEP) + 1)
    ]

    def likeness(window: tuple[int, int]) -> float:
        windows = _at(own, *window)
        unit = normalised(np.concatenate([windows, _template(windows)[None]]).reshape(len(windows) + 1, -1))
        correlations = unit[:-1] @ unit[-1]
        return float(correlations[correlations > ALIKE].sum())

    return max(near, key=likeness)


def _grown(
    class_index: int, own: Sequence[AuditedPhoto], pictures: Floats, window: tuple[int, int], mean_map: Map | None
) -> FixedPlace | None:
    """The cue that a window shows a part of: all that stays the same around it where the photos show what the window shows. None
    where none of them shows it where it is sharpest."""
    from scipy.ndimage import find_objects, label

    (top, left) = _sharpest(pictures, *window)
    windows = _at(pictures, top, left)
    carriers = pictures[resembles(windows, _template(windows), SIMILAR)]
    if not len(carriers):
        return None
    spread = carriers.std(axis=0).mean(axis=2)
    constant = (spread < _CONSTANT) & (spread < _STEADIER * pictures.std(axis=0).mean(axis=2).mean())
    (regions, _) = label(constant)
    inside = regions[top : top + _WINDOW, left : left + _WINDOW]
    counts = np.bincount(inside[inside > 0]) if (inside > 0).any() else np.zeros(0)
    if not len(counts) or counts.max() < _LEAST_CELLS:
        (rows, columns) = (slice(top, top + _WINDOW), slice(left, left + _WINDOW))
        mask = np.ones((_WINDOW, _WINDOW), bool)
    else:
        region = int(counts.argmax())
        (rows, columns) = find_objects(regions)[region - 1]
        mask = regions[rows, columns] == region
    median = np.median(carriers[:, rows, columns], axis=0).astype(np.float32)
    box = box_of(rows, columns)
    salient = salient_boxes(box, mean_map, _OTHERS)
    candidate = FixedPlace(class_index, RECURRING, list(own), box, median, mask, salient)
    return replace(candidate, donors=candidate.carriers(own) or list(own))


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
    template = np.median(patches_at(small_stack(own), box), axis=0).astype(np.float32)
    mask = np.ones(template.shape[:2], bool)
    return FixedPlace(class_index, why, list(own), box, template, mask, salient_boxes(box, mean_map, _OTHERS))
