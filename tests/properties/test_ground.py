from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from bench.audit_cues import CUES
from bench.audit_scenes import drawn
from PIL import Image

from seewhy.properties import PROPERTIES

COLOUR, BRIGHTNESS = PROPERTIES["ground colour"], PROPERTIES["ground brightness"]
SCENES = drawn(8, "test", 77, ("cow", "sheep"))
MEADOW, SKY, COW = (40, 160, 60), (120, 160, 240), (240, 230, 60)


def landscape(meadow: Any = MEADOW, sky: Any = SKY) -> Any:
    """A sky, a meadow, and a cow before both."""
    photo = np.zeros((120, 160, 3), np.uint8)
    photo[:60], photo[60:] = sky, meadow
    photo[40:85, 50:110] = COW
    return photo


def tinted(number: int, style: int = 0) -> Any:
    """A scene whose ground has another colour, and nothing else has."""
    return CUES["ground colour"].draw(SCENES[number].photo, SCENES[number].animal, style, number).photo


def test_the_ground_is_measured_and_not_what_stands_on_it() -> None:
    grounds = np.array([MEADOW, SKY], np.float64)
    own = grounds.mean(axis=0) / 255
    np.testing.assert_allclose(COLOUR.measure(landscape()), np.log(own[[0, 2]] / own[1]), atol=0.05)
    np.testing.assert_allclose(BRIGHTNESS.measure(landscape()), [own @ (0.299, 0.587, 0.114)], atol=0.02)
    whole = PROPERTIES["colour cast"].measure(landscape())
    assert np.abs(whole - COLOUR.measure(landscape())).max() > 0.1


def test_another_meadows_colour_and_the_cow_stays_as_it_is() -> None:
    autumn = landscape((150, 110, 40), (220, 160, 120))
    edited = COLOUR.adjusted(landscape(), COLOUR.measure(autumn))
    np.testing.assert_allclose(COLOUR.measure(edited), COLOUR.measure(autumn), atol=0.01)
    np.testing.assert_allclose(BRIGHTNESS.measure(edited), BRIGHTNESS.measure(landscape()), atol=0.005)
    np.testing.assert_array_equal(edited[50:75, 60:100], landscape()[50:75, 60:100])
    assert (edited[100, 20].astype(int) - MEADOW)[0] > 20


def test_a_brighter_ground_and_the_cow_stays_as_it_is() -> None:
    edited = BRIGHTNESS.adjusted(landscape(), BRIGHTNESS.measure(landscape()) * 0.5)
    np.testing.assert_allclose(edited[100, 20], np.multiply(MEADOW, 0.5), atol=2)
    np.testing.assert_array_equal(edited[50:75, 60:100], landscape()[50:75, 60:100])


def test_of_drawn_scenes_the_ground_changes_and_the_animal_hardly() -> None:
    """Coats of the ground's colours, and the rim of the animal, are half ground."""
    (ground, animal) = ([], [])
    for number, scene in enumerate(SCENES[:4]):
        donor = tinted(number + 4)
        edited = COLOUR.adjusted(scene.photo, COLOUR.measure(donor))
        changes = np.abs(edited.astype(int) - scene.photo).mean(axis=2)
        ground.append(changes[~scene.animal].mean())
        animal.append(changes[scene.animal].mean())
    assert np.mean(ground) > 15
    assert np.mean(animal) < 0.35 * np.mean(ground)


@pytest.mark.parametrize("style", [0, 2])
def test_a_tinted_ground_is_seen_in_every_scene(style: int) -> None:
    shifts = np.array([COLOUR.measure(tinted(n, style)) - COLOUR.measure(SCENES[n].photo) for n in range(8)])
    mean = shifts.mean(axis=0)
    assert np.linalg.norm(mean) > 0.3
    assert np.abs(shifts - mean).max() < 0.12


def test_no_seams() -> None:
    """Between ground and cow the change falls off over some pixels."""
    plain = np.full((120, 160, 3), 120, np.uint8)
    plain[40:85, 50:110] = (200, 60, 60)
    edited = BRIGHTNESS.adjusted(plain, np.array([0.3], np.float32))
    share = (120 - edited[20:60, 20, 0].astype(float)).mean()
    factors = edited[60, 30:70, 2] / plain[60, 30:70, 2]
    assert share > 30
    assert np.abs(np.diff(factors)).max() < 0.15


def test_a_plain_photo_is_all_ground() -> None:
    plain = np.full((60, 80, 3), (200, 100, 50), np.uint8)
    np.testing.assert_allclose(COLOUR.measure(plain), np.log([2, 0.5]), atol=0.01)
    edited = COLOUR.adjusted(plain, np.zeros(2, np.float32))
    assert np.ptp(edited[30, 40].astype(int)) <= 1


def test_a_grey_photo_has_a_bright_ground_and_no_colour() -> None:
    grey = landscape()[..., 0]
    for values in (grey, grey[..., None]):
        assert not COLOUR.measure(values).any()
        np.testing.assert_array_equal(COLOUR.adjusted(values, np.ones(2, np.float32)), values)
        assert BRIGHTNESS.measure(values)[0] == pytest.approx(80 / 255, abs=0.02)
        darker = BRIGHTNESS.adjusted(values, np.array([0.2], np.float32))
        assert BRIGHTNESS.measure(darker)[0] == pytest.approx(0.2, abs=0.01)


def test_a_large_photo_is_measured_and_edited_as_it_is_shown() -> None:
    large = np.asarray(Image.fromarray(SCENES[0].photo).resize((1280, 960), Image.Resampling.NEAREST))
    small = np.asarray(Image.fromarray(large).resize((341, 256), Image.Resampling.BOX))
    np.testing.assert_allclose(COLOUR.measure(large), COLOUR.measure(small), atol=0.005)
    goal = COLOUR.measure(large) + np.array([0.4, -0.2], np.float32)
    np.testing.assert_allclose(COLOUR.measure(COLOUR.adjusted(large, goal)), goal, atol=0.03)


def test_its_words() -> None:
    assert list(COLOUR.directions.values())[:2] == ["the reddish ground", "the purple ground"]
    assert list(BRIGHTNESS.directions.values()) == ["the bright ground", "the dark ground"]
    assert [name for name, one in PROPERTIES.items() if one.on_ground] == ["ground colour", "ground brightness"]
