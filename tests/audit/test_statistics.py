from __future__ import annotations

import math

import numpy as np
import pytest

from seewhy.audit.statistics import (
    declared,
    effect_interval,
    log_e_value,
    power,
)


def e_value_by_the_equation(effects: list[float], tolerated: float) -> float:
    """Product by product, as it stands in the paper."""
    (values, mean) = ([(effect + 1) / 2 for effect in effects], (1 + tolerated) / 2)
    products = []
    for number in range(1, 21):
        stake = number / 21 / mean
        product = 1.0
        for value in values:
            product *= 1 + stake * (value - mean)
        products.append(product)
    return sum(products) / len(products)


@pytest.mark.parametrize("effects", [[1.0], [0.0, 1.0, -1.0], [0.3, 0.5, 1.0, 0.0, -0.2], []])
def test_e_values_are_those_of_the_equation(effects: list[float]) -> None:
    expected = e_value_by_the_equation(effects, 0.1)
    assert math.exp(log_e_value(effects)) == pytest.approx(expected, rel=1e-12)


def test_one_photo_that_turned() -> None:
    """By hand: 1 + λ (1 - 0.55) with the mean stake 1 / 2 / 0.55."""
    assert math.exp(log_e_value([1.0])) == pytest.approx(1 + 0.5 / 0.55 * 0.45)


def test_an_e_value_expects_no_more_than_one_where_the_null_is_true() -> None:
    """At the boundary, over all outcomes of five photos: the expectation is summed, not sampled."""
    expectation = 0.0
    for outcome in range(3**5):
        digits = [outcome // 3**place % 3 for place in range(5)]
        probability = math.prod((0.15, 0.60, 0.25)[digit] for digit in digits)  # mean 0.10
        expectation += probability * math.exp(log_e_value([digit - 1.0 for digit in digits]))
    assert expectation == pytest.approx(1.0, abs=1e-9)


def test_the_largest_e_values_are_declared_as_long_as_their_rank_pays_for_them() -> None:
    logs = [math.log(value) for value in (100.0, 39.0, 41.0, 1.0)]
    # H / alpha = 80: 1 · 100 is enough, 2 · 41 = 82 is enough, 3 · 39 = 117 is enough, 4 · 1 is not
    assert declared(logs) == [0, 1, 2]
    assert declared(logs, hypotheses=6) == []  # 120: 100, 82 and 117 are not enough
    assert declared([]) == []
    assert declared([math.log(20.0)]) == [0]
    assert declared([math.log(19.9)]) == []


def test_false_discoveries_are_rare() -> None:
    """2,000 audits of ten candidates, two with a true effect of 0.4 and eight at the boundary of the null."""
    random = np.random.default_rng(0)
    (false, hits) = ([], 0)
    for _ in range(2000):
        effects = [random.choice([1.0, 0.0], 100, p=[p, 1 - p]) for p in [0.4] * 2 + [0.1] * 8]
        found = declared([log_e_value(one) for one in effects])
        hits += sum(place < 2 for place in found)
        false.append(sum(place >= 2 for place in found) / max(1, len(found)))
    assert np.mean(false) <= 0.05
    assert hits / 4000 > 0.9


def test_intervals_cover_and_hold_after_selection() -> None:
    random = np.random.default_rng(1)
    (missed_any, missed_declared) = ([], [])
    for _ in range(300):
        means = [0.5, 0.3, 0.1, 0.1]
        effects = [random.choice([1.0, 0.0, -1.0], 60, p=[p + 0.05, 0.9 - p, 0.05]) for p in means]
        found = declared([log_e_value(one) for one in effects])
        (low, high) = effect_interval(effects[0])
        missed_any.append(not low <= 0.5 <= high)
        intervals = {place: effect_interval(effects[place], 0.05 * len(found) / 4) for place in found}
        missed_declared.append(
            sum(not low <= means[place] <= high for place, (low, high) in intervals.items()) / max(1, len(found))
        )
    assert np.mean(missed_any) <= 0.05
    assert np.mean(missed_declared) <= 0.05


def test_an_interval_holds_the_mean_and_shrinks() -> None:
    (few, many) = (effect_interval([1.0, 0.0] * 10), effect_interval([1.0, 0.0] * 100))
    assert few[0] < many[0] < 0.5 < many[1] < few[1]
    assert effect_interval([]) == (-1.0, 1.0)
    assert effect_interval([1.0] * 50)[1] == 1.0
    (low, high) = effect_interval([0.25] * 40)
    assert low < 0.25 < high
    assert effect_interval([0.0] * 40, 0.1)[1] < effect_interval([0.0] * 40)[1] < 0.2


def test_power_is_that_of_audits() -> None:
    random = np.random.default_rng(2)
    for effect, recipients in ((0.4, 60), (0.3, 60), (0.5, 24)):
        effects = (random.random((2000, recipients)) < effect).astype(float)
        found = [bool(declared([log_e_value(one)], hypotheses=12)) for one in effects]
        assert power(effect, recipients, 12) == pytest.approx(np.mean(found), abs=0.03)  # 2.7 standard deviations


def test_power_by_hand() -> None:
    """Of twenty photos so many have to turn that 20 · H are reached; the rest is the binomial distribution."""
    least = next(n for n in range(21) if declared([log_e_value([1.0] * n + [0.0] * (20 - n))], hypotheses=5))
    expected = sum(math.comb(20, n) * 0.5**20 for n in range(least, 21))
    assert power(0.5, 20, 5) == pytest.approx(expected, rel=1e-9)
    assert power(1.0, 20, 5) == 1.0
    assert power(0.5, 3, 5) == 0.0  # not even all of them would do


def test_more_photos_and_larger_effects_are_found_more_often() -> None:
    assert power(0.3, 0, 10) == 0.0
    assert power(0.5, 8, 18) < 0.1
    assert power(0.3, 64, 18) < power(0.3, 128, 18) < power(0.3, 256, 18)
    assert power(0.3, 128, 18) < power(0.5, 128, 18)
