"""Pictures as a video file, which appears whole or not at all."""

from __future__ import annotations

import errno
import math
import os
import tempfile
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, RecordError
from seewhy.files import put_in_place
from seewhy.live.sources import cv2_module

CODECS = {".mp4": "mp4v", ".avi": "MJPG", ".mkv": "mp4v", ".mov": "mp4v"}
GROUND = (22, 21, 19)  # of pictures that are drawn, red, green and blue
LEAST_RATE = 5.0  # frames a second that players cope with: pictures that come more slowly are repeated


class Recording:
    """A video file that pictures of one size are added to; used in a ``with``, at whose end it is put in its place.

    path : .mp4, .avi, .mkv or .mov. rate : pictures a second. Raises OptionError for another ending, RecordError where it cannot
    be written.
    """

    def __init__(self, path: Path, rate: float) -> None:
        if path.suffix.lower() not in CODECS:
            raise OptionError(f"'{path.name}' is no video that can be written: end it with {', '.join(CODECS)}.")
        (self.path, self.count) = (path, 0)
        self._written = 0
        self._repeats = max(1, math.ceil(LEAST_RATE / rate))
        self._rate = rate * self._repeats
        self._size = (0, 0)
        self._writer: Any = None
        try:
            if path.is_dir():
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            path.parent.mkdir(parents=True, exist_ok=True)
            (handle, name) = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
            os.close(handle)
        except OSError as error:
            raise _unwritable(path, error) from error
        self._temporary = Path(name)

    def __enter__(self) -> Recording:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Also after Ctrl-C: what was recorded until then is a whole video."""
        if self._writer is not None:
            self._writer.release()
        try:
            if self.count and (kind is None or issubclass(kind, KeyboardInterrupt)):
                put_in_place(self._temporary, self.path)
        except OSError as problem:
            raise _unwritable(self.path, problem) from problem
        finally:
            self._temporary.unlink(missing_ok=True)

    def add(self, picture: npt.NDArray[np.uint8], at: float | None = None) -> None:
        """uint8 ``(H, W, 3)``, RGB; one of another size than the first is laid into that size. Raises RecordError.

        at : seconds since the first picture, where they do not come evenly: it is held for as long as the video lags behind.
        """
        cv2 = cv2_module()
        if self._writer is None:
            (height, width) = self._size = (picture.shape[0], picture.shape[1])
            code = cv2.VideoWriter_fourcc(*CODECS[self.path.suffix.lower()])
            self._writer = cv2.VideoWriter(str(self._temporary), code, self._rate, (width, height))
            if not self._writer.isOpened():
                raise RecordError(f"OpenCV cannot write '{self.path.name}': try .avi.")
        if picture.shape[:2] != self._size:
            picture = _laid(picture, self._size)
        pixels = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        copies = self._repeats if at is None else max(0, round(at * self._rate) + 1 - self._written)
        for _ in range(copies):
            self._writer.write(pixels)
        self._written += copies
        self.count += 1


def _unwritable(path: Path, error: OSError) -> RecordError:
    return RecordError(f"'{path}' cannot be written: {error.strerror or error}.")


def _laid(picture: npt.NDArray[np.uint8], size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """The picture in a frame of another size: reduced where it is too large, the screen's ground around it."""
    scale = min(1.0, size[0] / picture.shape[0], size[1] / picture.shape[1])
    if scale < 1:
        cv2 = cv2_module()
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    framed = np.empty((*size, 3), np.uint8)
    framed[:] = GROUND
    (height, width) = (min(picture.shape[0], size[0]), min(picture.shape[1], size[1]))
    (top, left) = ((size[0] - height) // 2, (size[1] - width) // 2)
    framed[top : top + height, left : left + width] = picture[:height, :width]
    return framed
