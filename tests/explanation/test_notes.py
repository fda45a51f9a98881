"""Maps that show nothing are diagnosed, and notes find their map."""

from __future__ import annotations

import numpy as np
import pytest
from full_explanation import explanation
from small_nets import Planted

import seewhy
from seewhy.explanation import page
from seewhy.explanation.notes import LOG_ODDS, Ranking, empty_notes, is_saturated, notes_by_map, value_in_words
from seewhy.records import Note, Prediction, Target


@pytest.mark.parametrize(
    ("map", "expected"),
    [
        (np.zeros((2, 2)), ["The map is empty: at 'relu' nothing speaks for 'bear' (score 0.004, rank 3)"]),
        (np.full((2, 2), 5.0), ["The map is flat: at 'relu' every place counts the same for 'bear' (score 0.004, rank 3)"]),
        (np.eye(2), []),
        (np.full((1, 1), 5.0), []),
    ],
)
def test_a_map_that_shows_nothing(map: np.ndarray, expected: list[str]) -> None:
    maps = np.stack([np.arange(map.size).reshape(map.shape) + np.eye(*map.shape), map]).astype(np.float32)
    notes = empty_notes(maps, [Target("cow", 1, 0.9, 1), Target("bear", 0, 0.0041, 3)], "relu")
    assert notes == expected
    assert [note.target for note in notes] == [1] * len(expected)


def test_an_empty_map_says_how_far_down_its_class_stands() -> None:
    targets = [Target("bear", 0, 0.0041, 7), Target("cow", 1, 0.9, 1), Target("function", None, 3.0, None)]
    notes = empty_notes(np.zeros((3, 2, 2), np.float32), targets, "relu", ranking=Ranking(10, "cow"))
    assert notes == [
        "The map is empty: at 'relu' nothing speaks for 'bear' (score 0.004, rank 7 of 10); the top class is 'cow'",
        "The map is empty: at 'relu' nothing speaks for 'cow' (score 0.90, rank 1 of 10)",
        "The map is empty: at 'relu' nothing speaks for 'function' (score 3.00)",
    ]


def test_the_cure_of_an_empty_map_stands_under_it() -> None:
    targets = [Target("cow", 1, 0.5, 1), Target("bear", 0, 1e-10, 3), Target("function", None, 1e-10, None)]
    notes = empty_notes(np.zeros((3, 2, 2), np.float32), targets, None, "try this", "probability")
    assert [(note, note.target) for note in notes[1::2]] == [("try this", 0), (Note(LOG_ODDS), 1), ("try this", 2)]
    assert len(empty_notes(np.ones((3, 2, 2), np.float32), targets, None, "try this", "probability")) == 3  # flat


@pytest.mark.parametrize(
    ("score", "unit", "expected"),
    [
        (1e-10, "probability", True),
        (1 - 1e-6, "probability", True),
        (0.01, "probability", False),
        (1e-10, "logit", False),
        (1e-10, "score", False),
    ],
)
def test_a_probability_is_saturated_near_0_and_1(score: float, unit: str, expected: bool) -> None:
    assert is_saturated(Target("bear", 0, score, 1), unit) is expected


@pytest.mark.parametrize(
    ("own", "other", "expected"), [(0.9999, 1e-5, True), (0.9999, 0.05, False), (1e-6, 0.5, False), (0.5, 1e-6, False)]
)
def test_a_difference_of_probabilities_moves_as_long_as_one_of_them_does(own: float, other: float, expected: bool) -> None:
    target = Target("cow", 1, own, 1, Prediction("bear", 0, other))
    assert is_saturated(target, "probability") is expected
    assert not is_saturated(target, "logit")


def test_a_comparison_in_words() -> None:
    cow = Target("cow", 1, 0.9, 1, Prediction("bear", 0, 0.0041))
    assert value_in_words(cow, "log-odds") == "log-odds of 'cow' (0.90) minus that of 'bear' (0.004)"
    assert value_in_words(Target("cow", 1, 0.9, 1), "probability") == "probability of 'cow' (0.90)"
    assert empty_notes(np.zeros((1, 2, 2), np.float32), [cow], "relu") == [
        "The map is empty: at 'relu' nothing speaks for 'cow, not bear' (score 0.90 against 0.004, rank 1)"
    ]


def test_notes_by_their_map() -> None:
    several = explanation(notes=[Note("first", 0), "plain", Note("second", 1), "a note"])
    assert notes_by_map(several) == ([["first"], ["second"]], ["a note", "plain"])  # "a note" is the photo's own
    single = explanation(maps=np.ones((1, 2, 2), np.float32), notes=[Note("first", 0), "plain"])
    assert notes_by_map(single) == ([["first", "plain"]], ["a note"])


def test_settings_in_a_photo_s_notes_are_spelled_out_once() -> None:
    """They stood there with their marks, and below the map again."""
    clf = seewhy.Classifier(Planted(5).eval(), seewhy.Preprocess(size=(16, 24), channels=5, range=10000))
    e = seewhy.explain(clf, np.random.default_rng(0).integers(0, 9999, (16, 24, 5)).astype(np.uint16), method="grad_cam")
    (own, of_photo) = notes_by_map(e)
    assert of_photo[0].startswith("bands 0, 1, 2 shown, of 5 (counted from 0; display= chooses), each stretched")
    assert own == [[]]
    assert all("\x01" not in panel.caption for panel in e.panels())
    assert page(e).count("bands 0, 1, 2 shown") == page(e).count("display= chooses")
    assert "\x01" not in page(e)
    assert e.record()["photo"]["notes"] == of_photo
