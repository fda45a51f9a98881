"""Photos as points, made by hand."""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np

from seewhy.features.embed import Embedding
from seewhy.records import Prediction


def blobs(groups: int = 3, each: int = 20, columns: int = 5, apart: float = 8.0) -> np.ndarray:
    """Gaussian groups, one after the other."""
    random = np.random.default_rng(0)
    centres = apart * random.normal(size=(groups, columns))
    return (centres.repeat(each, axis=0) + random.normal(size=(groups * each, columns))).astype(np.float32)


def made(points: Any, labels: Any = None, predictions: Any = None, **changes: Any) -> Embedding:
    """An embedding by hand: labels and predictions are class indices."""
    points = np.asarray(points, dtype=np.float32)
    count = len(points)
    predictions = predictions or [0] * count
    labels = labels or [None] * count
    fields = {
        "points": points,
        "features": points,
        "scores": np.full((count, 30), 1 / 30, np.float32),
        "predictions": [Prediction(f"class {index}", index, 0.5) for index in predictions],
        "labels": [None if index is None else f"class {index}" for index in labels],
        "label_indices": labels,
        "names": [f"{i}.jpg" for i in range(count)],
        "paths": [None] * count,
        "numbers": list(range(count)),
        "thumbnails": [np.full((6, 8, 3), 10 * i % 250, np.uint8) for i in range(count)],
        "pixels": np.zeros((count, 3, 16, 16), np.float32),
        "layer": "relu",
        "method": "tsne",
        "settings": {"pool": "mean"},
        "details": {"perplexity": 2.0, "kl_divergence": 0.1},
    }
    return Embedding(**(fields | changes))


def colours(count: int, seed: int = 0) -> list[np.ndarray]:
    """Photos of one bright channel each, taking turns, with noise."""
    random = np.random.default_rng(seed)
    photos = random.integers(0, 90, (count, 16, 20, 3), dtype=np.uint8)
    for i, photo in enumerate(photos):
        photo[..., i % 3] += 160
    return list(photos)


def data_of(text: str) -> dict[str, Any]:
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert match is not None
    data: dict[str, Any] = json.loads(match[1])
    return data
