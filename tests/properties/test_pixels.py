from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from seewhy.properties import pixels


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 255), (np.uint16, 65535), (np.float32, 1)])
def test_shares_of_white(dtype: Any, white: int) -> None:
    values = np.array([[0, white]], dtype)
    np.testing.assert_array_equal(pixels.shares_of(values), [[0, 1]])
    np.testing.assert_array_equal(
        pixels.as_type(np.array([[-0.5, 0.2, 2]], np.float32), values), np.array([[0, 0.2 * white, white]], dtype)
    )


def test_floats_beyond_one_reach_from_the_least_to_the_largest() -> None:
    assert pixels.range_of(np.array([[-3.0, 5.0]])) == (-3, 5)
    assert pixels.range_of(np.array([[0.2, 0.4]])) == (0, 1)


@pytest.mark.parametrize("shape", [(6, 9), (6, 9, 1), (6, 9, 3), (6, 9, 5)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_a_curve_of_each_number(shape: tuple[int, ...], dtype: Any) -> None:
    white = pixels.range_of(np.ones((1, 1), dtype))[1]
    values = (np.linspace(0, 1, int(np.prod(shape))).reshape(shape) * white).astype(dtype)
    edited = pixels.curved(values, lambda shares: shares**2)
    assert (edited.dtype, edited.shape) == (values.dtype, values.shape)
    np.testing.assert_allclose(edited / white, (values / white) ** 2, atol=0.51 / min(white, 1000) if white > 1 else 1e-6)


def test_a_table_of_the_channels() -> None:
    table = pixels.table_of(np.zeros((1, 1, 3), np.uint8), lambda shares: shares * np.array([1, 0.5, 2], np.float32))
    assert table.shape == (256, 3)
    np.testing.assert_array_equal(table[100], [100, 50, 200])
    np.testing.assert_array_equal(table[200], [200, 100, 255])


def test_between_two_photos_and_beyond() -> None:
    (one, other) = (np.full((2, 2, 3), 100, np.uint8), np.full((2, 2, 3), 120, np.uint8))
    for share, level in ((0, 100), (0.5, 110), (1, 120), (2, 140)):
        np.testing.assert_array_equal(pixels.blended(one, other, share), np.full((2, 2, 3), level))
        floats = pixels.blended(one / np.float32(255), other / np.float32(255), share)
        np.testing.assert_allclose(floats, level / 255, atol=1e-6)


def test_where_a_function_reaches_a_number() -> None:
    assert pixels.searched(lambda x: x**2, 4, 0, 8) == pytest.approx(2, abs=0.02)
    assert pixels.searched(lambda x: -x, -3, 0, 8) == pytest.approx(3, abs=0.02)
    assert pixels.searched(lambda x: x, 9, 0, 8) == 8
    assert pixels.searched(lambda x: -x, 1, 0, 8) == 0


def test_the_shorter_side_is_reduced() -> None:
    assert pixels.reduced(np.zeros((512, 1024, 3), np.uint8)).shape == (256, 512, 3)
    small = np.zeros((100, 300), np.uint8)
    assert pixels.reduced(small) is small
    assert (pixels.scale_of(small), pixels.scale_of(np.zeros((512, 600)))) == (1, 2)
