from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seewhy.edits import Inpaint, edit_of
from seewhy.errors import OptionError

BOX = (0.25, 0.25, 0.75, 0.75)


def nothing(path: str) -> Any:
    raise AssertionError(path)


def test_a_slope_goes_on_through_the_box() -> None:
    """A plane solves Laplace's equation; so does the box that its edges give."""
    (rows, columns) = np.mgrid[0:24, 0:32].astype(np.float32)
    plane = 3 * rows + 2 * columns + 10
    broken = plane.copy()
    broken[6:18, 8:24] = 0
    edited = Inpaint(box=BOX).apply(broken, nothing)
    np.testing.assert_allclose(edited, plane, atol=0.02)
    assert (broken[6:18, 8:24] == 0).all()


def test_each_pixel_is_the_mean_of_its_neighbours() -> None:
    values = np.random.default_rng(0).random((20, 20)).astype(np.float32)
    edited = Inpaint(box=BOX).apply(values, nothing).astype(np.float64)
    neighbours = (edited[4:14, 5:15] + edited[6:16, 5:15] + edited[5:15, 4:14] + edited[5:15, 6:16]) / 4
    np.testing.assert_allclose(edited[5:15, 5:15], neighbours, atol=1e-5)
    outside = np.ones((20, 20), bool)
    outside[5:15, 5:15] = False
    np.testing.assert_array_equal(edited[outside], values.astype(np.float64)[outside])


def test_at_the_photo_s_edge_what_is_inside_decides() -> None:
    values = np.zeros((16, 16, 3), np.uint8)
    values[:8] = 200
    values[8:] = 77
    edited = Inpaint(box=(0.75, 0, 1, 1)).apply(values, nothing)
    assert (edited[12:] == 77).all()
    assert edited.dtype == np.uint8


def test_a_large_box_is_as_smooth_and_as_right() -> None:
    (rows, columns) = np.mgrid[0:400, 0:600].astype(np.float32)
    plane = 0.3 * rows + 0.2 * columns
    edited = Inpaint(box=BOX).apply(plane, nothing)
    assert np.abs(edited - plane).max() < 3


def test_the_whole_photo_becomes_its_mean() -> None:
    edited = Inpaint(box=(0, 0, 1, 1)).apply(np.float32([[0, 1], [2, 5]]), nothing)
    np.testing.assert_allclose(edited, 2)


def test_it_is_data() -> None:
    edit = Inpaint(box=BOX)
    assert edit.words == "filled from its edges: rows 25-75 %, columns 25-75 %"
    assert edit_of(edit.record()) == edit
    with pytest.raises(OptionError, match=r"box=\[0, 0\]"):
        Inpaint(box=[0, 0])  # type: ignore[arg-type]
