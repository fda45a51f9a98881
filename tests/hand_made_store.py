"""A store whose rows were written by hand: every map and every answer is known."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import seewhy
from seewhy.store.manifest import Manifest, ShardEntry, UnreadPhoto, shard_file
from seewhy.store.maps import PackedMaps
from seewhy.store.rows import table, table_bytes

SIZE = (96, 128)  # of the photos


@dataclass
class HandMadeRow:
    """label, predicted : indices. maps : by class the map (h, w), of each method. seen : columns of the photo from, to."""

    label: int | None
    predicted: int
    score: float
    maps: dict[int, Any] | list[dict[int, Any]] = field(default_factory=dict)
    path: str = ""
    embedding: list[float] | None = None
    seen: tuple[float, float] = (0.0, 128.0)
    by_class: bool = True


def spot(row: int, column: int, side: int = 8) -> Any:
    """A map (side, side) with one bright cell."""
    values = np.zeros((side, side), np.float32)
    values[row, column] = 1
    return values


def _jpeg(grey: int) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif[0x010E] = "GPS of a camera"
    Image.new("RGB", (SIZE[1], SIZE[0]), (grey, 90, 160)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def _explanation(maps: dict[int, Any], classes: Sequence[str], method: str, by_class: bool) -> dict[str, Any]:
    packed = PackedMaps.of(np.stack(list(maps.values())).astype(np.float32) if maps else np.zeros((0, 8, 8), np.float32))
    return {
        "method": method,
        "targets": [{"name": classes[i], "index": i, "score": 0.5, "rank": 1, "against": None} for i in maps],
        **vars(packed),
        "signed": True,
        "units": "",
        "layer": "block4",
        "by_class": by_class,
        "partial": False,
        "settings": "{}",
        "seed": 0,
        "cost": {"forward": 1.0, "backward": 0.0, "seconds": 0.0},
        "notes": [],
        "note_targets": [],
        "details": "{}",
        "sample_grid": None,
    }


def hand_made(
    folder: Path,
    rows: Sequence[HandMadeRow],
    classes: Sequence[str] = ("bear", "cow", "sheep"),
    methods: Sequence[str] = ("grad_cam",),
    unread: Sequence[UnreadPhoto] = (),
    listed: int | None = None,
    model: str = "demo:shortcut",
    notes: Sequence[str] = (),
    shard_size: int = 256,
) -> seewhy.Store:
    """Written into ``folder`` and opened. listed : photos of the run, None: all are in."""
    made = []
    for number, row in enumerate(rows):
        by_method = row.maps if isinstance(row.maps, list) else [row.maps]
        (left, right) = row.seen
        made.append(
            {
                "number": number,
                "path": row.path or f"{number}.jpg",
                "sha256": "",
                "height": SIZE[0],
                "width": SIZE[1],
                "label": None if row.label is None else classes[row.label],
                "label_index": row.label,
                "predicted": classes[row.predicted],
                "predicted_index": row.predicted,
                "score": row.score,
                "wrong": None if row.label is None else row.label != row.predicted,
                "predictions": [],
                "geometry": {
                    "photo": list(SIZE),
                    "input": [64, 64],
                    "rows": [SIZE[0] / 64, 0.0],
                    "columns": [(right - left) / 64, left],
                },
                "thumbnail": _jpeg(number % 256),
                "embedding": row.embedding,
                "explanations": [
                    _explanation(maps, classes, method, row.by_class) for maps, method in zip(by_method, methods, strict=True)
                ],
            }
        )
    manifest = Manifest(
        model={
            "name": model,
            "weights": "abc",
            "classes": list(classes),
            "head": "softmax",
            "preprocessing": "64×64",
            "precision": "exact",
            "display": None,
        },
        settings={
            "methods": [{"name": name} for name in methods],
            "target": "top1",
            "seed": 0,
            "shard_size": shard_size,
            "embedding": "block4",
        },
        photos={"root": "../home/somebody/photos", "count": listed or len(rows) + len(unread), "paths": "p", "labels": "l"},
        notes=list(notes),
    )
    for number, start in enumerate(range(0, len(rows), shard_size)):
        part = made[start : start + shard_size]
        content = table_bytes(table(part))
        (folder / shard_file(number)).parent.mkdir(parents=True, exist_ok=True)
        (folder / shard_file(number)).write_bytes(content)
        left_out = list(unread) if number == 0 else []
        sha256 = hashlib.sha256(content).hexdigest()
        manifest.shards[number] = ShardEntry(shard_file(number), len(part), sha256, left_out, {"seewhy": "0", "torch": "2"})
    folder.mkdir(parents=True, exist_ok=True)
    manifest.write(folder)
    return seewhy.Store.open(folder)
