"""Threads of one thread's passes."""

from __future__ import annotations

import threading

import pytest
import torch

from seewhy.engine.threads import PassThreads, raise_if_stopped, stopped_by


def test_only_the_thread_that_asks_is_limited() -> None:
    before = torch.get_num_threads()
    counts = []

    def work() -> None:
        threads = PassThreads()
        assert threads.count == before
        for count in (1, before, 0):
            threads.use(count)
            counts.append((threads.count, torch.get_num_threads()))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert counts == [(1, 1), (before, before), (1, 1)]
    assert torch.get_num_threads() == before


def test_the_work_of_a_thread_is_stopped_by_its_own_event() -> None:
    event = threading.Event()
    with stopped_by(event):
        raise_if_stopped()
        event.set()
        with pytest.raises(KeyboardInterrupt):
            raise_if_stopped()
        thread = threading.Thread(target=raise_if_stopped)  # has none: an error would be a warning here
        thread.start()
        thread.join()
    raise_if_stopped()
