"""One thread explains for all, and offers the methods that are fast enough."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace
from typing import Any

import heads
import numpy as np
import pytest

import seewhy
from seewhy.errors import MethodError
from seewhy.web import explaining
from seewhy.web.explaining import Explainer


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith(("seewhy explaining", "seewhy reading"))]


def test_it_explains_as_the_surface_does(explainer: Explainer, scene: Any) -> None:
    for method, target in ((None, None), ("grad_cam", 2), ("eigen_cam", 2)):
        explanation = explainer.explain(scene, method, target)
        expected = seewhy.explain(explainer.clf, scene, method or "cam", "top1" if target is None else target)
        np.testing.assert_array_equal(explanation.maps, expected.maps)
        assert [note for note in explanation.notes if "changes nothing" in note] == []


class Clock:
    """Time that goes on only while a method runs."""

    def __init__(self, seconds: dict[str, list[float]]) -> None:
        (self.now, self._seconds) = (0.0, seconds)

    def monotonic(self) -> float:
        return self.now

    def explain(self, clf: Any, photos: Any, method: str, *_: Any, budget: float | None, **__: Any) -> list[Any]:
        taken = self._seconds.get(method, [0.1])
        seconds = taken.pop(0) if len(taken) > 1 else taken[0]
        self.now += seconds if budget is None else min(seconds, budget)
        if method == "deconvnet":
            raise MethodError("There is no ReLU.")
        return [SimpleNamespace(partial=budget is not None and seconds > budget)]


def test_methods_that_are_fast_enough_are_offered(honest: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({"lime": [30.0], "gradient": [0.26, 0.26], "hires_cam": [0.9, 0.2], "layer_cam": [1.1, 0.1]})
    monkeypatch.setattr(explaining, "time", clock)
    monkeypatch.setattr(explaining, "explain", clock.explain)
    with Explainer(honest, "grad_cam") as explainer:
        assert explainer.methods == ("grad_cam",)
        explainer.start()
        assert explainer.tried.wait(30)
        slow = {"lime", "gradient", "layer_cam", "deconvnet"}  # hires_cam planned something first
        assert explainer.methods == tuple(name for name in seewhy.METHODS if name not in slow)


def test_a_method_that_breaks_down_does_not_end_the_trials(honest: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({})

    def explain(clf: Any, photos: Any, method: str, *arguments: Any, **settings: Any) -> list[Any]:
        if method in ("grad_cam", "gradient"):
            raise RuntimeError("no backward pass for this operation")
        return clock.explain(clf, photos, method, *arguments, **{"budget": None, **settings})

    monkeypatch.setattr(explaining, "time", clock)
    monkeypatch.setattr(explaining, "explain", explain)
    with Explainer(honest, "grad_cam") as explainer:
        explainer.start()
        assert explainer.tried.wait(5)
        assert {"grad_cam", "cam", "lime"} <= set(explainer.methods)
        assert "gradient" not in explainer.methods


def test_a_slow_method_that_was_asked_for_is_offered(honest: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock({"lime": [30.0]})
    monkeypatch.setattr(explaining, "time", clock)
    monkeypatch.setattr(explaining, "explain", clock.explain)
    with Explainer(honest, "lime") as explainer:
        explainer.start()
        assert explainer.tried.wait(30)
        assert "lime" in explainer.methods


@pytest.mark.parametrize("method", ["cam", "auto"])
def test_what_the_network_does_not_allow_becomes_what_suits_it_and_the_notes_say_why(method: str) -> None:
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3)).astype(np.uint8)
    clf = heads.flat()
    with pytest.raises(MethodError):
        seewhy.explain(clf, photo, "cam")
    with Explainer(clf, method) as explainer:
        explainer.start()
        assert explainer.tried.wait(60)
        assert explainer.method == "hires_cam"
        assert "hires_cam" in explainer.methods
        assert "cam" not in explainer.methods
        explanation = explainer.explain(photo)
        np.testing.assert_array_equal(explanation.maps, seewhy.explain(clf, photo, "hires_cam").maps)
        assert heads.chosen(explanation.notes) == [heads.FLAT]
        assert heads.chosen(explainer.explain(photo, "grad_cam").notes) == []


def test_auto_is_chosen_before_anything_was_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "MOST", 60.0)  # nothing here waits for a busy machine
    with Explainer(heads.table(), "auto") as explainer:
        explanation = explainer.explain(np.zeros((16, 16, 3), np.uint8))
        assert (explanation.method, explainer.method, explainer.methods) == ("occlusion", "occlusion", ("occlusion",))


def test_many_passes_are_shown_as_far_as_they_came(explainer: Explainer, scene: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(explaining, "MOST", 40)  # passes: seconds would depend on how busy the machine is
    assert explainer.explain(scene, "rise").partial


def test_work_waits_its_turn_and_the_thread_ends(honest: seewhy.Classifier) -> None:
    order = []

    async def several() -> None:
        def work(number: int) -> int:
            time.sleep(0.01)
            order.append((number, threading.current_thread().name))
            return number

        numbers = await asyncio.gather(*(explainer.run(lambda n=n: work(n)) for n in range(6)))
        assert numbers == list(range(6))

    with Explainer(honest) as explainer:
        asyncio.run(several())
        assert [number for number, _ in order] == list(range(6))
        assert len({name for _, name in order}) == len(threads()) == 1
    assert threads() == []


def test_closing_ends_the_trials(honest: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []
    (begun, closed) = (threading.Event(), threading.Event())

    def explain(clf: Any, photos: Any, method: str, *_: Any, **__: Any) -> list[Any]:
        tried.append(method)
        begun.set()
        assert closed.wait(20)
        return [SimpleNamespace(partial=False)]

    monkeypatch.setattr(explaining, "explain", explain)
    explainer = Explainer(honest)
    explainer.start()
    assert begun.wait(20)
    closing = threading.Thread(target=explainer.close)
    closing.start()
    while not explainer._closed:
        time.sleep(0.01)
    closed.set()
    closing.join(20)
    assert tried == ["cam"]  # the one that was under way, not all
    assert threads() == []
