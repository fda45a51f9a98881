"""What a store knows of its photos' features, for an embedding without the network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from seewhy.errors import StoreError
from seewhy.features.embed import THUMBNAIL, TINY
from seewhy.features.folder import reduced
from seewhy.features.known import KnownFeatures
from seewhy.features.labels import sample
from seewhy.records import Prediction
from seewhy.store.manifest import Manifest, UnreadPhoto
from seewhy.store.reading import thumbnail_photo

_INPUT = 4 * TINY  # rows and columns that are cut out of a thumbnail, before their means are taken
_COLUMNS = ("path", "label", "label_index", "predictions", "geometry", "thumbnail", "embedding")


def known_features(
    read: Callable[..., Any],
    manifest: Manifest,
    photo_file: Callable[[str], Path],
    most: int,
    unread: Sequence[UnreadPhoto],
) -> KnownFeatures:
    """The features of at most ``most`` rows, label by label an even sample.

    read : gives columns as a table, of all rows or of those with some numbers. photo_file : where a photo lies now.
    Raises StoreError where no features are stored.
    """
    listed_rows = read(["number", "label"])
    (numbers, labels) = (listed_rows["number"].to_pylist(), listed_rows["label"].to_pylist())
    layer = manifest.settings["embedding"]
    if layer is None:
        raise StoreError(
            "The store holds no features: the inside of its network could not be watched. seewhy.embed(clf, photos, 'scores') "
            "places the photos by their scores."
        )
    total = len(numbers)
    places = list(range(total)) if total <= most else sample(labels if any(labels) else None, total, most)
    rows = read(_COLUMNS, None if len(places) == total else [numbers[place] for place in places]).to_pylist()
    classes = len(manifest.model["classes"])
    photos = [thumbnail_photo(row, manifest, (_INPUT, _INPUT)) for row in rows]
    scores = np.full((len(rows), classes), np.nan, np.float32)
    for row, of_row in zip(rows, scores, strict=True):
        of_row[[prediction["index"] for prediction in row["predictions"]]] = [
            prediction["score"] for prediction in row["predictions"]
        ]
    tiny = [torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(photo.pixels), TINY).numpy() for photo in photos]
    notes = ["tiny pixels are those of the stored thumbnails"]
    if classes > len(rows[0]["predictions"] if rows else ()):
        notes.append("the store has the scores of each photo's first five classes; the others are NaN")
    if unread:
        photos_unread = "1 photo" if len(unread) == 1 else f"{len(unread)} photos"
        (are, them) = ("is", "it") if len(unread) == 1 else ("are", "them")
        notes.append(
            f"{photos_unread} could not be read when the store was made and {are} not shown: the store's .unread lists {them}"
        )
    return KnownFeatures(
        total=total,
        features=np.array([row["embedding"] for row in rows], np.float32),
        scores=scores,
        predictions=[Prediction(**row["predictions"][0]) for row in rows],
        labels=[row["label"] for row in rows],
        label_indices=[row["label_index"] for row in rows],
        names=[row["path"] for row in rows],
        paths=[photo_file(row["path"]) for row in rows],
        numbers=places,
        thumbnails=[np.ascontiguousarray(reduced(photo, THUMBNAIL).original) for photo in photos],
        pixels=np.array(tiny),
        layer=layer,
        notes=notes,
        skipped=[(photo.path, photo.reason) for photo in unread],
        model=manifest.model["name"],
        weights=manifest.model["weights"],
        preprocessing=manifest.model["preprocessing"],
    )
