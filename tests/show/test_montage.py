import logging

import numpy as np
import pytest
from PIL import Image

from seewhy.errors import OptionError, PhotoError
from seewhy.show import montage


@pytest.mark.parametrize(
    ("count", "shape", "grid"),
    [
        (1, (4, 4), (1, 1)),
        (2, (4, 4), (1, 2)),
        (9, (4, 4), (3, 3)),
        (12, (4, 4), (3, 4)),
        (25, (4, 4), (5, 5)),
        (48, (4, 4), (7, 7)),
        (64, (4, 4), (8, 8)),
        (10, (3, 4), (4, 3)),
    ],
)
def test_automatic_grids(count, shape, grid):
    tiles = [np.full(shape, i + 1, dtype=np.uint8) for i in range(count)]
    picture = montage(tiles)
    assert picture.shape == (grid[0] * shape[0], grid[1] * shape[1])
    for i in range(count):
        (r, c) = divmod(i, grid[1])
        assert np.all(picture[r * shape[0] : (r + 1) * shape[0], c * shape[1] : (c + 1) * shape[1]] == i + 1)
    assert np.count_nonzero(picture) == count * shape[0] * shape[1]  # empty cells are black


def test_one_array_of_many_pictures():
    stack = np.arange(2 * 2 * 2 * 3, dtype=np.uint8).reshape(2, 2, 2, 3)
    np.testing.assert_array_equal(montage(stack), np.hstack(list(stack)))


def test_an_empty_cell():
    cell = np.full((2, 2), 7, dtype=np.uint8)
    np.testing.assert_array_equal(montage([None, cell], grid=(1, 2)), [[0, 0, 7, 7]] * 2)


def test_grey_beside_colour_becomes_colour():
    grey = np.full((1, 1), 9, dtype=np.uint8)
    red = np.array([[(200, 0, 0)]], dtype=np.uint8)
    picture = montage([grey, red])
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, [[(9, 9, 9), (200, 0, 0)]])


def test_bytes_beside_floats_become_floats():
    picture = montage([np.array([[51]], dtype=np.uint8), np.array([[0.7]])])
    assert picture.dtype == np.float32
    np.testing.assert_allclose(picture, [[0.2, 0.7]])


def test_floats_are_not_stretched():
    np.testing.assert_allclose(montage([np.array([[-3.0, 8.0]])]), [[-3, 8]])


def test_a_border_and_a_background():
    tile = np.full((1, 2), 5, dtype=np.uint8)
    np.testing.assert_array_equal(montage([tile], border=1, background=9), [[9] * 4, [9, 5, 5, 9], [9] * 4])
    picture = montage([tile], border=1, background="red")
    np.testing.assert_array_equal(picture[0, 0], (255, 0, 0))
    np.testing.assert_array_equal(picture[1, 1], (5, 5, 5))
    np.testing.assert_array_equal(montage([tile / 255.0], border=1, background="white")[0, 0], 1.0)


def test_other_sizes_are_fitted_with_their_aspect_kept():
    first = np.full((4, 4), 10, dtype=np.uint8)
    wide = np.full((4, 8), 20, dtype=np.uint8)
    picture = montage([first, wide])
    np.testing.assert_array_equal(picture[:, 4:], [[0] * 4, [20] * 4, [20] * 4, [0] * 4])
    assert montage([first, wide], thumb=(2, 3)).shape == (2, 6)
    assert montage([first], thumb=6).shape == (6, 6)


def test_a_fitted_picture_keeps_its_range():
    tile = np.zeros((8, 8), dtype=np.uint8)
    tile[:, 4:] = 255
    picture = montage([np.zeros((16, 16), np.uint8), tile])
    assert picture[0, 16] == 0
    assert picture[0, 31] == 255


def test_half_a_grid():
    tiles = [np.full((1, 1), i, dtype=np.uint8) for i in range(5)]
    assert montage(tiles, grid=(2, None)).shape == (2, 3)
    assert montage(tiles, grid=(None, 2)).shape == (3, 2)


def test_a_small_grid_shows_the_first_and_says_so(caplog):
    tiles = [np.full((1, 1), i, dtype=np.uint8) for i in range(5)]
    with caplog.at_level(logging.WARNING, logger="seewhy"):
        np.testing.assert_array_equal(montage(tiles, grid=(1, 3)), [[0, 1, 2]])
    assert caplog.messages == ["montage: of 5 pictures a 1×3 grid shows the first 3."]


def test_pil_pictures():
    np.testing.assert_array_equal(montage([Image.new("RGB", (1, 1), (1, 2, 3))]), [[(1, 2, 3)]])
    np.testing.assert_array_equal(montage([Image.new("L", (1, 1), 4)]), [[4]])


@pytest.mark.parametrize(
    ("settings", "error", "message"),
    [
        ({"images": []}, OptionError, "^There is nothing to show"),
        ({"images": [None]}, OptionError, "^There is nothing to show"),
        ({"images": [np.zeros((2, 2, 2))]}, PhotoError, r"one is \(2, 2, 2\)\.$"),
        ({"images": [np.array([[300]])]}, PhotoError, "^A picture in a montage holds int64 values outside 0-255"),
        ({"images": [np.zeros((1, 1))], "grid": (0, 1)}, OptionError, r"^grid=\(0, 1\) has no cells"),
        ({"images": [np.zeros((1, 1))], "border": -1}, OptionError, "^border=-1 is negative"),
        ({"images": [np.zeros((1, 1))], "thumb": 0}, OptionError, "^thumb=0 is not a size"),
        ({"images": [np.zeros((1, 1))], "background": "rred"}, OptionError, "^background='rred' is no colour"),
        ({"images": [np.zeros((1, 1))], "background": (1, 2)}, OptionError, r"^background=\(1, 2\) is no colour"),
    ],
)
def test_bad_input(settings, error, message):
    with pytest.raises(error, match=message):
        montage(**settings)
