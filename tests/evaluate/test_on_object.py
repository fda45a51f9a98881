"""Energy and pointing beside a random map and a blob are those of pointing.py."""

from __future__ import annotations

import numpy as np
import pytest
import torch

import seewhy
from seewhy.evaluate import energy, hits


def test_they_are_taken_on_the_photo() -> None:
    clf = seewhy.Classifier(lambda x: x.mean(dim=(1, 2, 3))[:, None], preprocess=None, classes=["mean"], head="none")
    map_ = np.zeros((20, 20), np.float32)
    map_[12:, 12:] = 1
    mask = np.zeros((20, 20), bool)
    mask[10:, 10:] = True
    own = seewhy.Explanation.from_map(clf, torch.rand(1, 20, 20), map_, 0)
    result = seewhy.evaluate(clf, own, ["energy", "pointing"], mask=mask)
    assert result.values["energy"] == pytest.approx(energy(own.on_photo()[0], mask)) == pytest.approx(1)
    assert result.values["pointing"] == float(hits(own.on_photo()[0], mask)) == 1
    assert 0.15 < result.random["energy"] < 0.35
    assert result.centre["energy"] == pytest.approx(0.25, abs=1e-5)  # a quarter of a symmetric blob
