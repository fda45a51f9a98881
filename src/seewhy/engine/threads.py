"""On how many threads a network runs, and how work in another thread is stopped."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator

import torch
from threadpoolctl import ThreadpoolController


class PassThreads:
    """The threads of the passes that are begun in this thread: all at first. Passes of other threads keep theirs."""

    def __init__(self) -> None:
        self._openmp = ThreadpoolController().select(user_api="openmp")
        self.count = torch.get_num_threads()

    def use(self, count: int) -> None:
        """At least one."""
        count = max(1, count)
        if count != self.count:
            self._openmp.limit(limits=count)  # OpenMP keeps the number for each thread by itself
            self.count = count


@contextlib.contextmanager
def on_one_thread(beside_others: bool) -> Iterator[None]:
    """Torch's own operations of this thread take one, where a network brings threads of its own: each would wait for cores that
    the other keeps busy with waiting. beside_others : whether it does."""
    if not beside_others:
        yield
        return
    threads = PassThreads()
    before = threads.count
    threads.use(1)
    try:
        yield
    finally:
        threads.use(before)


class _Stop(threading.local):
    """The event that stops the work of this thread."""

    event: threading.Event | None = None


_stop = _Stop()


@contextlib.contextmanager
def stopped_by(event: threading.Event) -> Iterator[None]:
    """Once the event is set, what takes many passes in this thread ends between two of them, as if Ctrl-C had been pressed."""
    (before, _stop.event) = (_stop.event, event)
    try:
        yield
    finally:
        _stop.event = before


def raise_if_stopped() -> None:
    """Raises KeyboardInterrupt where the work of this thread was stopped."""
    if _stop.event is not None and _stop.event.is_set():
        raise KeyboardInterrupt
