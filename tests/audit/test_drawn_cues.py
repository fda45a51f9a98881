from __future__ import annotations

import numpy as np
import pytest

from seewhy.audit.boxes import overlap
from seewhy.audit.drawn_cues import CAST, CUES, LOGO, STAMP, STICKER, DrawnCue

GREY = np.full((100, 200, 3), 120, np.uint8)
SEEN = (0.0, 0.25, 1.0, 0.75)  # the middle, of a wide photo


@pytest.mark.parametrize("kind", [LOGO, STAMP, STICKER])
def test_it_changes_its_box_and_nothing_else(kind: str) -> None:
    cue = DrawnCue(kind, 3)
    box = cue.box("a.png")
    assert box is not None
    (top, left, bottom, right) = (round(side * length) for side, length in zip(box, (100, 200, 100, 200), strict=True))
    changed = (cue.on(GREY, "a.png") != GREY).any(axis=2)
    assert changed[top:bottom, left:right].mean() > 0.95
    changed[top:bottom, left:right] = False
    assert not changed.any()
    assert (GREY == 120).all()


@pytest.mark.parametrize("kind", [LOGO, STAMP])
def test_a_fixed_place_is_one_in_every_photo(kind: str) -> None:
    for seed in range(6):
        cue = DrawnCue(kind, seed)
        assert cue.place is not None
        assert cue.box("a.png") == cue.box("b.png") == cue.place
        assert (cue.on(GREY, "a.png") == DrawnCue(kind, seed).on(GREY, "b.png")).all()
    assert len({DrawnCue(kind, seed).place for seed in range(30)}) == 4  # corners


def test_a_sticker_lies_elsewhere_in_each_photo() -> None:
    cue = DrawnCue(STICKER, 1)
    boxes = [cue.box(f"{number}.png") for number in range(20)]
    assert cue.place is None
    assert len(set(boxes)) == 20
    assert cue.box("0.png") == boxes[0]


@pytest.mark.parametrize("kind", [LOGO, STAMP, STICKER])
def test_it_lies_where_the_network_sees_it(kind: str) -> None:
    for seed in range(8):
        box = DrawnCue(kind, seed, SEEN).box("a.png")
        assert box is not None
        assert 0 < box[0] < box[2] < 1
        assert 0.25 < box[1] < box[3] < 0.75
        whole = DrawnCue(kind, seed).box("a.png")
        assert whole is not None
        assert (box[3] - box[1]) == pytest.approx((whole[3] - whole[1]) / 2)


def test_a_cast_is_warm_or_cold_and_everywhere() -> None:
    kinds = set()
    for seed in range(10):
        cue = DrawnCue(CAST, seed)
        assert cue.place is None
        assert cue.box("a.png") is None
        drawn = cue.on(GREY, "a.png")
        assert (drawn == drawn[0, 0]).all()
        (red, green, blue) = map(int, drawn[0, 0])
        assert green == 120
        assert {red, blue} == {162, 89}  # 120 · exp(± 0.3)
        kinds.add(red > blue)
    assert kinds == {True, False}


def test_looks_differ_by_seed() -> None:
    for kind in CUES:
        pictures = {DrawnCue(kind, seed).on(GREY, "a.png").tobytes() for seed in range(12)}
        assert len(pictures) >= (2 if kind == CAST else 10)
    assert overlap((0.0, 0.0, 1.0, 1.0), DrawnCue(STAMP, 0).box("") or (0.0, 0.0, 0.1, 0.1)) < 0.05


@pytest.mark.parametrize("kind", CUES)
def test_another_one_looks_different(kind: str) -> None:
    for seed in range(8):
        cue = DrawnCue(kind, seed, SEEN)
        other = cue.other()
        assert (other.kind, other.seen) == (kind, SEEN)
        assert (other.on(GREY, "a.png") != cue.on(GREY, "a.png")).any()
