"""The networks set by hand do read what they are said to read, and nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from bench.planted import KINDS, cases


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_evidence_moves_the_score(kind: str) -> None:
    for case in cases(kind, 5):
        score = case.clf.logits(case.photo)[0, 1] - case.clf.logits(case.photo)[0, 0]
        assert case.clf.classify(case.photo)[0].name == "yes"
        elsewhere = case.photo.clone()
        elsewhere[:, ~(case.evidence | case.against)] = 0
        moved = case.clf.logits(elsewhere)[0, 1] - case.clf.logits(elsewhere)[0, 0]
        assert moved == pytest.approx(score, abs=1e-4)
        without = case.photo.clone()
        without[:, case.evidence] = 0.1
        fallen = case.clf.logits(without)[0, 1] - case.clf.logits(without)[0, 0]
        assert fallen < score - 0.5
        assert 0.015 < case.evidence.mean() < 0.12


def test_two_squares_count_together_only() -> None:
    case = next(cases("together", 1))
    full = case.clf.logits(case.photo)[0, 1]
    for channel in (0, 1):
        one = case.photo.clone()
        one[channel] = 0.1
        assert case.clf.logits(one)[0, 1] == pytest.approx(-0.2, abs=1e-4)  # as if nothing were there
    assert full > 0.5


def test_what_speaks_against_it_lowers_the_score() -> None:
    case = next(cases("for and against", 1))
    without = case.photo.clone()
    without[:, case.against] = 0.1
    assert case.clf.logits(without)[0, 1] > case.clf.logits(case.photo)[0, 1] + 0.2
    assert not (case.against & case.evidence).any()


def test_the_distractor_is_brighter_than_the_evidence() -> None:
    case = next(cases("distractor", 1))
    assert float(case.photo[2].max()) > float(case.photo[0].max())
    assert np.array_equal(case.evidence, case.photo[0].numpy() > 0.5)
