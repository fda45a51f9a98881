from __future__ import annotations

import hashlib
import io
import os
from pathlib import Path
from typing import Any

import buckets
import numpy as np
import pytest

import seewhy
from seewhy.errors import PhotoError
from seewhy.photo import Picture
from seewhy.rasters import NamedFile
from seewhy.records import Photo
from seewhy.store.opening import OpenedPictures, edited, file_hash, open_photo, printable
from seewhy.store.places import Folder, LocalFolder, folder_at
from seewhy.store.tars import photo_members

PHOTO = buckets.png(np.arange(20 * 16 * 3, dtype=np.uint8).reshape(20, 16, 3))


def npy(values: object) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.asarray(values))
    return buffer.getvalue()


@pytest.fixture
def roots(tmp_path: Path, memory: None) -> list[Folder]:
    return [folder_at(tmp_path), folder_at("memory://bucket")]


@pytest.mark.parametrize(("name", "content"), [("a.png", PHOTO), ("b.npy", npy(np.full((20, 16, 3), 7, np.uint8)))])
def test_wherever_it_lies_it_is_the_same_photo(clf: seewhy.Classifier, roots: list[Folder], name: str, content: bytes) -> None:
    found = []
    for root in roots:
        root.write(f"sub/{name}", content)
        root.write("x.tar", buckets.tar_bytes({f"sub/{name}": content}))
        found.append(open_photo(clf.read, root, f"sub/{name}", None))
        found.append(open_photo(clf.read, root, f"x.tar/sub/{name}", photo_members(root, "x.tar")[f"sub/{name}"]))
    for photo, sha256 in found:
        assert (photo.name, sha256) == (name, hashlib.sha256(content).hexdigest())
        assert np.array_equal(photo.pixels, found[0][0].pixels)
        assert photo.geometry == found[0][0].geometry


def test_reasons_name_the_path_from_the_root_alone(clf: seewhy.Classifier, roots: list[Folder]) -> None:
    broken = {"a.png": PHOTO[:60], "b.png": b"text", "c.npy": b"text", "d\n.png": b"text"}
    reasons = []
    for root in roots:
        for name, content in broken.items():
            root.write(f"sub/{name}", content)
        of_root = []
        for name in (*broken, "none.png"):
            with pytest.raises(PhotoError) as refused:
                open_photo(clf.read, root, f"sub/{name}", None)
            of_root.append(refused.value.line)
        reasons.append(of_root)
    assert reasons[0] == reasons[1]
    assert reasons[0][0].startswith("'sub/a.png' cannot be read to its end: ")
    assert reasons[0][1] == "'sub/b.png' is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can)."
    assert reasons[0][2].startswith("'sub/c.npy' cannot be read as an array of numbers: ")
    assert reasons[0][3].startswith("'sub/d\\n.png' is not a picture")
    assert reasons[0][4] == "There is no file 'sub/none.png'."


def test_a_tar_that_was_cut_short(clf: seewhy.Classifier, roots: list[Folder]) -> None:
    remote = roots[1]
    whole = buckets.tar_bytes({"a.png": PHOTO})
    remote.write("x.tar", whole)
    member = photo_members(remote, "x.tar")["a.png"]
    remote.write("x.tar", whole[:600])
    with pytest.raises(PhotoError, match=r"^'x\.tar/a\.png' cannot be opened: 'x\.tar' ends before it\.$"):
        open_photo(clf.read, remote, "x.tar/a.png", member)


def test_a_place_that_is_not_reached(clf: seewhy.Classifier) -> None:
    buckets.register()
    with pytest.raises(PhotoError, match=r"^'a\.png' cannot be opened: Could not connect to the endpoint\.$"):
        open_photo(clf.read, folder_at("unreachable://key:secret@bucket"), "a.png", None)


def test_hash_and_names(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(PHOTO * 30)
    assert file_hash(tmp_path / "a") == hashlib.sha256(PHOTO * 30).hexdigest()
    assert printable(b"\xff\xc3\xa9".decode("utf-8", "surrogateescape")) == "\ufffd\xe9"


def test_a_pipe_is_not_waited_for(clf: seewhy.Classifier, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x.png")
    with pytest.raises(PhotoError, match=r"^'x\.png' cannot be opened: it is no file but a pipe or a device\.$"):
        open_photo(clf.read, folder_at(tmp_path), "x.png", None)


@pytest.mark.parametrize(
    ("name", "reason"), [("a\0b.jpg", r"ValueError: .*null (byte|character)"), ("a.jpg", "IndexError: far out")]
)
def test_whatever_a_library_stumbles_over_is_the_reason_of_one_photo(tmp_path: Path, name: str, reason: str) -> None:
    def read(photo: Any) -> Photo:
        raise IndexError("far out.\nmore of it")

    (tmp_path / "a.jpg").touch()
    with pytest.raises(PhotoError, match=rf" cannot be read \({reason}.*\)\.$"):
        open_photo(read, LocalFolder(tmp_path), name, None)


def test_a_signature_is_used_and_not_told(clf: seewhy.Classifier, memory: None) -> None:
    root = folder_at("memory://bucket")
    root.write("a.png?sig=SECRET", PHOTO)
    (photo, _) = open_photo(clf.read, root, "a.png", None, "?sig=SECRET")
    assert photo.name == "a.png"
    with pytest.raises(PhotoError, match=r"^There is no file 'b\.png'\.$"):
        open_photo(clf.read, root, "b.png", None, "?sig=SECRET")


def test_an_edit_s_other_photo_is_named_from_the_root(clf: seewhy.Classifier, roots: list[Folder]) -> None:
    paste = {"name": "paste", "source": "sub/b.png", "box": [0, 0, 1, 1], "source_box": None}
    for root in roots:
        root.write("a.png", PHOTO)
        root.write("sub/b.png", b"text")
        with pytest.raises(PhotoError, match=r"^'sub/b\.png' is not a picture that can be read"):
            open_photo(lambda source, root=root: clf.read(edited(clf.picture, root, source, paste)), root, "a.png", None)


def test_a_picture_is_opened_once_until_its_file_changes(tmp_path: Path) -> None:
    opened: list[str] = []

    def picture_of(source: NamedFile) -> Picture:
        opened.append(source.name)
        return Picture(np.zeros((10, 10), np.uint8), source.name)

    pictures = OpenedPictures(picture_of, most=250)
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        path.write_bytes(b"photo")
    (first, second, third) = (NamedFile(path, path.name) for path in paths)
    assert pictures(first) is pictures(first)
    pictures(second)
    assert opened == ["0.png", "1.png"]
    pictures(third)  # 300 bytes: the one that was asked for longest ago goes
    pictures(second)
    assert opened == ["0.png", "1.png", "2.png"]
    pictures(first)
    assert opened[3:] == ["0.png"]
    os.utime(paths[0], ns=(1, 1))
    pictures(first)
    assert opened[4:] == ["0.png"]
    in_memory = [NamedFile(Path("a.png"), "a.png", content) for content in (b"one", b"two", b"one")]
    for source in in_memory:
        pictures(source)
    assert opened[5:] == ["a.png", "a.png"]
    large = OpenedPictures(picture_of, most=50)
    large(first)
    large(first)
    assert opened[7:] == ["0.png", "0.png"]
    none = NamedFile(tmp_path / "none.png", "none.png")
    pictures(none)  # what opens it says that it is not there
    assert opened[-1] == "none.png"
