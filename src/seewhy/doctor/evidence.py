"""Which of two preparations is right: differences between photos that went through both, with an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from seewhy.doctor.trials import Trial

Doubles = npt.NDArray[np.float64]
MOST_CLASSES = 100
RESAMPLES = 400
FEWEST = 4  # photos, for an interval
ENOUGH = 20  # labelled photos, of which a network that is right on two in three is told from guessing among three classes
_TEMPERATURES = np.geomspace(1 / 3, 3, 15)  # an overconfident network is still right; one that is fed 0-255 is not
LEVEL = 0.01  # of all comparisons together
# Tuned on the networks of ``bench.doctor``'s tuning set. A gap in nats, of sound networks 0.002 to 0.03.
LEAST_GAIN = 0.006  # in nats of the gap
HALF = 0.55  # of the current gap is what the better preparation may have
GROSS = (0.5, 0.3)  # with fewer photos than an interval needs: a gap above the first that falls below this share
# A gap above the second is no sound network's, nor that of usual photos, from so many photos on. Of a demo network and a small
# one, drawn 200 times from their own photos: one photo up to 0.52, four up to 0.50, eight up to 0.24, twelve up to 0.17.
UNFIT = ((12, 0.3), (FEWEST, 0.6), (1, 0.75))
LEAST_LIKELIHOOD = 0.02  # nats a photo
RICHER = 2.0  # times as much information as now, where gain and range change; of the same values ...
RICHER_ALIKE = 1.15  # ... in another order or size


@dataclass(frozen=True)
class Interval:
    """A difference with its interval, in favour of the other preparation where above zero."""

    value: float
    low: float
    high: float

    def record(self) -> list[float | None]:
        """The value and its ends for evidence; None for an end that is not known."""
        return [round(float(v), 5) if np.isfinite(v) else None for v in (self.value, self.low, self.high)]


def log_softmax(logits: Doubles, temperature: float = 1.0) -> Doubles:
    """Row by row."""
    scaled = logits / temperature
    scaled = scaled - scaled.max(axis=1, keepdims=True)
    result: Doubles = scaled - np.log(np.exp(scaled).sum(axis=1, keepdims=True))
    return result


def log_likelihoods(logits: Doubles, true: npt.NDArray[np.intp]) -> Doubles:
    """Of the true class, photo by photo, at the one temperature that suits them best. logits ``(N, K)``, true ``(N,)``."""
    rows = np.arange(len(true))
    each = [log_softmax(logits, t)[rows, true] for t in _TEMPERATURES]
    return max(each, key=lambda row: float(row.mean()))


def paired(difference: Doubles, comparisons: int) -> Interval:
    """The mean of ``(N,)`` differences and its t-interval, at :data:`LEVEL` over so many comparisons."""
    from scipy.special import stdtrit

    count = len(difference)
    value = float(difference.mean())
    if count < 2:
        return Interval(value, -np.inf, np.inf)
    error = float(difference.std(ddof=1)) / np.sqrt(count)
    width = float(stdtrit(count - 1, 1 - LEVEL / 2 / comparisons)) * error
    return Interval(value, value - width, value + width)


def gap_difference(current: Trial, other: Trial, seed: int = 0) -> Interval:
    """How much smaller the other's gap is, its interval by bootstrap over the photos.

    At :data:`LEVEL` for one comparison: that the gap must fall by nearly half, too, is asked beside it.
    """
    count = len(current.outputs)
    value = float(current.gap()[0] - other.gap()[0])
    if count < FEWEST:
        (least, share) = GROSS
        gross = current.gap()[0] > least and other.gap()[0] < share * current.gap()[0]
        return Interval(value, value if gross else -np.inf, value if gross else np.inf)
    weights = np.random.default_rng(seed).multinomial(count, np.full(count, 1 / count), RESAMPLES).astype(np.float64)
    differences = current.gap(weights) - other.gap(weights)
    from scipy.special import ndtri

    spread = float(ndtri(1 - LEVEL / 2)) * float(differences.std())
    return Interval(value, value - spread, value + spread)


def information(logits: Doubles, of_cut: Doubles, weights: Doubles | None = None) -> Doubles:
    """What a photo's prediction tells of that of a cut of it (mutual information of the two, in nats), minus how far the two
    are apart (Kullback-Leibler, in nats); ``(B,)`` for weights ``(B, N)``.

    A network that is fed what it knows says much, and says it again; one that is fed far too large values says much, and
    another thing each time; one that is fed too small ones says nothing.
    """
    (first, second) = (log_softmax(logits), log_softmax(of_cut))
    (p, q) = (np.exp(first), np.exp(second))
    apart = (p * (first - second)).sum(axis=1)
    (p, q) = _largest(p, q)
    weights = np.ones((1, len(p))) if weights is None else weights
    values = []
    for row in weights / weights.sum(axis=1, keepdims=True):
        joint = (p * row[:, None]).T @ q
        joint = (joint + joint.T) / 2
        alone = joint.sum(axis=1)
        mutual = (joint * np.log((joint + 1e-12) / (np.outer(alone, alone) + 1e-12))).sum()
        values.append(float(mutual) - float(row @ apart))
    return np.array(values)


def _largest(p: Doubles, q: Doubles) -> tuple[Doubles, Doubles]:
    """The probabilities of the most frequent classes, all others together as one more: a thousand classes make large tables."""
    if p.shape[1] <= MOST_CLASSES:
        return p, q
    kept = np.argsort(-(p.sum(axis=0) + q.sum(axis=0)))[:MOST_CLASSES]
    (first, second) = (np.column_stack([part[:, kept], 1 - part[:, kept].sum(axis=1)]) for part in (p, q))
    return np.maximum(first, 0), np.maximum(second, 0)


def information_difference(
    current: tuple[Doubles, Doubles], other: tuple[Doubles, Doubles], comparisons: int, seed: int = 0
) -> Interval:
    """How much more the other's predictions say, its interval by the jackknife over the photos."""
    from scipy.special import ndtri

    count = len(current[0])
    value = float(information(*other)[0] - information(*current)[0])
    if count < 2 * FEWEST:
        return Interval(value, -np.inf, np.inf)
    without = 1 - np.eye(count)
    left_out = information(*other, without) - information(*current, without)
    error = np.sqrt((count - 1) / count * ((left_out - left_out.mean()) ** 2).sum())
    width = float(ndtri(1 - LEVEL / 2 / comparisons)) * float(error)
    return Interval(value, value - width, value + width)


def is_unfit(gap: float, photos: int) -> bool:
    """Whether so many photos are farther from what the BatchNorms expect than chance in their choice explains."""
    return gap > next(limit for least, limit in UNFIT if photos >= least)


def better_by_chance(gained: int, lost: int) -> float:
    """The one-sided exact probability of as many gained among those that changed (McNemar's test)."""
    from scipy.special import bdtrc

    return float(bdtrc(gained - 1, gained + lost, 0.5)) if gained else 1.0


def is_like_guessing(right: int, labels: npt.NDArray[np.intp]) -> bool:
    """Whether so many right are no more than by naming the most frequent class always, beyond chance; False for too few photos to
    tell a fair network from that."""
    from scipy.special import bdtrc

    count = len(labels)
    if count < ENOUGH:
        return False
    share = float(np.bincount(labels).max()) / count
    return right == 0 or float(bdtrc(right - 1, count, share)) > LEVEL
