"""The page of a scatter: one file, safe with every name, with explanations behind its points."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import heads
import numpy as np
import pytest
import torch
from embeddings import colours, data_of
from PIL import Image
from small_nets import SmallNet

import seewhy
from seewhy.errors import MethodError, OptionError
from seewhy.features import scatter_page
from seewhy.features.embed import embed
from seewhy.methods.auto import PASSES


def test_the_page_is_one_file_and_escapes_every_name(clf: seewhy.Classifier, folder: Path) -> None:
    evil = folder / "red" / "<script>alert(1)<&.png"
    Image.fromarray(colours(1)[0]).save(evil)
    (folder / "red" / "<img src=x>.jpg").write_bytes(b"")
    labels: list[Any] = [0] * 14
    embedding = embed(clf, folder, labels=labels, progress=False)
    text = embedding.page(clf)
    assert "<script>alert" not in text
    assert "<img src=x>" not in text
    assert "&lt;img src=x&gt;" in text  # among the skipped
    assert text.count("<script") == 2
    for name in embedding.names:
        assert name.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") in text
    assert not re.search(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(""", text)
    assert "default-src 'none'; img-src data:" in text.replace("&#39;", "'")
    data = data_of(text)
    assert [photo["name"] for photo in data["photos"]] == embedding.names
    assert all(photo["explained"] for photo in data["photos"])
    for photo, wrong in zip(data["photos"], embedding.wrong, strict=True):
        assert len(photo["explained"]) == (2 if wrong else 1)  # for the prediction, and for the true class
        assert photo["wrong"] == wrong
    places = np.array([[photo["x"], photo["y"]] for photo in data["photos"]])
    assert places.min() >= 39.9
    assert places.max() <= 960.1


def test_the_policy_lets_only_its_own_script_run(clf: seewhy.Classifier) -> None:
    import base64
    import hashlib

    text = scatter_page.page(embed(clf, colours(6), progress=False))
    script = text.rpartition("<script>")[2].partition("</script>")[0]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"sha256-{digest}" in text.replace("&#43;", "+")


def test_explanations_of_a_large_page_begin_with_the_mistakes(
    clf: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(scatter_page, "MOST_EXPLAINED", 5)
    photos = colours(12)
    embedding = embed(clf, photos, labels=[0, 1, 2, 1] + [None] * 8, progress=False)
    text = embedding.page(clf, photos=photos)
    flags = [bool(photo["explained"]) for photo in data_of(text)["photos"]]
    assert sum(flags) == 5
    assert flags[3]
    assert "Explanations are in for 5 of 12 photos, misclassified ones first." in text
    embedding = replace(embedding, sources=None)  # as where the photos themselves are gone
    assert "5 could not be read again" in embedding.page(clf)


def test_photos_given_as_arrays_explain_themselves_on_the_page(clf: seewhy.Classifier, tmp_path: Path) -> None:
    photos = [*colours(5), torch.full((3, 16, 16), 0.5), Image.fromarray(colours(1)[0])]
    embedding = embed(clf, photos, progress=False)
    text = embedding.save(tmp_path / "map.html", clf=clf).read_text()
    assert "could not be read again" not in text
    data = data_of(text)
    assert all(len(photo["explained"]) == 1 for photo in data["photos"])
    # A photo's explanation is that of the photo itself: the same picture as for that photo alone.
    (alone,) = scatter_page._pictures(seewhy.explain(clf, photos[2]), embedding.predictions[2].index, False)
    assert data["photos"][2]["explained"] == [alone]


def test_a_map_that_belongs_to_no_class_stands_once_on_the_page(clf: seewhy.Classifier) -> None:
    embedding = embed(clf, colours(6), labels=[1] * 6, progress=False)
    picture_lists = [photo["explained"] for photo in data_of(embedding.page(clf, "eigen_cam"))["photos"]]
    assert [len(pictures) for pictures in picture_lists] == [1] * 6
    assert picture_lists[0][0]["title"] == "eigen_cam, no class."


def test_a_probability_that_nothing_moves_gets_no_colour_on_the_page(clf: seewhy.Classifier) -> None:
    e = seewhy.explain(clf, colours(1)[0], method="occlusion")
    faint = replace(e, maps=e.maps / np.abs(e.maps).max() * np.float32(9e-7), notes=[])
    empty = replace(e, maps=0 * e.maps, notes=[])
    assert scatter_page._pictures(faint, 0, False) == scatter_page._pictures(empty, 0, False)
    strong = replace(faint, maps=10 * faint.maps)
    assert scatter_page._pictures(strong, 0, False) != scatter_page._pictures(empty, 0, False)


def test_the_page_wants_the_same_network(clf: seewhy.Classifier, small: SmallNet) -> None:
    embedding = embed(clf, colours(6), progress=False)
    with pytest.raises(OptionError, match="has 4 classes, the embedding was made by one with 3"):
        embedding.page(seewhy.Classifier(small, preprocess=seewhy.Preprocess(size=16)))
    with pytest.raises(MethodError, match="no method 'gradcam'"):
        embedding.page(clf, "gradcam")


@pytest.mark.parametrize(
    ("build", "method", "why"), [("flat", "hires_cam", heads.FLAT), ("function", "occlusion", heads.FUNCTION)]
)
def test_the_page_takes_what_suits_the_network_and_says_why(build: str, method: str, why: str) -> None:
    clf = heads.BUILDERS[build]()
    photos = colours(4)
    embedding = embed(clf, photos, layer=None if build == "flat" else "scores", progress=False)
    explained = [photo["explained"] for photo in data_of(embedding.page(clf))["photos"]]
    for number, pictures in enumerate(explained):
        settings = {"budget": PASSES, "score": "log_odds"} if method == "occlusion" else {}
        alone = seewhy.explain(clf, photos[number], method, progress=False, **settings)
        (expected,) = scatter_page._pictures(alone, embedding.predictions[number].index, False)
        assert pictures[0]["picture"] == expected["picture"]
        assert f": {method}." in pictures[0]["title"]
        assert why in pictures[0]["title"]
