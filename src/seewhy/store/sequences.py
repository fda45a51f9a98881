"""Long lists in which every photo stands once for each edit, without the memory that such lists would take."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar, overload

Value = TypeVar("Value")


@dataclass(frozen=True)
class _Lazy(Sequence[Value], Generic[Value]):
    """Items of ``values``, made of a place when they are asked for. Plain data, so that it can travel."""

    values: Sequence[Value]
    times: int

    @abstractmethod
    def _at(self, place: int) -> Value: ...

    def __len__(self) -> int:
        return len(self.values) * self.times

    @overload
    def __getitem__(self, place: int) -> Value: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Value]: ...

    def __getitem__(self, place: int | slice) -> Value | Sequence[Value]:
        places = range(len(self))[place]  # raises IndexError, and counts from the end
        return [self._at(one) for one in places] if isinstance(places, range) else self._at(places)


class Repeated(_Lazy[Value]):
    """Each value a few times, one after the other: a, a, b, b."""

    def _at(self, place: int) -> Value:
        return self.values[place // self.times]


class Cycled(_Lazy[Value]):
    """All values a few times: a, b, a, b."""

    def _at(self, place: int) -> Value:
        return self.values[place % len(self.values)]


def repeated(values: Sequence[Value], times: int) -> Sequence[Value]:
    """:class:`Repeated`; the very values where that is once."""
    return values if times == 1 else Repeated(values, times)
