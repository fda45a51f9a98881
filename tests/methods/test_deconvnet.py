"""Deconvnet: hand-made numbers, and which gates it ignores."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gradient_nets import STYLES, assert_numbers
from small_nets import Planted

import seewhy
from seewhy.methods.guided_backprop import CAVEAT

NUMBERS = [
    [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
    [[2, 3, 3, 1], [3, 5, 5, 2], [3, 5, 5, 2], [1, 2, 2, 1]],
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("index", [0, 1])
def test_hand_made_numbers(index: int, style: str) -> None:
    assert_numbers("deconvnet", index, style, NUMBERS[index])


def test_closed_relus_let_positive_signals_through_and_negative_ones_stay(planted: Planted, planted_photo: torch.Tensor) -> None:
    """The rule asks for the signal alone: class 1 gets 1 / (16 · 24) at every place, whatever the photo shows there."""
    clf = seewhy.Classifier(planted, head="none")
    everywhere = seewhy.explain(clf, planted_photo, method="deconvnet", target=1, signed=True)
    np.testing.assert_allclose(everywhere.maps[0], np.full((16, 24), 1 / (16 * 24)), rtol=1e-5)
    with torch.no_grad():
        planted.fc.weight[1, 1] = -1
    empty = seewhy.explain(clf, planted_photo, method="deconvnet", target=1, signed=True)
    assert not empty.maps.any()
    assert empty.notes[1:] == [  # how to read a map is not said of one that is empty
        f"The map is empty: under this rule nothing gets through to the pixels from the score of 'class 1' "
        f"({empty.targets[0].score:.2f}): method='gradient' does without that rule"
    ]


def test_it_says_that_it_is_no_proof(planted: Planted, planted_photo: torch.Tensor) -> None:
    notes = seewhy.explain(seewhy.Classifier(planted), planted_photo, method="deconvnet").notes
    assert CAVEAT.format("Deconvnet") in notes
