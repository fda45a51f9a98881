"""How often maps pass: maps that are true by construction, and the same ones shuffled."""

from __future__ import annotations

import numpy as np
import pytest
from bench import checking


def test_a_shuffled_map_has_the_same_values_elsewhere() -> None:
    map_ = np.arange(12, dtype=np.float32).reshape(3, 4)
    other = checking.shuffled(map_, 0)
    assert not np.array_equal(map_, other)
    np.testing.assert_array_equal(np.sort(other, axis=None), map_.ravel())


def test_a_map_laid_anywhere_keeps_its_shapes() -> None:
    map_ = np.zeros((20, 30), np.float32)
    map_[3:6, 4:9] = 1
    other = checking.laid_anywhere(map_, 1)
    assert not np.array_equal(map_, other)
    assert {tuple(np.roll(other, move, axis=(0, 1)).ravel()) for move in np.ndindex(20, 30)} >= {tuple(map_.ravel())}


def test_the_shares_of_what_passes() -> None:
    figures = checking._figures("check", [{"noise": True, "own": True}] + [{"noise": False, "own": True}] * 9)
    assert [figure.name for figure in figures] == ["check, 10 maps/noise", "check, 10 maps/own"]
    (noise, own) = figures
    assert (noise.value, noise.goal, noise.reached) == (10, 10, True)
    assert noise.low == pytest.approx(1.79, abs=0.01)  # Wilson 1927, 1 of 10
    assert noise.high == pytest.approx(40.42, abs=0.01)
    assert (own.value, own.goal) == (100, None)


def test_planted_maps_pass_and_shuffled_ones_do_not() -> None:
    (own, other) = checking.of_planted(2)
    assert own.value == 100
    assert other.value <= 25
