from __future__ import annotations

import numpy as np

from seewhy.properties.base import TINTS, Property, two_ways


def test_a_property_is_as_long_as_its_directions() -> None:
    for directions, size in ((two_ways("light", "dark"), 1), (TINTS, 2)):
        assert Property("any", lambda values: values, lambda values, to: values, directions).size == size


def test_two_ways_say_of_what() -> None:
    assert two_ways("sharpness", "blur") == {(1.0,): "the sharpness of the whole photo", (-1.0,): "the blur of the whole photo"}


def test_the_tints_are_eight_directions_of_length_one() -> None:
    ways = np.array(list(TINTS))
    np.testing.assert_allclose(np.linalg.norm(ways, axis=1), 1)
    angles = np.sort(np.arctan2(ways[:, 1], ways[:, 0]))
    np.testing.assert_allclose(np.diff(angles), np.pi / 4)
    assert (TINTS[1.0, 0.0], TINTS[0.0, 1.0]) == ("reddish", "bluish")
