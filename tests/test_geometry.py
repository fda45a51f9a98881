"""Small maps to large ones, and back onto the photo: against a slow second writing of the equation, and by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from seewhy.errors import OptionError
from seewhy.geometry import (
    Geometry,
    SampleGrid,
    VolumeSampleGrid,
    at_slices,
    map_on_photo,
    map_on_seen,
    peak,
    resize_map,
    resize_volume,
)


def keys(x: float) -> float:
    """Keys (1981), equation 15 with a = -1/2."""
    (a, x) = (-0.5, abs(x))
    if x <= 1:
        return (a + 2) * x**3 - (a + 3) * x**2 + 1
    return a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a if x < 2 else 0.0


def slow_line(values: list[float], position: float, shrink: float) -> float:
    """The value at ``position`` (sample k covers k to k + 1), the border reflected with the edge sample repeated."""
    width = max(1.0, shrink)
    (total, weights) = (0.0, 0.0)
    for k in range(math.floor(position - 3 * width) - 2, math.ceil(position + 3 * width) + 2):
        inside = k
        while not 0 <= inside < len(values):
            inside = -inside - 1 if inside < 0 else 2 * len(values) - 1 - inside
        weight = keys((k + 0.5 - position) / width)
        total += weight * values[inside]
        weights += weight
    return total / weights


def slow_resize(grid: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    (height, width) = grid.shape
    wide = [
        [slow_line(list(grid[r]), (c + 0.5) * width / size[1], width / size[1]) for c in range(size[1])] for r in range(height)
    ]
    tall = [
        [slow_line([wide[k][c] for k in range(height)], (r + 0.5) * height / size[0], height / size[0]) for c in range(size[1])]
        for r in range(size[0])
    ]
    return np.clip(tall, grid.min(), grid.max())  # bicubic overshoots; no value is invented


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((7, 7), (23, 16)),
        ((3, 5), (3, 5)),
        ((2, 3), (9, 2)),
        ((1, 4), (5, 8)),
        ((1, 1), (3, 3)),
        ((20, 17), (6, 5)),
        ((9, 2), (4, 7)),
    ],
)
def test_bicubic_is_keys_with_a_half_negative_and_a_reflected_border(shape: tuple[int, int], size: tuple[int, int]) -> None:
    grid = np.random.default_rng(3).normal(size=shape)
    np.testing.assert_allclose(resize_map(grid, size), slow_resize(grid, size), atol=2e-6)


@pytest.mark.parametrize("size", [(35, 49), (14, 23), (7, 6)])
def test_torch_agrees_away_from_the_border(size: tuple[int, int]) -> None:
    grid = torch.from_numpy(np.random.default_rng(4).normal(size=(1, 1, 14, 14)).astype(np.float32))
    reference = torch.nn.functional.interpolate(grid, size, mode="bicubic", align_corners=False, antialias=True)[0, 0].numpy()
    resized = resize_map(grid[0, 0].numpy(), size)
    reference = np.clip(reference, float(grid.min()), float(grid.max()))
    edge = [math.ceil(2 * max(s / 14, 1)) for s in size]  # where a kernel of two samples reaches over the border
    inner = (slice(edge[0], -edge[0]), slice(edge[1], -edge[1]))
    np.testing.assert_allclose(resized[inner], reference[inner], atol=1e-5)
    assert np.abs(resized - reference).max() > 1e-3, "at the border torch cuts the kernel, we reflect"


def test_a_constant_stays_and_a_ramp_stays_straight_inside() -> None:
    np.testing.assert_allclose(resize_map(np.full((3, 4), 2.5), (31, 29)), 2.5, rtol=1e-6)
    ramp = resize_map(np.tile(np.arange(10.0), (4, 1)), (8, 40))
    np.testing.assert_allclose(ramp[:, 8:-8], np.tile((np.arange(40) + 0.5) / 4 - 0.5, (8, 1))[:, 8:-8], atol=1e-5)


def test_same_size_changes_nothing() -> None:
    grid = np.random.default_rng(1).normal(size=(2, 5, 6)).astype(np.float32)
    np.testing.assert_allclose(resize_map(grid, (5, 6)), grid, atol=1e-7)


def test_shrinking_averages_and_skips_nothing() -> None:
    stripes = np.tile([0.0, 1.0], (16, 32))  # one sample wide: without antialiasing they would alias to 0 or 1
    small = resize_map(stripes, (4, 8))
    np.testing.assert_allclose(small[:, 2:-2], 0.5, atol=1e-6)
    np.testing.assert_allclose(small, 0.5, atol=0.04)  # at the border a reflected stripe is two samples wide


def test_nearest_repeats_cells() -> None:
    grid = [[1.0, -2.0], [3.0, 4.0]]
    np.testing.assert_array_equal(resize_map(grid, (2, 5), "nearest"), [[1, 1, -2, -2, -2], [3, 3, 4, 4, 4]])
    np.testing.assert_array_equal(resize_map(grid, (4, 4), "nearest"), np.kron(grid, np.ones((2, 2))))
    np.testing.assert_array_equal(resize_map([[1.0, 2.0, 3.0, 4.0]], (1, 2), "nearest"), [[2, 4]])


@pytest.mark.parametrize("values", [np.eye(6), -np.eye(6), np.eye(5) - 0.3, np.random.default_rng(0).normal(size=(7, 4))])
def test_enlarged_values_stay_within_the_map(values: np.ndarray) -> None:
    (low, high) = (np.float32(values.min()), np.float32(values.max()))
    geometry = Geometry.resized((90, 120), (60, 80), (0, 10), (60, 60))
    for large in (resize_map(values, (60, 44)), map_on_photo(values, geometry)):
        assert np.nanmin(large) >= low
        assert np.nanmax(large) <= high
    several = resize_map(np.stack([values, 100 * values]), (60, 44))
    np.testing.assert_array_equal(several[0], resize_map(values, (60, 44)), "each map keeps within its own values")


def test_results_are_float32_and_leading_axes_stay() -> None:
    large = resize_map(np.ones((2, 3, 4, 5)), (8, 10))
    assert (large.shape, large.dtype) == ((2, 3, 8, 10), np.float32)
    one_by_one = np.stack([resize_map(m, (8, 10)) for m in np.ones((2, 3, 4, 5))])
    np.testing.assert_array_equal(large, one_by_one)


def test_unknown_upsampling() -> None:
    with pytest.raises(OptionError) as error:
        resize_map([[1.0]], (2, 2), "bilinear")
    assert str(error.value) == "upsample='bilinear' is not known: write 'bicubic' or 'nearest'."


# -- on the photo -------------------------------------------------------------------------------------------------------


def test_geometry_of_a_resize_and_a_crop() -> None:
    geometry = Geometry.resized(photo=(100, 200), resized=(50, 100), crop=(0, 25), size=(50, 50))
    assert geometry.rows == (2.0, 0.0)
    assert geometry.columns == (2.0, 50.0)
    assert geometry.frame == (0.0, 50.0, 100.0, 150.0)
    assert geometry.cropped
    (rows, columns) = geometry.input_positions()
    assert (rows[0], rows[-1], columns[50], columns[149]) == (0.25, 49.75, 0.25, 49.75)


def test_geometry_of_the_whole_photo() -> None:
    whole = Geometry.whole((6, 8))
    assert whole.frame == (0.0, 0.0, 6.0, 8.0)
    assert not whole.cropped
    assert not Geometry.resized((480, 640), (227, 303), (0, 0), (227, 303)).cropped
    stretched = Geometry.resized((480, 640), (224, 224), (0, 0), (224, 224))
    assert stretched.frame == pytest.approx((0, 0, 480, 640))


def test_the_frame_is_cut_at_the_photo() -> None:
    padded = Geometry((10, 10), (10, 20), (1.0, 0.0), (1.0, -5.0))  # the input reaches over the photo on both sides
    assert padded.frame == (0.0, 0.0, 10.0, 10.0)
    assert not padded.cropped


def test_half_a_pixel_is_no_crop() -> None:
    assert not Geometry((10, 10), (10, 10), (0.95, 0.25), (0.95, 0.25)).cropped
    assert Geometry((10, 10), (10, 10), (0.9, 0.0), (1.0, 0.0)).cropped


def test_a_hot_cell_lies_on_its_photo_pixels() -> None:
    # 8 × 12 photo, halved to 4 × 6, columns 1 to 4 of that cut out: 4 × 4 input, a map of 2 × 2 cells.
    geometry = Geometry.resized((8, 12), (4, 6), (0, 1), (4, 4))
    large = map_on_photo([[[0.0, 1.0], [0.0, 0.0]]], geometry, "nearest")
    expected = np.zeros((8, 12), np.float32)
    expected[0:4, 6:10] = 1  # cell (0, 1): input rows 0-1, columns 2-3; photo rows 0-3, columns 2 * (1 + 2) to 9
    expected[:, :2] = np.nan
    expected[:, 10:] = np.nan
    np.testing.assert_array_equal(large, expected[None])


def test_nan_exactly_where_the_pixel_centre_is_outside() -> None:
    # Scale 1.5, offset 1.5: input columns 0 to 2 cover photo columns 1.5 to 6.0.
    geometry = Geometry((2, 8), (2, 3), (1.0, 0.0), (1.5, 1.5))
    inside = ~np.isnan(map_on_photo(np.ones((2, 3)), geometry))
    np.testing.assert_array_equal(inside, np.tile([0, 1, 1, 1, 1, 1, 0, 0], (2, 1)).astype(bool))  # centre 1.5 is on the edge


def test_bicubic_on_the_photo_is_the_resized_map_cut_and_put_in_place() -> None:
    grid = np.random.default_rng(0).normal(size=(2, 7, 7))
    geometry = Geometry.resized((60, 100), (30, 50), (0, 10), (30, 30))
    on_photo = map_on_photo(grid, geometry)
    assert on_photo.shape == (2, 60, 100)
    np.testing.assert_allclose(on_photo[:, :, 20:80], resize_map(grid, (60, 60)), atol=1e-5)
    assert np.isnan(on_photo[:, :, :20]).all()
    assert np.isnan(on_photo[:, :, 80:]).all()


def test_a_fine_map_on_a_small_photo_is_antialiased() -> None:
    stripes = np.tile(np.arange(64) % 4 == 0, (64, 1))  # read at single points, a photo pixel would see 0 or 1
    geometry = Geometry.resized((8, 8), (64, 64), (0, 0), (64, 64))
    on_photo = map_on_photo(stripes, geometry)
    np.testing.assert_allclose(on_photo[:, 2:-2], 0.25, atol=0.01)
    np.testing.assert_allclose(on_photo, resize_map(stripes, (8, 8)), atol=1e-6)


def test_the_part_that_was_seen_is_that_of_the_whole_photo() -> None:
    geometry = Geometry.resized((40, 61), (20, 30), (2, 5), (16, 16))
    maps = np.random.default_rng(3).normal(size=(2, 4, 5))
    whole = map_on_photo(maps, geometry)
    (inside, (rows, columns)) = map_on_seen(maps, geometry)
    assert (rows, columns) == (slice(4, 36), slice(10, 43))  # rows 4 to 36 and columns 10.17 to 42.7, by the pixels' centres
    np.testing.assert_array_equal(inside, whole[:, rows, columns])
    assert np.isfinite(inside).all()
    assert np.isfinite(whole).sum() == inside.size


# -- volumes ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("upsample", ["bicubic", "nearest"])
@pytest.mark.parametrize("size", [(9, 10, 14), (2, 3, 4), (40, 6, 5)])
def test_a_volume_is_enlarged_axis_by_axis(size: tuple[int, int, int], upsample: str) -> None:
    """As two pictures: slices × voxels of a slice, enlarged along the slices alone; then each slice by itself."""
    maps = np.random.default_rng(0).normal(size=(2, 4, 3, 5)).astype(np.float32)
    large = resize_volume(maps, size, upsample)
    assert large.shape == (2, *size)
    for k in range(2):
        between = resize_map(maps[k].reshape(4, 15), (size[0], 15), upsample).reshape(size[0], 3, 5)
        np.testing.assert_allclose(large[k], [resize_map(part, size[1:], upsample) for part in between], atol=1e-6)
        assert large[k].min() >= maps[k].min()
        assert large[k].max() <= maps[k].max()


def test_one_slice_is_a_picture() -> None:
    map_ = np.random.default_rng(0).normal(size=(1, 3, 5)).astype(np.float32)
    large = resize_volume(map_, (4, 9, 11))
    for part in large:
        np.testing.assert_allclose(part, resize_map(map_[0], (9, 11)), atol=1e-6)


def test_a_peak_keeps_its_place_along_every_axis() -> None:
    map_ = np.zeros((10, 16, 12), np.float32)
    map_[5, 8, 11 - 4] = 1
    large = resize_volume(map_, (40, 64, 48))
    for axis, centre in enumerate((22, 34, 30)):  # 5.5 · 4, 8.5 · 4, 7.5 · 4
        weights = large.sum(axis=tuple(other for other in range(3) if other != axis))
        assert (weights * (np.arange(len(weights)) + 0.5)).sum() / weights.sum() == pytest.approx(centre, abs=1e-3)


def test_some_slices_are_those_of_the_whole() -> None:
    maps = np.random.default_rng(0).normal(size=(2, 4, 3, 5)).astype(np.float32)
    grid = VolumeSampleGrid((1.0, 2.0), (0.5, 3.0), slices=(2.0, 5.0))
    everywhere = at_slices(maps, 20, range(20), "bicubic", grid)
    np.testing.assert_array_equal(at_slices(maps, 20, [0, 7, 19], "bicubic", grid), everywhere[:, [0, 7, 19]])
    np.testing.assert_allclose(everywhere[:, 0], maps[:, 0], atol=1e-6)  # before the first sample it goes on
    np.testing.assert_allclose(everywhere[:, 19], maps[:, 3], atol=1e-6)
    assert grid.axes == ((2.0, 5.0), (1.0, 2.0), (0.5, 3.0))
    assert grid.in_plane == SampleGrid((1.0, 2.0), (0.5, 3.0))


def test_the_peak_of_equal_places_is_the_one_in_their_middle() -> None:
    map_ = np.full((5, 6), np.nan, np.float32)
    map_[1:4, 1:6] = 1
    assert peak(map_) == (2, 3)
    map_[4, 5] = 2
    assert peak(map_) == (4, 5)
