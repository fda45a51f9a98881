"""The photos of a report: small, with their maps, free of everything that a camera wrote into its file."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seewhy.explanation.drawing import drawable
from seewhy.formatting import format_score, shortened
from seewhy.geometry import Array, Geometry, map_on_photo
from seewhy.show import overlay
from seewhy.show.colour import Pixels, limits, to_bytes
from seewhy.show.html import jpeg_uri
from seewhy.store.report.regions import SIDE
from seewhy.store.report.scanning import StoredMaps, scan

if TYPE_CHECKING:
    import pyarrow.dataset

QUALITY = 80  # of the photos; their maps are smoother
TINY = 44  # pixels, the longer side of a photo in the plane
LONGEST_NAME = 200  # letters of a path
_HIGHEST = 3.0  # times an even spread: a mean that is flatter is not stretched until it looks like evidence
_WIDTH = 300  # pixels of a mean map


@dataclass(frozen=True)
class Card:
    """A photo as the page's script sees it. size : about how many bytes it takes there."""

    number: int
    record: dict[str, Any]

    @property
    def size(self) -> int:
        return len(self.record["photo"]) + sum(len(it["picture"]) for it in self.record["maps"]) + 400


COLUMNS = (
    "number",
    "path",
    "label",
    "label_index",
    "predicted",
    "predicted_index",
    "score",
    "geometry",
    "thumbnail",
    "explanations",
)


def cards(rows: pyarrow.dataset.Dataset, numbers: Iterable[int]) -> Iterator[Card]:
    """The photos of these numbers, in the store's order."""
    from pyarrow import compute

    wanted = sorted(set(numbers))
    if wanted:
        for row in scan(rows, COLUMNS, compute.field("number").isin(wanted)):
            yield _card(row)


def _card(row: dict[str, Any]) -> Card:
    thumbnail = opened(row["thumbnail"])
    (true, predicted) = (row["label_index"], row["predicted_index"])
    maps = _overlays(thumbnail, row["geometry"], row["explanations"][0], predicted, true) if row["explanations"] else []
    return Card(
        row["number"],
        {
            "name": shortened(row["path"], LONGEST_NAME),
            "label": row["label"],
            "predicted": row["predicted"],
            "score": "" if row["score"] is None else format_score(row["score"]),
            "wrong": true is not None and true != predicted,
            "photo": jpeg_uri(thumbnail, QUALITY),
            "width": thumbnail.shape[1],
            "height": thumbnail.shape[0],
            "maps": maps,
        },
    )


def _overlays(
    photo: Pixels, geometry: Geometry, stored: StoredMaps, predicted: int | None, true: int | None
) -> list[dict[str, str]]:
    """The map for the predicted class, and for the true one where that is another; both on one scale of colours. Where neither
    was asked for, the first map that was."""
    asked = [(predicted, "predicted")] + [(true, "true")] * (true is not None and true != predicted)
    chosen = [(role, stored.map_of(index)) for index, role in asked if stored.by_class]
    found = [(role, values) for role, values in chosen if values is not None]
    if not found:
        first = stored.map_at(0)
        if first is None:
            return []
        found = [("other" if stored.by_class else "none", first)]
    at_size = geometry.at_size((photo.shape[0], photo.shape[1]))
    maps = [drawable(map_on_photo(values, at_size, sample_grid=stored.sample_grid), stored.units) for _, values in found]
    pixelwise = tuple(stored.grid[1:]) == geometry.input
    ranges = limits(maps, signed=stored.signed, spikes=pixelwise)
    return [
        {"role": role, "picture": jpeg_uri(overlay(photo, values, limits=span, signed=stored.signed), QUALITY - 5)}
        for (role, _), values, span in zip(found, maps, ranges, strict=True)
    ]


def opened(thumbnail: bytes) -> Pixels:
    """A stored thumbnail as pixels."""
    from PIL import Image

    with Image.open(io.BytesIO(thumbnail)) as picture:
        return np.array(picture.convert("RGB"))


@dataclass(frozen=True, eq=False)
class Sampled:
    """Photos spread evenly over the store. tiny : by number. means : the mean photo of each predicted class, (SIDE, SIDE, 3)."""

    records: dict[int, dict[str, Any]]
    means: dict[int, Pixels]


def sampled(rows: pyarrow.dataset.Dataset, numbers: Iterable[int]) -> Sampled:
    """The photos of these numbers, tiny, and what they look like on average."""
    from PIL import Image
    from pyarrow import compute

    (records, sums, counts) = ({}, {}, {})  # type: tuple[dict[int, dict[str, Any]], dict[int, Any], dict[int, int]]
    columns = ("number", "path", "label", "predicted", "predicted_index", "score", "wrong", "thumbnail")
    for row in scan(rows, columns, compute.field("number").isin(sorted(numbers))):
        picture = Image.fromarray(opened(row.pop("thumbnail")))
        index = row["predicted_index"]
        if index is not None:
            even = np.asarray(picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.float64)
            sums[index] = sums.get(index, 0) + even
            counts[index] = counts.get(index, 0) + 1
        picture.thumbnail((TINY, TINY))
        records[row["number"]] = row | {
            "path": shortened(row["path"], LONGEST_NAME),
            "thumb": jpeg_uri(np.asarray(picture), 60),
            "aspect": round(picture.width / picture.height, 2),
        }
    return Sampled(records, {index: to_bytes(total / counts[index]) for index, total in sums.items()})


def even_shares(mean: npt.NDArray[np.float64]) -> Array:
    """A mean map of sum 1 in units of an even spread: 1 where there is as much evidence as if it lay everywhere alike."""
    return (mean * mean.size).astype(np.float32)


def scale_of(means: Iterable[npt.NDArray[np.float64]]) -> float:
    """The end of the colour scale that all mean maps share."""
    return max([_HIGHEST, *(float(even_shares(mean).max()) for mean in means)])


def mean_picture(mean: npt.NDArray[np.float64], high: float, aspect: float, ground: Pixels | None) -> str:
    """A mean map over the mean photo of its class, as a picture inside a page. aspect : width / height of the photos."""
    return jpeg_uri(overlay(_ground(ground, aspect), even_shares(mean), limits=(0.0, high)), 85)


def ground_picture(ground: Pixels, aspect: float) -> str:
    """The mean photo alone."""
    return jpeg_uri(_ground(ground, aspect), 85)


def _ground(ground: Pixels | None, aspect: float) -> Pixels:
    from PIL import Image

    size = (_WIDTH, round(_WIDTH / min(max(aspect, 0.4), 2.5)))
    flat = np.full((SIDE, SIDE, 3), 128, np.uint8) if ground is None else ground
    return np.asarray(Image.fromarray(flat).resize(size, Image.Resampling.BICUBIC))
