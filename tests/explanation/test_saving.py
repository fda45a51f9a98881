"""An explanation is saved whole or not at all, and read back as it was."""

from __future__ import annotations

import dataclasses
import io
import json
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from full_explanation import assert_same, explanation, photo
from PIL import Image
from torch import nn

import seewhy
from seewhy import Classifier, Explanation, Preprocess
from seewhy.errors import RecordError
from seewhy.geometry import Geometry, SampleGrid
from seewhy.records import Photo, Prediction, Target


def test_every_field_comes_back(tmp_path: Path) -> None:
    before = explanation()
    path = before.save(tmp_path / "e.npz")
    assert path == tmp_path / "e.npz"
    assert_same(Explanation.load(path), before)
    assert_same(Explanation.load(str(path)), before)


def test_the_class_that_a_target_is_compared_with_comes_back(tmp_path: Path) -> None:
    compared = Target("Bär", 1, 0.75, 1, against=Prediction("Kuh", 0, 0.25))
    before = explanation(targets=[compared, Target("Wolf", 2, 0.0, 3)])
    assert_same(Explanation.load(before.save(tmp_path / "e.npz")), before)
    targets = json.loads(before.save(tmp_path / "e.json").read_text())["targets"]
    assert [target["against"] for target in targets] == [{"name": "Kuh", "index": 0, "score": 0.25}, None]


def test_a_real_one_comes_back_and_can_be_drawn(tmp_path: Path, small: nn.Module) -> None:
    clf = Classifier(small, Preprocess(size=16), classes=["a", "b", "c", "d"])
    before = seewhy.explain(clf, photo().original, target="top2")
    after = Explanation.load(before.save(tmp_path / "e.npz"))
    assert_same(after, before)
    np.testing.assert_array_equal(after.on_photo(), before.on_photo())
    np.testing.assert_array_equal(np.asarray(after.image()), np.asarray(before.image()))


def test_without_raw_and_with_numpy_numbers(tmp_path: Path) -> None:
    before = explanation(
        raw=None, details={"r2": np.float32(0.5), "n": np.int64(3)}, photo=dataclasses.replace(photo(), notes=())
    )
    after = Explanation.load(before.save(tmp_path / "e.npz"))
    assert after.raw is None
    assert after.details == {"r2": 0.5, "n": 3}
    assert after.photo.notes == ()


def test_a_suffix_in_capitals(tmp_path: Path) -> None:
    path = explanation().save(tmp_path / "E.NPZ")
    assert path.name == "E.NPZ"
    assert Explanation.load(path).method == "grad_cam"


def test_float_originals_come_back(tmp_path: Path) -> None:
    original = np.random.default_rng(0).normal(size=(8, 8, 5)).astype(np.float32)
    own = Photo(original, original.transpose(2, 0, 1), Geometry.whole((8, 8)), "tensor")
    assert_same(Explanation.load(explanation(photo=own).save(tmp_path / "e.npz")).photo, own)


@pytest.mark.parametrize(
    ("values", "kept_as"),
    [
        ([0, 255, 3], np.uint8),
        ([0, 254.5, 3], np.float32),
        ([-1, 255, 3], np.float32),
        ([0, 256, 3], np.float32),
        ([0, np.inf, 3], np.float32),
    ],
)
def test_pixels_that_are_whole_take_a_quarter_of_the_space(tmp_path: Path, values: list[float], kept_as: type) -> None:
    pixels = np.array(values, np.float32)[:, None, None] * np.ones((1, 8, 8), np.float32)
    before = explanation(photo=dataclasses.replace(photo(), pixels=pixels))
    path = before.save(tmp_path / "e.npz")
    with np.load(path) as file:
        assert file["pixels"].dtype == kept_as
    assert_same(Explanation.load(path), before)


def test_a_file_of_an_older_version_is_read(tmp_path: Path) -> None:
    """By hand, as it was written before the field "lattice" was called "sample_grid", and before notes knew their map."""
    geometry = {"photo": [8, 8], "input": [8, 8], "rows": [1.0, 0.0], "columns": [1.0, 0.0]}
    record = {
        "format": 1,
        "signed": True,
        "targets": [{"name": "bear", "index": 0, "score": 0.9, "rank": 1}],
        "method": "occlusion",
        "settings": {"mask_size": None},
        "layer": None,
        "seed": 0,
        "units": "probability",
        "partial": False,
        "cost": {"forward": 5.0, "backward": 0.0, "seconds": 0.1},
        "notes": ["an old note"],
        "predictions": [{"name": "bear", "index": 0, "score": 0.9}],
        "model": "net",
        "weights": "0123",
        "versions": {"seewhy": "0.1.0"},
        "lattice": {"rows": [0.5, 3.0], "columns": [0.5, 3.5]},
        "photo": {"geometry": geometry, "name": "old.jpg", "preprocessing": "", "notes": []},
        "details": {},
    }
    pixels = {"original": np.zeros((8, 8, 3), np.uint8), "pixels": np.zeros((3, 8, 8), np.float32)}
    np.savez_compressed(
        tmp_path / "old.npz", record=np.array(json.dumps(record)), maps=np.eye(3, dtype=np.float32)[None], **pixels
    )
    e = Explanation.load(tmp_path / "old.npz")
    assert e.sample_grid == SampleGrid((0.5, 3.0), (0.5, 3.5))
    assert e.notes == ["an old note"]
    assert e.notes[0].target is None  # type: ignore[attr-defined]
    assert (e.by_class, e.targets[0].name, e.cost.forward) == (True, "bear", 5.0)
    assert e.targets[0].against is None
    assert e.image().width > 300


def not_ours(path: Path) -> str:
    return f"'{path}' is not an explanation saved as .npz, or broken: write one with e.save('x.npz')."


def test_files_that_are_not_ours(tmp_path: Path) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(RecordError) as error:
            Explanation.load(path)
        return str(error.value)

    path = tmp_path / "x.npz"
    assert refused(path) == f"There is no file '{path}'."
    assert refused(tmp_path) == not_ours(tmp_path)
    for content in (b"", b"hello", explanation().save(tmp_path / "e.json").read_bytes()):
        path.write_bytes(content)
        assert refused(path) == not_ours(path)
    with path.open("wb") as file:
        np.save(file, np.ones(3))
    assert refused(path) == not_ours(path)
    records: list[Any] = ["[1]", '{"format": 1}', "text", '{"a": 1}']
    for record in records:
        np.savez(path, record=np.array(record))
        assert refused(path) == not_ours(path)
    np.savez(path, maps=np.ones(3))
    assert refused(path) == not_ours(path)
    np.savez(path, record=np.array(["pickled"], dtype=object))
    assert refused(path) == not_ours(path)
    np.savez(path, record=np.array(json.dumps({"format": 99})))
    assert refused(path) == f"'{path}' was written by another version of seewhy; this one reads format 1."


class Evil:
    """Runs code when it is unpickled."""

    ran = False

    def __reduce__(self) -> tuple[Any, ...]:
        return (setattr, (Evil, "ran", True))


def test_reading_runs_no_code(tmp_path: Path) -> None:
    path = tmp_path / "evil.npz"
    np.savez(path, record=np.array([Evil()], dtype=object))
    with pytest.raises(RecordError):
        Explanation.load(path)
    assert not Evil.ran


def test_a_broken_file_is_one_clear_error(tmp_path: Path) -> None:
    content = explanation().save(tmp_path / "e.npz").read_bytes()
    path = tmp_path / "broken.npz"
    refusals = 0
    for place in range(0, len(content), len(content) // 40):
        damaged = bytearray(content)
        damaged[place] ^= 0xFF
        for piece in (bytes(damaged), content[:place]):
            path.write_bytes(piece)
            try:
                Explanation.load(path)  # any other exception ends the test
            except RecordError as error:
                refusals += str(error) == not_ours(path)
    assert refusals >= 60


def test_json_holds_everything_but_the_pixels(tmp_path: Path) -> None:
    e = explanation()
    text = e.save(tmp_path / "e.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert text.endswith("}\n")
    assert "zwei ✓" in text
    assert "Bär" in text
    np.testing.assert_array_equal(np.array(record["maps"], np.float32), e.maps)
    assert record["targets"] == [
        {"name": "Bär", "index": 1, "score": 0.75, "rank": 1, "against": None},
        {"name": "function", "index": None, "score": -3.5, "rank": None, "against": None},
    ]
    assert record["details"] == {"segments": e.details["segments"].tolist(), "r2": 0.5, "nested": {"a": [1, 2]}}
    assert record["photo"] == {
        "geometry": {"photo": [12, 20], "input": [8, 8], "rows": [1.5, 0.0], "columns": [20 / 13, 2 * 20 / 13]},
        "name": "bär.jpg",
        "preprocessing": "shorter side 8",
        "notes": ["a note"],
    }
    same = ("method", "settings", "layer", "seed", "units", "partial", "signed", "notes", "model", "weights", "versions")
    assert {name: record[name] for name in same} == {name: getattr(e, name) for name in same}
    assert record["cost"] == {"forward": 1.0, "backward": 2.0, "seconds": 0.25}
    assert record["format"] == 1


def test_png_is_the_figure(tmp_path: Path) -> None:
    e = explanation()
    with Image.open(e.save(tmp_path / "e.png")) as picture:
        assert picture.format == "PNG"
        np.testing.assert_array_equal(np.asarray(picture.convert("RGB")), np.asarray(e.image().convert("RGB")))
        assert np.asarray(picture.convert("RGB")).std() > 10


@pytest.mark.parametrize(("suffix", "first"), [("jpg", b"\xff\xd8"), ("jpeg", b"\xff\xd8"), ("pdf", b"%PDF-"), ("svg", b"<?xml")])
def test_other_pictures(tmp_path: Path, suffix: str, first: bytes) -> None:
    e = explanation()
    content = e.save(tmp_path / f"e.{suffix}", cmap="viridis").read_bytes()
    assert content.startswith(first)
    assert len(content) > 2000
    assert e.save(tmp_path / f"again.{suffix}", cmap="viridis").read_bytes() == content, "the same picture, the same file"
    if suffix == "jpg":
        with Image.open(io.BytesIO(content)) as picture:
            assert picture.size == e.image().size


def test_html_is_one_page_that_names_what_it_shows(tmp_path: Path) -> None:
    page = explanation().save(tmp_path / "e.html").read_text(encoding="utf-8")
    for text in ("<html", "Bär", "bär.jpg", "layer4", "zwei ✓", "data:image/"):
        assert text in page, text
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith(("data:", "#")), f"the page fetches {address}"


def test_folders_are_made_and_files_are_ordinary(tmp_path: Path) -> None:
    path = explanation().save(tmp_path / "new" / "deep" / "e.json")
    umask = os.umask(0)
    os.umask(umask)
    assert stat.S_IMODE(path.stat().st_mode) == 0o666 & ~umask
    assert [p.name for p in path.parent.iterdir()] == ["e.json"]


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "e.json").write_text("old")
    explanation().save(tmp_path / "e.json")
    assert json.loads((tmp_path / "e.json").read_text(encoding="utf-8"))["method"] == "grad_cam"


@pytest.mark.parametrize("name", ["e.gif", "e", "e.npz.bak"])
def test_an_unknown_suffix_writes_nothing(tmp_path: Path, name: str) -> None:
    with pytest.raises(RecordError) as error:
        explanation().save(tmp_path / name)
    suffix = Path(name).suffix
    assert (
        str(error.value)
        == f"'{name}' cannot be written: '{suffix}' is not one of .png, .jpg, .jpeg, .pdf, .svg, .npz, .json, .html."
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("suffix", [".png", ".npz", ".json", ".html"])
def test_a_place_that_cannot_be_written(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "file").write_text("I am no folder.")
    path = tmp_path / "file" / f"e{suffix}"
    with pytest.raises(RecordError) as error:
        explanation().save(path)
    assert str(error.value) in (f"'{path}' cannot be written: {reason}." for reason in ("Not a directory", "File exists"))
    assert (tmp_path / "file").read_text() == "I am no folder."


def test_a_folder_of_that_name(tmp_path: Path) -> None:
    (tmp_path / "e.json").mkdir()
    with pytest.raises(RecordError) as error:
        explanation().save(tmp_path / "e.json")
    assert str(error.value) == f"'{tmp_path / 'e.json'}' cannot be written: Is a directory."
    assert [p.name for p in tmp_path.iterdir()] == ["e.json"]


def test_a_figure_that_fails_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("seewhy.explanation.saving.figure", fails)
    with pytest.raises(ZeroDivisionError):
        explanation().save(tmp_path / "e.png")
    assert list(tmp_path.iterdir()) == []
    assert not list(Path(tempfile.gettempdir()).glob(".e.png.*"))
