"""A place for one value between two threads."""

from __future__ import annotations

import threading
from typing import Generic, TypeVar

Value = TypeVar("Value")


class Closed(Exception):  # noqa: N818
    """Nothing comes any more, or nobody takes it."""


class Handover(Generic[Value]):
    """One thread puts values, another one takes them; at most one waits in between."""

    def __init__(self) -> None:
        self._change = threading.Condition()
        self._values: list[Value] = []
        (self._put, self._taken) = (0, 0)  # values so far
        self._closed = False

    def put(self, value: Value, *, over: bool = False, turn: int | None = None) -> None:
        """Put a value; while one waits there, wait until it is taken, or lay the new one in its place (``over``).

        turn : how many values have to be put before this one, where several threads put in turn. Raises Closed.
        """
        with self._change:
            self._change.wait_for(lambda: self._closed or ((over or not self._values) and turn in (None, self._put)))
            if self._closed:
                raise Closed
            self._values[:] = [value]
            self._put += 1
            self._change.notify_all()

    def wait_until_taken(self, count: int) -> None:
        """Until so many values were taken. Raises Closed."""
        with self._change:
            self._change.wait_for(lambda: self._taken >= count or self._closed)
            if self._closed:
                raise Closed

    def take(self, timeout: float | None = None) -> Value | None:
        """The value, waiting for it; None after ``timeout`` seconds. Raises Closed where none comes any more."""
        with self._change:
            self._change.wait_for(lambda: self._values or self._closed, timeout)
            if self._values:
                value = self._values.pop()
                self._taken += 1
                self._change.notify_all()
                return value
            if self._closed:
                raise Closed
            return None

    @property
    def is_empty(self) -> bool:
        """True where no value waits."""
        return not self._values

    def close(self) -> None:
        """No more values; one that waits can still be taken."""
        with self._change:
            self._closed = True
            self._change.notify_all()
