from __future__ import annotations

import pytest

from seewhy.classes import ClassNames
from seewhy.errors import TargetError
from seewhy.label_classes import class_indices, known_indices, left_out_notes

CLASSES = ClassNames(["red", "green", "blue"])


def test_labels_that_are_no_classes_are_named_and_counted() -> None:
    names = [f"{i}.jpg" for i in range(6)]
    with pytest.raises(TargetError) as error:
        class_indices(CLASSES, ["red", "gren", "gren", None, 7, "gren"], "labels", names)
    assert str(error.value) == (
        "4 of 5 labels are no classes: 'gren' of 1.jpg and 2 more, 7 of 4.jpg. Did you mean 'green'? The classes are 'red', "
        "'green', 'blue'. Indices count from 0: 0 = red, 1 = green, 2 = blue."
    )
    with pytest.raises(TargetError) as error:
        class_indices(CLASSES, ["a", "b", "c", "d", 0], "predictions")
    assert str(error.value) == (
        "4 of 5 predictions are no classes: 'a' of photo 1, 'b' of photo 2, 'c' of photo 3 ... (4 such predictions). The classes "
        "are 'red', 'green', 'blue'."
    )
    with pytest.raises(TargetError, match=r"^1 of 2 labels is no class: True of photo 2\. The classes are"):
        class_indices(CLASSES, [1, True], "labels")
    with pytest.raises(TargetError, match=r"^2 classes are called 'crane': 0 and 1\. Say which one by its index: '#0'\.$"):
        class_indices(ClassNames(["crane", "crane"]), [0, "crane"], "labels")


def test_classes_are_quoted_beside_a_label_that_is_nearly_one_of_them() -> None:
    with pytest.raises(
        TargetError, match=r"^1 of 1 labels is no class: 'nor bear' of photo 1\. .* The classes are 'bear', 'not bear'\."
    ):
        class_indices(ClassNames(["bear", "not bear"]), ["nor bear"], "labels")


def test_digits_are_an_index_where_they_were_written() -> None:
    assert class_indices(CLASSES, ["2", "red", "#1"], "labels", written=True) == [2, 0, 1]
    assert class_indices(ClassNames(["3", "0"]), ["0", "3", "1"], "labels", written=True) == [1, 0, 1]
    with pytest.raises(TargetError, match=r"^1 of 1 labels is no class: '2' of photo 1"):
        class_indices(CLASSES, ["2"], "labels")


def test_labels_that_are_no_classes_are_left_out_by_name() -> None:
    labels = ["red", "Blues", "x", None, "Blues", 9, "RED"]
    (indices, unknown) = known_indices(CLASSES, labels, written=False)
    assert indices == [0, None, None, None, None, None, 0]
    assert unknown == {"'Blues'": [1, 4], "'x'": [2], "9": [5]}
    assert left_out_notes(CLASSES, labels, unknown) == [
        "2 photos of 'Blues' were left out: the network has no such class. Did you mean 'blue'?",
        "1 photo of 'x' was left out: the network has no such class",
        "1 photo of 9 was left out: the network has no such class",
    ]


def test_of_many_such_labels_the_most_frequent_are_named() -> None:
    labels = [f"{letter}{letter}" for letter in "abcdefg" for _ in range(2)] + ["gg"]
    notes = left_out_notes(CLASSES, labels, known_indices(CLASSES, labels, written=False)[1])
    assert len(notes) == 6
    assert notes[0] == "3 photos of 'gg' were left out: the network has no such class"
    assert notes[-1] == "4 photos of 2 other labels were left out: the network has no such classes"
