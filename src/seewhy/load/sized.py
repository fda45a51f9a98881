"""The preparation for a network whose file says how large photos are, and nothing else of them."""

from __future__ import annotations

from collections.abc import Sequence

from seewhy.sized import SizedPreprocess


def sized(size: Sequence[object], channels: object, source: str) -> SizedPreprocess | None:
    """For photos of (rows, columns); None where the file leaves them free. source : the file."""
    sides = [side for side in size if isinstance(side, int) and side > 0]
    if len(sides) != 2:
        return None
    (height, width) = sides
    count = channels if isinstance(channels, int) and channels > 0 else 3
    return SizedPreprocess(size=height if height == width else (height, width), channels=count, source=source)
