from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from reduced_photos import COLUMNS, ROWS, STAMP, noise, photos, stamped
from tried_candidates import STAMP_BOX, stamp_candidate

from seewhy.audit.boxes import box_of, overlap
from seewhy.audit.kinds import LOCAL, RECURRING, SHORTCUT
from seewhy.audit.matching import pictures_of
from seewhy.audit.photos import SIDE, Pixels
from seewhy.audit.recurring import RecurringPlace, _FixedSearch, concordances, recurring_places

PLATE = (slice(4, 12), slice(30, 60))  # of a date
PLATE_BOX = box_of(*PLATE)
INK = (90, 70, 140)
STRIPES = 255.0 * (np.indices((10, 14)).sum(axis=0) % 4 < 2)[:, :, None]


def class_with_a_stamp(count: int, share: float) -> list[Pixels]:
    return [stamped(noise(n)) if n < round(share * count) else noise(n) for n in range(count)]


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_a_stamp_in_part_of_the_photos_is_found(share: float) -> None:
    own = photos(class_with_a_stamp(40, share))
    others = photos([noise(1000 + n) for n in range(60)], label=1, first=100)
    candidates = recurring_places(0, own, others)
    assert candidates[0].why == RECURRING
    assert overlap(candidates[0].place, STAMP_BOX) > 0.75
    assert (candidates[0].kind, len(candidates)) == (SHORTCUT, 1)
    assert candidates[0].words.startswith("the same pixels in the lower left corner")
    assert len(candidates[0].carriers(own)) == round(share * 40)
    assert candidates[0].carriers(others) == []
    assert candidates[0].donors == candidates[0].carriers(own)


def test_a_stamp_on_every_class_alike_is_none_of_one() -> None:
    own = photos(class_with_a_stamp(40, 1.0))
    others = photos([stamped(noise(1000 + n)) for n in range(60)], label=1, first=100)
    assert recurring_places(0, own, others) == []


def test_different_photos_have_nothing_in_common() -> None:
    others = photos([noise(1000 + n) for n in range(60)], label=1, first=100)
    assert recurring_places(0, photos([noise(n) for n in range(40)]), others) == []


def test_flat_photos_have_nothing_to_find() -> None:
    flat = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert recurring_places(0, photos([flat] * 5), photos([flat] * 5, label=1)) == []


def test_two_places_are_two_candidates() -> None:
    pictures = class_with_a_stamp(30, 1.0)
    for picture in pictures:
        picture[4:14, 40:54] = picture[ROWS, COLUMNS][::-1]
    places = [box_of(slice(4, 14), slice(40, 54)), STAMP_BOX]
    boxes = sorted(candidate.place for candidate in recurring_places(0, photos(pictures), []) if candidate.is_overlay)
    assert [overlap(box, place) > 0.75 for box, place in zip(boxes, places, strict=True)] == [True, True]


def dated(picture: Pixels, number: int) -> Pixels:
    """A plate with six digits, other ones in each photo: two strokes down, two across, each there or not."""
    changed = picture.copy()
    changed[PLATE] = (230, 228, 215)
    strokes = np.random.default_rng(number).random((6, 4)) < 0.7
    for place, (left, right, top, bottom) in enumerate(strokes):
        (row, column) = (PLATE[0].start + 2, PLATE[1].start + 3 + 4 * place)
        changed[row : row + 4, column][left] = INK
        changed[row : row + 4, column + 2][right] = INK
        changed[row, column : column + 3][top] = INK
        changed[row + 3, column : column + 3][bottom] = INK
    return changed


def translucent(picture: Pixels) -> Pixels:
    changed = picture.astype(np.float32)
    changed[ROWS, COLUMNS] = 0.55 * changed[ROWS, COLUMNS] + 0.45 * STRIPES
    return changed.astype(np.uint8)


@pytest.mark.parametrize("share", [1.0, 0.6, 0.3])
def test_a_date_whose_digits_change_is_found_by_its_plate(share: float) -> None:
    own = photos([dated(noise(n), n) if n < round(share * 40) else noise(n) for n in range(40)])
    others = photos([noise(1000 + n) for n in range(60)], label=1, first=100)
    (candidate, *_) = recurring_places(0, own, others)
    assert overlap(candidate.place, PLATE_BOX) > 0.6
    assert candidate.kind == SHORTCUT
    assert [photo.number for photo in candidate.donors] == list(range(round(share * 40)))
    assert candidate.carriers(others) == []
    again = photos([dated(noise(2000), 2000), noise(2001)], first=300)
    assert [photo.number for photo in candidate.carriers(again)] == [300]


def test_a_translucent_mark_is_found_and_not_called_an_overlay() -> None:
    """What lies behind it differs: whether that decides, too, is not told by its pixels."""
    own = photos([translucent(noise(n)) if n < 20 else noise(n) for n in range(40)])
    (candidate, *_) = recurring_places(0, own, photos([noise(1000 + n) for n in range(60)], label=1, first=100))
    assert overlap(candidate.place, STAMP_BOX) > 0.5
    assert [photo.number for photo in candidate.donors] == list(range(20))
    assert candidate.kind == LOCAL
    assert candidate.words.startswith("what recurs in the lower left corner")


def test_likeness_of_all_degrees_is_no_cue() -> None:
    """Stripes that are fainter from photo to photo: some are alike, and no photo is apart from the others."""
    pictures = []
    for number in range(40):
        picture = noise(number).astype(np.float32)
        picture[ROWS, COLUMNS] += (number / 40) ** 2 * (STAMP.astype(np.float32) - picture[ROWS, COLUMNS])
        pictures.append(picture.astype(np.uint8))
    others = photos([noise(1000 + n) for n in range(60)], label=1, first=100)
    assert recurring_places(0, photos(pictures), others) == []


@pytest.mark.parametrize("count", [64, 256])
def test_a_logo_on_few_photos_is_found_however_many_others_there_are(count: int) -> None:
    """Some of many photos are a little like it by chance."""

    def with_logo(picture: Pixels) -> Pixels:
        changed = picture.copy()
        changed[ROWS, COLUMNS] = (210, 40, 40)
        changed[52:58, 8:14] = 235
        return changed

    own = photos([with_logo(noise(n)) if n < 13 else noise(n) for n in range(64)])
    candidates = recurring_places(0, own, photos([noise(1000 + n) for n in range(count)], label=1, first=1000))
    assert [(candidate.kind, len(candidate.donors)) for candidate in candidates] == [(SHORTCUT, 13)]


def test_photos_that_are_alike_only_through_their_own_median_are_no_cue() -> None:
    """Of three photos each is like the median of the three, whatever they show; without itself it is not."""
    search = _FixedSearch(0, own := photos([stamped(noise(n)) for n in range(3)]), [], pictures_of(own), pictures_of([]), None)
    same = stamp_candidate(donors=own)
    assert search.is_clear(same)
    different = photos([noise(n) for n in range(3)])
    details = pictures_of(different).details
    template = np.median(same.shown(details), axis=0).reshape(3, *same.mask.shape)
    search = replace(search, own=different, own_pictures=pictures_of(different))
    alike = replace(same, donors=different, template=template, _scores={})
    assert len(alike.carriers(different)) == 3
    assert not search.is_clear(alike)


def test_of_two_photos_nothing_recurs() -> None:
    assert recurring_places(0, photos([stamped(noise(n)) for n in range(2)]), []) == []


@pytest.mark.parametrize(
    ("variation", "spread", "is_overlay"), [(0.05, 0.2, True), (0.07, 0.2, False), (0.05, 0.09, False), (0.04, 0.09, True)]
)
def test_an_overlay_varies_little_and_less_than_its_class(variation: float, spread: float, is_overlay: bool) -> None:
    candidate = stamp_candidate()
    assert isinstance(candidate, RecurringPlace)
    assert replace(candidate, variation=variation, spread=spread).is_overlay == is_overlay


def test_what_varies_is_measured_over_the_donors() -> None:
    own = photos([stamped(noise(n)) if n < 20 else noise(n) for n in range(40)])
    (candidate,) = recurring_places(0, own, [])
    assert len(candidate.donors) == 20
    assert 0 < candidate.variation < 0.02 < 0.1 < candidate.spread


def test_carriers_show_the_template() -> None:
    pictures = [stamped(noise(0)), noise(1), stamped(noise(2))]
    assert [photo.number for photo in stamp_candidate().carriers(photos(pictures))] == [0, 2]
    assert stamp_candidate().carriers([]) == []


def test_where_few_pixels_stay_the_same_nothing_is_an_overlay() -> None:
    """The rest of the box may be what turns answers."""
    assert stamp_candidate().is_overlay
    assert not stamp_candidate(constant=False).is_overlay
    assert not stamp_candidate(donors=photos([stamped(noise(n)) for n in range(4)])).is_overlay  # alike by chance


def test_concordance_is_one_of_the_same_and_less_of_fainter() -> None:
    details = np.random.default_rng(0).normal(size=(3, 4, 5)).astype(np.float32)
    scores = concordances(np.stack([details, details / 2, -details, 0 * details]), details)
    np.testing.assert_allclose(scores, [1, 0.8, -1, 0], atol=1e-6)
