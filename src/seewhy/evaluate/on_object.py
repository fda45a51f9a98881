"""Energy and pointing game as measures beside random maps and a centre blob."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seewhy.evaluate.metric import CENTRE, Measurement, Subject
from seewhy.evaluate.pointing import Mask, energy, hits
from seewhy.geometry import Array, map_on_photo

RANDOM_MAPS = 100  # whose mean is taken: a single one either hits or misses
SMALL = 256  # pixels a side, at most, of the photos they are laid on: 100 maps take 0.2 s, and on 12 megapixels half a minute

Measure = Callable[[Array, Mask], float]


def energy_on_object(subject: Subject) -> Measurement:
    """The share of the map's positive mass that lies in ``subject.mask``; of random maps the mean of 100."""
    return _measured(subject, energy, energy)


def pointing(subject: Subject) -> Measurement:
    """1 where the map's peak lies in ``subject.mask``, else 0; of 100 random maps the share whose peak does."""
    return _measured(subject, hits, share_of_peaks)


def share_of_peaks(map: Array, mask: Mask) -> float:
    """The share of the map's equal peaks that lies on the object.

    A random map has many: enlarging it overshoots at its largest cells, and is cut off there.
    """
    return float(mask[map == np.nanmax(map)].mean())


def _measured(subject: Subject, measure: Measure, measure_random: Measure) -> Measurement:
    mask = subject.mask
    assert mask is not None
    own = measure(subject.explanation.on_photo()[subject.number], mask)
    centre = measure(map_on_photo(subject.maps[CENTRE], subject.explanation.photo.geometry), mask)
    return Measurement(np.array([own, _of_random_maps(subject, mask, measure_random), centre], np.float32))


def _of_random_maps(subject: Subject, mask: Mask, measure: Measure) -> float:
    """The mean over random maps, measured on the photo made small."""
    sides = mask.shape
    scale = min(1.0, SMALL / max(sides))
    (height, width) = (max(1, round(side * scale)) for side in sides)
    (rows, columns) = (((np.arange(n) + 0.5) * side / n).astype(int) for n, side in zip((height, width), sides, strict=True))
    small_mask = mask[np.ix_(rows, columns)]
    geometry = subject.explanation.photo.geometry.at_size((height, width))
    return float(np.mean([measure(map_on_photo(map, geometry), small_mask) for map in subject.random_maps(RANDOM_MAPS)]))
