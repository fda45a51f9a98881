"""What a property of a photo is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[Any]
Measure = npt.NDArray[np.float32]
Direction = tuple[float, ...]


@dataclass(frozen=True)
class Property:
    """measure : a photo's numbers -> ``(size,)``. adjusted : the photo, and the values that it shall have -> the photo with
    these, as nearly as it can have them; of the same shape and type. directions : in which a class may differ from others, in
    units of what is measured, and what that is called. on_ground : it is the ground's, not the whole photo's."""

    name: str
    measure: Callable[[Values], Measure]
    adjusted: Callable[[Values, Measure], Values]
    directions: dict[Direction, str]
    on_ground: bool = False

    @property
    def size(self) -> int:
        return len(next(iter(self.directions)))


def two_ways(more: str, less: str, size: int = 1) -> dict[Direction, str]:
    """Up and down in the first of so many values."""
    rest = (0.0,) * (size - 1)
    return {(1.0, *rest): f"the {more} of the whole photo", (-1.0, *rest): f"the {less} of the whole photo"}


_DIAGONAL = 0.5**0.5
# What the directions of (log red/green, log blue/green) look like.
TINTS: dict[Direction, str] = {
    (1.0, 0.0): "reddish",
    (_DIAGONAL, _DIAGONAL): "purple",
    (0.0, 1.0): "bluish",
    (-_DIAGONAL, _DIAGONAL): "blue-green",
    (-1.0, 0.0): "green-blue",
    (-_DIAGONAL, -_DIAGONAL): "greenish",
    (0.0, -1.0): "yellowish",
    (_DIAGONAL, -_DIAGONAL): "orange",
}
