from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import buckets
import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

from seewhy.classes import ClassNames
from seewhy.errors import Message, OptionError, PhotoError, TargetError
from seewhy.store.photos import list_photos
from seewhy.store.places import LocalFolder, RemoteFolder
from seewhy.store.tars import read_member

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
        "no photo is labelled 'cow'",
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


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_column_of_classes_that_is_not_read_is_said(root: Path, form: str) -> None:
    columns: dict[str, list[Any]] = {"path": ["cow/b.jpg", "bear/a.jpg"], "camera": ["a", "cow"], "species": ["cow", " Bear"]}
    table = root / f"list.{form}"

    def write() -> None:
        if form == "parquet":
            pyarrow.parquet.write_table(pyarrow.table(columns), table)
        else:
            table.write_text("\n".join(",".join(row) for row in [columns, *zip(*columns.values(), strict=True)]))

    write()
    listed = list_photos(table, None, CLASSES)
    assert (listed.labels, listed.notes) == (
        [None, None],
        ["column 'species' is not read: labels='species' takes it as the labels"],
    )
    spelled = Message(listed.notes[0]).spelled(lambda name, value: f"<{name}|{value}>")
    assert spelled == "column 'species' is not read: <labels|'species'> takes it as the labels"
    assert list_photos(table, "species", CLASSES).labels == [0, 1]
    columns["species"][0] = "owl"
    write()
    assert list_photos(table, None, CLASSES).notes == []


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


def test_a_tar_is_a_folder_whose_photos_know_where_they_lie(root: Path) -> None:
    first = {"./cow/1.jpg": b"one", "./cow/1.cls": b"cow", "bear/0.jpg": b"zero", "bear/0.cls": b"0"}
    buckets.put_tar(root / "tars" / "0.tar", first)
    buckets.put_tar(root / "tars" / "1.tar", {"2.png": b"two", "2.json": b'{"label": 1}'})
    listed = list_photos(str(root / "tars" / "*.tar"), None, CLASSES)
    assert listed.root == LocalFolder(root / "tars")
    assert listed.paths == ["0.tar/bear/0.jpg", "0.tar/cow/1.jpg", "1.tar/2.png"]
    assert listed.labels == [0, 1, 1]
    assert listed.members is not None
    contents = [read_member(listed.root, member, "") for member in listed.members if member is not None]
    assert contents == [b"zero", b"one", b"two"]
    assert list_photos(root / "tars" / "0.tar", "folders", CLASSES).labels == [0, 1]
    assert list_photos(root / "tars" / "1.tar", "json", CLASSES).labels == [1]
    both = list_photos(
        [root / "tars" / "0.tar", root / "cow" / "a.jpg"], {"cow/a.jpg": "bear", "0.tar/cow/1.jpg": "cow"}, CLASSES
    )
    assert (both.paths, both.labels) == (["cow/a.jpg", "tars/0.tar/bear/0.jpg", "tars/0.tar/cow/1.jpg"], [0, None, 1])
    assert both.members is not None
    assert [member is None for member in both.members] == [True, False, False]


def test_texts_beside_photos_in_a_tar_are_labels_where_they_are_classes(root: Path) -> None:
    buckets.put_tar(root / "0.tar", {"0.jpg": b"", "0.txt": b"a cow on a meadow", "1.jpg": b"", "1.txt": b"cow"})
    listed = list_photos(root / "0.tar", None, CLASSES)
    assert listed.labels == [None, None]
    assert listed.notes == ["the .txt files in '0.tar' are not all names of classes, and are not taken as labels"]
    with pytest.raises(TargetError, match=r"1 of 2 labels is no class: 'a cow on a meadow' of 0\.tar/0\.jpg"):
        list_photos(root / "0.tar", "txt", CLASSES)
    buckets.put_tar(root / "1.tar", {"0.jpg": b"", "0.txt": b"bear", "1.jpg": b"", "1.txt": b"cow"})
    assert list_photos(root / "1.tar", None, CLASSES).labels == [0, 1]


def test_tars_that_hold_nothing(root: Path) -> None:
    buckets.put_tar(root / "tars" / "0.tar", {"a.txt": b""})
    with pytest.raises(PhotoError, match=r"0\.tar' holds no photo \(\.jpg"):
        list_photos(root / "tars" / "0.tar", None, CLASSES)
    with pytest.raises(PhotoError, match=r"tars' holds no photo .* It holds tar files: write '.*tars/\*\.tar'\.$"):
        list_photos(root / "tars", None, CLASSES)


@pytest.fixture
def bucket(memory: None) -> str:
    """The same photos in a bucket."""
    buckets.put({f"/bucket/photos/{name}": b"" for name in (*ALL, "notes.txt", ".cache/x.jpg")})
    return "memory://bucket/photos"


def test_elsewhere_they_are_the_same(root: Path, bucket: str) -> None:
    files = [f"{bucket}/{name}" for name in ("cow/b.jpg", "bear/a.jpg", "cow/a.jpg")]
    buckets.put({"/bucket/photos/list.csv": b"path,label\ncow/b.jpg,cow\nmemory://bucket/photos/bear/a.jpg,bear\ncow/a.jpg,1\n"})
    (root / "list.csv").write_text("path,label\n" + "\n".join(f"{file},{file.split('/')[-2]}" for file in files))
    for photos in (bucket, f"{bucket}/", f"{bucket}/*/*.jpg", files, f"file://{root}", f"file://{root}/*/*.jpg"):
        listed = list_photos(photos, "folders", CLASSES)
        assert (listed.paths, listed.labels, listed.notes) == (ALL, [0, 1, 1], [])
        is_local = isinstance(photos, str) and photos.startswith("file")
        assert listed.root == (LocalFolder(root) if is_local else RemoteFolder(bucket))
    for table in (f"{bucket}/list.csv", root / "list.csv", f"file://{root}/list.csv"):
        listed = list_photos(table, None, CLASSES)
        assert (listed.root, listed.paths, listed.labels) == (RemoteFolder(bucket), ALL, [0, 1, 1])
    assert list_photos(bucket, {"cow/b.jpg": 0, "bear/a.jpg": 1}, CLASSES).labels == [1, None, 0]
    one = list_photos(files[0], None, CLASSES)
    assert (one.root, one.paths) == (RemoteFolder(f"{bucket}/cow"), ["b.jpg"])
    buckets.put({"/bucket/photos/x.tar": buckets.tar_bytes({"1.jpg": b"", "1.cls": b"1"})})
    listed = list_photos([f"{bucket}/x.tar", f"{bucket}/cow"], None, CLASSES)
    assert (listed.paths, listed.labels) == (["cow/a.jpg", "cow/b.jpg", "x.tar/1.jpg"], [None, None, 1])


@pytest.mark.parametrize(
    ("photos", "error", "message"),
    [
        ("memory://key:secret@bucket/none", PhotoError, r"^There is no photo below 'memory://bucket/none' \(\.jpg"),
        ("memory://bucket/*.png", PhotoError, r"^No file matches 'memory://bucket/\*\.png'\.$"),
        ("memory://bucket/none.csv", PhotoError, r"^There is no file 'memory://bucket/none\.csv'\.$"),
        ("memory://bucket/none.tar", PhotoError, r"^There is no file 'memory://bucket/none\.tar'\.$"),
        ("s4://key:secret@bucket/photos", OptionError, r"^'s4://bucket/photos' cannot be reached: nothing is known of 's4://'"),
        (
            "unreachable://key:secret@bucket/photos",
            PhotoError,
            r"^'unreachable://bucket/photos' cannot be reached: Could not connect to the endpoint\.$",
        ),
        (
            "unreachable://bucket/list.csv",
            PhotoError,
            r"^'unreachable://bucket/list\.csv' cannot be opened: Could not connect to the endpoint\.$",
        ),
        (
            ["memory://key:secret@a/1.jpg", "2.jpg"],
            OptionError,
            r"the list names photos of this machine \('2\.jpg'\) and elsewhere \('memory://a/1\.jpg'\): make two runs of them\.$",
        ),
        (
            ["memory://a/1.jpg", "memory://b/1.jpg"],
            OptionError,
            r"The photos of one run lie in one place, not in 'memory://a/1\.jpg' and 'memory://b/1\.jpg': make two runs of them",
        ),
    ],
)
def test_places_elsewhere_that_hold_nothing(memory: None, photos: object, error: type, message: str) -> None:
    buckets.register()
    with pytest.raises(error, match=message):
        list_photos(photos, None, CLASSES)


def test_rows_of_a_table(root: Path, memory: None) -> None:
    table = root / "list.csv"
    table.write_text('path,label\n"cow/a, ""b"".jpg", cow\n"cow/new\nline.jpg",\n')
    listed = list_photos(table, None, CLASSES)
    assert (listed.paths, listed.labels) == (['a, "b".jpg', "new\nline.jpg"], [1, None])
    for text, row in (("path,label\na.jpg,cow\n ,cow\n", 2), ("label,path\ncow\n", 1)):
        table.write_text(text)
        with pytest.raises(OptionError, match=rf"list\.csv' names no photo in row {row}\."):
            list_photos(table, None, CLASSES)
    pyarrow.parquet.write_table(pyarrow.table({"path": ["a.jpg", None]}), root / "list.parquet")
    with pytest.raises(OptionError, match=r"list\.parquet' names no photo in row 2\."):
        list_photos(root / "list.parquet", None, CLASSES)
    table.write_text("path\na.jpg\nmemory://bucket/b.jpg\n")
    with pytest.raises(OptionError, match=r"list\.csv' names photos of this machine \('a\.jpg'\) and elsewhere"):
        list_photos(table, None, CLASSES)


def test_classes_without_a_photo_are_said_where_they_are_few(root: Path) -> None:
    assert list_photos(root, "folders", ClassNames(["bear", "cow", "dog", "owl"])).notes == ["no photo is labelled 'dog', 'owl'"]
    assert list_photos(root, "folders", ClassNames(["bear", "cow", "dog", "owl", "cat"])).notes == []
    assert list_photos(root, None, ClassNames(["bear", "cow", "dog"])).notes == []


def test_photos_whose_label_is_no_class_are_left_out_where_that_is_asked_for(root: Path) -> None:
    (root / "Bears").mkdir()
    (root / "Bears" / "c.jpg").write_bytes(b"")
    listed = list_photos(root, "folders", CLASSES, only_classes=True)
    assert (listed.paths, listed.labels) == (["bear/a.jpg", "cow/a.jpg", "cow/b.jpg"], [0, 1, 1])
    assert listed.notes == ["1 photo of 'Bears' was left out: the network has no such class. Did you mean 'bear'?"]
    assert list_photos([root / "Bears/c.jpg", root / "cow/b.jpg"], [None, 1], CLASSES, only_classes=True).labels == [None, 1]
    with pytest.raises(TargetError, match=r"^1 of 4 labels is no class: 'Bears' of Bears/c\.jpg"):
        list_photos(root, "folders", CLASSES)
    with pytest.raises(TargetError, match=r"^3 of 3 labels are no classes: 'x' of "):
        list_photos([root / "cow/a.jpg", root / "cow/b.jpg", root / "bear/a.jpg"], ["x", "y", "z"], CLASSES, only_classes=True)


def test_no_folder_of_this_machine_is_in_a_note(root: Path) -> None:
    (root.parent / "labels.csv").write_text(f"photo,label\n{root}/cow/a.jpg,1\n{root}/none.jpg,cow\n")
    notes = list_photos(root, root.parent / "labels.csv", CLASSES).notes
    assert notes == [
        "'labels.csv' has no label for 2 of 3 photos: bear/a.jpg, cow/b.jpg",
        "1 entry of 'labels.csv' is not among the photos: none.jpg",
        "labels are indices from 0: 0 = bear, 1 = cow",
        "no photo is labelled 'bear'",
    ]
    assert str(root.parent) not in " ".join(notes)


SIGNED = "?X-Amz-Signature=SECRET/1=="


def test_signatures_are_for_reading_alone(tmp_path: Path, memory: None) -> None:
    plain = [f"memory://bucket/a/{i}.jpg" for i in range(3)]
    signed = [f"{url}{SIGNED}{i}" for i, url in enumerate(plain)]
    (tmp_path / "signed.csv").write_text("\n".join(["path", *signed[::-1]]))
    expected = list_photos(plain, None, CLASSES)
    for photos in (signed, tmp_path / "signed.csv"):
        listed = list_photos(photos, None, CLASSES)
        assert (listed.root, listed.paths) == (expected.root, ["0.jpg", "1.jpg", "2.jpg"])
        assert listed.paths_hash == expected.paths_hash
        assert listed.queries == [f"{SIGNED}{i}" for i in range(3)]
    assert expected.queries is None
    one = list_photos(signed[0], None, CLASSES)
    assert (one.root, one.paths, one.queries) == (RemoteFolder("memory://bucket/a"), ["0.jpg"], [f"{SIGNED}0"])
    with pytest.raises(OptionError, match=r"^'0\.jpg' stands twice among the photos, and only what follows the '\?' differs"):
        list_photos([f"{plain[0]}?sig=1", f"{plain[0]}?sig=2"], None, CLASSES)


def test_a_signed_tar(memory: None) -> None:
    buckets.put({f"/bucket/x.tar{SIGNED}": buckets.tar_bytes({"0.jpg": b"photo", "0.cls": b"cow"})})
    listed = list_photos(f"memory://bucket/x.tar{SIGNED}", None, CLASSES)
    assert (listed.paths, listed.labels) == (["x.tar/0.jpg"], [1])
    assert listed.members is not None
    assert listed.members[0] is not None
    assert read_member(listed.root, listed.members[0], listed.paths[0]) == b"photo"


def test_what_cannot_be_listed_is_noted(root: Path) -> None:
    (root / "gone.jpg").symlink_to("nowhere.jpg")
    listed = list_photos(root, None, CLASSES)
    assert listed.paths == ALL
    assert listed.notes == ["left out, as they cannot be listed: gone.jpg (No such file or directory)"]


@pytest.mark.parametrize("name", ["x.csv", "x.tar"])
def test_a_pipe_is_no_table_and_no_tar(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / name)
    with pytest.raises(PhotoError, match=r"it is no file but a pipe or a device"):
        list_photos(tmp_path / name, None, CLASSES)
