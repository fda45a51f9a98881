"""Which notes belong to one map of a photo, and which to all of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.compare.notes import EMPTY, notes_of_maps, own_notes, shared_notes
from seewhy.errors import setting
from seewhy.records import Note


@pytest.fixture(scope="module")
def explanation() -> seewhy.Explanation:
    return seewhy.explain(seewhy.load("demo:honest"), np.random.default_rng(0).integers(0, 256, (96, 128), dtype=np.uint8))


def test_what_all_maps_say_stands_once(explanation: seewhy.Explanation) -> None:
    grey = explanation.notes[0]
    assert grey in explanation.photo.notes
    row = [replace(explanation, notes=[grey, *more]) for more in ([], ["too few"], ["too few", "stopped"])]
    assert shared_notes(row) == [grey]
    assert own_notes(row) == [[], ["too few"], ["too few", "stopped"]]
    assert notes_of_maps(["a", "b", "c"], row) == [grey, "b: too few", "c: too few", "c: stopped"]


def test_a_single_map_shares_the_notes_of_the_photo(explanation: seewhy.Explanation) -> None:
    row = [replace(explanation, notes=[*explanation.notes[:1], "too few"]), None]
    assert notes_of_maps(["a", "b"], row) == [explanation.notes[0], "a: too few"]


def test_an_empty_map_has_a_note_and_settings_stay_marked(explanation: seewhy.Explanation) -> None:
    text = Note(f"use {setting('relu', False)}")
    row = [replace(explanation, notes=[]), replace(explanation, maps=0 * explanation.maps, notes=[text])]
    (first, second) = notes_of_maps(["a", "b"], row)
    assert first.spelled(lambda name, value: f"--no-{name}") == "b: use --no-relu"
    assert second == f"b: {EMPTY}"
