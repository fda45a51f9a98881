"""Labels: classes of the network where all of them are, else groups of any name."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from seewhy.classes import ClassNames
from seewhy.errors import TargetError
from seewhy.features.folder import Source
from seewhy.features.labels import read_labels, sample

CLASSES = ClassNames(["red", "green", "blue"])


def sources(count: int) -> list[Source]:
    return [Source(i, None, f"{i}.jpg", Path(f"folder {i % 2}", f"{i}.jpg")) for i in range(count)]


@pytest.mark.parametrize(
    ("labels", "names", "indices"),
    [
        (["red", 1, None, np.int64(2), "BLUE"], ["red", "green", None, "blue", "blue"], [0, 1, None, 2, 2]),
        (np.array([0, 2]), ["red", "blue"], [0, 2]),
        (torch.tensor([1, 1]), ["green", "green"], [1, 1]),
        (["red", float("nan")], ["red", None], [0, None]),
        (["train", "test", None], ["train", "test", None], [None] * 3),
        ([7, 1, 7], ["7", "1", "7"], [None] * 3),
        (["red", "unsorted"], ["red", "unsorted"], [None] * 2),
        ([0.5, True], ["0.5", "True"], [None] * 2),
        ("folder", ["folder 0", "folder 1"], [None] * 2),
    ],
)
def test_classes_or_groups(labels: Any, names: list[str | None], indices: list[int | None]) -> None:
    result = read_labels(CLASSES, labels, sources(len(names)))
    assert (result.names, result.indices) == (names, indices)
    assert len(result.notes) == (1 if indices == [None] * len(names) else 0)


def test_a_slip_of_the_pen_is_named() -> None:
    assert read_labels(CLASSES, ["red", "gren"], sources(2)).notes == [
        "the labels are groups, not classes, and are not compared with the predictions: 'gren' of '1.jpg' is no class of the "
        "network. Did you mean 'green'?"
    ]


def test_another_number_of_labels() -> None:
    with pytest.raises(TargetError, match=r"^3 photos but 2 labels: give one label per photo, None where it is not known\.$"):
        read_labels(CLASSES, ["red", "red"], sources(3))


def test_a_sample_keeps_every_label_its_share() -> None:
    labels = ["a"] * 80 + ["b"] * 18 + ["c"] * 2
    indices = sample(labels, 100, 10)
    assert indices == sorted(set(indices))
    assert [[labels[i] for i in indices].count(name) for name in "abc"] == [8, 1, 1]
    assert sample(None, 10, 5) == [1, 3, 5, 7, 9]
    assert len(sample([None, "a", "b", "c", "d"], 5, 3)) == 3
    for most in range(1, 100, 7):
        assert len(set(sample(labels, 100, most))) == most
