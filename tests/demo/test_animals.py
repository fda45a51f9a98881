"""How animals are drawn: legs on the ground, eyes that shine at night, bodies in their place, five that differ."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.demo.animals import BLACK, Draw, Pose, bear, cow, eye, leg, sheep
from seewhy.demo.brush import SUPER, Layer, Light, Pen

POSE = Pose(head=0.8, stride=(0.1, -0.1, 0.05, 0.0), tail=0.3, eye=(30, 24, 22))
FEET, COLUMN, UNIT = 90, 80, 60


def opacity_of(animal: Draw, pose: Pose = POSE, seed: int = 0, mirrored: bool = False) -> np.ndarray:
    """(120, 160), 0 to 1: where the animal is."""
    layer = Layer(120, 160)
    animal(Pen.on(layer, FEET, COLUMN, UNIT, mirrored), pose, np.random.default_rng(seed))
    return layer.lay_over(np.zeros((120, 160, 3), np.float32), Light(0.5, 1.0))


@pytest.mark.parametrize("animal", [bear, cow, sheep])
def test_it_stands_on_the_ground_and_faces_right(animal: Draw) -> None:
    (rows, columns) = np.nonzero(opacity_of(animal) > 0.5)
    assert rows.max() == pytest.approx(FEET, abs=4)
    assert 0.7 * UNIT < rows.max() - rows.min() < 1.4 * UNIT
    assert 1.0 * UNIT < columns.max() - columns.min() < 2.0 * UNIT
    assert columns.min() < COLUMN < columns.max()


@pytest.mark.parametrize("animal", [bear, cow, sheep])
def test_mirrored_it_faces_left(animal: Draw) -> None:
    (plain, mirrored) = (opacity_of(animal), opacity_of(animal, mirrored=True))
    turned = mirrored[:, ::-1]
    assert 1 - np.abs(plain - turned).sum() / plain.sum() > 0.9
    assert np.abs(plain - mirrored).sum() / plain.sum() > 0.1


@pytest.mark.parametrize("animal", [bear, cow, sheep])
def test_the_head_goes_down_to_graze(animal: Draw) -> None:
    front = slice(COLUMN + int(0.62 * UNIT), None)  # before the chest
    (up, down) = (opacity_of(animal, POSE._replace(head=head))[:, front] for head in (1.0, 0.0))
    rows = np.arange(120)[:, None]
    assert (rows * down).sum() / down.sum() > (rows * up).sum() / up.sum() + 0.15 * UNIT


@pytest.mark.parametrize("animal", [bear, cow, sheep])
def test_the_same_seed_draws_the_same_animal(animal: Draw) -> None:
    np.testing.assert_array_equal(opacity_of(animal, seed=3), opacity_of(animal, seed=3))


def test_a_leg_reaches_from_the_hip_to_the_ground() -> None:
    layer = Layer(120, 160)
    leg(Pen.on(layer, FEET, COLUMN, UNIT), (0.0, 0.5), 0.0, (0.1, 0.08, 0.06), ((200, 0, 0), (0, 0, 200)), 100)
    (rows, columns) = np.nonzero(np.asarray(layer.heights))
    assert rows.max() / SUPER == pytest.approx(FEET, abs=1.5)
    assert rows.min() / SUPER == pytest.approx(FEET - 0.55 * UNIT, abs=1.5)
    assert abs(columns.mean() / SUPER - COLUMN) < 0.05 * UNIT
    pixels = np.asarray(layer.colours)
    assert pixels[int((FEET - 0.3 * UNIT) * SUPER), COLUMN * SUPER].tolist() == [200, 0, 0]
    assert pixels[int((FEET - 0.01 * UNIT) * SUPER), int((COLUMN + 0.03 * UNIT) * SUPER)].tolist() == [0, 0, 200]


@pytest.mark.parametrize(("colour", "middle"), [((255, 255, 250), (255, 255, 250)), ((30, 24, 22), BLACK)])
def test_only_a_bright_eye_shines(colour: tuple[int, int, int], middle: tuple[int, int, int]) -> None:
    layer = Layer(40, 40)
    eye(Pen.on(layer, 20, 20, 100), 0.0, 0.0, 0.1, colour)
    assert np.asarray(layer.colours)[40, 40].tolist() == list(middle)
