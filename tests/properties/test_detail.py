from __future__ import annotations

import itertools

import numpy as np
import pytest
from measured_scenes import SCENES, jpeg, noisy
from PIL import Image, ImageFilter
from scipy.ndimage import gaussian_filter

from seewhy.properties import PROPERTIES


def test_hand_made_numbers() -> None:
    assert PROPERTIES["noise"].measure(noisy(np.full((240, 320), 128, np.uint8), 10))[0] == pytest.approx(10 / 255, rel=0.03)
    blocks = np.kron(np.arange(16).reshape(4, 4) % 5, np.ones((8, 8))).astype(np.uint8) * 40
    assert PROPERTIES["blockiness"].measure(blocks)[0] > 4
    assert PROPERTIES["blockiness"].measure(np.roll(blocks, 4, axis=(0, 1)))[0] < 0


def test_sharpness_by_its_equations() -> None:
    """Twice: of luma as shares of white the differences of Gaussians, and the changes over a pixel and over 16."""
    scene = SCENES[0].astype(np.float64)
    luma = (scene @ [0.299, 0.587, 0.114]) / 255
    softer = [luma, *(gaussian_filter(luma, sigma, mode="nearest") for sigma in (1, 2))]
    left = (luma, *softer[1:])
    changes = {
        step: np.sqrt((np.mean((luma[step:] - luma[:-step]) ** 2) + np.mean((luma[:, step:] - luma[:, :-step]) ** 2)) / 2)
        for step in (1, 16)
    }
    measure = PROPERTIES["sharpness"].measure(SCENES[0])
    assert measure[0] == pytest.approx(np.log((changes[1] + 1e-3) / (changes[16] + 1e-3)), abs=1e-4)
    details = [(fine - coarse).std() + 1e-3 for fine, coarse in itertools.pairwise(left)]
    assert measure[1] - measure[2] == pytest.approx(np.log(details[0] / details[1]), abs=1e-3)


def test_what_was_sharpened_over_several_pixels_lends_that() -> None:
    """The photo that is given another's sharpness is nearer to itself sharpened so than to itself."""
    mask = ImageFilter.UnsharpMask(3.5, 300, 0)
    (sharpened, expected) = (np.asarray(Image.fromarray(scene).filter(mask)).astype(float) for scene in SCENES[:2])
    kind = PROPERTIES["sharpness"]
    edited = kind.adjusted(SCENES[1], kind.measure(sharpened.astype(np.uint8))).astype(float)
    assert np.corrcoef((edited - SCENES[1]).ravel(), (expected - SCENES[1]).ravel())[0, 1] > 0.8


def test_a_photo_without_blocks_cannot_have_fewer_and_one_with_blocks_can() -> None:
    kind = PROPERTIES["blockiness"]
    np.testing.assert_array_equal(kind.adjusted(SCENES[0], np.array([-1], np.float32)), SCENES[0])
    blocky = jpeg(SCENES[0], 10)
    softened = kind.adjusted(blocky, np.array([0], np.float32))
    assert kind.measure(softened)[0] < kind.measure(blocky)[0] - 0.2
