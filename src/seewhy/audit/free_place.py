"""Candidates of no fixed place: the same pixels, somewhere else in each photo of a class. Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from seewhy.audit.boxes import meet, overlap, salient_boxes
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, Candidate, CueChange
from seewhy.audit.fixed_place import taking_turns
from seewhy.audit.kinds import COVERED, CUE, ELSEWHERE, FILLED, MOVING, OTHER_PLACE, REPLACED, SHUFFLED, THIRD
from seewhy.audit.matching import CELLS, Floats, Matches, Pictures, best_matches, least_score, pictures_of
from seewhy.audit.photos import AuditedPhoto
from seewhy.edits import Box, Edit, Inpaint, Paste

_MOST = 2  # candidates of a class
_SIZES = (8, 12, 18)  # cells of a window
_TEMPLATES = 64  # windows of each size that are looked for in all photos of the class
_PEAKS = 4  # places of a photo that windows are cut at
_PEAK = 9  # cells that a place's evidence is summed over; two places of a photo are at least as far apart
_TRIED = 16  # templates that are looked for in other classes' photos, too, and grown
_TRIED_OF_A_CUE = 3
_MOST_OTHERS = 256  # photos of other classes ...
_OTHERS_AT_FIRST = 32  # ... of which so many are searched for every window
_LEAST_CONTRAST = 0.015  # standard deviation of a window's details, as a share of white; flat ones are everywhere
_LEAST_CARRIERS = 3
_SAME_PLACE = 4  # cells; where most matches lie within so many, the place is a fixed one
_REACH = 14  # cells around a window that a cue may fill, too
_STEADIER = 0.85  # of what photos differ where they are not aligned: what differs as much there shows nothing that recurs
_NEARER = 0.4  # to what a cue shows than to what is anywhere: the cells at its edge show both
_GAP = 5  # cells of a flat part of a cue, between its details
_LEAST_CELLS = 24  # of a cue; less shows nothing
_LEAST_FILLED = 0.5  # of its box
_MOST_AREA = 0.25  # of the photo: laying more than that on another one shows little
_RING = (2, 5)  # cells around a cue that are its surroundings
_RIM = 1  # cells around a match: they show the cue and what lies behind it, mixed
_OVERLAY_CONCORDANCE, _OF_FEW_CELLS = 0.79, 1.25  # without the edges, and more the fewer cells there are, see is_overlay
_OVERLAY_EDGE = 0.15  # translucent marks of opacity 0.45 reach 0.18 and more
_TINY = 1e-6
_LEAST_INNER = 12  # cells of a cue without its edges
_OVERLAY_CARRIERS = 5  # of the discovery half: fewer photos look alike by chance
_OVERLAY_FILLED = 0.75  # of a cue's box that shows the same pixels
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
        return alike and len(self.donors) >= _OVERLAY_CARRIERS and bool(self.mask.mean() >= _OVERLAY_FILLED)

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
            found = _matches_of(best, (self.mask.shape[0], self.mask.shape[1]))
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
        return salient_boxes(box, _changes(photo) if values is None else np.asarray(values, np.float64), _OTHERS_OF_A_KIND)


def moving_cues(
    class_index: int,
    own: Sequence[AuditedPhoto],
    others: Sequence[AuditedPhoto],
    maps: Mapping[int, npt.NDArray[np.floating]],
) -> list[Candidate]:
    """What at least a tenth of a class's photos show somewhere, three times as often as the others; the most frequent first.

    own, others : the discovery halves of the class and of all others. maps : of the class ``(SIDE, SIDE)``, by number;
    windows are cut where they are brightest, and where a photo changes most.
    """
    if len(own) < _LEAST_CARRIERS:
        return []
    step = -(-len(others) // _MOST_OTHERS) or 1
    search = _Search(class_index, own, others[::step], maps, pictures_of(own), pictures_of(others[::step]))
    grown = search.candidates()
    grown.sort(key=lambda candidate: (not candidate.is_overlay, -len(candidate.donors) * int(candidate.mask.sum())))
    found: list[FreePlace] = []
    for candidate in grown:
        if len(found) < _MOST and not any(_same_cue(candidate, other) for other in found):
            found.append(candidate)
    return list(found)


@dataclass(frozen=True, eq=False)
class _Group:
    """A window and where it lies in the photos that carry it. template : ``(3, h, w)``. mask : ``(h, w)``.
    photos : their places in the class's list. tops, lefts : where it lies in them, in cells. excess : of these photos over three
    times as many as there would be were the class like others."""

    template: Floats
    mask: npt.NDArray[np.bool_]
    photos: list[AuditedPhoto]
    places: npt.NDArray[np.int64]
    tops: npt.NDArray[np.int64]
    lefts: npt.NDArray[np.int64]
    scores: Floats
    excess: float = 0.0

    @property
    def size(self) -> tuple[int, int]:
        return self.mask.shape[0], self.mask.shape[1]

    @property
    def at_one_place(self) -> bool:
        """True where most lie at one place of the photo: ``fixed_place`` finds those."""
        apart = np.maximum(np.abs(self.tops - np.median(self.tops)), np.abs(self.lefts - np.median(self.lefts)))
        return bool(np.mean(apart <= _SAME_PLACE) > 0.5)


@dataclass(frozen=True, eq=False)
class _Search:
    """The photos of a class and of the others, and their pictures."""

    class_index: int
    own: Sequence[AuditedPhoto]
    others: Sequence[AuditedPhoto]
    maps: Mapping[int, npt.NDArray[np.floating]]
    own_pictures: Pictures
    other_pictures: Pictures

    def groups(self) -> list[_Group]:
        """Windows that recur in the class three times as often as in others, the most frequent first."""
        peaks = [self._peaks(place) for place in range(len(self.own))]
        groups = [group for size in _SIZES for group in self._groups_of(size, peaks)]
        groups.sort(key=lambda group: (-group.excess, -float(group.scores.sum())))
        return groups

    def candidates(self) -> list[FreePlace]:
        """What the most frequent windows grow to; a few windows of each cue, as one may lie askew."""
        (grown, tried) = (list[FreePlace](), 0)
        for group in self.groups():
            if tried < _TRIED and sum(_lies_on(group, candidate) for candidate in grown) < _TRIED_OF_A_CUE:
                tried += 1
                candidate = self.grown(group)
                grown += [] if candidate is None else [candidate]
        return grown

    def _peaks(self, place: int) -> list[tuple[int, int]]:
        """The cells of a photo at which windows are cut."""
        photo = self.own[place]
        changes = _enlarged(_changes(photo))
        if photo.number not in self.maps:
            return _brightest(changes, _PEAKS)
        by_map = _brightest(_enlarged(self.maps[photo.number]), _PEAKS // 2)
        return [peak for pair in zip(by_map, _brightest(changes, _PEAKS // 2), strict=True) for peak in pair]

    def _groups_of(self, size: int, peaks: Sequence[Sequence[tuple[int, int]]]) -> list[_Group]:
        """The groups of windows of one size that are large enough. Photos take turns, so that none gives more windows."""
        windows = []
        for rank in range(_PEAKS):
            for place, cells in enumerate(peaks):
                if rank < len(cells):
                    (top, left) = (min(max(0, cell - size // 2), CELLS - size) for cell in cells[rank])
                    window = self.own_pictures.details[place, :, top : top + size, left : left + size]
                    if window.std(axis=(1, 2)).mean() >= _LEAST_CONTRAST:
                        windows.append(window)
        mask = np.ones((size, size), bool)
        templates = np.stack(windows[:_TEMPLATES]) if windows else np.zeros((0, 3, size, size), np.float32)
        found = best_matches(self.own_pictures, templates, mask)
        groups = [self._group(template, mask, found, number) for number, template in enumerate(templates)]
        return self._own_of([group for group in groups if self._is_large(group) and not group.at_one_place])

    def _group(self, template: Floats, mask: npt.NDArray[np.bool_], found: Matches, number: int) -> _Group:
        places = np.flatnonzero(found.scores[number] >= least_score(mask))
        (tops, lefts, scores) = (values[number, places] for values in (found.tops, found.lefts, found.scores))
        return _Group(template, mask, [self.own[int(place)] for place in places], places, tops, lefts, scores)

    def _is_large(self, group: _Group) -> bool:
        return len(group.photos) >= max(_LEAST_CARRIERS, LEAST_SHARE * len(self.own))

    def _own_of(self, groups: Sequence[_Group], photos: int = _OTHERS_AT_FIRST) -> list[_Group]:
        """The groups of one mask that are the class's own: three times as frequent as in so many photos of other classes."""
        if not groups or not len(self.others):
            return [replace(group, excess=float(len(group.photos))) for group in groups]
        step = -(-len(self.others) // photos)
        templates = np.stack([group.template for group in groups])
        scores = best_matches(self.other_pictures.every(step), templates, groups[0].mask).scores
        elsewhere = (scores >= least_score(groups[0].mask)).mean(axis=1)
        excess = [len(group.photos) - LEAST_LIFT * len(self.own) * share for group, share in zip(groups, elsewhere, strict=True)]
        return [replace(group, excess=float(more)) for group, more in zip(groups, excess, strict=True) if more >= 0]

    def grown(self, group: _Group) -> FreePlace | None:
        """The whole cue that a window shows a part of, searched for again; None where that is not the class's own."""
        for _ in range(2):  # the second time without what was aligned by a part of it, badly
            region = _constant_region(self.own_pictures, group)
            if region is None:
                return None
            (template, mask) = region
            found = best_matches(self.own_pictures, template[None], mask)
            group = self._group(template, mask, found, 0)
            if not self._is_large(group):
                return None
        area = group.mask.size / CELLS**2
        if (
            area > _MOST_AREA
            or group.mask.mean() < _LEAST_FILLED
            or group.at_one_place
            or not self._own_of([group], _MOST_OTHERS)
        ):
            return None
        order = np.argsort(-group.scores, kind="stable")
        donors = [group.photos[place] for place in order]
        concordance = _inner_concordance(self.own_pictures.details, group)
        edge = _edge(self.own_pictures.values, group)
        known = dict(zip((photo.number for photo in self.own), _matches_of(found, group.size), strict=True))
        return FreePlace(self.class_index, MOVING, donors, group.template, group.mask, concordance, edge, self.maps, known)


def _edge(values: Floats, group: _Group) -> float:
    """By how much more photos differ right outside a cue than inside: what lies around an animal's part is alike, too, what lies
    around an overlay is anything. Three quarters of the surroundings have to differ."""
    from scipy.ndimage import binary_dilation, binary_erosion

    (variation, known) = _variation(values, group)
    mask = np.pad(group.mask, _REACH)
    square = np.ones((3, 3), bool)
    inside = binary_erosion(mask, square) & known
    around = binary_dilation(mask, square, _RING[1]) & ~binary_dilation(mask, square, _RING[0]) & known
    if not inside.any() or not around.any():
        return 0.0
    return float(np.quantile(variation[around], 0.25) - variation[inside].mean())


def _variation(values: Floats, group: _Group) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """How much the photos differ around a window where it is laid over itself in all that carry it, as a share of what they
    differ where they are not aligned; and the cells that enough of them have."""
    from scipy.ndimage import uniform_filter

    aligned = _aligned(values, group)
    (median, known) = _medians(aligned)
    carriers = values[group.places]
    spread = float(np.abs(carriers - np.median(carriers, axis=0)).mean())
    difference = np.full(known.shape, spread)
    difference[known] = np.nanmean(np.abs(aligned - median)[:, :, known], axis=(0, 1))
    return uniform_filter(difference, 3) / max(spread, _TINY), known


def _constant_region(pictures: Pictures, group: _Group) -> tuple[Floats, npt.NDArray[np.bool_]] | None:
    """What stays the same around a window where it is laid over itself in all photos that carry it: template and mask.

    Its outline is where a pattern recurs: its details are stronger than what the photos differ there. Under a translucent mark
    photos differ, too, but less than elsewhere. None where the region is too small.
    """
    from scipy.ndimage import binary_closing, binary_fill_holes, binary_opening, find_objects, label, uniform_filter

    (height, width) = group.size
    (ratio, known) = _variation(pictures.values, group)
    window = (slice(_REACH, _REACH + height), slice(_REACH, _REACH + width))
    least = float(np.quantile(ratio[window], 0.25))
    details = _aligned(pictures.details, group)
    (template, _) = _medians(details)
    (pattern, rest) = (np.zeros(known.shape), np.full(known.shape, np.inf))
    pattern[known] = (template**2).mean(axis=0)[known]
    rest[known] = np.nanmean((details - template)[:, :, known] ** 2, axis=(0, 1))
    square = np.ones((3, 3), bool)
    shown = np.pad(uniform_filter(pattern, 3) > uniform_filter(rest, 3), _GAP)
    whole = binary_fill_holes(binary_closing(shown, np.ones((_GAP, _GAP), bool)))[_GAP:-_GAP, _GAP:-_GAP]
    constant = (ratio < least + _NEARER * (1 - least)) & known & whole
    (regions, _) = label(binary_opening(binary_closing(constant, square), square))
    inside = regions[window]
    if least > _STEADIER or not inside.any():
        return None
    region = int(np.bincount(inside[inside > 0]).argmax())
    (rows, columns) = find_objects(regions)[region - 1]
    mask: npt.NDArray[np.bool_] = binary_fill_holes(regions[rows, columns] == region) & known[rows, columns]
    if mask.sum() < _LEAST_CELLS or max(mask.shape) > CELLS // 2:
        return None
    return np.ascontiguousarray(template[:, rows, columns]), mask


def _aligned(values: Floats, group: _Group) -> Floats:
    """The surroundings of a window in all photos that carry it ``(n, 3, h, w)``; what lies outside a photo is not a number."""
    (height, width) = (group.size[0] + 2 * _REACH, group.size[1] + 2 * _REACH)
    padded = np.pad(values[group.places], ((0, 0), (0, 0), (_REACH, _REACH), (_REACH, _REACH)), constant_values=np.nan)
    places = zip(padded, group.tops, group.lefts, strict=True)
    return np.stack([picture[:, top : top + height, left : left + width] for picture, top, left in places])


def _medians(aligned: Floats) -> tuple[Floats, npt.NDArray[np.bool_]]:
    """Of each cell ``(3, h, w)``, and the cells that enough of the photos have."""
    counts = (~np.isnan(aligned[:, 0])).sum(axis=0)
    middle = np.broadcast_to((np.maximum(counts, 1) - 1) // 2, (1, *aligned.shape[1:]))
    median = np.take_along_axis(np.sort(aligned, axis=0), middle, axis=0)[0]  # what is not known is sorted behind
    return median, counts >= max(_LEAST_CARRIERS, len(aligned) / 2)


def _inner_concordance(details: Floats, group: _Group) -> float:
    """The median over the carriers, of each with what the others show: few photos are like their own median whatever they show.

    Without the cue's edges: those mix with what lies behind, and tell an overlay from a part less than its middle does.
    """
    from scipy.ndimage import binary_erosion

    inner = binary_erosion(group.mask, np.ones((3, 3), bool))
    mask = inner if inner.sum() >= _LEAST_INNER else group.mask
    places = zip(group.places, group.tops, group.lefts, strict=True)
    (height, width) = group.size
    seen = np.stack([details[place, :, top : top + height, left : left + width][:, mask] for place, top, left in places])
    return float(np.median([_concordance(one, np.median(np.delete(seen, n, axis=0), axis=0)) for n, one in enumerate(seen)]))


def _concordance(one: Floats, other: Floats) -> float:
    """As ``best_matches`` has it, at one place."""
    return float(2 * (one * other).sum() / max(float((one**2).sum() + (other**2).sum()), _TINY))


def _lies_on(group: _Group, candidate: FreePlace) -> bool:
    """True for a window that shows a part of the cue in most of the photos that show both."""
    places = zip(group.photos, group.tops, group.lefts, strict=True)
    pairs = [(_box_of(int(top), int(left), group.size), candidate.box_in(photo)) for photo, top, left in places]
    met = [meet(box, there) for box, there in pairs if there is not None]
    return bool(met) and float(np.mean(met)) > 0.5


def _same_cue(one: FreePlace, other: FreePlace) -> bool:
    """True where they lie on each other in most of the photos that show both."""
    pairs = [(one.box_in(photo), other.box_in(photo)) for photo in one.donors]
    met = [meet(box, there) for box, there in pairs if box is not None and there is not None]
    return bool(met) and float(np.mean(met)) > 0.5


def _matches_of(found: Matches, size: tuple[int, int]) -> list[FoundPlace]:
    """Of one template in each picture."""
    places = zip(found.scores[0], found.tops[0], found.lefts[0], strict=True)
    return [FoundPlace(float(score), _box_of(int(top), int(left), size)) for score, top, left in places]


def _box_of(top: int, left: int, size: tuple[int, int]) -> Box:
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


def _changes(photo: AuditedPhoto) -> npt.NDArray[np.float64]:
    """How much a reduced photo changes at each of its cells ``(SIDE, SIDE)``."""
    values = photo.small.astype(np.float64) / 255
    (down, across) = np.gradient(values, axis=(0, 1))
    changes: npt.NDArray[np.float64] = np.sqrt(down**2 + across**2).sum(axis=2)
    return changes


def _enlarged(values: npt.NDArray[np.floating]) -> Floats:
    """A map of a reduced photo's cells on those of a picture."""
    picture = Image.fromarray(np.asarray(values, np.float32))
    return np.asarray(picture.resize((CELLS, CELLS), Image.Resampling.BILINEAR), np.float32)


def _brightest(values: Floats, most: int) -> list[tuple[int, int]]:
    """The cells around which a map has most, apart from each other."""
    from scipy.ndimage import uniform_filter

    sums = uniform_filter(np.asarray(values, np.float64), _PEAK, mode="constant")
    cells: list[tuple[int, int]] = []
    for _ in range(most):
        (row, column) = (int(part) for part in np.unravel_index(int(sums.argmax()), sums.shape))
        if sums[row, column] == -np.inf:
            break
        cells.append((row, column))
        sums[max(0, row - _PEAK) : row + _PEAK + 1, max(0, column - _PEAK) : column + _PEAK + 1] = -np.inf
    return cells
