"""Diagnoses: of maps that show nothing, and which note belongs to which map."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from seewhy.explanation.record import ExplanationRecord
from seewhy.formatting import format_score
from seewhy.geometry import Array
from seewhy.records import Note, Target


def empty_notes(maps: Array, targets: Sequence[Target], layer: str | None) -> list[Note]:
    """The diagnosis of every map ``(K, h, w)`` that shows nothing, or nothing that differs. layer : where they were computed."""
    notes = []
    where = f"at '{layer}' " if layer else ""
    for number, (map, target) in enumerate(zip(maps, targets, strict=True)):
        rank = f", rank {target.rank}" if target.rank is not None else ""
        score = f"'{target.name}' (score {format_score(target.score)}{rank})"
        if not map.any():
            notes.append(Note(f"The map is empty: {where}nothing speaks for {score}", number))
        elif map.size > 1 and float(np.ptp(map)) <= 1e-6 * float(np.abs(map).max()):
            notes.append(Note(f"The map is flat: {where}every place counts the same for {score}", number))
    return notes


def notes_by_map(explanation: ExplanationRecord) -> tuple[list[list[str]], list[str]]:
    """The notes under each map, and those for the photo; each note once.

    A note goes to the map whose number it carries (``Note.target``); without a number it speaks of the photo or the call, and
    where there is only one map it stands under that one.
    """
    of_photo = list(explanation.photo.notes)
    notes = [note for note in explanation.notes if note not in of_photo]
    if len(explanation.maps) == 1 or not explanation.by_class:  # one panel
        return [notes], of_photo
    numbers = [getattr(note, "target", None) for note in notes]
    own = [[note for note, number in zip(notes, numbers, strict=True) if number == k] for k in range(len(explanation.maps))]
    return own, [*of_photo, *(note for note, number in zip(notes, numbers, strict=True) if number is None)]
