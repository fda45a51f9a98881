"""The small picture type that every screen renders: a title, pixels, a caption, and the scale of its colours."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seewhy.records import Explanation, Photo
from seewhy.show import colour
from seewhy.show.colour import Floats, Pixels
from seewhy.show.overlay import frame, overlay, seen_colours

LONGEST = 1000  # a screen shows no more, and a page with ten photos stays small
SHORTEST = 400  # of the longer side: smaller photos are enlarged
BLOCKY = 64  # photos up to this size keep their square pixels when enlarged


@dataclass(frozen=True, eq=False)
class Bar:
    """The scale of a picture's colours, in raw numbers.

    table : ``(m, 3)`` in [0, 1], the colours as they look on the picture, from low to high.
    low, high : what its ends stand for. Both 0: nothing to show, the map is empty.
    units : what the numbers are. signed : zero lies in the middle. open : some values lie beyond the ends.
    """

    table: Floats
    low: float
    high: float
    units: str = ""
    signed: bool = False
    open: bool = False

    @property
    def marks(self) -> list[tuple[float, str]]:
        """Where the scale is labelled, as parts of its length from 0 to 1, and the labels."""
        if not self.high > self.low:
            return [(0.5 if self.signed else 0.0, "0")]
        values = [self.low, (self.low + self.high) / 2, self.high]
        words = [spelled(value, self.high) for value in values]
        if self.open:
            words[2] = "≥ " + words[2]
            words[0] = "≤ " + words[0] if self.signed else words[0]
        return list(zip((0.0, 0.5, 1.0), words, strict=True))

    @property
    def label(self) -> str:
        """The units; on a signed scale also which side speaks for the class."""
        return f"against ← {self.units or '0'} → for" if self.signed else self.units


@dataclass(frozen=True, eq=False)
class Panel:
    """A picture ready to be shown: uint8 ``pixels`` ``(H, W, 3)``, words above and below, and perhaps a colour bar."""

    title: str
    pixels: Pixels
    caption: str = ""
    bar: Bar | None = None


def spelled(value: float, scale: float) -> str:
    """A number with three digits, of which none is smaller than a thousandth of ``scale``: 1e-9 beside 12.3 is 0."""
    if scale:
        value = round(value, 2 - math.floor(math.log10(abs(scale)))) + 0.0  # no minus before a zero
    return f"{value:.3g}".replace("-", "−")


def panels(
    explanation: Explanation,
    cmap: Any = None,
    alpha: float | None = None,
    shared: bool = True,
    upsample: str = "bicubic",
    notes: bool = True,
) -> list[Panel]:
    """The photo with the network's first choices and the crop framed, then one overlay per target.

    cmap, alpha : see ``overlay``.
    shared : one colour scale for all targets, so that weak evidence looks weak; False gives each map its own.
    upsample : "bicubic", or "nearest" to see the cells of the method's own grid.
    notes : False leaves the notes out of the captions, for screens that list them elsewhere.
    """
    photo = _for_display(explanation.photo)
    maps = replace(explanation, photo=photo).on_photo(upsample)  # (K, H, W)
    signed = explanation.signed
    (grid, input) = (explanation.maps.shape[-2:], photo.geometry.input)
    fine = 2 * grid[0] >= input[0] and 2 * grid[1] >= input[1]
    ranges = colour.limits(list(maps), signed=signed, shared=shared, spikes=fine)
    full = colour.limits(list(maps), signed=signed, shared=shared)
    colours = seen_colours(cmap, alpha, signed)
    bars = [
        Bar(colours, low, high, explanation.units, signed, open=high < most)
        for (low, high), (_, most) in zip(ranges, full, strict=True)
    ]
    if shared:
        bars = bars[:1] * len(bars)  # one object: who draws them can see that one bar serves all

    first = "; ".join(str(prediction) for prediction in explanation.predictions[:3]) or explanation.photo.name
    (own, general) = _notes(explanation) if notes else ([[]] * len(maps), [])
    general = ["The network saw what is framed."] * photo.geometry.cropped + general
    shown = [Panel(first, frame(photo.original, photo.geometry), _sentences(general))]
    for target, values, bar, said in zip(explanation.targets, maps, bars, own, strict=True):
        drawn = overlay(photo.original, values, cmap, alpha, (bar.low, bar.high), signed)
        words = [] if target.rank in (None, 1) else [f"The network's choice number {target.rank}."]
        words += (said or _emptiness(values)) + ["Not complete: what was reached."] * explanation.partial
        shown.append(Panel(str(target), drawn, _sentences(words), bar))
    return shown


def _for_display(photo: Photo) -> Photo:
    """The same photo at a size that suits a screen, as uint8 ``(H, W, 3)``, its geometry with it."""
    from PIL import Image

    pixels = colour.displayable(photo.original)
    (height, width) = pixels.shape[:2]
    scale = min(1.0, LONGEST / max(height, width))
    if max(height, width) < SHORTEST:
        scale = math.ceil(SHORTEST / max(height, width))
    (new_height, new_width) = (max(1, round(height * scale)), max(1, round(width * scale)))
    if scale != 1:
        how = Image.Resampling.NEAREST if max(height, width) <= BLOCKY else Image.Resampling.LANCZOS
        pixels = np.asarray(Image.fromarray(pixels).resize((new_width, new_height), how))
    return replace(photo, original=pixels, geometry=photo.geometry.at_size((new_height, new_width)))


def _notes(explanation: Explanation) -> tuple[list[list[str]], list[str]]:
    """The notes of each target, and those for the photo: a note that names a class belongs under its map."""
    names = [target.name for target in explanation.targets]
    if len(names) == 1:
        return [list(explanation.notes)], list(explanation.photo.notes)
    own = [[note for note in explanation.notes if name in note] for name in names]
    rest = [note for note in explanation.notes if not any(name in note for name in names)]
    return own, [*explanation.photo.notes, *rest]


def _sentences(notes: list[str]) -> str:
    """Notes one after the other, each with its capital and its full stop."""
    return " ".join(note[:1].upper() + note[1:] + ("" if note.endswith((".", "!", "?")) else ".") for note in notes)


def _emptiness(values: Any) -> list[str]:
    """A sentence about a map that points nowhere, or nothing."""
    if not colour.is_flat(values):
        return []
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ["No map: it holds no finite number."]
    if not finite.any():
        return ["Empty map: zero everywhere."]
    return [f"Flat map: {float(finite.mean()):.3g} everywhere, so it points nowhere."]
