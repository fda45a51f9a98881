from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import buckets
import pytest

from seewhy.errors import StoreError
from seewhy.store.lock import LOCK, locked
from seewhy.store.places import RemoteFolder, folder_at

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


def test_in_a_bucket_an_object_is_the_lock(memory: None) -> None:
    store = folder_at("memory://bucket/store")
    with locked(store):
        holder = json.loads(store.read(LOCK))
        assert (holder["process"], holder["host"]) == (os.getpid(), socket.gethostname())
        with pytest.raises(StoreError) as refused, locked("memory://bucket/store"):
            pass
        assert str(refused.value) == (
            f"The store 'memory://bucket/store' is in use by another run (process {os.getpid()} on {socket.gethostname()}, since "
            f"{holder['since']}), or that run was killed: if it is dead, delete 'memory://bucket/store/run.lock'."
        )
    assert store.names() == []
    with pytest.raises(KeyboardInterrupt), locked(store):
        raise KeyboardInterrupt
    assert store.names() == []


@pytest.mark.parametrize("dead", ["another process", "one that had our number"])
def test_in_a_bucket_that_of_a_dead_process_of_this_host_is_taken_over(memory: None, dead: str) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
    number = process.pid if dead == "another process" else os.getpid()
    store = folder_at("memory://bucket/store")
    store.write(LOCK, json.dumps({"process": number, "host": socket.gethostname()}).encode())
    with locked(store):
        assert json.loads(store.read(LOCK))["process"] == os.getpid()


@pytest.mark.parametrize("content", [b'{"process": 12, "host": "elsewhere", "since": "yesterday"}', b'{"proc'])
def test_in_a_bucket_that_of_another_host_is_not(memory: None, content: bytes) -> None:
    store = folder_at("memory://bucket/store")
    store.write(LOCK, content)
    with (
        pytest.raises(StoreError, match=r"process (12 on elsewhere, since yesterday|\? on \?, since \?)\), or that"),
        locked(store),
    ):
        pass
    assert store.read(LOCK) == content


def test_in_a_bucket_the_one_that_wrote_last_has_it(memory: None, monkeypatch: pytest.MonkeyPatch) -> None:
    store = folder_at("memory://bucket/store")
    assert isinstance(store, RemoteFolder)
    write = RemoteFolder.write

    def beaten(folder: RemoteFolder, name: str, content: bytes) -> None:
        write(folder, name, content)
        write(folder, name, b'{"process": 12, "host": "elsewhere", "token": "other"}')

    monkeypatch.setattr(RemoteFolder, "write", beaten)
    with pytest.raises(StoreError, match="process 12 on elsewhere"), locked(store):
        pass
    assert json.loads(store.read(LOCK))["token"] == "other"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("readonly://bucket", "The store 'readonly://bucket' cannot be written: Access Denied."),
        ("unreachable://bucket", "The store 'unreachable://bucket' cannot be reached: Could not connect to the endpoint."),
    ],
)
def test_a_bucket_that_takes_nothing_is_one_line(memory: None, url: str, message: str) -> None:
    buckets.register()
    with pytest.raises(StoreError) as refused, locked(url):
        pass
    assert str(refused.value) == message


def test_a_run_that_fails_leaves_no_name(tmp_path: Path) -> None:
    """Another machine, which sees no lock of this one, is not kept out by it."""
    with pytest.raises(StoreError, match="refused"), locked(tmp_path):
        raise StoreError("refused")
    assert (tmp_path / LOCK).read_bytes() == b""
