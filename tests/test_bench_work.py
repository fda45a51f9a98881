"""The counted work of masked copies, on networks small enough to count by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from bench.work import count, occlusion_masks
from torch import nn

ALL = [[0, 8, 0, 8]]
ONE_PIXEL = [[3, 4, 5, 6]]


def counted(network: nn.Module, masks: list[list[int]], size: tuple[int, int] = (8, 8)) -> tuple[float, float]:
    work = count(network.eval(), size, np.array(masks))
    return work.whole, work.masked


def test_one_convolution() -> None:
    conv = nn.Conv2d(3, 4, 3, padding=1)
    each = 2 * 4 * 3 * 9
    assert counted(conv, ONE_PIXEL) == (each * 64, each * 9)
    assert counted(conv, ALL) == (each * 64, each * 64)
    assert counted(conv, [[0, 1, 0, 1]]) == (each * 64, each * 4)  # cut at the corner
    assert counted(conv, [[3, 4, 5, 6], [0, 1, 0, 1]]) == (each * 64, each * 6.5)  # the mean over the masks


def test_rectangle_is_rows_then_columns() -> None:
    conv = nn.Conv2d(3, 1, (3, 1), bias=False)  # (8, 8) to (6, 8)
    each = 2 * 3 * 3
    assert counted(conv, [[4, 5, 0, 2]]) == (each * 48, each * 3 * 2)
    assert counted(conv, [[0, 1, 0, 2]]) == (each * 48, each * 1 * 2)


@pytest.mark.parametrize(
    ("settings", "places"),
    [
        ({"kernel_size": 3, "stride": 2, "padding": 1}, 2 * 2),  # rows 1 and 2 read row 3, columns 2 and 3 column 5
        ({"kernel_size": 1, "stride": 2}, 0),  # row 3 is stepped over
        ({"kernel_size": 3, "dilation": 2, "padding": 2}, 5 * 5),
        ({"kernel_size": 3, "groups": 3, "padding": "same"}, 3 * 3),
    ],
)
def test_window_settings(settings: dict[str, Any], places: int) -> None:
    conv = nn.Conv2d(3, 6, bias=False, **settings)
    (_, masked) = counted(conv, ONE_PIXEL)
    assert masked == 2 * 6 * conv.weight[0].numel() * places


def test_brute_force() -> None:
    """As many outputs as a marked photo reaches, layer by layer."""
    layers = nn.Sequential(
        nn.Conv2d(3, 5, 5, stride=2, padding=2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, ceil_mode=True), nn.Conv2d(5, 1, 3)
    )
    size = (37, 29)
    masks = occlusion_masks(size, 7, 5, "centred")
    counts = []
    for top, bottom, left, right in masks.tolist():
        mask = torch.zeros(1, 1, *size)
        mask[..., top:bottom, left:right] = 1
        # The same windows, with weights of one: above zero exactly where the mask reaches.
        first = nn.functional.conv2d(mask, torch.ones(1, 1, 5, 5), stride=2, padding=2)
        pooled = nn.functional.max_pool2d(first, 3, 2, ceil_mode=True)
        last = nn.functional.conv2d(pooled, torch.ones(1, 1, 3, 3))
        counts.append(2 * 5 * 3 * 25 * int((first > 0).sum()) + 2 * 5 * 9 * int((last > 0).sum()))
    work = count(layers, size, masks)
    assert work.masked == pytest.approx(np.mean(counts))


class Branches(nn.Module):
    """Two convolutions of the photo, joined, and a 1×1 convolution behind."""

    def __init__(self, join: str) -> None:
        super().__init__()
        self.join = join
        self.rows = nn.Conv2d(3, 2, (5, 1), padding=(2, 0))
        self.columns = nn.Conv2d(3, 2, (1, 3), padding=(0, 1))
        self.last = nn.Conv2d(4 if join == "cat" else 2, 1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        (a, b) = (self.rows(x), self.columns(x))
        if self.join == "cat":
            return self.last(torch.cat([a, b], dim=1))
        if self.join == "in place":
            a += b
            return self.last(a)
        return self.last(a + b)


@pytest.mark.parametrize("join", ["cat", "add", "in place"])
def test_joined_branches_take_the_rectangle_around_both(join: str) -> None:
    channels = 4 if join == "cat" else 2
    (_, masked) = counted(Branches(join), ONE_PIXEL)
    assert masked == 2 * 2 * 3 * 5 * 5 + 2 * 2 * 3 * 3 * 3 + 2 * channels * (5 * 3)


def test_everything_is_changed_behind_the_average() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(2, 7))
    assert counted(network, ONE_PIXEL) == (2 * 2 * 3 * 64 + 2 * 14, 2 * 2 * 3 + 2 * 14)


def test_unknown_operation_changes_everything() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1), nn.Softmax(dim=3), nn.Conv2d(2, 1, 1))
    assert counted(network, ONE_PIXEL) == (2 * 6 * 64 + 2 * 2 * 64, 2 * 6 + 2 * 2 * 64)


def test_a_gate_for_whole_channels_changes_everything() -> None:
    class Gate(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Conv2d(3, 1, 1)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(x * nn.functional.adaptive_avg_pool2d(x, 1))

    assert counted(Gate(), ONE_PIXEL) == (2 * 3 * 64, 2 * 3 * 64)


def test_masks_that_reach_nothing_cost_nothing() -> None:
    network = nn.Sequential(nn.Conv2d(3, 2, 1, stride=4), nn.ReLU(), nn.Conv2d(2, 1, 3, padding=1))
    (whole, masked) = counted(network, ONE_PIXEL)
    assert (whole, masked) == (2 * 6 * 4 + 2 * 18 * 4, 0)


@pytest.mark.parametrize(
    ("mask", "stride", "kind", "number"),
    [(45, 22, "whole", 81), (45, 4, "whole", 2025), (45, 22, "cut", 100), (45, 22, "centred", 121), (71, 1, "centred", 50176)],
)
def test_number_of_masks(mask: int, stride: int, kind: str, number: int) -> None:
    assert len(occlusion_masks((224, 224), mask, stride, kind)) == number


def test_positions_of_masks() -> None:
    assert occlusion_masks((6, 5), 3, 2, "whole").tolist() == [[0, 3, 0, 3], [0, 3, 2, 5], [2, 5, 0, 3], [2, 5, 2, 5]]
    assert occlusion_masks((6, 3), 3, 2, "cut").tolist() == [[0, 3, 0, 3], [2, 5, 0, 3], [4, 6, 0, 3]]
    assert occlusion_masks((4, 2), 3, 3, "centred").tolist() == [[0, 2, 0, 2], [2, 4, 0, 2]]
