from __future__ import annotations

import hashlib
from pathlib import Path

import buckets
import pytest

from seewhy.edits import Fill, Paste
from seewhy.errors import PhotoError
from seewhy.store.places import LocalFolder, folder_at
from seewhy.store.sources import check_sources, hash_now, source_hashes, source_stamps, sources_of
from seewhy.store.tars import find_member

PASTE = Paste(source="sub/b.png", box=(0, 0, 1, 1)).record()
PACKED = Paste(source="all.tar/c.png", box=(0, 0, 1, 1)).record()
FILL = Fill(box=(0, 0, 1, 1)).record()


@pytest.fixture
def root(tmp_path: Path) -> LocalFolder:
    """With a file and a tar; what is in them are no pictures, which nobody opens here."""
    folder = LocalFolder(tmp_path)
    folder.write("sub/b.png", b"one")
    folder.write("all.tar", buckets.tar_bytes({"c.png": b"two"}))
    return folder


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def test_sources_are_known_from_the_record() -> None:
    assert [sources_of(edit) for edit in (None, FILL, PASTE)] == [(), (), ("sub/b.png",)]


def test_their_hashes_are_those_of_the_files(root: LocalFolder) -> None:
    assert [source_hashes(root, edit) for edit in (None, FILL, PASTE, PACKED)] == [[], [], [sha256(b"one")], [sha256(b"two")]]
    (root.path / "sub/b.png").unlink()
    root.write("all.tar", buckets.tar_bytes({"d.png": b"two"}))
    assert (source_hashes(root, PASTE), source_hashes(root, PACKED)) == ([None], [None])


def test_a_source_that_is_not_there_is_named_with_what_was_meant(root: LocalFolder) -> None:
    check_sources(root, ["sub/b.png"], [None, FILL, PASTE, PACKED])
    lost = Paste(source="b.png", box=(0, 0, 1, 1)).record()
    said = "^There is no file 'b.png' below the photos' folder, and an edit takes something from it."
    with pytest.raises(PhotoError, match=rf"{said} Did you mean 'sub/b.png'\?$"):
        check_sources(root, ["a.png", "sub/b.png"], [None, lost])
    with pytest.raises(PhotoError, match=rf"{said}$"):
        check_sources(root, ["a.png"], [lost])


def test_the_place_in_a_tar_may_be_known(root: LocalFolder) -> None:
    member = find_member(root, "all.tar/c.png")
    assert hash_now(root, "all.tar/c.png", member) == sha256(b"two")
    assert hash_now(root, "sub/b.png", None) == sha256(b"one")


def test_elsewhere_they_are_read(memory: None) -> None:
    bucket = folder_at("memory://bucket/photos")
    bucket.write("sub/b.png", b"three")
    assert source_hashes(bucket, PASTE) == [sha256(b"three")]


def test_stamps_change_with_the_files(root: LocalFolder) -> None:
    edits = [None, FILL, PASTE, PACKED, PASTE]
    before = source_stamps(root, edits)
    assert list(before) == ["all.tar/c.png", "sub/b.png"]
    assert source_stamps(root, edits) == before
    root.write("sub/b.png", b"another")
    after = source_stamps(root, edits)
    assert [after[path] == before[path] for path in before] == [True, False]
    (root.path / "sub/b.png").unlink()
    assert source_stamps(root, edits)["sub/b.png"] is None
    assert source_stamps(root, [None, FILL]) == {}
