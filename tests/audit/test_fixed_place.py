from __future__ import annotations

import numpy as np
import pytest
from reduced_photos import COLUMNS, ROWS, noise, photos, stamped

from seewhy.audit.candidates import CORNER, EVIDENCE, RECURRING, box_of, cells_of
from seewhy.audit.fixed_place import brightest_place, corners, recurring_places
from seewhy.audit.photos import SIDE


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
