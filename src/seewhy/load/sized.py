"""A preparation of which only the size is known: read from a model's file, which does not say how values were prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seewhy.errors import setting
from seewhy.geometry import Array, Geometry
from seewhy.photo import Picture
from seewhy.preprocess import Preprocess


@dataclass(frozen=True)
class SizedPreprocess(Preprocess):
    """A Preprocess that says on every photo that nobody has given mean and std, for as long as nobody has.

    source : the file that the size was read from.
    """

    source: str = "the model's file"

    def in_bytes(self) -> SizedPreprocess:
        """The same for a file that reads whole numbers from 0 to 255."""
        return replace(self, std=1 / 255)

    def apply(self, picture: Picture) -> tuple[Array, Geometry, tuple[str, ...]]:
        """Pixels float32 ``(C, h, w)`` in 0-255, where they lie on the picture, and notes."""
        (pixels, geometry, notes) = super().apply(picture)
        if self.mean is None and self.std is None:
            notes = (
                *notes,
                f"{self.source} says how large a photo is, not how its values are prepared: they are scaled to 0-1; if the "
                f"training did more, say {setting('mean')} and {setting('std')}",
            )
        return pixels, geometry, notes


def sized(size: Sequence[object], channels: object, source: str) -> SizedPreprocess | None:
    """For photos of (rows, columns); None where the file leaves them free."""
    sides = [side for side in size if isinstance(side, int) and side > 0]
    if len(sides) != 2:
        return None
    (height, width) = sides
    count = channels if isinstance(channels, int) and channels > 0 else 3
    return SizedPreprocess(size=height if height == width else (height, width), channels=count, source=source)
