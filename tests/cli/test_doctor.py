"""``seewhy doctor``: what it prints and writes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

import seewhy


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six scenes in folders called like their classes."""
    for number, scene in enumerate(seewhy.demo.scenes(6, seed=41)):
        place = tmp_path / "photos" / scene.label
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(place / f"{number}.png")
    return tmp_path / "photos"


def test_a_fault_is_named_with_the_flag_that_mends_it(run, folder: Path) -> None:
    code, out, _ = run("doctor", folder, "--model", "demo:honest", "--mean", 0, "--std", 1, "--labels", "folders", "-o", "a.png")
    assert code == 0
    assert out.startswith("The photos are not normalised (6 photos, all labelled).\n  The photos are not normalised (certain).")
    assert "until then write --mean" in " ".join(out.split())
    assert "→ a.png" in out
    assert Path("a.png").stat().st_size > 10_000
    lines = out.splitlines()
    assert next(line for line in lines if line.strip().startswith("as it is now")).rstrip().endswith("now")
    assert " forward passes, " in out


def test_the_record_and_the_exit_code(run, folder: Path) -> None:
    (folder / "bear" / "broken.jpg").write_bytes(b"\xff\xd8 no more")
    code, out, err = run("doctor", folder, "--model", "demo:honest", "--json", "-o", "a.json")
    record = json.loads(out)
    assert code == 2  # a photo was skipped
    assert "broken.jpg" in err
    assert (record["findings"], record["photos"], record["labels"]) == ([], 6, None)
    assert record["unknown"] == ["classes", "order of colours"]
    assert json.loads(Path("a.json").read_text())["sources"] == ["statistics"]


def test_what_cannot_be_written_is_said_before_the_work(run, folder: Path) -> None:
    assert run("doctor", folder, "-o", "a.csv")[::2] == (
        2,
        "Error: -o a.csv: '.csv' is not one of .png, .jpg, .jpeg, .pdf, .svg, .html, .json.\n",
    )
    photo = next(folder.rglob("*.png"))
    assert run("doctor", photo, "-o", photo)[2] == (
        f"Error: -o {photo}: that is one of the photos, and it would be lost; write another name.\n"
    )
