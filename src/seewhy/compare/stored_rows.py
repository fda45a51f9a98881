"""The explanations of photos in several stores, read one photo at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import overload

from seewhy.compare.likeness import Row
from seewhy.errors import MethodError, listed, setting
from seewhy.explanation import Explanation
from seewhy.features.folder import reduced
from seewhy.methods.auto import ChoiceNote
from seewhy.records import Note
from seewhy.store import Store

LONGEST = 1024  # pixels a side of the photos that are kept, or drawn
GRAD_CAM = "grad_cam"  # what compare takes where nothing is said


@dataclass(frozen=True, eq=False)
class StoredRows(Sequence[Row]):
    """The explanations of N photos in C stores. They are read when they are asked for, so that any number of photos fits.

    places : of each photo's row, in each store. method : whose maps are taken.
    """

    stores: Sequence[Store]
    places: Sequence[tuple[int, ...]]
    method: str

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, number: int) -> Row: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[Row]: ...
    def __getitem__(self, number: int | slice) -> Row | Sequence[Row]:
        """One photo's explanations, on its stored thumbnail: nothing but the store is read."""
        if isinstance(number, slice):
            return replace(self, places=self.places[number])
        return self._row(number, thumbnail=True)

    def drawn(self, number: int) -> Row:
        """The same on the photo itself, where its file is still the same."""
        return [_at_most(e) for e in self._row(number, thumbnail=False)]

    def _row(self, number: int, thumbnail: bool) -> list[Explanation]:
        stored = [store.explanations(place, thumbnail) for store, place in zip(self.stores, self.places[number], strict=True)]
        return _of_one_class(_of_one_method(stored, self.method))


def _of_one_method(stored: Sequence[list[Explanation]], method: str) -> list[Explanation]:
    """One explanation from each store, all by one method: the one that is asked for; where that is ``compare``'s default and not
    stored, the first that all have. Raises MethodError where there is none."""
    by_method = [{e.method: e for e in reversed(explanations)} for explanations in stored]
    candidates = [method] if method != GRAD_CAM else [method, *(e.method for e in stored[0])]
    taken = next((name for name in candidates if all(name in one for one in by_method)), None)
    if taken is None:
        own = "; ".join(listed(e.method for e in explanations) for explanations in stored)
        raise MethodError(f"{setting('method', method)}: not all stores have maps by it. They have {own}.")
    return [one[taken] for one in by_method]


def _of_one_class(explanations: Sequence[Explanation]) -> list[Explanation]:
    """Each with the map of one class: the first one's first that all have a map of; else the first of each."""
    names = [[target.text for target in e.targets] for e in explanations]
    shared = next((name for name in names[0] if all(name in others for others in names)), None)
    return [_with_map(e, 0 if shared is None else own.index(shared)) for e, own in zip(explanations, names, strict=True)]


def _with_map(explanation: Explanation, number: int) -> Explanation:
    notes: list[str] = [
        note if isinstance(note, ChoiceNote) else Note(note, None if getattr(note, "target", None) is None else 0)
        for note in explanation.notes
        if getattr(note, "target", None) in (None, number)
    ]
    return replace(explanation, maps=explanation.maps[number : number + 1], targets=[explanation.targets[number]], notes=notes)


def _at_most(explanation: Explanation) -> Explanation:
    photo = explanation.photo
    return explanation if max(photo.geometry.photo) <= LONGEST else replace(explanation, photo=reduced(photo, LONGEST))
