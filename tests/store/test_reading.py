from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from small_nets import Planted

import seewhy
from seewhy.store.places import LocalFolder, RemoteFolder
from seewhy.store.reading import path_below, photo_file, preprocess_record
from seewhy.store.rows import table


def test_a_photo_that_is_still_the_same_is_read_as_the_network_saw_it(
    store: seewhy.Store, clf: seewhy.Classifier, folder: Path
) -> None:
    for i, path in enumerate(sorted(folder.rglob("*.png"))):
        for e, method in zip(store.explanations(i), ("grad_cam", "occlusion"), strict=True):
            fresh = seewhy.explain(clf, path, method, "top2")
            np.testing.assert_allclose(e.maps, fresh.maps, rtol=2**-11, atol=2**-24 * np.abs(fresh.maps).max())
            assert e.photo.name == path.name
            assert np.array_equal(e.photo.pixels, fresh.photo.pixels)
            assert np.array_equal(e.photo.original, fresh.photo.original)
            ours = {name: value for name, value in e.record().items() if name not in ("cost", "details")}
            assert ours == {name: value for name, value in fresh.record().items() if name not in ("cost", "details")}


def test_it_draws_itself(store: seewhy.Store) -> None:
    assert np.asarray(store[0].image().convert("L")).std() > 10


@pytest.mark.parametrize("what", ["changed", "gone", "broken"])
def test_else_its_thumbnail_is_shown_and_a_note_says_so(store: seewhy.Store, folder: Path, what: str) -> None:
    path = sorted(folder.rglob("*.png"))[0]
    before = store[0]
    if what == "gone":
        path.unlink()
    else:
        Image.new("RGB", (50, 50), "white").save(path)
    if what == "broken":
        path.unlink()
        path.mkdir()
    reason = {"changed": "has changed since", "gone": "is not there any more", "broken": "cannot be read any more"}[what]
    e = store[0]
    assert e.notes[-1] == f"the photo {reason}: its thumbnail from the store is shown"
    assert np.array_equal(e.maps, before.maps)
    assert e.photo.original.shape == (16, 20, 3)
    assert np.abs(e.photo.original.astype(float) - before.photo.original).mean() < 25  # a JPEG of noise
    assert e.on_photo().shape == (2, 16, 20)
    assert np.abs(e.photo.pixels - before.photo.pixels).mean() < 25
    assert e.image().width > 100


def test_a_classifier_reads_what_was_cut_out_again_anew(store: seewhy.Store, clf: seewhy.Classifier, folder: Path) -> None:
    sorted(folder.rglob("*.png"))[0].unlink()
    photo = store[0].photo
    assert (photo.rebuilt, photo.preprocessing) == (True, clf.describe_input())
    again = clf.read(photo)
    assert not again.rebuilt
    assert clf.read(again) is again
    store[0].save(folder.parent / "kept.npz")  # and so it is where the explanation was saved in between
    kept = seewhy.Explanation.load(folder.parent / "kept.npz").photo
    assert (kept.rebuilt, clf.read(kept).rebuilt) == (True, False)
    assert "rebuilt" not in store[1].record()["photo"]


def test_behind_another_library_s_transform_the_geometry_is_the_stored_one(folder: Path, tmp_path: Path) -> None:
    def transform(image: Image.Image) -> torch.Tensor:
        array = np.asarray(image.convert("RGB").resize((12, 8), Image.Resampling.NEAREST).crop((2, 0, 10, 8)))
        return torch.from_numpy(array.copy()).movedim(-1, 0).float() / 255

    clf = seewhy.Classifier(Planted(), preprocess=transform, classes=["red", "green", "blue"])
    store = seewhy.run(clf, folder, tmp_path / "store", "grad_cam", shard_size=5)
    path = sorted(folder.rglob("*.png"))[2]
    (e, fresh) = (store[2], seewhy.explain(clf, path, "grad_cam"))
    np.testing.assert_allclose(e.on_photo(), fresh.on_photo(), rtol=2**-9, atol=1e-4)
    assert np.array_equal(e.photo.original, fresh.photo.original)
    assert e.photo.pixels.shape == fresh.photo.pixels.shape


def test_a_path_of_somebody_else_s_store_stays_below_the_photos_folder(store: seewhy.Store, folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "secret.png"
    outside.write_bytes(sorted(folder.rglob("*.png"))[0].read_bytes())
    for path in ("../secret.png", str(outside), "red/../../secret.png"):
        rows = store._shard(0).to_pylist()
        rows[0]["path"] = path  # whose hash is right
        store._loaded = (0, table(rows))
        assert store[0].notes[-1] == "its path leads out of the photos' folder: its thumbnail from the store is shown"
        assert store[0].photo.original.shape == (16, 20, 3)
        assert store[0].photo.rebuilt
    assert store.photo_file("../../secret.png") == folder / "secret.png"


@pytest.mark.parametrize(
    ("path", "below"),
    [
        ("cow/0.jpg", "cow/0.jpg"),
        ("a..b/...jpg", "a..b/...jpg"),
        ("../../out/evil.jpg", "out/evil.jpg"),
        ("cow/../../evil.jpg", "cow/evil.jpg"),
        ("/etc/evil.jpg", "etc/evil.jpg"),
        ("//etc/evil.jpg", "etc/evil.jpg"),
        ("..", "."),
    ],
)
def test_no_path_leads_out(path: str, below: str) -> None:
    assert path_below(path).as_posix() == below
    assert photo_file(LocalFolder(Path("/photos")), path) == Path("/photos", below)
    assert photo_file(RemoteFolder("memory://bucket"), path) == photo_file(None, path) == Path(below)


def test_what_is_kept_of_a_preparation() -> None:
    assert preprocess_record(None) == {}
    assert preprocess_record(lambda image: image) is None
    given = seewhy.Preprocess(size=(8, 12), mean=np.float32([0.5, 0.25, 1]), range=(0, 10000))
    record = json.loads(json.dumps(preprocess_record(given)))
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}
    assert seewhy.Preprocess(**fields).describe() == given.describe()
