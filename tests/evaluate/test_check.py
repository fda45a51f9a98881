"""check(): true maps pass, maps that say nothing of the photo do not; how often is counted on planted networks."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from bench.planted import KINDS, cases, planted

import seewhy
from seewhy.evaluate.check import COPIES
from seewhy.geometry import Array


def shuffled(map_: Array, seed: int) -> Array:
    return np.random.default_rng(seed).permutation(map_.ravel()).reshape(map_.shape)


def test_true_maps_pass_and_shuffled_ones_do_not() -> None:
    """25 photos for each of the four networks whose evidence is known: 100 true maps, and the same maps shuffled."""
    (true, false) = (0, 0)
    for kind in KINDS:
        for number, case in enumerate(cases(kind, 25)):
            coarse = case.evidence.reshape(8, 8, 8, 8).mean(axis=(1, 3)).astype(np.float32)  # an 8×8 map of the evidence
            own = seewhy.Explanation.from_map(case.clf, case.photo, coarse, "yes")
            other = seewhy.Explanation.from_map(case.clf, case.photo, shuffled(coarse, number), "yes")
            true += seewhy.check(case.clf, own, seed=number).passed
            false += seewhy.check(case.clf, other, seed=number).passed
    assert true >= 95
    assert false <= 5


def test_the_sentence_and_the_numbers(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    e = seewhy.explain(planted_clf, red_photo, target="yes")
    result = seewhy.check(planted_clf, e)
    assert result.passed
    assert result.cost == 1 + 160
    assert result.values["p"] == 1 / (COPIES + 1)
    assert result.values["base"] == pytest.approx(e.targets[0].score, abs=1e-6)
    assert result.values["hidden"] < result.values["base"] - 0.05
    assert result.values["hidden"] < result.values["hidden_elsewhere"]
    assert result.values["shown"] > result.values["shown_elsewhere"]
    assert result.sentence.startswith("The map holds: without its strongest 30 % 'yes' falls from ")
    assert result.sentence.endswith("none of 39 copies of the map laid elsewhere does as well.")


def test_a_map_of_the_wrong_place_does_not_hold(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    wrong = np.zeros((8, 8), np.float32)
    wrong[6, 6] = 1
    result = seewhy.check(planted_clf, seewhy.Explanation.from_map(planted_clf, red_photo, wrong, "yes"))
    assert not result.passed
    assert result.values["p"] > 0.1
    assert result.sentence.startswith("The map does not hold: ")
    assert "of 39 copies of the map laid elsewhere tell as much about 'yes' as the map itself" in result.sentence


def test_a_flat_map_has_nothing_to_check(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    flat = seewhy.Explanation.from_map(planted_clf, red_photo, np.zeros((8, 8)), "yes")
    result = seewhy.check(planted_clf, flat)
    assert not result.passed
    assert result.sentence == "There is nothing to check: the map of 'yes' is the same everywhere."
    assert result.cost == 1


def test_it_stands_in_the_notes_and_in_the_record(
    planted_clf: seewhy.Classifier, red_photo: torch.Tensor, tmp_path: Path
) -> None:
    e = seewhy.explain(planted_clf, red_photo, target=["yes", "no"], relu=False)
    noted = seewhy.check(planted_clf, e).noted(e)
    record = json.loads(noted.save(tmp_path / "e.json").read_text())
    assert len(record["details"]["check"]) == 2
    assert record["details"]["check"][0]["target"] == "yes"
    assert any(note.startswith("The map holds") for note in record["notes"])
    assert any("The map holds" in panel.caption for panel in noted.panels())
    assert seewhy.Explanation.load(noted.save(tmp_path / "e.npz")).notes == noted.notes
    assert len(e.notes) == len(noted.notes) - 2  # the explanation itself is as it was


def test_the_same_seed_gives_the_same_result(planted_clf: seewhy.Classifier, red_photo: torch.Tensor) -> None:
    e = seewhy.explain(planted_clf, red_photo, target="yes")
    assert seewhy.check(planted_clf, e, seed=3).values == seewhy.check(planted_clf, e, seed=3).values


@pytest.fixture
def planted_clf() -> seewhy.Classifier:
    return planted("square")


@pytest.fixture
def red_photo() -> torch.Tensor:
    """Faint noise with a red square."""
    photo = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3
    photo[0, 8:22, 10:24] = 0.9
    return photo
