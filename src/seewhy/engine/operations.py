"""Watch a network at the level of torch operations: each has an address that is the same in every pass.

A torch function mode is local to its thread and touches no module, so functional calls, reused and in-place modules are seen like
any others, and two explanations at once on one network do not disturb each other.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from torch.overrides import TorchFunctionMode

# The attributes of a tensor that are tensors: ``.mT`` is an operation, a look at ``.shape`` is none.
_TENSORS = frozenset(["T", "mT", "H", "mH", "real", "imag", "data", "grad"])


class Address(NamedTuple):
    """An operation of a pass: its name, and the number of those of that name, counted from 0."""

    name: str
    number: int


class OperationMode(TorchFunctionMode, ABC):
    """Hands every torch operation inside the with-block to :meth:`operation`, which runs it.

    Looks at a tensor (``.shape``, ``.requires_grad``) are none: what a planned copy looks at must not count.

    names : those that are handed over; the others run as they are. None: all.
    """

    def __init__(self, names: frozenset[str] | None = None) -> None:
        super().__init__()
        self._names = names
        self._counts: Counter[str] = Counter()

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(func, "__name__", "")
        is_look = name == "__get__" and getattr(func.__self__, "__name__", "") not in _TENSORS
        if is_look or (self._names is not None and name not in self._names):
            return func(*args, **kwargs) if kwargs else func(*args)
        address = Address(name, self._counts[name])
        self._counts[name] += 1
        return self.operation(address, func, args, kwargs or {})

    @property
    def counts(self) -> dict[str, int]:
        """How often each operation has run, of those that are handed over."""
        return dict(self._counts)

    @abstractmethod
    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Run the operation and return its result."""


def tensors_in(value: Any) -> Iterator[torch.Tensor]:
    """The tensors among an operation's arguments or results, in order."""
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors_in(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from tensors_in(item)
