from dataclasses import replace

import numpy as np
import pytest

from seewhy.show import panels
from seewhy.show.panel import Bar, spelled

BLOB = [[0, 0, 0], [0, 4, 0], [0, 0, 2]]


def test_titles(explained):
    shown = panels(explained([BLOB, BLOB]))
    assert [panel.title for panel in shown] == [
        "coyote (0.61); bear (0.30); sheep (0.09)",
        "coyote (0.61)",
        "bear (0.30)",
    ]


def test_without_predictions_the_photo_is_called_by_its_name(explained):
    assert panels(explained(predictions=[]))[0].title == "photo.jpg"


def test_the_photo_comes_first_with_its_crop_framed(explained):
    (photo, _) = panels(explained(size=(400, 600)))
    assert photo.bar is None
    assert photo.caption == "The network saw what is framed."
    assert photo.pixels.shape == (400, 600, 3)
    assert np.all(photo.pixels[:, :90] == 128)
    assert photo.pixels[:, 90:120].max() == 255
    (photo, _) = panels(explained(size=(400, 600), crop=False))
    assert photo.caption == ""
    assert np.all(photo.pixels == 128)


def test_the_hottest_pixel_lies_where_the_map_says(explained):
    peak = np.zeros((4, 4))
    peak[1, 3] = 5
    (_, panel) = panels(explained([peak], size=(400, 600)))
    light = panel.pixels.astype(int).sum(axis=2)
    (row, column) = np.unravel_index(light.argmax(), light.shape)
    assert 100 <= row < 200
    assert 400 <= column < 500  # the crop's last quarter: 100 + 3 * 100 and on
    assert np.ptp(panel.pixels[:, :99].astype(int), axis=2).max() == 0  # nothing outside the crop


def test_captions_carry_rank_and_reason(explained):
    e = explained([BLOB, np.zeros((3, 3)), np.full((3, 3), 2.5)])
    e = replace(e, notes=["The evidence for 'bear' is all negative: try relu=False.", "The seed does not matter."])
    shown = panels(e)
    assert [panel.caption for panel in shown] == [
        "The network saw what is framed. The seed does not matter.",
        "",
        "The network's choice number 2. The evidence for 'bear' is all negative: try relu=False.",
        "The network's choice number 3. Flat map: 2.5 everywhere, so it points nowhere.",
    ]
    assert panels(e, notes=False)[0].caption == "The network saw what is framed."


def test_a_single_target_carries_all_notes(explained):
    e = explained(notes=["One of a kind."], partial=True)
    assert panels(e)[1].caption == "One of a kind. Not complete: what was reached."


def test_a_target_without_rank(explained):
    from seewhy.records import Target

    e = explained(targets=[Target("my function", None, 3.5, None)])
    assert panels(e)[1].title == "my function (3.50)"
    assert panels(e)[1].caption == ""


def test_one_scale_for_all_or_one_for_each(explained):
    weak = 0.25 * np.array(BLOB)
    e = explained([BLOB, weak])
    (_, strong_panel, weak_panel) = panels(e, upsample="nearest")
    assert strong_panel.bar is weak_panel.bar
    assert (strong_panel.bar.low, strong_panel.bar.high, strong_panel.bar.label) == (0, 4, "logit")
    assert weak_panel.pixels.astype(int).sum(axis=2).max() < strong_panel.pixels.astype(int).sum(axis=2).max() - 100
    (_, strong_panel, weak_panel) = panels(e, upsample="nearest", shared=False)
    assert (weak_panel.bar.low, weak_panel.bar.high) == (0, 1)
    np.testing.assert_array_equal(weak_panel.pixels, strong_panel.pixels)


def test_signed_maps_have_a_symmetric_scale(explained):
    (_, panel) = panels(explained([[[-1.0, 0.5], [0, 2.0]]], signed=True), upsample="nearest")
    assert (panel.bar.low, panel.bar.high) == (-2, 2)
    assert panel.bar.label == "against ← logit → for"
    assert panel.bar.marks == [(0.0, "−2"), (0.5, "0"), (1.0, "2")]


def test_an_empty_map_has_an_empty_scale(explained):
    (_, panel) = panels(explained([np.zeros((3, 3))]))
    assert panel.bar.marks == [(0.0, "0")]
    assert np.ptp(panel.pixels.astype(int), axis=2).max() == 0
    assert Bar(panel.bar.table, 0, 0, signed=True).marks == [(0.5, "0")]


def test_single_spikes_of_a_pixel_map_open_the_scale(explained):
    spiky = np.random.default_rng(0).random((60, 60))
    spiky[30, 30] = 50
    (_, panel) = panels(explained([spiky]), upsample="nearest")
    assert panel.bar.open
    assert panel.bar.high == 10
    assert panel.bar.marks[2] == (1.0, "≥ 10")
    peak = np.zeros((13, 13))
    peak[6, 6] = 50
    (_, panel) = panels(explained([peak]), upsample="nearest")
    assert panel.bar.marks[2] == (1.0, "50")  # a coarse map is never cut


def test_large_photos_are_reduced_and_tiny_ones_enlarged(explained):
    (photo, overlay) = panels(explained(size=(1500, 3000)))
    assert photo.pixels.shape == overlay.pixels.shape == (500, 1000, 3)
    (photo, overlay) = panels(explained(size=(20, 30)))
    assert photo.pixels.shape == overlay.pixels.shape == (280, 420, 3)


def test_panels_are_the_same_each_time(explained):
    for a, b in zip(panels(explained()), panels(explained()), strict=True):
        np.testing.assert_array_equal(a.pixels, b.pixels)


@pytest.mark.parametrize(
    ("value", "scale", "text"),
    [(1e-9, 12.3, "0"), (12.34, 12.34, "12.3"), (-0.0001234, 0.0005, "−0.000123"), (-1e-9, 1, "0"), (0, 0, "0")],
)
def test_numbers_in_words(value, scale, text):
    assert spelled(value, scale) == text


@pytest.mark.parametrize("size", [(1000, 2000), (2000, 1000), (20, 40), (40, 20)])
def test_the_crop_keeps_its_place_when_the_photo_is_resized(explained, size):
    (photo, overlay) = panels(explained([np.arange(9).reshape(3, 3)], size=size))
    long_axis = int(size[0] > size[1])  # turn portraits: the crop is the middle half of the longer side
    line = (np.swapaxes(photo.pixels, 0, 1) if long_axis else photo.pixels)[photo.pixels.shape[long_axis] // 2, :, 0]
    length = len(line)
    assert np.flatnonzero(line != 128)[[0, -1]].tolist() == [length // 4, 3 * length // 4 - 1]
    seen = np.swapaxes(overlay.pixels, 0, 1) if long_axis else overlay.pixels
    light = seen.astype(int).sum(axis=2)[2]
    assert np.all(light[: length // 4] == light[0])
    assert light[length // 4] > light[0] + 60
    assert light[3 * length // 4 - 1] > light[-1] + 60
    assert np.all(light[3 * length // 4 :] == light[0])
