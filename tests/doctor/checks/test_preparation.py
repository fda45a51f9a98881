"""What differences of preparations are called, and that as little is claimed as the numbers demand."""

from __future__ import annotations

import types

import numpy as np
import pytest
import torch
from bench.spoilt import HALF, IMAGENET
from torch import nn

import seewhy
from seewhy.doctor import Basis, Certainty, Fault
from seewhy.doctor.checks import preparation
from seewhy.doctor.checks.preparation import Belief, Scorer
from seewhy.doctor.evidence import Interval
from seewhy.doctor.examination import Examination
from seewhy.doctor.preparations import OWN, Normalisation, PhotoFit, current_normalisation

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


@pytest.mark.parametrize(("gap", "certainty"), [(0.099, Certainty.LIKELY), (0.101, Certainty.CERTAIN)])
def test_statistics_alone_are_sure_of_a_gap_that_photos_do_not_make(gap: float, certainty: Certainty) -> None:
    step = Belief(source=Basis.STATISTICS, evidence={"gap": [gap, 0.01], "photos": 12})
    assert preparation._certainty(step) is certainty


NOW = (None, None)
OTHER = (USUAL, None)
OWN_VALUES = (Normalisation(OWN, (0.4,) * 3, (0.2,) * 3), None)
OTHER_SIZE = (None, PhotoFit((96, 96), "stretch", True))


@pytest.fixture
def weigh(monkeypatch: pytest.MonkeyPatch):
    """Which evidence accepts another preparation, of planted numbers that are all beyond chance; None where it is not accepted.

    gaps, accuracies : now and then; None where there are no BatchNorms, no labels. gain : of the log-likelihood a photo.
    """

    def accepted(other, gaps=None, accuracies=None, gain=0.0) -> Basis | None:
        gaps, accuracies = gaps or (np.nan, np.nan), accuracies or ()
        trials = {
            is_now: types.SimpleNamespace(
                outputs=np.zeros((12, 3)), is_now=is_now, gap=lambda is_now=is_now: np.array([gaps[0 if is_now else 1]])
            )
            for is_now in (True, False)
        }
        scorer = object.__new__(Scorer)
        (scorer._has_moments, scorer._has_labels, scorer._labelled) = (not np.isnan(gaps[0]), bool(accuracies), np.arange(12))
        monkeypatch.setattr(scorer, "_trial", lambda which: trials[which == NOW], raising=False)
        monkeypatch.setattr(scorer, "_accuracy", lambda trial: accuracies[0 if trial.is_now else 1], raising=False)
        monkeypatch.setattr(scorer, "_likelihoods", lambda trial: np.zeros(12), raising=False)
        sure = Interval(gain, gain - 0.001, gain + 0.001)
        monkeypatch.setattr(scorer, "_likelihood_difference", lambda *given: sure, raising=False)
        (before, after) = gaps
        fall = before - after
        monkeypatch.setattr(preparation, "gap_difference", lambda *given: Interval(fall, fall - 0.001, fall + 0.001))
        comparison = scorer._compare(NOW, other, 1)
        return None if comparison is None else comparison[1]

    return accepted


@pytest.mark.parametrize(
    ("gaps", "basis"),
    [
        ((0.30, 0.30 * 0.32), Basis.STATISTICS),
        ((0.30, 0.30 * 0.34), None),  # explains less than two thirds of it
        ((0.101, 0.01), Basis.STATISTICS),
        ((0.099, 0.01), None),  # so small a gap is no fault that one's own numbers may mend
    ],
)
def test_the_photos_own_values_explain_more_of_a_larger_gap(weigh, gaps: tuple[float, float], basis: Basis | None) -> None:
    assert weigh(OWN_VALUES, gaps, (0.5, 0.9), 0.5) is basis
    assert weigh(OWN_VALUES, gaps) is None  # only with labels beside
    assert weigh(OTHER, gaps) is Basis.STATISTICS  # usual values need only half


@pytest.mark.parametrize(("after", "basis"), [(0.119, Basis.LABELS), (0.121, None)])
def test_labels_speak_for_a_preparation_whose_gap_is_not_worse(weigh, after: float, basis: Basis | None) -> None:
    assert weigh(OTHER, (0.1, after), (0.5, 0.9), 0.5) is basis


@pytest.mark.parametrize(
    ("gain", "accuracies", "of_size", "of_values"),
    [
        (0.051, (0.5, 0.54), Basis.LABELS, Basis.LABELS),
        (0.049, (0.5, 0.54), None, Basis.LABELS),
        (0.5, (0.5, 0.531), Basis.LABELS, Basis.LABELS),
        (0.5, (0.5, 0.529), None, Basis.LABELS),
        (0.021, (0.5, 0.5), None, Basis.LABELS),
        (0.019, (0.5, 0.5), None, None),
        (0.5, (0.5, 0.49), None, None),
    ],
)
def test_another_size_must_gain_more_than_other_values(weigh, gain, accuracies, of_size, of_values) -> None:
    assert weigh(OTHER_SIZE, None, accuracies, gain) is of_size
    assert weigh(OTHER, None, accuracies, gain) is of_values
