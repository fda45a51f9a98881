"""An explanation as panels, and as a figure of them: the photo, then its maps."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from seewhy.explanation.notes import LEAST, notes_by_map
from seewhy.explanation.record import ExplanationRecord
from seewhy.explanation.slices import slice_of_photo, slices_of_map
from seewhy.formatting import as_sentences, format_number, format_share, format_sides
from seewhy.geometry import Array, map_on_photo
from seewhy.head import SCORES
from seewhy.records import Photo, Target
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
    """The photo with the network's first choices and the crop framed, then one overlay per target. Of a volume, for each target:
    its strongest slice as it is, then overlays of slices along the depth, with one scale.

    A method whose map belongs to the photo, not to a class (``explanation.by_class`` False), gets one overlay.

    cmap, alpha : see ``seewhy.show.overlay``.
    shared : one colour scale for all targets, so that weak evidence looks weak; False gives each map its own.
    upsample : "bicubic", or "nearest" to see the cells of the method's own grid.
    notes : False leaves the notes out of the captions, for screens that list them elsewhere.
    """
    if explanation.photo.depth is not None:
        return [panel for block in _blocks(explanation, cmap, alpha, shared, upsample, notes) for panel in block.panels]
    photo = _for_display(explanation.photo)
    count = len(explanation.maps) if explanation.by_class else 1
    on_photo = list(replace(explanation, photo=photo).on_photo(upsample)[:count])  # K of (H, W)
    no_evidence = explanation.details.get(
        "no_evidence", [False] * count
    )  # by the check by hiding: colours would point at nothing
    on_photo = [np.zeros_like(values) if none else values for values, none in zip(on_photo, no_evidence, strict=False)]
    maps = [drawable(values, explanation.units) for values in on_photo]
    signed = explanation.signed
    bars = _bars(explanation, maps, cmap, alpha, shared)

    first = _first_choices(explanation)
    (own, general) = notes_by_map(explanation) if notes else ([[]] * count, [])
    general = ["The network saw what is framed."] * photo.geometry.cropped + general
    drawn = [Panel(first, frame(photo.original, photo.geometry), as_sentences(general))]
    weak = _weakness(maps) if shared else [[]] * count
    empty = [_emptiness(values, drawn_values) for values, drawn_values in zip(on_photo, maps, strict=True)]
    for target, values, bar, notes_of_map, weakness, emptiness in zip(
        explanation.targets, maps, bars, own, weak, empty, strict=False
    ):
        pixels = overlay(photo.original, values, cmap, alpha, (bar.low, bar.high), signed)
        captions = _rank(explanation, target) + (notes_of_map or emptiness) + weakness
        captions += ["Not complete."] * explanation.partial
        drawn.append(Panel(str(target) if explanation.by_class else NO_CLASS, pixels, as_sentences(captions), bar))
    return drawn


@dataclass(frozen=True)
class _Block:
    """What is drawn of one target's map of a volume. strongest : the slice with the largest value, its colour bar with it."""

    panels: list[Panel]
    strongest: Panel


def _blocks(
    explanation: ExplanationRecord,
    cmap: Any = None,
    alpha: float | None = None,
    shared: bool = True,
    upsample: str = "bicubic",
    notes: bool = True,
) -> list[_Block]:
    """The panels of a volume, target by target; see :func:`panels`."""
    count = len(explanation.maps) if explanation.by_class else 1
    chosen = [slices_of_map(explanation, number, upsample) for number in range(count)]
    photos = [[_for_display(slice_of_photo(explanation.photo, n)) for n in slices.numbers] for slices in chosen]
    on_photo = [
        np.stack([map_on_photo(m, p.geometry, upsample, slices.sample_grid) for m, p in zip(slices.maps, row, strict=True)])
        for slices, row in zip(chosen, photos, strict=True)
    ]  # of each target (n, H, W)
    maps = [drawable(values, explanation.units) for values in on_photo]
    bars = _bars(explanation, maps, cmap, alpha, shared)
    (own, general) = notes_by_map(explanation) if notes else ([[]] * count, [])
    weak = _weakness(maps) if shared else [[]] * count
    blocks = []
    for k, (slices, row, values, bar) in enumerate(zip(chosen, photos, maps, bars, strict=True)):
        target = explanation.targets[k]
        titles = [f"slice {n + 1} of {explanation.photo.depth}" for n in slices.numbers]
        first = [_first_choices(explanation)] * (k == 0)
        plain = "\n".join([*first, f"{titles[slices.strongest]}, without map"])
        captions = _rank(explanation, target) + (own[k] or _emptiness(on_photo[k], values)) + weak[k]
        texts = ["", *[""] * len(titles)]
        texts[0] = as_sentences(general if k == 0 else [])
        texts[1] = as_sentences(captions + ["Not complete."] * explanation.partial)
        if not colour.is_flat(values):
            titles[slices.strongest] += ", strongest"
        titles[0] = f"{target if explanation.by_class else NO_CLASS}\n{titles[0]}"
        # As one tall picture: a slice that is the same everywhere is not empty where others are weaker.
        tall = overlay(
            np.concatenate([p.original for p in row]), np.concatenate(values), cmap, alpha, (bar.low, bar.high), bar.signed
        )
        pictures = [row[slices.strongest].original, *np.split(tall, len(row))]
        drawn = [Panel(*parts) for parts in zip([plain, *titles], pictures, texts, strict=True)]
        end = max(1, len(rows_of(drawn)[0]) - 1)  # of the first row, where nothing stands beside the bar
        drawn[end] = replace(drawn[end], bar=bar)
        blocks.append(_Block(drawn, replace(drawn[1 + slices.strongest], bar=bar)))
    return blocks


def _bars(explanation: ExplanationRecord, maps: list[Array], cmap: Any, alpha: float | None, shared: bool) -> list[Bar]:
    """The scale of each map's colours."""
    signed = explanation.signed
    ranges = colour.limits(maps, signed=signed, shared=shared, spikes=shows_pixels(explanation))
    full = colour.limits(maps, signed=signed, shared=shared)
    colours = seen_colours(cmap, alpha, signed)
    bars = [
        Bar(colours, low, high, explanation.units, signed, open=high < most)
        for (low, high), (_, most) in zip(ranges, full, strict=True)
    ]
    return bars[:1] * len(bars) if shared else bars  # one object: who draws them can see that one bar serves all


def _first_choices(explanation: ExplanationRecord) -> str:
    return "; ".join(str(prediction) for prediction in explanation.predictions[:3]) or explanation.photo.name


def _rank(explanation: ExplanationRecord, target: Target) -> list[str]:
    """A sentence where the target is not the network's first choice."""
    if not explanation.by_class or target.rank in (None, 1):
        return []
    return [f"The network's choice number {target.rank}."]


def figure(explanation: ExplanationRecord, ax: Axes | None = None, **style: Any) -> Figure:
    """The photo with the network's first choices, and one overlay per target, with a colour bar in raw numbers.

    ax : draw the first target's overlay, with its colour bar, into these axes instead; returns the figure they are in.
    style : cmap, alpha, shared, upsample; see :func:`panels`.

    A footer names the model, the method, the layer with its grid, and the preprocessing. Nothing is opened on a screen.
    """
    if explanation.photo.depth is not None:
        blocks = _blocks(explanation, **style)
        if ax is not None:
            return layout.compose_into(ax, blocks[0].strongest)
        return layout.compose([row for block in blocks for row in rows_of(block.panels)], footer=provenance(explanation))
    drawn = panels(explanation, **style)
    if ax is None:
        return layout.compose(rows_of(drawn), footer=provenance(explanation))
    return layout.compose_into(ax, drawn[1])


def image(explanation: ExplanationRecord, **style: Any) -> Image.Image:
    """The figure as a PIL image. style : cmap, alpha, shared, upsample; see :func:`panels`."""
    return render(figure(explanation, **style))


def provenance(explanation: ExplanationRecord) -> str:
    """Model, method, layer with its grid (rows × columns, of a volume slices × rows × columns), and preprocessing in one line."""
    grid = format_sides(explanation.maps.shape[1:])
    layer = f"{explanation.layer} {grid}" if explanation.layer else grid
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
