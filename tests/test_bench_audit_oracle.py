"""The oracle of the audit's bench on networks set by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from audit_bench_spec import SPEC
from bench import audit_oracle as oracle
from bench.audit_cues import CUES
from bench.audit_scenes import Photo
from bench.audit_specs import CONSTANT, EMBLEM_CLASS, EVERYWHERE, UNLEARNED

PHOTOS = 12


def reads_the_logo(share: float) -> oracle.Predict:
    """Class 1 where the logo's place is the logo, on a share of the photos; else class 0."""
    place = CUES["corner logo"].place(2)
    assert place is not None
    (top, left, bottom, right) = (round(side * size) for side, size in zip(place, (240, 320, 240, 320), strict=True))
    black = np.zeros((240, 320, 3), np.uint8)
    logo = CUES["corner logo"].draw(black, black[..., 0] > 0, 2, 0).photo[top:bottom, left:right]

    def predict(photos: Sequence[Photo]) -> oracle.Answers:
        carries = [bool((photo[top:bottom, left:right] == logo).all()) for photo in photos]
        return np.array([int(one and number < share * len(photos)) for number, one in enumerate(carries)])

    return predict


def test_a_network_that_reads_the_logo_relies_on_it() -> None:
    truth = oracle.truth(SPEC, reads_the_logo(1.0), PHOTOS)
    assert (truth.kind, truth.turned, truth.effects) == ("relying", 1.0, {"cow": 1.0})
    assert truth.accuracy == pytest.approx(2 / 3)  # bears by default, cows by their logo


def test_a_network_that_never_looks_turns_nothing() -> None:
    def predict(photos: Sequence[Photo]) -> oracle.Answers:
        return np.zeros(len(photos), np.int64)

    truth = oracle.truth(SPEC, predict, PHOTOS)
    assert (truth.kind, truth.turned, truth.effects) == ("between", 0.0, {"cow": 0.0})
    assert truth.accuracy == pytest.approx(1 / 3)
    assert oracle.kind_of(SPEC, 0.9, 0.1) == "clean"


def test_the_bounds() -> None:
    assert [oracle.kind_of(SPEC, 0.95, turned) for turned in (0.1, 0.11, 0.49, 0.5)] == ["clean", "between", "between", "relying"]
    assert oracle.kind_of(SPEC, 0.89, 0.0) == "between"
    assert oracle.kind_of(SPEC, 0.5, 0.6) == "relying"
    assert oracle.kind_of(replace(SPEC, setup=UNLEARNED), 0.95, 0.6) == "relying"
    assert oracle.kind_of(replace(SPEC, setup=EVERYWHERE), 0.95, 0.6) == "between"
    assert {oracle.kind_of(replace(SPEC, setup=setup), 0.95, 0.0) for setup in (CONSTANT, EMBLEM_CLASS)} == {"legitimate"}


LABELS = np.array([0, 1, 2, 0, 1, 2])


def test_what_was_answered_so_before_was_not_turned() -> None:
    (before, after) = (np.array([1, 1, 2, 0, 1, 2]), np.array([1, 1, 1, 0, 1, 1]))
    truth = oracle.judged(SPEC, 1.0, LABELS, before, after)
    assert truth.turned == 2 / 4  # of two bears and two sheep, both sheep
    assert truth.effects == {"cow": 3 / 4 - 1 / 4}


def test_a_cue_in_two_classes_turns_the_third_into_either() -> None:
    spec = replace(SPEC, classes=(0, 1))
    truth = oracle.judged(spec, 1.0, LABELS, LABELS, np.array([0, 1, 0, 0, 1, 1]))
    assert truth.turned == 1.0
    assert truth.effects == {"bear": 0.5, "cow": 0.5}
    half = oracle.judged(replace(spec, prevalence=0.6), 1.0, LABELS, LABELS, np.array([0, 1, 0, 0, 1, 1]))
    assert half.effects == {"bear": 0.25, "cow": 0.25}  # those of the other class without the cue are asked, too


def test_a_cue_in_every_class_turns_into_one_at_a_time() -> None:
    spec = replace(SPEC, setup=EVERYWHERE, classes=(0, 1, 2), prevalence=0.6)
    truth = oracle.judged(spec, 1.0, LABELS, LABELS, np.array([0, 0, 0, 0, 1, 2]))
    assert truth.turned == 2 / 4
    assert truth.effects == {"bear": 0.5, "cow": 0.0, "sheep": 0.0}


def test_no_cue_no_question() -> None:
    spec = replace(SPEC, cue="", classes=(), prevalence=0.0, setup="no cue")
    truth = oracle.truth(spec, lambda photos: np.arange(len(photos)) % 3, PHOTOS)
    assert truth == oracle.Truth("clean", 1.0, 0.0, {})
