"""Photos as points: neighbours, groups and their purity by hand."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from embeddings import made

from seewhy.errors import OptionError, TargetError
from seewhy.features.embedding import ranked


def test_neighbours_by_hand() -> None:
    embedding = made([[0, 0], [3, 4], [1, 0], [0, 0]], labels=[0, 1, 1, 0])
    assert embedding.neighbours(0, 2) == [(3, 0.0), (2, 1.0)]
    assert embedding.neighbours(1, 9) == [(2, pytest.approx(20**0.5)), (0, 5.0), (3, 5.0)]
    assert embedding.neighbours(0, 1, "pixels") == [(1, 0.0)]
    assert embedding.nearest(1, "features")[0] == 3
    # Of 0 and 3 the nearest is the other; of 1 it is 2; of 2 it is 0 or 3, of another class.
    assert embedding.purity(1) == 0.75
    assert made([[0, 0], [1, 0], [9, 9]], labels=[0, 0, None]).purity(1) == 1.0
    assert made([[0, 0], [1, 0], [9, 9]], predictions=[0, 0, 1]).purity(1) == pytest.approx(2 / 3)
    with pytest.raises(OptionError, match="numbered 0 to 3"):
        embedding.neighbours(4)
    with pytest.raises(OptionError, match="space='time'"):
        embedding.purity(space="time")


def test_groups_and_what_is_wrong() -> None:
    points = np.zeros((4, 2))
    labelled = made(points, labels=[0, 1, None, 2], predictions=[0, 2, 1, 2])
    assert labelled.wrong.tolist() == [False, True, False, False]
    assert labelled.groups == ["class 0", "class 1", None, "class 2"]
    assert (labelled.labelled, labelled.compared, labelled.grouped) == (True, True, False)
    assert repr(labelled) == "<Embedding tsne of 4 photos at relu: 1 misclassified>"
    bare = made(points, predictions=[0, 2, 1, 2])
    assert bare.groups == ["class 0", "class 2", "class 1", "class 2"]
    assert (bare.labelled, bare.compared, bare.wrong.any()) == (False, False, False)
    assert repr(bare) == "<Embedding tsne of 4 photos at relu: no labels>"


def test_ranked_from_the_most_frequent() -> None:
    assert ranked(["b", "a", None, "a", "c", "b", "a"]) == ["a", "b", "c"]
    assert ranked([None]) == []


def test_the_record_has_a_line_for_each_photo() -> None:
    embedding = replace(made(np.zeros((2, 2)), [0, 1], [0, 2]), skipped=[("x.jpg", "broken")], seed=7)
    record = json.loads(json.dumps(embedding.record()))
    assert record["photos"] == [
        {"name": "0.jpg", "number": 0, "label": "class 0", "prediction": "class 0", "score": 0.5},
        {"name": "1.jpg", "number": 1, "label": "class 1", "prediction": "class 2", "score": 0.5},
    ]
    assert record["skipped"] == [{"photo": "x.jpg", "reason": "broken"}]
    assert (record["method"], record["layer"], record["seed"]) == ("tsne", "relu", 7)


def test_purity_wants_labels() -> None:
    with pytest.raises(TargetError, match=r"^Purity needs at least two photos whose label is known\.$"):
        made(np.zeros((3, 2)), labels=[0, None, None]).purity()
