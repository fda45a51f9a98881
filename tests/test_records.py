"""An explanation is saved whole or not at all, and read back as it was."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import stat
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import seewhy
from seewhy import Classifier, Explanation, Prediction, Preprocess, Target
from seewhy.errors import OptionError, RecordError, TargetError
from seewhy.geometry import Geometry, map_on_photo, resize_map
from seewhy.records import Cost, Photo, write_whole


def photo() -> Photo:
    rng = np.random.default_rng(0)
    return Photo(
        original=rng.integers(0, 256, (12, 20, 3), np.uint8),
        pixels=rng.random((3, 8, 8)).astype(np.float32) * 255,
        geometry=Geometry.resized((12, 20), (8, 13), (0, 2), (8, 8)),
        name="bär.jpg",
        preprocessing="shorter side 8",
        notes=("a note",),
    )


def explanation(**changes: Any) -> Explanation:
    """Every field filled with something that is not its default."""
    rng = np.random.default_rng(1)
    values: dict[str, Any] = {
        "maps": rng.normal(size=(2, 4, 4)).astype(np.float32),
        "signed": True,
        "targets": [Target("Bär", 1, 0.75, 1), Target("function", None, -3.5, None)],
        "method": "grad_cam",
        "photo": photo(),
        "settings": {"layer": None, "relu": False, "steps": 3, "size": [4, 5]},
        "layer": "layer4",
        "seed": 7,
        "units": "logit",
        "partial": True,
        "cost": Cost(1.0, 2.0, 0.25),
        "notes": ["one", "zwei ✓"],
        "details": {"segments": rng.integers(0, 9, (8, 8)), "r2": 0.5, "nested": {"a": [1, 2]}},
        "raw": rng.normal(size=(2, 3, 8, 8)).astype(np.float32),
        "predictions": [Prediction("Bär", 1, 0.75), Prediction("Kuh", 0, 0.25)],
        "model": "SmallNet",
        "weights": "0123456789abcdef",
        "versions": {"seewhy": "0.1.0", "torch": "2"},
    }
    return Explanation(**values | changes)


def assert_same(a: Any, b: Any, where: str = "") -> None:
    assert type(a) is type(b), where
    if dataclasses.is_dataclass(a):
        for field in dataclasses.fields(a):
            assert_same(getattr(a, field.name), getattr(b, field.name), f"{where}.{field.name}")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, where
        np.testing.assert_array_equal(a, b, err_msg=where)
    elif isinstance(a, dict):
        assert list(a) == list(b) or set(a) == set(b), where
        for key, value in a.items():
            assert_same(value, b[key], f"{where}[{key}]")
    else:
        assert a == b, where


# -- npz ----------------------------------------------------------------------------------------------------------------


def test_every_field_comes_back(tmp_path: Path) -> None:
    before = explanation()
    path = before.save(tmp_path / "e.npz")
    assert path == tmp_path / "e.npz"
    assert_same(Explanation.load(path), before)
    assert_same(Explanation.load(str(path)), before)


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
    refused = 0
    for place in range(0, len(content), len(content) // 40):
        turned = bytearray(content)
        turned[place] ^= 0xFF
        for piece in (bytes(turned), content[:place]):
            path.write_bytes(piece)
            try:
                Explanation.load(path)  # any other exception ends the test
            except RecordError as error:
                refused += str(error) == not_ours(path)
    assert refused >= 60


# -- json, html, png ----------------------------------------------------------------------------------------------------


def test_json_holds_everything_but_the_pixels(tmp_path: Path) -> None:
    e = explanation()
    text = e.save(tmp_path / "e.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert text.endswith("}\n")
    assert "zwei ✓" in text
    assert "Bär" in text
    np.testing.assert_array_equal(np.array(record["maps"], np.float32), e.maps)
    assert record["targets"] == [
        {"name": "Bär", "index": 1, "score": 0.75, "rank": 1},
        {"name": "function", "index": None, "score": -3.5, "rank": None},
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


def test_record_is_plain(tmp_path: Path) -> None:
    record = explanation(settings={"layer": nn.ReLU(), "size": (1, 2), "n": np.int64(5)}).record()
    assert record == json.loads(json.dumps(record))
    assert record["settings"] == {"layer": "ReLU()", "size": [1, 2], "n": 5}
    assert "segments" not in record["details"], "arrays go beside the record"


def test_png_is_the_figure(tmp_path: Path) -> None:
    e = explanation()
    with Image.open(e.save(tmp_path / "e.png")) as written:
        assert written.format == "PNG"
        np.testing.assert_array_equal(np.asarray(written.convert("RGB")), np.asarray(e.image().convert("RGB")))
        assert np.asarray(written.convert("RGB")).std() > 10


def test_html_is_one_page_that_names_what_it_shows(tmp_path: Path) -> None:
    page = explanation().save(tmp_path / "e.html").read_text(encoding="utf-8")
    for word in ("<html", "Bär", "bär.jpg", "layer4", "zwei ✓", "data:image/"):
        assert word in page, word
    for address in re.findall(r'(?:src|href)="([^"]*)"', page):
        assert address.startswith(("data:", "#")), f"the page fetches {address}"


# -- whole or not at all ------------------------------------------------------------------------------------------------


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
    assert str(error.value) == f"'{name}' cannot be written: '{suffix}' is not one of .png, .npz, .json, .html."
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


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_stops_the_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException) -> None:
    path = tmp_path / "e.json"
    path.write_text("old")

    def fails(*_: object) -> None:
        raise stop

    for name in ("replace", "chmod"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fails)
            with pytest.raises(RecordError if isinstance(stop, OSError) else KeyboardInterrupt) as error:
                write_whole(path, b"new")
        if isinstance(stop, OSError):
            assert str(error.value) == f"'{path}' cannot be written: No space left on device."
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["e.json"], "nothing half-written stays"
    assert write_whole(path, b"new") == path
    assert path.read_bytes() == b"new"


def test_a_figure_that_fails_writes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Explanation, "image", fails)
    with pytest.raises(ZeroDivisionError):
        explanation().save(tmp_path / "e.png")
    assert list(tmp_path.iterdir()) == []
    assert not list(Path(tempfile.gettempdir()).glob(".e.png.*"))


# -- maps of one's own, and maps on photos ------------------------------------------------------------------------------


def test_on_input_and_on_photo() -> None:
    e = explanation()
    np.testing.assert_array_equal(e.on_input(), resize_map(e.maps, (8, 8)))
    np.testing.assert_array_equal(e.on_input("nearest"), np.kron(e.maps, np.ones((2, 2), np.float32)))
    assert e.on_photo().shape == (2, 12, 20)
    np.testing.assert_array_equal(e.on_photo("nearest"), map_on_photo(e.maps, e.photo.geometry, "nearest"))
    seen = ~np.isnan(e.on_photo()[0])
    # 8 of 13 columns from the second on: 3.08 to 15.38 photo pixels, so the centres 3.5 to 14.5.
    np.testing.assert_array_equal(np.flatnonzero(seen.any(axis=0)), np.arange(3, 15))
    assert seen[:, 3:15].all()
    with pytest.raises(OptionError, match=r"^upsample='linear' is not known: write 'bicubic' or 'nearest'\.$"):
        e.on_photo("linear")


@pytest.fixture
def clf(planted: nn.Module) -> Classifier:
    return Classifier(planted, classes=["red", "green", "blue"])


def test_from_map(clf: Classifier, planted_photo: torch.Tensor) -> None:
    heat = np.arange(6.0).reshape(2, 3)
    e = Explanation.from_map(clf, planted_photo, heat, "green")
    np.testing.assert_array_equal(e.maps, heat[None].astype(np.float32))
    assert e.maps.dtype == np.float32
    scores = clf.scores(planted_photo)[0]
    assert e.targets == [Target("green", 1, pytest.approx(float(scores[1])), 1)]
    assert (e.method, e.signed, e.layer, e.notes) == ("from_map", False, None, [])
    assert [p.name for p in e.predictions] == ["green", "red", "blue"]
    assert e.photo.geometry == Geometry.whole((16, 24))
    assert_same(Explanation.from_map(clf, planted_photo, torch.tensor(heat), 1).maps, e.maps)
    assert Explanation.from_map(clf, planted_photo, -heat).signed


def test_from_map_with_several_targets_and_a_function(clf: Classifier, planted_photo: torch.Tensor) -> None:
    e = Explanation.from_map(clf, planted_photo, np.ones((3, 2, 2)) * [[[0]], [[1]], [[-1]]], ["top1", "blue", "red"])
    assert [t.name for t in e.targets] == ["green", "blue", "red"]
    assert len(e.notes) == 3
    assert e.notes[0].startswith("The map is empty: nothing speaks for 'green' (score 0.")
    assert e.notes[1].startswith("The map is flat: every place counts the same for 'blue' (score 0.")


def test_from_map_with_a_wrong_map(clf: Classifier, planted_photo: torch.Tensor) -> None:
    with pytest.raises(TargetError) as error:
        Explanation.from_map(clf, planted_photo, np.ones((2, 2, 2)), "top3")
    assert str(error.value) == "2 maps but 3 targets: give one target per map."
    for wrong in (np.ones(3), np.ones((1, 1, 2, 2)), np.full((2, 2), np.nan), np.ones((0, 2))):
        with pytest.raises(OptionError, match=r"give finite numbers, \(h, w\), or \(K, h, w\) for K targets\.$"):
            Explanation.from_map(clf, planted_photo, wrong)


# -- small things -------------------------------------------------------------------------------------------------------


def test_words() -> None:
    assert str(Prediction("coyote", 272, 0.614)) == "coyote (0.61)"
    assert str(Target("coyote", 272, 0.614, 1)) == "coyote (0.61)"
    assert repr(explanation()) == "<Explanation grad_cam at layer4: Bär (0.75), function (-3.50); 4×4>"
    assert repr(explanation(layer=None)) == "<Explanation grad_cam: Bär (0.75), function (-3.50); 4×4>"


def test_explanations_are_frozen_and_compared_by_identity() -> None:
    e = explanation()
    assert e != explanation()
    assert len({e, e, explanation()}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        e.seed = 1  # type: ignore[misc]
