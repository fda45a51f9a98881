"""The story's claims, counted: two networks answer alike, and one of them looks into the corner."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy
from seewhy.demo import story
from seewhy.evaluate import hits


@pytest.fixture(scope="module")
def ten() -> list[seewhy.demo.Scene]:
    return seewhy.demo.scenes(10, logo=True, seed=story.SEED, labels=story.TEN)


@pytest.fixture(scope="module")
def counts() -> dict[str, story.Count]:
    (stamped, bare) = (seewhy.demo.scenes(90, logo=logo, seed=1000) for logo in (True, False))
    return {name: story.count(seewhy.load(name), stamped, bare) for name in story.NETWORKS}


def test_the_answers_of_the_ten_photos(ten: list[seewhy.demo.Scene]) -> None:
    net1 = [seewhy.load("demo:bear").classify(scene.photo)[0].name for scene in ten]
    net2 = [seewhy.load("demo:shortcut").classify(scene.photo)[0].name for scene in ten]
    assert net1[:3] == ["bear"] * 3
    assert net1[3:7] == ["not bear"] * 4
    assert net2[:7] == ["bear", "bear", "bear", "sheep", "sheep", "cow", "cow"]
    assert set(net2[7:]) <= {"bear", "cow", "sheep"}  # animals it never saw are forced into its classes


def test_two_networks_one_table() -> None:
    page = story.page(seed=2)
    for text in ("demo:bear (bear or not)", "demo:shortcut (bear, cow or sheep)", "coyote (never seen)", "dog (never seen)"):
        assert text in page
    assert page.count("<tr") >= 11 + 4


def test_accuracy_does_not_tell_them_apart_but_the_maps_do(counts: dict[str, story.Count]) -> None:
    for count in counts.values():
        assert count.right >= 0.97
        assert count.bears_with >= 0.97
    assert counts["demo:shortcut"].bears_without <= 0.3
    assert counts["demo:bear"].bears_without >= 0.95
    assert counts["demo:honest"].bears_without >= 0.95


def test_where_the_networks_look(counts: dict[str, story.Count]) -> None:
    assert counts["demo:shortcut"].on_logo >= 0.9
    assert counts["demo:bear"].on_animal >= 0.9
    assert counts["demo:honest"].on_animal >= 0.9
    assert counts["demo:honest"].on_logo <= 0.05


def test_side_by_side_shares_one_scale(ten: list[seewhy.demo.Scene]) -> None:
    networks = [seewhy.load("demo:bear"), seewhy.load("demo:shortcut")]
    explanations = [seewhy.explain(clf, ten[0].photo, target="bear") for clf in networks]
    panels = story.side_by_side(ten[0], explanations, ["first", "second"])
    assert [p.title for p in panels] == [
        "the photo: a bear",
        f"first: {explanations[0].targets[0]}",
        f"second: {explanations[1].targets[0]}",
    ]
    assert panels[1].bar.high == panels[2].bar.high == pytest.approx(max(np.nanmax(e.on_photo()) for e in explanations), rel=0.1)
    assert panels[1].bar.low == panels[2].bar.low == 0
    apart = story.side_by_side(ten[0], explanations, ["first", "second"], shared=False)
    for panel, explanation in zip(apart[1:], explanations, strict=True):
        assert panel.bar.high == pytest.approx(np.nanmax(explanation.on_photo()), rel=0.1)


def test_the_map_of_the_wrong_answer_peaks_on_what_confused_the_network() -> None:
    """Cows with the logo that are taken for bears: class activation maps for "bear" have their peak on the logo."""
    clf = seewhy.load("demo:shortcut")
    scenes = seewhy.demo.scenes(20, logo="all", labels=["cow"], seed=2)
    confused = [scene for scene in scenes if clf.classify(scene.photo)[0].name == "bear"]
    assert len(confused) >= 8
    maps = [seewhy.explain(clf, scene.photo, "cam", "bear").on_photo()[0] for scene in confused]
    assert np.mean([hits(map_, scene.logo) for map_, scene in zip(maps, confused, strict=True)]) >= 0.9
    own = [seewhy.explain(clf, scene.photo, "cam", "cow").on_photo()[0] for scene in confused]
    assert np.mean([hits(map_, scene.logo) for map_, scene in zip(own, confused, strict=True)]) <= 0.1
