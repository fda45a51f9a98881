"""A preparation of which at most the size is known: nobody has said how values are prepared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from seewhy.errors import setting
from seewhy.formatting import format_size
from seewhy.geometry import Array, Geometry
from seewhy.photo import Picture
from seewhy.preprocess import Preprocess


@dataclass(frozen=True)
class SizedPreprocess(Preprocess):
    """A Preprocess that says on every photo what nobody has given: mean and std, or the range; the size.

    source : who said the size: the model's file, or the setting; "" where nobody has.
    """

    source: str = "the model's file"

    @property
    def notes(self) -> tuple[str, ...]:
        """What is assumed for want of better knowledge, as a note; none where somebody has said it."""
        are_values_said = self.mean is not None or self.std is not None or self.range is not None
        assumed = f"{format_size(self.input_size)} pixels are assumed"
        if are_values_said and self.source:
            return ()
        if are_values_said:
            return (f"nobody has said how large photos are: {assumed}; if the training had others, say {setting('size')}",)
        if not self.source:
            return (
                f"nobody has said how photos are prepared: {assumed}, and values scaled to 0-1; if the training did otherwise, "
                f"say {setting('size')}, {setting('mean')} and {setting('std')}",
            )
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


def sized(size: Sequence[object], channels: object, source: str) -> SizedPreprocess | None:
    """For a network whose file says (rows, columns) and nothing else; None where it leaves them free. source : the file."""
    sides = [side for side in size if isinstance(side, int) and side > 0]
    if len(sides) != 2:
        return None
    (height, width) = sides
    count = channels if isinstance(channels, int) and channels > 0 else 3
    return SizedPreprocess(size=height if height == width else (height, width), channels=count, source=source)
