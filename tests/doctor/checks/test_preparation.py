"""What differences of preparations are called, and that as little is claimed as the numbers demand."""

from __future__ import annotations

import numpy as np
import torch
from bench.spoilt import HALF, IMAGENET
from torch import nn

import seewhy
from seewhy.doctor import Certainty, Fault
from seewhy.doctor.checks import preparation
from seewhy.doctor.checks.preparation import Scorer
from seewhy.doctor.examination import Examination
from seewhy.doctor.preparations import OWN, Normalisation, current_normalisation

PLAIN = Normalisation("", (0.0,) * 3, (1.0,) * 3)
BYTES = Normalisation("", (0.0,) * 3, (1 / 255,) * 3)
USUAL = Normalisation("", IMAGENET["mean"], IMAGENET["std"])
TWICE = Normalisation("", *(tuple(v) for v in (np.array(USUAL.mean) * (1 + np.array(USUAL.std)), np.array(USUAL.std) ** 2)))


def test_differences_have_names() -> None:
    named = preparation._fault_of
    assert named(PLAIN, USUAL) is Fault.NOT_NORMALISED
    assert named(BYTES, USUAL) is named(USUAL, BYTES) is named(PLAIN, BYTES) is Fault.VALUE_RANGE
    assert named(TWICE, USUAL) is named(USUAL, PLAIN) is Fault.NORMALISED_TWICE
    assert named(USUAL, current_normalisation(seewhy.Preprocess(8, **HALF), 3)) is Fault.MEAN_STD
    assert named(PLAIN, USUAL.reversed()) is Fault.NOT_NORMALISED


def test_a_turned_order_is_one_change_and_more_than_that_is_more(honest, scene_photos) -> None:
    scorer = Scorer(Examination(honest, honest.read_all(scene_photos[:4])))
    now = scorer._examination.normalisation
    own = Normalisation(OWN, (0.4, 0.4, 0.4), (0.2, 0.2, 0.2))
    for other, changes in (
        (now.turned(), 0),
        (now.reversed(), 0),
        (USUAL, 0),
        (USUAL.reversed(), 1),
        (own, 1),
        (own.reversed(), 2),
    ):
        assert scorer._changes((None, None), (other, None)) == changes


def test_a_size_that_fits_no_usual_one_is_still_said(scene_photos) -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(2 * 35 * 35, 2))
    clf = seewhy.Classifier(network.eval(), seewhy.Preprocess(50), ["a", "b"])
    (finding,) = preparation.check(Examination(clf, clf.read_all(scene_photos[:1])))
    assert finding.fault is Fault.INPUT_SIZE
    assert finding.certainty is Certainty.CERTAIN
    assert (finding.evidence["works"], finding.settings, finding.ends) == ([], {}, True)


def test_a_wide_size_is_found(scene_photos) -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 2, 3, padding=1), nn.Flatten(), nn.Linear(2 * 30 * 40, 2))
    clf = seewhy.Classifier(network.eval(), seewhy.Preprocess((60, 80), "stretch"), ["a", "b"])
    (finding,) = preparation.check(Examination(clf, clf.read_all(scene_photos[:1])))
    assert (finding.evidence["works"], finding.settings) == ([[30, 40]], {"size": (30, 40)})
