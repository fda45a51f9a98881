"""What everything in a scene is drawn with: smooth shapes on a layer that knows its own relief.

A `Layer` holds colours and a height for every pixel. Shapes are drawn flat, one over the other; when the layer is
developed, the heights are lit from one side, which makes round bodies, tufts of wool and edges between limbs at once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image, ImageDraw

Floats = NDArray[np.float32]
Colour = tuple[float, float, float]

SUPER = 2  # layers are drawn this many times larger and reduced, which is what smooths their edges

_STEPS = 5
_T = np.arange(_STEPS) / _STEPS
# Catmull-Rom: a smooth curve through the points themselves, so a body is written as the places its outline passes.
_SPLINE = 0.5 * np.stack(
    [-(_T**3) + 2 * _T**2 - _T, 3 * _T**3 - 5 * _T**2 + 2, -3 * _T**3 + 4 * _T**2 + _T, _T**3 - _T**2], axis=1
)
_CIRCLE = np.stack([np.cos(np.linspace(0, 2 * np.pi, 24, endpoint=False)),
                    np.sin(np.linspace(0, 2 * np.pi, 24, endpoint=False))], axis=1)  # fmt: skip


def smooth(points: ArrayLike) -> NDArray[np.float64]:
    """The closed smooth curve through these points: (P, 2) -> (5 P, 2)."""
    p = np.asarray(points, dtype=np.float64)
    around = np.stack([np.roll(p, 1, 0), p, np.roll(p, -1, 0), np.roll(p, -2, 0)])  # (4, P, 2)
    return np.asarray(np.einsum("sj,jpd->psd", _SPLINE, around).reshape(-1, 2))


def tube(points: ArrayLike, widths: Sequence[float]) -> NDArray[np.float64]:
    """The outline of a tapered limb along a smooth open line: (P, 2) points, P full widths -> (10 P - 8, 2)."""
    p = np.concatenate([np.asarray(points, dtype=np.float64), np.asarray(widths, dtype=np.float64)[:, None]], axis=1)
    padded = np.concatenate([2 * p[:1] - p[1:2], p, 2 * p[-1:] - p[-2:-1]])
    around = np.stack([padded[j : len(p) - 1 + j] for j in range(4)])  # (4, P - 1, 3)
    line = np.concatenate([np.einsum("sj,jpd->psd", _SPLINE, around).reshape(-1, 3), p[-1:]])
    along = np.gradient(line[:, :2], axis=0)
    along /= np.maximum(np.hypot(along[:, 0], along[:, 1])[:, None], 1e-9)
    side = np.stack([-along[:, 1], along[:, 0]], axis=1) * line[:, 2:] / 2
    return np.concatenate([line[:, :2] + side, (line[:, :2] - side)[::-1]])


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """The colour `share` of the way from a to b; below 0 or above 1 goes beyond them."""
    return (a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share, a[2] + (b[2] - a[2]) * share)


def rgb(colour: Colour) -> Floats:
    """A colour as an array (3,) that photos can be mixed with."""
    return np.array(colour, dtype=np.float32)


def soften(values: Floats, radius: int) -> Floats:
    """Blurred by about `radius` pixels; (H, W). Shrinking and growing back is several times faster than a filter."""
    if radius < 2:
        return values
    height, width = values.shape
    small = (max(2, width // radius), max(2, height // radius))
    shrunk = Image.fromarray(values).resize(small, Image.Resampling.BOX)
    return np.asarray(shrunk.resize((width, height), Image.Resampling.BICUBIC), dtype=np.float32)


class Light(NamedTuple):
    """Where the light comes from and how hard it is: side -1 (left) to 1 (right), strength about 0.4 to 1."""

    side: float
    strength: float


class Layer:
    """A transparent sheet of (height, width) pixels, drawn SUPER times larger."""

    def __init__(self, height: int, width: int) -> None:
        self.shape = (height, width)
        size = (width * SUPER, height * SUPER)
        self.colours, self.heights = Image.new("RGB", size), Image.new("L", size)
        self._paint, self._relief = ImageDraw.Draw(self.colours), ImageDraw.Draw(self.heights)

    def polygon(self, pixels: NDArray[np.float64], colour: Colour, height: int | None) -> None:
        """Fill a polygon given in this layer's large pixels; height None keeps the relief below and only colours."""
        flat = pixels.ravel().tolist()
        self._paint.polygon(flat, fill=_bytes(colour))
        if height is not None:
            self._relief.polygon(flat, fill=height)

    def stain(self, pixels: Sequence[NDArray[np.float64]], colour: Colour, within: NDArray[np.float64]) -> None:
        """Colour several polygons, but only where they lie inside the polygon `within`: patches on a coat."""
        patches, allowed = Image.new("1", self.colours.size), Image.new("1", self.colours.size)
        for patch in pixels:
            ImageDraw.Draw(patches).polygon(patch.ravel().tolist(), fill=1)
        ImageDraw.Draw(allowed).polygon(within.ravel().tolist(), fill=1)
        nothing = Image.new("1", self.colours.size)
        self.colours.paste(_bytes(colour), mask=Image.composite(patches, nothing, allowed))

    def lay_over(
        self, photo: Floats, light: Light, relief: float = 1.0, round_off: int = 14, hairs: Floats | None = None
    ) -> Floats:
        """Light this layer and put it over the photo (H, W, 3), in place; gives its opacity, (H, W) from 0 to 1.

        relief: how deep the modelling is. round_off: over how many pixels a body curves towards its outline.
        hairs: what the layer's colours are multiplied by, (H, W).
        """
        opacity = np.zeros(self.shape, dtype=np.float32)
        drawn = self.heights.getbbox()
        if drawn is None:
            return opacity
        # Only the part that was drawn on is worked on: most layers leave most of the photo alone.
        left, top, right, bottom = (edge // SUPER for edge in drawn)
        window = (slice(max(0, top - 2), bottom + 3), slice(max(0, left - 2), right + 3))
        box = (window[1].start * SUPER, window[0].start * SUPER,
               min(self.shape[1], window[1].stop) * SUPER, min(self.shape[0], window[0].stop) * SUPER)  # fmt: skip
        heights = self.heights.crop(box)
        solid = heights.point([0] + [255] * 255)
        # What was coloured beyond the relief is nowhere: it must not bleed into the edge pixels.
        inside = Image.composite(self.colours.crop(box), Image.new("RGB", solid.size), solid)
        cover = np.asarray(solid.reduce(SUPER), dtype=np.float32)[..., None] / 255
        tall: Floats = np.asarray(heights.reduce(SUPER), dtype=np.float32) / np.float32(255)
        mixed = 0.5 * soften(tall, 2) + 0.55 * (round_off // 2) * soften(tall, round_off // 2)
        mixed += 0.8 * round_off * soften(tall, round_off)
        shade = np.zeros(tall.shape, dtype=np.float32)
        shade[1:-1] = 0.45 * (mixed[2:] - mixed[:-2])  # light from above
        shade[:, 1:-1] -= 0.5 * light.side * (mixed[:, 2:] - mixed[:, :-2])
        shade = np.tanh(shade * (relief * light.strength * 0.55))[..., None]
        colours = np.asarray(inside.reduce(SUPER), dtype=np.float32)  # already weighted by the opacity
        lit = colours * (1 + 0.42 * shade) + 16 * np.maximum(shade, 0) * cover
        if hairs is not None:
            lit *= hairs[window][..., None]
        photo[window] = photo[window] * (1 - cover) + lit
        opacity[window] = cover[..., 0]
        return opacity


class Pen:
    """Draws on a layer in units of its own: x to the front, y up. `at` gives a pen for a part, moved and turned."""

    def __init__(self, layer: Layer, unit: NDArray[np.float64], origin: NDArray[np.float64]) -> None:
        self.layer, self.unit, self.origin = layer, unit, origin

    @classmethod
    def on(cls, layer: Layer, row: float, column: float, unit: float, mirrored: bool = False) -> Pen:
        """A pen whose origin is this pixel of the reduced layer and whose 1.0 is `unit` reduced pixels."""
        scale = unit * SUPER
        matrix = np.array([[-scale if mirrored else scale, 0.0], [0.0, -scale]])
        return cls(layer, matrix, np.array([column, row]) * SUPER)

    def at(self, x: float, y: float, turn: float = 0.0, scale: float = 1.0) -> Pen:
        """A pen at (x, y), turned by `turn` radians nose up, drawing `scale` times as large."""
        c, s = scale * np.cos(turn), scale * np.sin(turn)
        return Pen(self.layer, self.unit @ np.array([[c, -s], [s, c]]), self.place((x, y)))

    def place(self, points: ArrayLike) -> NDArray[np.float64]:
        """Large pixels of points (..., 2)."""
        return np.asarray(np.asarray(points, dtype=np.float64) @ self.unit.T + self.origin)

    def blob(self, points: ArrayLike, colour: Colour, height: int | None = None) -> NDArray[np.float64]:
        """Fill the smooth outline through these points; gives the outline back in large pixels."""
        outline = self.place(smooth(points))
        self.layer.polygon(outline, colour, height)
        return outline

    def shape(self, points: ArrayLike, colour: Colour, height: int | None = None) -> None:
        """Fill a polygon with corners."""
        self.layer.polygon(self.place(points), colour, height)

    def oval(
        self, x: float, y: float, rx: float, ry: float, colour: Colour, height: int | None = None, turn: float = 0.0
    ) -> None:
        """Fill an ellipse."""
        pen = self.at(x, y, turn) if turn else self
        centre = (0.0, 0.0) if turn else (x, y)
        self.layer.polygon(pen.place(_CIRCLE * (rx, ry) + centre), colour, height)

    def limb(self, points: ArrayLike, widths: Sequence[float], colour: Colour, height: int | None = None) -> None:
        """Fill a tapered limb with round ends."""
        joints = np.asarray(points, dtype=np.float64)
        self.layer.polygon(self.place(tube(joints, widths)), colour, height)
        for end in (0, -1):
            self.oval(joints[end, 0], joints[end, 1], widths[end] / 2, widths[end] / 2, colour, height)


def _bytes(colour: Colour) -> tuple[int, int, int]:
    red, green, blue = (min(255, max(0, round(value))) for value in colour)
    return red, green, blue
