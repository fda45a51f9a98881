"""Photos in tar files, as WebDataset writes them: read where they lie, never unpacked.

A photo ``a/b.jpg`` in ``shards/0.tar`` has the path ``shards/0.tar/a/b.jpg``. Files that differ in what follows the first dot of
their name belong together: ``b.jpg``, ``b.cls``, ``b.json``.
"""

from __future__ import annotations

import functools
import json
import posixpath
import re
import tarfile
from collections.abc import Mapping
from typing import IO, Any, NamedTuple

from seewhy.errors import PhotoError
from seewhy.labels import LABEL_COLUMNS
from seewhy.store.places import Folder, LocalFolder, is_photo, split_query

LABEL_MEMBERS = ("cls", "json", "txt")  # whichever is there first
TAR = ".tar"
_PACKED = re.compile(r"\.(tar\.(gz|bz2|xz|zst|lz4|lzma)|tgz|tbz2?|txz)$", re.IGNORECASE)
_PACKED_STARTS = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip, bzip2, xz, zstd
_LONGEST_LABEL = 2**20  # bytes of a file that holds one


class Member(NamedTuple):
    """Where a file lies in a tar.

    tar : its name, from the photos' root, with the signature of a URL. stamp : of the tar when it was looked through.
    """

    tar: str
    offset: int
    size: int
    stamp: Any


def is_tar(name: str) -> bool:
    """True for a name that ends as tars do, packed ones too: those are refused when they are opened."""
    return name.lower().endswith(TAR) or _PACKED.search(name) is not None


def photo_members(root: Folder, tar: str) -> dict[str, Member]:
    """The photos in a tar by their names in it. Raises PhotoError: no tar, a broken or a packed one."""
    return {name: member for name, member in _members(root, tar).items() if is_photo(name)}


def read_labels_beside(root: Folder, photos: Mapping[str, Member], tar: str, kind: str | None) -> tuple[str | None, list[Any]]:
    """What lies beside each photo of one tar as its label, None where nothing does; and the kind of file that it was read from.

    kind : "cls", "json" or "txt"; None takes the first of these that any photo has beside it.
    Raises PhotoError for a label that cannot be read.
    """
    members = _members(root, tar)
    keys = [_key(name) for name in photos]
    kinds = [kind] if kind else [one for one in LABEL_MEMBERS if any(f"{key}.{one}" in members for key in keys)]
    for one in kinds:
        beside = [members.get(f"{key}.{one}") for key in keys]
        try:
            with root.open(tar) as file:
                contents = [None if member is None else _start(file, member) for member in beside]
        except Exception as error:  # see _looked_through
            raise _no_tar(root.shown(tar), error) from error
        labels = [_label(content, f"{root.shown(tar)}/{key}.{one}") for content, key in zip(contents, keys, strict=True)]
        if kind or any(label is not None for label in labels):
            return one, labels
    return None, [None] * len(photos)


def _start(file: IO[bytes], member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(min(member.size, _LONGEST_LABEL))


def find_member(root: Folder, path: str) -> Member | None:
    """Where a photo lies, by its path; None where it is in no tar. Raises OSError where that tar does not have it any more."""
    for end in (match.end() - 1 for match in re.finditer(re.escape(TAR) + "/", path, re.IGNORECASE)):
        if root.is_file(path[:end]):
            try:
                return _members(root, path[:end])[path[end + 1 :]]
            except (KeyError, PhotoError):
                raise FileNotFoundError(2, "No such file or directory", path) from None
    return None


def read_member(root: Folder, member: Member, path: str) -> bytes:
    """The bytes of a photo; where a tar of this machine was written since, it is looked up again. Raises OSError."""
    if isinstance(root, LocalFolder) and root.stamp(member.tar) != member.stamp:  # elsewhere that would be a request for each
        member = find_member(root, path) or member
    content = root.part(member.tar, member.offset, member.size)
    if len(content) < member.size:
        raise OSError(5, f"'{split_query(member.tar)[0]}' ends before it")
    return content


def _members(root: Folder, tar: str) -> dict[str, Member]:
    try:
        stamp = root.stamp(tar)
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{root.shown(tar)}'.") from None
    return _looked_through(root, tar, stamp)


@functools.lru_cache(maxsize=4)
def _looked_through(root: Folder, tar: str, stamp: Any) -> dict[str, Member]:
    """All files of a tar. stamp : so that one which has changed is looked through again."""
    shown = root.shown(tar)
    if _PACKED.search(tar):
        raise _is_packed(shown)
    try:
        with root.open(tar) as file:
            if file.read(6).startswith(_PACKED_STARTS):
                raise _is_packed(shown)
            file.seek(0)
            with tarfile.open(fileobj=file, mode="r:") as archive:
                return {
                    _plain_name(member.name): Member(tar, member.offset_data, member.size, stamp)
                    for member in archive
                    if member.isreg() and not member.issparse() and not re.search(r"(^|/)\.[^./]", member.name)
                }
    except PhotoError:
        raise
    except Exception as error:  # on a broken tar tarfile raises whatever it stumbles over, and so does every file system
        raise _no_tar(shown, error) from error


def _no_tar(shown: str, error: Exception) -> PhotoError:
    reason = (getattr(error, "strerror", None) or str(error)).rstrip(".")
    return PhotoError(f"'{shown}' cannot be read as a tar file ({reason}).")


def _is_packed(shown: str) -> PhotoError:
    return PhotoError(f"'{shown}' is compressed, so that no photo in it can be read by itself: unpack it to a plain .tar first.")


def _plain_name(name: str) -> str:
    """Without "./" and ".." before it, and without "/"."""
    return posixpath.normpath("/" + name).lstrip("/")


def _key(name: str) -> str:
    """What the files of one photo have in common: all before the first dot of the name."""
    (folder, base) = posixpath.split(name)
    return posixpath.join(folder, base.partition(".")[0])


def _label(content: bytes | None, path: str) -> Any:
    """What a file beside a photo says. path : of the file, for messages."""
    if content is None:
        return None
    try:
        text = content.decode("utf-8-sig").strip()
        record = json.loads(text) if path.endswith(".json") else text
    except ValueError as error:  # no text, or no JSON
        raise PhotoError(f"'{path}' cannot be read as a label ({error}).") from None
    if isinstance(record, dict):
        record = next((record[name] for name in LABEL_COLUMNS if name in record), None)
    return record if isinstance(record, (str, int)) and not isinstance(record, bool) and record != "" else None
