"""A photo of a run, opened from where it lies: a file, an object in a bucket, a part of a tar."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import posixpath
import threading
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from seewhy.edits import edit_of
from seewhy.errors import PhotoError, SeewhyError
from seewhy.photo import Picture
from seewhy.rasters import NamedFile, check_regular
from seewhy.store.places import Folder, LocalFolder
from seewhy.store.tars import Member, find_member, read_member

Opened = TypeVar("Opened")  # a photo, or the picture that it is made of


def open_photo(
    read: Callable[[Any], Opened], root: Folder, path: str, member: Member | None, query: str = ""
) -> tuple[Opened, str]:
    """The photo, and the hash of the very bytes that it was read from. read : of a classifier, or what opens a picture.
    member : of a photo in a tar. query : what follows the path where it is read, the signature of a URL.

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


class OpenedPictures:
    """Pictures that were opened lately, each once: of a run with edits many rows take the same ones. For several threads.

    picture_of : opens a picture. most : bytes that are kept; a picture of more is opened each time.
    """

    def __init__(self, picture_of: Callable[[Any], Picture], most: int = 64_000_000) -> None:
        (self._picture_of, self._most) = (picture_of, most)
        self._opened: OrderedDict[Any, Picture] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def __call__(self, source: NamedFile) -> Picture:
        """Raises what opening raises, each time."""
        key = _key_of(source)
        with self._lock:
            if key in self._opened:
                self._opened.move_to_end(key)
                return self._opened[key]
        picture = self._picture_of(source)
        with self._lock:
            if key not in self._opened and picture.values.nbytes <= self._most:
                self._opened[key] = picture
                self._bytes += picture.values.nbytes
                while self._bytes > self._most:
                    (_, oldest) = self._opened.popitem(last=False)
                    self._bytes -= oldest.values.nbytes
        return picture


def _key_of(source: NamedFile) -> Any:
    """What changes when the picture does."""
    if source.content is not None:
        return (source.name, hashlib.sha256(source.content).digest())
    try:
        status = source.path.stat()
    except OSError:
        return (source.path, None)  # opening says what is wrong
    return (source.path, status.st_mtime_ns, status.st_size)


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


def _from_file(read: Callable[[Any], Opened], file: Path, name: str) -> tuple[Opened, str]:
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
