"""Segments: counts and edges by hand, every pixel once, connected, and what the errors say."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from skimage.measure import label

from seewhy.errors import OptionError
from seewhy.methods.segments import Segments, grid_cells, segments_of


def photo(kind: str, channels: int = 3, size: tuple[int, int] = (64, 48), seed: int = 0) -> np.ndarray[Any, np.dtype[np.float32]]:
    """``(C, H, W)``, 0-255."""
    rng = np.random.default_rng(seed)
    image = rng.random((channels, *size))
    if kind == "flat":
        image[:] = 0.5
    elif kind == "ramp":
        image[:] = np.linspace(0, 1, size[0])[:, None]
    elif kind == "halves":  # the edge is no multiple of a cell
        image[:] = 0.0
        image[:, :, 19:] = 1.0
    return (image * 255).astype(np.float32)


def blank(height: int, width: int) -> np.ndarray[Any, np.dtype[np.float32]]:
    return np.zeros((3, height, width), np.float32)


def assert_partition(segments: Segments, size: tuple[int, int]) -> None:
    """Every pixel in one segment, numbered without gaps, each segment in one piece."""
    assert segments.labels.shape == size
    assert segments.labels.dtype == segments.names.dtype == np.int64
    assert np.array_equal(np.unique(segments.labels), np.arange(segments.count))
    assert np.array_equal(segments.names, np.arange(1, segments.count + 1))
    assert np.array_equal(segments.named, segments.labels + 1)
    assert label(segments.labels, background=-1, connectivity=1).max() == segments.count
    assert segments.count >= 2


# -- grid -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("size", "features", "cells"),
    [
        ((224, 224), 49, (7, 7)),
        ((128, 96), 49, (8, 6)),  # √(49 · 128 / 96) = 8.08; ⌊49 / 8⌋ = 6
        ((96, 128), 49, (6, 8)),  # √36.75 = 6.06; ⌊49 / 6⌋ = 8
        ((224, 224), 100, (10, 10)),
        ((100, 400), 9, (2, 4)),  # √2.25 = 1.5 goes up
        ((100, 100), 2, (1, 2)),
        ((100, 100), 3, (2, 1)),
        ((10, 1000), 49, (1, 49)),
        ((1000, 2), 49, (49, 1)),  # √24500 = 157 rows would be more than asked for
        ((3, 3), 9, (3, 3)),
        ((1, 5), 5, (1, 5)),
        ((2, 200), 399, (2, 199)),
    ],
)
def test_grid_cells_by_hand(size: tuple[int, int], features: int, cells: tuple[int, int]) -> None:
    assert grid_cells(size, features) == cells
    segments = segments_of(blank(*size), "grid", features)
    assert segments.cells == cells
    assert segments.count == cells[0] * cells[1] <= features
    assert segments.note is None
    assert_partition(segments, size)


def test_49_cells_of_32_pixels() -> None:
    labels = segments_of(blank(224, 224), "grid", 49).labels
    for row in range(7):
        for column in range(7):
            cell = labels[32 * row : 32 * row + 32, 32 * column : 32 * column + 32]
            assert np.array_equal(cell, np.full((32, 32), 7 * row + column))


def test_cells_differ_by_one_pixel_at_most() -> None:
    for height, width, features in [(50, 37, 20), (7, 11, 30), (227, 224, 49), (5, 5, 24)]:
        segments = segments_of(blank(height, width), "grid", features)
        assert segments.cells is not None
        for axis, cells in zip((segments.labels[:, 0] // segments.cells[1], segments.labels[0]), segments.cells, strict=True):
            sizes = np.bincount(axis)
            assert len(sizes) == cells
            assert sizes.max() - sizes.min() <= 1


def test_never_fewer_than_two_nor_more_than_asked_for() -> None:
    for height in range(1, 9):
        for width in range(1, 9):
            for features in range(2, height * width + 1):
                (rows, columns) = grid_cells((height, width), features)
                assert 2 <= rows * columns <= features
                assert rows <= height
                assert columns <= width


# -- superpixels ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["noise", "flat", "ramp", "halves"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("size", [(64, 48), (28, 28), (20, 20)])
def test_superpixels_cover_every_pixel_once(kind: str, channels: int, size: tuple[int, int]) -> None:
    segments = segments_of(photo(kind, channels, size), "superpixels", 49)
    assert_partition(segments, size)
    assert 40 <= segments.count <= 60
    assert segments.cells is None
    assert segments.note is None


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("contrast", [1.0, 0.2])
def test_superpixels_follow_an_edge(channels: int, contrast: float) -> None:
    pixels = 100 + contrast * photo("halves", channels)
    labels = segments_of(pixels.astype(np.float32), "superpixels", 12).labels
    assert not set(np.unique(labels[:, :19])) & set(np.unique(labels[:, 19:]))
    assert set(np.unique(labels[:, :16])) & set(np.unique(labels[:, 16:]))  # a grid would have its edge at a multiple of 16


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_units_do_not_matter(channels: int) -> None:
    pixels = photo("noise", channels)
    expected = segments_of(pixels, "superpixels", 20).labels
    assert np.array_equal(segments_of(pixels, "superpixels", 20).labels, expected)
    assert np.mean(segments_of(pixels / 64 - 2, "superpixels", 20).labels == expected) > 0.98  # rounding may move a pixel


def test_tiny_photos_get_at_least_two() -> None:
    notes = []
    for size in [(1, 2), (2, 1), (2, 2), (3, 3), (8, 8), (1, 40), (59, 59)]:
        for features in {2, 3, min(49, size[0] * size[1])} - {3 if size[0] * size[1] == 2 else 0}:
            for kind in ("flat", "noise", "halves"):
                segments = segments_of(photo(kind, 3, size), "superpixels", features)
                assert_partition(segments, size)
                notes.append(segments.note)
    assert notes.count(None) >= len(notes) / 2


def test_one_superpixel_only_becomes_a_grid(monkeypatch: pytest.MonkeyPatch) -> None:
    import skimage.segmentation

    monkeypatch.setattr(skimage.segmentation, "slic", lambda image, **_: np.zeros(image.shape[:2], np.int64))
    segments = segments_of(photo("noise", 3, (40, 40)), "superpixels", 16)
    assert segments.note == "Superpixels would have been one segment only, the whole photo: a grid was taken."
    assert segments.cells == (4, 4)
    assert np.array_equal(segments.labels, segments_of(blank(40, 40), "grid", 16).labels)


# -- one's own --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", [np.uint8, np.int32, np.int64])
def test_own_labels_keep_their_numbers(dtype: type) -> None:
    labels = np.array([[7, 7, 3], [200, 7, 3]], dtype)
    segments = segments_of(blank(2, 3), labels, 1)  # the number of features is not looked at
    assert segments.count == 3
    assert segments.names.tolist() == [3, 7, 200]
    assert segments.labels.tolist() == [[1, 1, 0], [2, 1, 0]]
    assert np.array_equal(segments.named, labels)
    assert segments.cells is None
    assert segments_of(blank(2, 3), labels.tolist(), 49).names.tolist() == [3, 7, 200]


def test_negative_own_labels() -> None:
    segments = segments_of(blank(1, 3), np.array([[-1, 5, -1]]), 49)
    assert (segments.names.tolist(), segments.labels.tolist()) == ([-1, 5], [[0, 1, 0]])


# -- errors -----------------------------------------------------------------------------------------------------------

ERRORS: list[tuple[Any, Any, str]] = [
    (
        "grids",
        4,
        "segments='grids': write 'superpixels' or 'grid', in Python also (H, W) integers. Did you mean 'grid'?",
    ),
    (None, 4, "segments=None: write 'superpixels' or 'grid', in Python also (H, W) integers."),
    (7, 4, "segments=7: write 'superpixels' or 'grid', in Python also (H, W) integers."),
    ("grid", 1, "features=1: write an integer of at least 2. One segment has nothing to be compared with."),
    ("superpixels", -3, "features=-3: write an integer of at least 2. One segment has nothing to be compared with."),
    ("grid", True, "features=True: write an integer of at least 2. One segment has nothing to be compared with."),
    ("grid", 4.0, "features=4.0: write an integer of at least 2. One segment has nothing to be compared with."),
    ("superpixels", 13, "features=13, but the network's input has 3×4 pixels: write at most 12."),
    (
        np.zeros((4, 3), int),
        4,
        "The label array is 4×3 and the network's input 3×4 (rows × columns): "
        "give one label for each pixel of the network's input.",
    ),
    (np.zeros((1, 3, 4), int), 4, "The label array has the shape (1, 3, 4): give (H, W), one label for each pixel."),
    (np.zeros((3, 4)), 4, "The label array holds float64: give integers, one number per segment (labels.astype(int))."),
    (np.eye(3, 4) > 0, 4, "The label array holds bool: give integers, one number per segment (labels.astype(int))."),
    (
        np.full((3, 4), 7),
        4,
        "The label array holds one number only (7): give at least two segments, or write segments='grid'.",
    ),
    ([[1, 2], [1]], 4, "The label array has rows of different lengths: give (H, W) integers."),
]


@pytest.mark.parametrize(("kind", "features", "message"), ERRORS, ids=range(len(ERRORS)))
def test_errors_say_what_was_seen(kind: Any, features: Any, message: str) -> None:
    with pytest.raises(OptionError, match=f"^{re.escape(message)}$"):
        segments_of(blank(3, 4), kind, features)
