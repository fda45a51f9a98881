"""Commands run in a fresh folder, and photos for them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

import seewhy
from seewhy import cli


@pytest.fixture
def run(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Callable[..., tuple[int, str, str]]:
    """Run a command in a fresh folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as end:
            cli.main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return int(end.value.code or 0), captured.out, captured.err

    return call


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """A folder with two scenes, one of them one folder deeper, a broken file and a text file."""
    folder = tmp_path / "photos"
    (folder / "deeper").mkdir(parents=True)
    for place, scene in zip(("a.png", "deeper/a.png"), seewhy.demo.scenes(2, seed=11), strict=True):
        Image.fromarray(scene.photo).save(folder / place)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 no more")
    (folder / "notes.txt").write_text("not a photo")
    return folder
