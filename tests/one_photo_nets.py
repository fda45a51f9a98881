"""Networks whose code knows one photo at a time, in the ways in which a trace writes the number down."""

from __future__ import annotations

import torch
from torch import nn

FORMS = ("refuses", "one row", "mixes")


class OnePhoto(nn.Module):
    """Each place has its own weight. Of several photos, "refuses" fails, "one row" gives a single row for all, and "mixes" gives
    a row for each in which all have a say."""

    def __init__(self, form: str, size: int = 8) -> None:
        super().__init__()
        self.form = form
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn((3 * size * size, 4), generator=generator) / size)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.form == "refuses":
            return x.reshape(1, -1) @ self.weight
        if self.form == "one row":
            return (x.reshape(1, -1, self.weight.shape[0]) @ self.weight).mean(1)
        return (x.flatten(1) * x.reshape(1, -1).mean(1)) @ self.weight
