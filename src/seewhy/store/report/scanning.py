"""The rows of a store one after the other, in bounded memory, with their maps."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from seewhy.errors import StoreError
from seewhy.geometry import Array, Geometry, SampleGrid
from seewhy.store.maps import unpacked

if TYPE_CHECKING:
    import pyarrow.dataset
    from pyarrow.compute import Expression

AT_ONCE = 256  # rows
MAPS = "explanations"
_PARTS = ("method", "targets", "values", "scales", "grid", "signed", "units", "by_class", "layer", "sample_grid")


@dataclass(frozen=True, eq=False)
class StoredMaps:
    """The maps of one photo by one method, unpacked one by one. values, scales, grid : see ``store.maps.PackedMaps``.

    classes : the index of each map's class. by_class : False where the map is of no class.
    """

    method: str
    values: bytes
    scales: list[float]
    grid: list[int]
    classes: list[int | None]
    signed: bool
    units: str
    by_class: bool
    layer: str | None
    sample_grid: SampleGrid | None

    def has(self, index: int) -> bool:
        """True where it holds a map of this very class."""
        return self.by_class and index in self.classes

    def map_of(self, index: int | None) -> Array | None:
        """``(h, w)``: the map for a class, one that belongs to no class for any; None where it was not asked for."""
        if not self.by_class:
            return self.map_at(0)
        return self.map_at(self.classes.index(index)) if index is not None and index in self.classes else None

    def map_at(self, place: int) -> Array | None:
        """``(h, w)``: the map of one place; None where there is none."""
        if place >= len(self.scales):
            return None
        length = 2 * math.prod(self.grid[1:])  # bytes of a map
        part = self.values[place * length : (place + 1) * length]
        map_: Array = unpacked(part, self.scales[place : place + 1], [1, *self.grid[1:]])[0]
        return map_


def scan(rows: pyarrow.dataset.Dataset, columns: Sequence[str], condition: Expression | None = None) -> Iterator[dict[str, Any]]:
    """Each row as a dictionary of some columns; ``explanations`` as a list of :class:`StoredMaps`, ``geometry`` as a Geometry.

    Raises StoreError where a shard is broken.
    """
    import pyarrow

    try:
        for batch in rows.to_batches(
            columns=list(columns),
            filter=condition,
            batch_size=AT_ONCE,
            batch_readahead=0,
            fragment_readahead=0,
            use_threads=False,
        ):
            read = {name: batch[name].to_pylist() for name in columns if name != MAPS}
            if MAPS in columns:
                read[MAPS] = _stored_maps(batch[MAPS])
            if "geometry" in columns:
                read["geometry"] = [Geometry(**{name: tuple(v) for name, v in it.items()}) for it in read["geometry"]]
            for values in zip(*read.values(), strict=True):
                yield dict(zip(read, values, strict=True))
    except (pyarrow.ArrowException, OSError) as error:
        raise StoreError(f"The store is broken: {error} The run, started again, makes the shard anew.") from error


def _stored_maps(explanations: Any) -> list[list[StoredMaps]]:
    """Only what is needed of a column of lists is made into Python's own objects."""
    flat = explanations.flatten()
    parts = {name: flat.field(name).to_pylist() for name in _PARTS}
    every = [_one(dict(zip(parts, values, strict=True))) for values in zip(*parts.values(), strict=True)]
    lengths = explanations.value_lengths().to_pylist()
    (grouped, start) = ([], 0)
    for length in lengths:
        grouped.append(every[start : start + length])
        start += length
    return grouped


def _one(stored: dict[str, Any]) -> StoredMaps:
    grid = None if stored["sample_grid"] is None else json.loads(stored["sample_grid"])
    return StoredMaps(
        stored["method"],
        stored["values"],
        stored["scales"],
        stored["grid"],
        [target["index"] for target in stored["targets"]],
        stored["signed"],
        stored["units"],
        stored["by_class"],
        stored["layer"],
        None if grid is None else SampleGrid(**{axis: tuple(place) for axis, place in grid.items()}),
    )
