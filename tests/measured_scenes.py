"""Drawn scenes for what is measured of photos, and what a camera does to them."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image

import seewhy

SCENES = [np.asarray(scene.photo) for scene in seewhy.demo.scenes(4, "test", False, 1)]


def jpeg(values: Any, quality: int) -> Any:
    file = io.BytesIO()
    Image.fromarray(values).save(file, "JPEG", quality=quality)
    return np.asarray(Image.open(file))


def noisy(values: Any, strength: float) -> Any:
    return np.rint(values + np.random.default_rng(1).normal(0, strength, values.shape)).clip(0, 255).astype(np.uint8)
