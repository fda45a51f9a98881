"""Threads of one thread's passes."""

from __future__ import annotations

import threading

import pytest
import torch

import seewhy
from seewhy.engine.form import Form
from seewhy.engine.threads import PassThreads, on_one_thread, raise_if_stopped, stopped_by


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


def test_work_beside_a_network_with_threads_of_its_own_takes_one() -> None:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    (first_is_inside, second_has_ended) = (threading.Event(), threading.Event())
    counts = []

    def overlapping() -> None:
        counts.append(torch.get_num_threads())
        with on_one_thread(True):
            first_is_inside.set()
            second_has_ended.wait(10)
            counts.append(torch.get_num_threads())
        counts.append(torch.get_num_threads())

    try:
        with on_one_thread(False):
            assert torch.get_num_threads() == 2
        thread = threading.Thread(target=overlapping)
        thread.start()
        first_is_inside.wait(10)
        with on_one_thread(True):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
        second_has_ended.set()
        thread.join()
        assert counts == [2, 1, 2]
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize(("own_threads", "expected"), [(True, 1), (False, 2)])
def test_such_a_network_is_explained_on_one_thread(own_threads: bool, expected: int) -> None:
    seen = []

    class Network:
        form = Form("a runtime", own_threads=own_threads)

        def __call__(self, x: torch.Tensor) -> torch.Tensor:
            seen.append(torch.get_num_threads())
            return x.mean((2, 3))

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        seewhy.explain(seewhy.Classifier(Network()), torch.rand(3, 8, 8), "occlusion", mask_size=4, stride=4)
        assert set(seen) == {expected}
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_event_inside_another_leaves_the_outer_one() -> None:
    (outer, inner) = (threading.Event(), threading.Event())
    outer.set()
    with stopped_by(outer):
        with stopped_by(inner):
            raise_if_stopped()
        with pytest.raises(KeyboardInterrupt):
            raise_if_stopped()
