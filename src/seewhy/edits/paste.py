"""Paste: a box of another photo laid on this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.edits.base import Box, Edit, Values, box_in_words, check_box, check_source, in_form_of, place_of, resized
from seewhy.errors import whole_number


@dataclass(frozen=True, kw_only=True)
class Paste(Edit):
    """source : the path of the other photo, from the photos' folder, and in it. box : where it is laid.
    source_box : what is taken of it; None takes the same place. shuffle : a seed; the pixels of what is taken are laid in
    an order drawn with it, so that its colours stay and nothing of its shape; None for their own order.

    Where the boxes are of different sizes in pixels, what is taken is resized (bilinear).
    """

    name: ClassVar[str] = "paste"

    source: str
    box: Box
    source_box: Box | None = None
    shuffle: int | None = None

    def __post_init__(self) -> None:
        check_source(self.source)
        object.__setattr__(self, "box", check_box("box", self.box))
        if self.source_box is not None:
            object.__setattr__(self, "source_box", check_box("source_box", self.source_box))
        if self.shuffle is not None:
            object.__setattr__(self, "shuffle", whole_number("shuffle", self.shuffle, least=0))

    def apply(self, values: Values, other: Callable[[str], Values]) -> Values:
        donor = in_form_of(values, other(self.source))
        edited: Values = values.copy()
        place = place_of(self.box, values)
        patch = donor[place_of(self.source_box or self.box, donor)]
        patch = resized(patch, edited[place].shape[:2])
        edited[place] = patch if self.shuffle is None else _shuffled(patch, self.shuffle)
        return edited

    @property
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    def words(self) -> str:
        shuffled = "" if self.shuffle is None else ", its pixels in another order"
        return f"laid on it from '{self.source}': {box_in_words(self.box)}{shuffled}"


def _shuffled(patch: Values, seed: int) -> Values:
    pixels = patch.reshape(-1, *patch.shape[2:])
    shuffled: Values = np.random.default_rng(seed).permutation(pixels).reshape(patch.shape)
    return shuffled
