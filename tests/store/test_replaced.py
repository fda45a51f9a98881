from __future__ import annotations

import dataclasses
import hashlib
import os
from pathlib import Path
from typing import Any

import buckets
import numpy as np
import pyarrow.parquet
import pytest

import seewhy
from seewhy.store import sources
from seewhy.store.manifest import Manifest
from seewhy.store.opening import file_hash
from seewhy.store.places import LocalFolder
from seewhy.store.replaced import has_replaced, photos_stamp
from seewhy.store.rows import table_bytes
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


def test_rows_follow_the_photo_that_their_edit_takes_something_from(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.rglob("*.png"))
    source = files[0].relative_to(folder).as_posix()
    edits = [None, seewhy.edits.Paste(source=source, box=(0, 0, 1, 1))]

    def run_into(store: str) -> tuple[seewhy.Store, int]:
        calls: list[int] = []
        run = seewhy.run(
            clf, folder, tmp_path / store, "grad_cam", shard_size=4, edits=edits, progress=lambda *told: calls.append(told[0])
        )
        return run, len(calls)

    (run, count) = run_into("store")
    hashes = run.to_arrow(["source_sha256"])["source_sha256"].to_pylist()
    assert (count, hashes) == (20, [[], [hashlib.sha256(files[0].read_bytes()).hexdigest()]] * 10)
    os.utime(files[0], (1, 1))
    assert run_into("store")[1] == 0
    shown = run[3].photo.original
    files[0].write_bytes(files[4].read_bytes())
    assert run[3].notes[-1] == f"'{source}', which it was edited with, has changed since: its thumbnail from the store is shown"
    (again, count) = run_into("store")
    assert count == 20
    assert not np.array_equal(again[3].photo.original, shown)
    assert [note[:15] for note in again[3].notes] == ["an edited photo"]
    columns = ["path", "sha256", "source_sha256", "score", "embedding"]
    assert again.to_arrow(columns) == run_into("unbroken")[0].to_arrow(columns)
    files[0].unlink()
    entry = again._manifest.shards[2]
    spec = RunSpec(
        str(folder),
        [path.relative_to(folder).as_posix() for path in files for _ in edits],
        [None] * 20,
        [("grad_cam", {})],
        shard_size=4,
        edits=[None, edits[1].record()] * 10 if edits[1] else [],
    )
    assert photos_stamp(spec, 2) != entry.stamp
    assert not has_replaced(LocalFolder(tmp_path / "store"), entry, spec, photos_stamp(spec, 2))  # gone, not replaced


def test_shards_of_before_do_not_know_their_sources(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    files = sorted(folder.rglob("*.png"))
    edits = [seewhy.edits.Paste(source=files[0].relative_to(folder).as_posix(), box=(0, 0, 1, 1))]
    store = tmp_path / "store"
    seewhy.run(clf, folder, store, "grad_cam", shard_size=4, edits=edits)
    manifest = Manifest.read(LocalFolder(store))
    for number, entry in manifest.shards.items():
        rows = pyarrow.parquet.read_table(store / entry.file).drop_columns(["source_sha256"])
        content = table_bytes(rows)
        (store / entry.file).write_bytes(content)
        manifest.shards[number] = dataclasses.replace(entry, sha256=hashlib.sha256(content).hexdigest(), stamp="0" * 16)
    manifest.write(LocalFolder(store))
    before = seewhy.Store.open(store)
    assert before.to_arrow(["source_sha256"])["source_sha256"].to_pylist() == [None] * 10
    assert [note[:15] for note in before[5].notes] == ["an edited photo"]
    files[5].write_bytes(b"no picture")  # in the second shard, whose rows are kept with the new ones
    seewhy.run(clf, folder, store, "grad_cam", shard_size=4, edits=edits)
    known = [hashes is not None for hashes in before.to_arrow(["source_sha256"])["source_sha256"].to_pylist()]
    assert known == [False] * 4 + [True, False, True, True] + [False] * 2


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

    monkeypatch.setattr(sources, "file_hash", counted)
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
