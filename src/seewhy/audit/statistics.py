"""From outcomes to what may be said: e-values against "no effect to speak of", false discovery control, intervals, power.

An outcome is the effect that something had on one photo, from -1 to 1: whether the answer turned, less the share of its controls
that turned it. Photos are independent of each other; a cue is tried on each of them once.

Sources: betting e-values and intervals, Waudby-Smith and Ramdas, "Estimating means of bounded random variables by betting", 2024
(arXiv:2010.09686); false discovery control, Wang and Ramdas, "False discovery rate control with e-values", 2022
(arXiv:2009.02824), under any dependence; intervals after selection, Xu, Wang and Ramdas, "Post-selection inference for e-value
based confidence intervals", 2024 (arXiv:2203.12572).
"""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

TOLERATED = 0.10  # a mean effect up to this is none to speak of: everything has some
FALSE_DISCOVERIES = 0.05  # the share of false ones among what is declared, in expectation
_BETS = 20  # stakes that are averaged over
_MOST_RECIPIENTS = 2048

Floats = npt.NDArray[np.float64]


def log_e_value(effects: npt.ArrayLike, tolerated: float = TOLERATED) -> float:
    """The logarithm of an e-value against "the mean effect is at most ``tolerated``".

    With ``X = (S + 1) / 2`` and ``m = (1 + tolerated) / 2`` it is the mean over stakes ``λ`` in (0, 1 / m) of
    ``Π (1 + λ (X - m))``: where the null is true its expectation is at most 1. effects : S, from -1 to 1; of none the value is 0.
    """
    return _log_bet((np.asarray(effects, np.float64) + 1) / 2, (1 + tolerated) / 2)


def _log_bet(values: Floats, mean: float) -> float:
    """Of values from 0 to 1, against "their mean is at most this"."""
    if mean >= 1:  # it always is
        return 0.0 if not len(values) else -math.inf
    stakes = _stakes() / mean if mean > 0 else _stakes() * 1e9
    # No stake loses everything: the smallest factor is 1 / (_BETS + 1).
    return _log_mean(np.log1p(stakes[:, None] * (values - mean)[None, :]).sum(axis=1))


@lru_cache(maxsize=1)
def _stakes() -> Floats:
    """Shares of what may be staked."""
    return np.arange(1, _BETS + 1) / (_BETS + 1)


def _log_mean(logs: Floats) -> float:
    """log(mean(exp(logs)))."""
    largest = float(logs.max())
    return largest + math.log(float(np.exp(logs - largest).mean()))


def declared(log_e_values: Sequence[float], hypotheses: int | None = None, alpha: float = FALSE_DISCOVERIES) -> list[int]:
    """Which hypotheses are rejected so that the expected share of false rejections is at most alpha, whatever they have to do
    with each other: those with the k largest e-values, for the largest k with ``k · e_(k) >= H / alpha``.

    hypotheses : H, how many were tried; None: as many as there are values. Those dropped on the way count.
    """
    count = len(log_e_values) if hypotheses is None else hypotheses
    order = sorted(range(len(log_e_values)), key=lambda place: -log_e_values[place])
    most = 0
    for rank, place in enumerate(order, start=1):
        if math.log(rank) + log_e_values[place] >= math.log(count / alpha):
            most = rank
    return sorted(order[:most])


def effect_interval(effects: npt.ArrayLike, alpha: float = FALSE_DISCOVERIES) -> tuple[float, float]:
    """Where the mean effect lies, with confidence 1 - alpha, by betting against every mean from both sides; (-1, 1) of none.

    Of r that are shown of H, whichever they are, each with alpha · r / H, the expected share that misses is at most alpha.
    """
    return (lower_end(effects, alpha), upper_end(effects, alpha))


def lower_end(effects: npt.ArrayLike, alpha: float = FALSE_DISCOVERIES) -> float:
    """Of that interval; -1 of none."""
    values = (np.asarray(effects, np.float64) + 1) / 2
    if not len(values):
        return -1.0
    least = math.log(2 / alpha)  # each side has half: the mean of two e-values is one
    return 2 * _boundary(lambda mean: _log_bet(values, mean) >= least, float(values.mean()), 0.0) - 1


def upper_end(effects: npt.ArrayLike, alpha: float = FALSE_DISCOVERIES) -> float:
    """Of that interval; 1 of none."""
    return -lower_end(-np.asarray(effects, np.float64), alpha)


def _boundary(is_refuted: Callable[[float], bool], inside: float, outside: float) -> float:
    """Between a mean that is not refuted and one that may be: the last that is, to a ten-thousandth, on the safe side."""
    if not is_refuted(outside):
        return outside
    while inside - outside > 1e-4:
        middle = (inside + outside) / 2
        (inside, outside) = (inside, middle) if is_refuted(middle) else (middle, outside)
    return outside


@lru_cache(maxsize=1024)
def power(effect: float, recipients: int, hypotheses: int, alpha: float = FALSE_DISCOVERIES) -> float:
    """How probable it is that one cue is declared among so many hypotheses, if it turns this share of the recipients and its
    controls none. Exact: the e-value grows with the number that turn, and that is binomial."""
    from scipy.stats import binom

    enough = math.log(hypotheses / alpha)

    def is_declared(count: int) -> bool:
        return log_e_value(np.repeat([1.0, 0.0], [count, recipients - count])) >= enough

    if not is_declared(recipients):
        return 0.0
    least = bisect.bisect_left(range(recipients), True, key=is_declared)
    return float(binom.sf(least - 1, recipients, effect))
