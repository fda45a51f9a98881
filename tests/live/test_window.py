"""The window: without a screen on SDL's stand-in, and a real one on a virtual screen."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import seewhy
from seewhy.errors import MissingExtraError, OptionError
from seewhy.live.window import CLOSE, Window

pygame = pytest.importorskip("pygame")


@pytest.fixture
def without_screen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.mark.usefixtures("without_screen")
def test_the_picture_fills_the_window_in_proportion() -> None:
    picture = np.zeros((40, 60, 3), np.uint8)
    picture[:, 30:] = (250, 120, 30)
    with Window("test") as window:
        window.show(picture)
        surface = pygame.display.get_surface()
        (width, height) = surface.get_size()
        assert width / height == pytest.approx(1.5, rel=0.02)
        assert tuple(surface.get_at((width - 2, height // 2)))[:3] == (250, 120, 30)
        assert tuple(surface.get_at((2, height // 2)))[:3] == (0, 0, 0)
        assert pygame.display.get_caption()[0] == "test"
    assert not pygame.display.get_init()


@pytest.mark.usefixtures("without_screen")
def test_keys_and_the_button() -> None:
    with Window("test") as window:
        assert window.pressed() == []
        window.show(np.zeros((40, 60, 3), np.uint8))
        window.pressed()
        for key, text in ((pygame.K_m, "M"), (pygame.K_SPACE, " "), (pygame.K_LSHIFT, ""), (pygame.K_ESCAPE, "\x1b")):
            pygame.event.post(pygame.event.Event(pygame.KEYDOWN, key=key, unicode=text, mod=0))
        pygame.event.post(pygame.event.Event(pygame.QUIT))
        assert window.pressed() == ["m", " ", CLOSE, CLOSE]


def test_no_display_names_what_does_without(monkeypatch: pytest.MonkeyPatch) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("elsewhere there is always a display")
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(OptionError, match=r"^There is no display for a window: --out FILE.mp4 .* --web"):
        Window("test")
    monkeypatch.setenv("DISPLAY", ":4711")
    with pytest.raises(OptionError, match="no display"):
        Window("test")


def test_without_pygame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'seewhy\[live\]'"):
        Window("test")


@pytest.fixture(scope="module")
def display() -> Iterator[str]:
    """A virtual screen of 1280×800."""
    server = shutil.which("Xvfb")
    if server is None:
        pytest.skip("no virtual screen: apt-get install xvfb")
    (reading, writing) = os.pipe()
    command = [server, "-displayfd", str(writing), "-screen", "0", "1280x800x24", "-nolisten", "tcp"]
    process = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
    os.close(writing)
    with os.fdopen(reading) as numbers:
        number = numbers.readline().strip()
    yield f":{number}"
    process.terminate()
    process.wait(10)


@pytest.mark.parametrize("way", ["key", "button"])
def test_a_real_window_is_closed_by_a_key_and_by_its_button(display: str, tmp_path: Path, way: str) -> None:
    """The whole command on a virtual screen: the window is found there, is closed, and the command ends by itself."""
    xlib = pytest.importorskip("Xlib.display")
    Image.fromarray(seewhy.demo.scenes(1)[0].photo).save(tmp_path / "bear.png")
    environment = {**os.environ, "DISPLAY": display, "OMP_NUM_THREADS": "1"}
    environment.pop("SDL_VIDEODRIVER", None)
    command = [sys.executable, "-m", "seewhy", "live", "bear.png"]
    process = subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    screen = xlib.Display(display)
    try:
        window = _window_of(screen, "seewhy live")
        width = window.get_geometry().width
        assert 600 < width <= 0.9 * 1280
        err = _ended_by(lambda: (_press_q if way == "key" else _close)(screen, window), process)
    finally:
        process.kill()
        process.wait()
        screen.close()
    assert process.returncode == 0, err
    assert "Error" not in err


def _ended_by(act: Callable[[], None], process: subprocess.Popen[str]) -> str:
    """What the process wrote to stderr. A window that has just come does not have the keyboard for its first moments, so that a
    key is pressed again, as a person would."""
    for _ in range(20):
        act()
        try:
            return process.communicate(timeout=5)[1]
        except subprocess.TimeoutExpired:
            continue
    raise AssertionError("the command did not end")


def _window_of(screen, title: str):
    """The window of that title, as soon as it is on the screen: before that it cannot have the keyboard."""
    from Xlib import X

    end = time.monotonic() + 120
    while time.monotonic() < end:
        for window in screen.screen().root.query_tree().children:
            name = window.get_full_property(screen.intern_atom("_NET_WM_NAME"), 0)
            is_named = name is not None and bytes(name.value).decode() == title
            if is_named and window.get_attributes().map_state == X.IsViewable:
                return window
        time.sleep(0.1)
    raise AssertionError("no window came")


def _press_q(screen, window) -> None:
    from Xlib import XK, X
    from Xlib.ext import xtest

    window.set_input_focus(X.RevertToParent, X.CurrentTime)
    code = screen.keysym_to_keycode(XK.string_to_keysym("q"))
    for event in (X.KeyPress, X.KeyRelease):
        xtest.fake_input(screen, event, code)
    screen.sync()


def _close(screen, window) -> None:
    """What a window manager sends when the button is pressed."""
    from Xlib import X
    from Xlib.protocol import event

    protocols = screen.intern_atom("WM_PROTOCOLS")
    data = (32, [screen.intern_atom("WM_DELETE_WINDOW"), X.CurrentTime, 0, 0, 0])
    window.send_event(event.ClientMessage(window=window, client_type=protocols, data=data))
    screen.sync()
