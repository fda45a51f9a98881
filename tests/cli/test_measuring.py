"""``seewhy evaluate`` and ``seewhy compare``."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seewhy


def test_evaluate_prints_a_table_beside_noise_and_a_blob(run, photos: Path) -> None:
    code, out, err = run("evaluate", photos / "a.png", "-m", "grad_cam", "-m", "hires_cam", "--steps", 6)
    assert code == 0, err
    assert "1 photo: the map (random map, centre blob)" in out
    assert "deletion area" in out
    assert "less is better" in out
    lines = [line for line in out.splitlines() if line.strip().startswith(("grad_cam", "hires_cam"))]
    clf = seewhy.load("demo:honest")
    value = seewhy.evaluate(clf, seewhy.explain(clf, photos / "a.png"), steps=6).values["deletion"]
    assert f"{value:.3g}" in lines[0]


def test_evaluate_writes_means_over_photos_and_names_what_it_skipped(run, photos: Path) -> None:
    code, out, err = run("evaluate", photos, "--metric", "deletion", "--steps", 4, "-o", "t.csv", "--json")
    assert code == 2
    assert "broken.jpg" in err
    record = json.loads(out)
    (row,) = csv.DictReader(Path("t.csv").read_text().splitlines())
    values = [photo["values"]["deletion"] for photo in record["evaluations"]]
    assert len(values) == 2
    assert float(row["map"]) == pytest.approx(np.mean(values))
    assert float(row["standard_error"]) == pytest.approx(np.std(values, ddof=1) / 2**0.5)
    assert (row["method"], row["metric"], row["photos"]) == ("grad_cam", "deletion", "2")


def test_evaluate_with_masks(run, photos: Path) -> None:
    (scene, *_) = seewhy.demo.scenes(2, seed=11)
    Path("masks").mkdir()
    Image.fromarray((scene.animal * 255).astype(np.uint8)).save("masks/a.png")
    code, out, _ = run("evaluate", photos / "a.png", "--masks", "masks", "--metric", "energy", "--metric", "pointing", "--json")
    if not scene.animal.any():
        assert code == 2
        return
    assert code == 0
    (row,) = json.loads(out)["evaluations"]
    clf = seewhy.load("demo:honest")
    expected = seewhy.evaluate(clf, seewhy.explain(clf, photos / "a.png"), ["energy"], mask=scene.animal).values["energy"]
    assert row["values"]["energy"] == pytest.approx(expected, abs=1e-6)
    code, _, err = run("evaluate", photos / "a.png", "--masks", "nowhere", "--metric", "energy")
    assert code == 2
    assert "--masks: 'nowhere/a.png' cannot be read (No such file or directory): one .png for each photo." in err


def test_compare_two_networks(run, photos: Path) -> None:
    code, out, err = run("compare", "--model", "demo:honest", "--model", "demo:shortcut", photos, "-o", "c.html")
    assert code == 2  # the broken photo
    assert "broken.jpg" in err
    assert "demo:honest and demo:shortcut give the same answer on" in out
    assert "where they differ" in Path("c.html").read_text()


def test_compare_two_methods_as_json(run, photos: Path) -> None:
    code, out, err = run("compare", photos / "a.png", "-m", "grad_cam", "-m", "gradient", "--json", "-o", "c.json")
    assert code == 0, err
    record = json.loads(out)
    assert record["columns"] == ["grad_cam", "gradient"]
    assert json.loads(Path("c.json").read_text())["columns"] == record["columns"]


def test_compare_needs_two_of_something(run, photos: Path) -> None:
    code, _, err = run("compare", photos / "a.png")
    assert code == 2
    assert "1 network and 1 method: compare several networks with one method" in err
    code, _, err = run(
        "compare", photos / "a.png", "--model", "a", "--model", "b", "--weights", "x", "--weights", "y", "--weights", "z"
    )
    assert code == 2
    assert "2 --model and 3 --weights: give one --weights for each --model." in err
