from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch

from seewhy.edits import Fill
from seewhy.errors import OptionError, PhotoError


def none(path: str) -> Any:
    raise AssertionError("no other photo is needed")


def test_the_mean_of_what_is_outside() -> None:
    values = np.zeros((4, 4, 3), np.uint8)
    values[:2] = 200
    values[2:, :, 1] = 10
    edited = Fill(box=(0, 0, 0.5, 0.5)).apply(values, none)
    # Outside: 4 pixels of (200, 200, 200) and 8 of (0, 10, 0).
    np.testing.assert_array_equal(edited[:2, :2], np.broadcast_to([67, 73, 67], (2, 2, 3)))
    np.testing.assert_array_equal(edited[2:], values[2:])
    np.testing.assert_array_equal(edited[:2, 2:], values[:2, 2:])
    assert values[0, 0, 0] == 200  # the given numbers are left as they are


def test_all_of_it() -> None:
    values = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    np.testing.assert_array_equal(Fill(box=(0, 0, 1, 1)).apply(values, none)[1, 1], [4, 6, 6])  # 4.5, 5.5, 6.5 to even


@pytest.mark.parametrize(
    ("values", "colour", "filled"),
    [
        (np.zeros((2, 2, 3), np.uint8), (1.0, 0.5, 0.0), [255, 128, 0]),
        (np.zeros((2, 2, 3), np.uint16), (1.0, 0.0, 0.2), [65535, 0, 13107]),
        (np.zeros((2, 2, 5), np.float32), (0.25,), [0.25] * 5),
        (np.zeros((2, 2), np.uint8), (1.0,), 255),
    ],
)
def test_a_colour_is_shares_of_white(values: Any, colour: tuple[float, ...], filled: Any) -> None:
    edited = Fill(box=(0, 0, 0.5, 0.5), colour=colour).apply(values, none)
    assert edited.dtype == values.dtype
    np.testing.assert_array_equal(edited[0, 0], filled)
    assert not edited[1:].any()


def test_colours_that_do_not_fit() -> None:
    with pytest.raises(OptionError, match="write shares of white from 0 to 1"):
        Fill(box=(0, 0, 1, 1), colour=(255.0,))
    with pytest.raises(PhotoError, match="the photo has 3 channels"):
        Fill(box=(0, 0, 1, 1), colour=(0.1, 0.2)).apply(np.zeros((2, 2, 3), np.uint8), none)


@pytest.mark.parametrize("colour", [np.array([1.0, 0.5, 0.0], np.float32), torch.tensor([1.0, 0.5, 0.0]), [1, 0.5, 0]])
def test_a_colour_becomes_plain_data(colour: Any) -> None:
    fill = Fill(box=np.array([0, 0, 1, 0.5], np.float32), colour=colour)  # type: ignore[arg-type]
    assert fill == Fill(box=(0, 0, 1, 0.5), colour=(1.0, 0.5, 0.0))
    assert json.loads(json.dumps(fill.record())) == {"name": "fill", "box": [0, 0, 1, 0.5], "colour": [1, 0.5, 0]}


@pytest.mark.parametrize("colour", ["red", "010", 0.5, [], [None], [float("nan")], [[1, 1, 1]]])
def test_what_is_no_colour(colour: Any) -> None:
    with pytest.raises(
        OptionError, match=r"^colour=.*: write shares of white from 0 to 1, one for each channel: \(1, 0\.5, 0\)\."
    ):
        Fill(box=(0, 0, 1, 1), colour=colour)
