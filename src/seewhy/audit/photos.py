"""The photos that an audit works on: those answered rightly, each scene once, halved once."""

from __future__ import annotations

import functools
import hashlib
import heapq
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

SIDE = 64  # rows and columns that a photo is reduced to, whatever its proportions: places are shares of the photo
MOST_OF_HALF = 64
MOST_DRAWN = 192  # photos of a class that are kept, as some may be copies
_HASH = 16  # rows and columns of the differences that tell scenes apart
_APART = 0.1  # of the most different part of two photos of one scene, as a share of white
_SAME = 12  # of these 256 differences, at most, between photos of one scene (a burst, a copy)

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class AuditedPhoto:
    """number : its place in the list of the run. label, predicted : indices of classes. thumbnail : a JPEG of the whole photo.
    properties : of the photo as it was opened, see ``whole_photo.properties_of``; None where they were not measured."""

    number: int
    path: str
    sha256: str
    label: int
    predicted: int
    thumbnail: bytes = field(repr=False)
    properties: npt.NDArray[np.float32] | None = field(default=None, repr=False)

    @property
    def small(self) -> Pixels:
        """``(SIDE, SIDE, 3)``, of the whole photo, whatever its proportions."""
        return small_photo(self.thumbnail)


@dataclass(frozen=True)
class Halves:
    """The photos of one class that are answered rightly. discovery : candidates come from these. confirmation : they are tried
    with these, and on these those of other classes. copies : photos of a scene that is there already, left out."""

    discovery: list[AuditedPhoto]
    confirmation: list[AuditedPhoto]
    copies: int = 0


@functools.lru_cache(maxsize=4096)
def small_photo(thumbnail: bytes) -> Pixels:
    """A stored thumbnail, stretched to ``(SIDE, SIDE, 3)``."""
    with Image.open(io.BytesIO(thumbnail)) as picture:
        small = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR), np.uint8)
    small.setflags(write=False)
    return small


class Drawing:
    """The photos of a class that come first in an order drawn by their content, of however many: the same photos come first in
    any list."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._heap: list[tuple[int, int, AuditedPhoto]] = []

    def add(self, photo: AuditedPhoto) -> None:
        rank = -int.from_bytes(_drawn(self.seed, photo), "big")
        entry = (rank, -photo.number, photo)
        if len(self._heap) < MOST_DRAWN:
            heapq.heappush(self._heap, entry)
        else:
            heapq.heappushpop(self._heap, entry)

    def halves(self) -> Halves:
        return halves([photo for _, _, photo in self._heap], self.seed)


def _drawn(seed: int, photo: AuditedPhoto) -> bytes:
    return hashlib.sha256(f"{seed} {photo.sha256}".encode()).digest()


def halves(photos: Sequence[AuditedPhoto], seed: int) -> Halves:
    """The photos of one class, in two halves that are drawn by their content: the same photos fall the same way in any list.

    Photos of one scene are counted once, as otherwise one scene would stand on both sides.
    """
    order = sorted(photos, key=lambda photo: (_drawn(seed, photo), photo.number))
    distinct = [order[place] for place in distinct_places([photo.small for photo in order])]
    half = min(MOST_OF_HALF, (len(distinct) + 1) // 2)
    return Halves(distinct[:half], distinct[half : half + MOST_OF_HALF], len(order) - len(distinct))


def distinct_places(pictures: Sequence[Pixels]) -> list[int]:
    """The places of the pictures that look unlike each one before them."""
    hashes = np.zeros((0, _HASH * _HASH), bool)
    kept: list[int] = []
    for place, picture in enumerate(pictures):
        own = _difference_hash(picture)
        alike = np.flatnonzero((hashes != own).sum(axis=1) <= _SAME)
        if any(_most_apart(picture, pictures[kept[other]]) <= _APART for other in alike):
            continue
        hashes = np.vstack([hashes, own])
        kept.append(place)
    return kept


def _most_apart(one: Pixels, other: Pixels) -> float:
    """By how much the most different of 8 × 8 parts of two pictures differ, in the mean, as a share of white: a small object
    before a plain ground changes few bits of the hash, and one part much."""
    parts = (np.abs(one.astype(np.float32) - other) / 255).reshape(8, SIDE // 8, 8, SIDE // 8, 3)
    return float(parts.mean(axis=(1, 3, 4)).max())


def _difference_hash(picture: Pixels) -> npt.NDArray[np.bool_]:
    """Whether each part of a picture is lighter than the one to its left."""
    grey = Image.fromarray(picture).convert("L").resize((_HASH + 1, _HASH), Image.Resampling.BOX)
    values = np.asarray(grey, np.int16)
    lighter: npt.NDArray[np.bool_] = (values[:, 1:] > values[:, :-1]).reshape(-1)
    return lighter


def small_stack(photos: Sequence[AuditedPhoto]) -> npt.NDArray[np.float32]:
    """``(n, SIDE, SIDE, 3)``, shares of white."""
    if not photos:
        return np.zeros((0, SIDE, SIDE, 3), np.float32)
    stack: npt.NDArray[np.float32] = np.stack([photo.small for photo in photos]).astype(np.float32) / np.float32(255)
    return stack


def audited(row: dict[str, Any]) -> AuditedPhoto:
    """A photo of a store's row."""
    return AuditedPhoto(row["number"], row["path"], row["sha256"], row["label_index"], row["predicted_index"], row["thumbnail"])


def in_turn(photos: Iterable[AuditedPhoto], seed: int) -> list[AuditedPhoto]:
    """In an order that their content gives: the same for the same photos, and the classes mixed."""
    return sorted(photos, key=lambda photo: (_drawn(seed, photo), photo.number))
