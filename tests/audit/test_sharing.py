from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from reduced_photos import noise, photo

from seewhy.audit.candidates import Candidate, CueChange
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.sharing import set_apart, share_elsewhere, without_each


@dataclass(frozen=True, eq=False)
class Numbered(Candidate):
    """Carried by the photos with these numbers."""

    numbers: frozenset[int] = frozenset()

    @property
    def words(self) -> str:
        return "numbers"

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        return [photo for photo in photos if photo.number in self.numbers]

    def put_on(self, recipient: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        return []

    def taken_away(self, carrier: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        return []


def of_class(label: int, count: int = 10) -> list[AuditedPhoto]:
    return [photo(noise(0), 100 * label + n, label) for n in range(count)]


def carried_by(*counts: int) -> Numbered:
    """By so many of each class."""
    return Numbered(
        0, "numbers", [], numbers=frozenset(100 * label + n for label, count in enumerate(counts) for n in range(count))
    )


@pytest.mark.parametrize(
    ("labels", "carried", "share"),
    [
        ([1, 1, 1, 1], [1, 1, 0, 0], 0.5),  # one other class: all of it
        ([1, 1, 2, 2], [1, 1, 0, 0], 0.0),  # two: without the one that carries it most
        ([1, 1, 2, 2], [1, 1, 1, 0], 0.5),
        ([1, 1, 2, 2, 3, 3], [1, 1, 1, 0, 0, 0], 0.25),
        ([1, 2, 3, 4], [1, 1, 0, 0], 0.5),  # four: all
        ([], [], 0.0),
    ],
)
def test_the_share_of_the_others(labels: list[int], carried: list[int], share: float) -> None:
    assert share_elsewhere(np.array(carried, bool), labels) == share


def test_the_others_without_each_class() -> None:
    photos = [photo(noise(0), n, label) for n, label in enumerate([1, 2, 1, 3])]
    parts = [([one.number for one in left_out], [one.number for one in rest]) for left_out, rest in without_each(photos)]
    assert parts == [([0, 2], [1, 3]), ([1], [0, 2, 3]), ([3], [0, 1, 2])]
    assert without_each(photos[:1]) == []
    assert without_each([photo(noise(0), n, n) for n in range(4)]) == []


@pytest.mark.parametrize(
    ("counts", "shared"),
    [
        ((10, 10, 0), {1}),
        ((10, 5, 0), {1}),
        ((10, 4, 0), set()),
        ((4, 3, 0), {1}),
        ((4, 2, 0), set()),  # two photos are too few
        ((9, 3, 3), set()),  # exactly three times as often
    ],
)
def test_who_shares_a_cue(counts: tuple[int, ...], shared: set[int]) -> None:
    candidate = set_apart(carried_by(*counts), of_class(0), [*of_class(1), *of_class(2)])
    assert candidate is not None
    assert candidate.shared == shared
    assert candidate.classes == {0, *shared}


@pytest.mark.parametrize("counts", [(10, 4, 4), (4, 2, 2), (10, 10, 10), (10, 10, 4)])  # of the third all others carry it
def test_a_cue_that_the_rest_carry_nearly_as_often_sets_nothing_apart(counts: tuple[int, ...]) -> None:
    assert set_apart(carried_by(*counts), of_class(0), [*of_class(1), *of_class(2)]) is None
