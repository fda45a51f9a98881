from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, PhotoError, TargetError
from seewhy.store.photos import list_photos
from seewhy.store.places import LocalFolder

CLASSES = ClassNames(["bear", "cow"])


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Empty files: nothing is opened to list them."""
    for name in ("cow/b.jpg", "bear/a.jpg", "cow/a.jpg"):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path / "photos"


ALL = ["bear/a.jpg", "cow/a.jpg", "cow/b.jpg"]


def test_folder_pattern_and_list_are_the_same_photos_in_the_order_of_their_paths(root: Path) -> None:
    files = [root / name for name in ("cow/b.jpg", "bear/a.jpg", "cow/a.jpg")]
    for photos in (root, str(root / "*" / "*.jpg"), files, list(map(str, files))):
        listed = list_photos(photos, "folders", CLASSES)
        assert (listed.root, listed.paths, listed.labels, listed.notes) == (LocalFolder(root), ALL, [0, 1, 1], [])
    assert listed.paths_hash == hashlib.sha256("\0".join(ALL).encode()).hexdigest()[:16]
    assert list_photos(root, None, CLASSES).labels_hash == ""
    assert list_photos(root, "folders", CLASSES).labels_hash == hashlib.sha256(b"[0, 1, 1]").hexdigest()[:16]


def test_labels_go_with_their_photos_when_these_are_sorted(root: Path) -> None:
    listed = list_photos([root / "cow/b.jpg", root / "bear/a.jpg"], ["bear", None], CLASSES)
    assert (listed.paths, listed.labels) == (["bear/a.jpg", "cow/b.jpg"], [None, 0])
    (root.parent / "labels.csv").write_text("photo,label\nphotos/cow/a.jpg,bear\nnone.jpg,cow\n")
    listed = list_photos(root, root.parent / "labels.csv", CLASSES)
    assert listed.labels == [None, 0, None]
    assert listed.notes == [
        "'labels.csv' has no label for 2 of 3 photos: bear/a.jpg, cow/b.jpg",
        "1 entry of 'labels.csv' is not among the photos: none.jpg",
        "no photo is labelled cow",
    ]


@pytest.mark.parametrize("form", ["csv", "tsv", "parquet"])
def test_a_table_names_photos_and_labels(root: Path, form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    columns: dict[str, list[Any]] = {"Path": ["cow/b.jpg", "bear/a.jpg"], "label": ["cow", None], "Other": ["0", "1"]}
    table = root / f"list.{form}"
    if form == "parquet":
        pyarrow.parquet.write_table(pyarrow.table(columns), table)
    else:
        sign = {"csv": ",", "tsv": "\t"}[form]
        rows = [columns, *zip(*columns.values(), strict=True)]
        table.write_text("\n".join(sign.join(cell or "" for cell in row) for row in rows))
    listed = list_photos(table, None, CLASSES)
    assert (listed.root, listed.paths, listed.labels) == (LocalFolder(root), ["bear/a.jpg", "cow/b.jpg"], [None, 1])
    by_other = list_photos(table, "Other", CLASSES)
    assert by_other.labels == [1, 0]
    assert list_photos(table, "folders", CLASSES).labels == [0, 1]
    monkeypatch.chdir(root)
    moved = table.rename(root.parent / table.name)  # paths from the current folder
    assert list_photos(moved, None, CLASSES).paths == listed.paths
    with pytest.raises(OptionError, match=r"labels='kind': '.*' has no such column; it has Path, label, Other"):
        list_photos(moved, "kind", CLASSES)


def test_numbers_of_a_parquet_column_are_indices(root: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.table({"path": ["cow/b.jpg", "bear/a.jpg"], "label": [1, None]}), root / "list.parquet")
    assert list_photos(root / "list.parquet", None, CLASSES).labels == [None, 1]


def test_a_photo_that_stands_twice_is_one(root: Path) -> None:
    twice = [root / "cow/b.jpg", root / "bear/a.jpg", root / "bear" / ".." / "cow" / "b.jpg"]
    listed = list_photos(twice, None, CLASSES)
    assert listed.paths == ["bear/a.jpg", "cow/b.jpg"]
    assert listed.notes == ["1 photos stood twice in the list, and are taken once"]
    with pytest.raises(TargetError, match=r"'cow/b.jpg' stands twice among the photos, with two labels: leave one of them out."):
        list_photos(twice, ["cow", "cow", "bear"], CLASSES)


def test_what_is_no_list_of_files(root: Path, tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"A run reads photos from files, and 'photo 2' is none"):
        list_photos([root / "cow/b.jpg", np.zeros((4, 4, 3), np.uint8)], None, CLASSES)
    with pytest.raises(PhotoError, match=r"There is no file '.*none.csv'."):
        list_photos(tmp_path / "none.csv", None, CLASSES)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PhotoError, match=r"holds no photo"):
        list_photos(tmp_path / "empty", None, CLASSES)
    (tmp_path / "a.csv").write_text("one,two\n1,2\n")
    with pytest.raises(OptionError, match=r"has the columns one, two: name the one with the photos' paths 'path'"):
        list_photos(tmp_path / "a.csv", None, CLASSES)
    (tmp_path / "b.csv").write_text("path,label\n")
    with pytest.raises(PhotoError, match=r"'.*b.csv' lists no photo."):
        list_photos(tmp_path / "b.csv", None, CLASSES)
    (tmp_path / "c.parquet").write_text("no table")
    with pytest.raises(OptionError, match=r"c.parquet' cannot be read as a table \("):
        list_photos(tmp_path / "c.parquet", None, CLASSES)
    (tmp_path / "d.csv").write_text("path,label\nother.jpg,cow\n")
    with pytest.raises(TargetError, match=r"has a label for none of the 3 photos"):
        list_photos(root, tmp_path / "d.csv", CLASSES)
