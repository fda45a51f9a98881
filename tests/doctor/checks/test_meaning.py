"""Logits that mean another thing than they are read as."""

from __future__ import annotations

import numpy as np

from seewhy.doctor.checks import meaning

RNG = np.random.default_rng(0)


def test_yes_or_no_each() -> None:
    present = RNG.random((60, 6)) < 0.25
    logits = np.where(present, 5.0, -5.0) + RNG.normal(0, 1, (60, 6))
    (finding,) = meaning._sigmoid_read_as_softmax(logits)
    assert finding.settings == {"head": "sigmoid"}
    assert finding.evidence["several"] == round(float(((logits > 0).sum(1) > 1).mean()), 3)


def test_a_softmax_s_logits_are_not_taken_for_that() -> None:
    for classes in (3, 10, 1000):
        logits = RNG.normal(0, 3, (60, classes))
        logits[np.arange(60), np.arange(60) % classes] += 8
        logits -= logits.mean(axis=1, keepdims=True)
        assert meaning._sigmoid_read_as_softmax(logits) == []
    assert meaning._sigmoid_read_as_softmax(np.where(np.eye(6)[np.arange(60) % 6] > 0, 6.0, -6.0)) == []  # one yes each: harmless


def test_half_of_all_labels_present() -> None:
    logits = RNG.normal(0, 3, (20, 50))
    (finding,) = meaning._softmax_read_as_sigmoid(logits)
    assert finding.settings == {"head": "softmax"}
    assert meaning._softmax_read_as_sigmoid(logits - 6) == []
