"""A photo of a run, opened from where it lies: a file, an object in a bucket, a part of a tar."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import posixpath
from collections.abc import Callable
from pathlib import Path
from typing import Any

from seewhy.edits import edit_of
from seewhy.errors import PhotoError, SeewhyError
from seewhy.photo import Picture
from seewhy.rasters import NamedFile, check_regular
from seewhy.records import Photo
from seewhy.store.places import Folder, LocalFolder
from seewhy.store.tars import Member, find_member, read_member


def open_photo(
    read: Callable[[Any], Photo], root: Folder, path: str, member: Member | None, query: str = ""
) -> tuple[Photo, str]:
    """The photo, and the hash of the very bytes that it was read from. read : of a classifier. member : of a photo in a tar.
    query : what follows the path where it is read, the signature of a URL.

    Raises PhotoError, without any path of this machine: a store may be passed on. Any other error of reading becomes one, too:
    a run goes on, whatever a library stumbles over in one of its photos.
    """
    if printable(path) != path:
        raise PhotoError(f"'{printable(path)}' has a name that is not in UTF-8, which no table can hold: rename it.")
    name = _in_a_line(path)
    try:
        if member is None and isinstance(root, LocalFolder):
            return _from_file(read, root.path / path, name)
        content = root.read(path + query) if member is None else read_member(root, member, path)
        return read(named_file(path, content)), hashlib.sha256(content).hexdigest()
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{name}'.") from None
    except OSError as error:
        raise PhotoError(f"'{name}' cannot be opened: {error.strerror}.") from None
    except SeewhyError:
        raise
    except Exception as error:
        raise PhotoError(f"'{name}' cannot be read ({type(error).__name__}: {_first_line(error)}).") from error


def named_file(path: str, content: bytes) -> NamedFile:
    """A photo whose file is in memory, as a reader takes it. path : from the photos' root."""
    return NamedFile(Path(posixpath.basename(path)), _in_a_line(path), content)


def edited(picture_of: Callable[[Any], Picture], root: Folder, source: Any, edit: dict[str, Any]) -> Picture:
    """A photo of a run with an edit's change in it. picture_of : opens a photo. Raises PhotoError."""
    change = edit_of(edit)
    picture = picture_of(source)
    values = change.apply(picture.values, lambda other: picture_of(_source(root, other)).values)
    return dataclasses.replace(picture, values=values, notes=(*picture.notes, f"an edited photo, {change.words}"))


def _source(root: Folder, path: str) -> NamedFile:
    """Another photo below the root. Raises PhotoError."""
    try:
        member = find_member(root, path)
        if member is None and isinstance(root, LocalFolder):
            return NamedFile(root.path / path, _in_a_line(path))
        content = root.read(path) if member is None else read_member(root, member, path)
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{_in_a_line(path)}'.") from None
    except OSError as error:
        raise PhotoError(f"'{_in_a_line(path)}' cannot be opened: {error.strerror}.") from None
    return named_file(path, content)


def _from_file(read: Callable[[Any], Photo], file: Path, name: str) -> tuple[Photo, str]:
    before = file.stat()
    sha256 = file_hash(file)
    photo = read(NamedFile(file, name))
    after = file.stat()
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise PhotoError(f"'{name}' changed while it was read: try it again.")
    return photo, sha256


def file_hash(file: Path) -> str:
    """The SHA-256 of a file's bytes. Raises OSError, also for a pipe or a device."""
    check_regular(file)
    with file.open("rb") as opened:
        digest = hashlib.sha256()
        while part := opened.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def _first_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason is given"])[0].rstrip(".")


def _in_a_line(path: str) -> str:
    return path.replace("\n", "\\n")


def printable(path: str) -> str:
    """A path as text that can be written: bytes that are no UTF-8 show as a replacement sign."""
    return os.fsencode(path).decode("utf-8", "replace")
