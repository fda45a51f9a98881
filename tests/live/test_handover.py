"""One value between two threads."""

from __future__ import annotations

import threading

import pytest

from seewhy.live.handover import Closed, Handover


def test_a_newer_value_takes_the_place_of_one_that_waits() -> None:
    handover: Handover[int] = Handover()
    assert [handover.put(value, over=True) for value in (1, 2, 3)] == [False, True, True]
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


def test_who_waits_is_woken_when_it_is_closed() -> None:
    handover: Handover[int] = Handover()
    handover.put(1)
    woken = []

    def wait(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except Closed:
            woken.append(work)

    threads = [threading.Thread(target=wait, args=(work,)) for work in (lambda: handover.put(2), handover.wait_until_empty)]
    for thread in threads:
        thread.start()
    handover.close()
    for thread in threads:
        thread.join(5)
    assert len(woken) == 2
    assert handover.take() == 1  # what was put before can still be taken
    with pytest.raises(Closed):
        handover.take()
