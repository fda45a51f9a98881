"""Maps that show nothing are diagnosed, and notes find their map."""

from __future__ import annotations

import numpy as np
import pytest
from full_explanation import explanation

from seewhy.explanation.notes import empty_notes, notes_by_map
from seewhy.records import Note, Target


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


def test_notes_by_their_map() -> None:
    several = explanation(notes=[Note("first", 0), "plain", Note("second", 1), "a note"])
    assert notes_by_map(several) == ([["first"], ["second"]], ["a note", "plain"])  # "a note" is the photo's own
    single = explanation(maps=np.ones((1, 2, 2), np.float32), notes=[Note("first", 0), "plain"])
    assert notes_by_map(single) == ([["first", "plain"]], ["a note"])
