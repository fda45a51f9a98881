"""Which part of what a network returns is the class scores."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch

from seewhy.errors import OutputError
from seewhy.head import Returned, describe, entries_of


@dataclass(frozen=True)
class OutputPicker:
    """Picks the class scores out of what a network returns.

    output : a key, an index or a function. None: the tensor itself; ``logits`` of an object or a dictionary; the only 2-d tensor
    of a tuple, a dictionary or a dataclass; else everything, and whoever reads it says what is missing.
    """

    output: str | int | Callable[[Any], Any] | None = None

    def __call__(self, returned: Any) -> Any:
        if callable(self.output):
            try:
                return self.output(returned)
            except Exception as error:
                raise OutputError(
                    f"The network returned {describe(returned)}, and the function output= failed on it: {type(error).__name__}: "
                    f"{error}"
                ) from error
        if self.output is not None:
            try:
                if isinstance(returned, torch.Tensor) and isinstance(self.output, str):
                    raise KeyError(self.output)  # torch would warn first
                named = dict(entries_of(returned))  # of a dataclass, and of a tuple with names, the entries are attributes
                return named[self.output] if self.output in named else returned[self.output]
            except (KeyError, IndexError, TypeError) as error:
                raise OutputError(f"The network returned {describe(returned)}: it has no entry {self.output!r}.") from error
        if isinstance(returned, torch.Tensor):
            return returned
        scores = getattr(returned, "logits", None)
        if scores is None and hasattr(returned, "get"):
            scores = returned.get("logits")
        if scores is None:
            tables = [entry for _, entry in entries_of(returned) if isinstance(entry, torch.Tensor) and entry.ndim == 2]
            scores = tables[0] if len(tables) == 1 else None
        return returned if scores is None else scores


@dataclass
class NotingPicker:
    """Picks, and notes what it picked from, for messages. returned : None while that is the picked output itself."""

    picker: OutputPicker
    returned: Returned | None = field(default=None, init=False)

    def __call__(self, returned: Any) -> Any:
        output = self.picker(returned)
        if self.returned is None and output is not returned:
            self.returned = Returned.of(returned)
        return output
