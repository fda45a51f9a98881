"""The runner of the audit's bench: each part is measured once, by what it depends on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench import audit_networks, audit_records
from bench.audit_specs import Spec, specs


@pytest.fixture
def measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is measured, as it is measured; each part takes no time."""
    parts: list[str] = []

    def part(name: str, result: dict[str, Any]) -> Any:
        def measure(spec: Spec, *settings: int) -> dict[str, Any]:
            parts.append(f"{name} of {spec.name}")
            return result

        return measure

    monkeypatch.setattr(audit_networks, "PLACE", tmp_path)
    monkeypatch.setattr(audit_records, "PLACE", tmp_path / "records.jsonl")
    truth = {"kind": "clean", "accuracy": 1.0, "turned": 0.0, "effects": {}}
    verdicts = [{"class_name": "bear", "kind": "none", "place": None, "effect": 0.0, "interval": [0, 0]}]
    monkeypatch.setattr(audit_networks, "_truth", part("truth", truth))
    monkeypatch.setattr(audit_networks, "_audit", part("audit", {"verdicts": verdicts, "passes": 9, "boxes": {}}))
    monkeypatch.setattr(audit_networks, "_peers", part("peers", {"mean map": [0.0] * 3, "clusters of maps": [0.0] * 3}))
    monkeypatch.setattr(audit_networks.console, "print", lambda *args, **settings: None)
    return parts


def test_a_run_that_was_cut_off_goes_on(measured: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    (first, second) = (spec.name for spec in specs("tuned")[:2])
    list(audit_networks.measured("tuned", 1))
    assert measured == [f"{part} of {first}" for part in ("truth", "audit", "peers")]
    records = list(audit_networks.measured("tuned", 2))
    assert measured[3:] == [f"{part} of {second}" for part in ("truth", "audit", "peers")]
    assert [record["name"] for record in records] == [first, second]
    assert records[0]["truth"]["kind"] == "clean"
    assert records[0]["passes"] == 9
    assert records[0]["animals"] == ["bear", "cow", "sheep"]
    monkeypatch.setattr(audit_networks, "sources_of", lambda half: "changed")
    list(audit_networks.measured("tuned", 2))
    assert measured[6:] == [f"audit of {first}", f"audit of {second}"]  # the network is what it was
    list(audit_networks.measured("tuned", 1, budget=400))
    assert measured[8:] == [f"audit of {first}"]


def test_processes_share_the_work(measured: list[str]) -> None:
    names = [spec.name for spec in specs("counted")]
    halves = [[record["name"] for record in audit_networks.measured("counted", 6, part=f"{n}/2", audit=False)] for n in (0, 1)]
    assert halves == [names[0:6:2], names[1:6:2]]
    assert measured == [f"truth of {name}" for half in halves for name in half]


def test_some_by_name(measured: list[str]) -> None:
    records = list(audit_networks.measured("tuned", only="corner logo 100%", audit=False))
    assert records
    assert all("corner logo 100%" in record["name"] for record in records)
    assert "verdicts" not in records[0]


def test_what_only_shows_an_audit_is_no_other_audit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "seewhy"
    (package / "audit").mkdir(parents=True)
    monkeypatch.setattr(audit_networks.seewhy, "__file__", str(package / "__init__.py"))
    for name in ("judge.py", "page.py"):
        (package / "audit" / name).write_text("1")
    before = audit_networks.sources_of("tuned")
    (package / "audit" / "page.py").write_text("2")
    assert audit_networks.sources_of("tuned") == before
    bank = audit_networks.sources_of("bank")
    (package / "audit" / "bank.json").write_text("1")
    assert audit_networks.sources_of("bank") == bank  # its own numbers do not make it another
    assert audit_networks.sources_of("tuned") != before
    before = audit_networks.sources_of("tuned")
    (package / "audit" / "judge.py").write_text("2")
    assert audit_networks.sources_of("bank") != bank
    assert audit_networks.sources_of("tuned") != before


def test_what_was_kept_is_not_measured_again_on_another_machine(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [spec.name for spec in specs("tuned")[:3]]
    records = list(audit_networks.measured("tuned", 2))
    list(audit_networks.measured("tuned", 3, audit=False))  # the third was trained alone
    audit_networks.keep(map(audit_networks.kept, audit_networks.chosen("tuned")))
    assert sorted(audit_records.read()) == sorted(names[:2])
    monkeypatch.setattr(audit_networks, "PLACE", tmp_path / "another machine")
    measured.clear()
    assert list(audit_networks.measured("tuned", 2)) == records
    assert measured == []
    list(audit_networks.measured("tuned", 2, per_class=24))
    assert [part for part in measured if part.startswith("audit")] == [f"audit of {name}" for name in names[:2]]
    measured.clear()
    monkeypatch.setattr(audit_networks, "sources_of", lambda half: "changed")
    list(audit_networks.measured("tuned", 1))
    assert measured == [f"{part} of {names[0]}" for part in ("audit", "peers")]


def test_a_kept_network_is_replaced_by_the_same_with_another_audit(measured: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    names = [spec.name for spec in specs("tuned")[:2]]
    list(audit_networks.measured("tuned", 2))
    audit_networks.keep(map(audit_networks.kept, audit_networks.chosen("tuned")))
    before = audit_records.read()
    monkeypatch.setattr(audit_networks, "sources_of", lambda half: "changed")
    list(audit_networks.measured("tuned", 1))
    audit_networks.keep(map(audit_networks.kept, audit_networks.chosen("tuned")))
    after = audit_records.read()
    assert after[names[0]] == before[names[0]] | {"audit": "changed"}
    assert after[names[1]] == before[names[1]]  # measured with the audit before: it stays until it is measured again


def test_the_recorded_table_trains_nothing_and_names_its_audits(
    measured: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for (half, digest), most in ((("tuned", "older"), 3), (("tuned", "newer"), 1), (("counted", "newer"), 1)):
        monkeypatch.setattr(audit_networks, "sources_of", lambda half, digest=digest: digest)
        list(audit_networks.measured(half, most))
        audit_networks.keep(map(audit_networks.kept, audit_networks.chosen(half)))
    measured.clear()
    monkeypatch.setattr(audit_networks, "sources_of", lambda half: "present")
    lines: list[str] = []
    monkeypatch.setattr(audit_networks.console, "print", lambda text, **settings: lines.append(str(text)))
    monkeypatch.setattr("sys.argv", ["audit_networks", "--recorded", "--json", str(tmp_path / "figures.json")])
    audit_networks.main()
    assert lines[0] == "3 networks are recorded: 2 with audit older, recipe 2; 1 with audit newer, recipe 2"
    figures = json.loads((tmp_path / "figures.json").read_text())["figures"]
    assert (figures[0]["name"], figures[0]["value"]) == ("audit/networks/clean networks with a false alarm", 0.0)
    assert figures[0]["unit"] == "of 3"
    assert measured == []
