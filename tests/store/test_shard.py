from __future__ import annotations

import hashlib
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
import torch
from PIL import Image
from stores import timeless

import seewhy
from seewhy.rasters import NamedFile
from seewhy.store import rows
from seewhy.store.manifest import UnreadPhoto
from seewhy.store.rows import table_bytes
from seewhy.store.shard import RunSpec, embedding_layer, run_shard, run_shards, with_rows_of_before


def spec_of(folder: Path, **changes: Any) -> RunSpec:
    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.*"))
    fields = {"root": str(folder), "paths": paths, "labels": [None] * len(paths), "methods": [("grad_cam", {"relu": False})]}
    return RunSpec(**(fields | {"batch_size": 3, "shard_size": 7, "embedding": "relu"} | changes))


def test_a_shard_is_its_part_of_the_list(clf: seewhy.Classifier, folder: Path) -> None:
    spec = pickle.loads(pickle.dumps(spec_of(folder)))  # it travels
    shards = [run_shard(clf, spec, number) for number in range(2)]
    rows = [row for shard in shards for row in shard.rows.to_pylist()]
    assert [len(shard.rows) for shard in shards] == [7, 3]
    assert [row["number"] for row in rows] == list(range(10))
    assert [row["path"] for row in rows] == spec.paths
    assert [row["sha256"] for row in rows] == [hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in spec.paths]
    for row in rows:
        photo = clf.read(folder / row["path"])
        features = torch.relu(torch.from_numpy(photo.pixels) / 255 - 0.5).mean(dim=(1, 2))
        np.testing.assert_allclose(row["embedding"], features.numpy(), rtol=1e-4, atol=1e-6)
        assert row["explanations"][0]["settings"] == '{"layer": null, "relu": false, "score": "logit"}'


def test_the_same_spec_and_number_give_the_same_table(clf: seewhy.Classifier, folder: Path) -> None:
    spec = spec_of(folder, methods=[("grad_cam", {}), ("rise", {"masks": 20})])
    assert timeless(run_shard(clf, spec, 1).rows) == timeless(run_shard(clf, spec, 1).rows)


def test_what_cannot_be_read_is_kept_apart_and_changes_nothing_for_the_others(clf: seewhy.Classifier, folder: Path) -> None:
    whole = spec_of(folder)
    before = timeless(run_shard(clf, whole, 0).rows)
    (folder / whole.paths[1]).write_bytes(b"\x89PNG no more")
    (folder / whole.paths[4]).unlink()
    told: list[tuple[int, int]] = []
    shard = run_shard(clf, whole, 0, lambda done, unread: told.append((done, unread)))
    assert timeless(shard.rows) == [row for row in before if row["number"] not in (1, 4)]
    names = [whole.paths[place].replace("\n", "\\n") for place in (1, 4)]
    assert shard.unread == [
        UnreadPhoto(whole.paths[1], f"'{names[0]}' is not a picture that can be read (JPEG, PNG, TIFF, WebP, ... can)."),
        UnreadPhoto(whole.paths[4], f"There is no file '{names[1]}'."),
    ]
    assert told == [(1, 0), (1, 1), (1, 0), (1, 0), (1, 1), (1, 0), (1, 0)]


def test_a_photo_that_changes_while_it_is_read(clf: seewhy.Classifier, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (20, 16), "red").save(tmp_path / "a.png")
    read = clf.read

    def slow(file: NamedFile) -> Any:
        photo = read(file)
        Image.new("RGB", (20, 16), "blue").save(file.path, compress_level=0)
        return photo

    monkeypatch.setattr(type(clf), "read", lambda self, file: slow(file))
    shard = run_shard(clf, spec_of(tmp_path, embedding=None), 0)
    assert shard.unread == [UnreadPhoto("a.png", "'a.png' changed while it was read: try it again.")]
    assert len(shard.rows) == 0


def test_a_name_that_no_table_can_hold(clf: seewhy.Classifier, tmp_path: Path) -> None:
    name = b"\xff.png".decode("utf-8", "surrogateescape")
    Image.new("RGB", (20, 16), "red").save(tmp_path / name)
    shard = run_shard(clf, spec_of(tmp_path), 0)
    assert shard.unread == [
        UnreadPhoto("\ufffd.png", "'\ufffd.png' has a name that is not in UTF-8, which no table can hold: rename it.")
    ]


def test_photos_of_several_sizes(folder: Path, planted: torch.nn.Module) -> None:
    clf = seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16, crop=False), classes=["red", "green", "blue"])
    spec = spec_of(folder)
    Image.new("RGB", (40, 16), "red").save(folder / spec.paths[1])
    rows = run_shard(clf, spec, 0).rows.to_pylist()
    assert [row["explanations"][0]["grid"] for row in rows[:3]] == [[1, 16, 20], [1, 16, 40], [1, 16, 20]]
    np.testing.assert_allclose(rows[1]["embedding"], [0.5, 0, 0], atol=1e-6)


def test_networks_without_a_layer_have_no_embedding(clf: seewhy.Classifier, folder: Path) -> None:
    assert embedding_layer(clf) == "relu"

    def function(photos: torch.Tensor) -> torch.Tensor:
        return photos.mean(dim=(2, 3))

    blind = seewhy.Classifier(function, preprocess=seewhy.Preprocess(size=16), classes=["red", "green", "blue"])
    assert embedding_layer(blind) is None
    (row, *_) = run_shard(blind, spec_of(folder, methods=[("auto", {})], embedding=None, shard_size=2), 0).rows.to_pylist()
    assert row["embedding"] is None
    assert row["explanations"][0]["method"] == "occlusion"


def test_shards_one_after_the_other_are_those_by_themselves(clf: seewhy.Classifier, folder: Path) -> None:
    spec = spec_of(folder, methods=[("grad_cam", {}), ("rise", {"masks": 20})], shard_size=4, batch_size=3)
    for number, shard in run_shards(clf, spec, [2, 0]):
        assert timeless(shard.rows) == timeless(run_shard(clf, spec, number).rows)


def test_the_pass_of_a_method_shows_the_embedding_too(clf: seewhy.Classifier, folder: Path) -> None:
    batches: list[int] = []
    clf.network.register_forward_pre_hook(lambda module, inputs: batches.append(len(inputs[0])))
    seewhy.explain(clf, next(folder.rglob("*.png")))  # the hook makes the network run as it is
    batches.clear()
    shard = run_shard(clf, spec_of(folder, methods=[("grad_cam", {"layer": "relu"})]), 0)
    assert sum(batches) == len(shard.rows) == 7


def test_an_edited_photo_is_what_somebody_had_edited_by_hand(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    from seewhy.edits import Fill, Paste

    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))[:3]
    edits = [
        None,
        Fill(box=(0, 0, 0.5, 1), colour=(1.0, 0.0, 0.0)).record(),
        Paste(source=paths[0], box=(0.5, 0.5, 1, 1)).record(),
    ]
    shard = run_shard(clf, spec_of(folder, paths=paths, labels=[None] * 3, edits=edits), 0)
    by_hand = [np.array(Image.open(folder / path)) for path in paths]
    (height, width) = by_hand[0].shape[:2]
    by_hand[1][: height // 2] = (255, 0, 0)
    by_hand[2][height // 2 :, width // 2 :] = by_hand[0][height // 2 :, width // 2 :]
    rows = shard.rows.to_pylist()
    for row, pixels, edit in zip(rows, by_hand, edits, strict=True):
        (explanation,) = seewhy.explain(clf, [pixels], "grad_cam", relu=False)
        assert (row["predicted"], row["score"]) == (
            explanation.predictions[0].name,
            pytest.approx(explanation.predictions[0].score),
        )
        assert row["edit"] == (None if edit is None else json.dumps(edit, ensure_ascii=False))
    assert rows[1]["explanations"][0]["notes"][0] == "an edited photo, filled: rows 0-50 %, columns 0-100 %"


def test_an_edit_that_does_not_suit_its_photo_is_kept_apart(clf: seewhy.Classifier, folder: Path) -> None:
    from seewhy.edits import Paste

    paths = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))[:2]
    edits = [None, Paste(source="gone.png", box=(0, 0, 1, 1)).record()]
    shard = run_shard(clf, spec_of(folder, paths=paths, labels=[None] * 2, edits=edits), 0)
    assert len(shard.rows) == 1
    assert "gone.png" in shard.unread[0].reason
    assert str(folder) not in shard.unread[0].reason


def test_rows_of_before_stand_in_their_places_however_they_lie_in_the_file(
    clf: seewhy.Classifier, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rows, "MOST_BYTES", 1)  # each row is a group by itself
    store = seewhy.run(clf, folder, tmp_path / "store", "grad_cam", shard_size=7)
    file = pyarrow.parquet.ParquetFile(tmp_path / "store" / "shards" / "000000.parquet")
    assert (file.num_row_groups, len(store), store[9].method) == (7, 10, "grad_cam")
    before = timeless(file.read())
    spec = spec_of(folder, methods=[("grad_cam", {})])
    for place in (1, 4):
        (folder / spec.paths[place]).unlink()
    found = run_shard(clf, spec, 0)
    assert found.rows["number"].to_pylist() == [0, 2, 3, 5, 6]
    whole = with_rows_of_before(found, file.read(), spec.places(0))
    assert whole.unread == []
    assert timeless(whole.rows) == before
    assert pyarrow.parquet.read_table(io.BytesIO(table_bytes(whole.rows)))["number"].to_pylist() == list(range(7))
