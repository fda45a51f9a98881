"""One moment as a picture: what the camera sees, the map on it, the first choices and how fast it goes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from seewhy.errors import OptionError, setting
from seewhy.explanation import Explanation
from seewhy.explanation.drawing import drawable, shows_pixels
from seewhy.formatting import format_number, format_score, shortened
from seewhy.geometry import map_on_seen
from seewhy.live.loop import RECENT, Moment
from seewhy.live.painting import cam_show, overlay
from seewhy.live.recording import GROUND
from seewhy.live.sources import FrameSource
from seewhy.show import frame
from seewhy.show.colour import limits
from seewhy.show.overlay import seen_colours

Pixels = npt.NDArray[np.uint8]
Colour = tuple[int, int, int]

LOOKS = ("overlay", "cam_show")
SIDE = (360, 640)  # pixels of the longer side of each picture: smaller photos are enlarged, larger ones reduced
GAP = 12
LINE = 24
TEXT = 15
SCALE = 90  # pixels of the colour bar
HINTS = 430  # pixels that a line of hints takes
READABLE = 0.25  # seconds for which numbers stand still
INK, SOFT, ACCENT, BAR = (236, 234, 229), (160, 155, 146), (242, 137, 79), (70, 62, 54)


class Screen:
    """Draws moments, at one size for each size of the frames.

    look : "overlay", the evidence in colour on a paler photo, on the scale of the last thirty frames, so that weak evidence looks
    weak; or "cam_show", the glowing picture of the camera demos, every map stretched. lines : how many first choices are listed.
    speed : say how fast it goes. recent : frames that share a scale; 1 where they have nothing to do with each other.
    """

    def __init__(self, look: str = "overlay", lines: int = 3, speed: bool = True, recent: int = RECENT) -> None:
        if look not in LOOKS:
            raise OptionError(f"{setting('look', look)}: write one of {', '.join(LOOKS)}.")
        (self.look, self._lines, self._speed) = (look, lines, speed)
        self._scales: deque[tuple[tuple[str, str | None], float]] = deque(maxlen=recent)
        self._high = self._most = 0.0  # ends of the scale, of the map itself
        (self._numbers, self._numbers_until) = ("", 0.0)

    def compose(self, moment: Moment, hints: Sequence[str] = (), mark: str = "") -> Pixels:
        """uint8 ``(H, W, 3)``, both sides even, as video formats want. hints : lines laid over the pictures. mark : beside the
        status: paused, frozen."""
        explanation = moment.explanation
        pictures = self._pictures(_sized(moment.frame), explanation)
        (height, width) = pictures[0].shape[:2]
        canvas = _ground(height + (self._lines + 2) * LINE + 3 * GAP, 2 * width + 3 * GAP).copy()
        top = self._lines * LINE + int(1.5 * GAP)
        for place, picture in enumerate(pictures):
            left = GAP + place * (width + GAP)
            canvas[top : top + height, left : left + width] = picture
        self._write_choices(canvas, explanation)
        bottom = top + height + GAP // 2
        room = canvas.shape[1] - 2 * GAP
        taken = _write(canvas, _fitting(mark, room), bottom, GAP, ACCENT, from_right=True) + GAP if mark else 0
        _write(canvas, _fitting(_what(explanation), room - taken), bottom, GAP, SOFT)
        taken = self._write_scale(canvas, bottom + LINE, explanation) + GAP
        if self._speed and not mark:
            _write(canvas, _fitting(self._numbers_of(moment), room - taken), bottom + LINE, GAP, SOFT)
        if hints:
            box = canvas[top : min(top + len(hints) * LINE, top + height), GAP : GAP + HINTS]
            box[:] = GROUND
            for row, hint in enumerate(hints):
                _write(box, hint, row * LINE, GAP, INK)
        return _even(canvas)

    def _pictures(self, pixels: Pixels, explanation: Explanation) -> tuple[Pixels, Pixels]:
        geometry = explanation.photo.geometry.at_size((pixels.shape[0], pixels.shape[1]))
        (map_, seen) = map_on_seen(np.nan_to_num(explanation.maps[0]), geometry, sample_grid=explanation.sample_grid)
        plain = frame(pixels, geometry)
        if self.look == "cam_show":
            return plain, cam_show(pixels, map_, seen)
        drawn = drawable(explanation.maps[0], explanation.units)
        ((_, high),) = limits([drawn], signed=explanation.signed, spikes=shows_pixels(explanation))
        ((_, self._most),) = limits([drawn], signed=explanation.signed)
        which = (explanation.method, explanation.targets[0].name)
        self._scales.append((which, high))
        if high:  # else it shows nothing, whatever the scale
            high = max(scale for kind, scale in self._scales if kind == which)
        self._high = high
        return plain, overlay(pixels, map_, seen, (-high if explanation.signed else 0.0, high), explanation.signed)

    def _numbers_of(self, moment: Moment) -> str:
        """How fast it goes; the numbers stand for a moment, so that they can be read."""
        now = time.monotonic()
        if now >= self._numbers_until:
            rate = f"{moment.rate:.0f} frames/s    " if moment.rate else ""
            dropped = f"    {moment.dropped:,} dropped" if moment.dropped else ""
            self._numbers = f"{rate}{1000 * moment.latency:.0f} ms behind{dropped}"
            self._numbers_until = now + READABLE
        return self._numbers

    def _write_scale(self, canvas: Pixels, top: int, explanation: Explanation) -> int:
        """What the overlay's colours stand for, at the right end of the line; returns its width in pixels."""
        if self.look != "overlay":
            return 0
        if not self._high:
            return _write(canvas, "the map shows nothing", top, GAP, SOFT, from_right=True)
        (number, is_open) = (format_number(self._high), self._most > self._high)  # open: some values lie beyond the ends
        end = f"{'≥ ' * is_open}{number} {'for' if explanation.signed else explanation.units}".rstrip()
        right = GAP + _write(canvas, end, top, GAP, SOFT, from_right=True) + GAP // 2
        bar = canvas[top + 8 : top + LINE - 8, canvas.shape[1] - right - SCALE : canvas.shape[1] - right]
        bar[:] = _scale(explanation.signed)[-bar.shape[1] :] if bar.shape[1] else 0
        right += SCALE + GAP // 2
        start = f"against {'≤ ' * is_open}−{number}" if explanation.signed else "0"
        return right + _write(canvas, start, top, right, SOFT, from_right=True)

    def _write_choices(self, canvas: Pixels, explanation: Explanation) -> None:
        """A line for each of the first choices, the explained one in colour; behind it a bar as long as its score."""
        target = explanation.targets[0]
        for row, prediction in enumerate(explanation.predictions[: self._lines]):
            top = GAP // 2 + row * LINE
            length = round(float(np.clip(prediction.score, 0, 1)) * (canvas.shape[1] - 2 * GAP))
            canvas[top + 2 : top + LINE - 2, GAP : GAP + length] = BAR
            colour = ACCENT if prediction.index == target.index else INK
            name = f"{row + 1}   {shortened(prediction.name, 60)}   "
            width = _write(canvas, name, top, GAP + 6, colour)
            _write(canvas, format_score(prediction.score), top, GAP + 6 + width, colour)


def screen_for(source: FrameSource, look: str, speed: bool = True) -> Screen:
    """The screen that suits a source: photos have nothing to do with each other, and stand still."""
    return Screen(look, speed=speed and source.is_film, recent=RECENT if source.is_film else 1)


def _even(canvas: Pixels) -> Pixels:
    (height, width) = canvas.shape[:2]
    even: Pixels = canvas[: height // 2 * 2, : width // 2 * 2]
    return even


def _what(explanation: Explanation) -> str:
    target = explanation.targets[0]
    if not explanation.by_class:
        return explanation.method
    return f"{explanation.method} of '{shortened(target.text, 40)}' ({target.scores_text})"


def _sized(picture: Pixels) -> Pixels:
    """Reduced or enlarged to what a screen shows."""
    longest = max(picture.shape[:2])
    side = min(max(longest, SIDE[0]), SIDE[1])
    if side == longest:
        return picture
    size = tuple(max(1, round(length * side / longest)) for length in (picture.shape[1], picture.shape[0]))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


@lru_cache(maxsize=2)
def _ground(height: int, width: int) -> Pixels:
    canvas = np.empty((height, width, 3), np.uint8)
    canvas[:] = GROUND
    return canvas


def _write(canvas: Pixels, text: str, top: int, left: int, colour: Colour, from_right: bool = False) -> int:
    """Write a line of text into the canvas, from the left edge or from the right one; returns its width in pixels."""
    ink = _ink(text)
    width: int = min(ink.shape[1], max(0, canvas.shape[1] - left))
    height = min(LINE, max(0, canvas.shape[0] - top))
    ink = ink[:height, :width]
    start = canvas.shape[1] - left - width if from_right else left
    area = canvas[top : top + height, start : start + width]
    area[:] = np.rint(area + ink * (np.asarray(colour, np.float32) - area)).astype(np.uint8)
    return width


@lru_cache(maxsize=256)
def _fitting(text: str, width: int) -> str:
    """The text, or as much of its beginning as fits, and an ellipsis."""
    font = _font(TEXT)
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f"{text}…") > width:
        text = text[:-1]
    return f"{text}…"


@lru_cache(maxsize=2)
def _scale(signed: bool) -> Pixels:
    """The overlay's colours as they look on grey, ``(SCALE, 3)``."""
    colours = seen_colours(signed=signed)
    rows = np.linspace(0, len(colours) - 1, SCALE).round().astype(int)
    bar: Pixels = np.rint(255 * colours[rows]).astype(np.uint8)
    return bar


@lru_cache(maxsize=256)  # names and scores come back
def _ink(text: str) -> npt.NDArray[np.float32]:
    """How much of each pixel of a line the text covers, 0 to 1, ``(LINE, W, 1)``."""
    font = _font(TEXT)
    image = Image.new("L", (max(1, round(font.getlength(text))), LINE))
    ImageDraw.Draw(image).text((0, LINE / 2), text, 255, font, anchor="lm")
    ink: npt.NDArray[np.float32] = np.asarray(image, np.float32)[..., None] / np.float32(255)
    return ink


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that matplotlib brings along."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
