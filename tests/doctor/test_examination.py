"""What checks share: trials are made once, photos are spread, a refusal is an error or None."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.doctor.evidence import log_softmax
from seewhy.doctor.examination import Examination, spread
from seewhy.doctor.preparations import Normalisation, PhotoFit
from seewhy.errors import ModelError


def test_trials_are_made_once(honest, scene_photos) -> None:
    examination = Examination(honest, honest.read_all(scene_photos[:3]))
    first = examination.trial()
    assert examination.trial() is first
    assert examination.subject.passes == 3
    np.testing.assert_allclose(first.outputs, honest.logits(scene_photos[:3]), atol=1e-4)
    plain = examination.trial(Normalisation("", (0.0,) * 3, (1.0,) * 3))
    np.testing.assert_allclose(plain.outputs, honest.with_preprocess(mean=None, std=None).logits(scene_photos[:3]), atol=1e-4)
    small = examination.trial(None, PhotoFit((48, 64), "stretch", True))
    np.testing.assert_allclose(small.outputs, honest.with_preprocess(size=(48, 64)).logits(scene_photos[:3]), atol=1e-4)
    assert examination.subject.passes == 9


def test_what_the_network_refuses(scene_photos) -> None:
    clf = seewhy.Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * 64, 2)), seewhy.Preprocess(16))
    examination = Examination(clf, clf.read_all(scene_photos[:1]))
    with pytest.raises(ModelError, match="mat1"):
        examination.trial()
    assert examination.trial(None, PhotoFit((12, 12), "shorter", True)) is None
    assert examination.trial(None, PhotoFit((8, 8), "shorter", True)).outputs.shape == (1, 2)


def test_the_range_of_the_photos_themselves(honest, scene_photos) -> None:
    def unit(photos, **changes):
        clf = honest.with_preprocess(**changes)
        return Examination(clf, clf.read_all(photos)).unit

    deep = [photo.astype(np.uint16) * 16 for photo in scene_photos[:2]]
    assert unit(scene_photos[:2]) is None
    assert unit(scene_photos[:2], range=1) == (0, 255)
    assert unit(scene_photos[:2], range=(55, 105)) == (-1.1, 4.0)
    assert unit(deep, range=4095) == (0, pytest.approx(65535 / 4095))
    assert unit([scene_photos[0], deep[0]], range=4095) is None
    # At another size the photo's own 16 bits are read, not those that are shown.
    clf = honest.with_preprocess(range=4080)
    examination = Examination(clf, clf.read_all(deep))
    small = examination.trial(None, PhotoFit((48, 64), "stretch", True))
    np.testing.assert_allclose(small.outputs, honest.with_preprocess(size=(48, 64)).logits(scene_photos[:2]), atol=0.05)


def test_one_logit_has_two_sides() -> None:
    clf = seewhy.Classifier(nn.Sequential(nn.Flatten(), nn.Linear(12, 1)), None, head="binary")
    examination = Examination(clf, clf.read_all([torch.rand(3, 2, 2)]))
    logits = examination.logits(examination.trial())
    assert logits[0, 1] - logits[0, 0] == pytest.approx(examination.outputs[0, 0])


def test_names_that_are_known_better(honest, scene_photos) -> None:
    examination = Examination(honest, honest.read_all(scene_photos[:3]), [0, None, 2])
    assert examination.labelled.tolist() == [0, 2]
    examination.rename(np.array([1, 2, 0]))
    assert examination.true.tolist() == [1, 0]


def test_photos_are_spread_over_all() -> None:
    assert spread(5) == [0, 1, 2, 3, 4]
    many = spread(1000)
    assert (len(many), many[0], many[-1]) == (64, 0, 999)


def test_a_softmax_of_a_softmax_is_read_by_the_inner_one(damaged, honest, scene_photos) -> None:
    twice = damaged(lambda network: nn.Sequential(network, nn.Softmax(1), nn.Softmax(1)))
    (sound, doubled) = (Examination(clf, clf.read_all(scene_photos[:3])) for clf in (honest, twice))
    expected = log_softmax(sound.logits(sound.trial()))
    assert log_softmax(doubled.logits(doubled.trial())) == pytest.approx(np.maximum(expected, np.log(1e-7)), abs=0.05)
