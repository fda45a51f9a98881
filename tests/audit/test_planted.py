from __future__ import annotations

import pytest

from seewhy.audit.drawn_cues import CAST, LOGO, STAMP, STICKER
from seewhy.audit.kinds import EVIDENCE, LOCAL, MOVING, NONE, RECURRING, RING, SHORTCUT, SURROUNDINGS, UNDECIDED
from seewhy.audit.planted import PlantedCue, is_found, sensitivity
from seewhy.edits import Box

BOX: Box = (0.8, 0.1, 1.0, 0.3)
WIDER: Box = (0.8, 0.1, 1.0, 0.49)  # 0.2 / 0.39: more than half in common
TOO_WIDE: Box = (0.8, 0.1, 1.0, 0.51)
OTHER: Box = (0.0, 0.1, 0.2, 0.3)


@pytest.mark.parametrize(
    ("kind", "place", "found"),
    [
        (SHORTCUT, BOX, True),
        (LOCAL, WIDER, True),
        (SHORTCUT, TOO_WIDE, False),
        (SHORTCUT, OTHER, False),
        (NONE, BOX, False),
        (UNDECIDED, None, False),
        (SURROUNDINGS, BOX, False),
        (SHORTCUT, None, False),
    ],
)
@pytest.mark.parametrize("cue", [LOGO, STAMP])
def test_a_cue_of_a_fixed_place_is_found_there(cue: str, kind: str, place: Box | None, found: bool) -> None:
    assert is_found(cue, BOX, {"a": BOX}, kind, RECURRING, place, None) is found


@pytest.mark.parametrize(
    ("why", "kind", "boxes", "found"),
    [
        (MOVING, SHORTCUT, {"a": BOX, "b": OTHER}, True),
        (MOVING, LOCAL, {"a": BOX, "b": BOX}, True),  # in half of the photos
        (MOVING, SHORTCUT, {"a": OTHER, "b": BOX}, False),
        (MOVING, SHORTCUT, {"a": BOX, "c": BOX, "d": BOX}, False),  # in photos that do not have it
        (MOVING, NONE, {"a": BOX, "b": OTHER}, False),
        (MOVING, SHORTCUT, None, False),
        (EVIDENCE, LOCAL, {"a": BOX, "b": OTHER}, False),
    ],
)
def test_a_sticker_is_found_photo_by_photo(why: str, kind: str, boxes: dict[str, Box] | None, found: bool) -> None:
    assert is_found(STICKER, None, {"a": BOX, "b": OTHER}, kind, why, None, boxes) is found


@pytest.mark.parametrize(
    ("kind", "why", "found"),
    [(SURROUNDINGS, "colour cast", True), (SURROUNDINGS, RING, False), (LOCAL, "colour cast", False), (LOCAL, EVIDENCE, False)],
)
def test_a_cast_is_found_as_surroundings(kind: str, why: str, found: bool) -> None:
    assert is_found(CAST, None, {}, kind, why, None, None) is found


def planted(kind: str, found: bool, turned: float = 1.0) -> PlantedCue:
    return PlantedCue("bear", LOGO, 0.6, turned, False, kind, found, BOX, "said so")


def test_what_turns_half_of_the_others_is_relied_on() -> None:
    assert planted(NONE, False, 0.5).relied
    assert not planted(NONE, False, 0.49).relied


@pytest.mark.parametrize(
    ("cues", "sentence"),
    [
        (
            [
                planted(SHORTCUT, True),
                planted(SHORTCUT, True),
                planted(LOCAL, True),
                planted(NONE, False),
                planted(LOCAL, True, 0.1),
            ],
            "On your photos, 3 of 4 planted cues were found, 2 as a shortcut, 1 as local reliance "
            "(sensitivity only, for clear opaque cues of ours: it says nothing about false alarms); the head did not learn 1 "
            "more",
        ),
        (
            [planted(NONE, False), planted(SHORTCUT, False)],
            "On your photos, 0 of 2 planted cues were found (sensitivity only, for clear opaque cues of ours: it says nothing "
            "about false alarms)",
        ),
        (
            [planted(SURROUNDINGS, True)],
            "On your photos, 1 of 1 planted cues were found, 1 as surroundings "
            "(sensitivity only, for clear opaque cues of ours: it says nothing about false alarms)",
        ),
        ([planted(NONE, False, 0.2)] * 2, "No head learned any of 2 planted cues: nothing is known of what would be found"),
        ([], "Nothing could be planted: it takes two classes with enough photos that are answered rightly"),
    ],
)
def test_the_sentence_counts_what_was_learned(cues: list[PlantedCue], sentence: str) -> None:
    assert sensitivity(cues) == sentence
