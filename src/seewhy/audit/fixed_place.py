"""Candidates of a fixed place: where the photos of a class show the same pixels, and where their maps are brightest.

Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from seewhy.audit.candidates import (
    ALIKE,
    CORNER,
    EVIDENCE,
    LEAST_LIFT,
    LEAST_SHARE,
    RECURRING,
    SIMILAR,
    Candidate,
    Floats,
    box_of,
    cells_of,
    normalised,
    patches_at,
    resembles,
)
from seewhy.audit.photos import SIDE, AuditedPhoto, small_stack
from seewhy.edits import Box

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


def recurring_places(class_index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto]) -> list[Candidate]:
    """Where at least a tenth of a class's photos show the same, three times as often as the others; the most frequent first.

    A window is compared between all pairs of photos, so that a cue in part of them is seen, too. own, others : the discovery
    halves of the class and of all others.
    """
    (own_pictures, other_pictures) = (small_stack(own), small_stack(others))
    starts = range(0, SIDE - _WINDOW + 1, _STEP)
    windows = [(top, left) for top in starts for left in starts]
    shares = [_recurring_share(_at(own_pictures, *window), _at(other_pictures, *window)) for window in windows]
    candidates: list[Candidate] = []
    for place in np.argsort(-np.round(shares, 2), kind="stable"):
        if shares[place] < LEAST_SHARE or len(candidates) == _MOST:
            break
        window = windows[int(place)]
        if any(_covers(candidate.box, *window) for candidate in candidates):
            continue
        candidate = _grown(class_index, own_pictures, *window)
        (share, elsewhere) = (candidate.share_of(own), candidate.share_of(others))  # a window may have shown a part alone
        if (
            _area(candidate.box) <= _MOST_AREA
            and share >= max(_LEAST_PARTNERS / len(own), LEAST_SHARE)
            and share >= LEAST_LIFT * elsewhere
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


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _stands_in(candidate: Candidate, candidates: Sequence[Candidate]) -> bool:
    """True where one of them has grown to the same place from another window."""
    (rows, columns) = cells_of(candidate.box)
    window = ((rows.start + rows.stop - _WINDOW) // 2, (columns.start + columns.stop - _WINDOW) // 2)
    return any(_covers(other.box, *window) for other in candidates)


def _recurring_share(own: Floats, others: Floats) -> float:
    """Of the windows ``(n, h, w, 3)`` of a class the share that shows what others of them show; 0 where that is not its own."""
    alike = _alike(own)
    partners = alike.sum(axis=1)
    central = int(partners.argmax())
    if partners[central] < max(_LEAST_PARTNERS, LEAST_SHARE * len(own) - 1):
        return 0.0
    template = _template(own)
    share = float(resembles(own, template, SIMILAR).mean())
    elsewhere = float(resembles(others, template, SIMILAR).mean()) if len(others) else 0.0
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


def _grown(class_index: int, own: Floats, top: int, left: int) -> Candidate:
    """The cue that a window shows a part of: all that stays the same around it where the photos show what the window shows."""
    from scipy.ndimage import find_objects, label

    (top, left) = _sharpest(own, top, left)
    windows = _at(own, top, left)
    carriers = own[resembles(windows, _template(windows), SIMILAR)]
    spread = carriers.std(axis=0).mean(axis=2)
    constant = (spread < _CONSTANT) & (spread < _STEADIER * own.std(axis=0).mean(axis=2).mean())
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
    return Candidate(class_index, RECURRING, box_of(rows, columns), median, mask)


def brightest_place(class_index: int, mean_map: npt.NDArray[np.float64], own: Sequence[AuditedPhoto]) -> Candidate | None:
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
    return _at_box(class_index, EVIDENCE, box, own)


def _around(cells: slice, peak: int) -> slice:
    """Rows or columns, those near the peak where they are too many: of a map without a shape, or nearly all of the photo."""
    if cells.stop - cells.start <= _MOST_CELLS:
        return cells
    start = min(max(0, peak - _MOST_CELLS // 2), SIDE - _MOST_CELLS)
    return slice(start, start + _MOST_CELLS)


def corners(class_index: int, own: Sequence[AuditedPhoto]) -> list[Candidate]:
    """For a network without maps, where nothing recurs: logos and stamps lie in corners."""
    (near, far) = ((0.0, _CORNER), (1 - _CORNER, 1.0))
    boxes = [(top, left, bottom, right) for (top, bottom) in (near, far) for (left, right) in (near, far)]
    return [_at_box(class_index, CORNER, box, own) for box in boxes]


def _at_box(class_index: int, why: str, box: Box, own: Sequence[AuditedPhoto]) -> Candidate:
    template = np.median(patches_at(small_stack(own), box), axis=0).astype(np.float32)
    return Candidate(class_index, why, box, template, np.ones(template.shape[:2], bool))
