"""A preparation of which only the size is known: nobody has said how values are prepared."""

from __future__ import annotations

from dataclasses import dataclass, replace

from seewhy.errors import setting
from seewhy.geometry import Array, Geometry
from seewhy.photo import Picture
from seewhy.preprocess import Preprocess


@dataclass(frozen=True)
class SizedPreprocess(Preprocess):
    """A Preprocess that says on every photo that nobody has given mean and std, or the range, for as long as nobody has.

    source : who said the size: the model's file, or the setting.
    """

    source: str = "the model's file"

    @property
    def notes(self) -> tuple[str, ...]:
        """What the values become for want of better knowledge, as a note; none where somebody has said it."""
        if self.mean is not None or self.std is not None or self.range is not None:
            return ()
        return (
            f"{self.source} says how large a photo is, not how its values are prepared: they are scaled to 0-1; if the "
            f"training did more, say {setting('mean')} and {setting('std')}",
        )

    def in_bytes(self) -> SizedPreprocess:
        """The same for a file that reads whole numbers from 0 to 255."""
        return replace(self, std=1 / 255)

    def apply(self, picture: Picture) -> tuple[Array, Geometry, tuple[str, ...]]:
        """Pixels float32 ``(C, h, w)`` in 0-255, where they lie on the picture, and notes."""
        (pixels, geometry, notes) = super().apply(picture)
        return pixels, geometry, (*notes, *self.notes)
