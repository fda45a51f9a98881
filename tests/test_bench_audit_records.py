"""What stays with the project of a network that was measured, and how lines of several machines come together."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from audit_bench_spec import SPEC
from bench import audit_records, audit_table
from bench.audit_peers import PEERS

Record = dict[str, Any]
STICKER = replace(SPEC, cue="sticker")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(audit_records, "PLACE", tmp_path / "records.jsonl")
    return tmp_path / "records.jsonl"


def verdict(**more: Any) -> Record:
    usual = {
        "class_name": "cow",
        "kind": "shortcut",
        "uncalibrated": "",
        "cue": "recurring",
        "effect": 0.123456,
        "interval": (0.01234567, 0.9),
        "shared_with": [],
    }
    fresh = {"fresh_effect": 2 / 3, "fresh_photos": 300}
    scores = {"overlay": 0.1234567890123456, "surroundings": -1.0}
    own = {"place": (0.12345, 0.1, 0.5, 1.0), "boxes": None, "right": 70, "recipients": 99, "scores": scores}
    return usual | own | fresh | {"sentence": "never kept", "tried": [{"effect": 1.0}], "photos": ["cow/1.jpg"]} | more


def parts(*verdicts: Record, **more: Any) -> Record:
    truth = {"kind": "relying", "accuracy": 0.987654321, "turned": 0.9, "effects": {"cow": 0.85}, "seconds of oracle": 9.0}
    peers = {peer: [0.1, 0.987654321, 0.2] for peer in PEERS} | {"seconds of peers": 9.0}
    return {"truth": truth, "verdicts": list(verdicts), "passes": 9_000, "boxes": {}, "peers": peers} | more


def line(name: str = "by hand", audit: str = "11111111", **more: Any) -> Record:
    spec = replace(SPEC, name=name)
    return audit_records.reduced(spec, audit_records.conditions(spec, audit, 80, 3300), parts(verdict(**more)))


def test_a_line_holds_what_the_tables_and_the_bank_need() -> None:
    assert line() == {
        "name": "by hand",
        "half": "tuned",
        "setup": "planted",
        "backbone": "plain",
        "animals": ["bear", "cow", "sheep"],
        "cue": "corner logo",
        "style": 2,
        "prevalence": 1.0,
        "classes": [1],
        "redundant": True,
        "spec": SPEC.digest,
        "recipe": audit_records.RECIPE,
        "audit": "11111111",
        "per_class": 80,
        "budget": 3300,
        "truth": {"kind": "relying", "accuracy": 0.9877, "turned": 0.9, "effects": {"cow": 0.85}},
        "passes": 9000,
        "verdicts": [
            {
                "class_name": "cow",
                "kind": "shortcut",
                "uncalibrated": "",
                "cue": "recurring",
                "effect": 0.1235,
                "interval": [0.0123, 0.9],
                "place": [0.123, 0.1, 0.5, 1.0],
                "right": 70,
                "recipients": 99,
                "scores": {"overlay": 0.1234567890123456, "surroundings": -1.0},
                "fresh_effect": 0.6667,
                "fresh_photos": 300,
            }
        ],
        "boxes": {},
        "peers": {peer: [0.1, 0.987654, 0.2] for peer in PEERS},
    }


def test_boxes_stay_where_places_are_judged_photo_by_photo() -> None:
    true = {f"cow/{number:03}.jpg": [0.1, 0.12345, 0.3, 0.3] for number in range(80)}
    named = dict.fromkeys([*true][:40], (0.1, 0.1, 0.3, 0.3)) | {"bear/000.jpg": (0.1, 0.1, 0.3, 0.3)}
    conditions = audit_records.conditions(STICKER, "11111111", 80, 3300)

    def kept(**more: Any) -> Record:
        return audit_records.reduced(STICKER, conditions, parts(verdict(place=None, boxes=named, **more), boxes=true))

    found = kept()
    assert found["verdicts"][0]["boxes"] == {path: list(box) for path, box in named.items()}
    assert found["boxes"] == {path: [0.1, 0.123, 0.3, 0.3] for path in [*true][:40]}  # none that no verdict names
    assert audit_table.is_found(found)
    local = kept(kind="local")
    assert ("boxes" in local["verdicts"][0], local["boxes"]) == (False, {})
    logo = audit_records.reduced(SPEC, conditions, parts(verdict(boxes=named), boxes=true))
    assert ("boxes" in logo["verdicts"][0], logo["boxes"]) == (False, {})
    assert len(json.dumps(found, separators=(",", ":"))) < 6_000  # the longest there are
    assert len(json.dumps(logo, separators=(",", ":"))) < 2_000


def test_lines_of_several_machines_come_together_by_name(place: Path) -> None:
    assert audit_records.read() == {}
    assert audit_records.keep([line("b"), line("a")]) == 2
    assert audit_records.keep([line("c"), line("b", "22222222")]) == 3
    texts = place.read_text().splitlines()
    assert [json.loads(text)["name"] for text in texts] == ["a", "b", "c"]
    assert [json.loads(text)["audit"] for text in texts] == ["11111111", "22222222", "11111111"]
    assert audit_records.read() == {"a": line("a"), "b": line("b", "22222222"), "c": line("c")}
    assert audit_records.keep([]) == 3
    assert place.read_text().splitlines() == texts


def test_nothing_is_written_in_part(place: Path) -> None:
    audit_records.keep([line("a")])
    before = place.read_bytes()
    with pytest.raises(ValueError, match="not JSON compliant"):
        audit_records.keep([line("b"), line("c", effect=float("nan"))])

    def broken() -> Any:
        yield line("b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        audit_records.keep(broken())
    assert place.read_bytes() == before
    assert [path.name for path in place.parent.iterdir()] == [place.name]


def test_a_line_is_taken_where_all_it_was_measured_with_is_the_same() -> None:
    conditions = audit_records.conditions(SPEC, "11111111", 80, 3300)
    assert audit_records.recorded(SPEC, conditions, True) is None
    audit_records.keep([line()])
    assert audit_records.recorded(SPEC, conditions, True) == line()
    for other in ({"audit": "22222222"}, {"recipe": 1}, {"per_class": 24}, {"budget": 400}, {"spec": STICKER.digest}):
        assert audit_records.recorded(SPEC, conditions | other, True) is None
    assert audit_records.recorded(replace(SPEC, name="another"), conditions, True) is None
    alone = {name: part for name, part in line().items() if name != "peers"}
    audit_records.keep([alone])
    assert audit_records.recorded(SPEC, conditions, True) is None
    assert audit_records.recorded(SPEC, conditions, False) == alone
