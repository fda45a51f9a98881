"""A cache of the Hugging Face hub with files of our own, and a hub that does not answer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

DEAD = "http://127.0.0.1:9"  # nothing listens there


def put(cache: Path, repository: str, *files: Path) -> None:
    """Lay files into the cache as if they had been fetched from the repository."""
    folder = cache / f"models--{repository.replace('/', '--')}"
    (folder / "refs").mkdir(parents=True, exist_ok=True)
    (folder / "refs" / "main").write_text("0" * 40)
    snapshot = folder / "snapshots" / ("0" * 40)
    snapshot.mkdir(parents=True, exist_ok=True)
    for file in files:
        shutil.copy(file, snapshot / file.name)


def offline(monkeypatch: pytest.MonkeyPatch, cache: Path) -> None:
    """The hub's package looks into this cache, and the hub does not answer."""
    from huggingface_hub import constants, file_download

    for module in (constants, file_download):
        for name in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
            if hasattr(module, name):
                monkeypatch.setattr(module, name, str(cache))
    monkeypatch.setattr(constants, "ENDPOINT", DEAD)
