from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from reduced_photos import noise, photos

import seewhy
from seewhy.audit import free_place
from seewhy.audit.boxes import meet, overlap
from seewhy.audit.candidates import Candidate
from seewhy.audit.free_place import FreePlace, moving_cues
from seewhy.audit.kinds import COVERED, CUE, ELSEWHERE, FILLED, LOCAL, MOVING, OTHER_PLACE, REPLACED, SHORTCUT, SHUFFLED, THIRD
from seewhy.audit.photos import SIDE, AuditedPhoto
from seewhy.demo.logo import plate
from seewhy.edits import Box, Inpaint, Paste

CLASSES = ("bear", "cow", "sheep")
EACH = 40  # photos of a class, half of them for discovery
Scenes = dict[str, list[np.ndarray]]


@pytest.fixture(scope="module")
def scenes() -> Scenes:
    drawn = seewhy.demo.scenes(3 * EACH, "test", False, seed=0)
    return {name: [scene.photo for scene in drawn if scene.label == name] for name in CLASSES}


def saved(picture: np.ndarray, quality: int) -> io.BytesIO:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "JPEG", quality=quality)
    return buffer


def photo_of(picture: np.ndarray, number: int, label: int) -> AuditedPhoto:
    """As a run reads and stores it: a JPEG of the camera, a thumbnail of it."""
    with Image.open(saved(picture, 90)) as opened:
        opened.thumbnail((96, 96), Image.Resampling.BILINEAR)
        thumbnail = saved(np.asarray(opened), 85).getvalue()
    return AuditedPhoto(number, f"{label}/{number}.jpg", f"{number:064x}", label, label, thumbnail)


def sticker(width: int) -> np.ndarray:
    """Orange, a white cross on it; square."""
    picture = np.full((width, width, 3), (235, 120, 20), np.uint8)
    (near, far) = (round(0.36 * width), round(0.64 * width))
    (picture[near:far, 3:-3], picture[3:-3, near:far]) = (250, 250)
    return picture


def stuck(picture: np.ndarray, cue: np.ndarray, place: tuple[int, int], opacity: float = 1.0) -> tuple[np.ndarray, Box]:
    """A photo with the cue at a pixel; and where it is."""
    changed = picture.copy()
    ((height, width), (top, left)) = (cue.shape[:2], place)
    inside = changed[top : top + height, left : left + width]
    inside[:] = np.rint((1 - opacity) * inside + opacity * cue)
    (rows, columns) = picture.shape[:2]
    return changed, (top / rows, left / columns, (top + height) / rows, (left + width) / columns)


class Planted:
    """Photos of three classes, the cue in a share of one's, or of all; and where it is, by number."""

    def __init__(
        self,
        scenes: Scenes,
        cue: np.ndarray | None = None,
        share: float = 1.0,
        opacity: float = 1.0,
        fixed: bool = False,
        every_class: bool = False,
    ) -> None:
        random = np.random.default_rng(3)
        self.boxes: dict[int, Box] = {}
        self.photos: dict[int, list[AuditedPhoto]] = {}
        for label, name in enumerate(CLASSES):
            self.photos[label] = []
            for place, scene in enumerate(scenes[name]):
                (number, picture) = (1000 * label + place, scene)
                if cue is not None and (label == 0 or every_class) and place // 2 % 10 < round(10 * share):
                    free = (int(random.integers(240 - cue.shape[0])), int(random.integers(320 - cue.shape[1])))
                    (picture, self.boxes[number]) = stuck(picture, cue, (180, 250) if fixed else free, opacity)
                self.photos[label].append(photo_of(picture, number, label))
        self.own = self.photos[0][::2]
        self.unseen = self.photos[0][1::2]
        self.others = [*self.photos[1][::2], *self.photos[2][::2]]

    def found(self) -> list[FreePlace]:
        candidates = moving_cues(0, self.own, self.others, {})
        assert all(isinstance(candidate, FreePlace) for candidate in candidates)
        return candidates  # type: ignore[return-value]

    def well_placed(self, candidate: Candidate, carriers: Sequence[AuditedPhoto]) -> float:
        """The share of the carriers in which it lies where it was stuck."""
        boxes = [(candidate.box_in(photo), self.boxes.get(photo.number)) for photo in carriers]
        return float(np.mean([own is not None and true is not None and overlap(own, true) >= 0.5 for own, true in boxes]))


@pytest.fixture(scope="module")
def planted(scenes: Scenes) -> Planted:
    return Planted(scenes, sticker(44), share=0.6)


@pytest.fixture(scope="module")
def cue(planted: Planted) -> FreePlace:
    return planted.found()[0]


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


def test_an_overlay_is_alike_inside_ends_sharply_fills_its_box_and_has_carriers(cue: FreePlace) -> None:
    mask = np.ones((10, 10), bool)  # 100 cells: 0.79 + 1.25 / 10
    found = replace(cue, mask=mask, concordance=0.916, edge=0.15, donors=cue.donors[:5])
    assert found.is_overlay
    assert not replace(found, concordance=0.914).is_overlay
    assert not replace(found, edge=0.14).is_overlay
    assert not replace(found, donors=cue.donors[:4]).is_overlay
    holes = mask.copy()
    holes[:3, :9] = False
    assert not replace(found, mask=holes, concordance=1.0).is_overlay


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
    monkeypatch.setattr(free_place, "_PEAKS", 2)
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


def test_each_photo_is_searched_once(planted: Planted, cue: FreePlace, monkeypatch: pytest.MonkeyPatch) -> None:
    boxes = [cue.box_in(photo) for photo in planted.unseen]
    monkeypatch.setattr(free_place, "best_matches", None)
    assert [cue.box_in(photo) for photo in [*planted.unseen, *planted.unseen]] == boxes + boxes
    assert (boxes[0] is None, boxes[-1] is None) == (False, True)


def test_it_is_put_on_anywhere_beside_controls_of_the_same_size(planted: Planted, cue: FreePlace) -> None:
    thirds = planted.photos[2]
    recipient = planted.photos[1][1]
    targets = []
    for place in range(24):
        changes = cue.put_on(recipient, place, thirds)
        assert [change.control for change in changes] == ["", ELSEWHERE, ELSEWHERE, THIRD, THIRD, COVERED, SHUFFLED]
        assert {change.role for change in changes} == {CUE}
        (put, first, second, third, fourth, covered, shuffled) = (change.edit for change in changes)
        donor = cue.donors[place % len(cue.donors)]
        own = cue.box_in(donor)
        assert own is not None
        assert isinstance(put, Paste)
        target = put.box
        assert put == Paste(source=donor.path, source_box=own, box=target)
        assert overlap(target, own) < 0.2
        assert (target[2] - target[0], target[3] - target[1]) == pytest.approx((own[2] - own[0], own[3] - own[1]))
        assert covered == Inpaint(box=target)
        assert shuffled == Paste(source=donor.path, source_box=own, box=target, shuffle=0)
        elsewhere = []
        for edit in (first, second):
            assert isinstance(edit, Paste)
            assert (edit.source, edit.box) == (donor.path, target)
            assert edit.source_box is not None
            assert not meet(edit.source_box, own)
            elsewhere.append(edit.source_box)
        assert not meet(*elsewhere)
        sources = [thirds[(2 * place + n) % len(thirds)].path for n in range(2)]
        assert [(edit.sources, edit.record()["box"]) for edit in (third, fourth)] == [((path,), target) for path in sources]
        targets.append(target)
    middles = np.array([((top + bottom) / 2, (left + right) / 2) for top, left, bottom, right in targets])
    assert (middles.min(axis=0) < 0.3).all()
    assert (middles.max(axis=0) > 0.7).all()
    assert cue.put_on(recipient, 3, thirds) == cue.put_on(recipient, 3, thirds)
    assert {change.control for change in cue.put_on(recipient, 3, [])} == {"", ELSEWHERE, COVERED, SHUFFLED}


def test_other_parts_are_taken_where_the_map_is_brightest(cue: FreePlace) -> None:
    donor = cue.donor(0)
    own = cue.box_in(donor)
    assert own is not None
    corner = next(box for box in [(0.0, 0.0, 0.2, 0.2), (0.8, 0.8, 1.0, 1.0), (0.0, 0.8, 0.2, 1.0)] if not meet(box, own))
    values = np.zeros((SIDE, SIDE))
    values[round(SIDE * corner[0]) : round(SIDE * corner[2]), round(SIDE * corner[1]) : round(SIDE * corner[3])] = 1
    mapped = FreePlace(
        cue.class_index, cue.why, cue.donors, cue.template, cue.mask, cue.concordance, cue.edge, {donor.number: values}
    )
    control = mapped.put_on(donor, 0, [])[1].edit
    assert isinstance(control, Paste)
    assert control.source_box is not None
    assert meet(control.source_box, corner)


def test_it_is_taken_away_where_it_lies(planted: Planted, cue: FreePlace) -> None:
    carrier = cue.carriers(planted.unseen)[0]
    own = cue.box_in(carrier)
    assert own is not None
    third = planted.photos[1][5]
    changes = cue.taken_away(carrier, 0, [third])
    assert [(change.role, change.control) for change in changes] == [
        (role, control) for control in ("", OTHER_PLACE, OTHER_PLACE) for role in (FILLED, REPLACED)
    ]
    assert changes[0].edit == Inpaint(box=own)
    assert changes[1].edit == Paste(source=third.path, box=own)
    for filled, replaced in zip(changes[2::2], changes[3::2], strict=True):
        assert isinstance(filled.edit, Inpaint)
        assert replaced.edit == Paste(source=third.path, box=filled.edit.box)
        assert not meet(filled.edit.box, own)
    assert {change.role for change in cue.taken_away(carrier, 0, [])} == {FILLED}
    assert cue.taken_away(planted.others[0], 0, [third]) == []
