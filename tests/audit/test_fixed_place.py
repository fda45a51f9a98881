from __future__ import annotations

import numpy as np
from reduced_photos import noise, photos, stamped
from tried_candidates import STAMP_BOX, stamp_candidate

from seewhy.audit.boxes import box_of, with_rim
from seewhy.audit.candidates import CueChange
from seewhy.audit.fixed_place import brightest_place, corners
from seewhy.audit.kinds import (
    CORNER,
    COVERED,
    CUE,
    ELSEWHERE,
    EVIDENCE,
    FILLED,
    OTHER_PLACE,
    REPLACED,
    SHUFFLED,
    THIRD,
)
from seewhy.audit.photos import SIDE
from seewhy.edits import Inpaint, Paste


def test_maps_point_at_the_region_around_their_peak() -> None:
    mean_map = np.zeros((SIDE, SIDE))
    mean_map[10:16, 20:30] = 1.0
    mean_map[12, 24] = 1.5
    mean_map[40:42, 40:42] = 0.9
    candidate = brightest_place(2, mean_map, photos([noise(1), noise(2)]))
    assert candidate is not None
    assert (candidate.why, candidate.class_index) == (EVIDENCE, 2)
    assert candidate.box == box_of(slice(10, 16), slice(20, 30))
    assert brightest_place(0, np.zeros((SIDE, SIDE)), photos([noise(1)])) is None


def test_without_anything_known_the_corners_are_left() -> None:
    candidates = corners(1, photos([noise(1), noise(2)]))
    assert [candidate.box for candidate in candidates] == [
        (0.0, 0.0, 0.25, 0.25),
        (0.0, 0.75, 0.25, 1.0),
        (0.75, 0.0, 1.0, 0.25),
        (0.75, 0.75, 1.0, 1.0),
    ]
    assert {(candidate.why, candidate.class_index) for candidate in candidates} == {(CORNER, 1)}


def test_a_cue_is_put_on_a_photo_beside_its_controls() -> None:
    salient = [(0.0, 0.0, 10 / 64, 14 / 64), (0.0, 0.5, 10 / 64, 0.5 + 14 / 64)]
    candidate = stamp_candidate(donors=photos([stamped(noise(n)) for n in range(2)]), salient=salient)
    recipient = photos([noise(10)], label=1, first=10)[0]
    thirds = photos([noise(20 + n) for n in range(3)], label=2, first=20)
    assert candidate.put_on(recipient, 1, thirds) == [
        CueChange(CUE, Paste(source="0/1.png", box=STAMP_BOX)),  # the second donor of the second photo
        *(CueChange(CUE, Paste(source="0/1.png", box=STAMP_BOX, source_box=box), ELSEWHERE) for box in salient),
        *(CueChange(CUE, Paste(source=f"2/{n}.png", box=STAMP_BOX), THIRD) for n in (22, 20)),
        CueChange(CUE, Inpaint(box=STAMP_BOX), COVERED),
        CueChange(CUE, Paste(source="0/1.png", box=STAMP_BOX, shuffle=0), SHUFFLED),
    ]


def test_a_cue_is_taken_away_in_two_ways_and_so_are_its_controls() -> None:
    carrier = photos([stamped(noise(0))])[0]
    third = photos([noise(5)], label=1, first=5)
    changes = stamp_candidate().taken_away(carrier, 0, third)
    assert changes[:2] == [
        CueChange(FILLED, Inpaint(box=with_rim(STAMP_BOX))),
        CueChange(REPLACED, Paste(source="1/5.png", box=STAMP_BOX)),
    ]
    assert [(change.role, change.control) for change in changes[2:]] == [(FILLED, OTHER_PLACE), (REPLACED, OTHER_PLACE)] * 3
    assert {change.role for change in stamp_candidate().taken_away(carrier, 0, [])} == {FILLED}


def test_where_maps_point_each_photo_of_the_class_has_its_own() -> None:
    pictures = [stamped(noise(0)), noise(1), stamped(noise(2))]
    assert [photo.number for photo in stamp_candidate(why=EVIDENCE).carriers(photos(pictures))] == [0, 1, 2]
    assert stamp_candidate(why=EVIDENCE).carriers(photos(pictures, label=1)) == []
    assert not stamp_candidate(why=EVIDENCE).is_overlay
    assert stamp_candidate(why=EVIDENCE).words.startswith("what lies in the lower left corner")
