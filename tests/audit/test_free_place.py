from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stuck_photos import Planted

from seewhy.audit import free_place
from seewhy.audit.boxes import meet, overlap
from seewhy.audit.free_place import FreePlace
from seewhy.audit.kinds import COVERED, CUE, ELSEWHERE, FILLED, OTHER_PLACE, REPLACED, SHUFFLED, THIRD
from seewhy.audit.photos import SIDE
from seewhy.edits import Inpaint, Paste


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
