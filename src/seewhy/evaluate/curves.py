"""Deletion and insertion: how the score moves while the strongest pixels go, or come, first (Petsiuk et al. 2018).

arXiv:1806.07421, section 4.2. The area is the trapezoid rule over the true share of pixels changed; scores are not rescaled.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from seewhy.evaluate.masked import MaskedPhoto, RankedCopies, ranks_of
from seewhy.evaluate.metric import Measurement, Subject
from seewhy.explanation import Explanation
from seewhy.geometry import Array
from seewhy.records import Target


def deletion(subject: Subject) -> Measurement:
    """The area under the score while the strongest pixels are hidden first; small is good."""
    return _measured(subject, shown=False)


def insertion(subject: Subject) -> Measurement:
    """The area under the score while the strongest pixels appear first, on the hidden photo; large is good."""
    return _measured(subject, shown=True)


def area(shares: npt.ArrayLike, scores: npt.ArrayLike) -> float:
    """The trapezoid rule: ``Σ (scores[i] + scores[i+1]) / 2 · (shares[i+1] - shares[i])``."""
    return float(np.trapezoid(np.asarray(scores, np.float64), np.asarray(shares, np.float64)))


def counts_of(pixels: int, steps: int) -> npt.NDArray[np.int64]:
    """How many pixels are changed at each step, ``(steps + 1,)`` or fewer: from none to all, evenly."""
    return np.unique(np.round(np.linspace(0, pixels, steps + 1)).astype(np.int64))


def passes(explanation: Explanation, steps: int) -> int:
    """How many photos one of them costs: three maps between the ends, which are the same for all."""
    (rows, columns) = explanation.photo.geometry.input
    return 3 * (min(steps, rows * columns) - 1) + 1


def _measured(subject: Subject, shown: bool) -> Measurement:
    (shares, curves) = curves_of(subject.masked, subject.maps, subject.target, subject.steps, shown, subject.seed)
    return Measurement(np.array([area(shares, curve) for curve in curves], np.float32), curves=curves, shares=shares)


def curves_of(masked: MaskedPhoto, maps: Array, target: Target, steps: int, shown: bool, seed: int) -> tuple[Array, Array]:
    """The shares of the pixels changed ``(steps + 1,)`` and the class's scores at each of them ``(M, steps + 1)``, in one sweep.

    maps : ``(M, H, W)`` on the network's input. shown : the strongest pixels appear first; else they are hidden first.
    """
    ranks = np.stack([ranks_of(map, seed) for map in maps])
    pixels = masked.size[0] * masked.size[1]
    counts = counts_of(pixels, steps)
    between = counts[1:-1]
    # The ends are the same for every map: the photo itself, and all of it hidden.
    which = np.repeat(np.arange(len(ranks)), len(between))
    copies = RankedCopies(
        ranks, np.append(which, 0), np.append(np.tile(between, len(ranks)), pixels), np.append([shown] * len(which), False)
    )
    values = masked.values(copies, len(which) + 1, target)
    (whole, hidden) = (masked.untouched(target), float(values[-1]))
    (first, last) = (hidden, whole) if shown else (whole, hidden)
    curves = np.empty((len(ranks), len(counts)), np.float32)
    (curves[:, 0], curves[:, -1]) = (first, last)
    curves[:, 1:-1] = values[:-1].reshape(len(ranks), -1)
    shares: Array = (counts / pixels).astype(np.float32)
    return shares, curves
