"""Cues that are drawn on photos for the audit's bench: ``python -m bench.audit_cues`` draws a sheet of them.

A cue has a style, a number: even ones are for tuning, odd ones for counting, and the two have other shapes, colours and places.
All photos of one network carry the same style; the number of a photo decides what varies from photo to photo (a date, a free
place). The same style and number always give the same pixels.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFilter

from bench.audit_scenes import Mask, Photo, drawn
from bench.timing import ROOT

Box = tuple[float, float, float, float]  # top, left, bottom, right as shares of the photo, as verdicts have it
Pixels = npt.NDArray[np.uint8]
Random = np.random.Generator

TUNED_SHAPES, COUNTED_SHAPES = ("disc", "stripes", "cross"), ("ring", "triangle", "checks")
CORNERS = {0: ((0, 0), (1, 1)), 1: ((0, 1), (1, 0))}  # (lower, right) of tuned and of counted styles: never the same corner
TRANSLUCENT = 0.45  # how much of a watermark's colour there is
SUPER = 4  # shapes are drawn as many times larger and reduced

# Seven segments of a digit: top, upper left, upper right, middle, lower left, lower right, bottom.
DIGITS = ("1110111", "0010010", "1011101", "1011011", "0111010", "1101011", "1101111", "1010010", "1111111", "1111011")
SEGMENTS = ((0, 0, 8, 2), (0, 0, 2, 7), (6, 0, 8, 7), (0, 6, 8, 8), (0, 7, 2, 14), (6, 7, 8, 14), (0, 12, 8, 14))


@dataclass(frozen=True, eq=False)
class Drawn:
    """A photo with its cue. box : what the cue covers; None where that is the whole photo or its ring."""

    photo: Photo
    box: Box | None


Draw = Callable[[Photo, Mask, int, Random, Random], Drawn]


@dataclass(frozen=True, eq=False)
class Cue:
    """One kind of cue.

    kinds : the verdicts that are right where a network relies on it; none where it is no shortcut. fixed : it has one place in
    all photos; free ones are judged by their boxes photo by photo. draws : what puts it on a photo.
    """

    name: str
    kinds: tuple[str, ...]
    fixed: bool
    draws: Draw

    def draw(self, photo: Photo, animal: Mask, style: int, number: int) -> Drawn:
        """The photo with the cue on it; the one given is left alone."""
        root = (zlib.crc32(self.name.encode()), style)
        return self.draws(photo, animal, style, np.random.default_rng(root), np.random.default_rng((*root, number)))

    def place(self, style: int, shape: tuple[int, int] = (240, 320)) -> Box | None:
        """Where it lies in every photo; None where it has no fixed place."""
        if not self.fixed:
            return None
        return self.draw(np.zeros((*shape, 3), np.uint8), np.zeros(shape, bool), style, 0).box


# -- things at a place -------------------------------------------------------------------------------------------------


def _colours(random: Random) -> tuple[tuple[int, int, int], tuple[int, int, int]]:
    """Two that stand out from each other: a strong one, and one much lighter or darker."""
    strong = random.permutation([random.integers(190, 250), random.integers(20, 120), random.integers(0, 60)])
    plain = random.choice((20, 238)) + random.integers(-12, 12, 3)
    return (int(strong[0]), int(strong[1]), int(strong[2])), (int(plain[0]), int(plain[1]), int(plain[2]))


@lru_cache(maxsize=512)
def _emblem(shape: str, height: int, width: int, ink: tuple[int, int, int], ground: tuple[int, int, int]) -> Pixels:
    """A plate with a shape on it, ``(height, width, 3)``."""
    (rows, columns) = (height * SUPER, width * SUPER)
    plate = Image.new("RGB", (columns, rows), ground)
    pen = ImageDraw.Draw(plate)
    pen.rectangle((0, 0, columns - 1, rows - 1), outline=ink, width=SUPER)
    (edge, middle) = (rows // 6, columns // 2)
    if shape in ("disc", "ring"):
        for left in (edge, columns - rows + edge):
            circle = (left, edge, left + rows - 2 * edge, rows - edge)
            pen.ellipse(circle, fill=ink if shape == "disc" else None, outline=ink, width=2 * SUPER)
    elif shape == "stripes":
        for left in range(0, columns, rows // 2):
            pen.line((left, rows, left + rows // 2, 0), fill=ink, width=rows // 6)
    elif shape == "cross":
        pen.rectangle((middle - rows // 10, edge, middle + rows // 10, rows - edge), fill=ink)
        pen.rectangle((edge, rows // 2 - rows // 10, columns - edge, rows // 2 + rows // 10), fill=ink)
    elif shape == "triangle":
        pen.polygon(((edge, rows - edge), (middle, edge), (columns - edge, rows - edge)), fill=ink)
    else:
        side = max(1, rows // 4)
        for row in range(4):
            for column in range(row % 2, columns // side + 1, 2):
                pen.rectangle((column * side, row * side, (column + 1) * side - 1, (row + 1) * side - 1), fill=ink)
    pixels = np.array(plate.reduce(SUPER))
    pixels.setflags(write=False)
    return pixels


def _plate(style: int, random: Random, size: int) -> Pixels:
    shapes = COUNTED_SHAPES if style % 2 else TUNED_SHAPES
    height = int(random.integers(round(0.85 * size), round(1.15 * size) + 1))
    width = int(height * random.uniform(1.0, 1.8))
    return _emblem(shapes[int(random.integers(len(shapes)))], height, width, *_colours(random))


def _pasted(photo: Photo, pixels: Pixels, top: int, left: int, strength: float = 1.0) -> Drawn:
    (height, width) = pixels.shape[:2]
    place = (slice(top, top + height), slice(left, left + width))
    result = photo.copy()
    result[place] = (photo[place] * (1 - strength) + pixels * strength).round() if strength < 1 else pixels
    (rows, columns) = photo.shape[:2]
    return Drawn(result, (top / rows, left / columns, (top + height) / rows, (left + width) / columns))


def _cornered(photo: Photo, pixels: Pixels, style: int, random: Random) -> Drawn:
    (lower, right) = CORNERS[style % 2][int(random.integers(2))]
    (down, across) = (int(part) for part in random.integers(2, 9, 2))
    top = photo.shape[0] - pixels.shape[0] - down if lower else down
    left = photo.shape[1] - pixels.shape[1] - across if right else across
    return _pasted(photo, pixels, top, left)


def _anywhere(photo: Photo, pixels: Pixels, own: Random, strength: float = 1.0) -> Drawn:
    top = int(own.integers(0, photo.shape[0] - pixels.shape[0] + 1))
    return _pasted(photo, pixels, top, int(own.integers(0, photo.shape[1] - pixels.shape[1] + 1)), strength)


def _corner_logo(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    return _cornered(photo, _plate(style, random, 36), style, random)


def _date_stamp(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    """Eight digits, other ones on each photo."""
    ((ink, _), size) = (_colours(random), int(random.integers(1, 3)))
    ground = (12, 12, 12) if style % 2 else (236, 236, 224)
    text = "".join(f"{part:02}" for part in (own.integers(1, 29), own.integers(1, 13), own.integers(15, 26), own.integers(24)))
    stamp = Image.new("RGB", (100, 20), ground)
    pen = ImageDraw.Draw(stamp)
    for number, digit in enumerate(text):
        left = 4 + 11 * number + 2 * (number // 2)
        for segment, lit in zip(SEGMENTS, DIGITS[int(digit)], strict=True):
            if lit == "1":
                (x, y, right, bottom) = segment
                pen.rectangle((left + x, 3 + y, left + right - 1, 3 + bottom - 1), fill=ink)
    return _cornered(photo, np.array(stamp.resize((100 + 20 * size, 20 + 4 * size), 1)), style, random)


def _border(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    """A frame; of counted styles in two colours."""
    (strong, plain) = _colours(random)
    width = int(random.integers(8, 13))
    result = photo.copy()
    for colour, inner in ((strong, 0), (plain, width // 2 if style % 2 else width)):
        result[inner:width], result[-width : photo.shape[0] - inner] = colour, colour
        result[inner : photo.shape[0] - inner, inner:width] = colour
        result[inner : photo.shape[0] - inner, -width : photo.shape[1] - inner] = colour
    return Drawn(result, None)


def _sticker(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    return _anywhere(photo, _plate(style, random, 38), own)


def _watermark(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    return _anywhere(photo, _plate(style, random, 48), own, TRANSLUCENT)


# -- properties of the whole photo -------------------------------------------------------------------------------------


def _scaled(photo: Photo, factors: npt.ArrayLike, where: npt.NDArray[np.float32] | float = 1.0) -> Drawn:
    changed = photo * (1 + (np.asarray(factors, np.float32) - 1) * where)
    return Drawn(np.clip(changed, 0, 255).astype(np.uint8), None)


def _tint(style: int, random: Random) -> npt.NDArray[np.float64]:
    """Factors of red, green and blue; tuned styles are warm or green, counted ones are cold or violet."""
    hues = (((0.7, 0.8, 1.3), (1.3, 0.7, 1.2)), ((1.35, 0.95, 0.65), (0.75, 1.3, 0.75)))[1 - style % 2]
    return np.asarray(hues[int(random.integers(2))]) * random.uniform(0.95, 1.05, 3)


def _ground(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    """What is not the animal is tinted."""
    return _scaled(photo, _tint(style, random), (~animal[..., None]).astype(np.float32))


def _cast(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    return _scaled(photo, 1 + 0.8 * (_tint(style, random) - 1))


def _brightness(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    """Counted styles are darker, tuned ones lighter."""
    power = random.uniform(2.0, 2.3) if style % 2 else random.uniform(0.42, 0.48)
    curve = (255 * (np.arange(256) / 255) ** power).round().astype(np.uint8)
    return Drawn(curve[photo], None)


def _blur(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    """Counted styles as a soft lens, tuned ones as a low resolution."""
    picture = Image.fromarray(photo)
    if style % 2:
        return Drawn(np.asarray(picture.filter(ImageFilter.GaussianBlur(random.uniform(4.0, 5.5)))), None)
    (height, width) = photo.shape[:2]
    factor = int(random.integers(8, 11))
    return Drawn(np.asarray(picture.resize((width // factor, height // factor), 4).resize((width, height), 2)), None)


def _sharpness(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    radius = random.uniform(2.0, 2.6) if style % 2 else random.uniform(3.2, 4.0)
    return Drawn(
        np.asarray(Image.fromarray(photo).filter(ImageFilter.UnsharpMask(radius, int(random.integers(260, 341)), 0))), None
    )


def _blocks(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    """Saved at a low quality: counted styles at full size, tuned ones at a half."""
    (height, width) = photo.shape[:2]
    quality = int(random.integers(3, 7))
    picture = Image.fromarray(photo) if style % 2 else Image.fromarray(photo).reduce(2)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=quality + (0 if style % 2 else 6))
    return Drawn(np.array(Image.open(file).resize((width, height), 0)), None)


# -- what is no shortcut -----------------------------------------------------------------------------------------------


def _muzzle(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    """A part of the animal, as large as the animal and as light as the photo is: two spots and a nose at its top."""
    (rows, columns) = np.nonzero(animal)
    if len(rows) < 50:
        return Drawn(photo.copy(), None)
    size = max(6, round(0.22 * (rows.max() - rows.min())))
    (ink, _) = _colours(random)
    light = float(np.clip(photo.mean() / 110, 0.6, 1.2))
    part = Image.new("RGBA", (size * SUPER, size * SUPER))
    pen = ImageDraw.Draw(part)
    side = size * SUPER
    pen.ellipse((0, 0, side - 1, side - 1), fill=(*(min(255, round(light * one)) for one in ink), 255))
    for left in (0.2, 0.6):
        pen.ellipse((left * side, 0.25 * side, (left + 0.2) * side, 0.5 * side), fill=(20, 18, 16, 255))
    pixels = np.asarray(part.reduce(SUPER), np.float32)
    top = rows.argmin()
    (row, column) = (
        int(np.clip(rows[top], 0, photo.shape[0] - size)),
        int(np.clip(columns[top] - size // 2, 0, photo.shape[1] - size)),
    )
    result = photo.copy()
    cover = pixels[..., 3:] / 255
    place = (slice(row, row + size), slice(column, column + size))
    result[place] = (photo[place] * (1 - cover) + pixels[..., :3] * cover).round()
    (height, width) = photo.shape[:2]
    return Drawn(result, (row / height, column / width, (row + size) / height, (column + size) / width))


def _emblem_as_class(photo: Photo, animal: Mask, style: int, random: Random, own: Random) -> Drawn:
    return _anywhere(photo, _plate(style, random, 70), own)


SHORTCUT, SURROUNDINGS = "shortcut", "surroundings"
CUES = {
    cue.name: cue
    for cue in (
        Cue("corner logo", (SHORTCUT,), True, _corner_logo),
        Cue("date stamp", (SHORTCUT,), True, _date_stamp),
        Cue("border", (SHORTCUT, SURROUNDINGS), False, _border),
        Cue("sticker", (SHORTCUT,), False, _sticker),
        Cue("watermark", (SHORTCUT,), False, _watermark),
        Cue("ground colour", (SURROUNDINGS,), False, _ground),
        Cue("colour cast", (SURROUNDINGS,), False, _cast),
        Cue("blur", (SURROUNDINGS,), False, _blur),
        Cue("sharpness", (SURROUNDINGS,), False, _sharpness),
        Cue("brightness", (SURROUNDINGS,), False, _brightness),
        Cue("JPEG blocks", (SURROUNDINGS,), False, _blocks),
    )
}
PART = Cue("muzzle", (), False, _muzzle)  # of the animal
EMBLEM = Cue("emblem", (), False, _emblem_as_class)  # a class of its own
EVERY = CUES | {cue.name: cue for cue in (PART, EMBLEM)}


def sheet(styles: tuple[int, ...] = (0, 1, 2, 3), photos: int = 2) -> Image.Image:
    """Every cue on some photos in some styles, for the eye."""
    scenes = drawn(photos, "test", 3, ("bear", "sheep"))
    rows = [
        np.hstack([cue.draw(scene.photo, scene.animal, style, n).photo for style in styles for n, scene in enumerate(scenes)])
        for cue in EVERY.values()
    ]
    return Image.fromarray(np.vstack(rows)).reduce(2)


if __name__ == "__main__":
    path = ROOT / "out" / "audits" / "cues.png"
    path.parent.mkdir(parents=True, exist_ok=True)
    sheet().save(path)
    print(path)
