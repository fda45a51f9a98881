from __future__ import annotations

import dataclasses
import os
from pathlib import Path
from typing import Any

import buckets
import pytest

import seewhy
from seewhy.store import replaced
from seewhy.store.opening import file_hash
from seewhy.store.places import LocalFolder
from seewhy.store.replaced import has_replaced, photos_stamp
from seewhy.store.shard import RunSpec


def numbers_computed(clf: seewhy.Classifier, photos: Path, store: Path) -> tuple[list[str], int]:
    """The photos' hashes in the store after the call, and how many photos it went through."""
    calls = []

    def told(done: int, total: int, partial: Any) -> None:
        calls.append(done)

    run = seewhy.run(clf, photos, store, "grad_cam", shard_size=4, progress=told)
    return run.to_arrow(["sha256"])["sha256"].to_pylist(), len(calls)


def test_a_photo_that_was_replaced_is_explained_again(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    (before, count) = numbers_computed(clf, folder, tmp_path / "store")
    assert count == 10
    files = sorted(folder.rglob("*.png"))
    files[5].write_bytes(files[0].read_bytes())
    (after, count) = numbers_computed(clf, folder, tmp_path / "store")
    assert count == 4  # its shard
    assert after == [*before[:5], before[0], *before[6:]]
    assert numbers_computed(clf, folder, tmp_path / "store") == (after, 0)


def test_the_same_bytes_written_again_change_nothing(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    numbers_computed(clf, folder, tmp_path / "store")
    for path in folder.rglob("*.png"):
        os.utime(path, (1, 1))
    hashed = []

    def counted(file: Path) -> str:
        hashed.append(file)
        return file_hash(file)

    monkeypatch.setattr(replaced, "file_hash", counted)
    assert numbers_computed(clf, folder, tmp_path / "store")[1] == 0
    assert len(hashed) == 10
    assert numbers_computed(clf, folder, tmp_path / "store")[1] == 0
    assert len(hashed) == 10  # the times are known now


def test_a_tar_that_was_written_anew(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    contents = [path.read_bytes() for path in sorted(folder.rglob("*.png"))]
    tar = tmp_path / "photos.tar"
    tar.write_bytes(buckets.tar_bytes({f"{i}.png": content for i, content in enumerate(contents)}))
    (before, count) = numbers_computed(clf, tar, tmp_path / "of-tar")
    assert count == 10
    contents[9] = contents[1] + b"more"
    tar.write_bytes(buckets.tar_bytes({f"{i}.png": content for i, content in enumerate(contents)}))
    (after, count) = numbers_computed(clf, tar, tmp_path / "of-tar")
    assert count == 2  # the last shard alone, though all of them lie in the tar
    assert (after[:9], after[9] != before[9]) == (before[:9], True)


def test_what_is_gone_is_not_replaced(store: seewhy.Store, folder: Path) -> None:
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]
    spec = RunSpec(str(folder), paths, [None] * 10, [("grad_cam", {})], shard_size=4)
    entry = store._manifest.shards[1]
    assert photos_stamp(spec, 1) == entry.stamp
    assert len({photos_stamp(spec, number) for number in range(3)}) == 3
    (folder / paths[6]).unlink()
    stamp = photos_stamp(spec, 1)
    assert stamp != entry.stamp
    assert not has_replaced(LocalFolder(Path(store.path)), entry, spec, stamp)


def test_single_photos_elsewhere_have_no_stamp(bucket_spec: RunSpec, store: seewhy.Store) -> None:
    assert photos_stamp(bucket_spec, 0) == ""
    unknown = dataclasses.replace(store._manifest.shards[0], stamp="")
    assert not has_replaced(LocalFolder(Path(store.path)), unknown, bucket_spec, "")


@pytest.fixture
def bucket_spec() -> RunSpec:
    return RunSpec("memory://bucket/photos", ["0.png", "1.png"], [None, None], [("grad_cam", {})])
