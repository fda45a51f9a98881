"""``seewhy explain --check``, ``--crop-test``, and several methods."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import seewhy


def test_the_check_stands_in_the_notes_of_picture_and_json(run, photos: Path) -> None:
    code, out, err = run("explain", photos / "a.png", "--check", "--json", "-o", "why.png")
    assert code == 0, err
    (record,) = json.loads(out)["explanations"]
    clf = seewhy.load("demo:honest")
    expected = seewhy.check(clf, seewhy.explain(clf, photos / "a.png"))
    assert expected.sentence.rstrip(".") in record["notes"]
    assert record["details"]["check"][0]["p"] == expected.values["p"]


def test_the_crop_test_has_a_picture_of_its_own(run, photos: Path) -> None:
    code, out, _ = run("explain", photos, "--crop-test", "-o", "out")
    assert code == 2  # the broken photo
    assert "note: Without the strongest " in out or "note: without the strongest" in out.lower()
    pictures = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*-crop-test.png"))
    assert pictures == ["a-crop-test.png", "deeper/a-crop-test.png"]
    with Image.open("out/a-crop-test.png") as picture:
        assert picture.width > 600


def test_each_target_is_tested_and_the_picture_says_which_one_it_shows(run, photos: Path) -> None:
    code, out, err = run("explain", photos / "a.png", "-t", "bear", "-t", "cow", "--crop-test", "--check", "-o", "why.png")
    assert code == 0, err
    notes = [line for line in out.splitlines() if line.startswith("  note: ")]
    for name in ("bear", "cow"):
        assert any("Without the strongest " in line and f" of the photo '{name}' " in line for line in notes)
        assert any("laid elsewhere" in line and f"'{name}'" in line for line in notes)
    assert "  crop test of 'bear' → why-crop-test.png" in out.splitlines()


def test_several_methods_are_laid_side_by_side(run, photos: Path) -> None:
    code, out, err = run("explain", photos / "a.png", "-m", "grad_cam", "-m", "occlusion", "--mask-size", 20, "--stride", 20)
    assert code == 0, err
    lines = out.splitlines()
    e = seewhy.explain(seewhy.load("demo:honest"), photos / "a.png")
    assert lines[0] == f"{photos / 'a.png'}: {'; '.join(map(str, e.predictions[:3]))}"
    assert lines[1] == f"  grad_cam and occlusion of {e.targets[0]} → a-comparison.png"
    assert lines[2].startswith("  grad_cam and occlusion have maps with a rank correlation of ")
    assert Path("a-comparison.png").is_file()
    code, out, _ = run("explain", photos / "a.png", "-m", "grad_cam", "-m", "gradient", "--json")
    (row,) = json.loads(out)["comparisons"]
    assert row["columns"] == ["grad_cam", "gradient"]


def test_several_methods_take_a_budget_and_another_class(run, photos: Path) -> None:
    code, out, _ = run(
        "explain", photos / "a.png", "-m", "grad_cam", "-m", "rise", "--budget", "20", "-t", "bear", "--against", "cow", "--json"
    )
    assert code == 0
    (row,) = json.loads(out)["comparisons"]
    assert row["photos"][0]["target"] == "bear, not cow"
    (note,) = row["photos"][0]["notes"]
    assert note.startswith("rise: stopped by the budget after 19 of 2,000 masks: standard error ")
    _, out, _ = run(
        "explain", photos / "a.png", "-m", "grad_cam", "-m", "rise", "--budget", "20", "-t", "bear", "--against", "cow"
    )
    assert [line for line in out.splitlines() if "note:" in line] == [f"  note: {note}"]


def test_several_methods_say_how_long_they_take_once(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seewhy.engine.runner._LONG", 0)
    files = (photos / "a.png", photos / "deeper/a.png")
    code, _, err = run("explain", *files, "-m", "grad_cam", "-m", "rise", "--masks", 30)
    assert code == 0
    assert [line.split(" about")[0] for line in err.splitlines()[1:]] == [
        "RISE: 31 forward passes,",
        "Comparison: 1 of 2 are done, all of them take",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--check"], "--check goes with one --method: several are only laid side by side."),
        (["--mask-size", "5"], "--mask-size is a flag of none of grad_cam, cam."),
        (["-t", "top2"], "--target top2: one class for each photo is compared"),
        (["-t", "bear", "-t", "cow"], "2 --target and 2 --method: several methods explain one class."),
    ],
)
def test_what_does_not_go_with_several_methods(run, photos: Path, flags: list[str], message: str) -> None:
    code, _, err = run("explain", photos / "a.png", "-m", "grad_cam", "-m", "cam", *flags)
    assert code == 2
    assert message in err
