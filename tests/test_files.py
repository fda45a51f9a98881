"""Files appear whole or not at all."""

from __future__ import annotations

import json
import os
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest

from seewhy.errors import RecordError
from seewhy.files import in_memory, npz_content, write_whole


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
                write_whole(path, b"new" if name == "replace" else npz_content({}, {"a": np.zeros(9)}))
        if isinstance(stop, OSError):
            assert str(error.value) == f"'{path}' cannot be written: No space left on device."
        assert path.read_text() == "old"
        assert [p.name for p in tmp_path.iterdir()] == ["e.json"], "nothing half-written stays"
    assert write_whole(path, b"new") == path
    assert path.read_bytes() == b"new"


@pytest.mark.parametrize("stop", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_archive_that_is_stopped_leaves_the_old_file(tmp_path: Path, stop: BaseException) -> None:
    class Stops:
        def __array__(self, *_: object, **__: object) -> np.ndarray:
            raise stop

    path = tmp_path / "e.npz"
    path.write_text("old")
    with pytest.raises(RecordError if isinstance(stop, OSError) else KeyboardInterrupt):
        write_whole(path, npz_content({}, {"a": np.zeros(9), "b": Stops()}))
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["e.npz"]


def test_threads_that_write_leave_the_mask_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mask can only be read by setting it: between the two, another thread would read what was set."""
    umask = os.umask

    def slow(mask: int) -> int:
        before = umask(mask)
        time.sleep(0.005)
        return before

    before = umask(0o077)
    try:
        monkeypatch.setattr(os, "umask", slow)
        threads = [threading.Thread(target=write_whole, args=(tmp_path / f"{i}", b"")) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    finally:
        after = umask(before)
    assert after == 0o077


def test_arrays_that_are_kept_plain(tmp_path: Path) -> None:
    arrays = {"map": np.zeros((50, 50), np.float32), "photo": np.zeros((50, 50), np.uint8)}
    path = write_whole(tmp_path / "x.npz", npz_content({"a": "ä"}, arrays, plain=["photo"]))
    with zipfile.ZipFile(path) as archive:
        sizes = {entry.filename: entry.compress_size for entry in archive.infolist()}
    assert sizes["photo.npy"] == 2500 + 128  # and NumPy's header
    assert sizes["map.npy"] < 200
    with np.load(path, allow_pickle=False) as file:
        assert json.loads(str(file["record"])) == {"a": "ä"}
        for name, values in arrays.items():
            np.testing.assert_array_equal(file[name], values)
            assert file[name].dtype == values.dtype


def test_what_would_become_a_file_stays_in_memory(tmp_path: Path) -> None:
    content = npz_content({"format": 1}, {"maps": np.arange(6.0)})
    path = write_whole(tmp_path / "e.npz", content)
    assert in_memory(content) == path.read_bytes()
    assert in_memory(b"{}") == b"{}"
