"""From records of clean networks to the numbers that come with seewhy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench import audit_bank, audit_networks, audit_records
from bench.audit_specs import BANK, Spec, specs

from seewhy.audit import calibration
from seewhy.audit.calibration import Bank, CleanNetwork


def record(name: str, kind: str = "clean", setup: str = "no cue") -> dict[str, Any]:
    scores = ((-1.0, 0.123456), (0.25, -0.5), (0.1, 0.0))
    verdicts = [
        {"kind": "none", "right": right, "recipients": recipients, "scores": {"overlay": overlay, "surroundings": surroundings}}
        for right, recipients, (overlay, surroundings) in zip((30, 27, 29), (80, 51, 60), scores, strict=True)
    ]
    truth = {"kind": kind, "turned": 0.0, "accuracy": 1.0}
    return {"name": name, "setup": setup, "backbone": "plain", "truth": truth, "verdicts": verdicts}


def test_a_networks_score_is_the_largest_of_its_classes() -> None:
    bank = audit_bank.bank_of([record("b", setup="objects aligned"), record("x", "between"), record("a"), record("y", "relying")])
    assert bank.networks == [
        CleanNetwork("a", "no cue", "plain", "wild", 3, (27, 30), (51, 80), 0.25, 0.123456),
        CleanNetwork("b", "objects aligned", "plain", "aligned", 3, (27, 30), (51, 80), 0.25, 0.123456),
    ]
    assert bank.conditions == {
        "audit": audit_networks.sources_of(BANK),
        "recipe": audit_bank.RECIPE,
        "budget": 7000,
        "alpha": 0.05,
    }


def test_only_a_whole_bank_replaces_the_one_that_is_there(tmp_path: Path) -> None:
    one = audit_bank.bank_of([record("a")]).networks
    (few, enough) = (Bank(one * 58), Bank(one * 59))
    assert audit_bank.place_for(enough, None, True) == calibration.PLACE
    assert audit_bank.place_for(enough, None, False) is None
    assert audit_bank.place_for(few, None, True) is None
    assert audit_bank.place_for(few, tmp_path, False) == tmp_path


def test_photos_take_turns_with_backbones_and_classes() -> None:
    bank = specs(BANK)
    for count in (30, 50, 80, 140):
        own = [spec for spec in bank if audit_bank.photos_of(spec) == count]
        assert len(own) == 20
        assert {len(spec.animals) for spec in own} == {2, 3, 4}
        assert len({spec.backbone for spec in own}) == 8


def test_it_goes_on_where_it_was_and_writes_what_it_was_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audited: list[tuple[str, int, int]] = []

    def audit(spec: Spec, per_class: int, budget: int) -> dict[str, Any]:
        audited.append((spec.name, per_class, budget))
        return {"verdicts": record("")["verdicts"], "passes": 9, "boxes": {}}

    monkeypatch.setattr(audit_networks, "PLACE", tmp_path / "kept")
    monkeypatch.setattr(audit_records, "PLACE", tmp_path / "records.jsonl")
    monkeypatch.setattr(audit_networks, "_truth", lambda spec: record("")["truth"])
    monkeypatch.setattr(audit_networks, "_audit", audit)
    monkeypatch.setattr(audit_bank.console, "print", lambda *args, **settings: None)
    first = specs(BANK)[:2]
    for most in ("1", "2"):
        monkeypatch.setattr("sys.argv", ["audit_bank", "--most", most, "--out", str(tmp_path / "bank.json")])
        audit_bank.main()
    assert audited == [(spec.name, audit_bank.photos_of(spec), 7000) for spec in first]
    stored = json.loads((tmp_path / "bank.json").read_text())
    assert [network["name"] for network in stored["networks"]] == sorted(spec.name for spec in first)
    monkeypatch.setattr("sys.argv", ["audit_bank", "--most", "2"])
    monkeypatch.setattr(audit_bank, "write_whole", lambda *args: pytest.fail("the bank that comes with seewhy was replaced"))
    audit_bank.main()
    assert len(audited) == 2
    monkeypatch.setattr("sys.argv", ["audit_bank", "--keep"])
    audit_bank.main()
    kept = audit_records.read()
    assert {name: line["per_class"] for name, line in kept.items()} == {spec.name: audit_bank.photos_of(spec) for spec in first}
    monkeypatch.setattr(audit_networks, "PLACE", tmp_path / "another machine")
    bank = audit_bank.bank_of(audit_bank.records(first))
    assert len(audited) == 2
    assert json.loads(bank.as_json()) == stored  # to the last digit: the numbers are a part of the audit's digest
