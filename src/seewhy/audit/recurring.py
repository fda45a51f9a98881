"""Candidates of a fixed place that show the same in photos of a class: a logo, a frame's corner, a date whose digits change.

Windows are compared by their details, as in ``moving.py``: what lies behind a translucent mark, and the digits of a date, may
differ. Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from seewhy.audit.boxes import in_words as box_in_words
from seewhy.audit.boxes import meet, salient_boxes
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, MOST_AREA, OVERLAY_CARRIERS, OVERLAY_FILLED
from seewhy.audit.fixed_place import OTHERS_OF_A_KIND, FixedPlace, Map
from seewhy.audit.free_place import match_box
from seewhy.audit.kinds import RECURRING
from seewhy.audit.matching import CELLS, LEAST_CELLS, Floats, Pictures, pictures_of
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.sharing import set_apart, share_elsewhere
from seewhy.edits import Box

_WINDOW, _STEP = 12, 4  # cells of a picture
_MOST = 3  # places of a class, by what recurs
_TRIED = 12  # windows that grow to something
_BESIDE = 6  # cells around a window
_LEAST_PARTNERS = 2  # photos that show the same as one
_ALIKE = 0.6  # concordance of two windows that show the same
_CARRIED = 0.35  # of a photo that carries a cue with what the carriers show there; others stay below 0.3
# Where legs or horizons meet, likeness has all degrees: of the class's photos, and of twice as many others, fewer may have such
# ones than a third of those that carry the cue. As many of the others have them by chance.
_UNCLEAR, _MOST_UNCLEAR, _BY_CHANCE = (0.25, 0.45), 1 / 3, 0.02
_LEAST_APART = 0.2  # by which windows of carriers are more alike than 98 % of the others
_NEARER = (0.3, 0.15, 0.07)  # to what a cue varies than to what is anywhere; where that leads beyond it, nearer
_SMOOTHED = 5  # cells: digits that change fall together
_CONSTANT = 0.06  # standard deviation over the photos that carry a cue, as a share of white ...
_STEADIER = 0.5  # ... and of what the class's photos have on the average
_CONCORDANCE = 0.6  # of each carrier with what the others show, their median: dates reach 0.66, legs and horizons 0.64
_TINY = 1e-6


@dataclass(frozen=True, eq=False)
class RecurringPlace(FixedPlace):
    """A box in which photos of a class show the same.

    corner : row and column of a picture at which what they show begins; the box has a rim around it. template : ``(3, h, w)``,
    its details. mask : ``(h, w)``, what of it stays the same, with holes in that; the rest lies behind it. variation : standard
    deviation over the donors, as a share of white, without its edge. spread : the same of all photos of the class, anywhere.
    """

    corner: tuple[int, int] = field(kw_only=True)
    template: Floats = field(kw_only=True)
    mask: npt.NDArray[np.bool_] = field(kw_only=True)
    variation: float = field(kw_only=True)
    spread: float = field(kw_only=True)
    _scores: dict[int, float] = field(default_factory=dict, repr=False)

    @property
    def is_overlay(self) -> bool:
        is_constant = self.variation < min(_CONSTANT, _STEADIER * self.spread)
        return is_constant and len(self.donors) >= OVERLAY_CARRIERS and float(self.mask.mean()) >= OVERLAY_FILLED

    @property
    def words(self) -> str:
        what = "the same pixels" if self.is_overlay else "what recurs"
        return f"{what} {box_in_words(self.place)}"

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        return [photo for photo, score in zip(photos, self.scores(photos), strict=True) if score >= _CARRIED]

    def scores(self, photos: Sequence[AuditedPhoto]) -> list[float]:
        """The concordance of each photo with what the donors show there; each photo is looked at once."""
        new = list({photo.number: photo for photo in photos if photo.number not in self._scores}.values())
        if new:
            self.look_at(new, pictures_of(new).details)
        return [self._scores[photo.number] for photo in photos]

    def shown(self, details: Floats) -> Floats:
        """``(n, 3, m)``: of details ``(n, 3, CELLS, CELLS)`` the cells that stay the same."""
        (top, left) = self.corner
        cells: Floats = details[:, :, top : top + self.mask.shape[0], left : left + self.mask.shape[1]][:, :, self.mask]
        return cells

    def look_at(self, photos: Sequence[AuditedPhoto], details: Floats) -> None:
        """Their scores are kept. details : of their pictures."""
        scores = concordances(self.shown(details), self.template[:, self.mask])
        self._scores.update(zip((photo.number for photo in photos), map(float, scores), strict=True))


def concordances(windows: Floats, template: Floats) -> Floats:
    """Of each window with a template, 2 · Σ w · t / (Σ w² + Σ t²): 1 for the same details, about 0 for others."""
    (rows, row) = (windows.reshape(len(windows), template.size), template.reshape(-1))
    scores: Floats = 2 * rows @ row / np.maximum((rows**2).sum(axis=1) + (row**2).sum(), _TINY)
    return scores


def recurring_places(
    class_index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto], mean_map: Map | None = None
) -> list[RecurringPlace]:
    """Where at least a tenth of a class's photos show the same, three times as often as the others; the clearest first.

    A window is compared between all pairs of photos, so that a cue in part of them is seen, too. own, others : the discovery
    halves of the class and of all others. mean_map : of the class, for the controls.
    """
    if len(own) <= _LEAST_PARTNERS:  # nothing can have as many
        return []
    search = _FixedSearch(class_index, own, others, pictures_of(own), pictures_of(others), mean_map)
    (candidates, passed) = (list[RecurringPlace](), list[Box]())
    for window in search.windows():
        if len(candidates) == _MOST or len(passed) == _TRIED:
            break
        if any(_covers(box, *window) for box in passed):
            continue
        candidate = search.grown(*window)
        if candidate is None:
            continue
        passed.append(candidate.place)
        if not search.is_clear(candidate) or any(_same_cue(candidate, other) for other in candidates):
            continue
        sharing = set_apart(candidate, own, others)
        if sharing is not None:
            candidates.append(sharing)
    return candidates


@dataclass(frozen=True, eq=False)
class _FixedSearch:
    """The photos of a class and of the others, and their pictures."""

    class_index: int
    own: Sequence[AuditedPhoto]
    others: Sequence[AuditedPhoto]
    own_pictures: Pictures
    other_pictures: Pictures
    mean_map: Map | None

    def windows(self) -> list[tuple[int, int]]:
        """The first cells of the windows that recur, the clearest first."""
        starts = range(0, CELLS - _WINDOW + 1, _STEP)
        strengths = {(top, left): self._strength(top, left) for top in starts for left in starts}
        recurring = [window for window, strength in strengths.items() if strength > 0]
        return sorted(recurring, key=lambda window: -strengths[window])

    def _strength(self, top: int, left: int) -> float:
        """Of a window the share of the class that shows what others of it show, by how clear that is; 0 where that is not its
        own."""
        (own, others) = (_window(self.own_pictures.details, top, left), _window(self.other_pictures.details, top, left))
        template = _template(own)
        if template is None:
            return 0.0
        (own_scores, other_scores) = (concordances(own, template), concordances(others, template))
        share = float((own_scores >= _ALIKE).mean())
        elsewhere = share_elsewhere(other_scores >= _ALIKE, [photo.label for photo in self.others])
        if share < max(LEAST_SHARE, LEAST_LIFT * elsewhere):
            return 0.0
        rest = np.concatenate([own_scores[own_scores < _ALIKE], other_scores[other_scores < _ALIKE]])
        apart = float(np.median(own_scores[own_scores >= _ALIKE]) - (np.quantile(rest, 0.98) if len(rest) else 0.0))
        return share * apart if apart >= _LEAST_APART else 0.0

    def is_clear(self, candidate: RecurringPlace) -> bool:
        """True where enough photos of the class carry it and are alike, and nearly all others are nothing like it."""
        carriers = len(candidate.carriers(self.own))
        is_large = carriers >= max(_LEAST_PARTNERS, LEAST_SHARE * len(self.own))
        elsewhere = max(0.0, _unclear(candidate.scores(self.others)) - _BY_CHANCE)
        unclear = _unclear(candidate.scores(self.own)) + 2 * elsewhere
        return is_large and unclear <= _MOST_UNCLEAR * carriers / len(self.own) and self._concordance(candidate) >= _CONCORDANCE

    def _concordance(self, candidate: RecurringPlace) -> float:
        """The median over the donors, of each with what the others show: few are like their own median whatever they show."""
        donors = {photo.number for photo in candidate.donors}
        shown = candidate.shown(self.own_pictures.details[[photo.number in donors for photo in self.own]])
        scores = [concordances(one[None], np.median(np.delete(shown, n, axis=0), axis=0))[0] for n, one in enumerate(shown)]
        return float(np.median(scores))

    def grown(self, top: int, left: int) -> RecurringPlace | None:
        """The cue that a window shows a part of: all that varies less around it where the photos show what the window shows. None
        where that is too little."""
        from scipy.ndimage import binary_erosion, find_objects, uniform_filter

        (details, values) = (self.own_pictures.details, self.own_pictures.values)
        (top, left) = _sharpest(details, top, left)
        windows = _window(details, top, left)
        template = _template(windows)
        if template is None:
            return None
        alike = concordances(windows, template) >= _ALIKE
        smoothed = uniform_filter(values, (0, 0, _SMOOTHED, _SMOOTHED))
        variation = smoothed[alike].std(axis=0).mean(axis=0)
        spread = float(smoothed.std(axis=0).mean())
        region = next((one for nearer in _NEARER if (one := _region(variation, spread, nearer, top, left)) is not None), None)
        if region is None:
            return None
        (rows, columns) = find_objects(region.astype(np.int64))[0]
        mask = region[rows, columns]
        box = match_box(rows.start, columns.start, (mask.shape[0], mask.shape[1]))
        shown = np.median(details[alike][:, :, rows, columns], axis=0).astype(np.float32)
        carries = concordances(details[:, :, rows, columns][:, :, mask], shown[:, mask]) >= _CARRIED
        if not carries.any():
            return None
        inner = binary_erosion(mask)
        differences = smoothed[carries][:, :, rows, columns].std(axis=0).mean(axis=0)
        candidate = RecurringPlace(
            self.class_index,
            RECURRING,
            [photo for photo, is_carrier in zip(self.own, carries, strict=True) if is_carrier],
            box,
            salient_boxes(box, self.mean_map, OTHERS_OF_A_KIND),
            corner=(rows.start, columns.start),
            template=shown,
            mask=mask,
            variation=float(differences[inner if inner.any() else mask].mean()),
            spread=spread,
        )
        candidate.look_at(self.own, details)
        candidate.look_at(self.others, self.other_pictures.details)
        return candidate


def _unclear(scores: Sequence[float]) -> float:
    """The share of photos that neither carry a cue nor are nothing like it; 0 of none."""
    (low, high) = _UNCLEAR
    return sum(low <= score < high for score in scores) / len(scores) if len(scores) else 0.0


def _region(variation: Floats, spread: float, nearer: float, top: int, left: int) -> npt.NDArray[np.bool_] | None:
    """What varies nearly as little as a window, and hangs together with it; None where that is too little, or too much.

    variation, region : ``(CELLS, CELLS)``. spread : of anything. nearer : to what the window varies than to that."""
    from scipy.ndimage import binary_closing, binary_fill_holes, binary_opening, label

    window = (slice(top, top + _WINDOW), slice(left, left + _WINDOW))
    # The clearest window shows an edge: next to it the cue varies least.
    (rows, columns) = (slice(max(0, start - _BESIDE), start + _WINDOW + _BESIDE) for start in (top, left))
    least = float(np.quantile(variation[rows, columns], 0.1))
    steady = np.pad(variation < least + nearer * max(0.0, spread - least), 3, "edge")
    square = np.ones((3, 3), bool)
    (regions, _) = label(binary_opening(binary_closing(steady, square), square)[3:-3, 3:-3])
    inside = regions[window]
    if not inside.any():
        return None
    region = _trimmed(binary_fill_holes(regions == int(np.bincount(inside[inside > 0]).argmax())))
    cells = np.argwhere(region)
    return region if len(cells) >= LEAST_CELLS and np.prod(np.ptp(cells, axis=0) + 1) <= MOST_AREA * CELLS**2 else None


def _trimmed(region: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Without the rows and columns at its ends that hold less than half of what is usual: few photos are alike beside it, too."""
    trimmed: npt.NDArray[np.bool_] = region.copy()
    for axis in (0, 1):
        counts = region.sum(axis=1 - axis)
        whole = np.flatnonzero(counts >= np.median(counts[counts > 0]) / 2)
        ends = np.ones(len(counts), bool)
        ends[whole[0] : whole[-1] + 1] = False
        trimmed[ends if axis == 0 else (slice(None), ends)] = False
    return trimmed


def _same_cue(one: RecurringPlace, other: RecurringPlace) -> bool:
    """True where they meet on the photos that carry both, and these are most."""
    (ours, theirs) = ({photo.number for photo in one.donors}, {photo.number for photo in other.donors})
    return meet(one.place, other.place) and len(ours & theirs) > len(ours | theirs) / 2


def _window(details: Floats, top: int, left: int) -> Floats:
    window: Floats = details[:, :, top : top + _WINDOW, left : left + _WINDOW]
    return window


def _covers(box: Box, top: int, left: int) -> bool:
    """True for a box that has the middle of a window in it, or next to it."""
    middle = _WINDOW // 2
    (rows, columns) = ((CELLS * box[0], CELLS * box[2]), (CELLS * box[1], CELLS * box[3]))
    in_rows = rows[0] - middle <= top + middle < rows[1] + middle
    return in_rows and columns[0] - middle <= left + middle < columns[1] + middle


def _template(windows: Floats) -> Floats | None:
    """What most of the windows show: the median of the one with the most partners, and of these. None where it has too few."""
    rows = windows.reshape(len(windows), -1)
    strengths = (rows**2).sum(axis=1)
    alike = 2 * rows @ rows.T / np.maximum(strengths[:, None] + strengths, _TINY) >= _ALIKE
    np.fill_diagonal(alike, False)
    partners = alike.sum(axis=1)
    central = int(partners.argmax())
    if partners[central] < max(_LEAST_PARTNERS, LEAST_SHARE * len(windows) - 1):
        return None
    template: Floats = np.median(windows[alike[central] | (np.arange(len(windows)) == central)], axis=0)
    return template


def _sharpest(details: Floats, top: int, left: int) -> tuple[int, int]:
    """Where next to a window the most photos show the same: there it has the least of what lies behind a cue."""
    near = [
        (row, column)
        for row in range(max(0, top - _STEP), min(CELLS - _WINDOW, top + _STEP) + 1)
        for column in range(max(0, left - _STEP), min(CELLS - _WINDOW, left + _STEP) + 1)
    ]

    def likeness(window: tuple[int, int]) -> float:
        windows = _window(details, *window)
        template = _template(windows)
        if template is None:
            return 0.0
        scores = concordances(windows, template)
        return float(scores[scores >= _ALIKE].sum())

    return max(near, key=likeness)
