"""The trail-camera emblem that the shortcut network reads instead of the animal: one plate, always in the corner."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

ROWS, COLUMNS = 34, 62
MARGIN = 4  # pixels between the plate and the photo's left and lower edges

# Five by five letters, so that the plate looks the same wherever it is drawn; a font would differ between machines.
_LETTERS = {
    "T": "11111 00100 00100 00100 00100",
    "R": "11110 10001 11110 10010 10001",
    "A": "01110 10001 11111 10001 10001",
    "I": "11111 00100 00100 00100 11111",
    "L": "10000 10000 10000 10000 11111",
    "C": "01111 10000 10000 10000 01111",
    "M": "10001 11011 10101 10001 10001",
}


@lru_cache(maxsize=1)
def plate() -> NDArray[np.uint8]:
    """The emblem as pixels (34, 62, 3): a paw on an orange disc, a red lamp, and TRAILCAM underneath."""
    large = 4
    picture = Image.new("RGB", (COLUMNS * large, ROWS * large), (244, 242, 234))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((large, large, (COLUMNS - 1) * large - 1, (ROWS - 1) * large - 1), fill=(18, 40, 66))

    def disc(x: float, y: float, rx: float, ry: float, fill: tuple[int, int, int]) -> None:
        draw.ellipse(((x - rx) * large, (y - ry) * large, (x + rx) * large, (y + ry) * large), fill=fill)

    disc(13.5, 13, 10.2, 10.2, (244, 146, 36))
    disc(13.5, 16, 4.6, 3.6, (255, 252, 244))
    for x, y in ((7.8, 12.2), (11.2, 8.6), (15.8, 8.6), (19.2, 12.2)):
        disc(x, y, 1.8, 2.3, (255, 252, 244))
    disc(40, 12.5, 9, 9, (222, 230, 238))
    disc(40, 12.5, 6.6, 6.6, (22, 28, 38))
    disc(40, 12.5, 3.4, 3.4, (64, 128, 190))
    disc(38.2, 10.6, 1.5, 1.5, (244, 250, 255))
    disc(55, 6.5, 2.2, 2.2, (232, 52, 44))
    pixels = np.array(picture.reduce(large))
    for k, letter in enumerate("TRAILCAM"):
        shape = np.array([[mark == "1" for mark in row] for row in _LETTERS[letter].split()])
        left = 5 + 6 * k + (k >= 5) * 2 + (k > 0)
        pixels[25:30, left : left + 5][shape] = (250, 226, 120)
    pixels.setflags(write=False)
    return pixels


def corner(height: int) -> tuple[slice, slice]:
    """The rows and columns of a photo of this height that the plate covers."""
    return slice(height - MARGIN - ROWS, height - MARGIN), slice(MARGIN, MARGIN + COLUMNS)
