"""What is counted of a store: answers, mistakes, and where the evidence lies; two passes over its rows, in bounded memory."""

from __future__ import annotations

import heapq
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from seewhy.geometry import Array
from seewhy.store.report.regions import CORNERS, REGIONS, SIDE, evidence_on_photo, overlap, shares
from seewhy.store.report.scanning import scan

if TYPE_CHECKING:
    import pyarrow.dataset

MOST_MISTAKES = 60
MOST_OF_CELL = 24
ALIKE = 4  # typical photos of a class, and as many odd ones
MOST_PLACED = 2000  # photos in the plane
ENOUGH = 10  # photos whose mean map says something; more than typical and odd ones together
_FIRST = 1e9  # above any score
Cell = tuple[int, int]


@dataclass
class Where:
    """Where the evidence of one class lies, by one method, over the photos that are taken for it.

    evidence : the sum of the photos' maps, each of sum 1. share, area : sums over the photos, for each of ``regions.REGIONS``.
    empty : photos on which nothing speaks for the class.
    """

    photos: int = 0
    empty: int = 0
    evidence: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros((SIDE, SIDE)))
    share: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(REGIONS)))
    area: npt.NDArray[np.float64] = field(default_factory=lambda: np.zeros(len(REGIONS)))

    def add(self, found: tuple[Array, npt.NDArray[np.bool_]] | None) -> None:
        if found is None:
            self.empty += 1
            return
        (share, area) = shares(*found)
        self.photos += 1
        self.evidence += found[0]
        self.share += share
        self.area += area

    @property
    def few(self) -> bool:
        """True where the mean map says nothing."""
        return self.photos < ENOUGH

    @property
    def mean(self) -> npt.NDArray[np.float64]:
        """``(SIDE, SIDE)`` of sum 1."""
        return self.evidence / max(1, self.photos)

    @property
    def concentration(self) -> float:
        """The share of the evidence in the strongest twentieth of the photo; 0.05 where it is spread evenly."""
        cells = SIDE * SIDE // 20
        return float(np.partition(self.mean.reshape(-1), -cells)[-cells:].sum())

    def regions(self) -> dict[str, dict[str, float]]:
        """Mean share of evidence and of area, by the region's name; without those that the network never saw."""
        pairs = zip(REGIONS, self.share / max(1, self.photos), self.area / max(1, self.photos), strict=True)
        return {name: {"evidence": float(share), "area": float(area)} for name, share, area in pairs if area > 0}

    def densest(self) -> str | None:
        """The region with the most evidence for its area, of single corners, border and centre."""
        regions = self.regions()
        single = [name for name in ("border", "centre", *CORNERS) if name in regions]
        return (
            max(single, key=lambda name: regions[name]["evidence"] / regions[name]["area"], default=None) if self.photos else None
        )


@dataclass
class Tally:
    """What was counted. cells : photos by (true, predicted) class. called : by predicted class. where : by method and class.

    mistakes, unsure : numbers of photos, the surest mistake first, and of photos without a label the least sure first.
    true_maps : mistakes whose map for the true class is stored, too. aspects : sums over the photos' width / height, by
    predicted class. methods, layers : that the explanations name. sampled : photos spread evenly over the store, their numbers
    and embeddings.
    """

    photos: int = 0
    cells: Counter[Cell] = field(default_factory=Counter)
    called: Counter[int] = field(default_factory=Counter)
    where: list[tuple[str, dict[int, Where]]] = field(default_factory=list)
    aspects: Counter[int] = field(default_factory=Counter)
    methods: list[set[str]] = field(default_factory=list)
    layers: set[str] = field(default_factory=set)
    true_maps: int = 0
    mistakes: list[int] = field(default_factory=list)
    unsure: list[int] = field(default_factory=list)
    sampled: list[tuple[int, Array | None]] = field(default_factory=list)

    @property
    def labelled(self) -> int:
        return self.cells.total()

    @property
    def right(self) -> int:
        return sum(count for (true, predicted), count in self.cells.items() if true == predicted)


class Largest:
    """The ``most`` items with the largest keys; of equal ones the first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._heap: list[tuple[float, int]] = []

    def add(self, key: float, number: int) -> bool:
        """True where it is among them, so far."""
        entry = (key, -number)
        if len(self._heap) < self._most:
            heapq.heappush(self._heap, entry)
            return True
        if entry > self._heap[0]:
            heapq.heapreplace(self._heap, entry)
            return True
        return False

    def numbers(self) -> list[int]:
        return [-negative for _, negative in sorted(self._heap, reverse=True)]


_COUNTED = ("number", "label_index", "predicted_index", "score", "height", "width", "geometry", "embedding", "explanations")


def count(rows: pyarrow.dataset.Dataset, methods: Sequence[str]) -> Tally:
    """The first pass. methods : of the store, as they were asked for."""
    total = rows.count_rows()
    step = max(1, math.ceil(total / MOST_PLACED))
    tally = Tally(where=[(name, {}) for name in methods], methods=[set() for _ in methods])
    (mistakes, unsure) = (Largest(MOST_MISTAKES), Largest(MOST_MISTAKES))
    for place, row in enumerate(scan(rows, _COUNTED)):
        (true, predicted, number) = (row["label_index"], row["predicted_index"], row["number"])
        tally.photos += 1
        if place % step == 0:
            tally.sampled.append((number, None if row["embedding"] is None else np.asarray(row["embedding"], np.float32)))
        if predicted is None:
            continue
        tally.called[predicted] += 1
        tally.aspects[predicted] += row["width"] / row["height"]
        if true is None:
            unsure.add(-row["score"], number)
        else:
            tally.cells[(true, predicted)] += 1
            if true != predicted:
                mistakes.add(row["score"], number)
                tally.true_maps += bool(row["explanations"]) and row["explanations"][0].has(true)
        for stored, (_, where), found in zip(row["explanations"], tally.where, tally.methods, strict=False):
            found.add(stored.method)
            tally.layers.update(filter(None, [stored.layer]))
            values = stored.map_of(predicted)
            if values is not None:
                evidence = evidence_on_photo(values, row["geometry"], stored.sample_grid, stored.units)
                where.setdefault(predicted, Where()).add(evidence)
    (tally.mistakes, tally.unsure) = (mistakes.numbers(), unsure.numbers())
    return tally


@dataclass
class Examples:
    """Which photos show what was counted, by their numbers. overlaps : of typical and odd ones with their class's mean map.

    taken : of classes that have too few photos for a mean map, the photos taken for them, wrong ones first, then the surest.
    """

    cells: dict[Cell, list[int]] = field(default_factory=dict)
    taken: dict[int, list[int]] = field(default_factory=dict)
    typical: dict[int, list[int]] = field(default_factory=dict)
    odd: dict[int, list[int]] = field(default_factory=dict)
    overlaps: dict[int, float] = field(default_factory=dict)


def examples(rows: pyarrow.dataset.Dataset, tally: Tally, drawn: Iterable[int], classes: Iterable[int]) -> Examples:
    """The second pass: now the means are known.

    drawn : classes of the matrix, of whose cells photos are shown, the surest first. classes : of which typical and odd photos
    are found, by how much of their first map lies where the mean map of their class has it; of few photos no one is typical.
    """
    where = tally.where[0][1] if tally.where else {}
    shown_classes = {index: where[index] for index in classes if index in where and where[index].photos}
    means = {index: one.mean for index, one in shown_classes.items() if not one.few}
    taken = {index: Largest(ENOUGH - 1) for index, one in shown_classes.items() if one.few}
    drawn = set(drawn)
    cells: dict[Cell, Largest] = defaultdict(lambda: Largest(MOST_OF_CELL))
    # Where many are alike, the typical ones stand among the odd ones, too: so many more are kept.
    (typical, odd) = ({c: Largest(ALIKE) for c in means}, {c: Largest(2 * ALIKE) for c in means})
    overlaps: dict[int, float] = {}
    for row in scan(rows, ("number", "label_index", "predicted_index", "score", "geometry", "explanations")):
        (true, predicted, number) = (row["label_index"], row["predicted_index"], row["number"])
        if predicted is None:
            continue
        if true in drawn and predicted in drawn:
            cells[(true, predicted)].add(row["score"], number)
        if predicted in taken:
            taken[predicted].add(row["score"] + (0 if true in (None, predicted) else _FIRST), number)
        if predicted in means and row["explanations"]:
            stored = row["explanations"][0]
            values = stored.map_of(predicted)
            found = None if values is None else evidence_on_photo(values, row["geometry"], stored.sample_grid, stored.units)
            if found is not None:
                share = overlap(found[0], means[predicted])
                for largest, sign in ((typical[predicted], 1), (odd[predicted], -1)):
                    if largest.add(sign * share, number):
                        overlaps[number] = share
    chosen = Examples(
        {cell: largest.numbers() for cell, largest in sorted(cells.items())},
        {index: largest.numbers() for index, largest in taken.items()},
    )
    for index in means:  # none is typical and odd at once
        chosen.typical[index] = typical[index].numbers()
        others = [number for number in odd[index].numbers() if number not in chosen.typical[index]]
        chosen.odd[index] = others[:ALIKE]
    shown = {number for lists in (chosen.typical, chosen.odd) for numbers in lists.values() for number in numbers}
    chosen.overlaps = {number: share for number, share in overlaps.items() if number in shown}
    return chosen


def interval(right: int, of: int) -> tuple[float, float]:
    """Of a share, with 95 % confidence: Wilson (1927), which stays within [0, 1] and is honest for shares near its ends."""
    if not of:
        return (0.0, 1.0)
    z = 1.959964
    (share, spread) = (right / of, z * z / of)
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / of + spread / of / 4)
    # At the ends the equation gives the share itself; rounding must not leave it out.
    return (max(0.0, middle - half) if right else 0.0, min(1.0, middle + half) if right < of else 1.0)
