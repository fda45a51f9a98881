"""Which strategy the next block of copies takes: the fixed rule, trials on real work, and what the memory allows."""

from __future__ import annotations

from typing import Any

import pytest

from seewhy.engine.strategy import (
    BETTER,
    COMPILED,
    MANY,
    RECTANGLES,
    ROUNDS,
    SIZES,
    WHOLE,
    Strategy,
    StrategyChoice,
    StrategyHistory,
)

USUAL = {RECTANGLES: 16, WHOLE: 8}


def choice(history: StrategyHistory, rectangles: bool = True, **settings: Any) -> StrategyChoice:
    return StrategyChoice(
        history, "work", USUAL.__getitem__, lambda: rectangles and not history.refused,
        **({"fixed_size": False, "most": 64} | settings),
    )  # fmt: skip


def tried(choice: StrategyChoice, seconds: dict[Strategy, float]) -> list[Strategy]:
    """Run all trials, each taking so many seconds a copy."""
    strategies = []
    while choice.is_trying:
        strategies.append(choice.next())
        choice.record(strategies[-1], strategies[-1].size, seconds[strategies[-1]])
    return strategies


ALL = [Strategy(kind, size) for kind in (RECTANGLES, WHOLE) for size in SIZES[kind]]


@pytest.mark.parametrize(("rectangles", "expected"), [(True, Strategy(RECTANGLES, 16)), (False, Strategy(WHOLE, 8))])
def test_little_work_takes_the_fixed_rule(rectangles: bool, expected: Strategy) -> None:
    strategies = choice(StrategyHistory(), rectangles)
    strategies.plan_trials(MANY - 1)
    assert not strategies.is_trying
    assert strategies.next() == expected


@pytest.mark.parametrize("fastest", ALL)
def test_much_work_takes_what_was_fastest(fastest: Strategy) -> None:
    history = StrategyHistory()
    first = choice(history)
    first.plan_trials(MANY)
    assert tried(first, dict.fromkeys(ALL, 1.0) | {fastest: 0.5}) == ALL * ROUNDS
    assert first.next() == fastest
    assert history.fastest == {"work": fastest}
    second = choice(history)  # found out once
    second.plan_trials(MANY)
    assert not second.is_trying
    assert second.next() == fastest


@pytest.mark.parametrize(("share", "expected"), [(BETTER - 0.02, Strategy(WHOLE, 4)), (BETTER + 0.02, Strategy(RECTANGLES, 16))])
def test_another_one_has_to_be_clearly_faster_than_the_usual_one(share: float, expected: Strategy) -> None:
    strategies = choice(StrategyHistory())
    strategies.plan_trials(MANY)
    tried(strategies, dict.fromkeys(ALL, 3.0) | {Strategy(RECTANGLES, 16): 1.0, Strategy(WHOLE, 4): share})
    assert strategies.next() == expected


def test_the_best_of_a_strategy_s_times_counts() -> None:
    strategies = choice(StrategyHistory())
    strategies.plan_trials(MANY)
    for number, strategy in enumerate(ALL * ROUNDS):
        is_last_round = number >= len(ALL) * (ROUNDS - 1)
        strategies.record(strategy, strategy.size, 0.1 if is_last_round and strategy == ALL[1] else 1.0)
    assert strategies.next() == ALL[1]


def test_a_block_of_another_size_decides_nothing() -> None:
    strategies = choice(StrategyHistory())
    strategies.plan_trials(MANY)
    strategies.record(ALL[0], ALL[0].size - 1, 0.1)
    assert strategies.next() == ALL[0]


def test_rectangles_that_are_refused_are_tried_no_more() -> None:
    history = StrategyHistory()
    strategies = choice(history)
    strategies.plan_trials(MANY)
    history.refused = "for a reason"
    assert [strategy.kind for strategy in tried(strategies, dict.fromkeys(ALL, 1.0))] == [WHOLE] * 3 * ROUNDS
    assert strategies.next() == Strategy(WHOLE, 8)
    assert choice(StrategyHistory(refused="once", fastest={"work": ALL[1]})).next() == Strategy(WHOLE, 32)


def test_out_of_memory_halves_what_goes_at_once() -> None:
    strategies = choice(StrategyHistory())
    strategies.plan_trials(MANY)
    strategies.out_of_memory(16)
    assert not strategies.is_trying
    assert strategies.next() == Strategy(RECTANGLES, 8)
    strategies.out_of_memory(8)
    assert strategies.next() == Strategy(RECTANGLES, 4)


def test_a_person_s_batch_size_is_kept() -> None:
    history = StrategyHistory(fastest={"work": Strategy(COMPILED, 16)})
    assert choice(history, most=5, fixed_size=True).next() == Strategy(RECTANGLES, 5)
    assert choice(history, most=5).next() == Strategy(COMPILED, 5)


def test_no_trials_where_the_memory_leaves_one_strategy() -> None:
    strategies = choice(StrategyHistory(), rectangles=False, most=4)
    strategies.plan_trials(MANY)
    assert not strategies.is_trying
    assert strategies.next() == Strategy(WHOLE, 4)
