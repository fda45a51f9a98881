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
    map_ = np.zeros((20, 30), np.float32)
    map_[4, 5] = 1
    copies = laid_elsewhere(map_)
    places = [tuple(int(at) for at in np.unravel_index(copy.argmax(), copy.shape)) for copy in copies]
    assert set(places) == {((4 + 4 * row) % 20, (5 + 6 * column) % 30) for row in range(5) for column in range(5)} - {(4, 5)}
    assert (copies.sum(axis=(1, 2)) == 1).all()


def test_the_moves_are_a_group() -> None:
    """From any copy the others and the map itself lie as the copies do from the map: only so is a random place one of 25."""
    map_ = np.random.default_rng(0).random((10, 15)).astype(np.float32)
    whole = {map_.tobytes(), *(copy.tobytes() for copy in laid_elsewhere(map_))}
    assert len(whole) == 25
    for copy in laid_elsewhere(map_):
        assert {copy.tobytes(), *(other.tobytes() for other in laid_elsewhere(copy))} == whole
