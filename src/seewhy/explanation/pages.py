"""Explanations as one HTML page, and as a piece of a notebook: pictures inside, nothing fetched, no script."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from seewhy.errors import OptionError
from seewhy.explanation.drawing import panels, provenance
from seewhy.explanation.record import ExplanationRecord
from seewhy.formatting import format_score, format_sides
from seewhy.records import Note, Target
from seewhy.show.html import environment, picture_row

_FEW = 8  # explanations on a page whose pictures are as fine as they can be; fifty such ones would be 13 MB
_TEMPLATES = Path(__file__).parent / "templates"


def page(
    explanations: ExplanationRecord | Sequence[ExplanationRecord],
    title: str | None = None,
    lead: str = "",
    headings: Sequence[str] = (),
    **style: Any,
) -> str:
    """One HTML page: for each explanation its pictures, the network's choices, the notes, and how it was made.

    title : None asks the question that the page answers. lead : a line below it. headings : of the explanations, else their
        photos' names.
    style : cmap, alpha, shared, upsample; see ``panels``.
    """
    if isinstance(explanations, ExplanationRecord):
        explanations = [explanations]
    if not explanations:
        raise OptionError("There is nothing to show: page needs at least one explanation.")
    if title is None:
        single = len(explanations) == 1 and explanations[0].by_class
        title = _question(explanations[0].targets[0]) if single else "Why?"
    fine = len(explanations) <= _FEW
    items = [_item(explanation, style, fine) for explanation in explanations]
    for item, heading in zip(items, headings, strict=False):
        item["heading"] = heading
    return environment(_TEMPLATES).get_template("page.html").render(title=title, lead=lead, items=items)


def snippet(explanation: ExplanationRecord, **style: Any) -> str:
    """The panels side by side for a notebook cell: no page around them, styles on the elements alone."""
    shots = picture_row(panels(explanation, **style))
    return environment(_TEMPLATES).get_template("snippet.html").render(shots=shots, provenance=provenance(explanation))


def _question(target: Target) -> str:
    """The question that a map answers."""
    return f"Why “{target.name}”?" if target.against is None else f"Why “{target.name}” and not “{target.against.name}”?"


def _item(explanation: ExplanationRecord, style: dict[str, Any], fine: bool) -> dict[str, Any]:
    """What the page's template needs to know of one explanation. fine : see ``picture_row``."""
    record = explanation.record()
    cost = explanation.cost
    facts = {
        "photo": explanation.photo.name,
        "preprocessing": explanation.photo.preprocessing,
        "model": explanation.model,
        "weights": explanation.weights,
        "method": explanation.method,
        "layer": explanation.layer,
        "grid": format_sides(explanation.maps.shape[1:]),
        **{f"{name} =": json.dumps(value, ensure_ascii=False) for name, value in record["settings"].items()},
        "seed": explanation.seed,
        "cost": f"{cost.forward:g} forward, {cost.backward:g} backward, {cost.seconds:.2f} s",
        "versions": ", ".join(f"{name} {version}" for name, version in explanation.versions.items()),
    }
    of_photo = [Note(note) for note in explanation.photo.notes]
    return {
        "heading": explanation.photo.name,
        "provenance": provenance(explanation),
        "shots": picture_row(panels(explanation, **style, notes=False), fine),
        "predictions": [
            {"name": it.name, "score": format_score(it.score), "width": f"{100 * min(max(it.score, 0.0), 1.0):.1f}"}
            for it in explanation.predictions
        ],
        "notes": [*of_photo, *(note for note in explanation.notes if note not in of_photo)],
        "facts": [(name, value) for name, value in facts.items() if value not in (None, "")],
        "record": json.dumps(record, indent=1, ensure_ascii=False),
    }
