"""Infidelity: do the map's values add up to what hiding them costs (Yeh et al. 2019)?

arXiv:1901.09392, section 2. Random squares are hidden, and the score's drop is compared with the sum of the map in the square.
The map may be scaled (section 2.1): what counts is whether its values are in proportion.
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
    """``min over b of E[(b · sum - drop)²] / E[drop²]``: 0: sums and drops are in proportion, 1: they have nothing in common."""
    hidden = squares(subject.masked.size, SQUARES, subject.seed)
    values = subject.masked.values(MaskCopies(~hidden), SQUARES, subject.index)
    drops = subject.masked.untouched(subject.index) - values.astype(np.float64)
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
    """The share of the drops' squares that no multiple of the sums explains, from 0 to 1; 1 where there are no drops."""
    (squared, total) = (float(sums @ sums), float(drops @ drops))
    if squared == 0 or total == 0:
        return 1.0
    return 1.0 - float(sums @ drops) ** 2 / (squared * total)
