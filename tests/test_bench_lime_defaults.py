"""The measurement behind LIME's defaults: what it learns from, what it grades on, and that a stopped run goes on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from bench import lime_defaults
from bench.lime_defaults import BLOCK, SCORES, Runs, Segmentation, Setting, grade

import seewhy

PARTS = np.array([2.0, 0.0, -1.0, 0.5])


def adding(blocks: int) -> Runs:
    """The logit is a sum over four areas in a row, the other two scores are noise."""
    rng = np.random.default_rng(0)
    bits = rng.random((blocks, BLOCK, 4)) < 0.5
    values = rng.normal(size=(blocks, BLOCK, len(SCORES)))
    values[:, :, SCORES.index("logit")] = 3 + bits @ PARTS
    untouched = np.array([0.0, 3 + PARTS.sum(), 0.0])
    return Runs(np.arange(4)[None].repeat(2, axis=0), untouched, bits, values)


MASK = np.array([[True, False, False, False]] * 2)


def test_a_sum_is_explained_and_noise_is_not() -> None:
    runs = adding(3)
    grades = grade(runs, MASK, "logit", "linear", 512)
    assert grades.r2 == pytest.approx(1, abs=1e-4)
    assert grades.energy == pytest.approx(2 / 2.5, abs=0.01)  # what is negative does not count
    assert grades.agreement == pytest.approx(1, abs=1e-4)
    noise = grade(runs, MASK, "probability", "linear", 512)
    assert noise.r2 < 0.1
    assert noise.agreement < 0.95


def test_the_first_block_is_graded_and_never_learnt_from() -> None:
    runs = adding(3)
    values = runs.values.copy()
    values[0] = np.random.default_rng(1).normal(size=values[0].shape)
    other = grade(replace(runs, values=values), MASK, "logit", "linear", 512)
    assert other.energy == grade(runs, MASK, "logit", "linear", 512).energy
    assert other.r2 < 0
    with pytest.raises(ValueError, match=r"^768 samples need 4 blocks, and there are 3\.$"):
        grade(runs, MASK, "logit", "linear", 768)


def test_a_run_that_was_stopped_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lime_defaults, "DATA", tmp_path / "nothing")
    (clf, [photo, _]) = lime_defaults.boxed(2)
    segmentation = Segmentation("grid", 9)
    first = lime_defaults.runs(clf, photo, segmentation, 2, tmp_path)
    seeds: list[object] = []
    explain = seewhy.explain

    def counted(*args: object, **settings: object) -> object:
        seeds.append(settings["seed"])
        return explain(*args, **settings)  # type: ignore[call-overload]

    monkeypatch.setattr(seewhy, "explain", counted)
    more = lime_defaults.runs(clf, photo, segmentation, 3, tmp_path)
    assert seeds == [2]
    assert more.bits.shape == (3, BLOCK, 9)
    np.testing.assert_array_equal(more.bits[:2], first.bits)
    np.testing.assert_array_equal(more.values[:2], first.values)
    scores = clf.scores(photo.photo)[0]
    assert more.untouched[SCORES.index("probability")] == pytest.approx(scores.max(), abs=1e-5)
    probability, log_odds = (more.values[..., SCORES.index(score)] for score in ("probability", "log_odds"))
    np.testing.assert_allclose(probability, 1 / (1 + np.exp(-log_odds)), atol=1e-5)
    assert lime_defaults.runs(clf, photo, segmentation, 3, tmp_path).bits.shape == (3, BLOCK, 9)
    assert seeds == [2]


def test_the_table_of_the_demo_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lime_defaults, "DATA", tmp_path / "nothing")
    settings = [Setting(Segmentation("grid", 9), score, "linear", 256) for score in SCORES]
    grades = lime_defaults.measure(2, settings, tmp_path)
    assert list(grades) == settings
    assert all(len(rows) == 2 and all(row.r2 <= 1 and 0 <= row.energy <= 1 for row in rows) for rows in grades.values())
    figures = {figure.name: figure for figure in lime_defaults.figures_of(grades)}
    start = "lime defaults/2 photos/grid 9/256 samples/linear, logit"
    assert figures[f"{start}/R2 on unseen samples"].value == np.median([row.r2 for row in grades[settings[1]]])
    lime_defaults.show(grades)
