"""Mask and stride: the sizes in pixels, and how rough a map is."""

from __future__ import annotations

import numpy as np
import pytest
from bench import mask_and_stride


def test_sizes_are_shares_of_the_sides() -> None:
    assert mask_and_stride.sides(0.2, (224, 100)) == (45, 20)
    assert mask_and_stride.sides(0.001, (224, 100)) == (1, 1)


def test_roughness_is_the_mean_step_over_the_largest_value() -> None:
    assert mask_and_stride.roughness(np.array([[0.0, 1.0], [0.0, 1.0]])) == pytest.approx(50)  # rows 0, columns 100 %
    assert mask_and_stride.roughness(np.zeros((3, 3))) == 0


def test_a_finer_grid_costs_more_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mask_and_stride, "DATA", mask_and_stride.DATA / "nothing")
    passes = []
    for stride in (0.5, 0.25):
        job = mask_and_stride.contender(0.3, stride, 1)
        job()
        passes.append(job.results["masks"])
        assert 0 < job.results["detail"] < 1
        assert job.results["memory"] > 50
    assert passes[1] > 2 * passes[0]
