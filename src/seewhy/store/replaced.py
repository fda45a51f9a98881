"""Whether the photos of a finished shard are still those that it was made of."""

from __future__ import annotations

import hashlib
import io
import json
from typing import Any

from seewhy.store.manifest import ShardEntry
from seewhy.store.opening import file_hash
from seewhy.store.places import Folder, LocalFolder, folder_at
from seewhy.store.shard import RunSpec
from seewhy.store.tars import read_member


def photos_stamp(spec: RunSpec, number: int) -> str:
    """Sixteen digits that change when a photo of a shard, or its tar, is written: sizes and times.

    Empty for single photos elsewhere, where that would be a request for each.
    """
    root = folder_at(spec.root)
    stamps: list[Any] = []
    for place in spec.places(number):
        member = None if spec.members is None else spec.members[place]
        if member is not None:
            stamps.append(member.stamp)
            continue
        if not isinstance(root, LocalFolder):
            return ""
        try:
            stamps.append(root.stamp(spec.paths[place]))
        except (OSError, ValueError):  # it will be listed as not read
            stamps.append(None)
    return hashlib.sha256(json.dumps(stamps, default=str).encode()).hexdigest()[:16]


def has_replaced(folder: Folder, entry: ShardEntry, spec: RunSpec, stamp: str) -> bool:
    """True where a photo that a shard explains has other bytes now. stamp : of the photos as they are; where it is the one that
    was kept nothing is read.

    A photo that cannot be read any more is none that was replaced: its row stays.
    """
    import pyarrow.parquet

    if stamp == entry.stamp or not entry.stamp:
        return False
    rows = pyarrow.parquet.read_table(io.BytesIO(folder.read(entry.file)), columns=["number", "sha256"])
    root = folder_at(spec.root)
    return any(
        _hash_now(root, spec, row["number"]) not in (None, row["sha256"])  # a photo with several edits is read for each
        for row in rows.to_pylist()
    )


def _hash_now(root: Folder, spec: RunSpec, place: int) -> str | None:
    (path, member) = (spec.paths[place], None if spec.members is None else spec.members[place])
    try:
        if member is None and isinstance(root, LocalFolder):
            return file_hash(root.path / path)
        content = root.read(path) if member is None else read_member(root, member, path)
    except OSError:
        return None
    return hashlib.sha256(content).hexdigest()
