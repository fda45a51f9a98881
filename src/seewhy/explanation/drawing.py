"""An explanation as panels, and as a figure of them: the photo, then its maps."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seewhy.explanation.notes import LEAST, notes_by_map
from seewhy.explanation.record import ExplanationRecord
from seewhy.formatting import as_sentences, format_number, format_share
from seewhy.geometry import Array
from seewhy.head import SCORES
from seewhy.records import Photo
from seewhy.show import Bar, Panel, colour, frame, layout, overlay
from seewhy.show.figures import render, rows_of
from seewhy.show.overlay import seen_colours

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from PIL import Image

LONGEST = 1000  # a screen shows no more, and a page with ten photos stays small
SHORTEST = 400  # of the longer side: smaller photos are enlarged
BLOCKY = 64  # photos up to this size keep their square pixels when enlarged
NO_CLASS = "no class: what the layer reacts to"  # the title of a map that belongs to the photo
WEAK = 0.1  # of the strongest map: below it the opacity stays under 14 %, which is hard to see


def panels(
    explanation: ExplanationRecord,
    cmap: Any = None,
    alpha: float | None = None,
    shared: bool = True,
    upsample: str = "bicubic",
    notes: bool = True,
) -> list[Panel]:
    """The photo with the network's first choices and the crop framed, then one overlay per target.

    A method whose map belongs to the photo, not to a class (``explanation.by_class`` False), gets one overlay.

    cmap, alpha : see ``seewhy.show.overlay``.
    shared : one colour scale for all targets, so that weak evidence looks weak; False gives each map its own.
    upsample : "bicubic", or "nearest" to see the cells of the method's own grid.
    notes : False leaves the notes out of the captions, for screens that list them elsewhere.
    """
    photo = _for_display(explanation.photo)
    count = len(explanation.maps) if explanation.by_class else 1
    on_photo = list(replace(explanation, photo=photo).on_photo(upsample)[:count])  # K of (H, W)
    maps = [drawable(values, explanation.units) for values in on_photo]
    signed = explanation.signed
    ranges = colour.limits(maps, signed=signed, shared=shared, spikes=shows_pixels(explanation))
    full = colour.limits(maps, signed=signed, shared=shared)
    colours = seen_colours(cmap, alpha, signed)
    bars = [
        Bar(colours, low, high, explanation.units, signed, open=high < most)
        for (low, high), (_, most) in zip(ranges, full, strict=True)
    ]
    if shared:
        bars = bars[:1] * len(bars)  # one object: who draws them can see that one bar serves all

    first = "; ".join(str(prediction) for prediction in explanation.predictions[:3]) or explanation.photo.name
    (own, general) = notes_by_map(explanation) if notes else ([[]] * count, [])
    general = ["The network saw what is framed."] * photo.geometry.cropped + general
    drawn = [Panel(first, frame(photo.original, photo.geometry), as_sentences(general))]
    weak = _weakness(maps) if shared else [[]] * count
    empty = [_emptiness(values, drawn_values) for values, drawn_values in zip(on_photo, maps, strict=True)]
    for target, values, bar, notes_of_map, weakness, emptiness in zip(
        explanation.targets, maps, bars, own, weak, empty, strict=False
    ):
        pixels = overlay(photo.original, values, cmap, alpha, (bar.low, bar.high), signed)
        captions = []
        if explanation.by_class and target.rank not in (None, 1):
            captions.append(f"The network's choice number {target.rank}.")
        captions += (notes_of_map or emptiness) + weakness + ["Not complete."] * explanation.partial
        drawn.append(Panel(str(target) if explanation.by_class else NO_CLASS, pixels, as_sentences(captions), bar))
    return drawn


def figure(explanation: ExplanationRecord, ax: Axes | None = None, **style: Any) -> Figure:
    """The photo with the network's first choices, and one overlay per target, with a colour bar in raw numbers.

    ax : draw the first target's overlay, with its colour bar, into these axes instead; returns the figure they are in.
    style : cmap, alpha, shared, upsample; see :func:`panels`.

    A footer names the model, the method, the layer with its grid, and the preprocessing. Nothing is opened on a screen.
    """
    drawn = panels(explanation, **style)
    if ax is None:
        return layout.compose(rows_of(drawn), footer=provenance(explanation))
    return layout.compose_into(ax, drawn[1])


def image(explanation: ExplanationRecord, **style: Any) -> Image.Image:
    """The figure as a PIL image. style : cmap, alpha, shared, upsample; see :func:`panels`."""
    return render(figure(explanation, **style))


def provenance(explanation: ExplanationRecord) -> str:
    """Model, method, layer with its grid (rows × columns), and preprocessing in one line."""
    (rows, columns) = explanation.maps.shape[-2:]
    layer = f"{explanation.layer} {rows}×{columns}" if explanation.layer else f"{rows}×{columns}"
    parts = (explanation.model, explanation.method, layer, explanation.photo.preprocessing)
    return "  ·  ".join(part for part in parts if part)


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


def _weakness(maps: list[Array]) -> list[list[str]]:
    """For each map a sentence where it can hardly be seen beside the strongest one on a common scale; else none."""
    tops = [float(np.nanmax(np.abs(values), initial=0.0)) for values in maps]
    strongest = max(tops)
    return [
        [f"Hardly visible on the common scale: {format_share(top / strongest)} of the strongest map."]
        if 0 < top < WEAK * strongest
        else []
        for top in tops
    ]


def shows_pixels(explanation: ExplanationRecord) -> bool:
    """True for maps of single pixels, as gradients are, where a few values tower above all others."""
    (grid, input) = (explanation.maps.shape[-2:], explanation.photo.geometry.input)
    return bool(2 * grid[0] >= input[0] and 2 * grid[1] >= input[1])


def drawable(values: Array, units: str) -> Array:
    """The map as it is drawn: zero where a map in units of a score stays below ``LEAST`` everywhere."""
    if units not in SCORES.values() or np.nanmax(np.abs(values), initial=0.0) >= LEAST:
        return values
    return np.where(np.isfinite(values), 0.0, values)


def _emptiness(values: Array, drawn: Array) -> list[str]:
    """A sentence about a map that points nowhere, or nothing. drawn : as it is drawn."""
    if not colour.is_flat(drawn):
        return []
    finite = values[np.isfinite(values)]
    if not finite.size:
        return ["No map: it holds no finite number."]
    if not finite.any():
        return ["Empty map: zero everywhere."]
    if not colour.is_flat(values):
        return ["Flat map: below a millionth everywhere, so it points nowhere."]
    return [f"Flat map: {format_number(float(finite.mean()))} everywhere, so it points nowhere."]
