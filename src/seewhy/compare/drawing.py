"""The pictures of a comparison: maps beside each other, on one scale where they are measured in the same units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seewhy.explanation import Explanation
from seewhy.explanation.drawing import drawable
from seewhy.formatting import format_number
from seewhy.geometry import Array
from seewhy.show import Bar, Panel, colour, displayable, frame, overlay
from seewhy.show.overlay import seen_colours


def comparison_panels(columns: Sequence[str], row: Sequence[Explanation | None], correlations: Array) -> list[Panel]:
    """The photo, one map per column, and for two columns where they differ. correlations : ``(C, C)``."""
    present = [(column, e) for column, e in zip(columns, row, strict=True) if e is not None]
    photo = displayable(present[0][1].photo.original)
    maps = [drawable(e.on_photo()[0], e.units) for _, e in present]
    signed = any(e.signed for _, e in present)
    comparable = len({(e.units, e.method) for _, e in present}) == 1
    ranges = colour.limits(maps, signed=signed, shared=comparable)
    table = seen_colours(signed=signed)
    framed = frame(photo, present[0][1].photo.geometry)
    panels = [Panel(present[0][1].photo.name, framed, "" if comparable else "Each map has its own scale: their units differ.")]
    first = present[0][0]
    for (column, e), values, (low, high) in zip(present, maps, ranges, strict=True):
        prediction = f"{e.predictions[0]}" if e.predictions else ""
        pixels = overlay(photo, values, limits=(low, high), signed=signed)
        caption = f"Map of {e.targets[0]}."
        if column != first:
            likeness = float(correlations[columns.index(column), columns.index(first)])
            caption += f" Rank correlation with {first}: {format_number(likeness)}."
        panels.append(Panel(f"{column}: {prediction}", pixels, caption, Bar(table, low, high, e.units, signed)))
    missing = [column for column, e in zip(columns, row, strict=True) if e is None]
    if missing:
        panels[0] = Panel(panels[0].title, framed, f"{panels[0].caption} {', '.join(missing)} does not know this class.".strip())
    if len(present) == 2:
        panels.append(_difference(photo, [column for column, _ in present], maps))
    return panels


def _difference(photo: colour.Pixels, columns: Sequence[str], maps: Sequence[Array]) -> Panel:
    """Each map as a share of its own largest value, and one minus the other."""
    (first, second) = (values / max(float(np.nanmax(np.abs(values), initial=0.0)), 1e-12) for values in maps)
    difference = first - second
    top = float(np.nanmax(np.abs(difference), initial=0.0))
    pixels = overlay(photo, difference, limits=(-top, top), signed=True)
    bar = Bar(seen_colours(signed=True), -top, top, "share of each map's largest value")
    return Panel("where they differ", pixels, f"Red: more in {columns[0]}. Blue: more in {columns[1]}.", bar)
