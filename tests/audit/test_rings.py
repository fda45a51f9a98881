from __future__ import annotations

import numpy as np
import pytest
from reduced_photos import noise, photos
from tried_candidates import stamp_candidate

from seewhy.audit.kinds import BORDER, COVERED, OTHER_PLACE, REPLACED, RING, SURROUNDINGS, THIRD
from seewhy.audit.photos import SIDE, Pixels
from seewhy.audit.rings import Border, OuterRing, outermost, ring_candidates
from seewhy.edits import Box, Ring

FRAME = np.array([200, 30, 90], np.uint8)


def framed(picture: Pixels, cells: int = 3) -> Pixels:
    changed = np.empty_like(picture)
    changed[:] = FRAME
    changed[cells:-cells, cells:-cells] = picture[cells:-cells, cells:-cells]
    return changed


def pictures(count: int, first: int, share: float) -> list[Pixels]:
    """The first of them with a frame."""
    return [framed(noise(first + n)) if n < share * count else noise(first + n) for n in range(count)]


def test_the_cells_along_the_edges() -> None:
    stack = np.zeros((2, SIDE, SIDE, 3), np.float32)
    stack[1, 1:-1, 1:-1] = 1
    stack[1, 0, 5] = 0.5
    cells = outermost(stack)
    assert cells.shape == (2, 4 * (SIDE - 1), 3)
    assert cells.sum() == 1.5


def test_each_class_has_the_ring() -> None:
    (own, others) = (photos(pictures(10, 0, 0)), photos(pictures(10, 50, 0), 1, 50))
    (ring,) = ring_candidates(0, own, others)
    assert type(ring) is OuterRing
    assert (ring.why, ring.kind, ring.box, ring.words, ring.width) == (
        RING,
        SURROUNDINGS,
        None,
        "the outer ring of the photo",
        0.15,
    )
    assert (ring.share_of(own), ring.share_of(others)) == (1, 0)
    assert ring_candidates(0, [], others) == []


@pytest.mark.parametrize(
    ("box", "inside"),
    [
        ((0.84, 0.6, 0.98, 0.98), True),  # a date in the corner
        ((0.8, 0.3, 0.9, 0.6), True),  # exactly half of it
        ((0.78, 0.3, 0.9, 0.6), False),
        ((0.4, 0.4, 0.6, 0.6), False),
        ((0.0, 0.0, 1.0, 1.0), True),  # 0.51 of all lies in the ring
    ],
)
def test_the_ring_surrounds_what_lies_in_it(box: Box, inside: bool) -> None:
    (own, others) = (photos(pictures(20, 0, 0.3)), photos(pictures(20, 50, 0), 1, 50))
    (border, ring) = ring_candidates(0, own, others)
    assert ring.surrounds(box) == inside
    assert not border.surrounds(box)
    assert not stamp_candidate().surrounds(box)


def test_a_border_on_some_photos_of_a_class() -> None:
    (own, others) = (photos(pictures(20, 0, 0.3)), photos(pictures(20, 50, 0), 1, 50))
    (border, ring) = ring_candidates(0, own, others)
    assert isinstance(border, Border)
    assert (border.why, border.kind, border.words) == (BORDER, SURROUNDINGS, "the same border around the photo")
    assert border.donors == border.carriers(own) == own[:6]
    assert border.carriers(others) == []
    assert border.width == 4 / SIDE  # its three cells, and one that shows what lies behind it, too
    assert ring.why == RING


def test_a_border_on_all_photos_alike_is_no_candidate() -> None:
    (own, others) = (photos(pictures(20, 0, 0.5)), photos(pictures(40, 50, 0.5), 1, 50))
    assert [one.why for one in ring_candidates(0, own, others)] == [RING]


def test_a_border_that_two_of_three_classes_have() -> None:
    (own, second) = (photos(pictures(20, 0, 1)), photos(pictures(20, 50, 0.8), 1, 50))
    third = photos(pictures(20, 100, 0), 2, 100)
    (border, _) = ring_candidates(0, own, [*second, *third])
    assert border.shared == {1}
    assert border.classes == {0, 1}
    assert [one.shared for one in ring_candidates(2, third, [*own, *second])] == [frozenset()]


def test_on_another_photo_and_taken_away() -> None:
    (own, others) = (photos(pictures(10, 0, 0)), photos(pictures(10, 50, 0), 1, 50))
    (ring,) = ring_candidates(0, own, others)
    changes = ring.put_on(others[0], 2, others[1:4])
    assert [(change.edit, change.control) for change in changes] == [
        (Ring(source=own[2].path, width=0.15), ""),
        (Ring(source=others[2].path, width=0.15), THIRD),
        (Ring(source=others[3].path, width=0.15), THIRD),
        (Ring(source=None, width=0.15), COVERED),
    ]
    away = ring.taken_away(own[0], 1, others[1:4])
    assert [(change.role, change.edit.sources, change.control) for change in away] == [
        (REPLACED, (others[2].path,), ""),
        (REPLACED, (own[1].path,), OTHER_PLACE),
    ]
    assert ring.taken_away(own[0], 1, []) == []


def test_the_donors_of_a_border_are_the_photos_that_carry_it() -> None:
    own = photos(pictures(20, 0, 0.6))
    (border, _) = ring_candidates(0, own, photos(pictures(20, 50, 0), 1, 50))
    assert border.donors == border.carriers(own) == own[:12]


def test_a_border_that_others_carry_nearly_as_often_is_none() -> None:
    """Half of the class, and a fifth and a seventh of two others: less than three times as often."""
    own = photos(pictures(20, 0, 0.5))
    others = [*photos(pictures(20, 50, 0.2), 1, 50), *photos(pictures(20, 100, 0.15), 2, 100)]
    assert [one.why for one in ring_candidates(0, own, others)] == [RING]


def test_a_border_that_most_classes_have_is_none() -> None:
    """Two of three others: one alone may share it."""
    own = photos(pictures(20, 0, 1))
    others = [
        photo for n, share in enumerate((1, 1, 0), 1) for photo in photos(pictures(20, 50 * n, share), label=n, first=50 * n)
    ]
    assert [one.why for one in ring_candidates(0, own, others)] == [RING]
