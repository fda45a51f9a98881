"""All properties of a photo, in the order in which ``measured`` gives them."""

from __future__ import annotations

import numpy as np

from seewhy.properties.base import Measure, Values
from seewhy.properties.detail import BLOCKINESS, NOISE, SHARPNESS
from seewhy.properties.ground import BRIGHTNESS as GROUND_BRIGHTNESS
from seewhy.properties.ground import COLOUR as GROUND_COLOUR
from seewhy.properties.light import BRIGHTNESS, CAST, CONTRAST, SATURATION
from seewhy.properties.pixels import reduced

_ALL = (CAST, BRIGHTNESS, CONTRAST, SATURATION, SHARPNESS, NOISE, BLOCKINESS, GROUND_COLOUR, GROUND_BRIGHTNESS)
PROPERTIES = {one.name: one for one in _ALL}


def measured(values: Values) -> Measure:
    """All properties of a photo, one after the other in the order of ``PROPERTIES``."""
    small = reduced(values)  # once
    return np.concatenate([one.measure(values if one is BLOCKINESS else small) for one in PROPERTIES.values()])


def places() -> dict[str, slice]:
    """Where each property stands in ``measured``."""
    ends = np.cumsum([one.size for one in PROPERTIES.values()])
    return {name: slice(int(end) - one.size, int(end)) for (name, one), end in zip(PROPERTIES.items(), ends, strict=True)}
