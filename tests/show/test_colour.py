import numpy as np
import pytest

from seewhy.errors import PhotoError
from seewhy.geometry import Geometry
from seewhy.records import Photo
from seewhy.show import colour
from seewhy.show.tables import table


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([1, 2, 5], [0, 0.25, 1]),
        ([7, 7, 7], [0, 0, 0]),
        ([3], [0]),
        ([np.nan, 2, 4], [np.nan, 0, 1]),
        ([np.nan, np.nan], [np.nan, np.nan]),
        ([np.inf, 0, 1, -np.inf], [1, 0, 1, 0]),
        (np.array([0, 200, 250], dtype=np.uint8), [0, 0.8, 1]),
        (np.array([-128, 127], dtype=np.int8), [0, 1]),
        ([True, False], [1, 0]),
    ],
)
def test_min_max(values, expected):
    np.testing.assert_allclose(colour.min_max(values), expected)


def test_min_max_with_limits_cuts_both_ends():
    np.testing.assert_array_equal(colour.min_max([-1, 0, 1, 2, 9], (0, 2)), [0, 0, 0.5, 1, 1])


def test_bytes_are_rounded_half_up_and_never_wrap():
    np.testing.assert_array_equal(colour.to_bytes([-5, 0.49, 0.5, 254.5, 255.5, 256, 1e9]), [0, 0, 1, 255, 255, 255, 255])


def test_the_index_rule():
    values = np.linspace(-2, 6, 41)
    expected = [min(int((v + 2) / 8 * 10 + 1e-12), 9) for v in values]
    np.testing.assert_array_equal(colour.rows_of(values, 10, (-2, 6)), expected)
    assert colour.rows_of([-2, 6], 10, (-2, 6)).tolist() == [0, 9]
    assert colour.rows_of([-99, 99], 10, (-2, 6)).tolist() == [0, 9]


@pytest.mark.parametrize("values", [[[0, 0], [0, 0]], [[3, 3], [3, 3]], [[5]], [[np.nan]], [[1e6, 1e6 + 0.1]]])
def test_a_flat_map_is_never_stretched(values):
    assert colour.is_flat(values)
    assert colour.limits([values], signed=False) == [(0.0, 0.0)]
    assert np.all(colour.rows_of(values, 255, (0, 1)) == 0)
    assert np.all(colour.rows_of(values, 255, (-1, 1), signed=True) == 127)
    assert np.all(colour.strength(values, (0, 1)) == 0)
    dark = colour.to_bytes(255 * table()[0])
    picture = colour.colourise(np.nan_to_num(values))
    assert np.all(picture == dark)


def test_limits():
    maps = [[0, 2, np.nan], [0, 5, 1], [7, 7, 7]]
    assert colour.limits(maps, signed=False, shared=False) == [(0, 2), (0, 5), (0, 0)]
    assert colour.limits(maps, signed=False, shared=True) == [(0, 5)] * 3  # the flat 7 does not widen it
    assert colour.limits([[-3, 1], [0, 2]], signed=True, shared=False) == [(-3, 3), (-2, 2)]
    assert colour.limits([[-3, 1], [0, 2]], signed=True, shared=True) == [(-3, 3)] * 2
    assert colour.limits([[-3, -1]], signed=False) == [(0, 0)]
    assert colour.limits([], signed=False) == []


def test_limits_cut_off_single_spikes_only_when_asked():
    ramp = np.linspace(0, 1, 1000)
    spiky = np.concatenate([ramp, [4.0]])
    assert colour.limits([spiky], signed=False) == [(0, 4)]
    ((_, high),) = colour.limits([spiky], signed=False, spikes=True)
    assert high == pytest.approx(np.quantile(spiky, 0.995))
    assert colour.limits([ramp], signed=False, spikes=True) == [(0, 1)]
    lonely = np.zeros(10_000)
    lonely[0] = 10
    assert colour.limits([lonely], signed=False, spikes=True) == [(0, 2)]  # never below a fifth


def test_the_hottest_value_gets_the_hottest_colour_and_zero_the_neutral_one():
    picture = colour.colourise([[0, 3], [np.nan, 6]])
    ends = colour.to_bytes(255 * table())[[0, 254]]
    np.testing.assert_array_equal(picture[0, 0], ends[0])
    np.testing.assert_array_equal(picture[1, 1], ends[1])
    np.testing.assert_array_equal(picture[1, 0], (128, 128, 128))
    signed = colour.colourise([[-6, 0, 3]], signed=True)
    rows = colour.to_bytes(255 * table(signed=True))
    np.testing.assert_array_equal(signed[0], rows[[0, 127, 191]])


def test_maps_of_bytes_never_wrap():
    values = np.array([[0, 128, 255]], dtype=np.uint8)
    np.testing.assert_array_equal(colour.colourise(values), colour.colourise(values.astype(float)))
    assert colour.limits([np.array([-128, 5], dtype=np.int8)], signed=True) == [(-128, 128)]


def test_displayable():
    grey = np.array([[0, 9]], dtype=np.uint8)
    np.testing.assert_array_equal(colour.displayable(grey), np.repeat(grey[..., None], 3, axis=2))
    rgb = np.arange(6, dtype=np.uint8).reshape(1, 2, 3)
    np.testing.assert_array_equal(colour.displayable(rgb), rgb)
    np.testing.assert_array_equal(colour.displayable(np.array([[[-1.0], [3.0]]]))[0, :, 0], (0, 255))
    two = np.array([[[0, 100], [200, 100]]], dtype=np.uint8)
    np.testing.assert_array_equal(colour.displayable(two)[0], [[50] * 3, [150] * 3])
    five = np.arange(10, dtype=np.uint8).reshape(1, 2, 5)
    np.testing.assert_array_equal(colour.displayable(five), five[:, :, :3])
    flat = colour.displayable(np.full((2, 2, 3), 7.5, dtype=np.float32))
    np.testing.assert_array_equal(flat, np.zeros((2, 2, 3)))


def test_photos_by_their_name(tmp_path):
    from PIL import Image

    from seewhy.show import cam_show, plot_maps

    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    path = tmp_path / "photo.png"
    Image.fromarray(rgb).save(path)
    for photo in (path, str(path), path.read_bytes()):
        np.testing.assert_array_equal(colour.as_pixels(photo), rgb)
    np.testing.assert_array_equal(cam_show(path, np.eye(3)), cam_show(rgb, np.eye(3)))
    assert plot_maps(str(path), [np.eye(3)], ["a map"]).axes
    with pytest.raises(PhotoError, match=r"^There is no file 'none\.jpg'\.$"):
        colour.as_pixels("none.jpg")


def test_photos_from_the_user():
    from PIL import Image

    rgb = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    for form in (rgb, rgb / 255, Image.fromarray(rgb), rgb.astype(int), np.dstack([rgb, rgb[:, :, 0]])):
        np.testing.assert_array_equal(colour.as_pixels(form), rgb)
    photo = Photo(rgb, np.zeros((3, 2, 2), np.float32), Geometry.whole((2, 2)))
    np.testing.assert_array_equal(colour.as_pixels(photo), rgb)


@pytest.mark.parametrize(
    ("photo", "message"),
    [
        (np.zeros((3, 8, 9)), r"^The photo has shape \(3, 8, 9\): give \(rows, columns\) or \(rows, columns, 3\);"),
        (np.array([[-2.5, 2.5]]), r"^The photo's numbers reach from -2\.5 to 2\.5: give bytes"),
        (np.array([[0, 256]]), r"^The photo holds int64 values: give bytes"),
        (np.zeros((0, 3)), r"^The photo has shape \(0, 3\)"),
        (np.array([[np.nan, 0.5]]), r"^The photo's numbers reach from nan to nan"),
    ],
)
def test_photos_that_cannot_be_drawn(photo, message):
    with pytest.raises(PhotoError, match=message):
        colour.as_pixels(photo)
