from __future__ import annotations

import os
import pickle
import threading
from pathlib import Path
from typing import Any

import buckets
import fsspec
import pytest

from seewhy.errors import MissingExtraError, OptionError, RecordError
from seewhy.store.places import (
    LocalFolder,
    RemoteFolder,
    folder_at,
    is_pattern,
    local_path,
    photos_root,
    seen_from,
    split_query,
    without_secrets,
)


@pytest.fixture(params=["local", "memory"])
def folder(request: pytest.FixtureRequest, tmp_path: Path, memory: None) -> LocalFolder | RemoteFolder:
    return folder_at(tmp_path / "place" if request.param == "local" else "memory://bucket/place/")


def test_both_kinds_do_the_same(folder: LocalFolder | RemoteFolder) -> None:
    folder = pickle.loads(pickle.dumps(folder))  # it travels
    assert (folder.names(), folder.is_file("a.json")) == ([], False)
    with pytest.raises(FileNotFoundError) as missing:
        folder.read("a.json")
    assert missing.value.strerror == "No such file or directory"
    folder.write("a.json", b"first")
    folder.write("a.json", b"0123456789")
    folder.write("b/c.JPG", b"photo")
    folder.write(".b/c.jpg", b"hidden")
    assert folder.read("a.json") == b"0123456789"
    assert (folder.part("a.json", 2, 3), folder.part("a.json", 8, 9)) == (b"234", b"89")
    with folder.open("a.json") as file:
        file.seek(4)
        assert file.read(2) == b"45"
    assert (folder.names(), folder.photos()) == ([".b", "a.json", "b"], ["b/c.JPG"])
    assert (folder.is_file("a.json"), folder.is_file("b")) == (True, False)
    assert folder.shown("a.json") == f"{folder}/a.json"
    folder.delete("a.json")
    folder.delete("a.json")
    assert folder.names() == [".b", "b"]
    assert folder_at(folder.address) == folder


def test_parts_are_read_by_many_threads_at_once(folder: LocalFolder | RemoteFolder) -> None:
    content = bytes(range(256)) * 40
    folder.write("a.bin", content)
    wrong = []

    def look(start: int) -> None:
        for offset in range(start, 10_000, 37):
            if folder.part("a.bin", offset, 100) != content[offset : offset + 100]:
                wrong.append(offset)

    threads = [threading.Thread(target=look, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_patterns_elsewhere(memory: None) -> None:
    buckets.put({"/bucket/a/1.jpg": b"", "/bucket/a/b/2.jpg": b"", "/bucket/c/3.png": b""})
    folder = folder_at("memory://bucket")
    assert isinstance(folder, RemoteFolder)
    assert folder.files("*/*.jpg") == ["a/1.jpg"]
    assert folder.files("**/*.jpg") == ["a/1.jpg", "a/b/2.jpg"]
    assert folder.files("*") == []  # folders are no files
    assert [is_pattern(url) for url in ("memory://b/*.jpg", "s3://b/a?.jpg", "https://a/b?c=d", "s3://b/a")] == [
        True,
        True,
        False,
        False,
    ]


def test_what_a_killed_write_left_goes(tmp_path: Path) -> None:
    for name in (".manifest.json.x1", "shards/.000001.parquet.x2", "shards/000001.parquet", ".other"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    folder_at(tmp_path).remove_halves("manifest.json", "shards/*.parquet")
    assert sorted(path.name for path in tmp_path.rglob("*")) == [".other", "000001.parquet", "shards"]


def test_file_urls_are_this_machine(tmp_path: Path) -> None:
    assert folder_at(f"file://{tmp_path}/a b") == LocalFolder(tmp_path / "a b")
    assert local_path(f"file://{tmp_path}/*.jpg") == f"{tmp_path}/*.jpg"
    assert local_path("memory://a") == "memory://a"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("s3://key:secret@bucket/photos", "s3://bucket/photos"),
        ("s3://key:sec/r+et@bucket/photos", "s3://bucket/photos"),
        ("sftp://me@host:22/photos/a@2x.jpg", "sftp://host:22/photos/a@2x.jpg"),
        ("sftp://host:22/photos/a@2x.jpg", "sftp://host:22/photos/a@2x.jpg"),
        ("simplecache::s3://key:secret@bucket", "simplecache::s3://bucket"),
        ("https://host/a.jpg?X-Signature=ab&b=c", "https://host/a.jpg"),
        ("s3://bucket/a?.jpg", "s3://bucket/a?.jpg"),
        ("a@b:c@d", "a@b:c@d"),
    ],
)
def test_no_password_is_shown(url: str, shown: str) -> None:
    assert without_secrets(url) == shown


def test_what_a_store_records_of_its_photos(tmp_path: Path, memory: None) -> None:
    (here, there) = (folder_at(tmp_path / "store"), folder_at("memory://bucket/store"))
    photos = folder_at("memory://key:secret@bucket/photos")
    assert "secret" not in f"{photos} {photos!r}"
    assert seen_from(photos, here) == seen_from(photos, there) == "memory://bucket/photos"
    assert seen_from(folder_at(tmp_path / "photos"), here) == "../photos"
    assert seen_from(folder_at(tmp_path / "photos"), there) == ""
    assert photos_root("../photos", here) == LocalFolder(tmp_path / "photos")
    assert photos_root("memory://bucket/photos", here) == RemoteFolder("memory://bucket/photos")
    assert [photos_root(recorded, there) for recorded in ("", "../photos", "s4://bucket")] == [None, None, None]


def test_urls_that_nothing_reaches(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(OptionError) as unknown:
        folder_at("s4://key:secret@bucket/photos")
    assert str(unknown.value).startswith("'s4://bucket/photos' cannot be reached: nothing is known of 's4://'.")
    with pytest.raises(OptionError, match=r"^'s3:/bucket' was a URL, of which a Path drops a slash: give it as text\.$"):
        folder_at(Path("s3://bucket"))
    fsspec.register_implementation("nowhere", "no_such_package.System", clobber=True, errtxt="Install it")
    with pytest.raises(MissingExtraError) as missing:
        folder_at("nowhere://bucket")
    assert str(missing.value) == "'nowhere://bucket' needs a package that is not installed: pip install no_such_package."


def test_every_system_s_errors_are_one_kind() -> None:
    buckets.register()
    folder = folder_at("unreachable://bucket/photos")
    works: list[Any] = [lambda: folder.read("a"), lambda: folder.part("a", 0, 1), folder.names, folder.photos]
    for work in works:
        with pytest.raises(OSError, match="connect") as failed:
            work()
        assert failed.value.strerror == "Could not connect to the endpoint"
    with pytest.raises(RecordError, match=r"^'readonly://bucket/a' cannot be written: Access Denied\.$"):
        folder_at("readonly://bucket").write("a", b"")


def test_local_files_do_not_go_through_fsspec(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def used(*arguments: object, **settings: object) -> None:
        raise AssertionError("fsspec")

    monkeypatch.setattr("fsspec.core.url_to_fs", used)
    folder = folder_at(os.fspath(tmp_path))
    folder.write("a.jpg", b"photo")
    assert (folder.read("a.jpg"), folder.photos(), folder.for_arrow("a.jpg")[1]) == (b"photo", ["a.jpg"], None)


def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "x")
    folder = LocalFolder(tmp_path)
    for reading in (folder.read, folder.open, lambda name: folder.part(name, 0, 1)):
        with pytest.raises(OSError, match="it is no file but a pipe or a device"):
            reading("x")


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(path: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", forbidden)
    with pytest.raises(PermissionError):
        LocalFolder(tmp_path).photos()


def test_signatures() -> None:
    url = "https://host/a/0.jpg?X-Amz-Signature=ab/c=="
    assert split_query(url) == ("https://host/a/0.jpg", "?X-Amz-Signature=ab/c==")
    assert split_query("x.tar?sig=1") == ("x.tar", "?sig=1")
    for whole in ("https://host/photo?id=7", "s3://bucket/what?.jpg", "s3://bucket/a?b=c.jpg"):
        assert split_query(whole) == (whole, "")
    assert without_secrets(url) == "https://host/a/0.jpg"
    assert RemoteFolder("memory://bucket").shown("0.jpg?sig=ab/c") == "memory://bucket/0.jpg"


def test_what_a_system_says_of_a_signed_url() -> None:
    error = RuntimeError("403, message='Forbidden', url='http://me:word@host/0.jpg?sig=ab/c=='")
    words = RemoteFolder("memory://bucket")._in_words(error)
    assert words == "403, message='Forbidden', url='http://host/0.jpg'"
