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
from seewhy.features.labels import classes_or_groups, sample

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
        ("folders", ["folder 0", "folder 1"], [None] * 2),
        ([1.0, None, float("nan")], ["green", None, None], [1, None, None]),  # as a table with gaps gives indices
    ],
)
def test_classes_or_groups(labels: Any, names: list[str | None], indices: list[int | None]) -> None:
    result = classes_or_groups(CLASSES, labels, sources(len(names)))
    assert (result.names, result.indices) == (names, indices)
    assert len(result.notes) == (1 if indices == [None] * len(names) else 0)


def test_a_slip_of_the_pen_is_named() -> None:
    assert classes_or_groups(CLASSES, ["red", "gren"], sources(2)).notes == [
        "the labels are groups, not classes, and are not compared with the predictions: 'gren' of '1.jpg' is no class of the "
        "network. Did you mean 'green'?"
    ]


def test_another_number_of_labels() -> None:
    with pytest.raises(TargetError, match=r"^3 photos but 2 labels: give one label per photo, None where it is not known\.$"):
        classes_or_groups(CLASSES, ["red", "red"], sources(3))


@pytest.mark.parametrize(
    ("lines", "names", "indices"),
    [
        (["red", "0", "#2", ""], ["red", "red", "blue", None], [0, 0, 2, None]),
        (["1", "2", "03", "1"], ["1", "2", "03", "1"], [None] * 4),  # there is no class 3: these are cameras
        (["1", "2", "east", "1"], ["1", "2", "east", "1"], [None] * 4),
    ],
)
def test_digits_of_a_file_are_indices_where_all_are_classes(
    tmp_path: Path, lines: list[str], names: list[str | None], indices: list[int | None]
) -> None:
    (tmp_path / "labels.txt").write_text("\n".join(lines) + "\n")
    result = classes_or_groups(CLASSES, tmp_path / "labels.txt", sources(4))
    assert (result.names, result.indices) == (names, indices)


def test_a_file_that_fits_in_part_is_noted(tmp_path: Path) -> None:
    file = tmp_path / "labels.csv"
    file.write_text("photo,label\n0.jpg,red\n7.jpg,blue\n")
    result = classes_or_groups(CLASSES, file, sources(2))
    assert (result.names, result.indices) == (["red", None], [0, None])
    assert result.notes == [
        f"'{file}' has no label for 1 of 2 photos: 1.jpg",
        f"1 entry of '{file}' is not among the photos: 7.jpg",
    ]


def test_a_sample_keeps_every_label_its_share() -> None:
    labels = ["a"] * 80 + ["b"] * 18 + ["c"] * 2
    indices = sample(labels, 100, 10)
    assert indices == sorted(set(indices))
    assert [[labels[i] for i in indices].count(name) for name in "abc"] == [8, 1, 1]
    assert sample(None, 10, 5) == [1, 3, 5, 7, 9]
    assert len(sample([None, "a", "b", "c", "d"], 5, 3)) == 3
    for most in range(1, 100, 7):
        assert len(set(sample(labels, 100, most))) == most
