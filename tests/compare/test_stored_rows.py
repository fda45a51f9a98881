"""Explanations of several stores, read one photo at a time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image
from stores import stored_answers

import seewhy
from seewhy.compare.stored_rows import StoredRows

ANSWERS = [("cow", "cow"), ("cow", "bear"), ("bear", "bear")]


def test_rows_are_read_when_they_are_asked_for(tmp_path: Path) -> None:
    stores = [stored_answers(tmp_path / name, ANSWERS, seed=seed) for seed, name in enumerate("ab")]
    rows = StoredRows(stores, [(0, 2), (2, 2), (1, 0)], "grad_cam")
    assert len(rows) == 3
    for row, places in zip(rows, rows.places, strict=True):
        for e, store, place in zip(row, stores, places, strict=True):
            assert e is not None
            assert np.array_equal(e.maps, store[place].maps)
    assert [len(part) for part in (rows[1:], rows[:0])] == [2, 0]
    (drawn, small) = (rows.drawn(0)[0], rows[0][0])
    assert drawn is not None
    assert small is not None
    assert np.array_equal(drawn.photo.original, np.asarray(Image.open(tmp_path / "photos" / "0.png")))
    assert not np.array_equal(small.photo.original, drawn.photo.original)  # a JPEG
    assert drawn.notes == small.notes == []


def test_the_first_class_that_all_have_a_map_of(tmp_path: Path) -> None:

    photos = tmp_path / "photos"
    photos.mkdir()
    Image.fromarray(seewhy.demo.scenes(1, labels=["cow"])[0].photo).save(photos / "0.png")
    clf = seewhy.load("demo:honest")
    one = seewhy.run(clf, photos, tmp_path / "one", "grad_cam", ["bear", "sheep", "cow"])
    other = seewhy.run(clf, photos, tmp_path / "other", "grad_cam", ["cow", "sheep"])
    (row,) = StoredRows([one, other], [(0, 0)], "grad_cam")
    assert [[target.name for target in e.targets] for e in row if e is not None] == [["sheep"], ["sheep"]]
    assert [e.maps.shape[0] for e in row if e is not None] == [1, 1]
    np.testing.assert_array_equal(*(e.maps for e in row if e is not None))
    assert np.array_equal(row[0].maps[0], one[0].maps[1])  # type: ignore[union-attr]
