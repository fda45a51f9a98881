"""Reduced photos with a known content."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
from PIL import Image

from seewhy.audit.photos import SIDE, AuditedPhoto, Pixels


def noise(seed: int) -> Pixels:
    """Smooth enough to have places, different for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (SIDE // 4, SIDE // 4, 3), np.uint8)
    return coarse.repeat(4, axis=0).repeat(4, axis=1)


STAMP = np.random.default_rng(99).integers(0, 256, (10, 14, 3), np.uint8)
ROWS, COLUMNS = slice(50, 60), slice(4, 18)


def stamped(picture: Pixels) -> Pixels:
    changed = picture.copy()
    changed[ROWS, COLUMNS] = STAMP
    return changed


def picture_file(picture: Pixels) -> bytes:
    """A thumbnail without losses."""
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


def photo(picture: Pixels, number: int = 0, label: int = 0, predicted: int | None = None) -> AuditedPhoto:
    thumbnail = picture_file(picture)
    return AuditedPhoto(
        number, f"{label}/{number}.png", f"{number:064x}", label, label if predicted is None else predicted, thumbnail
    )


def photos(pictures: Sequence[Pixels], label: int = 0, first: int = 0) -> list[AuditedPhoto]:
    return [photo(picture, first + place, label) for place, picture in enumerate(pictures)]
