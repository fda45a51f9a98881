from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from measured_scenes import SCENES

from seewhy.properties import PROPERTIES


def plain(red: int, green: int, blue: int) -> Any:
    return np.full((16, 24, 3), (red, green, blue), np.uint8)


def test_hand_made_numbers() -> None:
    np.testing.assert_allclose(PROPERTIES["colour cast"].measure(plain(200, 100, 50)), np.log([2, 0.5]), atol=0.01)
    assert PROPERTIES["brightness"].measure(plain(255, 0, 0))[0] == pytest.approx(0.299)
    halves = np.repeat([[0, 255]], 8, axis=1).repeat(16, axis=0).astype(np.uint8)
    assert PROPERTIES["contrast"].measure(halves)[0] == pytest.approx(1, abs=0.01)  # 0.5 / 0.5
    assert PROPERTIES["saturation"].measure(plain(255, 51, 102))[0] == pytest.approx(0.8 / 0.462, abs=0.01)


def test_a_cast_leaves_the_brightness() -> None:
    kind = PROPERTIES["colour cast"]
    edited = kind.adjusted(SCENES[0], kind.measure(SCENES[0]) + np.array([0.1, -0.1], np.float32))
    own = PROPERTIES["brightness"].measure(SCENES[0])
    np.testing.assert_allclose(PROPERTIES["brightness"].measure(edited), own, atol=0.01)


@pytest.mark.parametrize("name", ["colour cast", "saturation"])
def test_a_grey_photo_has_no_colours(name: str) -> None:
    grey = SCENES[0][..., 0]
    for values in (grey, grey[..., None]):
        assert not PROPERTIES[name].measure(values).any()
        np.testing.assert_array_equal(PROPERTIES[name].adjusted(values, np.ones(PROPERTIES[name].size, np.float32)), values)


def test_a_longer_exposure_is_brighter_and_no_more() -> None:
    kind = PROPERTIES["brightness"]
    edited = kind.adjusted(plain(40, 60, 20), kind.measure(plain(80, 120, 40)))
    np.testing.assert_allclose(edited, plain(80, 120, 40), atol=1)
