"""Infidelity: do the map's values add up to what hiding them costs (Yeh et al. 2019)?

arXiv:1901.09392, section 2. Random squares are hidden, and the score's drop is compared with the sum of the map in the square.
The map may be scaled by a positive number (section 2.1): what counts is whether its values are in proportion.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seewhy.evaluate.masked import MaskCopies
from seewhy.evaluate.metric import Measurement, Subject
from seewhy.geometry import Size

SQUARES = 100
LARGEST = 0.4  # side of a square, as a share of the input's; the smallest is a quarter of it


def infidelity(subject: Subject) -> Measurement:
    """``min over b ≥ 0 of E[(b · sum - drop)²] / E[drop²]``: 0: in proportion, 1: nothing in common."""
    hidden = squares(subject.masked.size, SQUARES, subject.seed)
    values = subject.masked.values(MaskCopies(~hidden), SQUARES, subject.target)
    drops = subject.masked.untouched(subject.target) - values.astype(np.float64)
    sums = subject.maps.reshape(len(subject.maps), -1).astype(np.float64) @ hidden.reshape(SQUARES, -1).T
    return Measurement(np.array([unexplained(row, drops) for row in sums], np.float32))


def squares(size: Size, count: int, seed: int) -> npt.NDArray[np.bool_]:
    """Random squares, True inside, ``(count, H, W)``."""
    random = np.random.default_rng(seed)
    largest = max(1, round(LARGEST * min(size)))
    masks = np.zeros((count, *size), bool)
    for mask in masks:
        side = int(random.integers(max(1, largest // 4), largest + 1))
        (top, left) = (int(random.integers(length - side + 1)) for length in size)
        mask[top : top + side, left : left + side] = True
    return masks


def unexplained(sums: npt.NDArray[np.float64], drops: npt.NDArray[np.float64]) -> float:
    """The share of the drops' squares that no multiple of the sums explains, from 0 to 1; 1 where there are no drops.

    The multiple is positive: a map that says the opposite explains nothing.
    """
    (squared, total, together) = (float(sums @ sums), float(drops @ drops), float(sums @ drops))
    if squared == 0 or total == 0 or together <= 0:
        return 1.0
    return 1.0 - together**2 / (squared * total)
