"""The pictures of a comparison: one scale where the units allow it."""

from __future__ import annotations

import numpy as np
import pytest

import seewhy


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return next(scene.photo for scene in seewhy.demo.scenes(10, seed=2) if scene.label == "bear")


def test_two_networks_share_a_scale(photo: np.ndarray) -> None:
    result = seewhy.compare([seewhy.load("demo:honest"), seewhy.load("demo:shortcut")], photo, relu=False)
    (original, first, second, difference) = result.panels()
    np.testing.assert_array_equal(original.pixels, photo)
    assert first.bar.high == second.bar.high
    assert first.bar.high == pytest.approx(max(float(np.nanmax(np.abs(e.on_photo()))) for e in result.explanations[0]))
    assert "Rank correlation with demo:honest: " in second.caption
    assert difference.title == "where they differ"
    assert difference.caption == "Red: more in demo:honest. Blue: more in demo:shortcut."
    assert first.pixels.shape == photo.shape


def test_methods_with_other_units_have_scales_of_their_own(photo: np.ndarray) -> None:
    result = seewhy.compare(seewhy.load("demo:honest"), photo, ["grad_cam", "gradient", "cam"])
    panels = result.panels()
    assert len(panels) == 4  # of three maps no difference is drawn
    assert panels[0].caption == "Each map has its own scale: their units differ."
    assert len({panel.bar.high for panel in panels[1:3]}) == 2
