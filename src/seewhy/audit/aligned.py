"""What stays the same around a window where it is laid over itself in all photos that carry it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seewhy.audit.matching import CELLS, LEAST_CELLS, Floats, Pictures
from seewhy.audit.photos import AuditedPhoto

_SAME_PLACE = 4  # cells; where most matches lie within so many, the place is a fixed one
_REACH = 14  # cells around a window that a cue may fill, too
_STEADIER = 0.85  # of what photos differ where they are not aligned: what differs as much there shows nothing that recurs
_NEARER = 0.4  # to what a cue shows than to what is anywhere: the cells at its edge show both
_GAP = 5  # cells of a flat part of a cue, between its details
_RING = (2, 5)  # cells around a cue that are its surroundings
_TINY = 1e-6
_LEAST_INNER = 12  # cells of a cue without its edges
LEAST_CARRIERS = 3  # photos


@dataclass(frozen=True, eq=False)
class Alignment:
    """A window and where it lies in the photos that carry it. template : ``(3, h, w)``. mask : ``(h, w)``.
    photos, places : these photos, and their places in the class's list. tops, lefts : where it lies in them, in cells.
    excess : how many more they are than three times as many as there would be at the rate of other classes."""

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
        """True where most lie at one place of the photo: ``recurring`` finds those."""
        apart = np.maximum(np.abs(self.tops - np.median(self.tops)), np.abs(self.lefts - np.median(self.lefts)))
        return bool(np.mean(apart <= _SAME_PLACE) > 0.5)


def edge(values: Floats, group: Alignment) -> float:
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


def _variation(values: Floats, group: Alignment) -> tuple[Floats, npt.NDArray[np.bool_]]:
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


def constant_region(pictures: Pictures, group: Alignment) -> tuple[Floats, npt.NDArray[np.bool_]] | None:
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
    if mask.sum() < LEAST_CELLS or max(mask.shape) > CELLS // 2:
        return None
    return np.ascontiguousarray(template[:, rows, columns]), mask


def _aligned(values: Floats, group: Alignment) -> Floats:
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
    return median, counts >= max(LEAST_CARRIERS, len(aligned) / 2)


def inner_concordance(details: Floats, group: Alignment) -> float:
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
