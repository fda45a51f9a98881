from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from seewhy import Explanation, Prediction, Target
from seewhy.geometry import Geometry
from seewhy.records import Cost, Photo

NAMES = ("coyote", "bear", "sheep", "horse", "dog", "cat")
SCORES = (0.61, 0.30, 0.09, 0.04, 0.03, 0.02)


@pytest.fixture
def explained() -> Callable[..., Explanation]:
    """Builds a small explanation: a grey 60 x 90 photo of which the network saw the middle 60 x 60."""

    def build(maps: Any = None, size: tuple[int, int] = (60, 90), crop: bool = True, **changes: Any) -> Explanation:
        if maps is None:
            maps = [[[0, 0, 0], [0, 4, 0], [0, 0, 2]]]
        maps = np.asarray(maps, dtype=np.float32)
        (h, w) = size
        side = min(h, w)
        geometry = Geometry.resized(size, size, ((h - side) // 2, (w - side) // 2), (side, side)) if crop else None
        photo = Photo(
            original=np.full((h, w, 3), 128, dtype=np.uint8),
            pixels=np.zeros((3, side, side), dtype=np.float32),
            geometry=geometry or Geometry.whole(size),
            name="photo.jpg",
            preprocessing="centre crop 60×60",
        )
        fields = {
            "signed": False,
            "targets": [Target(NAMES[i], i, SCORES[i], i + 1) for i in range(len(maps))],
            "method": "grad_cam",
            "layer": "features.12",
            "units": "logit",
            "model": "toy",
            "seed": 0,
            "settings": {"relu": True},
            "cost": Cost(1, 1, 0.5),
            "predictions": [Prediction(NAMES[i], i, SCORES[i]) for i in range(5)],
        }
        return Explanation(maps=maps, photo=photo, **(fields | changes))

    return build
