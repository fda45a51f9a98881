"""The confusion matrix: counted by hand, its shares, its cells, and how it is told and drawn."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import seewhy
from seewhy.confusion import Confusion
from seewhy.errors import ClassesError, OptionError, RecordError, TargetError
from seewhy.explanation.drawing import panels
from seewhy.records import Prediction

CLASSES = ["bear", "cow", "sheep"]
#          place: 0       1       2      3      4      5      6       7     8
LABELS = ["bear", "bear", "cow", "cow", "cow", "cow", "bear", None, "cow"]
CHOICES = ["bear", "cow", "cow", "bear", "bear", "cow", "bear", "cow", None]


@pytest.fixture
def three() -> Confusion:
    """Seven photos are counted: bears 2 right and 1 as a cow, cows 2 right and 2 as bears, no sheep."""
    return seewhy.confusion(LABELS, CHOICES, CLASSES)


def test_counted_by_hand(three: Confusion) -> None:
    assert three.matrix.dtype == np.int64
    assert three.matrix.tolist() == [[2, 1, 0], [2, 2, 0], [0, 0, 0]]
    assert three.classes == CLASSES
    assert (three.photos, three.right, three.accuracy) == (7, 4, 4 / 7)
    assert (three.unlabelled, three.unpredicted) == (1, 1)


def test_the_places_of_a_cell(three: Confusion) -> None:
    assert three.cell("cow", "bear") == [3, 4]
    assert three.cell(0, "COW") == [1]
    assert three.cell("cow", "cow") == [2, 5]
    assert three.cell("sheep", "bear") == []
    with pytest.raises(TargetError, match=r"^This network has no class 'wolf'"):
        three.cell("wolf", "bear")


def test_shares(three: Confusion) -> None:
    nan = math.nan
    assert three.normalised().dtype == np.float32
    np.testing.assert_allclose(three.normalised(), [[2 / 3, 1 / 3, 0], [0.5, 0.5, 0], [nan, nan, nan]], rtol=1e-6)
    np.testing.assert_allclose(three.normalised("predicted"), [[0.5, 1 / 3, nan], [0.5, 2 / 3, nan], [0, 0, nan]], rtol=1e-6)
    np.testing.assert_allclose(three.normalised("all"), np.array([[2, 1, 0], [2, 2, 0], [0, 0, 0]]) / 7, rtol=1e-6)
    for normalise in (three.normalised, three.plot):
        with pytest.raises(OptionError, match=r"^normalise='rows': write 'true', 'predicted' or 'all'\.$"):
            normalise("rows")


def test_class_by_class(three: Confusion) -> None:
    (bear, cow, sheep) = three.per_class()
    assert asdict(bear) == {
        "name": "bear", "index": 0, "support": 3, "predicted": 4, "right": 2, "recall": 2 / 3, "precision": 0.5, "f1": 4 / 7
    }  # fmt: skip
    assert (cow.support, cow.predicted, cow.recall, cow.precision, cow.f1) == (4, 3, 0.5, 2 / 3, 4 / 7)
    assert (sheep.support, sheep.predicted, sheep.right) == (0, 0, 0)
    assert all(math.isnan(value) for value in (sheep.recall, sheep.precision, sheep.f1))
    (a, b) = seewhy.confusion([0, 0], [1, 1], ["a", "b"]).per_class()  # never predicted, and no photo
    assert (a.recall, a.f1, b.precision, b.f1) == (0, 0, 0, 0)
    assert math.isnan(a.precision)
    assert math.isnan(b.recall)


def test_the_largest_confusions_come_first() -> None:
    labels = [0] * 10 + [1] * 4 + [2] * 2 + [3] * 2
    choices = [1] * 2 + [0] * 8 + [0] * 2 + [1] * 2 + [3] * 2 + [3, 0]
    result = seewhy.confusion(labels, choices, ["a", "b", "c", "d"])
    assert [str(cell) for cell in result.worst()] == [
        "c taken for d: 2 of 2 (100 %)",
        "b taken for a: 2 of 4 (50 %)",
        "a taken for b: 2 of 10 (20 %)",
        "d taken for a: 1 of 2 (50 %)",
    ]
    assert [(cell.true_index, cell.predicted_index, cell.count, cell.share) for cell in result.worst(2)] == [
        (2, 3, 2, 1.0),
        (1, 0, 2, 0.5),
    ]
    with pytest.raises(OptionError, match=r"^k=0: write a whole number above 0"):
        result.worst(0)
    assert seewhy.confusion([1], [1], ["a", "b"]).worst() == []


@pytest.mark.parametrize(
    ("labels", "predictions"),
    [
        ([0, 1, 1], [0, 1, 0]),
        (np.array([0, 1, 1]), torch.tensor([0, 1, 0])),
        (np.array([0.0, 1.0, 1.0, np.nan]), np.array([0, 1, 0, 1], np.uint8)),
        (["yes", "No", 1], ["yes", "no", "yes"]),
        (["yes", "no", "no"], [[Prediction("yes", 0, 0.9), Prediction("no", 1, 0.1)], Prediction("no", 1, 0.8), 0]),
    ],
)
def test_labels_in_many_forms(labels: Any, predictions: Any) -> None:
    assert seewhy.confusion(labels, predictions, ["yes", "no"]).matrix.tolist() == [[1, 0], [1, 1]]


def test_one_class() -> None:
    result = seewhy.confusion([0, 0], ["only", 0], ["only"])
    assert (result.matrix.tolist(), result.accuracy, result.worst()) == ([[2]], 1.0, [])
    assert result.normalised("all").tolist() == [[1.0]]
    assert [text.get_text() for text in result.plot("all").axes[0].texts] == ["100 %", "2"]


def test_classes_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "classes.txt").write_text("n02132136 brown bear, bruin\nn01887787 cow\n")
    result = seewhy.confusion(["bruin", "n01887787"], ["cow", "cow"], tmp_path / "classes.txt")
    assert (result.classes, result.matrix.tolist()) == (["brown bear", "cow"], [[0, 1], [0, 1]])


@pytest.mark.parametrize(
    ("arguments", "kind", "message"),
    [
        ((["bear"], ["bear", "cow"], CLASSES), TargetError,
         "1 labels but 2 predictions: give one of each per photo, in the same order."),
        (([], [], CLASSES), TargetError, "There are no photos: labels and predictions are empty."),
        (([None, "cow"], ["cow", None], CLASSES), TargetError,
         "None of the 2 photos has both a label and a prediction: there is nothing to compare."),
        ((["bear", "wolf", "wolf"], ["bear", "cow", "cow"], CLASSES), TargetError,
         "2 of 3 labels are no classes: 'wolf' of photo 2 and 1 more. The classes are 'bear', 'cow', 'sheep'."),
        ((["bear"], ["ber"], CLASSES), TargetError,
         "1 of 1 predictions is no class: 'ber' of photo 1. Did you mean 'bear'? The classes are 'bear', 'cow', 'sheep'."),
        ((["bear"], np.zeros((1, 3)), CLASSES), TargetError,
         "The predictions have the shape (1, 3): give one class per photo (of scores, scores.argmax(axis=1))."),
        ((["bear"] * 2, [np.zeros((240, 320, 3), np.uint8)] * 2, CLASSES), TargetError,
         "The predictions hold no classes but ndarray of shape (240, 320, 3): for photos write clf.classify(photos), for scores "
         "their argmax."),
        ((["bear"] * 2, np.zeros((2, 24, 32, 3), np.uint8), CLASSES), TargetError,
         "The predictions hold no classes but ndarray of shape (2, 24, 32, 3): for photos write clf.classify(photos), for scores "
         "their argmax."),
        ((["bear"] * 2, [torch.zeros(1000)] * 2, CLASSES), TargetError,
         "The predictions hold no classes but Tensor of shape (1000,): for photos write clf.classify(photos), for scores their "
         "argmax."),
        (([Image.new("RGB", (9, 9))], ["bear"], CLASSES), TargetError,
         "The labels hold no classes but Image: give each photo's class, its name or its index."),
        (([b"photo"], ["bear"], CLASSES), TargetError,
         "The labels hold no classes but bytes: give each photo's class, its name or its index."),
        (("folders", ["bear"], CLASSES), TargetError, "labels='folders': give a list with one class per photo."),
        ((["bear"], ["bear"], []), ClassesError, "The class list is empty: it needs one name per class."),
    ],
)  # fmt: skip
def test_mistakes(arguments: tuple[Any, Any, Any], kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^{re.escape(message)}$"):
        seewhy.confusion(*arguments)


def test_labels_and_predictions_that_are_swapped_are_named_in_one_line() -> None:
    predictions = [[seewhy.Prediction("bear", 0, 0.9)], None]
    message = "Labels and predictions are swapped: write seewhy.confusion(labels, predictions, clf.classes)."
    for labels in (predictions, [seewhy.Prediction("bear", 0, 0.9), None]):
        with pytest.raises(TargetError, match=f"^{re.escape(message)}$"):
            seewhy.confusion(labels, ["bear", "cow"], ["bear", "cow"])


def test_roles_stand_below_the_maps_of_their_classes() -> None:
    clf = seewhy.load("demo:honest")
    result = seewhy.confusion(["cow"], ["bear"], clf.classes)
    photo = seewhy.demo.scenes(1, seed=2)[0].photo
    e = result.with_roles(seewhy.explain(clf, photo, target=["bear", "sheep", "cow"]), "cow", "bear")
    assert [(str(note), note.target) for note in e.notes[:2]] == [("taken for: bear", 0), ("true: cow", 2)]
    captions = [panel.caption for panel in panels(e)]
    assert "Taken for: bear." in captions[1]
    assert "Taken for" not in captions[2]
    assert "True: cow." in captions[3]
    right = result.with_roles(seewhy.explain(clf, photo, target="cow"), "cow", "cow")
    assert right.notes[0] == "true: cow"


# -- as text and files --------------------------------------------------------------------------------------------------


def test_as_text(three: Confusion) -> None:
    assert str(three) == (
        "4 of 7 photos right (57 %). Left out: 1 without a label and 1 without a prediction.\n"
        "\n"
        "class  photos  right  recall  precision    F1\n"
        "bear        3      2    67 %       50 %  57 %\n"
        "cow         4      2    50 %       67 %  57 %\n"
        "1 other class has no photo, and none was taken for one.\n"
        "\n"
        "The confusions:\n"
        "  cow taken for bear: 2 of 4 (50 %)\n"
        "  bear taken for cow: 1 of 3 (33 %)"
    )
    assert repr(three) == "<Confusion of 3 classes: 4 of 7 photos right>"
    right = seewhy.confusion([0, 1], [0, 1], ["a", "b"])
    assert str(right).splitlines()[0] == "2 of 2 photos right (100 %)."
    assert "confusion" not in str(right)


def many(count: int = 1000) -> Confusion:
    """Class i has three photos; of the first 40 classes one photo is taken for the next class, of class 7 two."""
    labels = [i for i in range(count) for _ in range(3)]
    choices = [i + 1 if i < 40 and (photo == 0 or (i == 7 and photo == 1)) else i for i in range(count) for photo in range(3)]
    return seewhy.confusion(labels, choices, [f"class number {i} of a thousand" for i in range(count)])


def test_of_many_classes_the_text_lists_the_worst() -> None:
    lines = str(many()).splitlines()
    assert lines[0] == "2,959 of 3,000 photos right (99 %)."
    assert len(lines) < 45
    assert lines[3].startswith("class number 7 of a thousand")
    assert "The 25 of 1,000 classes with photos that have the lowest recall." in lines
    assert lines[-11:-8] == [
        "The largest confusions:",
        "  class number 7 of a thousand taken for class number 8 of a thousand: 2 of 3 (67 %)",
        "  class number 0 of a thousand taken for class number 1 of a thousand: 1 of 3 (33 %)",
    ]


def few_of_many() -> Confusion:
    """Of 40 classes the first 30 have two photos each; one photo of the first ten is taken for a class that has none."""
    labels = [i for i in range(30) for _ in range(2)]
    choices = [30 + i // 3 if i < 10 and photo == 0 else i for i in range(30) for photo in range(2)]
    return seewhy.confusion(labels, choices, [f"c{i}" for i in range(40)])


def test_classes_without_a_photo_stand_in_one_line() -> None:
    result = few_of_many()
    (head, *rows) = result.rows()
    assert head[3] == "recall"
    assert [row[0] for row in rows] == [f"c{i}" for i in range(25)]
    assert rows[9] == ["c9", "2", "1", "50 %", "100 %", "67 %"]
    assert rows[10] == ["c10", "2", "2", "100 %", "100 %", "100 %"]
    assert str(result).splitlines()[28:31] == [
        "The 25 of 30 classes with photos that have the lowest recall.",
        "Also said, though there is no such photo: c30 (3), c31 (3), c32 (3), c33 (1).",
        "6 other classes have no photo, and none was taken for one.",
    ]


def test_the_picture_of_many_has_no_rows_without_photos() -> None:
    figure = few_of_many().plot()
    (rows, columns) = names(figure)
    assert rows == [*(f"c{i} (2)" for i in range(10)), "26 others (40)"]
    assert columns == [*(f"c{i} (1)" for i in range(10)), "c30 (3)", "c31 (3)", "c32 (3)", "c33 (1)", "26 others (40)"]
    texts = cells(figure, 15)
    assert texts[4] == ["", "", "", "", "1", "", "", "", "", "", "", "1", "", "", ""]
    assert [place for place, text in enumerate(texts[9]) if text] == [9, 13]
    assert "4 of those shown have no photo, and no row." in figure.texts[3].get_text().replace("\n", " ")
    pixels = figure.axes[0].images[0].get_array()
    assert pixels.shape[:2] == (11, 15)
    assert pixels[9, 9][2] > pixels[9, 9][0] + 60  # blue: right
    assert pixels[9, 13][0] > pixels[9, 13][2] + 60  # orange: wrong


def test_saved_as_numbers(three: Confusion, tmp_path: Path) -> None:
    record = json.loads(three.save(tmp_path / "a.json", normalise="true").read_text())
    assert record["matrix"] == [[2, 1, 0], [2, 2, 0], [0, 0, 0]]
    assert record["classes"] == CLASSES
    assert record["shares"] == {"of": "true", "matrix": [[2 / 3, 1 / 3, 0], [0.5, 0.5, 0], [None] * 3]}
    assert record["per_class"][2]["recall"] is None
    assert record["confusions"][0] == {
        "true": "cow", "predicted": "bear", "true_index": 1, "predicted_index": 0, "count": 2, "support": 4, "share": 0.5
    }  # fmt: skip
    assert (record["counted"], record["right"], record["unlabelled"], record["unpredicted"]) == (7, 4, 1, 1)
    with three.save(tmp_path / "a.csv").open(newline="") as file:
        assert list(csv.reader(file)) == [
            ["true \\ predicted", "bear", "cow", "sheep"],
            ["bear", "2", "1", "0"],
            ["cow", "2", "2", "0"],
            ["sheep", "0", "0", "0"],
        ]
    with three.save(tmp_path / "a.csv", normalise="predicted").open(newline="") as file:
        assert list(csv.reader(file))[1:] == [["bear", "0.500000", "0.333333", ""], ["cow", "0.500000", "0.666667", ""],
                                              ["sheep", "0.000000", "0.000000", ""]]  # fmt: skip
    with pytest.raises(RecordError, match=r"^'a\.html' cannot be written: '\.html' is not one of \.png"):
        three.save(tmp_path / "a.html")


# -- as a picture -------------------------------------------------------------------------------------------------------


def cells(figure: Any, columns: int) -> list[list[str]]:
    """The large texts, row by row."""
    texts: dict[tuple[int, int], str] = {}
    for text in figure.axes[0].texts:
        (x, y) = text.get_position()
        texts.setdefault((round(y), round(x)), text.get_text())
    return [[texts.get((row, column), "") for column in range(columns)] for row in range(columns)]


def names(figure: Any) -> tuple[list[str], list[str]]:
    axes = figure.axes[0]
    return [text.get_text() for text in axes.get_yticklabels()], [text.get_text() for text in axes.get_xticklabels()]


def test_the_picture_shows_the_counts(three: Confusion, tmp_path: Path) -> None:
    figure = three.plot()
    assert cells(figure, 3) == [["2", "1", "0"], ["2", "2", "0"], ["", "", ""]]  # there is no sheep
    assert names(figure) == (["bear (3)", "cow (4)", "sheep (0)"], ["bear (4)", "cow (3)", "sheep (0)"])
    (predicted, true, title, caption) = [text.get_text() for text in figure.texts]
    assert (true, predicted, title) == ("true", "predicted", "4 of 7 photos right (57 %)")
    assert caption.replace("\n", " ") == (
        "Blue: right. Orange: wrong. Darker: a larger share of the true class's photos. In brackets: how many photos. Left out: "
        "1 without a label and 1 without a prediction."
    )
    assert three.plot(footer="a network").texts[3].get_text() == f"{caption}\na network"
    assert min(three.image().size) > 400
    assert three.save(tmp_path / "a.png").stat().st_size > 5_000
    assert three.save(tmp_path / "a.svg").read_bytes() == three.save(tmp_path / "b.svg").read_bytes()


def test_the_picture_shows_shares_above_the_counts(three: Confusion) -> None:
    assert cells(three.plot("true"), 3) == [["67 %", "33 %", "0"], ["50 %", "50 %", "0"], ["", "", ""]]
    assert cells(three.plot("predicted"), 3) == [["50 %", "33 %", ""], ["50 %", "67 %", ""], ["0", "0", ""]]
    assert cells(three.plot("all"), 3)[0] == ["29 %", "14 %", "0"]
    texts = [text.get_text() for text in three.plot("true").axes[0].texts]
    assert texts[:4] == ["67 %", "2", "33 %", "1"]
    rare = seewhy.confusion([0] * 300 + [1], [1] + [0] * 299 + [1], ["a", "b"])
    assert cells(rare.plot("true"), 2) == [["99.7 %", "<1 %"], ["0", "100 %"]]


def test_blue_is_right_and_orange_is_wrong(three: Confusion) -> None:
    pixels = three.plot().axes[0].images[0].get_array()
    (right, wrong, nothing, absent) = (pixels[0, 0], pixels[0, 1], pixels[0, 2], pixels[2, 0])
    assert right[2] > right[0] + 60
    assert wrong[0] > wrong[2] + 60
    assert nothing.tolist() == [255, 255, 255]
    assert absent.tolist() == [0xF1, 0xEF, 0xEC]
    assert int(pixels[0, 0].sum()) < int(pixels[1, 1].sum())  # 67 % is darker than 50 %


def test_of_many_classes_the_picture_shows_the_most_confused() -> None:
    result = many()
    figure = result.plot()
    (rows, columns) = names(figure)
    assert len(rows) == len(columns) <= 26
    assert rows[0] == "class number 0 of a thous… (3)"
    assert rows[-1] == f"{1001 - len(rows)} others ({3 * (1001 - len(rows)):,})"
    assert any("number 7" in name for name in rows)
    texts = cells(figure, len(columns))
    place = next(i for i, name in enumerate(rows) if "number 7 " in name)
    assert texts[place][place - 1 : place + 3] == ["", "1", "2", ""]  # zeros would crowd the picture
    assert texts[-1][-1] == ""  # right ones and wrong ones
    caption = figure.texts[3].get_text().replace("\n", " ")
    assert f"{len(rows) - 1} of 1,000 classes are shown, those that take part in the largest confusions" in caption
    assert max(result.image().size) < 2600
    sums = sum(int(text.replace(",", "") or 0) for row in texts for text in row)
    corner = int(rows[-1].split("(")[1].strip(")").replace(",", "")) - sum(int(text or 0) for text in texts[-1])
    assert sums + corner == 3000  # nothing is lost


def test_of_many_classes_that_are_all_right_those_with_most_photos_are_drawn() -> None:
    labels = [i for i in range(40) for _ in range(i + 1)]
    figure = seewhy.confusion(labels, labels, [f"c{i}" for i in range(40)]).plot("all")
    assert names(figure)[0] == [*(f"c{i} ({i + 1})" for i in range(15, 40)), "15 others (120)"]
    assert "25 of 40 classes are shown, those with the most photos" in figure.texts[3].get_text().replace("\n", " ")


def test_odd_names_stand_as_they_are() -> None:
    figure = seewhy.confusion([0, 1], [1, 1], ["$x^2", "<b>&"]).plot()
    assert names(figure)[0] == ["$x^2 (1)", "<b>& (1)"]
    from seewhy.show.figures import render

    assert np.asarray(render(figure)).std() > 5


def test_in_a_notebook() -> None:
    html = seewhy.confusion(["<b>", "cow", "cow"], ["cow", "cow", None], ["<b>", "cow", "sheep"])._repr_html_()
    assert html.count('<img src="data:image/png;base64,') == 1
    assert "&lt;b&gt;" in html
    assert "<b>" not in html
    assert "The largest confusion: &lt;b&gt; taken for cow: 1 of 1 (100 %)." in html
    assert re.findall(r'<td style="text-align: (\w+);[^>]*>([^<]*)</td>', html)[:6] == [
        ("left", "&lt;b&gt;"), ("right", "1"), ("right", "0"), ("right", "0 %"), ("right", "–"), ("right", "0 %")
    ]  # fmt: skip
