"""Fill: a box in one colour."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.edits.base import Box, Edit, Values, box_in_words, check_box, place_of, plain_floats
from seewhy.errors import OptionError, PhotoError, setting
from seewhy.photo import FULL


@dataclass(frozen=True, kw_only=True)
class Fill(Edit):
    """box : what is filled. colour : a share of white for each channel, or one for all; None takes the mean of the photo outside
    the box."""

    name: ClassVar[str] = "fill"

    box: Box
    colour: tuple[float, ...] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "box", check_box("box", self.box))
        if self.colour is None:
            return
        try:
            shares = plain_floats(self.colour)
        except (TypeError, ValueError):
            shares = ()
        if not shares or not all(0 <= share <= 1 for share in shares):
            raise OptionError(
                f"{setting('colour', self.colour)}: write shares of white from 0 to 1, one for each channel: (1, 0.5, 0)."
            )
        object.__setattr__(self, "colour", shares)

    def apply(self, values: Values, other: Callable[[str], Values]) -> Values:
        edited: Values = values.copy()
        channels = 1 if values.ndim == 2 else values.shape[2]
        place = place_of(self.box, values)
        if self.colour is None:
            outside = np.ones(values.shape[:2], bool)
            outside[place] = False
            colour = values[outside].mean(axis=0) if outside.any() else values.mean(axis=(0, 1))
        elif len(self.colour) in (1, channels):
            colour = np.broadcast_to(self.colour, channels) * FULL.get(values.dtype, 1)
            colour = colour[0] if values.ndim == 2 else colour
        else:
            raise PhotoError(f"{setting('colour', self.colour)}: the photo has {channels} channels.")
        edited[place] = np.rint(colour) if values.dtype.kind == "u" else colour
        return edited

    @property
    def words(self) -> str:
        return f"filled: {box_in_words(self.box)}"
