"""The table of truth: its intervals, and that a run that was cut off goes on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bench import truth
from bench.planted import cases

import seewhy
from seewhy.evaluate.randomisation import likeness, randomised, weighted_layers


def test_a_true_map_scores_better_than_noise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(truth, "STEPS", 4)
    (clf, subjects) = truth._planted("square", 3)
    (own, noise) = (truth.places(clf, subjects, method) for method in ("grad_cam", truth.RANDOM))
    assert min(own["energy"]) > 0.95 > 5 * max(noise["energy"])
    assert own["peak"] == [1.0] * 3
    assert own["passes"] == [1.0] * 3
    assert noise["passes"] == []
    assert np.mean(own["deletion"]) < np.mean(noise["deletion"])
    assert truth.trials(clf, subjects, "grad_cam")["check"] == [1.0] * 3
    assert len(truth.trials(clf, subjects, "grad_cam")["likeness"]) == 3
    assert truth.trials(clf, subjects, truth.CENTRE)["likeness"] == []


def test_the_map_of_random_weights_is_compared_without_a_relu() -> None:
    """Grad-CAM's map of random weights is often empty: a likeness of 0 would then say nothing."""
    (clf, subjects) = truth._planted("square", 2)
    expected = []
    noise = randomised(clf, weighted_layers(clf), seed=0)
    for subject in subjects:
        (own, again) = (seewhy.explain(network, subject.photo, target="yes", relu=False).maps[0] for network in (clf, noise))
        expected.append(abs(likeness(own, again)[0]))
    assert truth.trials(clf, subjects, "grad_cam")["likeness"] == pytest.approx(expected)


def test_a_method_that_does_not_suit_the_network_has_no_values() -> None:
    (clf, subjects) = truth._planted("together", 1)  # its head is no plain dense layer
    assert not any(truth.places(clf, subjects, "cam").values())
    assert not any(truth.trials(clf, subjects, "cam").values())
    assert truth._cell("energy", []) == ""


def test_what_is_measured_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def places(clf: seewhy.Classifier, subjects: object, name: str) -> truth.Values:
        calls.append(name)
        if name == "occlusion" and calls.count("occlusion") == 1:
            raise KeyboardInterrupt
        return {column: [1.0] for column in truth.PLACES}

    def trials(clf: seewhy.Classifier, subjects: object, name: str) -> truth.Values:
        return {"check": [1.0, 0.0], "likeness": [0.25]}

    monkeypatch.setattr(truth, "PLACE", tmp_path)
    monkeypatch.setattr(truth, "networks", lambda quick: {"planted": lambda: (next(cases("square", 1)).clf, [])})
    monkeypatch.setattr(truth, "places", places)
    monkeypatch.setattr(truth, "trials", trials)
    monkeypatch.setattr(truth, "seconds", lambda clf, subjects, method: 0.5)
    with pytest.raises(KeyboardInterrupt):
        truth.measure()
    first = list(calls)
    results = truth.measure()
    assert not set(first[:-1]) & set(calls[len(first) :])
    assert set(results["planted"]) == {*seewhy.METHODS, truth.RANDOM, truth.CENTRE}
    truth.show(results)
    columns = len(truth.PLACES) + len(truth.TRIALS) - 1  # passes are no share
    assert len(truth.figures(results)) == len(results["planted"]) * columns
    assert f"| `lime` | {' | '.join(['1.00 (1.00-1.00)', '100 % (21-100)'] * 2)}" in truth.markdown(results)


def test_the_summary_takes_the_worst_planted_network_and_the_other_networks_own_columns() -> None:
    def network(**columns: list[float]) -> dict[str, truth.Values]:
        return {method: {"energy": [], "peak": [], **columns} for method in truth.METHODS}

    columns = truth.summary(
        {
            "planted, square": network(energy=[1.0, 0.5]),
            "planted, distractor": network(energy=[0.25, 0.0]) | {truth.RANDOM: {"energy": [0.625]}},
            "planted, together": network(),  # does not suit it
            "demo:honest": network(peak=[1.0, 0.0, 1.0]),
            "demo:shortcut": network(**{"peak on the logo": [1.0, 0.0]}),
            "squeezenet1_0": network(peak=[0.0], deletion=[0.125, 0.375], passes=[1.0, 1001.0, 2001.0], seconds=[0.25]),
        }
    )
    assert columns["method"] == ["random map", ", ".join(["centre blob", *(f"`{method}`" for method in seewhy.METHODS)])]
    rows = {
        "energy on the planted evidence": "0.12",
        "peak on the animal": "67 %",
        "peak on the unread logo": "",
        "peak on the read logo": "50 %",
        "peak in the box": "0 %",
        "check passed": "",
        "deletion": "0.25",
        "insertion": "",
        "cost in passes": "1,001",
        "cost in seconds": "0.25",
    }
    assert {heading: cells[1] for heading, cells in columns.items() if heading != "method"} == rows
    assert columns["energy on the planted evidence"][0] == "0.62"
    assert set(truth.summary({"demo:honest": network(peak=[1.0])})) == {"method", "peak on the animal", "peak on the unread logo"}
