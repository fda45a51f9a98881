"""The photo as the network sees it: what the present values would be a picture of, under the preparation that is believed."""

from __future__ import annotations

import numpy as np

from seewhy.doctor.drawing import panels_of
from seewhy.doctor.examination import Examination
from seewhy.doctor.preparations import Normalisation
from seewhy.load.demo import DEMO_MEAN, DEMO_STD


def test_a_sound_input_comes_back_as_the_photo(honest, scene_photos) -> None:
    (photo, now) = panels_of(Examination(honest, honest.read_all(scene_photos[:1])))
    np.testing.assert_array_equal(photo.pixels, scene_photos[0])
    np.testing.assert_allclose(now.pixels, honest.read(scene_photos[0]).pixels.transpose(1, 2, 0), atol=1)


def test_values_that_are_not_normalised_come_back_pale(honest, scene_photos) -> None:
    spoilt = honest.with_preprocess(mean=None, std=None)
    examination = Examination(spoilt, spoilt.read_all(scene_photos[:1]))
    examination.chosen = (Normalisation("right", DEMO_MEAN, DEMO_STD), None)
    (_, now, best) = panels_of(examination)
    expected = (best.pixels / 255 * np.array(DEMO_STD) + np.array(DEMO_MEAN)) * 255
    np.testing.assert_allclose(now.pixels, expected, atol=1)
    assert best.caption == "right"


def test_a_crop_is_framed_and_swapped_colours_show(honest, scene_photos) -> None:
    spoilt = honest.with_preprocess(size=(96, 96), resize="shorter", order="BGR")
    examination = Examination(spoilt, spoilt.read_all(scene_photos[:1]))
    examination.chosen = (Normalisation("right", DEMO_MEAN, DEMO_STD), None)
    (photo, now, best) = panels_of(examination)
    assert (photo.pixels != scene_photos[0]).any()
    expected = (best.pixels[..., ::-1] / 255 - np.array(DEMO_MEAN)) / np.array(DEMO_STD)
    np.testing.assert_allclose(now.pixels, 255 * (expected * np.array(DEMO_STD) + np.array(DEMO_MEAN)), atol=1)
