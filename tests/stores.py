"""Stores made by hand, and what stores of the same photos must have in common."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from seewhy.edits import Edit
from seewhy.explanation import Explanation
from seewhy.geometry import Geometry
from seewhy.records import Photo, Prediction, Target
from seewhy.store import Store
from seewhy.store.manifest import Manifest, ShardWriter
from seewhy.store.rows import StoredPhoto, row, table, table_bytes, thumbnail


def timeless(rows: Any) -> list[dict[str, Any]]:
    """The rows without what they cost: seconds, and the trials of the first photo after a start."""
    plain = rows.to_pylist()
    for one in plain:
        for explanation in one["explanations"]:
            del explanation["cost"]
    return plain


CLASSES = ["bear", "cow", "sheep"]


def stored_answers(
    folder: Path,
    answers: Sequence[tuple[str | None, str]],
    names: Sequence[str] | None = None,
    maps: Sequence[Any] | None = None,
    method: str = "grad_cam",
    targets: Sequence[str] | None = None,
    seed: int = 0,
    edits: Sequence[Edit | None] = (),
) -> Store:
    """A store by hand, without a network: a true and a predicted class for each photo, whose pixels follow from its name.

    maps : one of 3 x 4 for each photo, else noise. targets : the classes of the maps; None: the predicted ones. edits : as of a
    run; each photo then has so many answers, one after the other, and its pixels are those of the photo as it is.
    """
    random = np.random.default_rng(seed)
    records = [None if edit is None else json.loads(json.dumps(edit.record())) for edit in edits]
    each = max(1, len(edits))
    names = names or [f"{number}.png" for number in range(len(answers) // each)]
    names = [name for name in names for _ in range(each)]
    geometry = Geometry((30, 40), (30, 40), (1.0, 0.0), (1.0, 0.0))
    rows = []
    photos = folder.parent / "photos"
    for number, (name, (label, predicted)) in enumerate(zip(names, answers, strict=True)):
        own = int(hashlib.sha256(Path(name).name.encode()).hexdigest()[:8], 16)
        pixels = np.random.default_rng(own).integers(0, 256, (30, 40, 3), dtype=np.uint8)
        (photos / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(photos / name)
        photo = Photo(pixels, np.moveaxis(pixels, -1, 0).astype(np.float32), geometry, name, "as they are")
        map = random.normal(size=(3, 4)) if maps is None else maps[number]
        target = predicted if targets is None else targets[number]
        explanation = Explanation(
            np.asarray(map, np.float32)[None],
            signed=True,
            targets=[Target(target, CLASSES.index(target), 0.5, 1)],
            method=method,
            photo=photo,
            units="logit",
            seed=0,
            predictions=[Prediction(predicted, CLASSES.index(predicted), 0.5 + number / 1000)],
        )
        index = None if label is None else CLASSES.index(label)
        sha256 = hashlib.sha256((photos / name).read_bytes()).hexdigest()
        kept = StoredPhoto(number, name, records[number % each] if edits else None, sha256, geometry, thumbnail(photo), index)
        rows.append(row(kept, CLASSES, explanation.predictions, [explanation], None))
    manifest = Manifest(
        model={"name": f"{folder.name}-net", "weights": "", "classes": CLASSES, "preprocessing": "as they are", "display": None},
        settings={"methods": [{"name": method}], "shard_size": 4, "embedding": None},
        photos={"root": "../photos", "count": len(rows), "edits": records},
    )
    manifest.write(folder)
    for number in manifest.numbers:
        part = rows[4 * number : 4 * number + 4]
        with ShardWriter(folder, manifest) as writer:
            writer.put(number, table_bytes(table(part)), len(part), [], {})
    return Store.open(folder)
