from __future__ import annotations

import numpy as np
import pytest

from seewhy.store.maps import PackedMaps, unpacked


def test_numbers_by_hand() -> None:
    packed = PackedMaps.of(np.float32([[[4, -1, 0.5]], [[0, 0, 0]]]))
    assert packed.scales == [4.0, 1.0]
    assert packed.grid == [2, 1, 3]
    assert np.frombuffer(packed.values, np.float16).tolist() == [1, -0.25, 0.125, 0, 0, 0]
    assert packed.unpacked().tolist() == [[[4, -1, 0.5]], [[0, 0, 0]]]


@pytest.mark.parametrize("size", [1e-30, 1, 1e30])
def test_of_any_size_every_value_keeps_eleven_bits(size: float) -> None:
    maps = np.random.default_rng(0).standard_normal((3, 7, 5)).astype(np.float32) * np.float32(size)
    packed = PackedMaps.of(maps)
    error = np.abs(unpacked(packed.values, packed.scales, packed.grid) - maps)
    assert (error <= np.abs(maps) * 2**-11 + np.abs(maps).max() * 2**-24).all()
    assert error.max() > 0


def test_a_photo_without_any_target_has_no_map() -> None:
    packed = PackedMaps.of(np.zeros((0, 7, 5), np.float32))
    assert (packed.values, packed.scales, packed.grid) == (b"", [], [0, 7, 5])
    assert packed.unpacked().shape == (0, 7, 5)


def test_what_is_not_finite_stays_so() -> None:
    maps = PackedMaps.of(np.float32([[[np.nan, 2, 1]]])).unpacked()
    assert np.isnan(maps[0, 0, 0])
    assert maps[0, 0, 1:].tolist() == [2, 1]


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_stays_what_it_is() -> None:
    maps = np.float32([[[-np.inf, 0, 0]], [[np.inf, 2, np.nan]], [[0, 1e-45, 0]]])
    np.testing.assert_array_equal(PackedMaps.of(maps).unpacked(), maps)
