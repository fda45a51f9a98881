"""``seewhy live``."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from live_sources import numbered, video
from PIL import Image

import seewhy
from seewhy.cli import live as cli_live
from seewhy.live import sources
from seewhy.live.sources import FrameSource

cv2 = pytest.importorskip("cv2")


@pytest.fixture
def moving(tmp_path: Path) -> Path:
    """Twelve frames: three scenes that move to the right."""
    scenes = [scene.photo for scene in seewhy.demo.scenes(3, seed=2)]
    return video(tmp_path / "moving.avi", [np.roll(scenes[i // 4], 5 * (i % 4), 1) for i in range(12)])


def frames_of(path: Path) -> list[np.ndarray]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (reading := capture.read())[0]:
        frames.append(reading[1][..., ::-1])
    capture.release()
    return frames


def test_a_video_becomes_a_video_without_a_display(run, moving: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DISPLAY", raising=False)
    (code, out, err) = run("live", moving, "--out", "result.mp4")
    assert code == 0, err
    assert "12 frames → result.mp4" in out
    frames = frames_of(Path("result.mp4"))
    assert len(frames) == 12  # every one, in order
    originals = frames_of(moving)
    for frame, original in zip(frames, originals, strict=True):
        left = np.asarray(Image.fromarray(frame[90:360, 12:372]).resize((320, 240)))
        errors = [np.abs(left.astype(int) - other).mean() for other in originals]
        assert np.argmin(errors) == [np.array_equal(other, original) for other in originals].index(True)


def test_in_real_time_late_frames_are_dropped_and_the_length_is_kept(run, moving: Path) -> None:
    (code, out, err) = run("live", moving, "--out", "result.avi", "--realtime")
    assert code == 0, err
    assert "frames" in out
    assert len(frames_of(Path("result.avi"))) >= 10  # at 25 a second, whatever was explained


def test_a_photo_in_place_of_a_camera(run, photos: Path) -> None:
    (code, out, _) = run(
        "live", photos / "a.png", "--out", "a.avi", "--target", "cow", "--method", "grad_cam", "--look", "cam_show"
    )
    assert code == 0
    assert "1 frame → a.avi" in out
    assert len(frames_of(Path("a.avi"))) == 10  # two seconds of it


def test_photos_that_cannot_be_read_are_named(run, photos: Path) -> None:
    (code, out, err) = run("live", photos, "--out", "r.avi", "--every-frame")
    assert code == 0, err
    assert "2 frames → r.avi" in out
    assert [line for line in err.splitlines() if line.startswith("Skipped: ") and "broken.jpg" in line], err


def test_from_a_camera_the_video_lasts_as_long_as_what_it_shows(run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where every frame is explained, and they come more slowly than the camera says."""

    class Slow(FrameSource):
        (name, rate, is_camera, frames) = ("camera 0", 30.0, True, numbered(3))

        def read(self, stopped: threading.Event) -> np.ndarray | None:
            stopped.wait(0.5)
            return self.frames.pop(0) if self.frames else None

        def rewind(self) -> None:
            raise AssertionError

        def close(self) -> None:
            pass

    monkeypatch.setattr(cli_live, "open_source", lambda _: Slow())
    (code, _, err) = run("live", "--out", "r.avi", "--every-frame")
    assert code == 0, err
    assert len(frames_of(Path("r.avi"))) >= 31  # a second at 30 a second, between the first and the last


def test_bad_input_is_one_line_and_leaves_nothing(run, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER"):
        monkeypatch.delenv(name, raising=False)
    cases = {
        ("live", "none.mp4", "--out", "r.mp4"): "There is no 'none.mp4'",
        ("live", photos / "broken.jpg", "--out", "r.mp4"): "broken.jpg",
        ("live", photos / "a.png", "--out", "r.gif"): "'r.gif' is no video that can be written",
        ("live", photos / "a.png", "--camera", "1"): "--camera 1 beside",
        ("live", photos / "a.png", "--look", "sepia", "--out", "r.mp4"): "sepia",
        ("live", photos / "a.png", "--method", "camm", "--out", "r.mp4"): "camm",
        ("live", photos / "a.png", "--target", "giraffe", "--out", "r.mp4"): "giraffe",
        ("live", photos / "a.png"): "There is no display for a window",
        ("live", photos / "a.png", "--look", "sepia", "--web"): "--look sepia: write overlay or cam_show.",
        ("live", photos / "a.png", "--port", "8000"): "--port 8000 without --web: only the page has one.",
        ("live", photos / "a.png", "--no-open", "-o", "r.mp4"): "--no-open without --web",
        ("live", photos / "a.png", "--web"): "a.png' beside --web: the page has the browser's own camera",
        ("live", "77", "--out", "r.mp4"): "Camera 77 cannot be opened",
    }
    for command, message in cases.items():
        (code, _, err) = run(*command)
        assert (code, len([line for line in err.splitlines() if line.startswith("Error")])) == (2, 1), err
        assert message in err
    assert [name for name in os.listdir() if name.startswith((".r", "r."))] == []


def test_the_source_is_not_replaced_by_its_explanation(run, moving: Path) -> None:
    before = moving.read_bytes()
    (code, _, err) = run("live", moving, "--out", moving)
    assert code == 2
    assert "would be replaced by its own explanation" in err
    assert moving.read_bytes() == before


def test_seconds_of_a_video_are_its_own(run, moving: Path) -> None:
    (code, out, err) = run("live", moving, "--out", "r.avi", "--seconds", "0.2")
    assert code == 0, err
    assert "5 frames → r.avi" in out  # at 25 a second
    assert "Model demo:honest; preprocessing: stretched to 96×128" in err
    (code, _, err) = run("live", moving, "--out", "r.avi", "--seconds", "0")
    assert (code, "--seconds 0: write a number above 0." in err) == (2, True)


def test_a_polite_kill_keeps_what_was_recorded(tmp_path: Path) -> None:
    path = tmp_path / "long.avi"
    source = video(tmp_path / "source.avi", [np.asarray(scene.photo) for scene in seewhy.demo.scenes(4, seed=2)] * 250)
    command = [sys.executable, "-m", "seewhy", "live", str(source), "-o", str(path), "--method", "rise"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=tmp_path)

    def hidden() -> list[Path]:
        return [entry for entry in tmp_path.iterdir() if entry.name.startswith(".long") and entry.stat().st_size > 20_000]

    end = time.monotonic() + 60
    while not hidden() and time.monotonic() < end and process.poll() is None:
        time.sleep(0.1)
    process.terminate()
    (out, err) = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert "then interrupted" in out
    assert len(frames_of(path)) >= 1
    assert hidden() == []


@pytest.mark.parametrize(
    ("module", "arguments", "sentence"),
    [
        ("cv2", ("--out", "why.mp4"), "Cameras, videos and windows need OpenCV: pip install 'seewhy[live]'."),
        ("pygame", (), "A window needs pygame-ce: pip install 'seewhy[live]'. --out FILE.mp4 and --web do without."),
        ("uvicorn", ("--web",), "The page needs fastapi, uvicorn and websockets: pip install 'seewhy[web]'."),
    ],
)
def test_a_missing_extra_is_named_before_the_network_is_loaded(
    module: str, arguments: tuple[str, ...], sentence: str, run, moving: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources.cv2_module.cache_clear()
    monkeypatch.setitem(sys.modules, module, None)
    (code, out, err) = run("live", *([] if "--web" in arguments else [moving]), *arguments, "--model", "no_such_network")
    assert (code, out, err.split()) == (2, "", ["Error:", *sentence.split()])
