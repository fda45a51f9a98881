"""The fast pictures beside those of ``seewhy.show``."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy import show

painting = pytest.importorskip("seewhy.live.painting")
pytest.importorskip("cv2")

GENERATOR = np.random.default_rng(5)
SEEN = (slice(None), slice(9, None))  # what the network saw
ALL = (slice(None), slice(None))
PHOTO = GENERATOR.integers(0, 256, (60, 80, 3), dtype=np.uint8)


def the_map(signed: bool) -> np.ndarray:
    """Half of it beyond the scale's ends, with a border that was not seen."""
    map_ = GENERATOR.normal(0, 2, (60, 80)) if signed else GENERATOR.uniform(-0.2, 1.4, (60, 80))
    map_[:, :9] = np.nan
    return map_.astype(np.float32)


@pytest.mark.parametrize(("signed", "limits"), [(False, (0.0, 1.0)), (True, (-2.0, 2.0))])
def test_the_overlay_to_three_grey_levels(signed: bool, limits: tuple[float, float]) -> None:
    map_ = the_map(signed)
    picture = painting.overlay(PHOTO, map_[SEEN], SEEN, limits, signed)
    expected = show.overlay(PHOTO, map_, limits=limits, signed=signed)
    difference = np.abs(picture.astype(int) - expected)
    assert difference.max() <= 3
    assert difference.mean() < 0.6


@pytest.mark.parametrize("signed", [False, True])
def test_an_empty_scale_shows_no_colour(signed: bool) -> None:
    empty = np.zeros((60, 80), np.float32)
    picture = painting.overlay(PHOTO, empty, ALL, (0.0, 0.0), signed)
    expected = show.overlay(PHOTO, empty, limits=(0.0, 0.0), signed=signed)
    assert np.abs(picture.astype(int) - expected).max() <= 3


def test_cam_show_to_three_grey_levels() -> None:
    map_ = the_map(signed=True)
    difference = np.abs(painting.cam_show(PHOTO, map_[SEEN], SEEN).astype(int) - show.cam_show(PHOTO, map_))
    assert difference.max() <= 3
    flat = np.ones((60, 80), np.float32)
    assert np.abs(painting.cam_show(PHOTO, flat, ALL).astype(int) - show.cam_show(PHOTO, flat)).max() <= 1
