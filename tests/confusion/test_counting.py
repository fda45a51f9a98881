"""Labels and predictions that a store has."""

from __future__ import annotations

from pathlib import Path

import pytest
from stores import stored_answers

import seewhy
from seewhy.edits import Fill
from seewhy.errors import OptionError, TargetError

RED = Fill(box=(0, 0, 1, 1), colour=(1, 0, 0))
ANSWERS = [("cow", "cow"), ("cow", "bear"), ("bear", "bear"), (None, "bear"), ("cow", "bear"), ("sheep", "sheep")]


def test_a_store_is_counted_as_the_lists_are(tmp_path: Path) -> None:
    store = stored_answers(tmp_path / "store", ANSWERS)
    counted = seewhy.confusion(store)
    by_hand = seewhy.confusion(*zip(*ANSWERS, strict=True), store.classes)
    assert counted.matrix.tolist() == by_hand.matrix.tolist() == [[1, 0, 0], [2, 1, 0], [0, 0, 1]]
    assert (counted.classes, counted.unlabelled, str(counted)) == (["bear", "cow", "sheep"], 1, str(by_hand))
    places = counted.cell("cow", "bear")
    assert places == [1, 4]
    assert store.where("label = cow and predicted = bear").to_pandas()["number"].tolist() == places
    assert seewhy.confusion(store.where("wrong")).matrix.sum() == 2


def test_what_has_no_labels_or_too_many_words(tmp_path: Path) -> None:
    store = stored_answers(tmp_path / "store", [(None, "cow")] * 3)
    with pytest.raises(TargetError) as refused:
        seewhy.confusion(store)
    assert str(refused.value) == (
        f"The store '{store.path}' has no labels: they are given when it is made, as in labels='folders'."
    )
    with pytest.raises(OptionError, match="A store brings its labels, predictions and classes: write"):
        seewhy.confusion(store, ["cow"] * 3)
    with pytest.raises(OptionError, match=r"Write seewhy\.confusion\(labels, predictions, clf\.classes\), or"):
        seewhy.confusion(["cow"])
    with pytest.raises(TargetError, match="There are no photos"):
        seewhy.confusion(store.where("wrong"))


def test_an_edited_photo_is_counted_once(tmp_path: Path) -> None:
    store = stored_answers(
        tmp_path / "store", [pair for answer in ANSWERS for pair in (answer, ("cow", "sheep"))], edits=(None, RED)
    )
    counted = seewhy.confusion(store)
    assert counted.matrix.tolist() == [[1, 0, 0], [2, 1, 0], [0, 0, 1]]
    assert (counted.photos, counted.unlabelled) == (5, 1)
    assert counted.cell("cow", "bear") == [2, 8]  # of the store's rows
    assert [store[place].predictions[0].name for place in counted.cell("cow", "bear")] == ["bear", "bear"]
    assert seewhy.confusion(store.where("edit is not null")).matrix.tolist() == [[0, 0, 0], [0, 0, 6], [0, 0, 0]]
