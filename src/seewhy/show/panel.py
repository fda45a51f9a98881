"""The small picture type that every screen renders: a title, pixels, a caption, and the scale of its colours."""

from __future__ import annotations

from dataclasses import dataclass

from seewhy.formatting import format_number
from seewhy.show.colour import Floats, Pixels


@dataclass(frozen=True, eq=False)
class Bar:
    """The scale of a picture's colours, in raw numbers.

    table : ``(m, 3)`` in [0, 1], the colours as they look on the picture, from low to high.
    low, high : what its ends stand for. Both 0: nothing to show, the map is empty.
    units : what the numbers are. signed : zero lies in the middle. open : some values lie beyond the ends.
    """

    table: Floats
    low: float
    high: float
    units: str = ""
    signed: bool = False
    open: bool = False

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Where the scale is labelled, as parts of its length from 0 to 1, and the labels."""
        if not self.high > self.low:
            return [(0.5 if self.signed else 0.0, "0")]
        values = [self.low, (self.low + self.high) / 2, self.high]
        labels = [format_number(value, self.high) for value in values]
        if self.open:
            labels[2] = "≥ " + labels[2]
            labels[0] = "≤ " + labels[0] if self.signed else labels[0]
        return list(zip((0.0, 0.5, 1.0), labels, strict=True))

    @property
    def label(self) -> str:
        """The units; on a signed scale also which side speaks for the class."""
        return f"against ← {self.units or '0'} → for" if self.signed else self.units


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture ready to be shown: uint8 ``pixels`` ``(H, W, 3)``, text above and below, and perhaps a colour bar."""

    title: str
    pixels: Pixels
    caption: str = ""
    bar: Bar | None = None
