"""Explanations with what was found out about them."""

from __future__ import annotations

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
    assert examined.details["crop_test"]["after"] == tested.after
    assert examined.details["check"][0]["passed"] is True


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
