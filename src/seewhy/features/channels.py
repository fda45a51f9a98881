"""Which channels of a layer are meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

from seewhy.errors import OptionError


def channel_numbers(channels: Any, count: int, layer: str) -> list[int]:
    """One channel's number, or several, as a list. Raises OptionError for one that layer ``layer`` with its ``count`` has not."""
    given = list(channels) if isinstance(channels, Iterable) and not isinstance(channels, str) else [channels]
    if not given:
        raise OptionError(f"No channel is named: layer '{layer}' has channels 0 to {count - 1}.")
    for channel in given:
        if isinstance(channel, bool) or not isinstance(channel, (int, np.integer)):
            raise OptionError(f"Channel {channel!r}: write a whole number; layer '{layer}' has channels 0 to {count - 1}.")
        if not 0 <= channel < count:
            raise OptionError(f"Channel {channel} does not exist: layer '{layer}' has {count} channels, 0 to {count - 1}.")
    return [int(channel) for channel in given]
