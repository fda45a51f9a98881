"""Capture, network and reader side by side: order, drops, ends, errors."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import heads
import numpy as np
import pytest
import torch
from attending_nets import SmallViT
from live_sources import FakeCapture, fake_camera, numbered
from small_nets import Keeping, SmallNet
from threadpoolctl import threadpool_info

import seewhy
from seewhy.errors import MethodError, ModelError, OptionError, PhotoError, TargetError
from seewhy.live import LiveLoop, live, sources
from seewhy.live import loop as loop_module
from seewhy.live.loop import Moment
from seewhy.live.sources import Frame, FrameSource


class Ticking(FrameSource):
    """A camera's stand-in: as many frames as asked for, whenever ``tick`` is set."""

    is_camera = True
    rate = 100.0
    name = "ticking"

    def __init__(self, count: int) -> None:
        self.frames = numbered(count)
        self.closed = False

    def read(self, stopped: threading.Event) -> Frame | None:
        return self.frames.pop(0) if self.frames else None

    def rewind(self) -> None:
        raise AssertionError

    def close(self) -> None:
        self.closed = True


def live_threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("seewhy")]


@pytest.fixture
def clf() -> seewhy.Classifier:
    return seewhy.load("demo:honest")


def corner(moment: Moment) -> int:
    return int(moment.frame[2, 2, 0])


def test_every_frame_of_photos_in_order_with_the_map_of_explain(clf: seewhy.Classifier) -> None:
    photos = [scene.photo for scene in seewhy.demo.scenes(4)]
    pairs = list(live(clf, photos))
    assert [explanation.details["live"]["frame"] for _, explanation in pairs] == [0, 1, 2, 3]
    for photo, (frame, explanation) in zip(photos, pairs, strict=True):
        np.testing.assert_array_equal(frame, photo)
        expected = seewhy.explain(clf, photo, method="cam")
        np.testing.assert_array_equal(explanation.maps, expected.maps)
        assert explanation.targets == expected.targets
        assert explanation.method == "cam"
        assert explanation.details["live"]["dropped"] == 0
        assert explanation.details["live"]["latency"] > 0
    assert live_threads() == []


def test_late_frames_are_dropped_and_counted(clf: seewhy.Classifier) -> None:
    source = Ticking(50)
    with LiveLoop(clf, source) as loop:
        moments = []
        for moment in loop:
            moments.append(moment)
            time.sleep(0.005)
    numbers = [moment.number for moment in moments]
    assert numbers == sorted(set(numbers))
    assert numbers[-1] == 49  # the newest one is never dropped
    assert [corner(moment) for moment in moments] == numbers
    assert moments[-1].dropped == 50 - len(moments)
    assert len(moments) < 50
    assert source.closed


def test_every_frame_is_explained_where_that_is_asked_for(clf: seewhy.Classifier) -> None:
    with LiveLoop(clf, Ticking(12), realtime=False) as loop:
        moments = []
        for moment in loop:
            moments.append(moment.number)
            time.sleep(0.002)
    assert moments == list(range(12))


def test_again_and_closing_while_it_runs(clf: seewhy.Classifier) -> None:
    frames = numbered(2)
    pairs = live(clf, frames, again=True)
    corners = [int(next(pairs)[0][2, 2, 0]) for _ in range(7)]
    assert corners == [0, 1, 0, 1, 0, 1, 0]
    pairs.close()
    assert live_threads() == []


def test_a_source_that_was_never_read_is_given_back(clf: seewhy.Classifier) -> None:
    source = Ticking(1)
    with LiveLoop(clf, source):
        pass
    assert source.closed


def test_a_paused_source_stands_still(clf: seewhy.Classifier) -> None:
    with LiveLoop(clf, numbered(2), again=True) as loop:
        assert loop.next() is not None
        loop.pause(True)
        while loop.next(0.2) is not None:
            pass
        assert not loop.ended
        loop.pause(False)
        assert loop.next() is not None


def test_target_and_method_hold_from_the_next_frame_on(clf: seewhy.Classifier) -> None:
    with LiveLoop(clf, numbered(2), again=True) as loop:
        moment = loop.next()
        assert moment is not None
        assert moment.explanation.targets[0].rank == 1
        (loop.target, loop.method) = ("sheep", "gradient")
        for _ in range(3):
            moment = loop.next()
        assert moment is not None
        assert (moment.explanation.targets[0].name, moment.explanation.method) == ("sheep", "gradient")


@pytest.mark.parametrize("method", ["cam", "auto"])
def test_what_the_network_does_not_allow_becomes_what_suits_it_and_the_notes_say_why(method: str) -> None:
    clf = heads.flat()
    frames = numbered(3)
    pairs = list(live(clf, frames, method))
    for (_, explanation), frame in zip(pairs, frames, strict=True):
        np.testing.assert_array_equal(explanation.maps, seewhy.explain(clf, frame, "hires_cam").maps)
        assert explanation.method == "hires_cam"
        assert heads.chosen(explanation.notes) == [heads.FLAT]
    with LiveLoop(clf, frames, method) as loop:
        assert loop.method == method
        loop.next()
        assert loop.method == "hires_cam"  # the keys go on from there


def test_cam_stays_where_the_network_allows_it(clf: seewhy.Classifier) -> None:
    ((_, explanation),) = live(clf, numbered(1))
    assert (explanation.method, heads.chosen(explanation.notes)) == ("cam", [])
    ((_, explanation),) = live(clf, numbered(1), "auto")
    assert explanation.method == "grad_cam"


@pytest.mark.parametrize("method", ["cam", "auto"])
def test_no_frame_is_checked_by_hiding(method: str) -> None:
    clf = seewhy.Classifier(SmallViT(size=(32, 32)).eval(), preprocess=seewhy.Preprocess(size=32))
    for _, explanation in live(clf, numbered(2), method):
        assert explanation.method == "hires_cam"
        assert explanation.cost.forward == 1
        assert "hidden_most" not in explanation.details


@pytest.mark.parametrize("realtime", [False, True])
def test_a_function_is_occluded_in_real_time_for_at_most_a_second(realtime: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    budgets = []

    def watched(*arguments: object, **settings: object) -> object:
        budgets.append(settings.get("budget"))
        return seewhy.explain(*arguments, **settings)

    monkeypatch.setattr(loop_module, "explain", watched)
    monkeypatch.setattr(loop_module, "MOST", 60.0)  # nothing here waits for a busy machine
    ((_, explanation),) = live(heads.function(), numbered(1), realtime=realtime)
    assert (explanation.method, heads.chosen(explanation.notes)) == ("occlusion", [heads.FUNCTION])
    assert budgets == [None, loop_module.MOST if realtime else None]  # CAM was asked for first


def test_what_goes_wrong_in_a_thread_reaches_the_reader(clf: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(TargetError, match="giraffe"):
        list(live(clf, numbered(3), target="giraffe"))
    monkeypatch.setattr(sources, "WAIT", 0.001)
    opened = fake_camera(monkeypatch, [FakeCapture(numbered(2)), *(FakeCapture([]) for _ in range(20))])
    pairs = live(clf, 0)
    with pytest.raises(PhotoError, match="gives no more pictures"):
        list(pairs)
    assert all(capture.released for capture in opened)
    assert live_threads() == []


def test_an_error_of_the_source_is_no_end_until_it_was_raised(clf: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    unplugged = threading.Event()

    def lost(stopped: threading.Event) -> Frame | None:
        assert unplugged.wait(20)
        raise PhotoError("The camera is lost.")

    source = Ticking(1)
    monkeypatch.setattr(source, "read", lost)
    with LiveLoop(clf, source) as loop:
        assert loop.next(0) is None
        unplugged.set()  # while the reader draws
        for thread in loop._threads:
            thread.join(20)
        assert not loop.ended
        with pytest.raises(PhotoError, match="is lost"):
            loop.next()
        assert loop.ended


def test_the_source_is_not_taken_away_while_it_is_read(clf: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """A camera's driver may wait for longer than closing does."""
    (reading, returns) = (threading.Event(), threading.Event())
    source = Ticking(1)

    def read(stopped: threading.Event) -> Frame | None:
        reading.set()
        assert returns.wait(20)
        assert not source.closed
        return None

    monkeypatch.setattr(source, "read", read)
    monkeypatch.setattr(loop_module, "PATIENCE", 0.05)
    with LiveLoop(clf, source) as loop:
        assert loop.next(0) is None
        assert reading.wait(20)
    assert not source.closed
    returns.set()
    for thread in loop._threads:
        thread.join(20)
    assert source.closed


def test_who_asks_beside_the_frames_that_come_gets_the_answer_for_the_own_frame() -> None:
    """Also where the network keeps values of its pass."""
    torch.manual_seed(0)
    clf = seewhy.Classifier(Keeping(seconds=0.01), preprocess=seewhy.Preprocess(size=32))
    (mine, *others) = [scene.photo for scene in seewhy.demo.scenes(4, seed=2)]
    expected = [prediction.score for prediction in seewhy.explain(clf, mine, "grad_cam").predictions]
    with LiveLoop(clf, others, "grad_cam", realtime=False, again=True) as loop:
        assert loop.next() is not None
        enough = threading.Event()
        reader = threading.Thread(target=lambda: [loop.next() for _ in iter(enough.is_set, True)])
        reader.start()
        asked = []
        for _ in range(10):
            asked.append(loop.explain(mine, "grad_cam").predictions)
            asked.append(loop.aside.classify(mine))
        enough.set()
        reader.join(20)
    for predictions in asked:
        assert [prediction.score for prediction in predictions] == pytest.approx(expected, rel=1e-4)


def test_frames_that_change_their_size(clf: seewhy.Classifier) -> None:
    frames = [*numbered(1, (48, 64)), *numbered(1, (96, 64)), *numbered(1, (30, 200))]
    shapes = [(frame.shape, explanation.on_photo().shape[1:]) for frame, explanation in live(clf, frames)]
    assert shapes == [((48, 64, 3), (48, 64)), ((96, 64, 3), (96, 64)), ((30, 200, 3), (30, 200))]


def test_settings_reach_the_method_and_several_targets_are_refused(clf: seewhy.Classifier) -> None:
    ((_, explanation),) = live(clf, numbered(1), method="grad_cam", relu=False, layer="block2")
    assert explanation.layer == "block2"
    assert explanation.settings["relu"] is False
    with pytest.raises(OptionError, match="one class at a time"):
        live(clf, numbered(1), target=["bear", "cow"])


def test_the_network_comes_back_as_it_was(tmp_path: Path) -> None:
    network = SmallNet().train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=(20, 28)))
    list(live(clf, numbered(2)))
    assert network.training
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_closing_ends_a_method_of_many_passes_between_two_of_them(clf: seewhy.Classifier) -> None:
    loop = LiveLoop(clf, numbered(1), "rise", masks=1_000_000)
    with loop:
        assert loop.next(0.5) is None
    assert live_threads() == []


def test_a_budget_reaches_the_method(clf: seewhy.Classifier) -> None:
    ((_, explanation),) = live(clf, numbered(1), "occlusion", budget=20)
    assert explanation.partial
    assert explanation.cost.forward <= 20


def test_blas_has_its_threads_back_when_the_last_of_two_loops_ends(clf: seewhy.Classifier) -> None:
    def threads() -> list[int]:
        return [library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"]

    before = threads()
    (first, second) = (LiveLoop(clf, numbered(2)), LiveLoop(clf, numbered(2)))
    for loop in (first, second):
        loop.next()
    first.close()
    first.close()
    assert set(threads()) == {1}
    second.close()
    assert threads() == before


def test_what_goes_wrong_before_the_first_frame_reaches_the_reader(
    clf: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails() -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(loop_module, "PassThreads", fails)
    with pytest.raises(MemoryError, match="no room"):
        list(live(clf, numbered(2)))


def test_a_method_that_is_chosen_meanwhile_stays(clf: seewhy.Classifier, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = LiveLoop(clf, numbered(1))

    def chosen_meanwhile(clf: object, frame: object, method: str) -> str:
        if method == "cam":
            loop.method = "gradient"
            raise MethodError("the head does not allow it")
        return method

    monkeypatch.setattr(loop, "_explained_by", chosen_meanwhile)
    assert loop._explanation(clf, numbered(1)[0]) == "grad_cam"
    assert loop.method == "gradient"


def test_several_targets_in_one_word_are_refused(clf: seewhy.Classifier) -> None:
    with pytest.raises(OptionError, match="target='top2': a live picture explains one class at a time"):
        list(live(clf, numbered(1), target="top2"))


def test_what_waited_while_nobody_looked_is_thrown_away(clf: seewhy.Classifier) -> None:
    with LiveLoop(clf, numbered(1) * 200, realtime=True) as loop:
        loop.source.rate = 200.0
        first = loop.next()
        assert first is not None
        time.sleep(0.4)  # one moment waits, and frames go by
        loop.skip()
        moment = loop.next()
        assert moment is not None
        assert moment.latency < 0.3
        assert moment.number > first.number + 20


def test_a_network_that_is_no_classifier_is_said() -> None:
    with pytest.raises(ModelError, match="The first argument is a SmallNet: wrap the network as"):
        live(SmallNet(), numbered(1))  # type: ignore[arg-type]


def test_an_iterator_of_frames_of_ones_own(clf: seewhy.Classifier) -> None:
    frames = [frame for frame, _ in live(clf, iter(numbered(3)), again=True)]
    assert [int(frame[2, 2, 0]) for frame in frames] == [0, 1, 2]  # they do not come again


def test_photos_that_cannot_be_read_are_named_beside_the_others(clf: seewhy.Classifier, tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_text("no photo")
    pairs = list(live(clf, [numbered(1)[0], broken, numbered(1)[0]]))
    assert len(pairs) == 2
    assert list(pairs[1][1].details["live"]["skipped"]) == [1]
    assert "broken.jpg" in pairs[1][1].details["live"]["skipped"][1]
