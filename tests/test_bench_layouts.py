"""The automatic map points at the only evidence in every layout: networks set by hand, and trained ones."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from bench.layouts import CLASSES, COLOURS, EDGE, FAMILIES, GOAL, METHODS, SIDE, SQUARE, draw, draw_many, judge, train
from torch import nn


def reads_colours(layer: nn.Conv2d) -> None:
    """Three channels: how much redder, greener and bluer a patch is than the two other colours together."""
    with torch.no_grad():
        layer.weight.fill_(-0.7)
        for channel in range(3):
            layer.weight[channel, channel] = 1.0
        layer.weight /= layer.weight[0, 0].numel()


class ByHand(nn.Module):
    """Patches of 8×8, told how red, green and blue they are; ``arranged`` lays them out, the head averages places."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 3, 8, 8, bias=False)
        reads_colours(self.patches)
        self.dense = nn.Linear(3, 3, bias=False)
        nn.init.eye_(self.dense.weight)
        self.fc = nn.Linear(3, len(CLASSES))
        with torch.no_grad():
            self.fc.weight.zero_()
            self.fc.weight[:3] = 200 * torch.eye(3)
            self.fc.bias.copy_(torch.tensor([0.0, 0.0, 0.0, 1.5]))

    def arranged(self, cells: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        cells = self.patches(x)
        scores: torch.Tensor = self.fc(self.arranged(torch.relu(cells - 1.2)))
        return scores


class ChannelsLast(ByHand):
    def arranged(self, cells: torch.Tensor) -> torch.Tensor:
        return torch.relu(self.dense(cells.permute(0, 2, 3, 1))).mean((1, 2))


class Tokens(ByHand):
    """Behind a class token that nobody reads; the tokens stand from the last to the first."""

    def arranged(self, cells: torch.Tensor) -> torch.Tensor:
        tokens = cells.flatten(2).mT.flip(1)
        tokens = torch.cat([torch.ones_like(tokens[:, :1]), tokens], dim=1)
        return torch.relu(self.dense(tokens))[:, 1:].mean(1)


class Windows(ByHand):
    """Windows of 4×4 tokens beside each other in the batch, shifted by two."""

    def arranged(self, cells: torch.Tensor) -> torch.Tensor:
        rolled = cells.permute(0, 2, 3, 1).roll((-2, -2), (1, 2))
        windows = rolled.reshape(-1, 2, 4, 2, 4, 3).transpose(2, 3).reshape(-1, 16, 3)
        return torch.relu(self.dense(windows)).reshape(len(cells), 4 * 16, 3).mean(1)


def test_a_photo_holds_one_square_of_its_colour() -> None:
    random = np.random.default_rng(0)
    for label in range(len(CLASSES)):
        (photo, mask) = draw(label, random)
        assert photo.shape == (SIDE, SIDE, 3)
        assert mask.any() == (label < 3)
        if label < 3:
            (rows, columns) = np.nonzero(mask)
            (height, width) = (np.ptp(rows) + 1, np.ptp(columns) + 1)
            assert SQUARE[0] <= height == width <= SQUARE[1]
            assert mask.sum() == height * width
            assert min(rows.min(), columns.min()) >= EDGE
            assert max(rows.max(), columns.max()) < SIDE - EDGE
            colour = photo[mask].mean(0) / 255
            assert colour.argmax() == label
            np.testing.assert_allclose(colour / colour.max(), COLOURS[label] / COLOURS[label].max(), atol=0.1)


def test_photos_follow_from_their_seed() -> None:
    (first, labels, _) = draw_many(4, 3)
    np.testing.assert_array_equal(first, draw_many(4, 3)[0])
    assert (first != draw_many(4, 4)[0]).any()
    assert set(draw_many(60, 0, classes=3)[1]) == {0, 1, 2}
    assert labels.shape == (4,)


@pytest.mark.parametrize("kind", [ChannelsLast, Tokens, Windows])
def test_layouts_set_by_hand(kind: type[ByHand]) -> None:
    row = judge(next(iter(FAMILIES)), kind().eval(), methods=("auto",))
    assert row.right >= 95
    assert row.hits["auto"] >= GOAL * row.photos
    assert sum(row.taken.values()) == row.photos == 100


@pytest.mark.parametrize(("family", "steps"), [("ViT (timm), class token", 240), ("MLP-Mixer (timm)", 240)])
def test_trained_networks(family: str, steps: int) -> None:
    torch.manual_seed(0)
    row = judge(family, train(FAMILIES[family].build(), steps, rate=2e-3), methods=("auto", "grad_cam"))
    assert row.right >= 95
    assert row.hits["auto"] >= GOAL * row.photos
    assert row.hits["grad_cam"] < row.hits["auto"]  # what the check is for


def test_a_refusal_is_no_miss() -> None:
    row = judge("convolutions, averaged", FAMILIES["convolutions, averaged"].build().eval(), 2, methods=("attention_rollout",))
    assert row.hits == {"attention_rollout": None}
    assert set(METHODS) > {"auto", "occlusion"}
