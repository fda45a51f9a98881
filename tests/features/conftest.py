"""A network whose classes are colours, and a folder of photos for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from embeddings import colours
from PIL import Image
from small_nets import Planted

import seewhy


@pytest.fixture
def clf(planted: Planted) -> seewhy.Classifier:
    """Three classes: how bright red, green and blue are."""
    return seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16), classes=["red", "green", "blue"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Twelve photos in folders named after their classes, with names that need care."""
    names = ["red", "green", "blue"]
    for i, photo in enumerate(colours(12)):
        path = tmp_path / "photos" / names[i % 3] / f"фото {i} <b>&.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(path)
    return tmp_path / "photos"
