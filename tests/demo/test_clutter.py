"""What stands around an animal: behind it between horizon and feet, before it from its feet on."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.demo.brush import SUPER, Layer
from seewhy.demo.clutter import behind, front
from seewhy.demo.grounds import GROUNDS, HEIGHT, WIDTH, Ground

HORIZON, FEET = 100, 190.0


def rows_of(layer: Layer) -> np.ndarray:
    """The rows of the photo on which something was drawn."""
    return np.flatnonzero(np.asarray(layer.heights).any(axis=1)) / SUPER


@pytest.mark.parametrize("ground", GROUNDS, ids=lambda ground: ground.name)
def test_what_is_behind_ends_above_the_feet(ground: Ground) -> None:
    for seed in range(5):
        layer = Layer(HEIGHT, WIDTH)
        behind(layer, ground, HORIZON, FEET, np.random.default_rng(seed))
        rows = rows_of(layer)
        assert len(rows) > 20
        assert rows.max() < FEET + 6  # roots reach a little below the row a thing stands on


def test_what_is_in_front_begins_at_the_feet() -> None:
    for seed in range(5):
        layer = Layer(HEIGHT, WIDTH)
        front(layer, GROUNDS[0], HORIZON, FEET, (100.0, 200.0), np.random.default_rng(seed))
        bottoms = rows_of(layer)
        assert bottoms.max() > FEET + 10
        assert bottoms.min() > HORIZON


def test_in_half_of_the_scenes_grass_hides_the_legs() -> None:
    """Between the columns of the animal, just above its feet."""
    covered = 0
    for seed in range(60):
        layer = Layer(HEIGHT, WIDTH)
        front(layer, GROUNDS[0], HORIZON, FEET, (100.0, 200.0), np.random.default_rng(seed))
        legs = np.asarray(layer.heights)[int((FEET - 14) * SUPER) : int((FEET - 4) * SUPER), 100 * SUPER : 200 * SUPER]
        covered += (legs > 0).mean() > 0.08
    assert 0.35 < covered / 60 < 0.75


def test_the_same_generator_draws_the_same_things() -> None:
    layers = [Layer(HEIGHT, WIDTH) for _ in range(3)]
    for layer, seed in zip(layers, (1, 1, 2), strict=True):
        behind(layer, GROUNDS[1], HORIZON, FEET, np.random.default_rng(seed))
    (a, b, other) = (layer.colours.tobytes() for layer in layers)
    assert a == b != other
