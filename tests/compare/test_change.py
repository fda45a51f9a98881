"""What of several networks' answers was right."""

from __future__ import annotations

from seewhy.compare.change import Change

CHANGE = Change(
    ["before", "after"],
    ["cow", "cow", "bear", None, "bear", "cow"],
    [[True, True], [True, False], [False, True], [None, None], [False, True], [False, False]],
    [["a.jpg"], []],
)


def test_what_was_lost_and_gained() -> None:
    assert (CHANGE.lost, CHANGE.gained) == ([1], [2, 4])
    assert CHANGE.accuracies == [2 / 5, 3 / 5]
    assert [CHANGE.rank(number) for number in range(6)] == [2, 0, 1, 2, 1, 2]
    assert [CHANGE.text(number) for number in (1, 2, 3)] == ["right, then wrong", "wrong, then right", ""]


def test_in_words() -> None:
    assert CHANGE.sentence == (
        "Right on 5 photos with a label: before 40 %, after 60 %; 1 was right and is wrong, 2 were wrong and are right."
    )
    assert CHANGE.record() == {
        "accuracies": {"before": 0.4, "after": 0.6},
        "lost": [1],
        "gained": [2, 4],
        "only": {"before": ["a.jpg"], "after": []},
    }


def test_without_labels_nothing_is_said() -> None:
    change = Change(["a", "b"], [None], [[None, None]], [[], []])
    assert (change.sentence, change.lost, change.accuracies) == ("", [], [None, None])


def test_of_three_the_first_and_the_last_are_compared() -> None:
    change = Change(["a", "b", "c"], ["cow"] * 2, [[True, False, True], [True, True, False]], [[]] * 3)
    assert (change.lost, change.gained, change.text(0)) == ([1], [], "right, then right")
    assert change.sentence.startswith("Right on 2 photos with a label: a 100 %, b 50 %, c 50 %; 1 was right and is wrong")
