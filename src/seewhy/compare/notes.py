"""What is known of the maps of one photo: each column's own notes, and those that all of its maps share."""

from __future__ import annotations

from collections.abc import Sequence

from seewhy.compare.likeness import Row, is_empty
from seewhy.explanation import Explanation
from seewhy.methods.auto import ChoiceNote
from seewhy.records import Note

EMPTY = "the map is empty, the same everywhere, and has no rank correlation"


def own_notes(row: Row) -> list[list[Note]]:
    """For each column the notes of its map that not all maps of the photo share; none where there is no map."""
    shared = set(shared_notes(row))
    return [
        [] if e is None else [*(Note(note) for note in _own(e) if note not in shared), *[Note(EMPTY)] * is_empty(e)] for e in row
    ]


def shared_notes(row: Row) -> list[Note]:
    """The notes that all maps of the photo have; of a single map those of the photo itself."""
    present = [e for e in row if e is not None]
    others = [list(e.notes) for e in present[1:]] or [list(present[0].photo.notes)]
    return [Note(note) for note in _own(present[0]) if all(note in notes for notes in others)]


def _own(explanation: Explanation) -> list[str]:
    """Without what "auto" took: the comparison says that once."""
    return [note for note in explanation.notes if not isinstance(note, ChoiceNote)]


def notes_of_maps(columns: Sequence[str], row: Row) -> list[Note]:
    """All of them, each map's with its column in front."""
    own = zip(columns, own_notes(row), strict=True)
    return [*shared_notes(row), *(Note(f"{column}: {note.marked}") for column, notes in own for note in notes)]
