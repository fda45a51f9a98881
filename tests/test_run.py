from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import buckets
import numpy as np
import pyarrow.parquet
import pytest
import torch
from embeddings import colours
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image
from small_nets import Planted, SmallNet
from stores import timeless

import seewhy
from seewhy.errors import MethodError, ModelError, OptionError, PhotoError, StoreError, TargetError
from seewhy.run import _shard_size
from seewhy.store import places
from seewhy.store.manifest import Manifest
from seewhy.store.photos import list_photos

CLASSES = ["red", "green", "blue"]
RED = seewhy.edits.Fill(box=(0, 0, 1, 1), colour=(1.0, 0.0, 0.0))

RUN = """
import sys, time
from small_nets import Planted
import seewhy
clf = seewhy.Classifier(Planted(), preprocess=seewhy.Preprocess(size=16), classes=["red", "green", "blue"])

def slowly(done, total, partial):
    time.sleep(0.01)

print("begins", flush=True)
seewhy.run(clf, sys.argv[1], sys.argv[2], ["grad_cam", "occlusion"], shard_size=3, progress=slowly)
"""


@pytest.fixture
def clf(planted: Planted) -> seewhy.Classifier:
    return seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16), classes=CLASSES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twenty photos."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for i, photo in enumerate(colours(20)):
        Image.fromarray(photo).save(folder / f"{i:02}.png")
    return folder


def rows_of(store: seewhy.Store) -> list[dict[str, Any]]:
    return timeless(store.dataset().to_table())


def test_maps_are_those_of_explain(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    store = seewhy.run(clf, folder, tmp_path / "store", ["grad_cam", "occlusion"], ["blue", "top1"], shard_size=6, mask_size=4)
    assert len(store) == 20
    for i, path in enumerate(sorted(folder.iterdir())):
        for stored, (method, settings) in zip(
            store.explanations(i), (("grad_cam", {}), ("occlusion", {"mask_size": 4})), strict=True
        ):
            e = seewhy.explain(clf, path, method, ["blue", "top1"], **settings)
            assert (stored.method, stored.targets) == (method, e.targets)
            np.testing.assert_allclose(stored.maps, e.maps, rtol=2**-11, atol=2**-24 * np.abs(e.maps).max())


def test_what_is_stored_is_not_computed_again(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    calls: list[tuple[int, int]] = []

    def told(done: int, total: int, partial: Any) -> None:
        calls.append((done, total))

    first = rows_of(seewhy.run(clf, folder, tmp_path / "store", shard_size=8, progress=told))
    assert calls == [(done, 20) for done in range(1, 21)]
    calls.clear()
    assert rows_of(seewhy.run(clf, folder, tmp_path / "store", shard_size=8, progress=told)) == first
    assert calls == []
    shard = tmp_path / "store" / "shards" / "000001.parquet"
    shard.write_bytes(b"broken" + shard.read_bytes()[6:])
    assert rows_of(seewhy.run(clf, folder, tmp_path / "store", shard_size=8, progress=told)) == first
    assert calls == [(done, 20) for done in range(13, 21)]


def test_killed_at_random_moments_it_ends_as_an_unbroken_run_does(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    unbroken = seewhy.run(clf, folder, tmp_path / "unbroken", ["grad_cam", "occlusion"], shard_size=3)
    store = tmp_path / "store"
    moments = random.Random(5)
    finished = []
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", RUN, folder, store], stdout=subprocess.PIPE, env=_environment()) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == b"begins\n"
            time.sleep(moments.uniform(0, 0.5))
            process.kill()
        finished.append(len(seewhy.Store.open(store)) if (store / "manifest.json").exists() else 0)
    assert finished == sorted(finished)
    resumed = seewhy.run(clf, folder, store, ["grad_cam", "occlusion"], shard_size=3)
    assert rows_of(resumed) == rows_of(unbroken)
    assert resumed.to_pandas()["number"].tolist() == list(range(20))
    assert sorted(path.name for path in store.rglob("*")) == sorted(path.name for path in (tmp_path / "unbroken").rglob("*"))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path), "OMP_NUM_THREADS": "1"}


def _before_the_name(monkeypatch: pytest.MonkeyPatch, call: int) -> None:
    """Ends the process's work before the file gets its name, at the call of that number."""
    replace, calls = places.write_whole, []

    def ends(path: Path, content: bytes, durable: bool = False) -> Path:
        calls.append(path)
        if len(calls) == call:
            path.parent.mkdir(exist_ok=True)
            (path.parent / f".{path.name}.x1").write_bytes(content[: len(content) // 2])
            raise KeyboardInterrupt
        return replace(path, content, durable=durable)

    monkeypatch.setattr(places, "write_whole", ends)


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_wherever_writing_ends(clf: seewhy.Classifier, folder: Path, tmp_path: Path, call: int) -> None:
    """Before the first manifest, a shard, the manifest that enters it, the next shard ..."""
    with pytest.MonkeyPatch.context() as patch:
        _before_the_name(patch, call)
        with pytest.raises(KeyboardInterrupt):
            seewhy.run(clf, folder, tmp_path / "store", shard_size=9)
    resumed = seewhy.run(clf, folder, tmp_path / "store", shard_size=9)
    assert rows_of(resumed) == rows_of(seewhy.run(clf, folder, tmp_path / "unbroken", shard_size=9))
    names = ["000000.parquet", "000001.parquet", "000002.parquet", "manifest.json", "run.lock", "shards"]
    assert sorted(path.name for path in resumed.path.rglob("*")) == names


def test_photos_that_cannot_be_read_are_tried_again_when_asked(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    unbroken = rows_of(seewhy.run(clf, folder, tmp_path / "unbroken", shard_size=8))
    whole = (folder / "09.png").read_bytes()
    (folder / "09.png").write_bytes(b"half")
    (folder / "03.png").write_bytes(b"half")
    store = seewhy.run(clf, folder, tmp_path / "store", shard_size=8)
    reason = "'09.png' is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can)."
    assert [(photo.path, photo.reason) for photo in store.unread][1] == ("09.png", reason)
    assert rows_of(store) == [row for row in unbroken if row["number"] not in (3, 9)]
    (folder / "09.png").write_bytes(whole)
    assert len(seewhy.run(clf, folder, tmp_path / "store", shard_size=8)) == 18
    again = seewhy.run(clf, folder, tmp_path / "store", shard_size=8, retry=True)
    assert [photo.path for photo in again.unread] == ["03.png"]
    assert rows_of(again) == [row for row in unbroken if row["number"] != 3]


def test_none_that_can_be_read(clf: seewhy.Classifier, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"half")
    with pytest.raises(PhotoError, match=r"None of the 1 photos can be read. The first: 'a.png' is not a picture"):
        seewhy.run(clf, tmp_path / "photos", tmp_path / "store")


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        ({"seed": 1}, "seed 0 there, 1 here"),
        ({"target": "red"}, 'target "top1" there, "red" here'),
        ({"method": "cam"}, "method auto there, cam here"),
        ({"relu": False}, "method auto there, auto (relu false) here"),
        ({"shard_size": 7}, "shard size 256 there, 7 here"),
        ({"batch_size": 2}, "batch_size= none there, 2 here"),
        ({"budget": 300}, "budget none there, 300 here"),
    ],
)
def test_other_settings_are_refused_by_name(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path, change: dict[str, Any], difference: str
) -> None:
    before = rows_of(seewhy.run(clf, folder, tmp_path / "store"))
    with pytest.raises(StoreError) as refused:
        seewhy.run(clf, folder, tmp_path / "store", **change)
    assert str(refused.value) == (
        f"The store '{tmp_path / 'store'}' is of another run: {difference}. Write another store, or repeat that run."
    )
    assert rows_of(seewhy.run(clf, folder, tmp_path / "store")) == before


def test_a_store_in_which_nothing_is_entered_takes_another_run(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    def stop(done: int, total: int, current: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        seewhy.run(clf, folder, tmp_path / "store", seed=3, progress=stop)
    store = seewhy.run(clf, folder, tmp_path / "store", target="red")
    assert {row["explanations"][0]["seed"] for row in rows_of(store)} == {0}
    assert {row["explanations"][0]["targets"][0]["name"] for row in rows_of(store)} == {"red"}
    assert Manifest.read(tmp_path / "store").settings["target"] == "red"


def test_a_store_of_photos_that_could_not_be_read_takes_another_run(clf: seewhy.Classifier, tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.png").write_bytes(b"half")
    for seed in (0, 1):
        with pytest.raises(PhotoError, match="None of the 1 photos can be read"):
            seewhy.run(clf, tmp_path / "photos", tmp_path / "store", seed=seed)
    assert Manifest.read(tmp_path / "store").settings["seed"] == 1


def test_how_many_rows_a_run_has_computed(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    assert seewhy.run(clf, folder, tmp_path / "store", shard_size=8).computed == 20
    assert seewhy.run(clf, folder, tmp_path / "store", shard_size=8).computed == 0
    (tmp_path / "store" / "shards" / "000002.parquet").unlink()
    assert seewhy.run(clf, folder, tmp_path / "store", shard_size=8).computed == 4
    assert seewhy.Store.open(tmp_path / "store").computed == 0


@pytest.mark.parametrize("asked", [{"target": "rad"}, {"target": ["top1", "rad"]}, {"target": 3}, {"against": "rad"}])
def test_a_class_that_the_network_does_not_have_is_said_before_a_store_is_begun(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path, asked: dict[str, Any]
) -> None:
    with pytest.raises(TargetError, match=r"no class ('rad'. Did you mean 'red'|3)"):
        seewhy.run(clf, folder, tmp_path / "store", **asked)
    assert not (tmp_path / "store").exists()


def test_another_network_or_list_of_photos_is_refused_by_name(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    (place, files) = (tmp_path / "store", sorted(folder.iterdir()))
    seewhy.run(clf, files[:3], place, labels=["red", "green", "blue"])
    with pytest.raises(StoreError, match=r"the number of photos 3 there, 4 here; of the photos '03.png' is only here\. Write"):
        seewhy.run(clf, files[:4], place, labels=["red", "green", "blue", "red"])
    with pytest.raises(StoreError, match=r"run: the hash of the labels \"\w{16}\" there, \"\w{16}\" here\. Write"):
        seewhy.run(clf, files[:3], place, labels=["red", "green", "red"])
    other = Planted()
    other.conv.bias.data += 0.01
    with pytest.raises(StoreError, match=r"run: the weights' hash \"\w{16}\" there, \"\w{16}\" here\. Write"):
        seewhy.run(clf.with_network(other), files[:3], place, labels=["red", "green", "blue"])
    with pytest.raises(StoreError, match=r"run: preprocessing \"shorter side 16, .*\" there, \"stretched .*\" here\. Write"):
        seewhy.run(clf.with_preprocess(resize="stretch"), files[:3], place, labels=["red", "green", "blue"])
    (folder.rename(tmp_path / "moved"))
    with pytest.raises(StoreError, match=r"run: the photos' folder \"../photos\" there, \"../moved\" here\. Write"):
        seewhy.run(clf, sorted((tmp_path / "moved").iterdir())[:3], place, labels=["red", "green", "blue"])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"method": "grad_cm"}, MethodError, "There is no method 'grad_cm'. Did you mean 'grad_cam'"),
        ({"method": []}, OptionError, "The list of methods is empty: name one, or leave it out."),
        (
            {"method": ["cam", "rise"], "mask": 3},
            OptionError,
            "None of cam, rise has a setting 'mask'. Did you mean 'masks'?",
        ),
        ({"target": lambda output: output[:, 0]}, OptionError, "a run stores what was asked for"),
        ({"target": [["red"], ["blue"]]}, OptionError, "a run stores what was asked for"),
        ({"target": torch.tensor([1, 2])}, OptionError, "a run stores what was asked for"),
        ({"target": np.array([1, 2])}, OptionError, "a run stores what was asked for"),
        ({"target": []}, OptionError, "a run stores what was asked for"),
        ({"target": ["red", None]}, OptionError, "a run stores what was asked for"),
        ({"method": [["grad_cam"]]}, MethodError, "There is no method ['grad_cam']. Did you mean 'grad_cam'? Known: "),
        ({"edits": [None, None]}, OptionError, "edits=: None, the photo as it is, stands in the list twice"),
        ({"edits": [RED, None, RED]}, OptionError, "edits=: 'filled: rows 0-100 %, columns 0-100 %' stands in the list twice"),
        ({"shard_size": 257}, OptionError, "shard_size=257: a shard has at most 256 photos."),
        ({"shard_size": 0}, OptionError, "shard_size=0: write a whole number above 0."),
        ({"batch_size": 0}, OptionError, "batch_size=0: write a whole number above 0."),
        ({"seed": -1}, OptionError, "seed=-1: write a whole number, 0 or more."),
        ({"labels": ["red"]}, TargetError, "20 photos but 1 labels"),
        ({"labels": "folders"}, TargetError, "20 of 20 labels are no classes: 'photos' of "),
    ],
)
def test_mistakes_are_named_before_anything_is_written(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path, settings: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error) as refused:
        seewhy.run(clf, folder, tmp_path / "store", **settings)
    assert message in str(refused.value)
    assert not (tmp_path / "store").exists()


def test_places_that_are_no_store(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file' is a file: write a folder, new or of the same run"):
        seewhy.run(clf, folder, tmp_path / "file")
    with pytest.raises(StoreError, match=r"photos' holds other files \(00.png, 01.png, 02.png ... \(20 in all\)\) and no store"):
        seewhy.run(clf, folder, folder)
    assert len(list(folder.iterdir())) == 20
    with pytest.raises(StoreError, match=r"cannot be written: Not a directory\."):
        seewhy.run(clf, folder, tmp_path / "file" / "store")
    with pytest.raises(OptionError, match=r"'s4://bucket/store' cannot be reached: nothing is known of 's4://'\."):
        seewhy.run(clf, folder, "s4://bucket/store")
    with pytest.raises(ModelError, match="The first argument is a Planted"):
        seewhy.run(clf.network, folder, tmp_path / "store")  # type: ignore[arg-type]


def test_tables_of_somebody_else_are_not_taken_for_shards(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    shards = tmp_path / "dataset" / "shards"
    shards.mkdir(parents=True)
    for name in ("000000.parquet", "000007.parquet"):
        pyarrow.parquet.write_table(pyarrow.table({"mine": [1, 2, 3]}), shards / name)
    with pytest.raises(StoreError) as refused:
        seewhy.run(clf, folder, tmp_path / "dataset")
    assert str(refused.value) == (
        f"The folder '{tmp_path / 'dataset'}' holds other files (shards/000000.parquet, shards/000007.parquet) and no store: "
        "write a new one."
    )
    assert [pyarrow.parquet.read_schema(file).names for file in sorted(shards.iterdir())] == [["mine"], ["mine"]]
    assert [path.name for path in (tmp_path / "dataset").iterdir()] == ["shards"]


def test_shards_of_a_store_that_stood_there_are_removed(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    seewhy.run(clf, folder, tmp_path / "store", shard_size=8)
    (tmp_path / "store" / "manifest.json").unlink()
    seewhy.run(clf, sorted(folder.iterdir())[:5], tmp_path / "store", shard_size=8)
    assert [path.name for path in (tmp_path / "store" / "shards").iterdir()] == ["000000.parquet"]


def test_two_runs_at_once(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    refusals = []

    def second(done: int, total: int, partial: Any) -> None:
        with pytest.raises(StoreError) as refused:
            seewhy.run(clf, folder, tmp_path / "store")
        refusals.append(str(refused.value))

    assert len(seewhy.run(clf, folder, tmp_path / "store", progress=second)) == 20
    assert len(refusals) == 20
    assert "is in use by another run (process " in refusals[0]


def test_a_full_disk_is_one_line_and_spoils_nothing(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = rows_of(seewhy.run(clf, folder, tmp_path / "unbroken", shard_size=5))
    (fsync, calls) = (os.fsync, [])

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 6:  # of the manifest, the first shard, the manifest: the file and its folder
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StoreError, match=r"parquet' cannot be written: No space left on device\. What is finished stays"):
        seewhy.run(clf, folder, tmp_path / "store", shard_size=5)
    monkeypatch.undo()
    kept = len(seewhy.Store.open(tmp_path / "store"))
    assert 0 < kept < 20
    assert rows_of(seewhy.run(clf, folder, tmp_path / "store", shard_size=5)) == unbroken


@pytest.fixture
def bucket(folder: Path) -> Iterator[str]:
    """The photos, and the same in a tar, in ``memory://``."""
    MemoryFileSystem.store.clear()
    files = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    buckets.put({f"/bucket/photos/{name}": content for name, content in files.items()})
    labels = {f"{Path(name).stem}.cls": CLASSES[i % 3].encode() for i, name in enumerate(files)}
    buckets.put({"/bucket/photos.tar": buckets.tar_bytes(files | labels)})
    yield "memory://bucket"
    MemoryFileSystem.store.clear()


def test_wherever_photos_and_store_lie_the_rows_are_the_same(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path, bucket: str
) -> None:
    tar = tmp_path / "photos.tar"
    tar.write_bytes(MemoryFileSystem().cat_file("/bucket/photos.tar"))
    labels = [CLASSES[i % 3] for i in range(20)]
    unbroken = rows_of(seewhy.run(clf, folder, tmp_path / "store", "grad_cam", labels=labels, shard_size=7))
    for number, (photos, given) in enumerate(
        (
            (folder, labels),
            (f"{bucket}/photos", labels),
            (tar, None),
            (f"{bucket}/photos.tar", None),
            (f"file://{folder}", labels),
        )
    ):
        before = "" if given else "photos.tar/"
        for store in (tmp_path / f"{number}", f"{bucket}/{number}", f"file://{tmp_path}/url{number}"):
            stored = seewhy.run(clf, photos, store, "grad_cam", labels=given, shard_size=7)
            assert rows_of(stored) == [{**row, "path": before + row["path"]} for row in unbroken]
            assert rows_of(seewhy.Store.open(store)) == rows_of(stored)
            assert stored[3].photo.name == "03.png"
            assert stored[3].notes == []
            assert len(stored.where("right")) == 20
            assert len(stored.to_pandas()) == 20
            reopened = seewhy.Store.open(store, photos=str(photos).removesuffix("/photos.tar"))
            assert reopened[3].notes == []
            kept = seewhy.Store.open(store)._folder.read("manifest.json").decode()
            assert str(tmp_path) not in kept


def test_in_a_bucket_a_run_goes_on_where_it_was(clf: seewhy.Classifier, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    (photos, store) = (f"{bucket}/photos", f"{bucket}/store")
    unbroken = rows_of(seewhy.run(clf, photos, f"{bucket}/unbroken", shard_size=7))
    write = places.RemoteFolder.write
    written = []

    def stops(folder: places.RemoteFolder, name: str, content: bytes) -> None:
        written.append(name)
        if len(written) == 5:
            raise KeyboardInterrupt
        write(folder, name, content)

    monkeypatch.setattr(places.RemoteFolder, "write", stops)
    with pytest.raises(KeyboardInterrupt):
        seewhy.run(clf, photos, store, shard_size=7)
    monkeypatch.undo()
    assert written == ["run.lock", "manifest.json", "shards/000000.parquet", "manifest.json", "shards/000001.parquet"]
    assert len(seewhy.Store.open(store)) == 7
    calls: list[int] = []
    resumed = seewhy.run(clf, photos, store, shard_size=7, progress=lambda done, total, partial: calls.append(total))
    assert calls == [20] * 13
    assert rows_of(resumed) == unbroken
    buckets.put({"/bucket/store/shards/000001.parquet": b"broken"})
    with pytest.raises(
        StoreError, match=r"^'memory://bucket/store/shards/000001\.parquet' is broken: it is not what was written"
    ):
        seewhy.Store.open(store)[8]
    assert rows_of(seewhy.run(clf, photos, store, shard_size=7)) == unbroken
    with pytest.raises(StoreError, match=r"^The store 'memory://bucket/store' is of another run: seed 0 there, 1 here"):
        seewhy.run(clf, photos, store, seed=1)
    with pytest.raises(StoreError, match=r"^The folder 'memory://bucket/photos' holds other files \(00\.png, 01\.png"):
        seewhy.run(clf, photos, photos)


def test_from_a_bucket_a_photo_that_has_changed_or_gone_is_its_thumbnail(clf: seewhy.Classifier, bucket: str) -> None:
    store = seewhy.run(clf, f"{bucket}/photos.tar", f"{bucket}/store", "grad_cam")
    files = {"00.png": b"other", "01.png": b"other"}
    buckets.put({"/bucket/photos.tar": buckets.tar_bytes(files)})
    assert store[0].notes == ["the photo has changed since: its thumbnail from the store is shown"]
    assert store[2].notes == ["the photo is not there any more: its thumbnail from the store is shown"]
    MemoryFileSystem().rm_file("/bucket/photos.tar")
    assert store[0].notes == ["the photo is not there any more: its thumbnail from the store is shown"]


def test_no_password_lands_in_the_store(clf: seewhy.Classifier, bucket: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strip = MemoryFileSystem._strip_protocol
    plain = classmethod(lambda cls, path: strip(path.replace("key:secret@", "")))
    monkeypatch.setattr(MemoryFileSystem, "_strip_protocol", plain)
    places._system.cache_clear()  # of paths that were taken apart in another way
    MemoryFileSystem().pipe_file("/bucket/photos/20.png", b"half")
    store = seewhy.run(clf, "memory://key:secret@bucket/photos", "memory://key:secret@bucket/store", "grad_cam")
    assert (len(store), store.unread[0].path, store[0].notes) == (20, "20.png", [])
    assert "secret" not in f"{store} {store.path} {store.unread}"
    for path in MemoryFileSystem().find("/bucket/store"):
        assert b"secret" not in MemoryFileSystem().cat_file(path)


def test_a_bucket_that_takes_nothing_or_is_not_there(clf: seewhy.Classifier, folder: Path) -> None:
    buckets.register()
    # A bucket of its own: all of them share one memory, in which other tests may have left photos.
    with pytest.raises(StoreError, match=r"^The store 'readonly://of-nobody' cannot be written: Access Denied\.$"):
        seewhy.run(clf, folder, "readonly://of-nobody")
    with pytest.raises(StoreError, match=r"^The store 'unreachable://bucket' cannot be reached: Could not connect"):
        seewhy.run(clf, folder, "unreachable://bucket")
    with pytest.raises(StoreError, match=r"^'unreachable://bucket/manifest\.json' cannot be opened: Could not connect"):
        seewhy.Store.open("unreachable://bucket")
    with pytest.raises(
        StoreError, match=r"^There is no store in 'memory://nowhere': 'seewhy run PHOTOS -o memory://nowhere' makes one"
    ):
        seewhy.Store.open("memory://nowhere")


def test_methods_are_taken_once_also_where_a_setting_is_an_array(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    occlusion = seewhy.METHODS["occlusion"](fill=np.zeros(3), mask_size=8)  # type: ignore[call-arg]
    methods = ["grad_cam", occlusion, "grad_cam", occlusion]
    store = seewhy.run(clf, sorted(folder.iterdir())[:1], tmp_path / "store", methods)
    assert store.methods == ["grad_cam", "occlusion"]


def test_every_photo_with_every_edit(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    red = seewhy.edits.Fill(box=(0, 0, 1, 1), colour=(1.0, 0.0, 0.0))
    store = seewhy.run(clf, folder, tmp_path / "store", "grad_cam", edits=[None, red], shard_size=6)
    rows = rows_of(store)
    assert [row["number"] for row in rows] == list(range(40))
    assert [row["path"] for row in rows[::2]] == [row["path"] for row in rows[1::2]] == [f"{i:02}.png" for i in range(20)]
    assert [row["edit"] is None for row in rows] == [True, False] * 20
    assert {row["predicted"] for row in rows[1::2]} == {"red"}
    as_they_are = store.where("edit is null")
    assert len(as_they_are) == 20
    plain = rows_of(seewhy.run(clf, folder, tmp_path / "plain", "grad_cam", shard_size=6))
    for edited, alone in zip(rows[::2], plain, strict=True):
        assert {**edited, "number": alone["number"]} == alone
    shown = store[1].photo  # read again, and edited again
    assert (shown.original == (255, 0, 0)).all()
    assert (shown.pixels == np.float32([255, 0, 0])[:, None, None]).all()
    assert rows_of(seewhy.run(clf, folder, tmp_path / "store", "grad_cam", edits=[None, red], shard_size=6)) == rows
    with pytest.raises(StoreError, match="edits"):
        seewhy.run(clf, folder, tmp_path / "store", "grad_cam", edits=[red, None], shard_size=6)


@pytest.mark.parametrize("edits", ["fill", [{"name": "fill"}], 3])
def test_what_is_no_edit(clf: seewhy.Classifier, folder: Path, tmp_path: Path, edits: Any) -> None:
    with pytest.raises(OptionError, match=r"write a list of edits, such as seewhy\.edits\.Fill"):
        seewhy.run(clf, folder, tmp_path / "store", edits=edits)
    assert not (tmp_path / "store").exists()


def test_edits_are_made_wherever_the_photos_lie(clf: seewhy.Classifier, folder: Path, tmp_path: Path, bucket: str) -> None:
    def rows(photos: Any, store: str, before: str) -> list[dict[str, Any]]:
        edits = [seewhy.edits.Paste(source=f"{before}05.png", box=(0, 0, 0.5, 0.5)), None]
        labels = [CLASSES[i % 3] for i in range(20)]  # as those in the tar are
        run = seewhy.run(clf, photos, store, "grad_cam", labels=labels, edits=edits, shard_size=7)
        assert np.array_equal(run[0].photo.original[:4, :4], run[11].photo.original[:4, :4])  # read again, and edited again
        assert not np.array_equal(run[1].photo.original[:4, :4], run[11].photo.original[:4, :4])
        plain: list[dict[str, Any]] = json.loads(json.dumps(rows_of(run), default=bytes.hex).replace("photos.tar/", ""))
        return plain

    local = rows(folder, str(tmp_path / "store"), "")
    assert rows(f"{bucket}/photos", f"{bucket}/store", "") == local
    assert rows(f"{bucket}/photos.tar", str(tmp_path / "of-tar"), "photos.tar/") == local


def test_with_labels_the_true_class_is_explained_too(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    first = {path.name: e.predictions[0].name for path in folder.iterdir() for e in [seewhy.explain(clf, path)]}
    labels = dict(sorted(first.items()))
    wrong = sorted(first)[:5]
    labels |= {name: next(one for one in CLASSES if one != first[name]) for name in wrong}
    del labels["19.png"]
    store = seewhy.run(clf, folder, tmp_path / "store", ["grad_cam", "occlusion"], labels=labels, shard_size=6)
    for i, path in enumerate(sorted(folder.iterdir())):
        names = [first[path.name], *([labels[path.name]] if path.name in wrong else [])]
        for stored, method in zip(store.explanations(i), ("grad_cam", "occlusion"), strict=True):
            assert [target.name for target in stored.targets] == names
            alone = seewhy.explain(clf, path, method, names)
            np.testing.assert_allclose(stored.maps, alone.maps, rtol=2**-10, atol=2**-23 * np.abs(alone.maps).max())
    alone = seewhy.run(clf, folder, tmp_path / "label", "grad_cam", "label", labels)
    assert [e.targets[0].name for e in alone] == [
        labels.get(path.name, "") or first[path.name] for path in sorted(folder.iterdir())
    ]
    against = seewhy.run(clf, folder, tmp_path / "against", "grad_cam", ["top1", "label"], labels, against="top2")
    seconds = [seewhy.explain(clf, path).predictions[1].name for path in sorted(folder.iterdir())]
    for e, path, second in zip(against, sorted(folder.iterdir()), seconds, strict=True):
        asked = dict.fromkeys([first[path.name], labels.get(path.name, first[path.name])])
        assert [target.name for target in e.targets] == [name for name in asked if name != second]


def test_the_true_class_needs_labels(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"^target='label': no photo has a label\. Give them: labels='folders'\.$"):
        seewhy.run(clf, folder, tmp_path / "store", target=["top1", "label"])


@pytest.mark.parametrize("budget", [12, 40])
def test_a_budget_ends_at_the_same_place_wherever_a_run_was_begun_again(folder: Path, tmp_path: Path, budget: int) -> None:
    """Two runs in one, each on a network that has not run before: its trials are no part of any photo's budget."""

    def fresh() -> seewhy.Classifier:
        return seewhy.Classifier(SmallNet(3), seewhy.Preprocess(size=48), classes=CLASSES)

    spec: dict[str, Any] = {"shard_size": 8, "budget": budget, "batch_size": 4}
    unbroken = seewhy.run(fresh(), folder, tmp_path / "unbroken", "occlusion", **spec)
    seewhy.run(fresh(), folder, tmp_path / "store", "occlusion", **spec)
    manifest = json.loads((tmp_path / "store" / "manifest.json").read_text())
    del manifest["shards"]["1"]
    (tmp_path / "store" / "manifest.json").write_text(json.dumps(manifest))
    assert rows_of(seewhy.run(fresh(), folder, tmp_path / "store", "occlusion", **spec)) == rows_of(unbroken)


def test_a_retry_keeps_what_was_known_of_photos_that_cannot_be_read_now(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path
) -> None:
    (folder / "03.png").write_bytes(b"half")
    before = rows_of(seewhy.run(clf, folder, tmp_path / "store", "grad_cam", shard_size=8))
    assert len(before) == 19
    names = sorted(path.name for path in folder.iterdir())
    folder.rename(tmp_path / "away")
    folder.mkdir()
    for name in names:
        (folder / name).touch()  # a disk that has not come yet
    after = seewhy.run(clf, folder, tmp_path / "store", "grad_cam", shard_size=8, retry=True)
    assert rows_of(after) == before
    assert [photo.path for photo in after.unread] == ["03.png"]
    for name in names:
        (folder / name).write_bytes((tmp_path / "away" / name).read_bytes())
    (folder / "05.png").write_bytes(b"half, too")
    (folder / "03.png").write_bytes((folder / "04.png").read_bytes())
    mended = seewhy.run(clf, folder, tmp_path / "store", "grad_cam", shard_size=8, retry=True)
    assert [row["number"] for row in rows_of(mended)] == list(range(20))
    assert rows_of(mended)[5] == before[4]
    assert mended.unread == []


def test_ctrl_c_says_what_is_kept(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    def at_ten(done: int, total: int, partial: Any) -> None:
        if done == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt) as interrupt:
        seewhy.run(clf, folder, tmp_path / "store", "grad_cam", shard_size=4, progress=at_ten)
    assert interrupt.value.args == (f"8 photos are stored in {tmp_path / 'store'}; begun again, the run goes on from there",)
    assert len(seewhy.Store.open(tmp_path / "store")) == 8


def test_slow_methods_have_smaller_shards(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    for name, size in (("grad_cam", 256), ("occlusion", 32)):
        store = seewhy.run(clf, folder, tmp_path / name, name, budget=8)
        assert json.loads((tmp_path / name / "manifest.json").read_text())["settings"]["shard_size"] == size
        assert len(store) == 20
    seewhy.run(clf, folder, tmp_path / "own", "grad_cam", shard_size=5)
    seewhy.run(clf, folder, tmp_path / "own", "grad_cam")  # nobody asks for another one
    with pytest.raises(StoreError, match="shard size 5 there, 6 here"):
        seewhy.run(clf, folder, tmp_path / "own", "grad_cam", shard_size=6)


def test_large_maps_have_smaller_shards() -> None:
    def size(side: int | None, names: list[str], target: Any) -> int:
        preprocess = None if side is None else seewhy.Preprocess(size=side)
        clf = seewhy.Classifier(SmallNet(10), preprocess=preprocess, classes=[f"c{i}" for i in range(10)])
        return _shard_size(clf, names, target)

    assert size(64, ["gradient", "grad_cam"], "top5") == 256
    assert size(224, ["rise"], ["top1", "label"]) == 32
    assert size(1024, ["gradient"], "top1") == 95  # of 2 MB
    assert size(1024, ["gradient"], ["top1", "label"]) == 47
    assert size(1024, ["gradient"], "present") == 11  # eight at once are counted on
    assert size(2048, ["gradient"], "top5") == 4
    assert size(2048, ["grad_cam"], "top5") == 76
    assert size(2048, ["gradient", "grad_cam"], "top20") == 2  # there are ten classes
    assert size(None, ["gradient"], "top1") == 23
    assert size(16384, ["gradient"], "c3") == 1


def test_a_network_of_two_inputs(folder: Path, tmp_path: Path) -> None:
    class Two(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = SmallNet(3)

        def forward(self, image: torch.Tensor, bias: torch.Tensor) -> Any:
            return self.net(image) + bias

    clf = seewhy.Classifier(
        Two().eval(), seewhy.Preprocess(size=16), classes=CLASSES, explain="image", inputs={"bias": torch.zeros(3)}
    )
    store = seewhy.run(clf, folder, tmp_path / "store", "grad_cam")
    assert len(store) == 20
    np.testing.assert_allclose(store[3].maps, seewhy.explain(clf, folder / "03.png", "grad_cam").maps, rtol=2**-10, atol=1e-6)


def test_no_signature_is_stored(clf: seewhy.Classifier, tmp_path: Path, bucket: str) -> None:
    signed = [f"memory://signed/{i}.png?X-Amz-Signature=SECRET{i}" for i in range(3)]
    contents = [buckets.png(np.full((9, 8, 3), 40 * i, np.uint8)) for i in range(2)]
    buckets.put({url.removeprefix("memory:/"): content for url, content in zip(signed, contents, strict=False)})
    spec: dict[str, Any] = {"edits": [None, seewhy.edits.Fill(box=(0, 0, 1, 1))], "shard_size": 3}
    store = seewhy.run(clf, signed, tmp_path / "store", "grad_cam", **spec)
    assert [row["path"] for row in rows_of(store)] == ["0.png", "0.png", "1.png", "1.png"]
    assert [unread.path for unread in store.unread] == ["2.png", "2.png"]
    for path in (tmp_path / "store").rglob("*"):
        assert path.is_dir() or b"SECRET" not in path.read_bytes()
    renewed = [url.replace("SECRET", "OTHER") for url in signed]
    assert rows_of(seewhy.run(clf, renewed, tmp_path / "store", "grad_cam", **spec)) == rows_of(store)


def test_photos_that_are_listed_already(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    listed = list_photos(folder, [number % 3 for number in range(20)], clf.class_names())
    store = seewhy.run(clf, listed, tmp_path / "store", "grad_cam", "top1")
    assert [row["label_index"] for row in rows_of(store)] == [number % 3 for number in range(20)]
