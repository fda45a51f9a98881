"""Random states are put back, also after an exception and between threads."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from small_nets import SmallNet

import seewhy
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


@pytest.mark.parametrize("method", ["grad_cam", "hires_cam", "gradient", "occlusion", "score_cam"])
def test_a_person_s_autocast_changes_nothing(small: SmallNet, small_photos: torch.Tensor, method: str) -> None:
    small.eval().requires_grad_(False)
    expected = seewhy.explain(seewhy.Classifier(small), small_photos[0], method, target=1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        clf = seewhy.Classifier(small)
        scores = clf.logits(small_photos)
        explanation = seewhy.explain(clf, small_photos[0], method, target=1)
        assert torch.is_autocast_enabled("cpu")
        assert small(small_photos).dtype == torch.bfloat16
    assert np.array_equal(explanation.maps, expected.maps)
    assert np.array_equal(scores, seewhy.Classifier(small).logits(small_photos))


def test_a_function_runs_without_autocast(small: SmallNet, small_photos: torch.Tensor) -> None:
    kinds = []

    def network(x: torch.Tensor) -> torch.Tensor:
        scores = small(x)
        kinds.append(scores.dtype)
        return scores

    with torch.autocast("cpu", dtype=torch.bfloat16):
        seewhy.Classifier(network).scores(small_photos)
    assert kinds == [torch.float32]
