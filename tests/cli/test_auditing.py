from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import seewhy
from seewhy.audit import calibration
from seewhy.audit.accepting import Acceptance
from seewhy.audit.calibration import Bank, CleanNetwork
from seewhy.audit.planted import PlantedCue

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ninety scenes in the folders of their classes, with the logo on the bears."""
    folder = tmp_path_factory.mktemp("scenes")
    for number, scene in enumerate(seewhy.demo.scenes(90, logo=True)):
        (folder / scene.label).mkdir(exist_ok=True)
        Image.fromarray(scene.photo).save(folder / scene.label / f"{number:02}.png")
    return folder


@pytest.fixture(scope="module")
def audited(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an audit of the shortcut network's bears, which the commands find done."""
    folder = tmp_path_factory.mktemp("audits") / "audit"
    seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", folder, 1200, classes=["bear"], progress=False)
    return folder


def flags(photos: Path, folder: Path) -> tuple[str, ...]:
    own = ("--labels", "folders", "--budget", "1200", "--classes-to-check", "bear", "-o", str(folder))
    return ("audit", str(photos), "--model", "demo:shortcut", *own)


def test_a_verdict_for_each_class(run: Run, photos: Path, audited: Path) -> None:
    (code, out, _) = run(*flags(photos, audited))
    assert code == 0
    lines = " ".join(out.split())
    assert "bear: shortcut, overlay-like: the same pixels in the lower left corner" in lines
    assert re.search(r"if it is legitimate: --accept 'bear@0\.8\d,0\.0\d,0\.9\d,0\.\d\d=WHO, WHY'", lines)
    assert "Not tried: cues without a fixed place that are faint, of one colour" in lines
    assert "90 photos, " in lines
    assert f"passes→{audited}/audit.html" in "".join(out.split())
    assert (audited / "audit.html").read_text().count('<img src="data:image/jpeg') == 4
    assert "Model demo:shortcut; preprocessing: " in lines


def test_as_json(run: Run, photos: Path, audited: Path) -> None:
    (code, out, _) = run(*flags(photos, audited), "--json")
    record = json.loads(out)
    assert code == 0
    assert record["passed"] is False
    assert record["page"] == str(audited / "audit.html")
    assert record["verdicts"] == json.loads((audited / "audit.json").read_text())["verdicts"]
    assert [verdict["kind"] for verdict in record["verdicts"]] == ["shortcut"]


def test_a_pipeline_stops_at_a_shortcut(run: Run, photos: Path, audited: Path) -> None:
    (code, out, _) = run(*flags(photos, audited), "--fail-on", "shortcut")
    assert code == 3
    assert "shortcut, overlay-like" in out


def test_a_pipeline_stops_at_an_overlay_that_our_clean_networks_cannot_be_compared_with(
    run: Run, photos: Path, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def shipped() -> Bank:
        return Bank([CleanNetwork("by hand", "no cue", "plain", "wild", 2, (20, 40), (1, 256), 0.1, 0.1)])

    monkeypatch.setattr(calibration, "shipped", shipped)  # ninety scenes are of three classes
    (code, out, _) = run(*flags(photos, audited), "--fail-on", "shortcut", "--json")
    (verdict,) = json.loads(out)["verdicts"]
    assert (code, verdict["kind"]) == (4, "local")
    assert verdict["uncalibrated"] == (
        "0 of 1 clean networks of ours reach this score, outside their range: "
        "photos of 3 classes are used, theirs are of at most 2"
    )
    assert verdict["sentence"].startswith("local reliance, overlay score uncalibrated: the same pixels in the lower left corner")
    assert verdict["sentence"].endswith(verdict["uncalibrated"])
    assert verdict["necessity"] > 0.5  # it was taken away as that of a shortcut is
    page = (audited / "audit.html").read_text()
    assert page.count('<img src="data:image/jpeg') == 4
    assert "1 of 1 class relies on an overlay whose score is uncalibrated: bear." in page
    assert run(*flags(photos, audited), "--fail-on", "shortcut", "--accept", f"{verdict['cue_id']}=ours")[0] == 0


def test_a_shortcut_above_our_clean_networks_says_so(
    run: Run, photos: Path, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = [
        CleanNetwork(f"by hand {score}", "no cue", "plain", "wild", 3, (20, 40), (1, 256), score, 0.1) for score in (-1.0, 0.1)
    ]
    monkeypatch.setattr(calibration, "shipped", lambda: Bank(own))
    (code, out, _) = run(*flags(photos, audited), "--fail-on", "shortcut", "--json")
    record = json.loads(out)
    (verdict,) = record["verdicts"]
    assert (code, verdict["kind"], verdict["uncalibrated"]) == (3, "shortcut", "")
    assert verdict["sentence"].endswith("; 0 of 2 clean networks of ours reach this score")
    assert verdict["scores"]["overlay"] == verdict["calibration"]["score"] > 0.1
    assert record["settings"]["clean_networks"].startswith(
        "2, 0 of them with aligned objects; of at most 3 classes, with 20 to 40"
    )


def test_an_accepted_shortcut_is_no_reason_to_fail_beside_an_undecided_class(
    run: Run, photos: Path, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", audited, 1200, classes=["bear"], progress=False)
    (shortcut,) = done.verdicts
    accepted = dataclasses.replace(shortcut, acceptance=Acceptance(0, shortcut.place, "", "ours", "2024-01-01"))
    undecided = dataclasses.replace(shortcut, class_name="cow", kind="undecided")
    monkeypatch.setattr(seewhy, "audit", lambda *args, **settings: dataclasses.replace(done, verdicts=[accepted, undecided]))
    assert run(*flags(photos, audited), "--fail-on", "shortcut")[0] == 4


def test_a_pipeline_stops_at_too_few_photos(run: Run, photos: Path, tmp_path: Path) -> None:
    few = tmp_path / "few"
    for path in sorted(photos.rglob("*.png"))[::6]:
        (few / path.parent.name).mkdir(parents=True, exist_ok=True)
        (few / path.parent.name / path.name).write_bytes(path.read_bytes())
    command = ("audit", str(few), "--labels", "folders", "--budget", "200", "-o", str(tmp_path / "audit"))
    assert run(*command, "--fail-on", "shortcut")[0] == 4
    assert run(*command)[0] == 0


def test_photos_that_cannot_be_read_are_skipped_by_name(
    run: Run, photos: Path, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", audited, 1200, classes=["bear"], progress=False)
    monkeypatch.setattr(seewhy, "audit", lambda *_, **__: dataclasses.replace(done, skipped=[("cow/x.png", "It is empty.")]))
    (code, out, err) = run(*flags(photos, audited), "--json")
    assert (code, json.loads(out)["skipped"]) == (2, [{"photo": "cow/x.png", "reason": "It is empty."}])
    assert "1 of 91 photos were skipped, all others are done." in err
    (code, _, err) = run(*flags(photos, audited), "--fail-on", "shortcut")  # what was found says more
    assert code == 3
    assert "Skipped cow/x.png: It is empty." in err


def test_a_class_with_a_wrong_name_does_not_pass_unseen(
    run: Run, photos: Path, audited: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", audited, 1200, classes=["bear"], progress=False)
    monkeypatch.setattr(seewhy, "audit", lambda *_, **__: dataclasses.replace(done, left_out=30))
    (code, out, _) = run(*flags(photos, audited), "--json")
    assert (code, json.loads(out)["left_out"]) == (2, 30)
    assert run(*flags(photos, audited), "--fail-on", "shortcut")[0] == 3  # what was found says more


def test_photos_without_labels(run: Run, photos: Path, tmp_path: Path) -> None:
    (code, _, err) = run("audit", str(photos), "-o", str(tmp_path / "audit"))
    assert code == 2
    assert "No photo has a label, and an audit needs them: write --labels folders, or a file." in " ".join(err.split())


def test_planted_cues_are_counted_in_a_line(run: Run, photos: Path, audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def audit(*args: object, **settings: object) -> seewhy.Audit:
        asked.append(settings["plant"])
        return dataclasses.replace(done, planted=[cue])

    done = seewhy.audit(seewhy.load("demo:shortcut"), photos, "folders", audited, 300, classes=["bear"], progress=False)
    cue = PlantedCue("bear", "logo", 1.0, 0.9, False, "shortcut", True, (0.0, 0.0, 0.2, 0.2), "said so")
    monkeypatch.setattr(seewhy, "audit", audit)
    (code, out, _) = run(*flags(photos, audited), "--plant", "1")
    assert (code, asked) == (0, [1])
    assert (
        "On your photos, 1 of 1 planted cues were found, 1 as a shortcut (sensitivity only, for clear opaque cues of ours: it "
        "says nothing about false alarms)." in " ".join(out.split())
    )


def test_interrupted_it_says_what_is_kept(run: Run, photos: Path, audited: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def audit(*args: object, **settings: object) -> seewhy.Audit:
        raise KeyboardInterrupt("12 trials are done and kept in audit/trials; begun again, the audit goes on from there")

    monkeypatch.setattr(seewhy, "audit", audit)
    (code, _, err) = run(*flags(photos, audited))
    assert code == 130
    assert err == "Interrupted: 12 trials are done and kept in audit/trials; begun again, the audit goes on from there.\n"


def test_what_cannot_be_planted_is_said_in_the_words_of_the_command(run: Run, photos: Path, tmp_path: Path) -> None:
    (code, _, err) = run("audit", str(photos), "--labels", "folders", "-o", str(tmp_path / "audit"), "--plant", "0")
    assert code == 2
    assert "--plant 0" in " ".join(err.split())
