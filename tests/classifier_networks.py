"""Photos and networks of fixed or dressed-up outputs, for what reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn

NAMES = ["bear", "cow", "sheep", "wolf"]


PHOTOS = np.random.default_rng(0).integers(0, 256, (7, 24, 24, 3), np.uint8)


class Fixed(nn.Module):
    """Gives the same row of numbers for every photo."""

    def __init__(self, *row: float) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 1, 1)
        self.register_buffer("row", torch.tensor(row))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 0 * self.conv(x).mean(dim=(2, 3)) + self.row


class Dressed(SmallNet):
    """Returns its scores in another form."""

    def __init__(self, dress: Callable[[torch.Tensor], Any], classes: int = 4) -> None:
        super().__init__(classes)
        self.dress = dress

    def forward(self, x: torch.Tensor) -> Any:
        return self.dress(super().forward(x))


def inputs_of(photos: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(photos).permute(0, 3, 1, 2) / 255


def message(kind: type[Exception], call: Callable[[], object]) -> str:
    with pytest.raises(kind) as error:
        call()
    return str(error.value)
