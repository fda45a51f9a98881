"""Cues of the audit's bench: where they say they are, and nowhere else."""

from __future__ import annotations

import numpy as np
import pytest
from bench.audit_cues import CUES, EVERY, PART, Drawn, _plate

from seewhy.demo.scenes import scenes

TUNED, COUNTED = range(0, 20, 2), range(1, 21, 2)
SCENE = scenes(2, seed=5)[1]


def drawn(name: str, style: int = 0, number: int = 0) -> Drawn:
    return EVERY[name].draw(SCENE.photo, SCENE.animal, style, number)


@pytest.mark.parametrize("name", EVERY)
def test_the_same_style_and_number_give_the_same_pixels(name: str) -> None:
    before = SCENE.photo.copy()
    (one, again) = (drawn(name, 3, 7), drawn(name, 3, 7))
    assert (one.photo == again.photo).all()
    assert one.box == again.box
    assert (SCENE.photo == before).all()
    assert (one.photo != SCENE.photo).any()
    assert one.photo.shape == SCENE.photo.shape
    assert one.photo.dtype == np.uint8


@pytest.mark.parametrize("name", ["corner logo", "date stamp", "sticker", "watermark", "muzzle", "emblem"])
def test_nothing_changes_outside_the_box(name: str) -> None:
    for style in (0, 1, 2, 3):
        one = drawn(name, style, 4)
        assert one.box is not None
        (top, left, bottom, right) = (round(side * size) for side, size in zip(one.box, (240, 320, 240, 320), strict=True))
        changed = (one.photo != SCENE.photo).any(axis=2)
        assert not changed[:top].any()
        assert not changed[bottom:].any()
        assert not changed[:, :left].any()
        assert not changed[:, right:].any()
        assert changed[top:bottom, left:right].mean() > 0.5


def test_fixed_ones_keep_their_place_and_free_ones_move() -> None:
    for name, cue in CUES.items():
        boxes = {drawn(name, 2, number).box for number in range(6)}
        if cue.fixed:
            assert boxes == {cue.place(2)}
        else:
            assert cue.place(2) is None
            assert boxes == {None} or len(boxes) == 6
    assert [name for name, cue in CUES.items() if cue.fixed] == ["corner logo", "date stamp"]


def test_the_halves_share_no_corner_and_no_direction() -> None:
    for name in ("corner logo", "date stamp"):
        corners = [
            {(box[0] < 0.5, box[1] < 0.5) for style in half if (box := EVERY[name].place(style))} for half in (TUNED, COUNTED)
        ]
        assert corners == [{(True, True), (False, False)}, {(True, False), (False, True)}]
    assert all(drawn("brightness", style).photo.mean() > SCENE.photo.mean() + 20 for style in TUNED)
    assert all(drawn("brightness", style).photo.mean() < SCENE.photo.mean() - 20 for style in COUNTED)


def test_a_date_differs_from_photo_to_photo_and_a_logo_does_not() -> None:
    pixels = [drawn(name, 2, number).photo for name in ("date stamp", "corner logo") for number in (0, 1)]
    assert (pixels[0] != pixels[1]).any()
    assert (pixels[2] == pixels[3]).all()


def test_a_watermark_lets_the_photo_through() -> None:
    one = drawn("watermark", 2, 3)
    assert one.box is not None
    place = tuple(slice(round(one.box[i] * size), round(one.box[i + 2] * size)) for i, size in ((0, 240), (1, 320)))
    plate = _plate(2, np.random.default_rng(root("watermark", 2)), 48)
    assert one.photo[place] == pytest.approx(0.55 * SCENE.photo[place] + 0.45 * plate, abs=1)


def root(name: str, style: int) -> tuple[int, int]:
    import zlib

    return zlib.crc32(name.encode()), style


def test_what_a_property_of_the_whole_photo_is() -> None:
    ground = drawn("ground colour", 2).photo
    assert (ground[SCENE.animal] == SCENE.photo[SCENE.animal]).all()
    assert (ground[~SCENE.animal] != SCENE.photo[~SCENE.animal]).any(axis=1).mean() > 0.9
    cast = drawn("colour cast", 2).photo
    assert (cast[SCENE.animal] != SCENE.photo[SCENE.animal]).any(axis=1).mean() > 0.9

    def steps(photo: np.ndarray) -> float:
        return float(np.abs(np.diff(photo.mean(2), axis=1)).mean())

    for style in (0, 1):
        assert steps(drawn("blur", style).photo) < 0.5 * steps(SCENE.photo)
        assert steps(drawn("sharpness", style).photo) > 1.5 * steps(SCENE.photo)
    across = np.abs(np.diff(drawn("JPEG blocks", 1).photo.mean(2), axis=1))
    assert across[:, 7::8].mean() > 2 * across.mean()


def test_a_border_is_a_ring() -> None:
    changed = (drawn("border", 1).photo != SCENE.photo).any(axis=2)
    assert not changed[13:-13, 13:-13].any()
    for side in (changed[:8], changed[-8:], changed[:, :8], changed[:, -8:]):
        assert side.mean() > 0.95


def test_the_constant_part_sits_on_the_animal_as_large_as_it_is() -> None:
    box = drawn(PART.name, 2).box
    assert box is not None
    (rows, _) = np.nonzero(SCENE.animal)
    assert box[0] == pytest.approx(rows.min() / 240)
    assert (box[2] - box[0]) * 240 == pytest.approx(0.22 * np.ptp(rows), abs=0.51)
    empty = PART.draw(SCENE.photo, np.zeros_like(SCENE.animal), 2, 0)
    assert empty.box is None
    assert (empty.photo == SCENE.photo).all()
