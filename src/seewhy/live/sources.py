"""Where frames come from: a camera, a video file, photos. Each gives upright RGB frames, uint8 ``(H, W, 3)``."""

from __future__ import annotations

import glob
import os
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from seewhy.errors import MissingExtraError, OptionError, PhotoError, setting
from seewhy.photo import PHOTO_SUFFIXES, open_picture, photos_below
from seewhy.records import Photo

Frame = npt.NDArray[np.uint8]

SHOWN = 2.0  # seconds for which each of several photos is looked at
TRIES = 10  # to open a camera again that was lost
WAIT = 0.5  # seconds between them


class FrameSource(ABC):
    """Frames, one after the other.

    name : for titles. is_film : frames follow each other, so that one scale suits them. count : of frames, None where that is not
    known. rate : frames a second at which they come by themselves. is_camera : they come whether or not somebody
    looks, and never end. skipped : why a photo, by its number, cannot be read; the others are shown.
    """

    name: str
    rate: float
    is_camera: ClassVar[bool] = False
    is_film: ClassVar[bool] = True
    count: int | None = None
    skipped: Mapping[int, str] = MappingProxyType({})

    @abstractmethod
    def read(self, stopped: threading.Event) -> Frame | None:
        """The next frame, None behind the last one. stopped : set when nobody waits for it any more.

        Raises PhotoError: the camera is lost, a photo cannot be read.
        """

    @abstractmethod
    def rewind(self) -> None:
        """Begin again with the first frame."""

    @abstractmethod
    def close(self) -> None:
        """Give the camera or the file back."""


class Camera(FrameSource):
    """A camera by its number. Raises PhotoError where there is none."""

    is_camera = True

    def __init__(self, number: int) -> None:
        self._number = number
        self.name = f"camera {number}"
        self._capture = self._opened()
        if not self._capture.isOpened():
            raise PhotoError(
                f"Camera {number} cannot be opened: is it plugged in, and used by no other program? Another number, a video "
                "file, a folder or one photo can stand in its place."
            )
        rate = float(self._capture.get(cv2_module().CAP_PROP_FPS))
        self.rate = rate if 1 <= rate <= 1000 else 30.0

    def read(self, stopped: threading.Event) -> Frame | None:
        for _ in range(TRIES):
            (there, pixels) = self._capture.read()
            if there:
                return _rgb(pixels)
            self._capture.release()
            if stopped.wait(WAIT):
                return None
            self._capture = self._opened()
        raise PhotoError(
            f"Camera {self._number} gives no more pictures, and could not be opened again for {TRIES * WAIT:.0f} seconds: is it "
            "still plugged in?"
        )

    def rewind(self) -> None:
        """A camera has no beginning."""

    def close(self) -> None:
        self._capture.release()

    def _opened(self) -> Any:
        capture = cv2_module().VideoCapture(self._number)
        capture.set(cv2_module().CAP_PROP_BUFFERSIZE, 1)  # a camera that keeps old frames would be seen late
        return capture


class Video(FrameSource):
    """A video file. Raises PhotoError where it cannot be read."""

    def __init__(self, path: Path) -> None:
        self.name = path.name
        self._path = path
        self._capture = cv2_module().VideoCapture(str(path))
        self._first: Frame | None = None
        (there, pixels) = self._capture.read()
        if not there:
            self._capture.release()
            raise PhotoError(
                f"'{path}' cannot be read as a video or a photo: a camera's number, a video (.mp4, .avi, .mov, .mkv ...), a "
                "photo or a folder of photos is expected."
            )
        self._first = _rgb(pixels)
        rate = float(self._capture.get(cv2_module().CAP_PROP_FPS))
        self.rate = rate if 0 < rate <= 1000 else 30.0
        self.count = int(self._capture.get(cv2_module().CAP_PROP_FRAME_COUNT)) or None

    def read(self, stopped: threading.Event) -> Frame | None:
        if self._first is not None:
            (frame, self._first) = (self._first, None)
            return frame
        (there, pixels) = self._capture.read()
        return _rgb(pixels) if there else None

    def rewind(self) -> None:
        self._capture.release()
        self._capture = cv2_module().VideoCapture(str(self._path))  # seeking is not to be trusted in every container

    def close(self) -> None:
        self._capture.release()


class Photos(FrameSource):
    """Photos as anything that ``explain`` takes, each shown for two seconds."""

    rate = 1 / SHOWN
    is_film = False

    def __init__(self, photos: Iterable[Any], name: str) -> None:
        self.name = name
        self.skipped = self._skipped = dict[int, str]()
        self._photos = list(photos)
        self.count = len(self._photos)
        self._next = 0

    def read(self, stopped: threading.Event) -> Frame | None:
        while self._next < len(self._photos):
            photo = self._photos[self._next]
            self._next += 1
            try:
                frame = _opened(photo)
            except PhotoError as error:
                self._skipped[self._next - 1] = str(error.line)
                if len(self._skipped) == len(self._photos):
                    raise
                continue
            if isinstance(photo, (str, os.PathLike)):
                self.name = Path(photo).name
            return frame
        return None

    def rewind(self) -> None:
        self._next = 0

    def close(self) -> None:
        """Nothing is open between two photos."""


class Frames(FrameSource):
    """Frames of somebody's own: an iterator of photos, anything that ``explain`` takes. They come once."""

    rate = 30.0

    def __init__(self, frames: Iterator[Any]) -> None:
        self.name = "frames"
        self._frames = frames

    def read(self, stopped: threading.Event) -> Frame | None:
        frame = next(self._frames, None)
        return None if frame is None else _opened(frame)

    def rewind(self) -> None:
        """What has come does not come again."""

    def close(self) -> None:
        """Whoever made the iterator ends it."""


def open_source(source: Any) -> FrameSource:
    """A camera's number, a video file, a folder of photos, one photo (anything that ``explain`` takes), several in a list or an
    iterator, or a FrameSource.

    Raises PhotoError: no such camera, file or photo; MissingExtraError: a camera or a video without OpenCV.
    """
    if isinstance(source, FrameSource):
        return source
    if isinstance(source, bool) or source is None:
        raise OptionError(
            f"{setting('source', source)}: write a camera's number, or name a video, a folder of photos or a photo."
        )
    if isinstance(source, int):
        return Camera(_camera_number(source))
    if isinstance(source, str) and source.isdecimal() and not Path(source).exists():
        return Camera(int(source))
    if isinstance(source, str) and "://" in source:
        raise PhotoError(
            f"'{source}' is an address: cameras are opened by their number, videos and photos as files. In Python, frames from "
            "anywhere can be an iterator: seewhy.live(clf, frames)."
        )
    if isinstance(source, (str, os.PathLike)):
        return _from_path(Path(source))
    if isinstance(source, (list, tuple)):
        if not source:
            raise PhotoError("There are no photos to look at: the list is empty.")
        return Photos(source, f"{len(source)} photos")
    if isinstance(source, Iterator):
        return Frames(source)
    return Photos([source], source.name if isinstance(source, Photo) else "photo")


def _camera_number(number: int) -> int:
    if number < 0:
        raise OptionError(f"There is no camera {number}: they are counted from 0.")
    return number


def _from_path(path: Path) -> FrameSource:
    matches = [] if path.exists() else sorted(glob.glob(str(path), recursive=True))
    if matches:
        return Photos(matches, path.name)
    if not path.exists():
        raise PhotoError(f"There is no '{path}': name a camera's number, a video, a photo or a folder of photos.")
    if path.is_dir():
        photos = photos_below(path)
        if not photos:
            raise PhotoError(f"The folder '{path}' holds no photos ({', '.join(PHOTO_SUFFIXES[:3])} ...).")
        return Photos(photos, path.name)
    if path.suffix.lower() in PHOTO_SUFFIXES:
        return Photos([path], path.name)
    return Video(path)


def _opened(photo: Any) -> Frame:
    """A photo upright, as uint8 RGB. Raises PhotoError."""
    return np.array(open_picture(photo).image().convert("RGB"))


def _rgb(pixels: Any) -> Frame:
    frame: Frame = cv2_module().cvtColor(pixels, cv2_module().COLOR_GRAY2RGB if pixels.ndim == 2 else cv2_module().COLOR_BGR2RGB)
    return frame


@lru_cache(maxsize=1)
def cv2_module() -> Any:
    """OpenCV, quiet: that a camera is missing is said in our words. Raises MissingExtraError where it is not installed."""
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")  # what is wrong with a video is said in our words, too
    try:
        import cv2
    except ImportError as error:
        raise MissingExtraError("Cameras, videos and windows need OpenCV: pip install 'seewhy[live]'.") from error
    cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    return cv2
