"""Energy and pointing beside a random map and a blob are those of pointing.py."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

import seewhy
from seewhy.evaluate import energy, hits
from seewhy.evaluate.masked import MaskedPhoto
from seewhy.evaluate.metric import Subject


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
    assert result.random["energy"] == pytest.approx(0.25, abs=0.01)
    assert result.centre["energy"] == pytest.approx(0.25, abs=1e-5)  # a quarter of a symmetric blob


def test_random_maps_hit_as_often_as_the_object_is_large() -> None:
    """A hundred of them, on a photo that is larger than the size on which they are measured; the same for the same seed."""
    clf = seewhy.Classifier(lambda x: x.mean(dim=(1, 2, 3))[:, None], preprocess=None, classes=["mean"], head="none")
    own = seewhy.Explanation.from_map(clf, torch.ones(1, 400, 600), np.eye(20, 30, dtype=np.float32), 0)
    (right, bottom) = (np.zeros((400, 600), bool), np.zeros((400, 600), bool))
    right[:, 300:] = bottom[200:] = True
    for mask in (right, bottom):
        results = [seewhy.evaluate(clf, own, ["energy", "pointing"], mask=mask, seed=seed) for seed in (0, 0, 1)]
        shares = [result.random["pointing"] for result in results]
        assert shares[0] == shares[1] != shares[2]
        assert all(0.4 < share < 0.6 for share in shares)
        assert [result.random["energy"] for result in results] == pytest.approx([0.5] * 3, abs=0.01)
    maps = list(itertools.islice(subject_of(clf, own).random_maps(3), 3))
    assert [map_.shape for map_ in maps] == [(400, 600)] * 3
    assert not np.array_equal(maps[0], maps[1])


def subject_of(clf: seewhy.Classifier, explanation: seewhy.Explanation) -> Subject:
    return Subject(clf, explanation, 0, MaskedPhoto(clf, explanation.photo, "blur", 0, None, lambda count: None), 4, 0)
