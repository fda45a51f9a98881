"""The harmonic fill: bounded by its border, exact on ramps, one factorisation for all channels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.sparse.linalg
from scipy.sparse.linalg import splu

from seewhy.inpainting import inpaint

RNG = np.random.default_rng(0)


def region(shape: tuple[int, int], rows: slice, columns: slice) -> np.ndarray:
    mask = np.zeros(shape, bool)
    mask[rows, columns] = True
    return mask


def border_of(mask: np.ndarray) -> np.ndarray:
    """Pixels outside that touch the region with a side, one by one."""
    border = np.zeros_like(mask)
    for row, column in np.argwhere(mask):
        for r, c in ((row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)):
            if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and not mask[r, c]:
                border[r, c] = True
    return border


MASKS = {
    "inside": region((40, 60), slice(10, 30), slice(15, 50)),
    "at an edge": region((40, 60), slice(25, 40), slice(20, 45)),
    "in a corner": region((40, 60), slice(0, 20), slice(0, 30)),
    "two parts": region((40, 60), slice(5, 15), slice(5, 20)) | region((40, 60), slice(30, 40), slice(50, 60)),
    "all but a row": region((40, 60), slice(0, 39), slice(0, 60)),
    "scattered": RNG.random((40, 60)) < 0.4,
}


@pytest.mark.parametrize("mask", MASKS.values(), ids=MASKS.keys())
def test_each_pixel_is_the_mean_of_its_neighbours_and_none_leaves_the_borders_range(mask: np.ndarray) -> None:
    pixels = (255 * RNG.random((3, 40, 60))).astype(np.float32)
    filled = inpaint(pixels, mask)
    assert filled.dtype == np.float32
    np.testing.assert_array_equal(filled[:, ~mask], pixels[:, ~mask])
    border = border_of(mask)
    for channel, before in zip(filled, pixels, strict=True):
        assert before[border].min() <= channel[mask].min()
        assert channel[mask].max() <= before[border].max()
        for row, column in np.argwhere(mask)[::17]:
            around = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
            neighbours = [channel[r, c] for r, c in around if 0 <= r < 40 and 0 <= c < 60]
            assert channel[row, column] == pytest.approx(np.mean(neighbours), abs=1e-3)


def test_a_linear_ramp_goes_on_exactly() -> None:
    (rows, columns) = np.mgrid[:40, :60].astype(np.float64)
    ramps = np.stack([3 * columns, 100 - 2 * rows, 7 + rows + 2 * columns])
    mask = MASKS["inside"]
    empty = np.where(mask, 0, ramps).astype(np.float32)
    np.testing.assert_allclose(inpaint(empty, mask), ramps, atol=1e-4)


def test_at_the_photos_edge_it_goes_on_from_the_sides_that_are_there() -> None:
    """A strip along the whole lower edge: the row above it is all its border."""
    pixels = np.full((1, 30, 20), 50, np.float32)
    mask = region((30, 20), slice(20, 30), slice(0, 20))
    pixels[:, mask] = 200
    np.testing.assert_allclose(inpaint(pixels, mask), 50, atol=1e-4)


def test_no_colour_appears_that_the_surroundings_do_not_have() -> None:
    """Skin around, red above blue everywhere: so it is in the filled region, however large."""
    skin = np.stack([200 + 20 * RNG.random((100, 120)), 150 + 30 * RNG.random((100, 120)), 110 + 40 * RNG.random((100, 120))])
    mask = region((100, 120), slice(0, 70), slice(20, 100))
    filled = inpaint(skin.astype(np.float32), mask)
    assert (filled[0] > filled[2]).all()


def test_nothing_masked_changes_nothing() -> None:
    pixels = RNG.random((3, 5, 6)).astype(np.float32)
    np.testing.assert_array_equal(inpaint(pixels, np.zeros((5, 6), bool)), pixels)


def test_a_tenth_of_a_large_photo_takes_one_factorisation(monkeypatch: pytest.MonkeyPatch) -> None:
    """100,000 pixels of three channels, in about half a second."""
    factorisations = []

    def counted(matrix: Any, **options: Any) -> Any:
        factorisations.append(matrix.shape)
        return splu(matrix, **options)

    monkeypatch.setattr(scipy.sparse.linalg, "splu", counted)
    pixels = RNG.random((3, 1000, 1000)).astype(np.float32)
    mask = region((1000, 1000), slice(300, 616), slice(200, 516))
    filled = inpaint(pixels, mask)
    assert factorisations == [(316**2, 316**2)]
    assert 0.4 < filled[:, mask].mean() < 0.6
    np.testing.assert_array_equal(filled[:, ~mask], pixels[:, ~mask])
