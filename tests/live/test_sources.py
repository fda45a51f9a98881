"""Cameras, videos and photos as one kind of source."""

from __future__ import annotations

import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from live_sources import FakeCapture, fake_camera, numbered, video
from PIL import Image

from seewhy.errors import MissingExtraError, OptionError, PhotoError
from seewhy.live import sources
from seewhy.live.sources import Camera, FrameSource, Photos, Video, open_source

NEVER = threading.Event()


def corners(source: FrameSource) -> list[int]:
    """The numbers on all frames."""
    numbers = []
    while (frame := source.read(NEVER)) is not None:
        numbers.append(int(frame[2, 2, 0]))
    return numbers


def test_a_camera_gives_its_pictures_and_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    frames = numbered(2)
    (capture,) = captures = [FakeCapture(frames)]
    assert not fake_camera(monkeypatch, captures)
    camera = open_source(0)
    assert isinstance(camera, Camera)
    assert (camera.is_camera, camera.rate, camera.name) == (True, 30.0, "camera 0")
    np.testing.assert_array_equal(camera.read(NEVER), frames[0])  # red is red
    camera.close()
    assert capture.released


def test_no_camera_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [FakeCapture([], opens=False)])
    with pytest.raises(PhotoError, match=r"^Camera 3 cannot be opened: is it plugged in.*a folder or one photo"):
        open_source("3")


def test_a_camera_that_was_lost_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "WAIT", 0.001)
    captures = [FakeCapture([None]), FakeCapture([None]), FakeCapture(numbered(2)[1:])]
    opened = fake_camera(monkeypatch, captures)
    camera = Camera(0)
    frame = camera.read(NEVER)
    assert frame is not None
    assert frame[2, 2, 0] == 1
    assert opened == captures
    assert [capture.released for capture in captures] == [True, True, False]


def test_a_camera_that_stays_away_ends_with_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "WAIT", 0.001)
    opened = fake_camera(monkeypatch, [FakeCapture([]) for _ in range(sources.TRIES + 1)])
    camera = Camera(0)
    with pytest.raises(PhotoError, match=r"Camera 0 gives no more pictures.*still plugged in"):
        camera.read(NEVER)
    assert len(opened) == sources.TRIES + 1


def test_nobody_waits_for_a_lost_camera(monkeypatch: pytest.MonkeyPatch) -> None:
    fake_camera(monkeypatch, [FakeCapture([])])
    stopped = threading.Event()
    stopped.set()
    assert Camera(0).read(stopped) is None


def test_a_video_frame_by_frame_and_again(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), (40 * number, 10, 200), np.uint8) for number in range(4)]
    source = open_source(str(video(tmp_path / "v.avi", frames, rate=12.5)))
    assert isinstance(source, Video)
    assert (source.rate, source.name, source.is_camera) == (12.5, "v.avi", False)
    reds = corners(source)
    assert reds == pytest.approx([0, 40, 80, 120], abs=6)
    source.rewind()
    assert corners(source) == reds
    source.close()


def test_what_is_no_video(tmp_path: Path) -> None:
    pytest.importorskip("cv2")
    (tmp_path / "notes.mp4").write_text("no video")
    with pytest.raises(PhotoError, match=r"notes.mp4' cannot be read as a video or a photo"):
        open_source(tmp_path / "notes.mp4")
    with pytest.raises(PhotoError, match=r"^There is no '.*nothing.mp4'"):
        open_source(tmp_path / "nothing.mp4")


def test_photos_of_a_folder_one_photo_and_several(tmp_path: Path) -> None:
    frames = numbered(3)
    for number, frame in enumerate(frames):
        Image.fromarray(frame).save(tmp_path / f"{number}.png")
    (tmp_path / "1.png").write_bytes(b"broken")
    folder = open_source(tmp_path)
    assert isinstance(folder, Photos)
    assert corners(folder) == [0, 2]
    assert list(folder.skipped) == [1]
    folder.rewind()
    assert corners(folder) == [0, 2]
    assert corners(open_source(tmp_path / "2.png")) == [2]
    assert corners(open_source(frames[1])) == [1]
    assert corners(open_source(frames)) == [0, 1, 2]
    assert folder.rate == 0.5


def test_a_grey_photo_and_one_of_floats_are_not_stretched() -> None:
    frame = open_source(np.full((20, 30), 60, np.uint8)).read(NEVER)
    assert frame is not None
    assert frame.shape == (20, 30, 3)
    assert (frame == 60).all()
    import torch

    halves = open_source(torch.full((3, 20, 30), 0.5)).read(NEVER)
    assert halves is not None
    assert np.unique(halves).tolist() == [128]


def test_folders_and_photos_that_cannot_be_used(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="holds no photos"):
        open_source(tmp_path)
    (tmp_path / "a.png").write_bytes(b"broken")
    with pytest.raises(PhotoError, match=r"a\.png"):
        open_source(tmp_path / "a.png").read(NEVER)
    with pytest.raises(PhotoError, match="the list is empty"):
        open_source([])
    with pytest.raises(OptionError, match="counted from 0"):
        open_source(-1)
    with pytest.raises(OptionError, match="source=None"):
        open_source(None)


def test_a_file_whose_name_is_a_number_is_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("0").mkdir()
    Image.fromarray(numbered(1)[0]).save("0/a.png")
    assert isinstance(open_source("0"), Photos)


def test_without_opencv_photos_are_shown_and_cameras_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sources.cv2_module.cache_clear()
    monkeypatch.setitem(sys.modules, "cv2", None)
    assert corners(open_source(numbered(2))) == [0, 1]
    with pytest.raises(MissingExtraError, match=r"pip install 'seewhy\[live\]'"):
        open_source(0)


def test_a_pattern_names_several_photos_and_an_address_is_said_to_be_one(tmp_path: Path) -> None:
    for number in range(3):
        Image.fromarray(numbered(3)[number]).save(tmp_path / f"{number}.png")
    assert corners(open_source(str(tmp_path / "[02].png"))) == [0, 2]
    with pytest.raises(PhotoError, match=r"There is no '.*x\*\.png'"):
        open_source(str(tmp_path / "x*.png"))
    with pytest.raises(PhotoError, match="'rtsp://camera/1' is an address: cameras are opened by their number"):
        open_source("rtsp://camera/1")
