"""Stores of the same photos beside each other."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from stores import stored_answers

import seewhy
from seewhy.engine import runner
from seewhy.errors import MethodError, OptionError, PhotoError
from seewhy.store.manifest import ShardWriter
from seewhy.store.rows import table, table_bytes

BEFORE = [("cow", "cow"), ("cow", "bear"), ("bear", "bear"), ("sheep", "sheep"), (None, "cow"), ("bear", "cow")]
AFTER = [("cow", "bear"), ("cow", "cow"), ("bear", "bear"), ("sheep", "sheep"), (None, "cow"), ("bear", "cow")]
NAMES = [f"{letter}/{number}.png" for number, letter in enumerate("aabbcc")]


@pytest.fixture
def maps() -> Any:
    return np.random.default_rng(5).normal(size=(6, 3, 4))


@pytest.fixture
def before(tmp_path: Path, maps: Any) -> seewhy.Store:
    return stored_answers(tmp_path / "before", BEFORE, NAMES, maps)


@pytest.fixture
def after(tmp_path: Path, maps: Any) -> seewhy.Store:
    """The maps of every second photo are the negative ones."""
    signs = np.array([1, 1, 1, -1, 1, -1])[:, None, None]
    return stored_answers(tmp_path / "after", AFTER, NAMES, signs * maps)


def test_before_and_after(before: seewhy.Store, after: seewhy.Store) -> None:
    result = seewhy.compare([before, after])
    assert (result.columns, result.of, result.names, result.skipped) == (["before", "after"], "networks", NAMES, [])
    assert [[p.name for p in row] for row in result.predictions] == [[a, b] for (_, a), (_, b) in zip(BEFORE, AFTER, strict=True)]
    assert result.change is not None
    assert (result.change.lost, result.change.gained) == ([0], [1])
    assert result.change.labels == [label for label, _ in BEFORE]
    assert result.targets == ["before cow | after bear", "before bear | after cow", "bear", "sheep", "cow", "cow"]
    likenesses = [result.likeness(number) for number in range(6)]
    assert np.isnan(likenesses[:2]).all()  # maps of different classes are no answer to one question
    np.testing.assert_allclose(likenesses[2:], [1, -1, 1, -1], atol=1e-6)
    assert result.order() == [0, 1, 5, 3, 2, 4]
    assert result.change.both_wrong == [5]
    assert result.change.doubt(5) == "both networks say cow: is the label right?"
    assert result.sentence.startswith(
        "Right on 5 photos with a label: before 60 %, after 60 %; 1 was right and is wrong, 1 was wrong and is right, 1 is wrong "
        "in both. On 6 photos: before and after give the same answer on 67 % of them"
    )
    assert result.notes == [
        "the maps are the stored ones, by grad_cam; likeness is measured on thumbnails",
        "on 2 of 6 photos the stores explain different classes: these maps have no likeness",
    ]


def test_the_maps_are_those_of_the_stores(before: seewhy.Store, after: seewhy.Store) -> None:
    result = seewhy.compare([before, after], names=["old", "new"])
    for number, row in enumerate(result.explanations):
        assert [np.array_equal(e.maps, store[number].maps) for e, store in zip(row, (before, after), strict=True)] == [True] * 2
    titles = [panel.title for panel in result.panels(2)]
    assert titles == ["2.png", "old: map of bear (0.50)", "new: map of bear (0.50)", "where they differ"]
    assert [panel.title for panel in result.panels(0)][1:] == ["old: map of cow (0.50)", "new: map of bear (0.50)"]


def test_it_draws_itself_without_network_or_photos(before: seewhy.Store, after: seewhy.Store, tmp_path: Path) -> None:
    (tmp_path / "photos").rename(tmp_path / "away")
    result = seewhy.compare([before, after])
    page = result.save(tmp_path / "change.html").read_text()
    assert page.index("a/0.png") < page.index("a/1.png") < page.index("c/5.png") < page.index("Likeness of the maps</summary>")
    assert result.save(tmp_path / "change.png").stat().st_size > 10_000
    rows = result.save(tmp_path / "change.csv").read_text().splitlines()
    assert rows[:4] == [
        "photo,label,before,before_score,after,after_score,before_right,after_right,change,explained,likeness,notes",
        "a/0.png,cow,cow,0.5,bear,0.5,True,False,lost,before cow | after bear,,",
        "a/1.png,cow,bear,0.501,cow,0.501,False,True,gained,before bear | after cow,,",
        "c/5.png,bear,cow,0.505,cow,0.505,False,False,both wrong,cow,-1.0000,",
    ]
    assert rows[-1] == "c/4.png,,cow,0.504,cow,0.504,,,,cow,1.0000,"
    record = json.loads(result.save(tmp_path / "change.json").read_text())
    assert record["change"] == {
        "accuracies": {"before": 0.6, "after": 0.6},
        "lost": [0],
        "gained": [1],
        "both_wrong": [5],
        "only": {"before": [], "after": []},
    }
    assert result.shown_in("x.png") == "the first of 6 photos, right, then wrong; .html holds all"


def test_photos_are_matched_by_path_and_hash(tmp_path: Path) -> None:
    first = stored_answers(tmp_path / "first", BEFORE[:4], ["a.png", "b.png", "c.png", "gone.png"])
    moved = stored_answers(tmp_path / "second", BEFORE[:4], ["a.png", "deeper/b.png", "more.png", "other.png"])
    result = seewhy.compare([first, moved])
    assert result.names == ["a.png", "b.png"]  # the second one by its hash: it lies elsewhere now
    assert result.change is not None
    assert result.change.only == [["c.png", "gone.png"], ["more.png", "other.png"]]
    assert result.notes[1:] == [
        "2 photos are in first and not in all: c.png, gone.png",
        "2 photos are in second and not in all: more.png, other.png",
    ]
    none = stored_answers(tmp_path / "none", BEFORE[:2], ["x.png", "y.png"])
    with pytest.raises(PhotoError, match=r"The stores have no photo in common, .* Their first ones: a\.png, x\.png\."):
        seewhy.compare([first, none])


def test_a_photo_that_has_changed_is_skipped(before: seewhy.Store, tmp_path: Path) -> None:
    names = ["a/0.png", "a/1.png"]
    again = stored_answers(tmp_path / "again", BEFORE[:2], names)
    rows = again.dataset().to_table().to_pylist()
    rows[0]["sha256"] = "0" * 64
    with ShardWriter(again.path, again._manifest) as writer:
        writer.put(0, table_bytes(table(rows)), 2, [], {})
    result = seewhy.compare([before.where("path contains 'a/'"), seewhy.Store.open(again.path)])
    assert (result.names, result.skipped) == (["a/1.png"], [("a/0.png", "the photo's file is another one in each store")])
    assert "1 photo was skipped: a/0.png" in result.notes


def test_one_photo_of_one_store_is_told_in_the_singular(before: seewhy.Store, after: seewhy.Store) -> None:
    result = seewhy.compare([before, after.where("path != 'b/2.png'")])
    assert result.notes[-1] == "1 photo is in before and not in all: b/2.png"


def test_how_long_it_takes_is_told_after_twenty_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first one opens files, and takes many times as long as the next."""
    given = []
    progress = runner.Progress

    def watched(*arguments: Any, **settings: Any) -> runner.Progress:
        given.append(settings)
        return progress(*arguments, **settings)

    monkeypatch.setattr(runner, "Progress", watched)
    seewhy.compare([stored_answers(tmp_path / name, BEFORE[:2]) for name in ("a", "b")])
    assert given == [{"first": 20}]


def test_the_same_method_on_both_sides(before: seewhy.Store, tmp_path: Path, maps: Any) -> None:
    by_lime = stored_answers(tmp_path / "lime", AFTER, NAMES, maps, method="lime")
    with pytest.raises(MethodError) as refused:
        seewhy.compare([before, by_lime])
    assert str(refused.value) == "method='grad_cam': not all stores have maps by it. They have grad_cam; lime."
    result = seewhy.compare([by_lime, by_lime.where("right or wrong")])  # without grad_cam, what both have
    assert result.notes[0] == "the maps are the stored ones, by lime; likeness is measured on thumbnails"
    with pytest.raises(MethodError, match="method='rise': not all stores have maps by it"):
        seewhy.compare([before, before], method="rise")


def test_as_the_networks_themselves_are_compared(tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for i, scene in enumerate(seewhy.demo.scenes(4, logo="all", seed=2)):
        (photos / scene.label).mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(photos / scene.label / f"{i}.png")
    networks = [seewhy.load("demo:shortcut"), seewhy.load("demo:honest")]
    stores = [
        seewhy.run(clf, photos, tmp_path / str(n), ["eigen_cam", "grad_cam"], ["sheep", "bear"], "folders", progress=False)
        for n, clf in enumerate(networks)
    ]
    stored = seewhy.compare(stores)
    fresh = seewhy.compare(networks, photos, target="sheep")
    np.testing.assert_allclose(stored.correlations, fresh.correlations, atol=0.03)  # at the thumbnails' size
    np.testing.assert_allclose(stored.mismatched, fresh.mismatched, atol=0.03)
    assert [[p.name for p in row] for row in stored.predictions] == [[p.name for p in row] for row in fresh.predictions]
    assert stored.targets == fresh.targets == ["sheep"] * 4
    assert (stored.same_prediction == fresh.same_prediction).all()


def test_photos_that_were_labelled_anew(before: seewhy.Store, tmp_path: Path) -> None:
    cows = stored_answers(tmp_path / "cows", [("cow", "cow")] * 6, NAMES)
    result = seewhy.compare([before, cows])
    assert "3 photos have another label in each store: each answer is held against its own" in result.notes


def test_what_stores_do_not_take(before: seewhy.Store, after: seewhy.Store) -> None:
    for given in ({"photos": "photos"}, {"target": "cow"}, {"against": "cow"}, {"budget": 3}, {"masks": 3}):
        with pytest.raises(OptionError, match=f"^{next(iter(given))}=: the maps of a store are made already: leave it out"):
            seewhy.compare([before, after], **given)
    for clf in (before, [before], [before, seewhy.load("demo:honest")]):
        with pytest.raises(OptionError, match=r"Stores are compared with stores: write seewhy\.compare\("):
            seewhy.compare(clf)
    with pytest.raises(OptionError, match=r"of stores the maps of one method are compared"):
        seewhy.compare([before, after], method=["grad_cam", "lime"])
    with pytest.raises(OptionError, match=r"1 names for 2 stores: give one for each\."):
        seewhy.compare([before, after], names=["one"])
    with pytest.raises(OptionError, match=r"Which photos\? Write seewhy\.compare\(\[clf_a, clf_b\], photos\)"):
        seewhy.compare([seewhy.load("demo:honest")] * 2)


def test_ctrl_c_leaves_the_photos_that_are_done(before: seewhy.Store, after: seewhy.Store) -> None:
    def stop(done: int, total: int, partial: object) -> None:
        if done == 4:
            raise KeyboardInterrupt

    result = seewhy.compare([before, after], progress=stop)
    assert (result.partial, result.unreached, len(result)) == (True, 2, 4)
    assert result.notes[-1] == "interrupted after 4 of 6 photos"
    assert "both. On 4 of 6 photos: " in result.sentence


def test_an_edited_photo_is_compared_once(tmp_path: Path) -> None:
    red = seewhy.edits.Fill(box=(0, 0, 1, 1), colour=(1, 0, 0))
    answers = [("cow", "cow"), ("cow", "bear"), ("bear", "bear"), ("bear", "cow")]  # each photo as it is, and edited
    before = stored_answers(tmp_path / "before", answers, edits=(None, red))
    after = stored_answers(tmp_path / "after", answers, edits=(None, red))
    assert seewhy.compare([before, after]).names == ["0.png", "1.png"]
    alone = stored_answers(tmp_path / "alone", answers[::2])
    compared = seewhy.compare([before, alone])
    assert (compared.names, compared.change.only) == (["0.png", "1.png"], [[], []])
    chosen = seewhy.compare([before.where("number >= 0"), after.where("number >= 0")])
    assert chosen.names == ["0.png", "0.png", "1.png", "1.png"]
