"""What is made of a comparison: sentences, tables, pages, pictures."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seewhy
from seewhy.compare import Comparison
from seewhy.compare.comparison import checked_columns


@pytest.fixture(scope="module")
def comparison() -> Comparison:
    networks = [seewhy.load("demo:honest"), seewhy.load("demo:shortcut")]
    return seewhy.compare(networks, [scene.photo for scene in seewhy.demo.scenes(4, logo=True, seed=2)], relu=False)


def test_the_sentence_names_both_numbers(comparison: Comparison) -> None:
    assert comparison.sentence.startswith("On 4 photos: demo:honest and demo:shortcut give the same answer on ")
    assert "have maps with a rank correlation of" in comparison.sentence


def test_photos_whose_maps_are_least_alike_come_first(comparison: Comparison) -> None:
    likenesses = [comparison.likeness(number) for number in comparison.order()]
    assert likenesses == sorted(likenesses)
    assert likenesses[0] == pytest.approx(float(comparison.correlations[:, 0, 1].min()))


def test_it_is_saved_as_a_page_a_table_numbers_and_a_picture(comparison: Comparison, tmp_path: Path) -> None:
    page = comparison.save(tmp_path / "c.html").read_text()
    assert page.count("Red: more in demo:honest. Blue: more in demo:shortcut.") == 4  # one picture for each photo
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


def test_equal_names_get_numbers() -> None:
    assert checked_columns(["a", "b", "a"]) == ["a (1)", "b", "a (2)"]
    assert checked_columns(["a", "b"]) == ["a", "b"]


def test_a_photo_that_is_not_there(comparison: Comparison) -> None:
    with pytest.raises(seewhy.SeewhyError, match="number=9: there are 4 photos, the first is 0"):
        comparison.panels(9)
