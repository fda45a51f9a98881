import numpy as np
import pytest
from PIL import Image

from seewhy.errors import OptionError
from seewhy.geometry import Geometry, resize_map
from seewhy.show import cam_show, frame, overlay
from seewhy.show.overlay import recipe, seen_colours
from seewhy.show.tables import table

GREY = np.full((2, 2), 100, dtype=np.uint8)


def slow_cam_show(photo, map):
    """The seven steps of the definition, pixel by pixel."""
    (height, width) = photo.shape[:2]
    large = resize_map(map, (height, width)).astype(float)
    span = large.max() - large.min()
    total = np.zeros((height, width, 3))

    def u(k):
        return min(k, 64, 192 - k) / 64 if 1 <= k <= 191 else 0

    for r in range(height):
        for c in range(width):
            m = (large[r, c] - large.min()) / span
            m = 0 if m < 0.2 else m
            v = int(np.floor(255 * m + 0.5))
            i = min(v, 254) + 1
            (red, green, blue) = (int(x) for x in np.broadcast_to(photo[r, c], 3))
            dark = np.floor(0.2989 * red + 0.5870 * green + 0.1140 * blue + 0.5) / 2
            for channel, k in enumerate((i - 96, i - 32, i + 32)):
                total[r, c, channel] = dark + 255 * u(k) * (i - 1) / 254
    return np.floor(255 * (total - total.min()) / (total.max() - total.min()) + 0.5).astype(np.uint8)


def test_cam_show_golden_pixels():
    picture = cam_show(GREY, [[0, 0.1], [0.5, 1]])
    assert picture.dtype == np.uint8
    np.testing.assert_array_equal(picture, [[(0, 0, 0), (0, 0, 0)], [(129, 249, 121), (255, 0, 0)]])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("channels", [(), (3,)])
def test_cam_show_equals_its_second_writing(seed, channels):
    rng = np.random.default_rng(seed)
    photo = rng.integers(0, 256, (9, 12, *channels), dtype=np.uint8)
    map = rng.normal(size=(3, 4)).astype(np.float32)
    difference = cam_show(photo, map).astype(int) - slow_cam_show(photo, map)
    assert np.abs(difference).max() <= 1  # the last step rounds numbers that differ in the 16th digit
    assert np.mean(difference != 0) < 0.01


def test_cam_show_at_the_peak_has_no_green_and_no_blue():
    map = np.zeros((8, 8))
    map[2, 5] = 3
    picture = cam_show(np.zeros((8, 8, 3), dtype=np.uint8), map)
    assert picture[2, 5, 0] > 0
    assert picture[2, 5, 1] == picture[2, 5, 2] == 0


def test_cam_show_takes_photos_of_any_kind():
    rgb = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    map = np.eye(4)
    expected = cam_show(rgb, map)
    for photo in (rgb / 255, Image.fromarray(rgb)):
        np.testing.assert_array_equal(cam_show(photo, map), expected)


@pytest.mark.parametrize("map", [[[2, 2], [2, 2]], [[0, 0], [0, 0]], [[5]], [[np.nan, np.nan]] * 2])
def test_cam_show_of_a_flat_map_is_the_darkened_photo(map):
    photo = np.array([[(200, 200, 200), (255, 0, 0)], [(0, 255, 0), (0, 0, 255)]], dtype=np.uint8)
    expected = [[[100] * 3, [38] * 3], [[75] * 3, [15] * 3]]  # half of 200, 76, 150, 29; halves rounded up
    np.testing.assert_array_equal(cam_show(photo, map), expected)


def test_blending_with_a_number():
    photo = np.array([[(0, 100, 200), (10, 20, 30)]], dtype=np.uint8)
    map = [[0.0, 2.0]]
    ends = 255 * table("jet")[[0, 254]]
    picture = overlay(photo, map, "jet", alpha=0.25)
    np.testing.assert_array_equal(picture[0], np.floor(0.75 * photo[0] + 0.25 * ends + 0.5))
    np.testing.assert_array_equal(overlay(photo, map, "jet", alpha=0), photo)
    np.testing.assert_array_equal(overlay(photo, map, "jet", alpha=1)[0], np.floor(ends + 0.5))


def test_the_index_rule_in_an_overlay():
    ramp = np.linspace(0, 1, 256)[None]
    picture = overlay(np.zeros((1, 256), np.uint8), ramp, [[0, 0, 0], [0.2, 0, 0], [0.6, 0, 0], [1, 0, 0]], alpha=1)
    expected = [[0, 51, 153, 255][min(int(x * 4), 3)] for x in ramp[0]]
    np.testing.assert_array_equal(picture[0, :, 0], expected)


def test_no_evidence_shows_the_pale_photo_and_the_hottest_place_is_the_brightest():
    photo = np.full((1, 101, 3), 128, dtype=np.uint8)
    picture = overlay(photo, np.linspace(0, 5, 101)[None])[0].astype(int)
    assert np.ptp(picture[0]) == 0  # no colour
    assert 60 < picture[0, 0] < 128  # a little darker than the photo
    light = picture @ np.array([0.2989, 0.5870, 0.1140])
    assert light.argmax() == 100
    assert np.all(np.diff(light[25:]) > -1)
    colourful = np.ptp(picture, axis=1)
    assert colourful[10] < 0.15 * colourful[100]  # weak does not look strong


def test_the_hottest_place_beats_snow():
    photo = np.full((1, 9, 3), 255, dtype=np.uint8)
    light = overlay(photo, np.linspace(0, 1, 9)[None])[0] @ np.array([0.2989, 0.5870, 0.1140])
    assert light.argmax() == 8


def test_signed_evidence_has_two_hues_and_a_neutral_zero():
    photo = np.full((1, 3, 3), 128, dtype=np.uint8)
    (against, nothing, speaks_for) = overlay(photo, [[-1.0, 0.0, 1.0]], signed=True)[0].astype(int)
    assert against[2] > against[0] + 50  # blue
    assert speaks_for[0] > speaks_for[2] + 50  # orange
    assert np.ptp(nothing) == 0
    weaker = overlay(photo, [[-0.5, 0.0, 1.0]], signed=True)[0].astype(int)
    assert weaker[0].sum() < against.sum() - 100  # symmetric about zero: not stretched to the minimum


@pytest.mark.parametrize("map", [[[0.0]], [[4.0]], np.full((3, 3), 7), np.zeros((2, 5)), np.full((3, 3), 0.1)])
@pytest.mark.parametrize("signed", [False, True])
def test_an_empty_map_is_drawn_empty(map, signed):
    photo = np.random.default_rng(0).integers(0, 256, (4, 5), dtype=np.uint8)
    picture = overlay(photo, map, signed=signed, limits=(-1, 1) if signed else (0, 1))
    assert np.ptp(picture, axis=2).max() == 0


def test_pixels_that_were_not_seen_are_dark_whatever_the_alpha():
    photo = np.full((2, 2, 3), 200, dtype=np.uint8)
    map = np.array([[np.nan, 0.0], [1.0, np.inf]])
    for alpha in (None, 0.5):
        picture = overlay(photo, map, alpha=alpha).astype(int)
        assert np.ptp(picture[0, 0]) == 0
        assert picture[0, 0, 0] < 0.5 * 200
        np.testing.assert_array_equal(picture[0, 0], picture[1, 1])
    assert overlay(photo, map).astype(int)[0, 1, 0] > overlay(photo, map).astype(int)[0, 0, 0] + 30


def test_a_small_map_with_gaps_keeps_them():
    map = np.ones((2, 2))
    map[0, 0] = np.nan
    map[1, 1] = 3
    picture = overlay(np.full((8, 8), 200, np.uint8), map).astype(int)
    assert np.all(picture[:4, :4] == picture[0, 0])
    assert np.all(picture[4:, 4:, 0] > picture[0, 0, 0])


def test_maps_of_whole_numbers_equal_maps_of_floats():
    photo = np.full((1, 3), 90, np.uint8)
    for kind in (np.uint8, np.int64, bool):
        map = np.array([[0, 1, 1]]).astype(kind) * kind(1)
        np.testing.assert_array_equal(overlay(photo, map), overlay(photo, map.astype(float)))
    bytes_ = np.array([[0, 128, 255]], dtype=np.uint8)
    picture = overlay(photo, bytes_)[0].astype(int)
    assert np.ptp(picture[2]) > np.ptp(picture[0])  # 255 is the hottest: it has not wrapped to 1


def test_the_bar_shows_the_colours_of_a_grey_photo():
    photo = np.full((1, 2), 128, np.uint8)
    picture = overlay(photo, [[0.0, 3.0]])[0]
    np.testing.assert_array_equal(np.round(255 * seen_colours()[[0, -1]]), picture)
    np.testing.assert_array_equal(seen_colours("jet", alpha=0.5), table("jet"))


def test_wrong_maps_and_settings():
    with pytest.raises(OptionError, match=r"^A map is one array \(rows, columns\), this one has shape \(1, 2, 2\)\.$"):
        overlay(GREY, np.zeros((1, 2, 2)))
    with pytest.raises(OptionError, match=r"^alpha=1\.5 is not between 0"):
        overlay(GREY, np.eye(2), alpha=1.5)


def test_the_frame_stands_on_the_edge_of_the_crop():
    picture = np.zeros((60, 100, 3), dtype=np.uint8)
    geometry = Geometry.resized((60, 100), (60, 100), (0, 20), (60, 60))
    framed = frame(picture, geometry)
    assert not picture.any()  # the given one is left alone
    assert not framed[:, :20].any()
    assert not framed[:, 80:].any()
    row = framed[30, :, 0]
    np.testing.assert_array_equal(row[19:24], (0, 30, 255, 30, 0))
    np.testing.assert_array_equal(row[76:81], (0, 30, 255, 30, 0))
    np.testing.assert_array_equal(framed[1, 21:79, 0], np.full(58, 255))


def test_the_frame_follows_a_resized_picture():
    geometry = Geometry.resized((600, 1000), (60, 100), (0, 20), (60, 60))
    framed = frame(np.full((60, 100, 3), 9, np.uint8), geometry)
    np.testing.assert_array_equal(framed[30, 19:24, 0], (9, 30, 255, 30, 9))


def test_no_frame_where_everything_was_seen():
    picture = np.zeros((4, 4, 3), dtype=np.uint8)
    assert frame(picture, Geometry.whole((4, 4))) is picture


@pytest.mark.parametrize("signed", [False, True])
def test_the_recipe_gives_the_overlay(signed):
    random = np.random.default_rng(0)
    photo = random.integers(0, 256, (40, 50, 3), dtype=np.uint8)
    map = random.random((40, 50)) - (0.5 if signed else 0)
    map[:, :5] = np.nan
    (low, high) = (-0.6 if signed else 0.0, 0.9)
    steps = recipe(signed)
    rows = np.array(steps["table"])
    assert rows.shape == (255, 4)
    assert rows[127 if signed else 0, 3] == 0  # no evidence, no colour
    seen = ~np.isnan(map)[:, :, None]
    row = rows[np.clip(np.floor((np.nan_to_num(map) + high * signed) / (high + high * signed) * 255), 0, 254).astype(int)]
    light = (photo @ np.array(steps["grey"]))[:, :, None]
    pale = steps["colour_left"] * photo + (1 - steps["colour_left"]) * light
    ground = np.where(seen, steps["seen"][0] + steps["seen"][1] * pale, steps["unseen"][0] + steps["unseen"][1] * pale)
    opacity = np.where(seen, row[:, :, 3:], 0)
    drawn = (1 - opacity) * ground + opacity * row[:, :, :3] * (1 + steps["grain"] * (light / 255 - steps["even"]))
    expected = overlay(photo, map, limits=(-high if signed else low, high), signed=signed)
    assert np.abs(np.clip(drawn, 0, 255) - expected).max() <= 3  # the opacity comes in 255 steps
