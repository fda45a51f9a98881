from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from seewhy.errors import StoreError
from seewhy.store.lock import LOCK, locked

HOLD = """
import sys
from pathlib import Path
from seewhy.store.lock import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_a_second_run_is_refused_by_name_and_a_later_one_is_not(tmp_path: Path) -> None:
    with locked(tmp_path / "store"):
        with pytest.raises(StoreError) as refused, locked(tmp_path / "store"):
            pass
        assert str(refused.value) == (
            f"The store '{tmp_path / 'store'}' is in use by another run (process {os.getpid()} on {socket.gethostname()}): wait "
            "for its end, or write another store."
        )
    with locked(tmp_path / "store"):
        assert json.loads((tmp_path / "store" / LOCK).read_text())["process"] == os.getpid()
    assert (tmp_path / "store" / LOCK).read_text() == ""


def test_of_a_process_that_was_killed_it_is_taken_over(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", HOLD, tmp_path], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(StoreError, match=f"process {process.pid} on "), locked(tmp_path):
            pass
        process.kill()
    assert json.loads((tmp_path / LOCK).read_text())["process"] == process.pid
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


def test_that_of_another_machine_is_not(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"process": 12, "host": "elsewhere"}')
    with pytest.raises(StoreError) as refused, locked(tmp_path):
        pass
    assert str(refused.value) == (
        f"The store '{tmp_path}' is in use by a run on another machine (process 12 on elsewhere), or that run was killed: if it "
        f"is dead, delete '{tmp_path / LOCK}'."
    )
    assert (tmp_path / LOCK).read_text() == '{"process": 12, "host": "elsewhere"}'


def test_half_a_lock_is_none(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text('{"proc')
    with locked(tmp_path):
        assert json.loads((tmp_path / LOCK).read_text())["process"] == os.getpid()


def test_after_an_error_it_is_free(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), locked(tmp_path):
        raise KeyboardInterrupt
    assert (tmp_path / LOCK).read_text() == ""


def test_a_place_that_takes_no_files_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError) as refused, locked(tmp_path / "file" / "store"):
        pass
    assert str(refused.value) == f"The store '{tmp_path / 'file' / 'store'}' cannot be written: Not a directory."
