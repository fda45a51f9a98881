"""Explanations with what was found out about them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from bench.planted import planted

import seewhy
from seewhy.evaluate import examine

CLF = planted("square")
PHOTO = torch.rand(3, 64, 64, generator=torch.Generator().manual_seed(0)) * 0.3
PHOTO[0, 8:22, 10:24] = 0.9


def test_both_results_stand_in_notes_and_details() -> None:
    e = seewhy.explain(CLF, PHOTO, target="yes")
    (examined, tested) = examine(CLF, e, with_check=True, with_crop_test=True)
    assert tested is not None
    assert [note.split()[0] for note in examined.notes[len(e.notes) :]] == ["The", "Without"]
    assert [test["after"] for test in examined.details["crop_test"]] == [tested.after]
    assert examined.details["check"][0]["passed"] is True


def test_each_map_is_tested_and_its_sentence_stands_at_it() -> None:
    e = seewhy.explain(CLF, PHOTO, target="yes")
    wrong = np.roll(e.maps, 4, axis=1)
    both = replace(e, maps=np.concatenate([e.maps, 0 * wrong, wrong]), targets=3 * e.targets)
    (examined, first) = examine(CLF, both, with_check=True, with_crop_test=True)
    assert first is not None
    assert first.number == 0
    added = examined.notes[len(e.notes) :]
    assert [(note.target, note.split()[0]) for note in added[:3]] == [(0, "The"), (1, "There"), (2, "The")]
    assert [(note.target, note.split()[0]) for note in added[3:]] == [(0, "Without"), (1, "no"), (2, "Without")]
    tests = examined.details["crop_test"]
    assert [test["number"] for test in tests] == [0, 2]
    assert [test["decides"] for test in tests] == [True, False]


def test_nothing_that_was_not_asked_for() -> None:
    e = seewhy.explain(CLF, PHOTO, target="yes")
    (examined, tested) = examine(CLF, e, with_check=False, with_crop_test=False)
    assert examined is e
    assert tested is None


def test_a_map_that_cannot_be_tested_is_told_so() -> None:
    empty = seewhy.Explanation.from_map(CLF, PHOTO, np.zeros((8, 8)), "yes")
    (examined, tested) = examine(CLF, empty, with_check=True, with_crop_test=True)
    assert tested is None
    assert examined.notes[-1].startswith("no crop test: The map of 'yes' is positive nowhere")
