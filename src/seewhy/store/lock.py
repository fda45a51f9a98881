"""One run at a time on a store: a file that names the process, locked by the system as long as that lives.

In a bucket, where nothing is locked, an object that names it.
"""

from __future__ import annotations

import json
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from seewhy.errors import RecordError, StoreError
from seewhy.store.places import LocalFolder, Place, RemoteFolder, folder_at

LOCK = "run.lock"


@contextmanager
def locked(place: Place) -> Iterator[None]:
    """Hold the store's lock. What a dead process of this machine left is taken over: the system frees its lock.

    Elsewhere no system does: there an object that names its holder is the lock, see :func:`_named`.
    Raises StoreError: another run holds it, or one of another machine did not end, which may not see this system's locks.
    """
    folder = folder_at(place)
    with _flocked(folder.path) if isinstance(folder, LocalFolder) else _named(folder):
        yield


@contextmanager
def _flocked(store: Path) -> Iterator[None]:
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
        try:
            yield
        finally:
            with suppress(StoreError):  # what went wrong before says more; and the next run takes over what a dead one left
                _write(descriptor, {}, store)
    finally:
        os.close(descriptor)  # frees the lock


@contextmanager
def _named(store: RemoteFolder) -> Iterator[None]:
    """A lock in a bucket: an object with process, host and time, deleted at the end.

    It is looked at before it is written, and again afterwards; two runs that begin at the same moment can still both take it. Of
    a process of this host that is dead it is taken over; of other hosts nothing can be known.
    """
    mine = {"process": os.getpid(), "host": socket.gethostname(), "since": f"{datetime.now(timezone.utc):%Y-%m-%d %H:%M:%S} UTC"}
    try:
        _refuse_held(store, _object(store))
        store.write(LOCK, json.dumps(mine | {"token": (token := uuid.uuid4().hex)}).encode())
        holder = _object(store)
    except RecordError as error:
        if isinstance(error, StoreError):
            raise
        reason = error.__cause__.strerror if isinstance(error.__cause__, OSError) else error.line
        raise StoreError(f"The store '{store}' cannot be written: {reason}.") from error
    except OSError as error:
        raise StoreError(f"The store '{store}' cannot be reached: {error.strerror}.") from error
    if holder.get("token") != token:
        _refuse_held(store, holder)
        raise StoreError(f"The store '{store}' does not give back what is written there: write another store.")
    _held.add(store.address)
    try:
        yield
    finally:
        _held.discard(store.address)
        with suppress(OSError):  # what went wrong before says more
            store.delete(LOCK)


_held: set[str] = set()  # by this process, which may have the number of a dead one


def _object(store: RemoteFolder) -> dict[str, Any]:
    """What the lock says; empty where there is none. Raises OSError."""
    try:
        holder = json.loads(store.read(LOCK) or b"{}")
    except FileNotFoundError:
        return {}
    except ValueError:
        return {"process": "?", "host": "?"}
    return holder if isinstance(holder, dict) else {}


def _refuse_held(store: RemoteFolder, holder: dict[str, Any]) -> None:
    if not holder or (holder.get("host") == socket.gethostname() and not _lives(holder.get("process"), store.address)):
        return
    raise StoreError(
        f"The store '{store}' is in use by another run ({_in_words(holder)}, since {holder.get('since', '?')}), or that run was "
        f"killed: if it is dead, delete '{store.shown(LOCK)}'."
    )


def _lives(process: Any, address: str) -> bool:
    """True for a process of this machine that may hold the lock."""
    if process == os.getpid():
        return address in _held
    if os.name == "nt" or not isinstance(process, int):  # where asking would end it
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


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
