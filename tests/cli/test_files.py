"""Which photos a path stands for, and where each result goes."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from seewhy.cli.files import Names, check_output, expand, safe_name, write_table
from seewhy.errors import OptionError, PhotoError

SUFFIXES = (".png", ".html")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with empty files of photos' names."""
    monkeypatch.chdir(tmp_path)
    for name in ("in/a.jpg", "in/a-lime-cow.png", "in/b-lime-cow.png", "in/deep/c.png", "in/notes.txt"):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).touch()
    return tmp_path


@pytest.mark.usefixtures("here")
def test_folders_patterns_and_files_are_taken_once() -> None:
    below = {Path("in/a.jpg"): Path(), Path("in/b-lime-cow.png"): Path(), Path("in/deep/c.png"): Path("deep")}
    assert expand(["in"]) == below  # a-lime-cow.png was made of a.jpg
    assert expand(["in", "in/a.jpg"]) == below
    assert expand(["in/**/*.png"]) == {Path("in/b-lime-cow.png"): Path(), Path("in/deep/c.png"): Path("deep")} | {
        Path("in/a-lime-cow.png"): Path()
    }
    assert expand(["in/a-lime-cow.png", "no.jpg"]) == {Path("in/a-lime-cow.png"): Path(), Path("no.jpg"): Path()}


@pytest.mark.usefixtures("here")
def test_where_there_is_no_photo() -> None:
    Path("empty").mkdir()
    with pytest.raises(PhotoError, match=r"^There is no photo in the folder 'empty' \("):
        expand(["empty"])
    with pytest.raises(PhotoError, match=r"^No file matches 'in/\*\.gif'\.$"):
        expand(["in/*.gif"])


@pytest.mark.usefixtures("here")
def test_names_of_results() -> None:
    files = {Path("x/a.jpg"): Path(), Path("y/a.jpg"): Path("y")}
    beside = Names(files, None, SUFFIXES)
    assert [beside.of(photo, "lime", "golden retriever") for photo in files] == [
        Path("a-lime-golden_retriever.png"),
        Path("a-lime-golden_retriever-2.png"),
    ]
    folder = Names(files, "out", SUFFIXES)
    assert [folder.of(photo, "lime") for photo in files] == [Path("out/a.png"), Path("out/y/a.png")]
    single = Names({Path("a.jpg"): Path()}, "why.HTML", SUFFIXES)
    assert (single.of(Path("a.jpg"), "lime"), single.suffix) == (Path("why.HTML"), ".html")


@pytest.mark.usefixtures("here")
def test_the_form_of_results() -> None:
    files = {Path("x/a.jpg"): Path(), Path("y/b.jpg"): Path("y")}
    folder = Names(files, "out", SUFFIXES, "html")
    assert ([folder.of(photo, "lime") for photo in files], folder.suffix) == ([Path("out/a.html"), Path("out/y/b.html")], ".html")
    assert Names(files, None, SUFFIXES, "HTML").of(Path("x/a.jpg"), "lime", "cow") == Path("a-lime-cow.html")
    assert Names({Path("a.jpg"): Path()}, "why.html", SUFFIXES, "html").of(Path("a.jpg")) == Path("why.html")
    for output, form, message in (
        ("out", "gif", "--format gif: write one of png, html."),
        ("x.png", "html", "-o x.png: that file is no html; leave --format out, or write a folder."),
    ):
        with pytest.raises(OptionError) as error:
            Names({Path("a.jpg"): Path()}, output, SUFFIXES, form)
        assert str(error.value) == message


@pytest.mark.usefixtures("here")
def test_results_that_cannot_be_written() -> None:
    photos = {Path("a.jpg"): Path()}
    for files, output, message in (
        (photos | {Path("b.jpg"): Path()}, "x.png", "-o x.png: for 2 photos ('a.jpg' is no file) write a folder."),
        (photos, "x.gif", "-o x.gif: '.gif' is not one of .png, .html."),
        (photos, "in/a.jpg/maps", "-o in/a.jpg/maps: 'in/a.jpg' is a file, not a folder."),
    ):
        with pytest.raises(OptionError) as error:
            Names(files, output, SUFFIXES)
        assert str(error.value) == message
    Path("x.html").mkdir()
    with pytest.raises(OptionError, match=r"^-o x\.html: that is a folder; write a file in it\.$"):
        check_output(Path("x.html"), SUFFIXES)
    assert check_output(Path("new/x.png"), SUFFIXES) == Path("new/x.png")
    assert not Path("new").exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("golden retriever", "golden_retriever"),
        ("../a/b", "a_b"),
        ("Kätzchen.2", "Kätzchen.2"),
        ("??", "_"),
        ("x" * 60, "x" * 40),
    ],
)
def test_safe_names(text: str, expected: str) -> None:
    assert safe_name(text) == expected


def test_tables_of_predictions(tmp_path: Path) -> None:
    first = {"index": 2, "name": "ä, b", "score": 0.25}
    record: dict[str, Any] = {"photos": [{"photo": "a.jpg", "predictions": [first]}], "model": "net", "preprocessing": "none"}
    write_table(tmp_path / "x.json", record)
    assert json.loads((tmp_path / "x.json").read_text()) == record
    write_table(tmp_path / "x.csv", record)
    rows = list(csv.reader((tmp_path / "x.csv").read_text().splitlines()))
    assert rows == [
        ["photo", "rank", "index", "class", "score", "model", "preprocessing"],
        ["a.jpg", "1", "2", "ä, b", "0.250000", "net", "none"],
    ]


def test_a_result_never_takes_the_place_of_a_photo(tmp_path: Path) -> None:
    photo = tmp_path / "a.png"
    photo.touch()
    with pytest.raises(OptionError, match="that is the photo itself, and it would be lost; write another name"):
        Names({photo: Path()}, str(photo), [".png"])
    names = Names({photo: Path()}, str(tmp_path), [".png"])
    assert names.of(photo) == tmp_path / "a-2.png"
