"""What counts as found, as a false alarm and as a miss, on records made by hand."""

from __future__ import annotations

from typing import Any

import pytest
from bench import audit_table
from bench.audit_cues import CUES
from bench.audit_effects import PHOTOS as FRESH_PHOTOS
from bench.audit_peers import PEERS
from bench.audit_table import alarms, holds, is_found, is_shown
from bench.intervals import exact_interval

Record = dict[str, Any]
LOGO = CUES["corner logo"].place(2)


def verdict(name: str = "cow", kind: str = "shortcut", place: Any = LOGO, **more: Any) -> Record:
    usual = {"effect": 0.8, "interval": [0.6, 0.9]}
    return {"class_name": name, "kind": kind, "place": place, **usual, **more}


def record(*verdicts: Record, **more: Any) -> Record:
    truth = {"kind": "relying", "turned": 0.9, "effects": {"cow": 0.85}}
    usual = {"name": "by hand", "setup": "planted", "backbone": "plain", "cue": "corner logo", "style": 2, "prevalence": 1.0}
    own = {"redundant": True, "animals": ["bear", "cow", "sheep"], "classes": [1], "truth": truth, "boxes": {}, "passes": 9_000}
    return usual | own | {"verdicts": list(verdicts), "peers": {peer: [0.1, 0.9, 0.2] for peer in PEERS}} | more


def clean(*verdicts: Record, **more: Any) -> Record:
    return record(*verdicts, truth={"kind": "clean", "turned": 0.0, "effects": {}}, classes=[], cue="", **more)


def test_class_kind_and_place_have_to_be_right() -> None:
    assert LOGO is not None
    assert is_found(record(verdict("bear", "none"), verdict()))
    assert not is_found(record(verdict("bear")))
    assert not is_found(record(verdict(kind="local")))
    assert not is_found(record(verdict(kind="surroundings")))
    assert not is_found(record(verdict(place=None)))
    (top, left, bottom, right) = LOGO
    third = (right - left) / 3
    assert is_found(record(verdict(place=(top, left + third * 0.9, bottom, right + third * 0.9))))  # 0.7 / 1.3 of both
    assert not is_found(record(verdict(place=(top, left + third * 1.1, bottom, right + third * 1.1))))


def test_a_border_may_be_judged_by_place() -> None:
    for kind, place, found in (
        ("surroundings", None, True),
        ("shortcut", None, True),
        ("shortcut", (0.0, 0.3, 0.1, 0.6), True),
        ("shortcut", (0.4, 0.3, 0.6, 0.6), False),
        ("local", (0.0, 0.3, 0.1, 0.6), False),
    ):
        assert is_found(record(verdict(kind=kind, place=place), cue="border")) == found


def test_free_places_are_judged_photo_by_photo() -> None:
    boxes = {"cow/1.jpg": [0.1, 0.1, 0.3, 0.3], "cow/4.jpg": [0.5, 0.5, 0.7, 0.7]}
    (right, wrong) = ({"cow/1.jpg": [0.1, 0.1, 0.3, 0.3]}, {"cow/4.jpg": [0.1, 0.1, 0.3, 0.3]})
    for named, found in ((boxes, True), (right, True), (wrong, False), (right | wrong, True), ({}, False), (None, False)):
        assert is_found(record(verdict(place=None, boxes=named), cue="sticker", boxes=boxes)) == found
    assert not is_found(
        record(verdict(place=None, boxes=wrong | {"cow/7.jpg": [0, 0, 1, 1]} | right), cue="sticker", boxes=boxes)
    )
    assert not is_found(record(verdict(place=None), cue="sticker", boxes=boxes))


def test_whole_photos_need_the_class_and_the_kind() -> None:
    assert is_found(record(verdict(kind="surroundings", place=None), cue="blur"))
    assert not is_found(record(verdict(kind="shortcut", place=None), cue="blur"))


def test_false_alarms_are_shortcuts_and_surroundings() -> None:
    one = clean(verdict("bear"), verdict("cow", "surroundings"), verdict("sheep", "local"))
    assert alarms(one) == ["bear", "cow"]
    assert alarms(clean(verdict(kind="none"), verdict("bear", "undecided"))) == []


def test_an_overlay_whose_score_is_uncalibrated_is_counted_beside() -> None:
    why = "clean networks of ours score as high"
    unsure = record(verdict(kind="local", uncalibrated=why))
    assert (is_found(unsure), is_shown(unsure)) == (False, True)
    assert not is_shown(record(verdict(kind="local", uncalibrated="")))
    assert not is_shown(record(verdict(kind="local", uncalibrated=why, place=None)))
    figures = {
        figure.name: figure.value for figure in audit_table.figures([unsure, clean(verdict(kind="local", uncalibrated=why))])
    }
    assert figures["audit/networks/relying networks found: class, kind and place"] == 0
    assert figures["audit/networks/found, uncalibrated overlays counted as shortcuts"] == 1
    assert figures["audit/networks/clean networks with a false alarm"] == 0
    assert figures["audit/networks/clean networks with a false alarm, uncalibrated overlays counted as shortcuts"] == 1


def test_the_interval_has_to_hold_the_effect_on_fresh_photos() -> None:
    assert holds(verdict(fresh_effect=0.6, fresh_photos=FRESH_PHOTOS)) is True
    assert holds(verdict(fresh_effect=0.9, fresh_photos=FRESH_PHOTOS)) is True
    assert holds(verdict(fresh_effect=0.91, fresh_photos=FRESH_PHOTOS)) is False
    assert holds(verdict(fresh_effect=0.59, fresh_photos=FRESH_PHOTOS)) is False
    assert holds(verdict(fresh_effect=0.0, fresh_photos=FRESH_PHOTOS - 1)) is None
    assert holds(verdict(kind="none")) is None


def test_the_main_numbers() -> None:
    records = [
        record(verdict(fresh_effect=0.7, fresh_photos=FRESH_PHOTOS)),
        record(verdict(kind="none")),
        record(verdict(interval=[0.9, 1.0], fresh_effect=0.7, fresh_photos=FRESH_PHOTOS)),
        clean(verdict(kind="local", fresh_effect=0.7, fresh_photos=FRESH_PHOTOS)),
        clean(verdict("bear"), setup="no cue"),
        record(truth={"kind": "between", "turned": 0.3, "effects": {}}),
        record(verdict(), truth={"kind": "legitimate", "turned": 1.0, "effects": {"cow": 1.0}}, setup="constant part"),
    ]
    figures = {figure.name.removeprefix("audit/networks/"): figure for figure in audit_table.figures(records)}
    found = figures["relying networks found: class, kind and place"]
    assert (found.value, found.low, found.high) == (pytest.approx(2 / 3), *exact_interval(2, 3))
    assert not found.reached
    assert figures["clean networks with a false alarm"].value == 0.5
    assert figures["found, uncalibrated overlays counted as shortcuts"].value == found.value
    held = figures["intervals that hold the effect on fresh photos"]
    assert (held.value, held.unit) == (pytest.approx(2 / 3), "of 3")
    held = figures["the same, of shortcuts and surroundings alone"]
    assert (held.value, held.unit) == (0.5, "of 2")
    assert figures["alarms: constant part"].value == 1.0
    assert all(figures[f"found at the same false alarms: {peer}"].value == 0.0 for peer in PEERS)  # all have 0.9 somewhere
    assert {figures[f"found at the same false alarms: {peer}"].unit for peer in PEERS} == {"of 3, at 1 of 2 false alarms"}
    assert figures["passes, at most"].reached
    assert not next(one for one in audit_table.figures([clean(passes=10_001)]) if one.unit == "passes").reached
    audit_table.show(records)


def test_without_a_false_alarm_the_peers_have_none_either() -> None:
    records = [
        record(verdict(), peers={peer: [0.1, 0.31, 0.2] for peer in PEERS}),
        record(verdict(), peers={peer: [0.9, 0.3, 0.2] for peer in PEERS}),  # as much as a clean one; and another class
        clean(verdict(kind="none"), peers={peer: [0.1, 0.3, 0.2] for peer in PEERS}),
        clean(verdict(kind="local"), peers={peer: [0.2, 0.1, 0.1] for peer in PEERS}),
    ]
    own = [figure for figure in audit_table.figures(records) if "same false alarms" in figure.name]
    assert [(figure.value, figure.unit) for figure in own] == [(0.5, "of 2, at 0 of 2 false alarms")] * len(PEERS)


def test_backbones_are_resampled_with_all_their_networks() -> None:
    records = [record(verdict(), backbone="a")] * 3 + [record(backbone="b")]
    (figure,) = audit_table.resampled("found", records, is_found)
    assert (figure.value, figure.low, figure.high) == (0.75, 0.0, 1.0)  # either of the two may be drawn twice
    (alike,) = audit_table.resampled("found", [record(verdict(), backbone=name) for name in "abc"], is_found)
    assert (alike.low, alike.high) == (1.0, 1.0)


def test_nothing_measured_gives_no_figures() -> None:
    assert audit_table.figures([]) == []
    assert [figure.name for figure in audit_table.figures([clean(verdict(kind="none"))])] == [
        "audit/networks/clean networks with a false alarm",
        "audit/networks/clean networks with a false alarm, uncalibrated overlays counted as shortcuts",
        "audit/networks/false alarms, resampled by backbone",
        "audit/networks/passes, at most",
    ]


def test_the_tables_name_what_was_missed(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[str] = []
    monkeypatch.setattr(audit_table.console, "print", lambda text, **settings: lines.append(str(text)))
    audit_table.show(
        [
            record(verdict(kind="local"), name="a miss"),
            record(verdict(), verdict("bear", fresh_effect=0.5, fresh_photos=FRESH_PHOTOS)),
            clean(verdict(fresh_effect=0.8, fresh_photos=FRESH_PHOTOS), name="an alarm"),
        ]
    )
    assert lines[3:] == [
        "Missed: 1",
        "  a miss (turned 0.90): cow local +0.80",
        "False alarms: 1",
        "  an alarm (turned 0.00): cow shortcut +0.80",
        "Beside the cue's classes: 1",
        "  by hand (turned 0.90): cow shortcut +0.80, bear shortcut +0.80",
        "Intervals without the effect on fresh photos: 1",
        "  by hand: bear shortcut +0.80 [+0.60, +0.90], fresh +0.50",
    ]
