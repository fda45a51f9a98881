"""Random states are put back, also after an exception and between threads."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from seewhy.engine.state import random_state


def test_random_states_come_back_and_start_from_the_seed() -> None:
    def draw():
        return (random.random(), np.random.rand(), float(torch.rand(())))

    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    expected = [draw(), draw()]
    random.seed(1), np.random.seed(1), torch.manual_seed(1)
    first = draw()
    with random_state(5):
        inside = draw()
    with random_state(5):
        assert draw() == inside
    with pytest.raises(ZeroDivisionError), random_state(5):
        draw()[0] / 0
    assert [first, draw()] == expected


def test_random_states_come_back_when_several_threads_explain() -> None:
    import threading

    torch.manual_seed(4)
    expected = torch.get_rng_state()
    both_inside = threading.Barrier(2)

    def work(first_out: bool, other_left: threading.Event) -> None:
        with random_state(9):
            both_inside.wait()
            if not first_out:
                other_left.wait()
        other_left.set()

    left = threading.Event()
    threads = [threading.Thread(target=work, args=(first, left)) for first in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert torch.equal(torch.get_rng_state(), expected)
