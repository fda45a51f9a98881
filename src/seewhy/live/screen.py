"""One moment as a picture: what the camera sees, the map on it, the first choices and how fast it goes."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from seewhy.errors import OptionError
from seewhy.explanation import Explanation
from seewhy.formatting import format_score, shortened
from seewhy.geometry import map_on_photo
from seewhy.live.loop import RECENT, Moment
from seewhy.live.painting import cam_show, overlay
from seewhy.show import frame
from seewhy.show.colour import limits

Pixels = npt.NDArray[np.uint8]

LOOKS = ("overlay", "cam_show")
SIDE = (360, 640)  # pixels of the longer side of each picture: smaller photos are enlarged, larger ones reduced
GAP = 12
LINE = 24
TEXT = 15
GROUND, INK, SOFT, ACCENT, BAR = (22, 21, 19), (236, 234, 229), (160, 155, 146), (242, 137, 79), (70, 62, 54)


class Screen:
    """Draws moments, at one size for each size of the frames.

    look : "overlay", the evidence in colour on a paler photo, on the scale of the last thirty frames, so that weak evidence looks
    weak; or "cam_show", the glowing picture of the camera demos, every map stretched. lines : how many first choices are listed.
    """

    def __init__(self, look: str = "overlay", lines: int = 3) -> None:
        if look not in LOOKS:
            raise OptionError(f"look={look!r}: write one of {', '.join(LOOKS)}.")
        (self.look, self._lines) = (look, lines)
        self._scales: deque[tuple[tuple[str, str | None], float]] = deque(maxlen=RECENT)

    def compose(self, moment: Moment, hints: Sequence[str] = (), mark: str = "") -> Pixels:
        """uint8 ``(H, W, 3)``, both sides even, as video formats want. hints : lines laid over the pictures. mark : beside the
        status: paused, frozen."""
        explanation = moment.explanation
        pictures = self._pictures(_sized(moment.frame), explanation)
        (height, width) = pictures[0].shape[:2]
        canvas = np.empty((height + (self._lines + 1) * LINE + 3 * GAP, 2 * width + 3 * GAP, 3), np.uint8)
        canvas[:] = GROUND
        top = self._lines * LINE + int(1.5 * GAP)
        for place, picture in enumerate(pictures):
            left = GAP + place * (width + GAP)
            canvas[top : top + height, left : left + width] = picture
        canvas[GAP // 2 : GAP // 2 + self._lines * LINE] = self._choices(explanation, canvas.shape[1])
        status = f"{_what(explanation)}    {moment.rate:.0f} frames/s    {1000 * moment.latency:.0f} ms behind"
        status += f"    {moment.dropped:,} dropped" if moment.dropped else ""
        strip = _strip([(GAP, status, SOFT, mark)], canvas.shape[1], LINE)
        canvas[top + height + GAP // 2 : top + height + GAP // 2 + LINE] = strip
        if hints:
            box = _strip([(GAP, hint, INK, "") for hint in hints], 430, LINE)
            (rows, columns) = (min(box.shape[0], height), min(box.shape[1], canvas.shape[1]))
            canvas[top : top + rows, GAP : GAP + columns] = box[:rows, :columns]
        return canvas[: canvas.shape[0] // 2 * 2, : canvas.shape[1] // 2 * 2]

    def _pictures(self, pixels: Pixels, explanation: Explanation) -> tuple[Pixels, Pixels]:
        geometry = explanation.photo.geometry.at_size((pixels.shape[0], pixels.shape[1]))
        map_ = map_on_photo(explanation.maps[:1], geometry, sample_grid=explanation.sample_grid)[0]
        plain = frame(pixels, geometry)
        if self.look == "cam_show":
            return plain, cam_show(pixels, map_)
        ((low, high),) = limits([explanation.maps[0]], signed=explanation.signed)
        which = (explanation.method, explanation.targets[0].name)
        self._scales.append((which, high))
        high = max(scale for kind, scale in self._scales if kind == which)
        low = -high if explanation.signed else low
        return plain, overlay(pixels, map_, (low, high), explanation.signed)

    def _choices(self, explanation: Explanation, width: int) -> Pixels:
        """A line for each of the first choices, the explained one in colour; behind it a bar as long as its score."""
        target = explanation.targets[0]
        strip = np.empty((self._lines * LINE, width, 3), np.uint8)
        strip[:] = GROUND
        texts = []
        for row, prediction in enumerate(explanation.predictions[: self._lines]):
            length = round(float(np.clip(prediction.score, 0, 1)) * (width - 2 * GAP))
            strip[row * LINE + 2 : (row + 1) * LINE - 2, GAP : GAP + length] = BAR
            colour = ACCENT if prediction.index == target.index else INK
            texts.append(
                (GAP + 6, f"{row + 1}   {shortened(prediction.name, 60)}   {format_score(prediction.score)}", colour, "")
            )
        return _strip(texts, width, LINE, strip)


def _what(explanation: Explanation) -> str:
    target = explanation.targets[0]
    return f"{explanation.method} of '{shortened(target.text, 40)}'" if explanation.by_class else explanation.method


def _sized(picture: Pixels) -> Pixels:
    """Reduced or enlarged to what a screen shows."""
    longest = max(picture.shape[:2])
    side = min(max(longest, SIDE[0]), SIDE[1])
    if side == longest:
        return picture
    size = tuple(round(length * side / longest) for length in (picture.shape[1], picture.shape[0]))
    return np.asarray(Image.fromarray(picture).resize(size, Image.Resampling.BILINEAR))


def _strip(
    texts: Sequence[tuple[int, str, tuple[int, int, int], str]], width: int, line: int, ground: Pixels | None = None
) -> Pixels:
    """Lines of text ``(len, width, 3)``: each (left, text, colour, text at the right end)."""
    if ground is None:
        ground = np.empty((line * len(texts), width, 3), np.uint8)
        ground[:] = GROUND
    image = Image.fromarray(ground)
    draw = ImageDraw.Draw(image)
    font = _font(TEXT)
    for row, (left, text, colour, right) in enumerate(texts):
        middle = (row + 0.5) * line
        draw.text((left, middle), text, colour, font, anchor="lm")
        if right:
            draw.text((width - GAP, middle), right, ACCENT, font, anchor="rm")
    return np.asarray(image)


@lru_cache(maxsize=4)
def _font(size: int) -> ImageFont.FreeTypeFont:
    """The font that matplotlib brings along."""
    from matplotlib import get_data_path

    return ImageFont.truetype(str(Path(get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"), size)
