"""One door for photos: prepared or as they are, one or many."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import seewhy
from seewhy.errors import PhotoError
from seewhy.reading import Reader, is_many, photo_list

PREPARE = seewhy.Preprocess(size=(4, 6), mean=0.5, std=0.5)
GREY = np.full((8, 12, 3), 204, np.uint8)


def reader(preprocess: Any = None, dimensions: int = 2, channels: int = 3) -> Reader:
    return Reader(preprocess, None, dimensions, lambda shape: ("conv1", channels))


def test_a_photo_is_prepared_once() -> None:
    prepared = reader(PREPARE)
    read = prepared.read(GREY)
    np.testing.assert_array_equal(read.pixels, np.full((3, 4, 6), 204, np.float32))
    np.testing.assert_array_equal(read.original, GREY)
    assert read.geometry.input == prepared.input_size == (4, 6)
    assert read.preprocessing == prepared.describe() == PREPARE.describe()
    assert prepared.read(read) is read
    assert reader(PREPARE).read(read) is read  # one that prepares alike
    assert reader(seewhy.Preprocess(size=4)).read(read).pixels.shape == (3, 4, 4)  # from its original, anew


def test_without_preparation_the_numbers_stay_as_they_are() -> None:
    values = np.arange(3 * 4 * 6, dtype=np.float32).reshape(3, 4, 6)
    assert reader().input_size is None
    assert reader().describe() == "none: the tensor is used as it is"
    np.testing.assert_array_equal(reader().read(values).pixels, values)
    np.testing.assert_array_equal(reader(dimensions=3, channels=1).read(values).pixels, values[None])


@pytest.mark.parametrize(
    ("preprocess", "photo", "hint"),
    [
        (PREPARE, GREY, r"use Preprocess\(channels=13\)"),
        (None, np.zeros((3, 4, 6), np.float32), "use a tensor of that many channels"),
    ],
    ids=["prepared", "as it is"],
)
def test_a_photo_of_other_channels_names_the_layer_that_it_meets(preprocess: Any, photo: Any, hint: str) -> None:
    with pytest.raises(PhotoError, match=f"3 channels given, but the network's first layer 'conv1' wants 13: {hint}"):
        reader(preprocess, channels=13).read(photo)


def test_the_blank_photo_is_black_and_says_nothing() -> None:
    blank = reader(PREPARE).blank()
    assert blank.pixels.shape == (3, 4, 6)
    assert not blank.pixels.any()
    assert blank.notes == ()


def test_a_second_photo_is_prepared_as_the_first_one_and_all_else_stays(tmp_path: Path) -> None:
    path = tmp_path / "grey.png"
    Image.fromarray(GREY).save(path)
    for given in (GREY, Image.fromarray(GREY), path):
        torch.testing.assert_close(reader(PREPARE).as_network_input(given), torch.full((3, 4, 6), 0.6))
        assert reader().as_network_input(given) is given
    for other in ([1.0, 2.0], "text", None, torch.zeros(3)):
        assert reader(PREPARE).as_network_input(other) is other


@pytest.mark.parametrize(("axes", "dimensions", "many"), [(3, 2, False), (4, 2, True), (4, 3, False), (5, 3, True)])
def test_one_more_axis_is_a_batch(axes: int, dimensions: int, many: bool) -> None:
    for photos in (np.zeros([2] * axes, np.float32), torch.zeros([2] * axes)):
        assert is_many(photos, dimensions) is many
        assert len(photo_list(photos, dimensions)) == (2 if many else 1)
    assert is_many([GREY], dimensions)
    assert photo_list((GREY, GREY), dimensions) == [GREY, GREY]
