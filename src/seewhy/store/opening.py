"""A photo of a run, opened from where it lies: a file, an object in a bucket, a part of a tar."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seewhy import rasters
from seewhy.errors import PhotoError
from seewhy.records import Photo
from seewhy.store.places import Folder, LocalFolder
from seewhy.store.tars import Member, read_member


def open_photo(read: Callable[[Any], Photo], root: Folder, path: str, member: Member | None) -> tuple[Photo, str]:
    """The photo, and the hash of the very bytes that it was read from. read : of a classifier. member : of a photo in a tar.

    Raises PhotoError, without any path of this machine: a store may be passed on.
    """
    if printable(path) != path:
        raise PhotoError(f"'{printable(path)}' has a name that is not in UTF-8, which no table can hold: rename it.")
    name = path.replace("\n", "\\n")  # in a line
    try:
        if member is None and isinstance(root, LocalFolder):
            return _from_file(read, root.path / path, name)
        content = root.read(path) if member is None else read_member(root, member, path)
        return read_bytes(read, content, path), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{name}'.") from None
    except OSError as error:
        raise PhotoError(f"'{name}' cannot be opened: {error.strerror}.") from None


def read_bytes(read: Callable[[Any], Photo], content: bytes, path: str) -> Photo:
    """A photo whose file is in memory. Raises PhotoError."""
    file = Path(posixpath.basename(path))
    name = path.replace("\n", "\\n")
    try:
        is_array = file.suffix.lower() in rasters.ARRAY_SUFFIXES
        photo = read(rasters.read_array(file, content) if is_array else content)
    except PhotoError as error:
        text = str(error).replace("these bytes", f"'{name}'").replace(f"'{file}'", f"'{name}'")
        raise PhotoError(text) from error
    return dataclasses.replace(photo, name=file.name)


def _from_file(read: Callable[[Any], Photo], file: Path, name: str) -> tuple[Photo, str]:
    before = file.stat()
    sha256 = file_hash(file)
    try:
        photo = read(file)
    except PhotoError as error:
        raise PhotoError(str(error).replace(str(file), name)) from error
    after = file.stat()
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise PhotoError(f"'{name}' changed while it was read: try it again.")
    return photo, sha256


def file_hash(file: Path) -> str:
    """The SHA-256 of a file's bytes. Raises OSError."""
    with file.open("rb") as opened:
        digest = hashlib.sha256()
        while part := opened.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def printable(path: str) -> str:
    """A path as text that can be written: bytes that are no UTF-8 show as a replacement sign."""
    return os.fsencode(path).decode("utf-8", "replace")
