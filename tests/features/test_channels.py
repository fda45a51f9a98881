"""Channels of a layer by number, and its output as channels whatever its layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from seewhy.engine.steps import Grid, Step
from seewhy.errors import LayerError, OptionError
from seewhy.features.channels import channel_numbers, channels_of


def step(grid: Grid | None) -> Step:
    return Step(0, "relu", 0, "", (), (), (), grid)


@pytest.mark.parametrize(
    ("channels", "expected"),
    [(3, [3]), ([2, 0, 2], [2, 0, 2]), (np.int64(4), [4]), (range(2), [0, 1]), (np.array([1, 4]), [1, 4])],
)
def test_one_or_several(channels: Any, expected: list[int]) -> None:
    numbers = channel_numbers(channels, 5, "conv")
    assert numbers == expected
    assert all(type(number) is int for number in numbers)


@pytest.mark.parametrize(
    ("channels", "message"),
    [
        ([], "No channel is named: layer 'conv' has channels 0 to 4."),
        (5, "Channel 5 does not exist: layer 'conv' has 5 channels, 0 to 4."),
        ([0, -1], "Channel -1 does not exist: layer 'conv' has 5 channels, 0 to 4."),
        (True, "Channel True: write a whole number; layer 'conv' has channels 0 to 4."),
        ("3", "Channel '3': write a whole number; layer 'conv' has channels 0 to 4."),
        (1.0, "Channel 1.0: write a whole number; layer 'conv' has channels 0 to 4."),
    ],
)
def test_channels_that_are_none(channels: Any, message: str) -> None:
    with pytest.raises(OptionError) as error:
        channel_numbers(channels, 5, "conv")
    assert str(error.value) == message


def test_every_layout_becomes_channels_first() -> None:
    maps = torch.arange(2 * 5 * 3 * 4.0).reshape(2, 5, 3, 4)
    assert channels_of(step(Grid(3, 4, 5)), "conv", maps) is maps
    last = maps.movedim(1, -1).contiguous()
    assert torch.equal(channels_of(step(Grid(3, 4, 5, "channels last")), "conv", last), maps)
    tokens = torch.cat([torch.full((2, 1, 5), -1.0), maps.flatten(2).transpose(1, 2)], dim=1)
    assert torch.equal(channels_of(step(Grid(3, 4, 5, "tokens", skip=1)), "conv", tokens), maps)


def test_a_row_for_each_photo_is_handed_on() -> None:
    rows = torch.rand(2, 5)
    assert channels_of(step(None), "fc", rows) is rows


@pytest.mark.parametrize(("output", "form"), [(torch.rand(2, 5, 3), r"\(2, 5, 3\)"), ((1, 2), "tuple")])
def test_other_forms_are_refused(output: Any, form: str) -> None:
    with pytest.raises(LayerError, match=rf"^Layer 'odd' gives {form}: neither channels with rows and columns nor one row"):
        channels_of(step(None), "odd", output)
