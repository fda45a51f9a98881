"""What is made of a comparison: sentences, tables, pages, pictures."""

from __future__ import annotations

import csv
import json
import sys
import weakref
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seewhy
from seewhy.compare import Comparison
from seewhy.compare.comparison import checked_columns
from seewhy.compare.drawing import comparison_panels, comparison_provenance
from seewhy.compare.likeness import matched_correlations, mismatched_correlations
from seewhy.formatting import format_correlation
from seewhy.show import Panel


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    networks = [seewhy.load("demo:honest"), seewhy.load("demo:shortcut")]
    return seewhy.compare(networks, [scene.photo for scene in seewhy.demo.scenes(4, logo=True, seed=2)], relu=False)


def first_photo(comparison: Comparison) -> Comparison:
    """The comparison of the first photo alone, called a.png."""
    return replace(
        comparison,
        explanations=comparison.explanations[:1],
        predictions=comparison.predictions[:1],
        correlations=comparison.correlations[:1],
        targets=comparison.targets[:1],
        names=["a.png"],
    )


def test_the_sentence_names_both_numbers(comparison: Comparison) -> None:
    assert comparison.sentence.startswith("On 4 photos: demo:honest and demo:shortcut give the same answer on ")
    assert "have maps with a rank correlation of" in comparison.sentence


def test_photos_whose_maps_are_least_alike_come_first(comparison: Comparison) -> None:
    likenesses = [comparison.likeness(number) for number in comparison.order()]
    assert likenesses == sorted(likenesses)
    assert likenesses[0] == pytest.approx(float(comparison.correlations[:, 0, 1].min()))


def test_it_is_saved_as_a_page_a_table_numbers_and_a_picture(comparison: Comparison, tmp_path: Path) -> None:
    page = comparison.save(tmp_path / "c.html").read_text()
    assert page.count("Orange and yellow: more in demo:honest. Blue: more in demo:shortcut.") == 4  # one picture for each photo
    assert "Likeness of the maps" in page
    with open(comparison.save(tmp_path / "c.csv")) as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["photo", "explained", "demo:honest", "demo:shortcut", "likeness of the maps"]
    assert len(rows) == 5
    record = json.loads(comparison.save(tmp_path / "c.json").read_text())
    np.testing.assert_allclose(record["agreement"], comparison.agreement, rtol=1e-6)
    assert len(record["photos"]) == 4
    with Image.open(comparison.save(tmp_path / "c.png")) as picture:
        assert picture.width > 800


def test_a_page_has_the_pictures_of_few_photos_in_memory(comparison: Comparison, monkeypatch: pytest.MonkeyPatch) -> None:
    pictures: list[weakref.ref[Panel]] = []
    alive: list[int] = []

    def watched(*arguments: object) -> list[Panel]:
        alive.append(sum(picture() is not None for picture in pictures))
        panels = comparison_panels(*arguments)
        pictures.extend(map(weakref.ref, panels))
        return panels

    monkeypatch.setattr(sys.modules[Comparison.__module__], "comparison_panels", watched)
    assert comparison.page().count("<h2>") == 5
    assert len(pictures) == 16
    assert max(alive) <= 4  # of four photos with four pictures each, those of the photo before


def test_a_picture_of_one_photo_says_that_there_are_more(comparison: Comparison, tmp_path: Path) -> None:
    said = "the 1 of 4 photos whose maps are least alike; .html holds all"
    assert comparison.shown_in("c.png") == comparison.shown_in(tmp_path / "c.SVG") == said
    assert comparison.shown_in("c.html") == comparison.shown_in("c.csv") == ""
    svg = comparison.save(tmp_path / "c.svg").read_text()
    assert f"<!-- T{said[1:]}. -->" in svg
    assert f"<!-- photo {comparison.order()[0] + 1}: " in svg
    one = first_photo(comparison)
    assert one.shown_in("c.png") == ""


def test_pictures_stay_narrow(comparison: Comparison) -> None:
    assert 900 < 150 * comparison.plot().get_size_inches()[0] < 1800


def test_correlations_are_for_people(comparison: Comparison) -> None:
    correlations = np.zeros_like(comparison.correlations)
    correlations[0, 0, 1] = correlations[0, 1, 0] = -0.000985
    result = replace(comparison, correlations=correlations)
    assert "have maps with a rank correlation of 0.00 (" in result.sentence
    assert result.sentence.endswith(" (1: the same order of places, 0: nothing in common, −1: the opposite order).")
    assert [row[-1] for row in result.table()] == ["likeness of the maps", "0.00", "0.00", "0.00", "0.00"]


def test_of_one_photo_no_shares_are_told(comparison: Comparison) -> None:
    one = first_photo(comparison)
    (first, second) = one.predictions[0]
    answer = "give the same answer" if first.name == second.name else "give different answers"
    assert one.sentence.startswith(f"demo:honest and demo:shortcut {answer}, and have maps")
    two = replace(one, skipped=[("b.png", "broken")])
    assert two.sentence.startswith(f"On 1 of 2 photos: demo:honest and demo:shortcut {answer}, and")
    assert replace(two, unreached=3).sentence.startswith("On 1 of 5 photos: ")


def test_maps_of_no_common_class_have_no_likeness(comparison: Comparison) -> None:
    rows = [[row[0], None] for row in comparison.explanations]
    result = replace(comparison, explanations=rows, correlations=np.full((4, 2, 2), np.nan, np.float32))
    assert "of them, and have no map of the same class." in result.sentence
    assert {row[-1] for row in result.table()[1:]} == {"–"}


def with_empty_maps(comparison: Comparison, photos: int) -> Comparison:
    """The first photos' maps by the second network are the same everywhere."""
    rows = [
        [row[0], replace(row[1], maps=np.ones_like(row[1].maps)) if number < photos else row[1]]
        for number, row in enumerate(comparison.explanations)
    ]
    return replace(comparison, explanations=rows, correlations=np.stack([matched_correlations(row) for row in rows]))


def test_empty_maps_are_counted_and_left_out_of_means(comparison: Comparison, tmp_path: Path) -> None:
    result = with_empty_maps(comparison, 3)
    assert result.empty.tolist() == [[False, True]] * 3 + [[False, False]]
    assert result.agreement[0, 1] == pytest.approx(float(comparison.correlations[3, 0, 1]))
    assert np.isnan(result.likeness(0))
    assert result.order() == [3, 0, 1, 2]
    sentence = "An empty map (the same everywhere) has no rank correlation: demo:shortcut has one on 3 of 4 photos."
    assert result.sentence.endswith(f"the opposite order). {sentence}")
    note = "demo:shortcut: the map is empty, the same everywhere, and has no rank correlation"
    assert note in result.notes_of(0)
    assert result.notes_of(3) == []
    assert sentence in result.page()
    assert f"<!-- {sentence} -->" in result.save(tmp_path / "c.svg").read_text()
    (heads, first, *_, last) = csv.reader(result.save(tmp_path / "c.csv").read_text().splitlines())
    assert heads[-2:] == ["likeness of the maps", "notes"]
    assert first[-2] == "–"
    assert f"{note}." in first[-1]
    assert last[-1] == ""
    photos = result.record()["photos"]
    assert [photo["empty"] for photo in photos] == result.empty.tolist()
    assert photos[0]["correlations"] == [[1, None], [None, None]]
    assert note in photos[0]["notes"]


def test_with_empty_maps_alone_there_is_nothing_to_explain(comparison: Comparison) -> None:
    assert with_empty_maps(comparison, 4).sentence.endswith(
        "of them, and have no two maps to compare. An empty map (the same everywhere) has no rank correlation: demo:shortcut has "
        "one on 4 of 4 photos."
    )
    assert with_empty_maps(first_photo(comparison), 1).sentence.endswith("no rank correlation: demo:shortcut has one.")


def test_what_is_known_of_a_map_stands_in_picture_page_table_and_numbers(tmp_path: Path) -> None:
    photo = seewhy.demo.scenes(1, seed=2)[0].photo
    result = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "rise"], budget=30)
    (note,) = result.explanations[0][1].notes
    assert note.startswith("stopped by the budget after 29 of 2,000 masks: standard error ")
    assert result.notes_of(0) == [f"rise: {note}"]
    assert f"<!-- rise: {note}. -->" in result.save(tmp_path / "c.svg").read_text()
    assert f"<p>rise: {note}.</p>" in result.page()
    assert result.table()[1][-1] == f"rise: {note}."
    (record,) = result.record()["photos"]
    assert (record["partial"], record["empty"], record["notes"]) == ([False, True], [False, False], [f"rise: {note}"])


def test_a_picture_has_the_file_s_name_and_says_how_it_was_made(comparison: Comparison, tmp_path: Path) -> None:
    one = replace(first_photo(comparison), names=["some/folder/a.png"])
    svg = one.save(tmp_path / "c.svg").read_text()
    assert "<!-- a.png: " in svg
    assert "some/folder" not in svg
    preprocessing = one.explanations[0][0].photo.preprocessing
    line = f"demo:honest; demo:shortcut  ·  grad_cam block4 12×16  ·  {preprocessing}"
    assert comparison_provenance(one.explanations[0]) == line
    assert f"<!-- {line} -->" in svg
    assert f"<p>{line}</p>" in one.page()
    assert "some/folder/a.png" in one.page()
    assert one.table()[1][0] == one.record()["photos"][0]["photo"] == "some/folder/a.png"


def test_predictions_are_compared_on_all_photos(comparison: Comparison) -> None:
    """Also on those whose class one of the networks does not know."""
    choices = [["bear", "bear"], ["bear", "cow"], ["cow", "bear"], ["cow", "sheep"]]
    predictions = [[seewhy.Prediction(name, 0, 0.5) for name in row] for row in choices]
    rows = [[row[0], None if number else row[1]] for number, row in enumerate(comparison.explanations)]
    result = replace(comparison, explanations=rows, predictions=predictions)
    np.testing.assert_array_equal(result.same_prediction, [[1, 0.25], [0.25, 1]])
    assert result.sentence.startswith("On 4 photos: demo:honest and demo:shortcut give the same answer on 25 % of them, and")
    assert [row[3] for row in result.table()[1:3]] == ["bear (0.50)", "cow (0.50), class unknown"]
    assert [prediction["name"] for prediction in result.record()["photos"][3]["predictions"]] == ["cow", "sheep"]


def test_maps_of_different_photos_stand_beside_those_of_the_same(comparison: Comparison) -> None:
    expected = mismatched_correlations(comparison.explanations)
    np.testing.assert_array_equal(comparison.mismatched, expected)
    (same, different) = (format_correlation(float(matrix[0, 1])) for matrix in (comparison.agreement, expected))
    text = f"of {same} (maps of different photos: {different}) (1:"
    assert text in comparison.sentence
    assert text in comparison.page()
    np.testing.assert_allclose(comparison.record()["mismatched"], expected, rtol=1e-6)
    one = first_photo(comparison)
    assert np.isnan(one.mismatched).all()
    assert "different photos" not in one.sentence
    assert one.record()["mismatched"] == [[None, None], [None, None]]


def test_methods_share_a_column_and_the_likeness_is_a_mean_over_pairs() -> None:
    photo = seewhy.demo.scenes(1, seed=2)[0].photo
    comparison = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "hires_cam", "gradient"])
    (heads, row) = comparison.table()
    assert heads == ["photo", "explained", "prediction", "likeness of the maps (mean over pairs)"]
    pairs = [comparison.correlations[0, a, b] for a, b in ((0, 1), (0, 2), (1, 2))]
    assert row[2:] == [str(comparison.explanations[0][0].predictions[0]), f"{np.mean(pairs):.2f}"]


def test_equal_names_get_numbers() -> None:
    assert checked_columns(["a", "b", "a"]) == ["a (1)", "b", "a (2)"]
    assert checked_columns(["a", "b"]) == ["a", "b"]


def test_a_photo_that_is_not_there(comparison: Comparison) -> None:
    with pytest.raises(seewhy.SeewhyError, match="number=9: there are 4 photos, the first is 0"):
        comparison.panels(9)
