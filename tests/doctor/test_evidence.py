"""Differences and their intervals, against other writings of the same formulas."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from seewhy.doctor import evidence
from seewhy.doctor.trials import Moments, Trial

RNG = np.random.default_rng(4)


def trial(outputs: np.ndarray, mean: np.ndarray | None = None) -> Trial:
    if mean is None:
        return Trial(outputs, ())
    return Trial(outputs, (Moments(mean, mean**2 + 1, np.zeros(mean.shape[1]), np.ones(mean.shape[1])),))


@pytest.mark.parametrize(("photos", "largest"), [(1, 0.75), (3, 0.75), (4, 0.6), (11, 0.6), (12, 0.3), (64, 0.3)])
def test_fewer_photos_may_lie_farther_away(photos: int, largest: float) -> None:
    assert not evidence.is_unfit(largest, photos)
    assert evidence.is_unfit(largest + 0.01, photos)


def test_the_gap_is_the_divergence_of_two_normal_distributions() -> None:
    moments = Moments(np.array([[1.0, 0.0]]), np.array([[5.0, 1.0]]), np.array([0.0, 0.0]), np.array([1.0, 1.0]))
    # Channel 0: mean 1, variance 4 against 0 and 1; channel 1 as expected.
    by_hand = 0.5 * (4 + 1 - 1 - np.log(4))
    assert moments.gap(np.ones((1, 1)))[0] == pytest.approx(by_hand / 2, rel=1e-3)


def test_the_paired_interval_is_student_s() -> None:
    difference = RNG.normal(0.3, 1, 20)
    interval = evidence.paired(difference, comparisons=5)
    test = stats.ttest_1samp(difference, 0).confidence_interval(1 - 0.01 / 5)
    assert (interval.value, interval.low, interval.high) == pytest.approx((difference.mean(), test.low, test.high))
    assert evidence.paired(np.array([1.0]), 1).low == -np.inf


def test_better_by_chance_is_the_sign_test() -> None:
    assert evidence.better_by_chance(9, 1) == pytest.approx(stats.binomtest(9, 10, alternative="greater").pvalue)
    assert evidence.better_by_chance(0, 0) == 1


def test_likelihoods_take_the_temperature_that_suits_within_bounds() -> None:
    logits = RNG.normal(size=(50, 4))
    true = logits.argmax(1)
    assert evidence.log_likelihoods(logits, true).mean() == pytest.approx(evidence.log_softmax(logits, 1 / 3).max(1).mean())
    wild = 1000 * RNG.normal(size=(50, 4))
    assert evidence.log_likelihoods(wild, RNG.integers(0, 4, 50)).mean() < -100  # a factor of 3 does not tame it


def test_the_gap_s_interval_narrows_with_photos_and_says_nothing_of_few() -> None:
    def difference(count: int) -> evidence.Interval:
        near, far = RNG.normal(0, 0.3, (count, 8)), RNG.normal(0.5, 0.3, (count, 8))
        return evidence.gap_difference(trial(near, far), trial(near, near))

    assert difference(3).low == -np.inf
    assert 0 < difference(60).low < difference(60).value
    assert difference(60).high - difference(60).low < difference(6).high - difference(6).low
    gross = evidence.gap_difference(trial(np.zeros((1, 2)), np.full((1, 4), 9.0)), trial(np.zeros((1, 2)), np.zeros((1, 4))))
    assert gross.low == gross.value > 0


def test_information_is_large_for_clear_different_and_steady_answers_only() -> None:
    clear = 6 * np.eye(3)[np.arange(30) % 3]
    assert evidence.information(clear, clear)[0] == pytest.approx(np.log(3), abs=0.1)
    assert evidence.information(0 * clear, 0 * clear)[0] == pytest.approx(0, abs=1e-6)
    assert evidence.information(100 * clear, 100 * clear[::-1])[0] < -100  # sure of another class each time
    same = np.tile(6 * np.eye(3)[0], (30, 1))
    assert abs(evidence.information(same, same)[0]) < 0.05


def test_many_classes_are_lumped() -> None:
    logits = 8 * np.eye(500)[np.arange(40)]
    (p, q) = evidence._largest(*(np.exp(evidence.log_softmax(logits)),) * 2)
    assert p.shape == q.shape == (40, evidence.MOST_CLASSES + 1)
    np.testing.assert_allclose(p.sum(axis=1), 1)


def test_guessing_is_told_where_there_are_photos_enough() -> None:
    labels = np.repeat(np.arange(3), 20)
    assert evidence.is_like_guessing(23, labels)  # 38 %
    assert evidence.is_like_guessing(0, labels)
    assert not evidence.is_like_guessing(40, labels)
    one_sided = np.array([0] * 50 + [1] * 10)
    assert evidence.is_like_guessing(50, one_sided)  # the most frequent class always
    assert not evidence.is_like_guessing(59, one_sided)
    assert not evidence.is_like_guessing(2, labels[::6])  # ten photos do not tell
