"""One value between two threads."""

from __future__ import annotations

import threading

import pytest

from seewhy.live.handover import Closed, Handover


def test_a_newer_value_takes_the_place_of_one_that_waits() -> None:
    handover: Handover[int] = Handover()
    for value in (1, 2, 3):
        handover.put(value, over=True)
    assert handover.take() == 3
    assert handover.take(timeout=0.001) is None


def test_in_order_none_is_lost() -> None:
    handover: Handover[int] = Handover()

    def put_all() -> None:
        for value in range(200):
            handover.put(value)
        handover.close()

    thread = threading.Thread(target=put_all)
    thread.start()
    values = [handover.take() for _ in range(200)]
    thread.join()
    assert values == list(range(200))
    with pytest.raises(Closed):
        handover.take()


def test_several_threads_put_in_turn() -> None:
    handover: Handover[int] = Handover()

    def put_some(values: range) -> None:
        for value in values:
            handover.put(value, turn=value)

    threads = [threading.Thread(target=put_some, args=(range(first, 100, 3),)) for first in (2, 0, 1)]
    for thread in threads:
        thread.start()
    assert [handover.take() for _ in range(100)] == list(range(100))
    for thread in threads:
        thread.join()


def test_who_waits_is_woken_when_it_is_closed() -> None:
    handover: Handover[int] = Handover()
    handover.put(1)
    woken = []

    def wait(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except Closed:
            woken.append(work)

    threads = [
        threading.Thread(target=wait, args=(work,)) for work in (lambda: handover.put(2), lambda: handover.wait_until_taken(1))
    ]
    for thread in threads:
        thread.start()
    handover.close()
    for thread in threads:
        thread.join(5)
    assert len(woken) == 2
    assert handover.take() == 1  # what was put before can still be taken
    with pytest.raises(Closed):
        handover.take()
