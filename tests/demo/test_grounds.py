"""Where animals stand: five grounds, three kinds of light, and noise that every scene reads elsewhere."""

from __future__ import annotations

import numpy as np
import pytest

from seewhy.demo.grounds import GROUNDS, HEIGHT, WIDTH, Ground, Hour, hour, landscape, noise

DAY = Hour((1.0, 1.0, 1.0), ((104, 156, 214), (216, 228, 236)), False)


def test_most_hours_are_day_and_the_night_is_grey() -> None:
    hours = [hour(np.random.default_rng(seed)) for seed in range(400)]
    nights = [light for light in hours if light.infrared]
    assert 0.08 < len(nights) / len(hours) < 0.19  # 13 % are meant
    for light in nights:
        assert len(set(light.tint)) == 1
        assert max(max(colour) - min(colour) for colour in light.sky) <= 2
    dusk = [light for light in hours if not light.infrared and light.sky[1] == (250, 186, 128)]
    assert 0.14 < len(dusk) / len(hours) < 0.28  # 21 % are meant
    assert all(red > green > blue for red, green, blue in (light.tint for light in dusk))


def test_noise_has_mean_0_and_deviation_1() -> None:
    parts = np.stack([noise(np.random.default_rng(seed), 100, 150, (5, 3)) for seed in range(20)])
    assert parts.shape == (20, 100, 150)
    assert parts.mean() == pytest.approx(0, abs=0.15)
    assert parts.std() == pytest.approx(1, abs=0.15)
    np.testing.assert_array_equal(parts[3], noise(np.random.default_rng(3), 100, 150, (5, 3)))
    assert not np.array_equal(parts[0], parts[1])


def test_stretched_noise_reads_every_second_texel() -> None:
    fine = noise(np.random.default_rng(1), 20, 30)
    np.testing.assert_array_equal(noise(np.random.default_rng(1), 10, 15, (2, 2)), fine[::2, ::2])


@pytest.mark.parametrize("ground", GROUNDS, ids=lambda ground: ground.name)
def test_soil_and_sky_have_their_colours(ground: Ground) -> None:
    horizon = ground.horizon[1] - 1
    photos = np.stack([landscape(ground, DAY, horizon, np.random.default_rng(seed)) for seed in range(6)])
    assert photos.shape == (6, HEIGHT, WIDTH, 3)
    assert np.isfinite(photos).all()
    near = photos[:, -30:].mean(axis=(0, 1, 2))
    others = [other for other in GROUNDS if other is not ground]
    away = np.abs(near - ground.near).max()
    assert away < 45
    assert away < min(np.abs(near - other.near).max() for other in others) + 25
    assert photos[:, 2:6].mean() > 30


def test_the_same_generator_gives_the_same_place() -> None:
    (a, b, other) = (landscape(GROUNDS[0], DAY, 90, np.random.default_rng(seed)) for seed in (4, 4, 5))
    np.testing.assert_array_equal(a, b)
    assert np.abs(a - other).mean() > 1
