"""The search for cues of no fixed place: windows of the class's photos that recur elsewhere in others of them.

Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from PIL import Image

from seewhy.audit.aligned import LEAST_CARRIERS, Alignment, constant_region, edge, inner_concordance
from seewhy.audit.boxes import meet
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, MOST_AREA
from seewhy.audit.free_place import FreePlace, changes_of, match_box, matches_of
from seewhy.audit.kinds import MOVING
from seewhy.audit.matching import CELLS, Floats, Matches, Pictures, best_matches, least_score, pictures_of
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.sharing import set_apart, share_elsewhere

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
_LEAST_FILLED = 0.5  # of its box


def moving_cues(
    class_index: int,
    own: Sequence[AuditedPhoto],
    others: Sequence[AuditedPhoto],
    maps: Mapping[int, npt.NDArray[np.floating]],
) -> list[FreePlace]:
    """What at least a tenth of a class's photos show somewhere, three times as often as the others; the most frequent first.

    own, others : the discovery halves of the class and of all others. maps : of the class ``(SIDE, SIDE)``, by number;
    windows are cut where they are brightest, and where a photo changes most.
    """
    if len(own) < LEAST_CARRIERS:
        return []
    step = -(-len(others) // _MOST_OTHERS) or 1
    search = _Search(class_index, own, others[::step], maps, pictures_of(own), pictures_of(others[::step]))
    grown = search.candidates()
    grown.sort(key=lambda candidate: (not candidate.is_overlay, -len(candidate.donors) * int(candidate.mask.sum())))
    found: list[FreePlace] = []
    for candidate in grown:
        if len(found) < _MOST and not any(_same_cue(candidate, other) for other in found):
            apart = set_apart(candidate, own, others)
            found += [] if apart is None else [apart]
    return found


@dataclass(frozen=True, eq=False)
class _Search:
    """The photos of a class and of the others, and their pictures."""

    class_index: int
    own: Sequence[AuditedPhoto]
    others: Sequence[AuditedPhoto]
    maps: Mapping[int, npt.NDArray[np.floating]]
    own_pictures: Pictures
    other_pictures: Pictures

    def groups(self) -> list[Alignment]:
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
        changes = _enlarged(changes_of(photo))
        if photo.number not in self.maps:
            return _brightest(changes, _PEAKS)
        by_map = _brightest(_enlarged(self.maps[photo.number]), _PEAKS // 2)
        return [peak for pair in zip(by_map, _brightest(changes, _PEAKS // 2), strict=True) for peak in pair]

    def _groups_of(self, size: int, peaks: Sequence[Sequence[tuple[int, int]]]) -> list[Alignment]:
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

    def _group(self, template: Floats, mask: npt.NDArray[np.bool_], found: Matches, number: int) -> Alignment:
        places = np.flatnonzero(found.scores[number] >= least_score(mask))
        (tops, lefts, scores) = (values[number, places] for values in (found.tops, found.lefts, found.scores))
        return Alignment(template, mask, [self.own[int(place)] for place in places], places, tops, lefts, scores)

    def _is_large(self, group: Alignment) -> bool:
        return len(group.photos) >= max(LEAST_CARRIERS, LEAST_SHARE * len(self.own))

    def _own_of(self, groups: Sequence[Alignment], photos: int = _OTHERS_AT_FIRST) -> list[Alignment]:
        """The groups of one mask that are the class's own: three times as frequent as in so many photos of other classes."""
        if not groups or not len(self.others):
            return [replace(group, excess=float(len(group.photos))) for group in groups]
        step = -(-len(self.others) // photos)
        templates = np.stack([group.template for group in groups])
        scores = best_matches(self.other_pictures.every(step), templates, groups[0].mask).scores
        labels = [photo.label for photo in self.others[::step]]
        elsewhere = [share_elsewhere(carried, labels) for carried in scores >= least_score(groups[0].mask)]
        excess = [len(group.photos) - LEAST_LIFT * len(self.own) * share for group, share in zip(groups, elsewhere, strict=True)]
        return [replace(group, excess=float(more)) for group, more in zip(groups, excess, strict=True) if more >= 0]

    def grown(self, group: Alignment) -> FreePlace | None:
        """The whole cue that a window shows a part of, searched for again; None where that is not the class's own."""
        for _ in range(2):  # the second time without what was aligned by a part of it, badly
            region = constant_region(self.own_pictures, group)
            if region is None:
                return None
            (template, mask) = region
            found = best_matches(self.own_pictures, template[None], mask)
            group = self._group(template, mask, found, 0)
            if not self._is_large(group):
                return None
        area = group.mask.size / CELLS**2
        if area > MOST_AREA or group.mask.mean() < _LEAST_FILLED or group.at_one_place or not self._own_of([group], _MOST_OTHERS):
            return None
        order = np.argsort(-group.scores, kind="stable")
        donors = [group.photos[place] for place in order]
        concordance = inner_concordance(self.own_pictures.details, group)
        ends = edge(self.own_pictures.values, group)
        known = dict(zip((photo.number for photo in self.own), matches_of(found, group.size), strict=True))
        return FreePlace(self.class_index, MOVING, donors, group.template, group.mask, concordance, ends, self.maps, known)


def _lies_on(group: Alignment, candidate: FreePlace) -> bool:
    """True for a window that shows a part of the cue in most of the photos that show both."""
    places = zip(group.photos, group.tops, group.lefts, strict=True)
    pairs = [(match_box(int(top), int(left), group.size), candidate.box_in(photo)) for photo, top, left in places]
    met = [meet(box, there) for box, there in pairs if there is not None]
    return bool(met) and float(np.mean(met)) > 0.5


def _same_cue(one: FreePlace, other: FreePlace) -> bool:
    """True where they lie on each other in most of the photos that show both."""
    pairs = [(one.box_in(photo), other.box_in(photo)) for photo in one.donors]
    met = [meet(box, there) for box, there in pairs if box is not None and there is not None]
    return bool(met) and float(np.mean(met)) > 0.5


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
