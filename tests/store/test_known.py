"""What a store knows of its photos' features."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from embeddings import colours, data_of
from PIL import Image

import seewhy
from seewhy.errors import LayerError, MethodError, OptionError, StoreError
from seewhy.features.known import KnowsFeatures


def test_it_is_what_embed_finds_by_the_network(clf: seewhy.Classifier, store: seewhy.Store, folder: Path) -> None:
    assert isinstance(store, KnowsFeatures)
    placed = seewhy.embed(store, method="pca")
    fresh = seewhy.embed(clf, folder, labels="folders", method="pca")
    np.testing.assert_allclose(placed.features, fresh.features, rtol=1e-5)
    np.testing.assert_allclose(np.abs(placed.points), np.abs(fresh.points), atol=1e-4)
    np.testing.assert_allclose(placed.scores, fresh.scores, atol=1e-6)
    assert placed.pixels.shape == fresh.pixels.shape
    np.testing.assert_allclose(placed.pixels.mean((2, 3)), fresh.pixels.mean((2, 3)), atol=5)  # noise does not survive a JPEG
    assert (placed.layer, placed.model, placed.weights) == (fresh.layer, fresh.model, fresh.weights)
    assert (placed.labels, placed.label_indices, placed.numbers) == (fresh.labels, fresh.label_indices, fresh.numbers)
    assert placed.names == [path.relative_to(folder).as_posix() for path in fresh.paths if path is not None]
    assert placed.paths == fresh.paths
    assert [p.name for p in placed.predictions] == [p.name for p in fresh.predictions]
    assert [t.shape for t in placed.thumbnails] == [t.shape for t in fresh.thumbnails]
    assert placed.notes == ["tiny pixels are those of the stored thumbnails"]
    assert np.array_equal(placed.points, seewhy.embed(store, method="pca").points)


def test_it_draws_itself_and_shows_the_stored_maps(store: seewhy.Store, folder: Path, tmp_path: Path) -> None:
    folder.rename(tmp_path / "away")  # neither photos nor network are needed
    placed = seewhy.embed(store)
    assert placed.image().width > 100
    page = placed.page(clf=store)
    titles = [[map["title"] for map in photo["explained"]] for photo in data_of(page)["photos"]]
    assert all(len(pair) == 2 for pair in titles)  # two targets
    assert all(
        pair[0].startswith(f"What speaks for {p.name}") and "grad_cam." in pair[0]
        for pair, p in zip(titles, placed.predictions, strict=True)
    )
    by_occlusion = data_of(placed.page(clf=store, method="occlusion"))
    assert "occlusion." in by_occlusion["photos"][3]["explained"][0]["title"]
    with pytest.raises(MethodError, match=r"The store has no map by 'lime', but by grad_cam, occlusion\."):
        placed.page(clf=store, method="lime")
    with pytest.raises(OptionError, match=r"photos, samples: a store is shown as it is"):
        placed.page(clf=store, samples=3)
    assert placed.save(tmp_path / "points.json").stat().st_size > 1000


def test_of_more_photos_an_even_sample_and_of_a_filter_its_rows(store: seewhy.Store) -> None:
    some = seewhy.embed(store, method="pca", most=5)
    assert (len(some), sorted(set(some.labels))) == (5, ["blue", "green", "red"])
    assert some.notes[-1] == "5 of 10 photos were taken, evenly from every class: most=5 allows no more"
    assert [store.to_pandas()["path"][number] for number in some.numbers] == some.names
    reds = store.where("label = red")
    placed = seewhy.embed(reds, method="pca")
    assert (set(placed.labels), placed.numbers) == ({"red"}, [0, 1, 2, 3])
    assert [reds[number].photo.name for number in placed.numbers] == [Path(name).name for name in placed.names]


def test_what_a_store_does_not_take(store: seewhy.Store, folder: Path) -> None:
    for given in ({"photos": folder}, {"layer": "relu"}, {"labels": "folders"}, {"pool": "flatten"}):
        with pytest.raises(OptionError, match=f"^{next(iter(given))}=: a store brings its photos, their labels"):
            seewhy.embed(store, **given)
    with pytest.raises(OptionError, match=r"0 photos: t-SNE needs at least 4"):
        seewhy.embed(store.where("wrong"))


def test_a_network_is_asked_for_photos(clf: seewhy.Classifier) -> None:
    with pytest.raises(OptionError, match=r"Which photos\? Write seewhy\.embed\(clf, photos\), or seewhy\.embed\(store\)\."):
        seewhy.embed(clf)


def test_scores_that_were_not_kept_are_not_known(tmp_path: Path) -> None:
    import torch

    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.ReLU(), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    torch.manual_seed(0)
    clf = seewhy.Classifier(torch.nn.Sequential(network, torch.nn.Linear(4, 7)), preprocess=seewhy.Preprocess(size=16))
    photos = tmp_path / "photos"
    photos.mkdir()
    for i, photo in enumerate(colours(4)):
        Image.fromarray(photo).save(photos / f"{i}.png")
    store = seewhy.run(clf, photos, tmp_path / "store", "grad_cam")
    placed = seewhy.embed(store, method="pca")
    fresh = clf.scores(sorted(photos.iterdir()))
    assert np.isnan(placed.scores).sum(axis=1).tolist() == [2] * 4
    known = ~np.isnan(placed.scores)
    np.testing.assert_allclose(placed.scores[known], fresh[known], atol=1e-6)
    assert placed.labels == [None] * 4
    record = json.loads(placed.save(tmp_path / "points.json").read_text(), parse_constant=pytest.fail)
    assert [score is None for score in record["scores"][0]] == np.isnan(placed.scores[0]).tolist()


def test_a_network_that_cannot_be_watched_has_no_features(folder: Path, tmp_path: Path) -> None:
    clf = seewhy.Classifier(
        lambda pixels: pixels.mean(dim=(2, 3)), preprocess=seewhy.Preprocess(size=16), classes=["r", "g", "b"]
    )
    store = seewhy.run(clf, folder, tmp_path / "scores", "occlusion", mask_size=8, stride=8)
    with pytest.raises(StoreError, match=r"The store holds no features: the inside of its network could not be watched\."):
        seewhy.embed(store)


def test_photos_without_any_difference(tmp_path: Path, clf: seewhy.Classifier) -> None:
    photos = tmp_path / "same"
    photos.mkdir()
    for i in range(4):
        Image.fromarray(colours(1)[0]).save(photos / f"{i}.png")
    store = seewhy.run(clf, photos, tmp_path / "store", "grad_cam")
    with pytest.raises(LayerError, match="gives the same"):
        seewhy.embed(store, method="pca")


def test_an_edited_photo_is_not_placed_beside_itself(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    red = seewhy.edits.Fill(box=(0, 0, 1, 1), colour=(1, 0, 0))
    both = seewhy.run(clf, folder, tmp_path / "both", "grad_cam", labels="folders", edits=[red, None])
    alone = seewhy.run(clf, folder, tmp_path / "alone", "grad_cam", labels="folders")
    placed = seewhy.embed(both, method="pca")
    assert np.array_equal(placed.points, seewhy.embed(alone, method="pca").points)
    assert placed.numbers == list(range(1, 20, 2))  # of the store that was given: a page asks it for their maps
    assert len(seewhy.embed(both.where("number < 14"), method="pca")) == 14
