"""One run at a time on a store: a file that names the process, locked by the system as long as that lives."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from seewhy.errors import StoreError

LOCK = "run.lock"


@contextmanager
def locked(store: Path) -> Iterator[None]:
    """Hold the store's lock. What a dead process of this machine left is taken over: the system frees its lock.

    Raises StoreError: another run holds it, or one of another machine did not end, which may not see this system's locks.
    """
    path = store / LOCK
    try:
        store.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
    except OSError as error:
        raise StoreError(f"The store '{store}' cannot be written: {error.strerror or error}.") from error
    try:
        free = _lock(descriptor)
        holder = _holder(descriptor)
        if not free:
            raise StoreError(
                f"The store '{store}' is in use by another run ({_in_words(holder)}): wait for its end, or write another store."
            )
        if holder.get("host", socket.gethostname()) != socket.gethostname():
            raise StoreError(
                f"The store '{store}' is in use by a run on another machine ({_in_words(holder)}), or that run was killed: if it "
                f"is dead, delete '{path}'."
            )
        _write(descriptor, {"process": os.getpid(), "host": socket.gethostname()}, store)
        yield
        _write(descriptor, {}, store)
    except StoreError:
        raise
    except BaseException:
        _write(descriptor, {}, store)
        raise
    finally:
        os.close(descriptor)  # frees the lock


def _lock(descriptor: int) -> bool:
    """False where another process, or another run of this one, has it."""
    try:
        import fcntl
    except ImportError:  # Windows: the file says who, and nothing more
        return True
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def _holder(descriptor: int) -> dict[str, Any]:
    """What the file says of the run that holds it; empty where none does."""
    try:
        os.lseek(descriptor, 0, os.SEEK_SET)
        holder = json.loads(os.read(descriptor, 4096).decode() or "{}")
    except (ValueError, OSError):  # killed while it was written
        return {}
    return holder if isinstance(holder, dict) else {}


def _in_words(holder: dict[str, Any]) -> str:
    return f"process {holder.get('process', '?')} on {holder.get('host', '?')}"


def _write(descriptor: int, holder: dict[str, Any], store: Path) -> None:
    try:
        os.ftruncate(descriptor, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
        os.write(descriptor, json.dumps(holder).encode() if holder else b"")
    except OSError as error:
        raise StoreError(f"The store '{store}' cannot be written: {error.strerror or error}.") from error
