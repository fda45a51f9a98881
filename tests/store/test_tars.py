from __future__ import annotations

import tarfile
from pathlib import Path

import buckets
import pytest

from seewhy.errors import PhotoError
from seewhy.store.places import Folder, folder_at
from seewhy.store.tars import find_member, is_tar, photo_members, read_labels_beside, read_member

LONG = "d/" + "n" * 150
FILES = {
    "./cow/0.jpg": b"zero",
    "./cow/0.cls": b"1\n",
    "./cow/0.json": b'{"class": "bear"}',
    "cow/1.left.PNG": b"one, left",
    "cow/1.right.png": b"one, right",
    "cow/1.cls": b"cow",
    "cow/1.json": b'{"label": 0, "more": [1]}',
    "../2.webp": b"two",
    "2.txt": b"",
    f"{LONG}.jpg": b"long",
    "cow/._0.jpg": b"of another system",
    ".cache/3.jpg": b"hidden",
    "notes.md": b"no photo",
}
PHOTOS = ["cow/0.jpg", "cow/1.left.PNG", "cow/1.right.png", "2.webp", f"{LONG}.jpg"]


@pytest.fixture(params=["local", "memory"])
def root(request: pytest.FixtureRequest, tmp_path: Path, memory: None) -> Folder:
    folder = folder_at(tmp_path if request.param == "local" else "memory://bucket")
    folder.write("sub/a.tar", buckets.tar_bytes(FILES))
    return folder


@pytest.mark.parametrize("form", [tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT])
def test_photos_are_read_where_they_lie(root: Folder, form: int) -> None:
    files = {name: content for name, content in FILES.items() if form != tarfile.USTAR_FORMAT or len(name) < 100}
    root.write("sub/a.tar", buckets.tar_bytes(files, format=form))
    members = photo_members(root, "sub/a.tar")
    assert list(members) == PHOTOS[: len(members)]
    contents = {name: read_member(root, member, f"sub/a.tar/{name}") for name, member in members.items()}
    assert list(contents.values()) == [b"zero", b"one, left", b"one, right", b"two", b"long"][: len(members)]
    assert len(members) == (4 if form == tarfile.USTAR_FORMAT else 5)


def test_labels_lie_beside_the_photos(root: Folder) -> None:
    photos = photo_members(root, "sub/a.tar")
    assert read_labels_beside(root, photos, "sub/a.tar", None) == ("cls", ["1", "cow", "cow", None, None])
    assert read_labels_beside(root, photos, "sub/a.tar", "json") == ("json", ["bear", 0, 0, None, None])
    assert read_labels_beside(root, photos, "sub/a.tar", "txt") == ("txt", [None] * 5)
    root.write("b.tar", buckets.tar_bytes({"1.jpg": b"", "1.json": b'{"label": "c'}))
    with pytest.raises(PhotoError, match=r"b\.tar/1\.json' cannot be read as a label \(Unterminated string"):
        read_labels_beside(root, photo_members(root, "b.tar"), "b.tar", None)


def test_a_photo_is_found_by_its_path(root: Folder) -> None:
    found = find_member(root, "sub/a.tar/cow/1.left.PNG")
    assert found == photo_members(root, "sub/a.tar")["cow/1.left.PNG"]
    assert find_member(root, "sub/other.tar/a.jpg") is None  # a folder may be called so
    assert find_member(root, "sub/a.jpg") is None
    with pytest.raises(FileNotFoundError):
        find_member(root, "sub/a.tar/cow/9.jpg")


def test_a_tar_that_was_written_again_is_looked_through_again(tmp_path: Path) -> None:
    root = folder_at(tmp_path)
    root.write("a.tar", buckets.tar_bytes({"1.jpg": b"one", "2.jpg": b"two"}))
    members = photo_members(root, "a.tar")
    root.write("a.tar", buckets.tar_bytes({"2.jpg": b"Two", "1.jpg": b"One"}))
    assert read_member(root, members["1.jpg"], "a.tar/1.jpg") == b"One"
    root.write("a.tar", buckets.tar_bytes({"2.jpg": b"Two"}))
    with pytest.raises(FileNotFoundError):
        read_member(root, members["1.jpg"], "a.tar/1.jpg")


@pytest.mark.parametrize("mode", ["w:gz", "w:bz2", "w:xz"])
def test_packed_ones_are_refused_by_name_and_by_content(root: Folder, mode: str) -> None:
    content = buckets.tar_bytes(FILES, mode=mode)
    for name in (f"a.tar.{mode[2:]}", "packed.tar"):
        assert is_tar(name)
        root.write(name, content)
        with pytest.raises(PhotoError) as refused:
            photo_members(root, name)
        assert str(refused.value) == (
            f"'{root.shown(name)}' is compressed, so that no photo in it can be read by itself: unpack it to a plain .tar first."
        )


def test_broken_and_missing_ones_are_one_line(root: Folder) -> None:
    whole = root.read("sub/a.tar")
    for content in (b"no tar" * 100, whole[: whole.index(b"one, left") + 3], b""):
        root.write("broken.tar", content)
        with pytest.raises(PhotoError, match=r"broken\.tar' cannot be read as a tar file \("):
            photo_members(root, "broken.tar")
    with pytest.raises(PhotoError, match=r"There is no file '.*none\.tar'\.$"):
        photo_members(root, "none.tar")
