"""The pictures of a comparison: maps beside each other, on one scale where they are measured in the same units."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seewhy.compare.likeness import is_empty
from seewhy.compare.notes import EMPTY, own_notes
from seewhy.explanation import Explanation
from seewhy.explanation.drawing import NO_CLASS, drawable
from seewhy.formatting import as_sentences, format_correlation, format_number
from seewhy.geometry import Array
from seewhy.methods.auto import AUTO
from seewhy.show import Bar, Panel, colour, displayable, frame, overlay
from seewhy.show.figures import rows_of
from seewhy.show.overlay import seen_colours

ACROSS = 3  # panels in a row: with a bar beside each, more would make the text small
WEAK = 0.25  # of the shared scale: a map that stays below it is hard to see
(MORE, LESS) = ("Orange and yellow", "Blue")  # what is seen of the colours of signed maps, above zero and below


def comparison_panels(
    columns: Sequence[str], of: str, row: Sequence[Explanation | None], correlations: Array, chosen: Sequence[int] = ()
) -> list[Panel]:
    """The photo, one map per column, and for two columns where they differ.

    of : "networks", or "methods" of one network, whose prediction then stands once, above the photo. correlations : ``(C, C)``.
    chosen : the columns' numbers that are called by the method that "auto" took, of each photo its own.
    """
    columns = [
        taken_by_auto(e.method) if number in chosen and e is not None else column
        for number, (column, e) in enumerate(zip(columns, row, strict=True))
    ]
    present = [(column, e) for column, e in zip(columns, row, strict=True) if e is not None]
    notes = [own for own, e in zip(own_notes(row), row, strict=True) if e is not None]
    (first, explanation) = present[0]
    photo = displayable(explanation.photo.original)
    maps = [drawable(e.on_photo()[0], e.units) for _, e in present]
    comparable = len({(e.units, e.method) for _, e in present}) == 1
    scales = [colour.limits([values], signed=e.signed)[0][1] for (_, e), values in zip(present, maps, strict=True)]
    shared = max(scales)
    panels = [_photo_panel(photo, columns, of, row)]
    for (column, e), values, own, notes_of_map in zip(present, maps, scales, notes, strict=True):
        captions = [f"It predicts {e.predictions[0]}."] if of == "networks" and e.predictions else []
        pointer = "see its note" if any(note != EMPTY for note in notes_of_map) else ""
        if mark := ": ".join(filter(None, ("not complete" * e.partial, pointer))):
            captions.append(as_sentences([mark]))
        if is_empty(e):
            captions.append("Empty map: the same everywhere, it points nowhere and has no rank correlation.")
        elif comparable and own < WEAK * shared:
            captions.append(f"Largest value {format_number(own)} of {format_number(shared)}.")
        likeness = float(correlations[columns.index(column), columns.index(first)])
        if column != first and np.isfinite(likeness):
            captions.append(f"Rank correlation with {first}: {format_correlation(likeness)}.")
        high = shared if comparable else own
        low = -high if e.signed and high else 0.0
        pixels = overlay(photo, values, limits=(low, high), signed=e.signed)
        title = f"{column}: map of {e.targets[0]}" if e.by_class else f"{column}: {NO_CLASS}"
        panels.append(Panel(title, pixels, " ".join(captions), Bar(seen_colours(signed=e.signed), low, high, e.units, e.signed)))
    if len(present) == 2 and len({e.targets[0].text for _, e in present if e.by_class}) < 2:
        names = [column for column, _ in present]
        panels.append(_difference(photo, names, maps, *((explanation.units, shared) if comparable else ("", None))))
    return panels


def comparison_provenance(row: Sequence[Explanation | None]) -> str:
    """Models, methods with their layers and grids, and preprocessing in one line; what all maps share stands once."""
    present = [e for e in row if e is not None]
    methods = []
    for e in present:
        (rows, columns) = e.maps.shape[-2:]
        methods.append(" ".join(filter(None, (e.method, e.layer, f"{rows}×{columns}"))))
    parts = ([e.model for e in present], methods, [e.photo.preprocessing for e in present])
    return "  ·  ".join(filter(None, ("; ".join(dict.fromkeys(part)) for part in parts)))


def comparison_rows(panels: list[Panel]) -> list[list[Panel]]:
    """Panels of one photo in rows: three across, as even as the number of rows allows; wide photos below each other."""
    most = min(ACROSS, len(rows_of(panels)[0]))
    across = -(-len(panels) // -(-len(panels) // most))
    return [panels[start : start + across] for start in range(0, len(panels), across)]


def taken_by_auto(method: str) -> str:
    """A column that was asked for as "auto"."""
    return f"{method} ({AUTO})"


def _photo_panel(photo: colour.Pixels, columns: Sequence[str], of: str, row: Sequence[Explanation | None]) -> Panel:
    present = [e for e in row if e is not None]
    captions = []
    if len({e.units for e in present}) > 1:
        captions.append("Each map has its own scale: their units differ.")
    elif len({e.method for e in present}) > 1:
        captions.append("Each map has its own scale: their methods differ.")
    if missing := [column for column, e in zip(columns, row, strict=True) if e is None]:
        captions.append(f"{', '.join(missing)} does not know this class.")
    predictions = "; ".join(str(prediction) for prediction in present[0].predictions[:3]) if of == "methods" else ""
    return Panel(predictions or present[0].photo.name, frame(photo, present[0].photo.geometry), " ".join(captions))


def _difference(photo: colour.Pixels, columns: Sequence[str], maps: Sequence[Array], units: str, shared: float | None) -> Panel:
    """One map minus the other.

    shared : the end of the scale that the maps share, in ``units``; None where they share none: then each is taken as a share of
    its own largest value.
    """
    (first, second) = maps if shared is not None else (values / max(_largest(values), 1e-12) for values in maps)
    difference = first - second
    label = "difference" + f" ({units})" * bool(units)
    captions = []
    if shared is None:
        label = "difference of shares"
        captions.append("Each map as a share of its own largest value.")
    top = _largest(difference)
    if not top:
        return Panel("where they differ", overlay(photo, difference, signed=True), "Nowhere: the maps are equal.")
    high = max(top, shared or 0.0)  # a small difference on the maps' own scale looks small
    pixels = overlay(photo, difference, limits=(-high, high), signed=True)
    captions += [f"{MORE}: more in {columns[0]}.", f"{LESS}: more in {columns[1]}."]
    return Panel("where they differ", pixels, " ".join(captions), Bar(seen_colours(signed=True), -high, high, label))


def _largest(values: Array) -> float:
    return float(np.nanmax(np.abs(values), initial=0.0))
