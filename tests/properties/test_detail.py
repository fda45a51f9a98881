from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

import seewhy
from seewhy.properties import PROPERTIES

SCENES = [np.asarray(scene.photo) for scene in seewhy.demo.scenes(4, "test", False, 1)]


def jpeg(values: Any, quality: int) -> Any:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def noisy(values: Any, strength: float) -> Any:
    return np.rint(values + np.random.default_rng(1).normal(0, strength, values.shape)).clip(0, 255).astype(np.uint8)


def test_hand_made_numbers() -> None:
    assert PROPERTIES["noise"].measure(noisy(np.full((240, 320), 128, np.uint8), 10))[0] == pytest.approx(10 / 255, rel=0.03)
    blocks = np.kron(np.arange(16).reshape(4, 4) % 5, np.ones((8, 8))).astype(np.uint8) * 40
    assert PROPERTIES["blockiness"].measure(blocks)[0] > 4
    assert PROPERTIES["blockiness"].measure(np.roll(blocks, 4, axis=(0, 1)))[0] < 0


def test_a_photo_without_blocks_cannot_have_fewer_and_one_with_blocks_can() -> None:
    kind = PROPERTIES["blockiness"]
    np.testing.assert_array_equal(kind.adjusted(SCENES[0], np.array([-1], np.float32)), SCENES[0])
    blocky = jpeg(SCENES[0], 10)
    softened = kind.adjusted(blocky, np.array([0], np.float32))
    assert kind.measure(softened)[0] < kind.measure(blocky)[0] - 0.2
