"""The two animals that no network was trained on: they stand where the others do, and look different."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.demo.animals import Draw, Pose
from seewhy.demo.brush import Layer, Light, Pen
from seewhy.demo.canines import coyote, dog

POSE = Pose(head=0.8, stride=(0.1, -0.1, 0.05, 0.0), tail=0.3, eye=(30, 24, 22))
FEET, COLUMN, UNIT = 90, 80, 60


def drawn(animal: Draw, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Colours (120, 160, 3) on black and opacity (120, 160)."""
    layer = Layer(120, 160)
    animal(Pen.on(layer, FEET, COLUMN, UNIT), POSE, np.random.default_rng(seed))
    photo = np.zeros((120, 160, 3), np.float32)
    return photo, layer.lay_over(photo, Light(0.5, 1.0))


@pytest.mark.parametrize("animal", [coyote, dog])
def test_it_stands_on_the_ground(animal: Draw) -> None:
    (rows, columns) = np.nonzero(drawn(animal)[1] > 0.5)
    assert rows.max() == pytest.approx(FEET, abs=4)
    assert 0.7 * UNIT < rows.max() - rows.min() < 1.4 * UNIT
    assert columns.min() < COLUMN < columns.max()


@pytest.mark.parametrize("animal", [coyote, dog])
def test_the_coat_is_drawn_by_its_seed(animal: Draw) -> None:
    np.testing.assert_array_equal(drawn(animal, 2)[0], drawn(animal, 2)[0])
    assert len({drawn(animal, seed)[0].tobytes() for seed in range(8)}) >= 5  # a few coats, collars and tongues


def test_the_tail_hangs_or_curls_up() -> None:
    behind = slice(0, int(COLUMN - 0.5 * UNIT))  # what lies behind the body is tail
    (hanging, curled) = (drawn(animal)[1][:, behind] for animal in (coyote, dog))
    rows = np.arange(120)[:, None]
    (low, high) = ((rows * part).sum() / part.sum() for part in (hanging, curled))
    assert low > FEET - 0.6 * UNIT > high


def test_only_the_dog_wears_a_bright_collar() -> None:
    def brightest(animal: Draw, seed: int) -> float:
        (photo, opacity) = drawn(animal, seed)
        inside = photo[opacity == 1]
        return float((inside.max(axis=1) - inside.min(axis=1)).max())

    assert min(brightest(dog, seed) for seed in range(5)) > 1.2 * max(brightest(coyote, seed) for seed in range(5))
