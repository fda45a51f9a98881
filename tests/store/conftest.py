"""A network whose classes are colours, a folder of photos for it, and runs over them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from embeddings import colours
from fsspec.implementations.memory import MemoryFileSystem
from PIL import Image
from small_nets import Planted

import seewhy

CLASSES = ["red", "green", "blue"]


@pytest.fixture
def memory() -> Iterator[None]:
    """``memory://``, empty before and after."""
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]
    yield
    MemoryFileSystem.store.clear()
    MemoryFileSystem.pseudo_dirs[:] = [""]


@pytest.fixture
def clf(planted: Planted) -> seewhy.Classifier:
    """Three classes: how bright red, green and blue are."""
    return seewhy.Classifier(planted, preprocess=seewhy.Preprocess(size=16), classes=CLASSES)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ten photos in folders that are called red, green and blue, as their colours are; names that need care."""
    for i, photo in enumerate(colours(10)):
        path = tmp_path / "photos" / CLASSES[i % 3] / f"фото {i}\n<b>&.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(photo).save(path)
    return tmp_path / "photos"


@pytest.fixture
def store(clf: seewhy.Classifier, folder: Path, tmp_path: Path) -> seewhy.Store:
    """Shards of four, four and two photos."""
    return seewhy.run(clf, folder, tmp_path / "store", ["grad_cam", "occlusion"], "top2", "folders", shard_size=4)
