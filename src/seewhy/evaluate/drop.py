"""Average drop and increase: the score when only what the map marks is shown (Chattopadhay et al. 2018, Grad-CAM++).

arXiv:1710.11063, section 5.1. The photo is seen through the map: each pixel is the photo's by the share that the map, scaled to
[0, 1], gives it, and the fill's by the rest.
"""

from __future__ import annotations

import numpy as np

from seewhy.errors import PhotoError, setting
from seewhy.evaluate.masked import MaskCopies
from seewhy.evaluate.metric import Measurement, Subject
from seewhy.formatting import format_score
from seewhy.geometry import Array
from seewhy.show import min_max


def average_drop(subject: Subject) -> Measurement:
    """``max(0, y - o) / y``: the share of the score y that is lost when only the map's part is shown; small is good."""
    (whole, through) = _seen_through(subject)
    if whole <= 0:
        raise PhotoError(
            f"{setting('metrics', 'average_drop')} is a share of the score, and the score of '{subject.target.text}' is "
            f"{format_score(whole)}: it needs one above 0. Leave it out."
        )
    return Measurement(np.maximum(0, whole - through) / whole)


def increase(subject: Subject) -> Measurement:
    """1 where the score rises when only the map's part is shown, else 0; over many photos, the share of them."""
    (whole, through) = _seen_through(subject)
    return Measurement((through > whole).astype(np.float32))


def _seen_through(subject: Subject) -> tuple[float, Array]:
    """The score of the photo, and seen through each map ``(3,)``."""
    shares = np.stack([min_max(map) for map in subject.maps]).astype(np.float32)
    through = subject.masked.values(MaskCopies(shares), len(shares), subject.target)
    return subject.masked.untouched(subject.target), through
