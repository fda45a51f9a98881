"""A layer's output as channels, and which of them are meant."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch

from seewhy.engine.steps import Step
from seewhy.errors import LayerError, OptionError, is_whole_number


def channel_numbers(channels: Any, count: int, layer: str) -> list[int]:
    """One channel's number, or several, as a list. Raises OptionError for one that layer ``layer`` with its ``count`` has not."""
    numbers = list(channels) if isinstance(channels, Iterable) and not isinstance(channels, str) else [channels]
    if not numbers:
        raise OptionError(f"No channel is named: layer '{layer}' has channels 0 to {count - 1}.")
    for channel in numbers:
        if not is_whole_number(channel):
            raise OptionError(f"Channel {channel!r}: write a whole number; layer '{layer}' has channels 0 to {count - 1}.")
        if not 0 <= channel < count:
            raise OptionError(f"Channel {channel} does not exist: layer '{layer}' has {count} channels, 0 to {count - 1}.")
    return [int(channel) for channel in numbers]


def channels_of(step: Step, name: str, output: Any) -> torch.Tensor:
    """A layer's output as ``(N, C, h, w)``, or ``(N, C)`` where it has no rows and columns. Raises LayerError for other forms."""
    if isinstance(output, torch.Tensor) and step.grid is not None:
        return step.grid.read(output)
    if isinstance(output, torch.Tensor) and output.ndim == 2:
        return output
    form = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    raise LayerError(f"Layer '{name}' gives {form}: neither channels with rows and columns nor one row of numbers per photo.")
