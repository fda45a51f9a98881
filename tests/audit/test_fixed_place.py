from __future__ import annotations

import numpy as np
import pytest
from reduced_photos import COLUMNS, ROWS, STAMP, noise, photos, stamped
from tried_candidates import STAMP_BOX, stamp_candidate

from seewhy.audit.boxes import box_of, cells_of, with_rim
from seewhy.audit.candidates import CueChange
from seewhy.audit.fixed_place import SAME, SIMILAR, FixedPlace, brightest_place, corners, normalised, recurring_places, resembles
from seewhy.audit.kinds import (
    CORNER,
    COVERED,
    CUE,
    ELSEWHERE,
    EVIDENCE,
    FILLED,
    OTHER_PLACE,
    RECURRING,
    REPLACED,
    SHUFFLED,
    THIRD,
)
from seewhy.audit.photos import SIDE
from seewhy.edits import Inpaint, Paste


def class_with_a_stamp(count: int, share: float) -> list[np.ndarray]:
    return [stamped(noise(n)) if n < round(share * count) else noise(n) for n in range(count)]


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_a_stamp_in_part_of_the_photos_is_found_to_the_pixel(share: float) -> None:
    own = photos(class_with_a_stamp(40, share))
    others = photos([noise(1000 + n) for n in range(60)], label=1, first=100)
    candidates = recurring_places(0, own, others)
    assert candidates[0].why == RECURRING
    (rows, columns) = cells_of(candidates[0].box)
    assert (rows, columns) == (ROWS, COLUMNS)
    assert candidates[0].mask.all()
    assert len(candidates[0].carriers(own)) == round(share * 40)
    assert candidates[0].carriers(others) == []
    assert candidates[0].donors == candidates[0].carriers(own)


def test_a_stamp_on_every_class_alike_is_none_of_one() -> None:
    own = photos(class_with_a_stamp(40, 1.0))
    others = photos([stamped(noise(1000 + n)) for n in range(60)], label=1, first=100)
    assert recurring_places(0, own, others) == []


def test_different_photos_have_nothing_in_common() -> None:
    assert recurring_places(0, photos([noise(n) for n in range(40)]), photos([noise(1000)], label=1)) == []


def test_flat_photos_have_nothing_to_find() -> None:
    flat = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert recurring_places(0, photos([flat] * 5), photos([flat] * 5, label=1)) == []


def test_two_places_are_two_candidates() -> None:
    pictures = class_with_a_stamp(30, 1.0)
    for picture in pictures:
        picture[4:14, 40:54] = picture[ROWS, COLUMNS][::-1]
    boxes = {candidate.box for candidate in recurring_places(0, photos(pictures), [])}
    assert boxes == {box_of(ROWS, COLUMNS), box_of(slice(4, 14), slice(40, 54))}


def test_maps_point_at_the_region_around_their_peak() -> None:
    mean_map = np.zeros((SIDE, SIDE))
    mean_map[10:16, 20:30] = 1.0
    mean_map[12, 24] = 1.5
    mean_map[40:42, 40:42] = 0.9
    candidate = brightest_place(2, mean_map, photos([noise(1), noise(2)]))
    assert candidate is not None
    assert (candidate.why, candidate.class_index) == (EVIDENCE, 2)
    assert candidate.box == box_of(slice(10, 16), slice(20, 30))
    assert candidate.template.shape == (6, 10, 3)
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
    assert candidates[0].template.shape == (16, 16, 3)


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


def test_carriers_show_the_template() -> None:
    pictures = [stamped(noise(0)), noise(1), stamped(noise(2))]
    assert [photo.number for photo in stamp_candidate().carriers(photos(pictures))] == [0, 2]
    assert [photo.number for photo in stamp_candidate(why=EVIDENCE).carriers(photos(pictures))] == [0, 1, 2]  # each has its own
    assert stamp_candidate(why=EVIDENCE).carriers(photos(pictures, label=1)) == []


def test_where_maps_point_nothing_is_an_overlay() -> None:
    """Nor where the same pixels fill a small part of the box alone: the rest may be what turns answers."""
    assert stamp_candidate().is_overlay
    assert not stamp_candidate(why=EVIDENCE).is_overlay
    assert not stamp_candidate(constant=False).is_overlay
    assert stamp_candidate().words.startswith("the same pixels in the lower left corner (rows 78-94 %")
    assert stamp_candidate(why=EVIDENCE).words.startswith("what lies in the lower left corner")


def test_what_is_behind_a_cue_does_not_count() -> None:
    """A round logo in a square box: the mask leaves the corners out."""
    mask = np.zeros((10, 14), bool)
    mask[2:8, 3:11] = True
    pictures = []
    for seed in range(4):
        picture = stamped(noise(seed))
        background = noise(seed + 10)[ROWS, COLUMNS]
        picture[ROWS, COLUMNS] = np.where(mask[:, :, None], STAMP, background)
        pictures.append(picture)
    template = (STAMP / 255).astype(np.float32)
    with_mask = FixedPlace(0, RECURRING, photos([noise(0)]), STAMP_BOX, template, mask, [])
    assert len(with_mask.carriers(photos(pictures))) == 4
    assert len(stamp_candidate().carriers(photos(pictures))) == 0


def test_dark_and_light_copies_of_a_pattern_differ_and_flat_ones_are_like_nothing() -> None:
    template = np.tile(np.float32([[0.1], [0.2]]), (4, 4, 1)).repeat(3, axis=2)
    patches = np.stack([template, template + 0.5, np.full_like(template, 0.15)])
    assert resembles(patches, template, SAME).tolist() == [True, False, False]
    assert resembles(patches[:0], template, SAME).tolist() == []


def test_similar_is_not_the_same() -> None:
    template = np.random.default_rng(0).random((10, 10, 3)).astype(np.float32) / 2
    patch = (template + 0.05)[None]
    assert (resembles(patch, template, SIMILAR).tolist(), resembles(patch, template, SAME).tolist()) == ([True], [False])


def test_normalised_rows_multiply_to_their_correlation() -> None:
    (first, second) = np.random.default_rng(0).random((2, 50)).astype(np.float32)
    unit = normalised(np.stack([first, second]))
    assert float(unit[0] @ unit[1]) == pytest.approx(np.corrcoef(first, second)[0, 1], abs=1e-5)
    assert float(unit[0] @ unit[0]) == pytest.approx(1, abs=1e-5)
