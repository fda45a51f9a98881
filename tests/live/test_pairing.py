"""When two frames are explained at once."""

from __future__ import annotations

import threading

import pytest
import torch
from small_nets import Keeping

import seewhy
from seewhy.live import LiveLoop
from seewhy.live.pairing import QUICK, Pairing


def test_a_quick_frame_makes_two_at_once_and_a_slow_one_ends_that() -> None:
    pairing = Pairing(possible=True)
    assert pairing.at_once == 1
    pairing.lasted(QUICK / 2, pairing.threads)
    assert pairing.at_once == 2
    pairing.lasted(1.5 * QUICK * pairing.threads, 1)
    assert pairing.at_once == 1


def test_never_where_it_is_not_possible() -> None:
    pairing = Pairing(possible=False)
    pairing.lasted(0.0, 1)
    assert pairing.at_once == 1


@pytest.mark.parametrize("wake", [lambda pairing: pairing.lasted(0.0, 1), Pairing.end])
def test_who_waits_goes_on_when_frames_are_quick_and_at_the_end(wake: object) -> None:
    pairing = Pairing(possible=True)
    thread = threading.Thread(target=pairing.wait)
    thread.start()
    wake(pairing)  # type: ignore[operator]
    thread.join(5)
    assert not thread.is_alive()


@pytest.mark.parametrize("has_hook", [False, True])
def test_two_at_once_see_their_own_frame_and_come_in_order(has_hook: bool) -> None:
    """Also where the network keeps values of its pass; one that runs as it is, because of its hooks, explains one at a time."""
    torch.manual_seed(0)
    network = Keeping()
    if has_hook:
        network.conv.register_forward_hook(lambda *_: None)
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=32))
    frames = [scene.photo for scene in seewhy.demo.scenes(12, seed=2)]
    with LiveLoop(clf, frames, "grad_cam", 0) as loop:
        moments = list(loop)
        assert loop._pairing.at_once == (1 if has_hook else 2)
    assert [moment.number for moment in moments] == list(range(12))
    for moment, frame in zip(moments, frames, strict=True):
        expected = seewhy.explain(clf, frame, "grad_cam", 0)
        torch.testing.assert_close(torch.from_numpy(moment.explanation.maps), torch.from_numpy(expected.maps))
        scores = [[prediction.score for prediction in shown.predictions] for shown in (moment.explanation, expected)]
        assert scores[0] == pytest.approx(scores[1], rel=1e-5)
