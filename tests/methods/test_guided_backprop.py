"""Guided backprop: hand-made numbers, and an identity where no ReLU is closed."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from gradient_nets import STYLES, assert_numbers
from small_nets import Planted
from torch import nn

import seewhy
from seewhy.methods.guided_backprop import CAVEAT

NUMBERS = [
    [[0, 1, 1, 1], [1, 3, 3, 2], [1, 3, 3, 2], [1, 2, 2, 1]],
    [[1, 2, 2, 1], [2, 4, 4, 2], [2, 4, 4, 2], [1, 2, 2, 1]],
]  # fmt: skip


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("index", [0, 1])
def test_hand_made_numbers(index: int, style: str) -> None:
    assert_numbers("guided_backprop", index, style, NUMBERS[index])


def test_it_is_the_gradient_where_nothing_negative_comes_back(planted: Planted, planted_photo: torch.Tensor) -> None:
    """One ReLU, and class 1 has a weight of +1: in the square the gradient is 1 / (16 · 24), outside the ReLU is closed."""
    clf = seewhy.Classifier(planted, head="none")
    guided = seewhy.explain(clf, planted_photo, method="guided_backprop", target=1, signed=True)
    plain = seewhy.explain(clf, planted_photo, method="gradient", target=1, signed=True)
    np.testing.assert_allclose(guided.maps[0], planted_photo[1] / (16 * 24), rtol=1e-5)
    np.testing.assert_array_equal(guided.maps, plain.maps)
    with torch.no_grad():
        planted.fc.weight[1, 1] = -1
    against = seewhy.explain(clf, planted_photo, method="guided_backprop", target=1, signed=True)
    assert not against.maps.any()
    assert seewhy.explain(clf, planted_photo, method="gradient", target=1, signed=True).maps.min() < 0


def test_it_says_that_it_is_no_proof(planted: Planted, planted_photo: torch.Tensor) -> None:
    notes = seewhy.explain(seewhy.Classifier(planted), planted_photo, method="guided_backprop").notes
    assert CAVEAT.format("Guided backprop") in notes


def test_relus_that_never_see_the_photo_do_not_count() -> None:
    class Positions(nn.Module):
        """As Swin v2: a small network with a ReLU makes what is added, and the photo passes none."""

        def __init__(self) -> None:
            super().__init__()
            (self.conv, self.fc) = (nn.Conv2d(3, 4, 3), nn.Linear(4, 2))
            self.positions = nn.Parameter(torch.randn(1, 4, 1, 1))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            out: torch.Tensor = self.fc(torch.tanh(self.conv(x) + torch.relu(self.positions)).mean((2, 3)))
            return out

    with pytest.raises(seewhy.SeewhyError, match="this model has none"):
        seewhy.explain(seewhy.Classifier(Positions()), torch.rand(3, 16, 24), "guided_backprop")
