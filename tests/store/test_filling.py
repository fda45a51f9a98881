"""What :func:`seewhy.run` does not show of filling: rows that have an edit of their own, and answers without maps."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

import seewhy
from seewhy.edits import Fill
from seewhy.errors import StoreError
from seewhy.store import Store
from seewhy.store.filling import fill
from seewhy.store.identity import manifest_of
from seewhy.store.photos import ListedPhotos, list_photos
from seewhy.store.places import folder_at
from seewhy.store.shard import RunSpec

CORNER = (0.8, 0.0, 1.0, 0.25)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("photos")
    for number, scene in enumerate(seewhy.demo.scenes(4, logo="all")):
        Image.fromarray(scene.photo).save(folder / f"{number}.png")
    return folder


def filled(folder: Path, photos: Path, edits: list[Fill | None]) -> Store:
    """The first photo with each of some edits."""
    clf = seewhy.load("demo:shortcut")
    listed = list_photos(photos, None, clf.class_names())
    paths = listed.paths[:1] * len(edits)
    records = [None if edit is None else edit.record() for edit in edits]
    spec = RunSpec(listed.root.address, paths, [None] * len(edits), [], edits=records, shard_size=2)
    wanted = manifest_of(clf, spec, ListedPhotos(listed.root, paths, [None] * len(edits)), folder_at(folder), own_edits=True)
    (manifest, _) = fill(clf, spec, wanted, folder_at(folder), progress=False)
    return Store(folder, manifest, listed.root)


def test_each_row_has_its_own_edit_and_no_maps(photos: Path, tmp_path: Path) -> None:
    store = filled(tmp_path / "store", photos, [None, Fill(box=CORNER), Fill(box=CORNER, colour=(0, 0, 0))])
    rows = store.to_arrow(["number", "predicted", "score", "predictions", "explanations", "edit"]).to_pylist()
    assert [row["number"] for row in rows] == [0, 1, 2]
    assert [row["edit"] is None for row in rows] == [True, False, False]
    assert all(row["explanations"] == [] for row in rows)
    clf = seewhy.load("demo:shortcut")
    (first,) = clf.classify([photos / "0.png"])
    answers = rows[0]["predictions"]
    assert [answer["name"] for answer in answers] == [prediction.name for prediction in first]
    assert [answer["score"] for answer in answers] == pytest.approx([prediction.score for prediction in first], abs=1e-5)
    assert (rows[0]["predicted"], rows[1]["predicted"] == "bear") == ("bear", False)  # the logo is under the grey


def test_another_edit_is_another_run(photos: Path, tmp_path: Path) -> None:
    filled(tmp_path / "store", photos, [None])
    with pytest.raises(StoreError, match="the hash of the photos' edits"):
        filled(tmp_path / "store", photos, [Fill(box=CORNER)])
