from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from seewhy.errors import StoreError
from seewhy.store import manifest as manifests
from seewhy.store.manifest import Manifest, ShardWriter, UnreadPhoto, is_whole, other_files, remove_others
from seewhy.store.rows import table, table_bytes


@pytest.fixture
def manifest() -> Manifest:
    return Manifest(
        model={"name": "net", "weights": "ab", "classes": ["a", "b"], "preprocessing": "", "display": None},
        settings={"methods": [{"name": "cam"}], "seed": 0, "shard_size": 4, "embedding": None},
        photos={"root": "../photos", "count": 12, "paths": "12", "labels": ""},
    )


def test_what_is_written_is_read_back(manifest: Manifest, tmp_path: Path) -> None:
    manifest.write(tmp_path)
    with ShardWriter(tmp_path, manifest) as writer:
        writer.put(2, b"content", 3, [UnreadPhoto("a.jpg", "broken")], {"seewhy": "1"})
    read = Manifest.read(tmp_path)
    assert read == manifest
    assert read.shards[2].unread == [UnreadPhoto("a.jpg", "broken")]
    assert (read.numbers, read.count, read.shard_size) == (range(3), 12, 4)
    assert sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")) == [
        "manifest.json",
        "shards",
        "shards/000002.parquet",
    ]


def test_a_shard_that_has_changed_is_not_whole(manifest: Manifest, tmp_path: Path) -> None:
    with ShardWriter(tmp_path, manifest) as writer:
        writer.put(0, b"content", 3, [], {})
    entry = manifest.shards[0]
    assert is_whole(tmp_path, entry)
    (tmp_path / entry.file).write_bytes(b"Content")
    assert not is_whole(tmp_path, entry)
    (tmp_path / entry.file).unlink()
    assert not is_whole(tmp_path, entry)


def test_a_shard_is_entered_only_once_it_is_there(manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    manifest.write(tmp_path)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(StoreError) as refused, ShardWriter(tmp_path, manifest) as writer:
        writer.put(0, b"content", 3, [], {})
    assert str(refused.value) == (
        f"'{tmp_path / 'shards' / '000000.parquet'}' cannot be written: No space left on device. What is finished stays: the "
        "same command goes on from there."
    )
    assert manifest.shards == {}
    assert Manifest.read(tmp_path).shards == {}
    assert list((tmp_path / "shards").iterdir()) == []


def test_differences_name_what_is_there_and_what_is_here(manifest: Manifest) -> None:
    other = dataclasses.replace(
        manifest,
        model={**manifest.model, "weights": "cd"},
        settings={**manifest.settings, "seed": 1, "methods": [{"name": "occlusion", "mask_size": list(range(40))}]},
    )
    assert manifest.differences(manifest) == []
    assert manifest.differences(other) == [
        'the weights\' hash "ab" there, "cd" here',
        "method cam there, occlusion (mask_size [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, …) here",
        "seed 0 there, 1 here",
    ]


def test_a_folder_without_manifest_or_with_another_one(manifest: Manifest, tmp_path: Path) -> None:
    with pytest.raises(StoreError) as refused:
        Manifest.read(tmp_path)
    assert str(refused.value) == f"There is no store in '{tmp_path}': 'seewhy run PHOTOS -o {tmp_path}' makes one."
    manifest.write(tmp_path)
    path = tmp_path / "manifest.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"format": 9}))
    with pytest.raises(StoreError, match=r"has format 9, and this seewhy reads 2: read it with the other one."):
        Manifest.read(tmp_path)
    for content in (path.read_text()[:30], "[]", "{}", json.dumps(record | {"shards": [1]})):
        path.write_text(content)
        with pytest.raises(StoreError, match=r"manifest.json' cannot be read as the manifest of a store \("):
            Manifest.read(tmp_path)


def test_a_long_manifest_is_not_written_for_every_shard(
    manifest: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes a second to write, and a shard seven."""
    now = 0.0
    written: list[tuple[float, list[int]]] = []

    def write(self: Manifest, store: Any) -> None:
        nonlocal now
        now += 1
        written.append((now, sorted(self.shards)))

    monkeypatch.setattr(Manifest, "write", write)
    monkeypatch.setattr(manifests.time, "monotonic", lambda: now)
    with ShardWriter(tmp_path, manifest) as writer:
        for number in range(5):
            now += 7
            writer.put(number, b"content", 3, [], {})
    assert written == [(8, [0]), (30, [0, 1, 2, 3]), (38, [0, 1, 2, 3, 4])]
    assert len(list((tmp_path / "shards").iterdir())) == 5


def test_what_is_written_is_entered_whatever_happens(manifest: Manifest, tmp_path: Path) -> None:
    def cut_off() -> None:
        with ShardWriter(tmp_path, manifest) as writer:
            writer.put(0, b"content", 3, [], {})
            writer._took = 1e9
            writer.put(1, b"content", 3, [], {})
            assert sorted(Manifest.read(tmp_path).shards) == [0]
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        cut_off()
    assert sorted(Manifest.read(tmp_path).shards) == [0, 1]


def test_hashes_are_named_where_nothing_says_more(manifest: Manifest) -> None:
    model = {**manifest.model, "weights": "cd"}
    photos = {**manifest.photos, "paths": "34", "labels": "56"}
    other = dataclasses.replace(manifest, model=model, photos=photos)
    assert manifest.differences(other) == [
        'the weights\' hash "ab" there, "cd" here',
        'the hash of the photos\' paths "12" there, "34" here',
        'the hash of the labels "" there, "56" here',
    ]
    other = dataclasses.replace(manifest, model={**model, "name": "other"}, photos={**photos, "count": 8})
    assert manifest.differences(other) == ['the model "net" there, "other" here', "the number of photos 12 there, 8 here"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda record: record.update(settings={}), "'settings' has no 'methods'"),
        (lambda record: record["settings"].pop("shard_size"), "'settings' has no 'shard_size'"),
        (lambda record: record["settings"].pop("embedding"), "'settings' has no 'embedding'"),
        (lambda record: record["settings"].update(methods="cam"), "'methods' is \"cam\""),
        (lambda record: record["settings"].update(methods=["cam"]), "'methods' is [\"cam\"]"),
        (lambda record: record["settings"].update(methods=[{}]), "'name'"),
        (lambda record: record["settings"].update(methods=[{"name": 3}]), "a name is no text"),
        (lambda record: record["photos"].pop("root"), "'photos' has no 'root'"),
        (lambda record: record["photos"].update(root=None), "'root' is none"),
        (lambda record: record["photos"].update(edits=3), "'edits' is 3"),
        (lambda record: record["photos"].update(edits=[None, "fill"]), "'edits' is [null, \"fill\"]"),
        (lambda record: record["model"].pop("display"), "'model' has no 'display'"),
        (lambda record: record["model"].update(display=["red"]), "'display' is [\"red\"]"),
        (lambda record: record["model"].update(classes="abc"), "'classes' is \"abc\""),
        (lambda record: record["model"].update(weights=None), "'weights' is none"),
        (lambda record: record.update(notes=3), "'notes' is 3"),
        (lambda record: record.update(notes=[3]), "'notes' is [3]"),
        (lambda record: record.update(preprocess=[1]), "'preprocess' is [1]"),
        (lambda record: record["shards"]["0"].update(sha256=None), "what is said of shard 0 is no text"),
        (lambda record: record["shards"]["0"].update(stamp=1), "what is said of shard 0 is no text"),
        (lambda record: record["shards"]["0"]["unread"][0].update(reason=1), "what is said of shard 0 is no text"),
        (lambda record: record.update(versions=["1"]), "what is said of shard 0 is no text"),
        (lambda record: record.update(versions=[{"seewhy": 1}]), "what is said of shard 0 is no text"),
        (lambda record: record["settings"].update(shard_size=0), "'shard_size' is 0"),
        (lambda record: record["settings"].update(shard_size="4"), "'shard_size' is \"4\""),
        (lambda record: record.update(photos=None), "'photos' is no object"),
        (lambda record: record["photos"].update(count=2.5), "'count' is 2.5"),
        (lambda record: record["model"].update(classes=[1]), "a name is no text"),
        (lambda record: record["shards"]["0"].update(file=None), "the file of shard 0 is null"),
        (lambda record: record["shards"]["0"].update(file="../../etc/passwd"), 'the file of shard 0 is "../../etc/passwd"'),
        (lambda record: record["shards"]["0"].update(rows=400), "shard 0 has 400 rows of 4 photos"),
        (lambda record: record["shards"]["0"].update(rows=4), "shard 0 has 4 rows of 4 photos"),
        (lambda record: record["shards"]["0"].update(rows=True), "shard 0 has true rows of 4 photos"),
        (lambda record: record["shards"]["0"].update(versions=7), "list index out of range"),
        (lambda record: record["shards"].update({"99": record["shards"]["0"]}), "there is a shard 99, of 3"),
    ],
)
def test_a_manifest_that_does_not_fit_together(manifest: Manifest, tmp_path: Path, change: Any, reason: str) -> None:
    with ShardWriter(tmp_path, manifest) as writer:
        writer.put(0, b"content", 3, [UnreadPhoto("a.jpg", "broken")], {"seewhy": "1"})
    path = tmp_path / "manifest.json"
    record = json.loads(path.read_text())
    change(record)
    path.write_text(json.dumps(record))
    with pytest.raises(StoreError) as refused:
        Manifest.read(tmp_path)
    assert str(refused.value) == f"'{path}' cannot be read as the manifest of a store ({reason})."


def test_versions_are_written_once(manifest: Manifest, tmp_path: Path) -> None:
    with ShardWriter(tmp_path, manifest) as writer:
        for number, version in enumerate(("1", "2", "1")):
            writer.put(number, b"content", 3, [], {"seewhy": version})
    record = json.loads((tmp_path / "manifest.json").read_text())
    assert record["versions"] == [{"seewhy": "1"}, {"seewhy": "2"}]
    assert [entry["versions"] for entry in record["shards"].values()] == [0, 1, 0]
    assert Manifest.read(tmp_path) == manifest


def test_shards_that_are_not_entered_are_removed(manifest: Manifest, tmp_path: Path) -> None:
    with ShardWriter(tmp_path, manifest) as writer:
        writer.put(0, b"content", 3, [], {})
    for name in ("000001.parquet", "1000000.parquet", "mine.parquet"):
        (tmp_path / "shards" / name).write_bytes(b"other")
    remove_others(tmp_path, manifest)
    assert sorted(path.name for path in (tmp_path / "shards").iterdir()) == ["000000.parquet", "mine.parquet"]


def test_what_is_somebody_s_own_is_no_shard(manifest: Manifest, tmp_path: Path) -> None:
    shards = tmp_path / "shards"
    shards.mkdir()
    assert other_files(tmp_path) == []
    (shards / "000003.parquet").write_bytes(table_bytes(table([])))
    assert other_files(tmp_path) == []
    own = pyarrow.table({"mine": [1, 2, 3]})
    pyarrow.parquet.write_table(own, shards / "000007.parquet")
    (shards / "a.tar").write_bytes(b"photos")
    (shards / ".000001.parquet.x1").write_bytes(b"half")
    (shards / "000009.parquet").mkdir()
    assert other_files(tmp_path) == ["shards/000007.parquet", "shards/000009.parquet", "shards/a.tar"]
    (shards / "000009.parquet").rmdir()
    with pytest.raises(StoreError) as refused:
        remove_others(tmp_path, manifest)
    place = shards / "000007.parquet"
    assert str(refused.value) == f"'{place}' is no part of this store, and its name is that of a shard: move it away."
    assert pyarrow.parquet.read_table(place) == own
    assert len(list(shards.iterdir())) == 4
    place.rename(shards / "mine.parquet")
    remove_others(tmp_path, manifest)
    assert sorted(path.name for path in shards.iterdir()) == [".000001.parquet.x1", "a.tar", "mine.parquet"]


def test_a_file_in_the_place_of_the_shards(tmp_path: Path) -> None:
    (tmp_path / "shards").write_bytes(b"mine")
    assert other_files(tmp_path) == ["shards"]


def test_another_stamp_is_entered_without_a_shard(manifest: Manifest, tmp_path: Path) -> None:
    with ShardWriter(tmp_path, manifest) as writer:
        writer.put(0, b"content", 3, [], {}, "before")
    with ShardWriter(tmp_path, manifest) as writer:
        writer.stamp(0, "after")
    assert Manifest.read(tmp_path).shards == {0: dataclasses.replace(manifest.shards[0], stamp="after")}
