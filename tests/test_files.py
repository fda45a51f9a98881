"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from seewhy.errors import RecordError
from seewhy.files import write_whole


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_what_stops_the_writing_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stop: BaseException) -> None:
    path = tmp_path / "e.json"
    path.write_text("old")

    def fails(*_: object) -> None:
        raise stop

    for name in ("replace", "chmod"):
        with monkeypatch.context() as patch:
            patch.setattr(os, name, fails)
            with pytest.raises(RecordError if isinstance(stop, OSError) else KeyboardInterrupt) as error:
                write_whole(path, b"new")
        if isinstance(stop, OSError):
            assert str(error.value) == f"'{path}' cannot be written: No space left on device."
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["e.json"], "nothing half-written stays"
    assert write_whole(path, b"new") == path
    assert path.read_bytes() == b"new"
