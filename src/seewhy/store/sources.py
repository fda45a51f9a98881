"""The other photos that edits take something from: whether they are still those of the run."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from seewhy.edits import edit_of
from seewhy.errors import PhotoError
from seewhy.store.opening import file_hash
from seewhy.store.places import Folder, LocalFolder
from seewhy.store.tars import Member, find_member, read_member


def sources_of(edit: Mapping[str, Any] | None) -> tuple[str, ...]:
    """The paths of the photos that an edit takes something from. edit : its record; None for a photo as it is."""
    return () if edit is None else edit_of(edit).sources


def check_sources(root: Folder, paths: Sequence[str], edits: Iterable[Mapping[str, Any] | None]) -> None:
    """Raises PhotoError for a source that is not there, before every photo that it is laid on is listed as not read. paths : of
    the run's photos, which may show what was meant."""
    for source in sorted({source for edit in edits for source in sources_of(edit)}):
        if source_hash(root, source) is None:
            near = next((path for path in paths if path.endswith(f"/{source.rpartition('/')[2]}")), None)
            meant = "" if near is None else f" Did you mean '{near}'?"
            raise PhotoError(f"There is no file '{source}' below the photos' folder, and an edit takes something from it.{meant}")


def source_hashes(root: Folder, edit: Mapping[str, Any] | None) -> list[str | None]:
    """Of the files of an edit's sources, in their order; None for one that cannot be read."""
    return [source_hash(root, path) for path in sources_of(edit)]


def source_hash(root: Folder, path: str) -> str | None:
    """The SHA-256 of a photo's file as it is now, None where it cannot be read."""
    try:
        return hash_now(root, path, find_member(root, path))
    except OSError:
        return None


def hash_now(root: Folder, path: str, member: Member | None) -> str | None:
    """The same of a photo of which it is known whether it lies in a tar, and where."""
    try:
        if member is None and isinstance(root, LocalFolder):
            return file_hash(root.path / path)
        content = root.read(path) if member is None else read_member(root, member, path)
    except OSError:
        return None
    return hashlib.sha256(content).hexdigest()


def source_stamps(root: LocalFolder, edits: Iterable[Mapping[str, Any] | None]) -> dict[str, Any]:
    """By the path of each source of some edits what changes when it, or its tar, is written; None where it is not there."""
    stamps: dict[str, Any] = {}
    for path in sorted({path for edit in edits for path in sources_of(edit)}):
        try:
            member = find_member(root, path)
            stamps[path] = root.stamp(path) if member is None else member.stamp
        except (OSError, ValueError):  # the photos that it is laid on will be listed as not read
            stamps[path] = None
    return stamps
