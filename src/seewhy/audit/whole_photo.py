"""Candidates that are the whole photo's: its colour cast, brightness, sharpness and the like, and its ground.

Takes no pass of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.audit.candidates import Candidate, CueChange
from seewhy.audit.fixed_place import taking_turns
from seewhy.audit.kinds import CUE, OPPOSITE, OTHER_PLACE, REPLACED, SURROUNDINGS, THIRD
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.sharing import without_each
from seewhy.edits import Match
from seewhy.properties import PROPERTIES, Direction, measured, places

Floats = npt.NDArray[np.float32]

_MOST = 3  # properties of the whole photo for a class, those that set it apart most surely; those of the ground come beside them
_MOST_SHARED = 2  # properties, and as many of the ground, that it shares with another class
_THIRDS = 2  # controls of that kind
_AUROC = 0.7  # at least, of a property that predicts the class
_TAIL = 0.05  # of the others lie beyond the value that part of a class is beyond ...
_LEAST_SHARE = 0.15  # ... where three times as many of it are: this share of its photos ...
_LEAST_BEYOND = 3  # ... and so many
# How often one property in one direction, or a tail, is as far apart by chance, at most.
_CHANCE = 0.005
_CARRIED = 0.10  # of the others may carry a property that predicts the class


def properties_of(values: npt.NDArray[Any]) -> Floats:
    """All properties of an opened photo's numbers, as ``AuditedPhoto.properties`` has them."""
    return measured(values)


@dataclass(frozen=True, eq=False)
class WholePhoto(Candidate):
    """A property that other photos can be given. why : its name in ``properties.PROPERTIES``. direction : in which the class
    differs. least : of what a photo measures in it; one above carries it."""

    direction: Direction
    least: float

    @property
    def kind(self) -> str:
        return SURROUNDINGS

    @property
    def words(self) -> str:
        return PROPERTIES[self.why].directions[self.direction]

    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        (read, values) = _values(photos, self.why, self.direction)
        return [photo for photo, value in zip(read, values, strict=True) if value > self.least]

    def put_on(self, recipient: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        donor = self.donor(place).path
        changes = [CueChange(CUE, Match(source=donor, property=self.why))]
        for third in taking_turns(_measured(thirds), place, _THIRDS):
            changes.append(CueChange(CUE, Match(source=third.path, property=self.why), THIRD))
        return [*changes, CueChange(CUE, Match(source=donor, property=self.why, opposite=True), OPPOSITE)]

    def taken_away(self, carrier: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        changes = [
            CueChange(REPLACED, Match(source=third.path, property=self.why))
            for third in taking_turns(_measured(thirds), place, 1)
        ]
        return changes and [*changes, CueChange(REPLACED, Match(source=self.donor(place).path, property=self.why), OTHER_PLACE)]


def whole_photo_candidates(class_index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto]) -> list[WholePhoto]:
    """The properties that set the class apart, the surest first; then those that set it and one other class apart from the rest.

    A property predicts the class (the area under the ROC curve is .7), or part of the class lies where few of the others do. Both
    must be rarer than ``_CHANCE`` by chance, so that few of the directions that are looked at are proposed for nothing.
    own, others : the discovery halves of the class and of all others; photos that were not measured are left out.
    """
    if not own:
        return []
    shared: dict[str, WholePhoto] = {}
    for left_out, rest in without_each(others):
        for candidate in _surest(class_index, own, rest):
            second = _proposed(left_out[0].label, candidate.why, candidate.direction, left_out, rest)
            if second is not None and candidate.why not in shared:
                shared[candidate.why] = replace(candidate, shared=frozenset({left_out[0].label}))
    return [*_first(_surest(class_index, own, others), _MOST), *_first([*shared.values()], _MOST_SHARED)]


def _first(candidates: Sequence[WholePhoto], most: int) -> list[WholePhoto]:
    """What the ground has, the whole photo has, too: neither takes the other's place."""
    (whole, ground) = ([one for one in candidates if PROPERTIES[one.why].on_ground is wanted] for wanted in (False, True))
    return [*whole[:most], *ground[:most]]


def _surest(class_index: int, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto]) -> list[WholePhoto]:
    """The properties that set the class apart, each in one direction, the surest first."""
    found: list[tuple[float, WholePhoto]] = []
    for name, kind in PROPERTIES.items():
        proposed = [one for way in kind.directions if (one := _proposed(class_index, name, way, own, others)) is not None]
        if proposed:
            found.append(min(proposed, key=lambda one: one[0]))
    return [candidate for _, candidate in sorted(found, key=lambda one: one[0])]


def _proposed(
    class_index: int, name: str, direction: Direction, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto]
) -> tuple[float, WholePhoto] | None:
    """The candidate and how rare it is by chance; None where nothing sets the class apart."""
    ((read, inside), (_, outside)) = (_values(photos, name, direction) for photos in (own, others))
    if len(inside) < _LEAST_BEYOND or len(outside) < _LEAST_BEYOND:
        return None
    found: list[tuple[float, float]] = []  # how rare, and the least value
    (auroc, chance) = _predicts(inside, outside)
    if auroc >= _AUROC and chance <= _CHANCE:
        found.append((chance, min(float(np.quantile(outside, 1 - _CARRIED)), float(np.median(inside)))))
    (least, chance) = _tail(inside, outside)
    beyond = int((inside > least).sum())
    if beyond >= max(_LEAST_BEYOND, _LEAST_SHARE * len(inside)) and chance <= _CHANCE:
        found.append((chance, least))
    if not found:
        return None
    (rare, least) = min(found)
    donors = [photo for photo, value in zip(read, inside, strict=True) if value > least]
    return (rare, WholePhoto(class_index, name, donors, direction, least)) if donors else None


def _measured(photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
    return [photo for photo in photos if photo.properties is not None]


def _values(photos: Sequence[AuditedPhoto], name: str, direction: Direction) -> tuple[list[AuditedPhoto], Floats]:
    """The photos that were measured, and how far each lies in a direction of a property."""
    read = _measured(photos)
    place = places()[name]
    rows = [photo.properties[place] for photo in read if photo.properties is not None]
    values: Floats = np.array(rows, np.float32).reshape(len(rows), len(direction)) @ np.array(direction, np.float32)
    return read, values


def _predicts(inside: Floats, outside: Floats) -> tuple[float, float]:
    """The area under the ROC curve, and how often it is as large by chance (Mann and Whitney, the normal approximation)."""
    from scipy.stats import norm, rankdata

    (n, m) = (len(inside), len(outside))
    ranks = rankdata(np.concatenate([inside, outside]))[:n]
    auroc = (float(ranks.sum()) - n * (n + 1) / 2) / (n * m)
    return auroc, float(norm.sf((auroc - 0.5) / ((n + m + 1) / (12 * n * m)) ** 0.5))


def _tail(inside: Floats, outside: Floats) -> tuple[float, float]:
    """What all but ``_TAIL`` of the others lie below, and how often as many of the class lie above it by chance.

    Of n photos of the same distribution, the number above the k-th largest of m others is beta-binomial.
    """
    from scipy.stats import betabinom

    (n, m) = (len(inside), len(outside))
    rank = int(np.ceil(_TAIL * m))
    least = float(np.sort(outside)[m - rank])
    beyond = np.arange(int((inside > least).sum()), n + 1)
    return least, float(betabinom.pmf(beyond, n, rank, m + 1 - rank).sum())  # its sf is 1 - cdf, rounded off
