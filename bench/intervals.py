"""95 % intervals of means and of shares."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def mean_and_interval(values: Sequence[float], counted: bool = False, seed: int = 0) -> tuple[float, float, float]:
    """The mean and its 95 % interval: the bootstrap's, 2,000 draws. counted : each value is 0 or 1, and the interval Wilson's."""
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if counted:
        return mean, *wilson(float(array.sum()), len(array))
    draws = np.random.default_rng(seed).integers(0, len(array), (2_000, len(array)))
    (low, high) = np.quantile(array[draws].mean(axis=1), [0.025, 0.975])
    return mean, float(low), float(high)


def wilson(successes: float, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval for a share (Wilson 1927)."""
    share = successes / count
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def exact_interval(successes: int, count: int, alpha: float = 0.05) -> tuple[float, float]:
    """The exact interval for a share (Clopper and Pearson 1934)."""
    from scipy.special import betaincinv

    low = float(betaincinv(successes, count - successes + 1, alpha / 2)) if successes else 0.0
    high = float(betaincinv(successes + 1, count - successes, 1 - alpha / 2)) if successes < count else 1.0
    return low, high
