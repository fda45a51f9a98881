"""A folder of photos as points: what the points, the neighbours, the pictures and the page say, and what is refused."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from embeddings import blobs, colours, data_of, made
from PIL import Image
from small_nets import Planted, SmallNet, assert_same_state, state_of

import seewhy
from seewhy.errors import LayerError, MethodError, ModelError, OptionError, RecordError, TargetError
from seewhy.features.embed import embed
from seewhy.features.placing import place
from seewhy.features.scatter import caption, grouping, verdict

# -- placing -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("columns", [5, 80])
def test_groups_that_lie_apart_stay_apart(columns: int) -> None:
    (points, details) = place(blobs(columns=columns), "tsne", 15, 0)
    assert points.shape == (60, 2)
    assert points.dtype == np.float32
    labels = [i // 20 for i in range(60)]
    assert made(points, labels).purity(10) == 1.0
    assert ("explained_variance" in details) == (columns > 50)  # PCA comes first only where there is something to reduce


@pytest.mark.parametrize("count", [4, 5, 6, 7])
def test_few_photos_are_placed(clf: seewhy.Classifier, count: int, caplog: pytest.LogCaptureFixture) -> None:
    embedding = embed(clf, colours(count), progress=False)
    assert np.isfinite(embedding.points).all()
    assert embedding.details["perplexity"] == pytest.approx((count - 1) / 3)
    assert not caplog.records  # the library has nothing to say of it
    assert any("few for t-SNE" in note for note in embedding.notes)


def test_the_perplexity_follows_the_number_of_photos(clf: seewhy.Classifier) -> None:
    assert embed(clf, colours(30), progress=False).details["perplexity"] == 9
    assert embed(clf, colours(30), perplexity=2.5, progress=False).settings["perplexity"] == 2.5


@pytest.mark.parametrize("count", [2, 3])
def test_two_photos_are_enough_for_pca(clf: seewhy.Classifier, count: int) -> None:
    assert embed(clf, colours(count), method="pca", progress=False).points.shape == (count, 2)


# -- features ----------------------------------------------------------------------------------------------------------


def test_features_by_hand(planted: Planted) -> None:
    """relu gives value - 0.5 for ones, nothing for zeros; the mean over space is a quarter of it for a quarter of ones."""
    photos = torch.zeros(4, 3, 8, 8)
    photos[0, 0, :4, :4] = 1
    photos[1, 1] = 1
    photos[2, 2, 0, 0] = 1
    clf = seewhy.Classifier(planted)
    embedding = embed(clf, photos, "relu", method="pca", progress=False)
    expected = [[0.125, 0, 0], [0, 0.5, 0], [0, 0, 0.5 / 64], [0, 0, 0]]
    np.testing.assert_allclose(embedding.features, expected, atol=1e-6)
    flat = embed(clf, photos, "relu", method="pca", pool="flatten", progress=False)
    assert flat.features.shape == (4, 3 * 8 * 8)
    np.testing.assert_allclose(flat.features.sum(axis=1), [8, 32, 0.5, 0], atol=1e-5)
    np.testing.assert_allclose(embed(clf, photos, "fc", method="pca", progress=False).features, expected, atol=1e-6)
    logits = embed(clf, photos, "scores", method="pca", progress=False)
    np.testing.assert_allclose(logits.features, clf.logits(photos), atol=1e-6)
    np.testing.assert_allclose(logits.scores, clf.scores(photos), atol=1e-6)
    assert [p.index for p in logits.predictions] == [0, 1, 2, 0]
    np.testing.assert_allclose(embedding.pixels[0, 0].mean(), 0.25)


def test_the_automatic_layer_and_a_module(clf: seewhy.Classifier, planted: Planted) -> None:
    assert embed(clf, colours(5), progress=False).layer == clf.feature_layer
    assert embed(clf, colours(5), planted.conv, progress=False).layer == "conv"


def test_streamed_is_all_at_once(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=(20, 28)))
    photos = colours(11)
    whole = embed(clf, photos, progress=False, batch_size=11)
    streamed = embed(clf, photos, progress=False, batch_size=2)
    np.testing.assert_allclose(streamed.features, whole.features, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(streamed.scores, clf.scores(photos), atol=1e-6)
    assert streamed.names == whole.names == [f"photo {i + 1}" for i in range(11)]


def test_photos_of_different_sizes(small: SmallNet) -> None:
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=16, crop=False))
    photos = [photo[:, : 16 + i % 3] for i, photo in enumerate(colours(7))]
    embedding = embed(clf, photos, progress=False)
    for i, photo in enumerate(photos):
        np.testing.assert_allclose(embedding.scores[i], clf.scores(photo)[0], atol=1e-6)
    with pytest.raises(OptionError, match="pool='mean'"):
        embed(clf, photos, pool="flatten", progress=False)


def test_a_function_has_only_scores() -> None:
    clf = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), preprocess=seewhy.Preprocess(size=16))
    assert embed(clf, colours(6), "scores", progress=False).features.shape == (6, 3)
    with pytest.raises(MethodError, match="Write layer='scores'"):
        embed(clf, colours(6), progress=False)


# -- folders, labels, sampling -----------------------------------------------------------------------------------------


def test_a_folder_with_its_labels(clf: seewhy.Classifier, folder: Path) -> None:
    (folder / ".cache").mkdir()
    (folder / ".cache" / "hidden.png").write_bytes(b"")
    (folder / "notes.txt").write_text("no photo")
    embedding = embed(clf, folder, labels="folder", progress=False)
    assert len(embedding) == 12
    assert embedding.names[0] == "blue/фото 11 <b>&.png"
    assert [name.split("/")[0] for name in embedding.names] == embedding.labels
    assert not embedding.wrong.any()
    assert all(path is not None and path.is_file() for path in embedding.paths)
    assert embedding.thumbnails[0].shape == (16, 20, 3)
    assert embed(clf, str(folder / "*" / "*.png"), labels="folder", progress=False).labels == embedding.labels
    assert embed(clf, folder.glob("*/*.png"), progress=False).labels == [None] * 12


def test_labels_by_name_index_and_none(clf: seewhy.Classifier) -> None:
    embedding = embed(clf, colours(6), labels=["red", 1, None, np.int64(0), "blue", "BLUE"], progress=False)
    assert embedding.labels == ["red", "green", None, "red", "blue", "blue"]
    assert embedding.wrong.tolist() == [False, False, False, False, True, False]
    assert embedding.groups == embedding.labels
    assert embed(clf, colours(6), progress=False).groups == ["red", "green", "blue"] * 2


def test_more_photos_than_allowed_are_sampled_and_that_is_said(clf: seewhy.Classifier) -> None:
    photos = colours(30)
    embedding = embed(clf, photos, labels=[i % 3 for i in range(30)], most=9, progress=False)
    assert len(embedding) == 9
    assert sorted(embedding.labels) == ["blue"] * 3 + ["green"] * 3 + ["red"] * 3
    assert embedding.notes[0] == "9 of 30 photos were taken, evenly from every class: most=9 allows no more"
    np.testing.assert_allclose(embedding.scores[0], clf.scores(photos[embedding.numbers[0]])[0], atol=1e-6)


# -- neighbours --------------------------------------------------------------------------------------------------------


def test_the_demo_network_separates_its_classes() -> None:
    """The logits part bear, cow and sheep nearly wholly; the pixels say next to nothing of them."""
    scenes = seewhy.demo.scenes(60, seed=11)
    embedding = embed(seewhy.load("demo:honest"), [s.photo for s in scenes], labels=[s.label for s in scenes], progress=False)
    assert embedding.purity(5) > 0.85
    assert embedding.purity(5, "pixels") < 0.6
    assert embedding.purity(5) > embedding.purity(5, "pixels") + 0.3


# -- pictures and files ------------------------------------------------------------------------------------------------


def test_what_is_saved(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> None:
    embedding = embed(clf, folder, labels="folder", progress=False)
    for suffix in (".png", ".npz", ".json", ".html"):
        assert embedding.save(tmp_path / f"x{suffix}").stat().st_size > 1000
    with np.load(tmp_path / "x.npz") as file:
        np.testing.assert_array_equal(file["points"], embedding.points)
        assert json.loads(str(file["record"]))["photos"][0]["name"] == embedding.names[0]
    assert json.loads((tmp_path / "x.json").read_text())["details"]["kl_divergence"] == embedding.details["kl_divergence"]
    assert embedding.neighbour_picture(0, 2).width > 300
    with pytest.raises(RecordError, match=r"'\.gif' is not one of"):
        embedding.save(tmp_path / "x.gif")
    with pytest.raises(OptionError, match="only the page"):
        embedding.save(tmp_path / "x.png", clf=clf)


# -- state and mistakes ------------------------------------------------------------------------------------------------


def test_the_network_comes_back_as_it_was(small: SmallNet) -> None:
    small.train()
    small.features[0].weight.requires_grad_(False)
    clf = seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=16))
    before = state_of(small)
    first = embed(clf, colours(6), progress=False)
    assert_same_state(before, state_of(small))
    small.eval()
    with torch.inference_mode():
        np.testing.assert_allclose(embed(clf, colours(6), progress=False).features, first.features, atol=1e-6)
    with torch.no_grad():
        np.testing.assert_array_equal(embed(clf, colours(6), progress=False).points, first.points)


def test_other_groups_than_classes_are_not_compared(clf: seewhy.Classifier, tmp_path: Path) -> None:
    cameras = ["north", "south", None, "north", "east", "south"]
    embedding = embed(clf, colours(6), labels=cameras, progress=False)
    assert embedding.labels == embedding.groups == cameras
    assert embedding.label_indices == [None] * 6
    assert (embedding.grouped, embedding.compared, embedding.wrong.any()) == (True, False, False)
    assert embedding.notes[0] == (
        "the labels are groups, not classes, and are not compared with the predictions: 'north' of 'photo 1' is no class of the "
        "network"
    )
    assert [group.name for group in grouping(embedding)] == ["east", "north", "south", "group not known"]
    legend = embedding.plot().axes[0].get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["east (1)", "north (2)", "south (2)", "group not known (1)"]
    assert caption(embedding).startswith("Colour: group. t-SNE of 3 features")
    assert verdict(embedding, 0) == f"north; predicted: {embedding.predictions[0]}"
    text = embedding.page(clf)
    assert "<th>group</th>" in text
    assert "misclassified first" not in text
    photo = data_of(text)["photos"][0]
    assert (photo["label"], photo["own"], photo["wrong"]) == ("north", "", False)
    assert repr(embedding) == "<Embedding tsne of 6 photos at conv: 3 groups>".replace("conv", embedding.layer)


def test_pictures_for_a_notebook_and_for_print(clf: seewhy.Classifier, tmp_path: Path) -> None:
    embedding = embed(clf, colours(6), progress=False)
    with Image.open(io.BytesIO(embedding._repr_png_())) as picture:
        np.testing.assert_array_equal(np.asarray(picture), np.asarray(embedding.image()))
    for suffix, first in ((".jpg", b"\xff\xd8"), (".pdf", b"%PDF-"), (".svg", b"<?xml")):
        assert embedding.save(tmp_path / f"x{suffix}").read_bytes().startswith(first)


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"photos": 1}, OptionError, "^1 photo: t-SNE needs at least 4 .*a single photo"),
        ({"photos": 3}, OptionError, r"^3 photos: t-SNE needs at least 4 \(method='pca' needs 2\)\.$"),
        ({"photos": 1, "method": "pca"}, OptionError, "^1 photo: method='pca' needs at least 2"),
        (
            {"perplexity": 4},
            OptionError,
            r"^perplexity=4 is too large for 12 photos: it must be at most a third of the others, 3\.6\.$",
        ),
        ({"perplexity": 1}, OptionError, "^perplexity=1: write a number above 1"),
        ({"perplexity": 2, "method": "pca"}, OptionError, "^perplexity=2 belongs to method='tsne'"),
        ({"method": "umap"}, MethodError, "^There is no embedding method 'umap'"),
        ({"pool": "max"}, OptionError, "^pool='max': write 'mean' or 'flatten'"),
        ({"seed": -1}, OptionError, "^seed=-1"),
        ({"most": 0}, OptionError, "^most=0"),
        ({"layer": "rleu"}, LayerError, "no layer 'rleu'. Did you mean 'relu'"),
        ({"labels": ["red"] * 11}, TargetError, "^12 photos but 11 labels"),
        ({"labels": "red"}, OptionError, "^labels='red': there is no such file. Write 'folders', a .csv"),
        ({"labels": "folder"}, TargetError, "^labels='folder' needs files, but 'photo 1' is none"),
    ],
)
def test_mistakes(clf: seewhy.Classifier, settings: dict[str, Any], error: type[Exception], message: str) -> None:
    photos = colours(settings.pop("photos", 12))
    with pytest.raises(error, match=message):
        embed(clf, photos, **settings, progress=False)


def test_no_classifier() -> None:
    with pytest.raises(ModelError, match="wrap the network"):
        embed(SmallNet(), colours(5))  # type: ignore[arg-type]


def test_features_that_are_all_the_same(clf: seewhy.Classifier) -> None:
    with pytest.raises(LayerError, match="gives the same 3 values for all 9 photos"):
        embed(clf, colours(1) * 9, progress=False)


def test_a_flattened_layer_that_does_not_fit_is_refused(clf: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    import importlib

    module = importlib.import_module("seewhy.features.embed")
    monkeypatch.setattr(module, "MOST_BYTES", 20_000)
    with pytest.raises(OptionError, match=r"gives 768 values per photo: .* Write pool='mean', a later layer, or most=6\."):
        embed(clf, colours(9), "relu", pool="flatten", progress=False)


def test_real_photos(real_squeezenet: seewhy.Classifier, real_photos: Path) -> None:
    paths = sorted(real_photos.glob("*.JPEG"))[:24]
    embedding = embed(real_squeezenet, paths, labels=[path.name.split("_")[0] for path in paths], progress=False)
    assert embedding.features.shape == (24, 1000)
    assert embedding.wrong.mean() < 0.5
