"""Where photos and stores lie: a folder of this machine, or one elsewhere, which fsspec reaches (``s3://``, ``gs://``, ...).

Both kinds have the same few methods, and raise OSError alone, whose ``strerror`` is for people. Names are seen from the folder,
with "/". Both are plain data, which can travel to other machines, and can be read by many threads at once.
"""

from __future__ import annotations

import contextlib
import errno
import functools
import glob
import os
import posixpath
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from seewhy.errors import MissingExtraError, OptionError, RecordError, did_you_mean
from seewhy.files import write_whole
from seewhy.photo import PHOTO_SUFFIXES, photo_names_below
from seewhy.rasters import check_regular

_ON_THIS_MACHINE = ("file", "local")
_PASSWORD = re.compile(r"://[^/@:]*(:(?!\d+/)[^@]*)?@")  # name:password@, but not the port of host:22/
_SIGNATURE = re.compile(r"\?[^/?]*=.*$")
_QUOTED_QUERY = re.compile(r"\?[^\s?'\"<>()]*=[^\s'\"<>()]*")  # of a URL in a sentence
_SHORTENED = re.compile(r"[a-z][a-z0-9+.-]+:/[^/]")
_HIDDEN = re.compile(r"(^|/)\.")
_PLAIN_HTTP = ("http", "https")  # where a ? begins what is asked for, and is no pattern


def is_url(place: Any) -> bool:
    """True for a text like ``s3://bucket/photos``."""
    return isinstance(place, str) and "://" in place


def without_secrets(url: str) -> str:
    """A URL that may be passed on: without names, passwords, and signatures behind a question mark."""
    return _SIGNATURE.sub("", _PASSWORD.sub("://", split_query(url)[0])) if is_url(url) else url


def split_query(url: str, endings: tuple[str, ...] = (*PHOTO_SUFFIXES, ".tar")) -> tuple[str, str]:
    """The URL of a photo or a tar, and what follows it: the signature, ``?X-Amz-Signature=...``, which is secret and soon void.

    Where the file's name is not before the question mark, what follows may be all that names the photo: it is left.
    """
    (path, sign, query) = url.partition("?")
    return (path, sign + query) if "=" in query and path.lower().endswith(endings) else (url, "")


@dataclass(frozen=True)
class LocalFolder:
    """A folder of this machine."""

    path: Path

    def __str__(self) -> str:
        return str(self.path)

    @property
    def address(self) -> str:
        """What :func:`folder_at` makes this folder of."""
        return str(self.path)

    def shown(self, name: str) -> str:
        """Where a file lies, for messages."""
        return str(self.path / name)

    def read(self, name: str) -> bytes:
        check_regular(self.path / name)
        return (self.path / name).read_bytes()

    def part(self, name: str, offset: int, size: int) -> bytes:
        """Some bytes from the middle of a file; fewer where it ends before."""
        with self.open(name) as file:
            file.seek(offset)
            return file.read(size)

    def open(self, name: str) -> IO[bytes]:
        """A file, opened for reading from any place in it, by one thread."""
        check_regular(self.path / name)
        return (self.path / name).open("rb")

    def stamp(self, name: str) -> Any:
        """Something that changes when a file is written."""
        status = (self.path / name).stat()
        return (status.st_size, status.st_mtime_ns)

    def is_file(self, name: str) -> bool:
        return (self.path / name).is_file()

    def names(self) -> list[str]:
        """Of the files and folders directly in it; none where it does not exist."""
        return sorted(path.name for path in self.path.iterdir()) if self.path.is_dir() else []

    def photos(
        self,
        left_out: Callable[[str, OSError], None] = lambda name, error: None,
        other: Callable[[str], None] = lambda name: None,
    ) -> list[str]:
        """The photos in it and in the folders below, folder by folder; hidden ones are left out.

        left_out : is told of folders below that cannot be listed, and of links that lead nowhere. other : of pictures of kinds
        that are not read.
        """

        def told(name: str, error: OSError) -> None:
            if not name:
                raise error
            left_out(name, error)

        return sorted(photo_names_below(self.path, told, other), key=_by_folder)

    def write(self, name: str, content: bytes) -> None:
        """Write a file so that it appears whole or not at all, and stays when the power fails. Raises RecordError."""
        write_whole(self.path / name, content, durable=True)

    def delete(self, name: str) -> None:
        (self.path / name).unlink(missing_ok=True)

    def remove_halves(self, *patterns: str) -> None:
        """Delete what a killed :meth:`write` has left of files, which are named by patterns."""
        for pattern in patterns:
            (folder, name) = posixpath.split(pattern)
            for leftover in (self.path / folder).glob(f".{name}.*"):
                leftover.unlink(missing_ok=True)

    def for_arrow(self, name: str) -> tuple[str, Any]:
        """A file's path as pyarrow takes it, and its file system."""
        return str(self.path / name), None


@dataclass(frozen=True)
class RemoteFolder:
    """A folder that fsspec reaches. Objects are put there whole, or not at all: so buckets work.

    address : its URL. As text it has no passwords.
    """

    address: str

    def __str__(self) -> str:
        return without_secrets(self.address)

    def __repr__(self) -> str:
        return f"RemoteFolder('{self}')"

    def shown(self, name: str) -> str:
        """Where a file lies, for messages."""
        return f"{str(self).rstrip('/')}/{split_query(name)[0]}"

    def read(self, name: str) -> bytes:
        with self._reached(name) as (system, path):
            content: bytes = system.cat_file(path)
            return content

    def part(self, name: str, offset: int, size: int) -> bytes:
        """Some bytes from the middle of a file; fewer where it ends before."""
        with self._reached(name) as (system, path):
            content: bytes = system.cat_file(path, start=offset, end=offset + size)
            return content

    def open(self, name: str) -> IO[bytes]:
        """A file, opened for reading from any place in it, by one thread."""
        with self._reached(name) as (system, path):
            file: IO[bytes] = system.open(path, "rb")
            return file

    def stamp(self, name: str) -> Any:
        """Something that changes when a file is written. It takes a request."""
        with self._reached(name) as (system, path):
            system.invalidate_cache()
            return system.ukey(path)

    def is_file(self, name: str) -> bool:
        with self._reached(name) as (system, path):
            return bool(system.isfile(path))

    def names(self) -> list[str]:
        """Of the files and folders directly in it; none where it does not exist."""
        try:
            with self._reached() as (system, base):
                system.invalidate_cache()
                paths = system.ls(base, detail=False)
        except FileNotFoundError:
            return []
        return sorted(posixpath.basename(path.rstrip("/")) for path in paths if path.rstrip("/") != base.rstrip("/"))

    def photos(self) -> list[str]:
        """The photos in it and in the folders below, folder by folder; hidden ones are left out."""
        return sorted(filter(is_photo, self.files()), key=_by_folder)

    def files(self, pattern: str | None = None) -> list[str]:
        """All files below it, but hidden ones; or those that a pattern fits, which is seen from it."""
        with self._reached() as (system, base):
            system.invalidate_cache()
            if pattern is None:
                paths = system.find(base)
            else:
                found = system.glob(posixpath.join(base, pattern), detail=True)
                paths = [path for path, of_file in found.items() if of_file.get("type") == "file"]
        names = (path[len(base) :].lstrip("/") for path in paths)
        return sorted(name for name in names if not _HIDDEN.search(name) or _HIDDEN.search(pattern or ""))

    def write(self, name: str, content: bytes) -> None:
        """Put a whole object. Raises RecordError where that fails."""
        try:
            with self._reached(name) as (system, path):
                system.pipe_file(path, content)
        except OSError as error:
            raise RecordError(f"'{self.shown(name)}' cannot be written: {error.strerror}.") from error

    def delete(self, name: str) -> None:
        with contextlib.suppress(FileNotFoundError), self._reached(name) as (system, path):
            system.rm_file(path)

    def remove_halves(self, *patterns: str) -> None:
        """Nothing: no half of an object is ever there."""

    def for_arrow(self, name: str) -> tuple[str, Any]:
        """A file's path as pyarrow takes it, and its file system."""
        with self._reached(name) as (system, path):
            return path, system

    @contextlib.contextmanager
    def _reached(self, name: str = "") -> Iterator[tuple[Any, str]]:
        """The file system and the path in it. Whatever goes wrong inside becomes an OSError, as every system has its own errors.

        Systems that wait for many answers at once can be asked by many threads; of the others nothing is known: these take turns.
        """
        (system, base, turn) = _system(self.address)
        try:
            with contextlib.nullcontext() if system.async_impl else turn:
                yield system, posixpath.join(base, name) if name else base
        except Exception as error:
            kind = type(error) if isinstance(error, (FileNotFoundError, PermissionError)) else OSError
            raise kind(getattr(error, "errno", None) or errno.EIO, self._in_words(error)) from error

    def _in_words(self, error: Exception) -> str:
        if isinstance(error, FileNotFoundError):
            return os.strerror(errno.ENOENT)
        lines = [error.strerror] if isinstance(error, OSError) and error.strerror else str(error).splitlines()
        line = (lines or [type(error).__name__])[0].replace(self.address, str(self))
        return _QUOTED_QUERY.sub("", _PASSWORD.sub("://", line)).rstrip(".")  # the system names the whole URL


Folder = LocalFolder | RemoteFolder
Place = str | os.PathLike[str] | LocalFolder | RemoteFolder


def folder_at(place: Place) -> Folder:
    """The folder that a path or a URL names; ``file://`` is this machine.

    Raises OptionError for a URL that nothing is known of, MissingExtraError where the package that reaches it is not installed.
    """
    if isinstance(place, (LocalFolder, RemoteFolder)):
        return place
    address = os.fspath(place)
    if isinstance(place, Path) and _SHORTENED.match(address):
        raise OptionError(f"'{address}' was a URL, of which a Path drops a slash: give it as text.")
    if not is_url(address):
        return LocalFolder(Path(address))
    if address.partition("://")[0].lower() in _ON_THIS_MACHINE:
        return LocalFolder(Path(local_path(address)))
    address = address if address.endswith("://") else address.rstrip("/")
    _system(address)
    return RemoteFolder(address)


def local_path(place: str) -> str:
    """A path of this machine without ``file://``; any other place as it is."""
    if not is_url(place) or place.partition("://")[0].lower() not in _ON_THIS_MACHINE:
        return place
    from fsspec.core import url_to_fs

    path: str = url_to_fs(place)[1]
    return path


def is_pattern(place: str) -> bool:
    """True where a path or URL has a * or such in it."""
    of_http = is_url(place) and place.partition("://")[0].lower() in _PLAIN_HTTP
    return "*" in place if of_http else glob.has_magic(place)


def is_photo(name: str) -> bool:
    """True for a name that ends as photos do."""
    return name.lower().endswith(PHOTO_SUFFIXES)


def _by_folder(name: str) -> str:
    return name.replace("/", "\0")  # as if it were split, but a list for each name takes three times the memory


def seen_from(root: Folder, store: Folder) -> str:
    """How a store records where its photos lie: a URL without passwords, or the way from one folder to the other.

    Empty for photos of this machine in a store elsewhere: no path of a machine is passed on. :func:`photos_root` goes back.
    """
    if isinstance(root, RemoteFolder):
        return str(root)
    if isinstance(store, RemoteFolder):
        return ""
    return Path(os.path.relpath(root.path, os.path.abspath(store.path))).as_posix()


def photos_root(recorded: str, store: Folder) -> Folder | None:
    """Where the photos of a store lie; None where it does not say so, or where that cannot be reached from here."""
    if is_url(recorded):
        try:
            return folder_at(recorded)
        except (OptionError, MissingExtraError):
            return None
    if isinstance(store, RemoteFolder):
        return None
    return LocalFolder(Path(os.path.abspath(store.path / recorded))) if recorded else None


@functools.lru_cache(maxsize=64)
def _system(address: str) -> tuple[Any, str, threading.Lock]:
    """fsspec's file system of a URL, the path in it, and a lock for those that take turns.

    Raises OptionError, MissingExtraError: see :func:`folder_at`.
    """
    from fsspec.core import url_to_fs
    from fsspec.registry import known_implementations, registry

    (protocol, shown) = (address.partition("://")[0].rpartition("::")[2], without_secrets(address))
    if protocol not in {*known_implementations, *registry}:
        near = did_you_mean(protocol, sorted(known_implementations))
        raise OptionError(f"'{shown}' cannot be reached: nothing is known of '{protocol}://'.{near}")
    try:
        (system, base) = url_to_fs(address)
    except ImportError as error:
        package = known_implementations.get(protocol, {}).get("class", "").partition(".")[0]
        cure = f"pip install {package}" if package not in ("", "fsspec") else str(error)
        raise MissingExtraError(f"'{shown}' needs a package that is not installed: {cure}.") from None
    except Exception as error:  # every system has its own
        reason = (str(error).splitlines() or [type(error).__name__])[0].replace(address, shown).rstrip(".")
        raise OptionError(f"'{shown}' cannot be reached: {reason}.") from error
    return system, base.rstrip("/"), threading.Lock()
