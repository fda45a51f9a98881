"""Classes to look at first: their evidence lies at one place where what a photo shows seldom lies. A hint, no verdict."""

from __future__ import annotations

from dataclasses import dataclass

from seewhy.store.report.regions import CORNERS
from seewhy.store.report.tally import ENOUGH, Tally, Where

LEAST_PHOTOS = ENOUGH
LEAST_SHARE = 0.4  # of the class's evidence
# In multiples of an even spread. The border is nearly a quarter of the photo: four times that would be all the evidence.
LEAST_TIMES = dict.fromkeys(CORNERS, 4.0) | {"border": 2.0}


@dataclass(frozen=True)
class Hint:
    """index : of the class. method : the place of the method among the store's. share : of the evidence, in the region.
    times : the share in multiples of an even spread."""

    index: int
    method: int
    region: str
    share: float
    times: float


def hints(tally: Tally) -> list[Hint]:
    """At most one for each class, by the first method that gives one; what lies most out of proportion first."""
    found: dict[int, Hint] = {}
    for number, (_, where) in enumerate(tally.where):
        for index, one in where.items():
            hint = _hint(index, number, one)
            if hint is not None:
                found.setdefault(index, hint)
    return sorted(found.values(), key=lambda hint: (-hint.times, hint.index))


def _hint(index: int, method: int, where: Where) -> Hint | None:
    if where.photos < LEAST_PHOTOS:
        return None
    regions = where.regions()
    every = [
        Hint(index, method, name, regions[name]["evidence"], regions[name]["evidence"] / regions[name]["area"])
        for name in LEAST_TIMES
        if name in regions
    ]
    high = [hint for hint in every if hint.share >= LEAST_SHARE and hint.times >= LEAST_TIMES[hint.region]]
    return max(high, key=lambda hint: hint.times, default=None)
