from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image
from reduced_photos import noise, photos

from seewhy.audit import photos as module
from seewhy.audit.photos import MOST_OF_HALF, SIDE, Drawing, distinct_places, halves, in_turn, small_photo, small_stack


def test_two_halves_without_a_common_photo() -> None:
    own = photos([noise(n) for n in range(21)])
    parts = halves(own, seed=0)
    (first, second) = ({photo.number for photo in half} for half in (parts.discovery, parts.confirmation))
    assert (len(first), len(second)) == (11, 10)
    assert first | second == set(range(21))
    assert parts.copies == 0


def test_the_halves_follow_from_the_content_alone() -> None:
    own = photos([noise(n) for n in range(20)])
    parts = halves(own, seed=0)
    again = halves(own[::-1], seed=0)
    assert [photo.number for photo in parts.discovery] == [photo.number for photo in again.discovery]
    assert {photo.number for photo in halves(own, seed=1).discovery} != {photo.number for photo in parts.discovery}


def test_of_many_photos_some_are_taken() -> None:
    parts = halves(photos([noise(n) for n in range(3 * MOST_OF_HALF)]), seed=0)
    assert (len(parts.discovery), len(parts.confirmation)) == (MOST_OF_HALF, MOST_OF_HALF)


def test_a_burst_is_one_scene() -> None:
    base = noise(1)
    lighter = np.clip(base.astype(int) + 4, 0, 255).astype(np.uint8)
    pictures = [base, lighter, noise(2), base]
    assert distinct_places(pictures) == [0, 2]
    parts = halves(photos(pictures), seed=0)
    assert (len(parts.discovery) + len(parts.confirmation), parts.copies) == (2, 2)


def test_no_photo_at_all() -> None:
    parts = halves([], seed=0)
    assert (parts.discovery, parts.confirmation) == ([], [])
    assert small_stack([]).shape == (0, SIDE, SIDE, 3)


def test_a_thumbnail_is_stretched() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((30, 90), 128, np.uint8)).save(buffer, "PNG")
    small = small_photo(buffer.getvalue())
    assert small.shape == (SIDE, SIDE, 3)
    assert (small == 128).all()
    np.testing.assert_allclose(small_stack(photos([small])), 128 / 255, rtol=1e-6)


def test_of_any_number_the_same_photos_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_DRAWN", 10)
    every = photos([noise(n) for n in range(30)])
    drawn = []
    for order in (every, every[::-1]):
        drawing = Drawing(seed=3)
        for photo in order:
            drawing.add(photo)
        (first, second) = (drawing.halves().discovery, drawing.halves().confirmation)
        drawn.append(([photo.number for photo in first], [photo.number for photo in second]))
    assert drawn[0] == drawn[1]
    assert len(drawn[0][0] + drawn[0][1]) == 10
    assert [photo.number for photo in in_turn(every, 3)[:10]] == drawn[0][0] + drawn[0][1]  # the first ten of that order


def test_small_objects_before_one_ground_are_other_scenes() -> None:
    """They change few bits of the hash, and one part of the photo much."""
    ground = np.full((SIDE, SIDE, 3), 128, np.uint8)
    pictures = []
    for column in (8, 24, 40):
        picture = ground.copy()
        picture[24:32, column : column + 8] = 240
        pictures.append(picture)
    assert distinct_places(pictures) == [0, 1, 2]
