"""The keys of the live window."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

import seewhy
from seewhy.live import LiveLoop, controls
from seewhy.live.controls import HINTS, Controls
from seewhy.live.screen import Screen
from seewhy.live.window import CLOSE


class FakeWindow:
    """A window whose keys are pressed after so many pictures: ``{pictures: keys}``."""

    def __init__(self, keys: dict[int, str | Sequence[str]]) -> None:
        self.pictures: list[np.ndarray] = []
        self._keys = dict(keys)

    def show(self, picture: np.ndarray) -> None:
        self.pictures.append(picture)

    def pressed(self) -> list[str]:
        return list(self._keys.pop(len(self.pictures), ()))


@pytest.fixture
def loop() -> Iterator[LiveLoop]:
    photos = [scene.photo for scene in seewhy.demo.scenes(3, seed=2)]
    with LiveLoop(seewhy.load("demo:honest"), photos, again=True) as loop:
        yield loop


def watched(loop: LiveLoop, pressed: dict[int, str | Sequence[str]], folder: Path) -> tuple[FakeWindow, Controls]:
    window = FakeWindow(pressed)
    with Controls(loop, Screen(), folder) as keys:
        keys.watch(window)  # type: ignore[arg-type]
    return window, keys


@pytest.mark.parametrize("key", ["q", CLOSE])
def test_it_runs_until_it_is_closed(loop: LiveLoop, tmp_path: Path, key: str) -> None:
    (window, keys) = watched(loop, {7: [key]}, tmp_path)
    assert len(window.pictures) == 7
    assert keys.closed


def test_a_number_explains_that_choice_and_0_the_first_again(loop: LiveLoop, tmp_path: Path) -> None:
    moment = loop.next()
    assert moment is not None
    with Controls(loop, Screen(), tmp_path) as keys:
        keys._moment = moment
        for key, place in (("2", 1), ("3", 2), ("1", 0)):
            keys.press(key)
            index = moment.explanation.predictions[place].index
            assert loop.target == index
            assert keys._moment.explanation.targets[0].index == index  # the picture that stands there, at once
        keys.press("4")
        assert loop.target == moment.explanation.predictions[0].index  # there is no fourth: nothing changes
        assert keys._mark() == "there are 3 classes"
        keys.press("0")
        assert loop.target == "top1"


def test_m_takes_the_next_method_that_suits_and_is_fast(loop: LiveLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = loop.next()
    assert moment is not None
    budgets = []
    explain = loop.explain

    def explain_noted(frame: np.ndarray, method: str, budget: float | None = None) -> seewhy.Explanation:
        budgets.append((method, budget))
        if method == "grad_cam":
            raise seewhy.errors.MethodError("does not suit")
        return explain(frame, method, 1e-9 if method == "rise" else None)

    monkeypatch.setattr(loop, "explain", explain_noted)
    monkeypatch.setattr(controls, "FAST", 60.0)  # whatever else the machine does
    with Controls(loop, Screen(), tmp_path) as keys:
        keys._moment = moment
        keys.press("m")
        assert loop.method == "grad_cam_plus_plus"
        assert budgets == [("grad_cam", None), ("grad_cam_plus_plus", None)]  # one pass: nothing to limit
        assert keys._moment.explanation.notes == []
        assert keys._moment.explanation.method == "grad_cam_plus_plus"
        loop.method = "lime"
        keys.press("m")
        assert loop.method == "gradient"  # RISE was stopped
        assert {name: budget for name, budget in budgets if budget} == {"rise": 60.0}


def test_freeze_holds_the_picture_while_the_source_goes_on(loop: LiveLoop, tmp_path: Path) -> None:
    (window, _) = watched(loop, {3: "f", 4: "2", 5: "f", 9: "q"}, tmp_path)
    rows = slice(100, 300)
    left = [picture[rows, 12:300] for picture in window.pictures]
    np.testing.assert_array_equal(left[2], left[3])  # frozen
    np.testing.assert_array_equal(left[3], left[4])  # and explained anew
    assert not np.array_equal(window.pictures[3][rows, 400:], window.pictures[4][rows, 400:])
    assert any(not np.array_equal(left[4], later) for later in left[5:])


def test_pause_stops_the_source(loop: LiveLoop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paused: list[bool] = []
    monkeypatch.setattr(loop, "pause", paused.append)
    watched(loop, {2: " ", 4: " ", 6: "q"}, tmp_path)
    assert paused == [True, False]


def test_saved_are_the_picture_and_a_record_with_the_frame(loop: LiveLoop, tmp_path: Path) -> None:
    (_, keys) = watched(loop, {2: "s", 3: "q"}, tmp_path)
    assert [path.suffix for path in keys.saved] == [".npz", ".png"]
    assert all(path.parent == tmp_path and path.stat().st_size > 1000 for path in keys.saved)
    record = seewhy.Explanation.load(keys.saved[0])
    assert any(np.array_equal(record.photo.original, scene.photo) for scene in seewhy.demo.scenes(3, seed=2))
    assert record.method == "cam"


def test_what_cannot_be_saved_is_said(loop: LiveLoop, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (_, keys) = watched(loop, {2: "s", 5: "q"}, tmp_path / "file")
    assert keys.saved == []
    (reason,) = keys.unsaved
    assert "cannot be written" in reason
    assert keys._mark() == reason


def test_the_keys_are_listed_and_hidden_again(loop: LiveLoop, tmp_path: Path) -> None:
    with Controls(loop, Screen(), tmp_path) as keys:
        keys._moment = loop.next()
        keys.press("?")
        assert keys._hinted
        keys.press("?")
        assert not keys._hinted
        looks = []
        for _ in range(2):
            keys.press("v")
            looks.append(keys.screen.look)
        assert looks == ["cam_show", "overlay"]
    known = {hint.split()[0] for hint in HINTS}
    assert known == {"1-9", "0", "m", "v", "f", "space", "s", "?", "q"}


def test_the_last_picture_stays_where_the_source_has_ended(tmp_path: Path) -> None:
    with LiveLoop(seewhy.load("demo:honest"), seewhy.demo.scenes(1)[0].photo) as loop:
        (window, _) = watched(loop, {1: "2", 2: "q"}, tmp_path)
    assert len(window.pictures) == 2


def test_it_ends_after_so_many_seconds(loop: LiveLoop, tmp_path: Path) -> None:
    assert loop.next() is not None  # the network has been looked at
    window = FakeWindow({})
    with Controls(loop, Screen(), tmp_path, seconds=2) as keys:
        keys.watch(window)  # type: ignore[arg-type]
    assert window.pictures
    assert not keys.closed
