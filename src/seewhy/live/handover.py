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
        self._closed = False

    def put(self, value: Value, *, over: bool = False) -> bool:
        """Put a value; while one waits there, wait until it is taken, or lay the new one in its place (``over``).

        Returns True where a value was laid over. Raises Closed.
        """
        with self._change:
            self._change.wait_for(lambda: over or not self._values or self._closed)
            if self._closed:
                raise Closed
            dropped = bool(self._values)
            self._values[:] = [value]
            self._change.notify_all()
            return dropped

    def wait_until_empty(self) -> None:
        """Until what was put is taken. Raises Closed."""
        with self._change:
            self._change.wait_for(lambda: not self._values or self._closed)
            if self._closed:
                raise Closed

    def take(self, timeout: float | None = None) -> Value | None:
        """The value, waiting for it; None after ``timeout`` seconds. Raises Closed where none comes any more."""
        with self._change:
            self._change.wait_for(lambda: self._values or self._closed, timeout)
            if self._values:
                value = self._values.pop()
                self._change.notify_all()
                return value
            if self._closed:
                raise Closed
            return None

    def close(self) -> None:
        """No more values; one that waits can still be taken."""
        with self._change:
            self._closed = True
            self._change.notify_all()
