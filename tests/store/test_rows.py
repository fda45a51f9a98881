from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow.parquet
import pytest
from PIL import Image

import seewhy
from seewhy.errors import StoreError
from seewhy.features.folder import reduced
from seewhy.store import rows
from seewhy.store.maps import PackedMaps, unpacked
from seewhy.store.rows import PLAIN, THUMBNAIL, StoredPhoto, columns_of, row, schema, table, table_bytes, thumbnail
from seewhy.store.where import NUMBERS, TEXTS


def test_a_row_holds_what_the_explanations_say() -> None:
    clf = seewhy.load("demo:honest")
    photo = clf.read(seewhy.demo.scenes(1)[0].photo)
    explanations = [seewhy.explain(clf, photo, name, "top2", against=None) for name in ("cam", "occlusion")]
    edit = seewhy.edits.Fill(box=(0, 0, 0.5, 0.5)).record()
    small = reduced(photo, THUMBNAIL)
    stored_photo = StoredPhoto(7, "a/b.jpg", edit, "00ff", photo.geometry, thumbnail(small), 2)
    made = row(stored_photo, clf.classes, explanations[0].predictions, explanations, np.float32([1, 2.5]))
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
    (read,) = table([row(stored_photo, clf.classes, clf.classify(photo), [seewhy.explain(clf, photo)], None)]).to_pylist()
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


def rows_with_maps(sides: list[int]) -> list[dict[str, Any]]:
    """Rows of one square map each."""
    explanations = [
        [
            {
                **{field.name: None for field in schema().field("explanations").type.value_type},
                **vars(PackedMaps.of(np.ones((1, n, n)))),
            }
        ]
        for n in sides
    ]
    return [{"number": number, "path": f"{number}.jpg", "explanations": found} for number, found in enumerate(explanations)]


def test_large_maps_lie_in_groups_that_are_read_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_BYTES", 5000)
    sides = [30, 30, 60, 10, 10, 40, 10]  # 1800, 1800, 7200, 200, 200, 3200, 200 bytes
    made = table(rows_with_maps(sides))
    assert [batch.num_rows for batch in made.to_batches()] == [2, 1, 4]
    content = io.BytesIO(table_bytes(made))
    file = pyarrow.parquet.ParquetFile(content)
    assert [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)] == [2, 1, 4]
    read = pyarrow.parquet.read_table(content)
    assert read["number"].to_pylist() == list(range(7))
    assert [row["explanations"][0]["grid"] for row in read.to_pylist()] == [[1, n, n] for n in sides]
    assert table([]).num_rows == 0
    assert pyarrow.parquet.read_table(io.BytesIO(table_bytes(table([])))).schema.names == schema().names


def test_more_maps_than_a_row_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "_MOST_OF_ROW", 5000)
    with pytest.raises(StoreError) as refused:
        table(rows_with_maps([30, 60]))
    assert str(refused.value).startswith("The maps of '1.jpg' take 0.0 GB, and a row of a table holds 0.0: ask for fewer classes")


@pytest.mark.parametrize("content", [b"", b"PAR1 and nothing else", b"photos" * 9])
def test_what_is_no_table_has_no_columns(content: bytes) -> None:
    assert columns_of(io.BytesIO(content)) is None
    assert columns_of(io.BytesIO(table_bytes(table([])))) == schema().names
