"""Known cues, drawn on photos: a logo in a corner, a date stamp, a sticker anywhere, a colour cast."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from seewhy.edits import Box

LOGO, STAMP, STICKER, CAST = "logo", "date stamp", "sticker", "colour cast"
CUES = (LOGO, STAMP, STICKER, CAST)
WHOLE: Box = (0.0, 0.0, 1.0, 1.0)
_SIZES = {LOGO: (0.16, 0.20), STAMP: (0.08, 0.34), STICKER: (0.18, 0.18)}  # rows and columns, as shares of what is seen
_MARGIN = 0.03
_CAST = 0.3  # of the logarithm of a channel
# Five rows of three bits each, so that a stamp looks the same on every machine; fonts differ.
_DIGITS = ("75557", "26227", "71747", "71717", "55711", "74717", "74757", "71111", "75757", "75717")

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class DrawnCue:
    """kind : one of CUES. seed : of its look and places. seen : the part of the photos that reaches the network."""

    kind: str
    seed: int
    seen: Box = WHOLE

    def box(self, key: str) -> Box | None:
        """Where it lies in the photo of this name; None where it has no place, being everywhere."""
        if self.kind == CAST:
            return None
        (top, left, bottom, right) = self.seen
        (height, width) = (bottom - top, right - left)
        (rows, columns) = (_SIZES[self.kind][0] * height, _SIZES[self.kind][1] * width)
        (first, last) = (
            (top + _MARGIN * height, left + _MARGIN * width),
            (bottom - rows - _MARGIN * height, right - columns - _MARGIN * width),
        )
        if self.kind == STICKER:
            random = np.random.default_rng([self.seed, int.from_bytes(hashlib.sha256(key.encode()).digest()[:4], "big")])
            (down, across) = random.random(2)
        else:
            corner = int(np.random.default_rng(self.seed).integers(4))
            (down, across) = (float(corner // 2), float(corner % 2))
        (y, x) = (first[0] + down * (last[0] - first[0]), first[1] + across * (last[1] - first[1]))
        return (y, x, y + rows, x + columns)

    @property
    def place(self) -> Box | None:
        """Where it lies in every photo; None where it has no fixed place."""
        return None if self.kind == STICKER else self.box("")

    def other(self) -> DrawnCue:
        """One of the same kind that looks different."""
        seeds = range(self.seed + 1, self.seed + 100)
        return next(one for seed in seeds if (one := replace(self, seed=seed)).kind != CAST or _tint(seed) != _tint(self.seed))

    def on(self, pixels: Pixels, key: str) -> Pixels:
        """A photo ``(H, W, 3)`` with it. key : the photo's name."""
        box = self.box(key)
        if box is None:
            gains = np.exp(_CAST * np.array(_tint(self.seed)))
            multiplied: Pixels = np.clip(np.rint(pixels * gains), 0, 255).astype(np.uint8)
            return multiplied
        (height, width) = pixels.shape[:2]
        (top, left, bottom, right) = (round(side * length) for side, length in zip(box, (height, width) * 2, strict=True))
        size = (max(1, right - left), max(1, bottom - top))
        drawn: Pixels = pixels.copy()
        drawn[top : top + size[1], left : left + size[0]] = np.asarray(
            _picture(self.kind, self.seed).resize(size, Image.Resampling.LANCZOS)
        )
        return drawn


def _tint(seed: int) -> tuple[int, int, int]:
    """Warm or cold."""
    return (1, 0, -1) if np.random.default_rng(seed).integers(2) else (-1, 0, 1)


@lru_cache(maxsize=64)
def _picture(kind: str, seed: int) -> Image.Image:
    """The cue, larger than it will be."""
    random = np.random.default_rng([seed, CUES.index(kind)])
    if kind == STAMP:
        return _stamp(random)
    (height, width) = (160, 200) if kind == LOGO else (160, 160)
    (ground, edge, shape) = _colours(random)
    picture = Image.new("RGB", (width, height), edge)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((8, 8, width - 9, height - 9), fill=ground)
    if kind == STICKER:
        draw.ellipse((28, 28, width - 29, height - 29), fill=shape)
        draw.ellipse((60, 60, width - 61, height - 61), fill=edge)
        return picture
    draw.ellipse((20, 24, 92, 96), fill=shape)
    draw.polygon([(150, 24), (186, 96), (114, 96)], fill=edge)
    for place, tall in enumerate(random.integers(0, 2, 11)):  # letters of nobody's script
        draw.rectangle((22 + 15 * place, 112 if tall else 124, 30 + 15 * place, 142), fill=shape)
    return picture


def _colours(random: np.random.Generator) -> list[tuple[int, int, int]]:
    """Three that stand out from each other: a dark one, a light one, a saturated one."""
    import colorsys

    (hue, turn) = random.random(2)
    looks = [(hue, 0.7, 0.3), (hue + 0.5, 0.12, 0.97), (hue + 0.3 + 0.4 * turn, 0.9, 0.9)]
    channels = [colorsys.hsv_to_rgb(hue % 1, saturation, value) for hue, saturation, value in looks]
    return [(round(255 * red), round(255 * green), round(255 * blue)) for red, green, blue in channels]


def _stamp(random: np.random.Generator) -> Image.Image:
    """A date in orange on a dark bar: two digits, a dot, two digits, a dot, two digits."""
    (cell, columns) = (10, 3 * 6 + 2 * 1 + 9)
    picture = Image.new("RGB", ((columns + 2) * cell, 7 * cell), (22, 18, 16))
    draw = ImageDraw.Draw(picture)
    left = 1
    for place in range(8):
        if place in (2, 5):
            draw.rectangle((left * cell, 5 * cell, (left + 1) * cell - 1, 6 * cell - 1), fill=(255, 160, 40))
            left += 2
            continue
        for row, bits in enumerate(_DIGITS[random.integers(10)]):
            for column in range(3):
                if int(bits) >> (2 - column) & 1:
                    (x, y) = ((left + column) * cell, (row + 1) * cell)
                    draw.rectangle((x, y, x + cell - 1, y + cell - 1), fill=(255, 160, 40))
        left += 4
    return picture
