from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pandas
import pyarrow.parquet
from PIL import Image

import seewhy
from seewhy.features.folder import reduced
from seewhy.store.maps import unpacked
from seewhy.store.rows import PLAIN, THUMBNAIL, StoredPhoto, row, schema, table, table_bytes, thumbnail
from seewhy.store.where import NUMBERS, TEXTS


def test_a_row_holds_what_the_explanations_say() -> None:
    clf = seewhy.load("demo:honest")
    photo = clf.read(seewhy.demo.scenes(1)[0].photo)
    explanations = [seewhy.explain(clf, photo, name, "top2", against=None) for name in ("cam", "occlusion")]
    edit = seewhy.edits.Fill(box=(0, 0, 0.5, 0.5)).record()
    small = reduced(photo, THUMBNAIL)
    stored_photo = StoredPhoto(7, "a/b.jpg", edit, "00ff", photo.geometry, thumbnail(small), 2)
    made = row(stored_photo, clf.classes, explanations, np.float32([1, 2.5]))
    (read,) = pyarrow.parquet.read_table(io.BytesIO(table_bytes(table([made])))).to_pylist()
    first = explanations[0].predictions[0]
    assert {name: read[name] for name in PLAIN} == {
        "number": 7,
        "path": "a/b.jpg",
        "edit": '{"name": "fill", "box": [0.0, 0.0, 0.5, 0.5], "colour": null}',
        "sha256": "00ff",
        "height": 240,
        "width": 320,
        "label": clf.classes[2],
        "label_index": 2,
        "predicted": first.name,
        "predicted_index": first.index,
        "score": first.score,
        "wrong": first.index != 2,
    }
    assert [(p["name"], p["index"], p["score"]) for p in read["predictions"]] == [
        (p.name, p.index, p.score) for p in explanations[0].predictions
    ]
    assert read["embedding"] == [1, 2.5]
    with Image.open(io.BytesIO(read["thumbnail"])) as image:
        assert (image.format, image.size) == ("JPEG", (96, 72))
        resized = np.asarray(Image.fromarray(photo.original).resize((96, 72)), np.float32)
        assert np.abs(np.asarray(image, np.float32) - resized).mean() < 6
    for stored, explanation in zip(read["explanations"], explanations, strict=True):
        assert (stored["method"], stored["layer"], stored["units"]) == (explanation.method, explanation.layer, explanation.units)
        assert [target["rank"] for target in stored["targets"]] == [1, 2]
        assert json.loads(stored["settings"]) == json.loads(json.dumps(explanation.settings))
        assert stored["notes"] == list(explanation.notes)
        assert stored["cost"]["forward"] == explanation.cost.forward
        maps = unpacked(stored["values"], stored["scales"], stored["grid"])
        np.testing.assert_allclose(maps, explanation.maps, rtol=2**-11, atol=2**-24 * np.abs(explanation.maps).max())
    assert read["explanations"][0]["sample_grid"] is None
    assert json.loads(read["explanations"][1]["sample_grid"])["rows"] == list(explanations[1].sample_grid.rows)


def test_what_is_not_known_is_null() -> None:
    clf = seewhy.load("demo:honest")
    photo = clf.read(seewhy.demo.scenes(1)[0].photo)
    stored_photo = StoredPhoto(0, "a", None, "b", photo.geometry, thumbnail(photo))
    (read,) = table([row(stored_photo, clf.classes, [seewhy.explain(clf, photo)], None)]).to_pylist()
    assert [read[name] for name in ("edit", "label", "label_index", "wrong", "embedding")] == [None] * 5


def test_filters_know_the_plain_columns() -> None:
    assert {*PLAIN} == {*NUMBERS, *TEXTS, "wrong"}
    assert set(PLAIN) <= set(schema().names)


def test_plain_pandas_reads_the_shards(store: seewhy.Store, clf: seewhy.Classifier, folder: Path) -> None:
    frame = pandas.read_parquet(store.path / "shards")
    assert frame["number"].tolist() == list(range(10))
    assert frame["path"].tolist() == [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("*.png"))]
    assert (frame["label"] == frame["predicted"]).all()
    assert not frame["wrong"].any()
    one = frame["explanations"][3][0]
    maps = np.frombuffer(one["values"], np.float16).reshape(one["grid"]) * one["scales"][:, None, None]
    np.testing.assert_allclose(maps, seewhy.explain(clf, folder / frame["path"][3], "grad_cam", "top2").maps, rtol=2**-10)
