from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from reduced_photos import noise, photos
from stuck_photos import Planted, Scenes, photo_of, sticker, stuck

from seewhy.audit import moving
from seewhy.audit.boxes import meet
from seewhy.audit.free_place import FreePlace
from seewhy.audit.kinds import LOCAL, MOVING, SHORTCUT
from seewhy.audit.moving import moving_cues
from seewhy.audit.photos import SIDE
from seewhy.demo.logo import plate


def test_a_sticker_in_part_of_the_photos_is_found_with_all_of_its_box(planted: Planted, cue: FreePlace) -> None:
    assert (cue.why, cue.kind, cue.box, cue.words) == (MOVING, SHORTCUT, None, "the same pixels at no fixed place")
    assert {photo.number for photo in cue.donors} == {photo.number for photo in planted.own if photo.number in planted.boxes}
    assert planted.well_placed(cue, cue.donors) == 1
    carriers = cue.carriers(planted.unseen)
    assert [photo.number for photo in carriers] == [photo.number for photo in planted.unseen if photo.number in planted.boxes]
    assert planted.well_placed(cue, carriers) == 1
    assert cue.carriers(planted.others) == []
    assert cue.share_of(planted.unseen) == 0.6


@pytest.mark.parametrize(("width", "share"), [(26, 1.0), (44, 0.3), (80, 0.3)])
def test_stickers_of_8_to_25_percent_of_the_width(scenes: Scenes, width: int, share: float) -> None:
    planted = Planted(scenes, sticker(width), share)
    cue = planted.found()[0]
    assert cue.is_overlay
    carriers = cue.carriers(planted.unseen)
    assert len(carriers) >= 0.7 * share * len(planted.unseen)  # the smallest one is missed in some photos
    assert planted.well_placed(cue, carriers) >= 0.9


def test_a_logo_of_many_details(scenes: Scenes) -> None:
    logo = np.asarray(Image.fromarray(plate()[..., :3]).resize((64, 35), Image.Resampling.LANCZOS))
    planted = Planted(scenes, logo, 0.6)
    cue = planted.found()[0]
    assert cue.is_overlay
    assert len(cue.carriers(planted.unseen)) == 12
    assert planted.well_placed(cue, cue.carriers(planted.unseen)) == 1


def test_a_translucent_mark_whose_ground_shines_through(scenes: Scenes) -> None:
    planted = Planted(scenes, sticker(60), 0.6, opacity=0.45)
    cue = planted.found()[0]
    assert cue.is_overlay
    assert cue.edge < 0.7  # the photos differ inside, too: an opaque one reaches 0.8
    carriers = cue.carriers(planted.unseen)
    assert len(carriers) >= 10  # of 12
    assert planted.well_placed(cue, carriers) == 1
    assert cue.carriers(planted.others) == []


def test_without_a_cue_nothing_is_an_overlay(scenes: Scenes) -> None:
    """Animals of one kind have parts that look alike."""
    for candidate in Planted(scenes).found():
        assert not candidate.is_overlay
        assert candidate.kind == LOCAL


@pytest.mark.parametrize("setting", ["fixed", "every_class"])
def test_a_cue_at_one_place_or_in_every_class_is_none_of_these(scenes: Scenes, setting: str) -> None:
    planted = Planted(scenes, sticker(44), **{setting: True})
    found = planted.found()
    assert not any(candidate.is_overlay for candidate in found)


def test_maps_tell_where_to_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """A faint pattern among loud ones: without a map its window is never cut."""
    monkeypatch.setattr(moving, "_PEAKS", 2)
    faint = np.random.default_rng(8).integers(100, 160, (4, 4, 3), np.uint8).repeat(4, axis=0).repeat(4, axis=1)
    random = np.random.default_rng(9)
    (pictures, maps) = ([], {})
    for number in range(12):
        picture = np.full((SIDE, SIDE, 3), random.integers(60, 200, 3), np.uint8)
        (top, left) = (int(part) for part in random.integers(34, 48, 2))
        picture[:24] = noise(number)[:24]
        picture[top : top + 16, left : left + 16] = faint
        pictures.append(picture)
        maps[number] = np.zeros((SIDE, SIDE), np.float32)
        maps[number][top + 5 : top + 11, left + 5 : left + 11] = 1
    own = photos(pictures)
    others = photos([noise(100 + n) for n in range(20)], label=1, first=100)
    assert moving_cues(0, own, others, {}) == []
    (found,) = moving_cues(0, own, others, maps)
    assert len(found.carriers(own)) >= 8  # of 12


def test_two_cues_are_two_candidates(scenes: Scenes) -> None:
    blue = sticker(50)[..., ::-1]
    first = [stuck(photo, sticker(50), (10 + 7 * n, 20 + 5 * n))[0] for n, photo in enumerate(scenes["bear"][:20])]
    both = [stuck(photo, blue, (180 - 8 * n, 250 - 2 * n))[0] for n, photo in enumerate(first)]
    own = [photo_of(picture, number, 0) for number, picture in enumerate(both)]
    others = [photo_of(picture, 100 + number, 1) for number, picture in enumerate(scenes["cow"][:20])]
    (one, other) = moving_cues(0, own, others, {})
    assert (one.is_overlay, other.is_overlay) == (True, True)
    for photo in own:
        (box, there) = (one.box_in(photo), other.box_in(photo))
        assert box is not None
        assert there is not None
        assert not meet(box, there)


def test_few_and_flat_photos_have_none() -> None:
    others = photos([noise(1000)], label=1, first=100)
    assert moving_cues(0, [], others, {}) == []
    assert moving_cues(0, photos([noise(0), noise(0)]), others, {}) == []
    flat = np.full((SIDE, SIDE, 3), 90, np.uint8)
    assert moving_cues(0, photos([flat] * 5), others, {}) == []
    assert moving_cues(0, photos([flat] * 5), [], {}) == []


def test_a_cue_that_two_of_three_classes_carry_is_tried_as_theirs(scenes: Scenes) -> None:
    planted = Planted(scenes, sticker(44), every_class=True)
    bare = Planted(scenes)
    others = [*planted.photos[1][::2], *bare.photos[2][::2]]
    (found, *_) = moving_cues(0, planted.own, others, {})
    assert found.is_overlay
    assert found.shared == {1}
