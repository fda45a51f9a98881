"""The table of truth: its intervals, and that a run that was cut off goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench import truth
from bench.planted import cases

import seewhy


def test_a_true_map_scores_better_than_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "STEPS", 4)
    (clf, subjects) = truth._planted("square", 3)
    own = truth.of_method(clf, subjects, "grad_cam")
    noise = truth.of_reference(clf, subjects, truth.RANDOM)
    assert min(own["energy"]) > 0.95 > 5 * max(noise["energy"])
    assert own["peak"] == [1.0] * 3
    assert own["check"] == [1.0] * 3
    assert len(own["likeness"]) == 3
    assert np.mean(own["deletion"]) < np.mean(noise["deletion"])


def test_a_method_that_does_not_suit_the_network_has_no_values() -> None:
    (clf, subjects) = truth._planted("together", 1)  # its head is no plain dense layer
    assert not any(truth.of_method(clf, subjects, "cam").values())
    assert truth._cell("energy", []) == ""


def test_what_is_measured_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def measured(clf: seewhy.Classifier, subjects: object, name: str) -> truth.Values:
        calls.append(name)
        if name == "occlusion":
            raise KeyboardInterrupt
        return {column: [1.0] for column in truth.COLUMNS}

    monkeypatch.setattr(truth, "PLACE", tmp_path)
    monkeypatch.setattr(truth, "networks", lambda quick: {"planted": lambda: (next(cases("square", 1)).clf, [])})
    monkeypatch.setattr(truth, "of_method", measured)
    with pytest.raises(KeyboardInterrupt):
        truth.measure()
    first = list(calls)
    monkeypatch.setattr(
        truth, "of_method", lambda clf, subjects, name: measured(clf, subjects, name.replace("occlusion", "again"))
    )
    monkeypatch.setattr(truth, "of_reference", measured)
    monkeypatch.setattr(truth, "seconds", lambda clf, subjects, method: 0.5)
    results = truth.measure()
    assert not set(first[:-1]) & set(calls[len(first) :])
    assert set(results["planted"]) == {*seewhy.METHODS, truth.RANDOM, truth.CENTRE}
    truth.show(results)
    assert len(truth.figures(results)) == len(results["planted"]) * (len(truth.COLUMNS) - 1)  # passes are no share
    assert f"| `lime` | {' | '.join(['1.00 (1.00-1.00)', '1.00 (0.21-1.00)'] * 2)}" in truth.markdown(results)
