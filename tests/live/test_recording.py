"""Videos that appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from seewhy.errors import OptionError, RecordError
from seewhy.live.recording import GROUND, Recording

cv2 = pytest.importorskip("cv2")


def pictures(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    return [np.full((*size, 3), (50 * number, 20, 200), np.uint8) for number in range(count)]


def frames_of(path: Path) -> tuple[list[np.ndarray], float]:
    capture = cv2.VideoCapture(str(path))
    frames = []
    while (reading := capture.read())[0]:
        frames.append(reading[1][..., ::-1])
    rate = capture.get(cv2.CAP_PROP_FPS)
    capture.release()
    return frames, rate


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
def test_the_pictures_come_back(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"v{suffix}"
    with Recording(path, 20.0) as recording:
        for picture in pictures(5):
            recording.add(picture)
            assert not path.exists()
    (frames, rate) = frames_of(path)
    assert [int(frame[20, 20, 0]) for frame in frames] == pytest.approx([0, 50, 100, 150, 200], abs=12)
    assert frames[0].shape == (48, 64, 3)
    assert rate == pytest.approx(20)
    assert os.listdir(tmp_path) == [path.name]


def test_slow_pictures_are_repeated_so_that_players_show_them(tmp_path: Path) -> None:
    with Recording(tmp_path / "v.avi", 0.5) as recording:
        for picture in pictures(2):
            recording.add(picture)
    (frames, rate) = frames_of(tmp_path / "v.avi")
    assert (len(frames), rate) == (20, 5.0)  # two pictures of two seconds
    assert recording.count == 2


def test_pictures_with_their_times_keep_them(tmp_path: Path) -> None:
    with Recording(tmp_path / "v.avi", 10.0) as recording:
        for picture, at in zip(pictures(3), (0.0, 0.5, 0.6), strict=True):
            recording.add(picture, at)
    (frames, _) = frames_of(tmp_path / "v.avi")
    assert [round(int(frame[20, 20, 0]) / 50) for frame in frames] == [0, 1, 1, 1, 1, 1, 2]


def test_an_error_leaves_nothing_and_ctrl_c_leaves_what_there_is(tmp_path: Path) -> None:
    def interrupted(error: type[BaseException]) -> None:
        with Recording(tmp_path / "v.avi", 10.0) as recording:
            recording.add(pictures(1)[0])
            raise error("in the middle")

    with pytest.raises(ValueError, match="in the middle"):
        interrupted(ValueError)
    assert os.listdir(tmp_path) == []
    with pytest.raises(KeyboardInterrupt):
        interrupted(KeyboardInterrupt)
    assert len(frames_of(tmp_path / "v.avi")[0]) == 1
    with Recording(tmp_path / "empty.avi", 10.0):
        pass
    assert os.listdir(tmp_path) == ["v.avi"]


def test_a_picture_of_another_size_is_laid_into_the_first_ones(tmp_path: Path) -> None:
    with Recording(tmp_path / "v.avi", 10.0) as recording:
        recording.add(pictures(1)[0])
        recording.add(np.full((96, 64, 3), 255, np.uint8))
    (_, second) = frames_of(tmp_path / "v.avi")[0]
    assert second.shape == (48, 64, 3)
    assert second[24, 32].min() > 240  # reduced to 48×32, the screen's ground beside it
    assert np.abs(second[24, 4].astype(int) - GROUND).max() < 16


def test_places_and_endings_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"'v.gif' is no video that can be written: end it with .mp4"):
        Recording(tmp_path / "v.gif", 10.0)
    (tmp_path / "file").write_text("")
    with pytest.raises(RecordError, match="cannot be written"):
        Recording(tmp_path / "file" / "v.mp4", 10.0)


def test_a_folder_in_the_videos_place(tmp_path: Path) -> None:
    path = tmp_path / "v.avi"
    recording = Recording(path, 10.0)
    recording.add(pictures(1)[0])
    path.mkdir()  # meanwhile
    with pytest.raises(RecordError, match=r"v\.avi' cannot be written: Is a directory\."):
        recording.__exit__(None, None, None)
    with pytest.raises(RecordError, match=r"v\.avi' cannot be written: Is a directory\."):
        Recording(path, 10.0)
    assert os.listdir(tmp_path) == ["v.avi"]


def test_a_video_is_as_private_as_the_persons_other_files(tmp_path: Path) -> None:
    mask = os.umask(0o077)
    try:
        with Recording(tmp_path / "v.avi", 10.0) as recording:
            recording.add(pictures(1)[0])
    finally:
        os.umask(mask)
    assert (tmp_path / "v.avi").stat().st_mode & 0o777 == 0o600
