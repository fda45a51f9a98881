from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from seewhy.audit import Audit, Verdict
from seewhy.audit.accepting import Acceptance
from seewhy.audit.calibration import Calibration
from seewhy.audit.exhibits import Exhibit
from seewhy.audit.planted import PlantedCue
from seewhy.errors import RecordError


def verdict(kind: str, name: str = "bear") -> Verdict:
    return Verdict(name, kind, "said so", 0.5, (0.4, 0.6), 0.1, (0.0, 0.0, 0.5, 0.5), "recurring", ["a.png"])


def audit(*kinds: str) -> Audit:
    return Audit([verdict(kind) for kind in kinds], "net", "as it is", 10, 100, {"seed": 0}, ["cues that move"])


@pytest.mark.parametrize(
    ("kinds", "passed"),
    [
        (("none", "local", "surroundings"), True),
        (("none", "shortcut"), False),
        (("none", "undecided"), False),
    ],
)
def test_it_passes_without_shortcuts_and_with_enough_photos(kinds: tuple[str, ...], passed: bool) -> None:
    assert audit(*kinds).passed is passed


def test_an_overlay_whose_score_is_uncalibrated_does_not_pass_unless_it_is_legitimate() -> None:
    beside = Calibration("overlay", 0.4, 2, 61)
    unsure = dataclasses.replace(verdict("local"), calibration=beside, uncalibrated=beside.uncalibrated)
    result = dataclasses.replace(audit("none"), verdicts=[unsure])
    assert not result.passed
    assert result.record()["verdicts"][0]["calibration"] == dataclasses.asdict(beside)
    assert result.record()["verdicts"][0]["uncalibrated"] == "2 of 61 clean networks of ours reach this score"
    accepted = dataclasses.replace(unsure, acceptance=Acceptance(0, None, "moving", "ours", "2024-01-01"))
    assert dataclasses.replace(result, verdicts=[accepted]).passed


def test_it_is_saved_as_json(tmp_path: Path) -> None:
    path = audit("shortcut").save(tmp_path / "a.json")
    record = json.loads(path.read_text())
    assert record["passed"] is False
    assert record["verdicts"][0]["place"] == [0.0, 0.0, 0.5, 0.5]
    assert record["verdicts"][0]["sentence"] == "said so"
    assert record["not_tried"] == ["cues that move"]
    assert "torch" in record["versions"]
    with pytest.raises(RecordError, match=r"'a.csv': an audit is written as .html or .json"):
        audit("none").save(tmp_path / "a.csv")


def test_pictures_are_in_no_record_and_of_no_weight_when_compared() -> None:
    plain = audit("shortcut")
    pictured = Verdict(**{**vars(plain.verdicts[0]), "exhibits": [Exhibit("cue", "a title", b"jpeg", "bear", 0.5, None)]})
    assert pictured == plain.verdicts[0]
    assert "exhibits" not in repr(pictured)
    assert Audit([pictured], "net", "as it is", 10, 100, {"seed": 0}, ["cues that move"]).record() == plain.record()
    assert "exhibits" not in plain.record()["verdicts"][0]


def test_it_reads_as_lines() -> None:
    assert str(audit("none")) == "bear: said so"


def test_planted_cues_are_in_the_record_and_change_no_verdict() -> None:
    plain = audit("none")
    cue = PlantedCue("bear", "logo", 1.0, 0.9, False, "none", False, (0.0, 0.0, 0.2, 0.2), "said so", 120)
    planted = dataclasses.replace(plain, planted=[cue])
    assert planted.passed
    assert planted.record()["planted"][0] == dataclasses.asdict(cue)
    assert planted.record()["sensitivity"] == planted.sensitivity
    assert planted.sensitivity.startswith("On your photos, 0 of 1 planted cues were found (sensitivity only")
    assert (plain.sensitivity, plain.record()["planted"], plain.record()["sensitivity"]) == ("", None, "")
