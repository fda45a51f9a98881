"""Rank correlations of maps of one photo, and of different photos."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import seewhy
from seewhy.compare.likeness import is_empty, matched_correlations, mismatched_correlations
from seewhy.evaluate import rank_correlation


@pytest.fixture(scope="module")
def explanation() -> seewhy.Explanation:
    photo = np.random.default_rng(0).integers(0, 256, (96, 128, 3), dtype=np.uint8)
    return seewhy.explain(seewhy.load("demo:honest"), photo)


def with_map(explanation: seewhy.Explanation, map: np.ndarray) -> seewhy.Explanation:
    return replace(explanation, maps=np.asarray(map, np.float32)[None], sample_grid=None)


def test_maps_of_different_photos_are_those_of_neighbours(explanation: seewhy.Explanation) -> None:
    """Three photos, two columns, maps at the input's own size: nothing is resampled but every second pixel is taken."""
    random = np.random.default_rng(1)
    maps = random.normal(size=(3, 2, 96, 128))
    rows = [[with_map(explanation, map) for map in row] for row in maps]
    sampled = maps[:, :, ::2, ::2].astype(np.float32)
    expected = np.zeros((2, 2))
    for photo, following in ((0, 1), (1, 2), (2, 0)):
        for a in range(2):
            for b in range(2):
                expected[a, b] += rank_correlation(sampled[photo, a], sampled[following, b]) / 3
    np.testing.assert_allclose(mismatched_correlations(rows), (expected + expected.T) / 2, atol=1e-6)


def test_a_blob_in_the_middle_has_much_in_common_with_any_other(explanation: seewhy.Explanation) -> None:
    (y, x) = np.mgrid[:12, :16]
    blob = -((y - 5.5) ** 2) - (x - 7.5) ** 2
    shifted = -((y - 6.5) ** 2) - (x - 7.5) ** 2
    rows = [[with_map(explanation, blob)] * 2, [with_map(explanation, shifted)] * 2]
    np.testing.assert_array_equal(matched_correlations(rows[0]), 1)
    mismatched = mismatched_correlations(rows)
    assert (mismatched > 0.8).all()
    assert (mismatched < 1).all()


def test_photos_may_have_different_sizes_and_crops(explanation: seewhy.Explanation) -> None:
    """What is compared is where the map lies on the network's input, whatever the photo."""
    clf = seewhy.load("demo:honest").with_preprocess(size=64, resize="shorter", crop=True)
    random = np.random.default_rng(2)
    photos = [random.integers(0, 256, (*size, 3), dtype=np.uint8) for size in ((64, 64), (90, 400), (300, 120))]
    (y, x) = np.mgrid[:8, :8]
    slope = np.asarray(y + 10.0 * x, np.float32)
    rows = [[replace(e, maps=slope[None])] for e in seewhy.explain(clf, photos)]
    assert mismatched_correlations(rows)[0, 0] > 0.99


def test_empty_maps_have_no_correlation_and_are_left_out_of_means(explanation: seewhy.Explanation) -> None:
    """A map of probabilities that stay below a millionth is drawn as empty, and is empty here, too."""
    (y, x) = np.mgrid[:12, :16]
    (down, across) = (with_map(explanation, y), with_map(explanation, x))
    for nothing in (np.zeros((12, 16)), np.full((12, 16), 3.0), 1e-9 * y):
        empty = replace(with_map(explanation, nothing), units="probability")
        assert is_empty(empty)
        assert np.isnan(matched_correlations([down, empty])).tolist() == [[False, True], [True, True]]
        (with_empty, without) = ([[down, across], [across, map], [down, down]] for map in (empty, None))
        np.testing.assert_array_equal(mismatched_correlations(with_empty), mismatched_correlations(without))
    assert not is_empty(down)


def test_missing_maps_are_left_out(explanation: seewhy.Explanation) -> None:
    (y, _) = np.mgrid[:12, :16]
    (down, up) = (with_map(explanation, y), with_map(explanation, -y))
    mismatched = mismatched_correlations([[down, up], [down, None], [down, None]])
    assert mismatched[0, 0] == pytest.approx(1)
    assert mismatched[0, 1] == mismatched[1, 0] == pytest.approx(-1)
    assert np.isnan(mismatched[1, 1])
    assert np.isnan(mismatched_correlations([[down, up]])).all()
    assert np.isnan(matched_correlations([down, None])).tolist() == [[False, True], [True, True]]
