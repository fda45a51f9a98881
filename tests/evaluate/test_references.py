"""The maps that know nothing of the photo."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.evaluate.references import centre_map, laid_elsewhere, random_map


def test_noise_is_as_coarse_as_the_map() -> None:
    noise = random_map((3, 4), (30, 40), seed=5)
    assert noise.shape == (30, 40)
    np.testing.assert_array_equal(noise, random_map((3, 4), (30, 40), seed=5))
    assert np.abs(np.diff(noise, axis=0)).max() < 0.3
    assert np.ptp(noise) > 0.5


def test_the_blob_lies_in_the_middle() -> None:
    blob = centre_map((20, 30))
    np.testing.assert_allclose(blob, blob[::-1, ::-1], atol=1e-6)
    assert np.unravel_index(blob.argmax(), blob.shape) in [(9, 14), (9, 15), (10, 14), (10, 15)]
    # A standard deviation, a quarter of the side, from the middle.
    assert centre_map((5, 4001))[2, 3000] == pytest.approx(np.exp(-0.5), rel=1e-3)


def test_copies_lie_elsewhere_with_the_same_values() -> None:
    map_ = np.zeros((20, 32), np.float32)
    map_[4, 5] = 1
    for moved in laid_elsewhere(map_, 50, seed=0):
        (row, column) = np.unravel_index(moved.argmax(), moved.shape)
        assert moved.sum() == 1
        (down, across) = ((row - 4) % 20, (column - 5) % 32)
        assert min(down, 20 - down) >= 5 or min(across, 32 - across) >= 8
