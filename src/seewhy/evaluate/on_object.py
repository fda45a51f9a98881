"""Energy and pointing game as measures beside a random map and a centre blob."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from seewhy.evaluate.metric import CENTRE, MAP, RANDOM, Measurement, Subject
from seewhy.evaluate.pointing import Mask, energy, hits
from seewhy.geometry import Array, map_on_photo


def energy_on_object(subject: Subject) -> Measurement:
    """The share of the map's positive mass that lies in ``subject.mask``."""
    return _measured(subject, energy)


def pointing(subject: Subject) -> Measurement:
    """1 where the map's peak lies in ``subject.mask``, else 0."""
    return _measured(subject, hits)


def _measured(subject: Subject, measure: Callable[[Array, Mask], float]) -> Measurement:
    mask = subject.mask
    assert mask is not None
    geometry = subject.explanation.photo.geometry
    maps = {
        MAP: subject.explanation.on_photo()[subject.number],
        RANDOM: map_on_photo(subject.maps[RANDOM], geometry),
        CENTRE: map_on_photo(subject.maps[CENTRE], geometry),
    }
    return Measurement(np.array([float(measure(maps[place], mask)) for place in (MAP, RANDOM, CENTRE)], np.float32))
