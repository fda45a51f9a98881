"""Ring: the outer ring of another photo laid on this one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from seewhy.edits.base import Edit, Values, check_source, in_form_of, place_of, resized
from seewhy.errors import OptionError, setting
from seewhy.inpainting import inpaint

_CELLS = 48  # along each side of the photo: what is continued is smooth, and is enlarged afterwards


@dataclass(frozen=True, kw_only=True)
class Ring(Edit):
    """source : the path of the other photo, from the photos' folder, and in it; None continues the middle outwards, smoothly (see
    :func:`seewhy.inpainting.inpaint`). width : of the ring, as a share of each side, below a half.

    The other photo is resized to this one's size (bilinear). The middle stays.
    """

    name: ClassVar[str] = "ring"

    source: str | None
    width: float = 0.15

    def __post_init__(self) -> None:
        if self.source is not None:
            check_source(self.source)
        try:
            width = float("nan") if isinstance(self.width, (str, bool)) else float(self.width)
        except (TypeError, ValueError):
            width = float("nan")
        if not 0 < width < 0.5:
            raise OptionError(f"{setting('width', self.width)}: write a share of the photo's sides between 0 and a half: 0.15.")
        object.__setattr__(self, "width", width)

    def apply(self, values: Values, other: Callable[[str], Values]) -> Values:
        if self.source is None:
            edited = self._continued(values)
        else:
            edited = resized(in_form_of(values, other(self.source)), values.shape[:2]).copy()
        middle = self._middle_of(values)
        edited[middle] = values[middle]
        return edited

    def _middle_of(self, values: Values) -> tuple[slice, slice]:
        return place_of((self.width, self.width, 1 - self.width, 1 - self.width), values)

    def _continued(self, values: Values) -> Values:
        size = (min(values.shape[0], _CELLS), min(values.shape[1], _CELLS))
        channels = 1 if values.ndim == 2 else values.shape[2]
        small = np.zeros((channels, *size), np.float32)
        inside = self._middle_of(small[0])
        middle = values[self._middle_of(values)].astype(np.float32)
        cells = resized(middle, small[0][inside].shape)  # of the middle alone: nothing of the ring is mixed in
        small[:, inside[0], inside[1]] = np.moveaxis(cells.reshape(*cells.shape[:2], channels), 2, 0)
        mask = np.ones(size, bool)
        mask[inside] = False
        filled = resized(inpaint(small, mask).transpose(1, 2, 0), values.shape[:2]).reshape(values.shape)
        return (np.rint(filled) if values.dtype.kind == "u" else filled).astype(values.dtype)

    @property
    def sources(self) -> tuple[str, ...]:
        return () if self.source is None else (self.source,)

    @property
    def words(self) -> str:
        what = "continued from the middle" if self.source is None else f"laid on it from '{self.source}'"
        return f"{what}: the outer ring of {round(100 * self.width)} %"
