"""A camera of the test's own, and videos made on the spot."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from seewhy.live import sources


def numbered(count: int, size: tuple[int, int] = (48, 64)) -> list[np.ndarray]:
    """Frames whose top left corner says their number: uint8 ``(H, W, 3)``, RGB."""
    frames = []
    for number in range(count):
        frame = np.full((*size, 3), (200, 90, 20), np.uint8)
        frame[:8, :8] = number
        frames.append(frame)
    return frames


class FakeCapture:
    """Stands for OpenCV's capture: gives ``frames``, None among them for a picture that does not come."""

    def __init__(self, frames: Sequence[np.ndarray | None], opens: bool = True) -> None:
        (self.frames, self.opens, self.released) = (list(frames), opens, False)

    def isOpened(self) -> bool:  # noqa: N802
        return self.opens

    def get(self, which: int) -> float:
        return 0.0

    def set(self, which: int, value: float) -> bool:
        return True

    def read(self) -> tuple[bool, Any]:
        assert not self.released
        frame = self.frames.pop(0) if self.frames else None
        return (False, None) if frame is None else (True, frame[..., ::-1])

    def release(self) -> None:
        self.released = True


def fake_camera(monkeypatch: pytest.MonkeyPatch, captures: Sequence[FakeCapture]) -> list[FakeCapture]:
    """OpenCV whose next ``VideoCapture`` is the next of ``captures``; returns those that were opened."""
    opened: list[FakeCapture] = []

    def capture(number: object) -> FakeCapture:
        opened.append(captures[len(opened)])
        return opened[-1]

    fake = SimpleNamespace(
        VideoCapture=capture,
        CAP_PROP_FPS=5,
        CAP_PROP_BUFFERSIZE=38,
        COLOR_BGR2RGB=4,
        COLOR_GRAY2RGB=8,
        cvtColor=lambda pixels, code: np.ascontiguousarray(pixels[..., ::-1]),
    )
    monkeypatch.setattr(sources, "cv2_module", lambda: fake)
    return opened


def video(path: Path, frames: Sequence[np.ndarray], rate: float = 25.0) -> Path:
    """A video file without loss worth naming."""
    cv2 = pytest.importorskip("cv2")
    (height, width) = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), rate, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()
    return path
