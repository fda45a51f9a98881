"""Threads of one thread's passes."""

from __future__ import annotations

import threading

import torch

from seewhy.engine.threads import PassThreads


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
