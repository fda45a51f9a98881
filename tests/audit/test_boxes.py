from __future__ import annotations

import numpy as np
import pytest

from seewhy.audit.boxes import area, box_of, cells_of, in_words, meet, mirrored, overlap, salient_boxes, with_rim
from seewhy.audit.photos import SIDE
from seewhy.edits import Box

CORNER = (0.75, 0.0, 1.0, 0.25)


def test_a_box_is_its_cells() -> None:
    assert box_of(slice(50, 60), slice(4, 18)) == (50 / 64, 4 / 64, 60 / 64, 18 / 64)
    assert cells_of(box_of(slice(50, 60), slice(4, 18))) == (slice(50, 60), slice(4, 18))
    assert cells_of((0.5, 0.5, 0.501, 0.501)) == (slice(32, 33), slice(32, 33))


def test_what_two_boxes_have_in_common() -> None:
    (one, other) = ((0.0, 0.0, 0.5, 0.5), (0.25, 0.0, 0.75, 0.5))
    assert area(one) == 0.25
    assert overlap(one, other) == pytest.approx(0.125 / 0.375)
    assert overlap(one, one) == 1
    assert overlap(one, (0.5, 0.5, 1.0, 1.0)) == 0
    assert meet(one, other)
    assert not meet(one, (0.5, 0.0, 1.0, 0.5))  # they touch


def test_a_rim_ends_at_the_photo() -> None:
    assert with_rim(CORNER) == (0.75 - 1 / 64, 0.0, 1.0, 0.25 + 1 / 64)


def test_a_corner_is_mirrored_three_times_and_the_middle_never() -> None:
    assert mirrored(CORNER) == [(0.0, 0.0, 0.25, 0.25), (0.75, 0.75, 1.0, 1.0), (0.0, 0.75, 0.25, 1.0)]
    assert mirrored((0.25, 0.25, 0.75, 0.75)) == []
    assert mirrored((0.75, 0.25, 1.0, 0.75)) == [(0.0, 0.25, 0.25, 0.75)]  # its own mirror image sideways


def test_other_places_are_the_strongest_that_do_not_meet() -> None:
    mean_map = np.zeros((SIDE, SIDE))
    mean_map[0:16, 0:16] = 1
    mean_map[30:46, 40:56] = 3
    mean_map[48:64, 0:16] = 9  # the cue's own
    boxes = salient_boxes(CORNER, mean_map, 2)
    assert boxes == [(30 / SIDE, 40 / SIDE, 46 / SIDE, 56 / SIDE), (0.0, 0.0, 0.25, 0.25)]
    assert len(salient_boxes(CORNER, None, 2)) == 2
    assert salient_boxes((0.0, 0.0, 1.0, 1.0), None, 2) == []


@pytest.mark.parametrize("box", [CORNER, (0.1, 0.1, 0.9, 0.9), (79 / 96, 1 / 96, 95 / 96, 21 / 96)])
def test_controls_have_exactly_the_size_of_the_cue(box: Box) -> None:
    """They are cut out of a photo and not stretched."""
    at_the_end = np.zeros((SIDE, SIDE))
    at_the_end[-3:, -3:] = 1.0
    for other in [*mirrored(box), *salient_boxes(box, None, 2), *salient_boxes(box, at_the_end, 2)]:
        assert other[2] - other[0] == pytest.approx(box[2] - box[0], abs=1e-12)
        assert other[3] - other[1] == pytest.approx(box[3] - box[1], abs=1e-12)
        assert min(other) >= 0
        assert max(other) <= 1


@pytest.mark.parametrize(
    ("box", "words"),
    [
        ((0.84, 0.02, 0.98, 0.2), "in the lower left corner (rows 84-98 %, columns 2-20 %)"),
        ((0, 0.8, 0.2, 1), "in the upper right corner (rows 0-20 %, columns 80-100 %)"),
        ((0, 0.4, 0.2, 0.6), "at the top (rows 0-20 %, columns 40-60 %)"),
        ((0.9, 0.4, 1, 0.6), "at the bottom (rows 90-100 %, columns 40-60 %)"),
        ((0.4, 0, 0.6, 0.2), "at the left edge (rows 40-60 %, columns 0-20 %)"),
        ((0.4, 0.4, 0.6, 0.6), "in the middle (rows 40-60 %, columns 40-60 %)"),
    ],
)
def test_a_place_in_words(box: Box, words: str) -> None:
    assert in_words(box) == words
