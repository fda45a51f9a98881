"""The page of stores beside each other: first what changed, then how alike the maps are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from seewhy.compare.change import ANOTHER, BOTH_WRONG, GAINED, LOST, Change
from seewhy.compare.drawing import comparison_provenance
from seewhy.formatting import as_sentences, format_correlation, format_share
from seewhy.show.html import environment, picture_row

MOST_CARDS = 100  # photos with pictures, of all groups together
LEAST_ALIKE = 12  # photos on which nothing changed, with pictures
MOST_ROWS = 1000  # of the table
NO_BREAK = "\u00a0"  # a space at which no line ends
_FEW = 8  # photos whose pictures are as fine as they can be
_TEMPLATES = Path(__file__).parent / "templates"


def change_page(comparison: Any, change: Change) -> str:
    """One HTML page: how many photos were lost and gained, these photos, and folded below them the likeness of the maps.

    comparison : a :class:`seewhy.Comparison`, which asks for this page.
    """
    (first, last) = (change.columns[0], change.columns[-1])
    order = comparison.order()
    groups: list[dict[str, Any]] = []
    left = MOST_CARDS
    drawn: list[int] = []
    titles = {
        LOST: f"Lost: right in {first}, wrong in {last}",
        GAINED: f"Repaired: wrong in {first}, right in {last}",
        ANOTHER: "Another answer, on photos without a label",
        BOTH_WRONG: "Wrong in both",
    }
    for kind, title in titles.items():
        numbers = [number for number in order if change.kind(number) == kind]
        shown = numbers[:left]
        if numbers:
            text = "The surest answers first." * (kind == BOTH_WRONG)
            if len(shown) < len(numbers):
                text = f"{len(shown)} of {len(numbers):,} are shown; the table (.csv) has them all. {text}".strip()
            groups.append({"place": _place(kind), "title": f"{title} ({len(numbers):,})", "text": text, "numbers": shown})
        drawn += shown
        left -= len(shown)
    fine = len(drawn) <= _FEW
    for group in groups:
        group["cards"] = _cards(comparison, change, group.pop("numbers"), fine)
    same = [number for number in order if not change.is_told(number)][:LEAST_ALIKE]
    (heads, *rows) = comparison.table()
    listed_first = order[:MOST_ROWS]
    template = environment(_TEMPLATES).get_template("change.html")
    total = f"All {len(comparison):,} photos" if len(comparison) > 1 else "The photo"
    few = f"The first {MOST_ROWS:,} of {len(comparison):,} photos; the table (.csv) has them all"
    return template.render(
        title=f"From {first} to {last}",
        about=_about(comparison),
        numbers=_numbers(change),
        lead="" if groups else "No answer changed, and none is known to be wrong.",
        notes=[as_sentences([note]) for note in comparison.notes],
        groups=groups,
        likeness=comparison.likeness_sentence,
        least_alike=_cards(comparison, change, same, fine=False),
        table_title=total if len(order) <= MOST_ROWS else few,
        table=[heads, *(rows[number] for number in listed_first)],
        made=list(dict.fromkeys(comparison_provenance(comparison.explanations[number]) for number in [*drawn, *same])),
    )


def _numbers(change: Change) -> list[dict[str, str]]:
    """What stands in large letters: repaired, lost, and how right each network is; without labels the changed answers."""
    kinds = {GAINED: "repaired", LOST: "lost"} if change.known else {ANOTHER: "answers changed"}
    counts = {kind: len(change.of_kind(kind)) for kind in kinds}
    numbers = [
        {"value": f"{counts[kind]:,}", "text": text, "place": _place(kind) if counts[kind] else ""}
        for kind, text in kinds.items()
    ]
    (before, after) = (change.accuracies[0], change.accuracies[-1])
    if before is not None and after is not None:
        photos = f"{len(change.known):,} photo{'s' * (len(change.known) != 1)} with a label"
        text = f"right, of {photos}: {change.columns[0]}, then {change.columns[-1]}"
        value = f"{format_share(before)} → {format_share(after)}".replace(" ", NO_BREAK)
        numbers.append({"value": value, "text": text, "place": ""})
    if wrong := len(change.both_wrong):
        numbers.append({"value": f"{wrong:,}", "text": "wrong in both", "place": _place(BOTH_WRONG)})
    return numbers


def _place(kind: str) -> str:
    """Where a link finds the group."""
    return kind.replace(" ", "-")


def _about(comparison: Any) -> str:
    """Which network each store is of."""
    row = comparison.explanations[0]
    parts = []
    for column, e in zip(comparison.columns, row, strict=True):
        weights = f", weights {e.weights[:8]}" if e is not None and e.weights else ""
        parts.append(f"{column}: {'' if e is None else e.model}{weights}")
    return "  ·  ".join([f"{len(comparison):,} photo{'s' * (len(comparison) != 1)}", *parts])


def _cards(comparison: Any, change: Change, numbers: Sequence[int], fine: bool) -> Iterator[dict[str, Any]]:
    """One after the other, so that the pictures of one photo are in memory."""
    for number in numbers:
        label = change.labels[number]
        answers = [
            f"{column} says {prediction}"
            for column, prediction in zip(comparison.columns, comparison.predictions[number], strict=True)
        ]
        lines = ["; ".join([*([] if label is None else [f"Label: {label}"]), *answers]) + "."]
        if doubt := change.doubt(number):
            lines.append(doubt[:1].upper() + doubt[1:])
        likeness = comparison.likeness(number)
        alike = [] if likeness != likeness else [f"Likeness of the maps: {format_correlation(likeness)}."]
        yield {
            "heading": comparison.names[number],
            "lines": lines,
            "shots": picture_row(comparison.panels(number), fine),
            "notes": [*(as_sentences([note]) for note in comparison.notes_of(number)), *alike],
        }
