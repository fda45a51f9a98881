from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from seewhy.edits import Paste
from seewhy.errors import OptionError, PhotoError


def opening(values: Any, path: str = "donor.png") -> Any:
    def other(asked: str) -> Any:
        assert asked == path
        return values

    return other


def test_the_same_place_of_another_photo() -> None:
    donor = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    values = np.full((4, 6, 3), 255, np.uint8)
    edited = Paste(source="donor.png", box=(0.5, 0.5, 1, 1)).apply(values, opening(donor))
    np.testing.assert_array_equal(edited[2:, 3:], donor[2:, 3:])
    assert (edited[:2] == 255).all()
    assert (edited[:, :3] == 255).all()
    assert (values == 255).all()


def test_another_place_of_it() -> None:
    donor = np.arange(16, dtype=np.uint8).reshape(4, 4, 1).repeat(3, axis=2)
    edited = Paste(source="donor.png", box=(0, 0, 0.5, 0.5), source_box=(0.5, 0.5, 1, 1)).apply(
        np.zeros((4, 4, 3), np.uint8), opening(donor)
    )
    np.testing.assert_array_equal(edited[:2, :2, 0], [[10, 11], [14, 15]])


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_what_is_taken_is_resized(dtype: Any) -> None:
    donor = np.array([[0, 100]], dtype)[..., None].repeat(3, axis=2)  # (1, 2, 3)
    edited = Paste(source="donor.png", box=(0, 0, 1, 1)).apply(np.zeros((2, 4, 3), dtype), opening(donor))
    assert edited.dtype == dtype
    # Bilinear between centres: at a quarter and three quarters of the way between the two pixels, and flat beyond them.
    np.testing.assert_array_equal(edited[:, :, 1], np.broadcast_to([0, 25, 75, 100], (2, 4)))


def test_photos_of_another_kind_are_brought_to_that_of_the_photo() -> None:
    """Grey files stand beside coloured ones in most folders."""
    grey = np.array([[0, 255], [51, 102]], np.uint8)
    coloured = Paste(source="donor.png", box=(0, 0, 1, 1)).apply(np.zeros((2, 2, 3), np.uint8), opening(grey))
    np.testing.assert_array_equal(coloured, grey[..., None].repeat(3, axis=2))
    deep = Paste(source="donor.png", box=(0, 0, 1, 1)).apply(np.zeros((2, 2), np.uint16), opening(grey))
    np.testing.assert_array_equal(deep, grey.astype(np.uint16) * 257)


def test_bands_are_laid_on_their_like_alone() -> None:
    with pytest.raises(PhotoError, match="A photo of 5 channels has nothing that could be laid on one of 3"):
        Paste(source="donor.png", box=(0, 0, 1, 1)).apply(np.zeros((2, 2, 3), np.uint8), opening(np.zeros((2, 2, 5), np.uint8)))


@pytest.mark.parametrize(
    "source",
    [
        "/etc/x.jpg",
        "../x.jpg",
        "a/../../x.jpg",
        "C:\\x.jpg",
        "\\\\host\\x.jpg",
        "s3://bucket/x.jpg",
        "",
        None,
        Path("cow/3.jpg"),
        3,
        np.zeros(3),
    ],
)
def test_a_source_outside_the_photos_folder(source: Any) -> None:
    with pytest.raises(OptionError, match=r"^source=.*: write a path from the photos' folder, and in it: 'cow/0\.jpg'\.$"):
        Paste(source=source, box=(0, 0, 1, 1))


def test_pixels_in_another_order() -> None:
    donor = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
    values = np.zeros((4, 6, 3), np.uint8)
    edit = Paste(source="donor.png", box=(0, 0, 1, 1), shuffle=1)
    edited = edit.apply(values, opening(donor))
    assert not np.array_equal(edited, donor)
    assert sorted(map(tuple, edited.reshape(-1, 3))) == sorted(map(tuple, donor.reshape(-1, 3)))  # whole pixels
    np.testing.assert_array_equal(edited, edit.apply(values, opening(donor)))
    other = Paste(source="donor.png", box=(0, 0, 1, 1), shuffle=2)
    assert not np.array_equal(edited, other.apply(values, opening(donor)))
    assert edit.words == "laid on it from 'donor.png': rows 0-100 %, columns 0-100 %, its pixels in another order"
    with pytest.raises(OptionError, match="shuffle=-1: write a whole number, 0 or more"):
        Paste(source="donor.png", box=(0, 0, 1, 1), shuffle=-1)
