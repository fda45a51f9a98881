"""What of several networks' answers was right."""

from __future__ import annotations

from dataclasses import replace

from seewhy.compare.change import KINDS, Change
from seewhy.records import Prediction


def answers(*names: str, scores: tuple[float, float] = (0.5, 0.5)) -> list[Prediction]:
    """The first choices of one photo."""
    return [Prediction(name, 0, score) for name, score in zip(names, scores, strict=True)]


CHANGE = Change(
    ["before", "after"],
    ["cow", "cow", "bear", None, "bear", "cow"],
    [[True, True], [True, False], [False, True], [None, None], [False, True], [False, False]],
    [["a.jpg"], []],
    [
        answers("cow", "cow"),
        answers("cow", "bear"),
        answers("cow", "bear"),
        answers("cow", "bear"),
        answers("cow", "bear"),
        answers("bear", "bear"),
    ],
)


def test_what_was_lost_and_gained() -> None:
    assert (CHANGE.lost, CHANGE.gained) == ([1], [2, 4])
    assert CHANGE.accuracies == [2 / 5, 3 / 5]
    kinds = ["both right", "lost", "gained", "another answer", "gained", "both wrong"]
    assert [CHANGE.kind(number) for number in range(6)] == kinds
    assert [CHANGE.rank(number) for number in range(6)] == [4, 0, 1, 2, 1, 3] == [KINDS.index(kind) for kind in kinds]
    assert [CHANGE.is_told(number) for number in range(6)] == [False, True, True, True, True, True]
    assert [CHANGE.text(number) for number in (1, 2, 3)] == ["right, then wrong", "wrong, then right", ""]


def test_in_words() -> None:
    assert CHANGE.sentence == (
        "Right on 5 photos with a label: before 40 %, after 60 %; 1 was right and is wrong, 2 were wrong and are right, 1 is "
        "wrong in both."
    )
    assert CHANGE.record() == {
        "accuracies": {"before": 0.4, "after": 0.6},
        "lost": [1],
        "gained": [2, 4],
        "both_wrong": [5],
        "only": {"before": ["a.jpg"], "after": []},
    }


def test_without_labels_nothing_is_said() -> None:
    change = Change(["a", "b"], [None], [[None, None]], [[], []], [answers("cow", "cow")])
    assert (change.sentence, change.lost, change.accuracies) == ("", [], [None, None])
    assert (change.kind(0), change.is_told(0), change.rank(0)) == ("", False, 4)


def test_where_both_are_wrong_the_surest_come_first() -> None:
    """By the lower one of the two scores."""
    scores = [(0.9, 0.4), (0.6, 0.7), (0.99, 0.98), (0.2, 0.99)]
    predictions = [answers("cow", "cow" if number else "sheep", scores=pair) for number, pair in enumerate(scores)]
    change = replace(CHANGE, labels=["bear"] * 4, right=[[False, False]] * 3 + [[True, True]], predictions=predictions)
    assert change.both_wrong == [2, 1, 0]
    assert [change.sureness(number) for number in range(3)] == [0.4, 0.6, 0.98]
    assert change.doubt(1) == "both networks say cow: is the label right?"
    assert (change.doubt(0), change.doubt(3)) == ("", "")  # two answers; both are right


def test_of_three_the_first_and_the_last_are_compared() -> None:
    predictions = [[Prediction(name, 0, 0.5) for name in names] for names in (("cow", "bear", "cow"), ("cow", "cow", "bear"))]
    change = Change(["a", "b", "c"], ["cow"] * 2, [[True, False, True], [True, True, False]], [[]] * 3, predictions)
    assert (change.lost, change.gained, change.text(0)) == ([1], [], "right, then right")
    assert change.sentence.startswith("Right on 2 photos with a label: a 100 %, b 50 %, c 50 %; 1 was right and is wrong")
