"""A window of the desktop that shows pictures and hears keys, by SDL."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import MissingExtraError, OptionError
from seewhy.live.sources import cv2_module

PART = (0.9, 0.8)  # of the screen's width and height that the window may take
NO_DISPLAY = "There is no display for a window: --out FILE.mp4 writes a video, --web shows it in a browser."
DRIVER = ("SDL_VIDEODRIVER", "SDL_VIDEO_DRIVER")  # who sets one of them knows what it shows
UNSEEN = ("offscreen", "dummy", "evdev")  # SDL's, which it falls back to
CLOSE = "close"  # the key that stands for the window's own button


class Window:
    """Used in a ``with``. Raises MissingExtraError without pygame, OptionError where there is no display."""

    def __init__(self, title: str) -> None:
        self._pygame = pygame = pygame_module()
        if _no_display():
            raise OptionError(NO_DISPLAY)
        try:
            pygame.display.init()
        except pygame.error as error:
            raise OptionError(NO_DISPLAY) from error
        if pygame.display.get_driver() in UNSEEN and not any(os.environ.get(name) for name in DRIVER):
            pygame.display.quit()
            raise OptionError(NO_DISPLAY)
        information = pygame.display.Info()
        self._room = (int(PART[0] * information.current_w), int(PART[1] * information.current_h))
        self._title = title
        self._surface: Any = None
        self._shape: tuple[int, ...] = ()

    def __enter__(self) -> Window:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._pygame.display.quit()

    def show(self, picture: npt.NDArray[np.uint8]) -> None:
        """uint8 ``(H, W, 3)``, as large as the window allows, its sides in proportion."""
        pygame = self._pygame
        (height, width) = picture.shape[:2]
        if self._surface is None or picture.shape != self._shape:
            scale = min(self._room[0] / width, self._room[1] / height, 2.0)
            pygame.display.set_caption(self._title)
            self._surface = pygame.display.set_mode((round(scale * width), round(scale * height)), pygame.RESIZABLE)
            self._shape = picture.shape
        surface = self._surface
        (across, down) = surface.get_size()
        scale = min(across / width, down / height)
        size = (max(1, round(scale * width)), max(1, round(scale * height)))
        if size != (width, height):
            picture = cv2_module().resize(picture, size, interpolation=cv2_module().INTER_LINEAR)
        if size != (across, down):
            surface.fill(0)
        image = pygame.image.frombuffer(np.ascontiguousarray(picture), size, "RGB")
        surface.blit(image, ((across - size[0]) // 2, (down - size[1]) // 2))
        pygame.display.flip()

    def pressed(self) -> list[str]:
        """What was pressed since the last call, as characters; "close" for the window's button and Escape."""
        pygame = self._pygame
        keys = []
        for event in pygame.event.get() if self._surface is not None else []:
            if event.type == pygame.QUIT or (event.type == pygame.KEYDOWN and event.key == pygame.K_ESCAPE):
                keys.append(CLOSE)
            elif event.type == pygame.KEYDOWN and event.unicode:
                keys.append(event.unicode.lower())
            elif event.type == pygame.VIDEORESIZE:
                self._surface = pygame.display.get_surface()
        return keys


def pygame_module() -> Any:
    """Pygame, without its greeting. Raises MissingExtraError where it is not installed."""
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        import pygame
    except ImportError as error:
        raise MissingExtraError(
            "A window needs pygame-ce: pip install 'seewhy[live]'. --out FILE.mp4 and --web do without."
        ) from error
    return pygame


def _no_display() -> bool:
    """True where SDL would draw into memory that nobody sees."""
    known = ("DISPLAY", "WAYLAND_DISPLAY", *DRIVER)
    return sys.platform.startswith("linux") and not any(os.environ.get(name) for name in known)
