"""Whether the photos of a finished shard are still those that it was made of."""

from __future__ import annotations

import functools
import hashlib
import io
import json
from typing import Any

from seewhy.store.manifest import ShardEntry
from seewhy.store.places import Folder, LocalFolder, folder_at
from seewhy.store.shard import RunSpec
from seewhy.store.sources import hash_now, source_hash, source_stamps, sources_of


def photos_stamp(spec: RunSpec, number: int) -> str:
    """Sixteen digits that change when a photo of a shard, or its tar, is written, or one that an edit takes something from: sizes
    and times.

    Empty for single photos elsewhere, where that would be a request for each; there edits' sources are not looked at, either.
    """
    root = folder_at(spec.root)
    places = spec.places(number)
    stamps: list[Any] = []
    for place in places:
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
    if spec.edits and isinstance(root, LocalFolder):
        sources = source_stamps(root, (spec.edits[place] for place in places))
        stamps += [sources] * bool(sources)
    return hashlib.sha256(json.dumps(stamps, default=str).encode()).hexdigest()[:16]


def has_replaced(folder: Folder, entry: ShardEntry, spec: RunSpec, stamp: str) -> bool:
    """True where a photo that a shard explains, or one that its edit takes something from, has other bytes now. stamp : of the
    photos as they are; where it is the one that was kept nothing is read.

    A photo that cannot be read any more is none that was replaced: its row stays.
    """
    import pyarrow.parquet

    if stamp == entry.stamp or not entry.stamp:
        return False
    file = pyarrow.parquet.ParquetFile(io.BytesIO(folder.read(entry.file)))
    rows = file.read(["number", "sha256", "source_sha256"])  # the last is not in shards of before
    root = folder_at(spec.root)
    source_now = functools.cache(functools.partial(source_hash, root))

    def replaced(row: dict[str, Any]) -> bool:
        place = row["number"]
        member = None if spec.members is None else spec.members[place]
        if hash_now(root, spec.paths[place], member) not in (None, row["sha256"]):  # with several edits it is read for each
            return True
        kept = row.get("source_sha256") or []
        sources = sources_of(spec.edits[place]) if kept else ()
        return any(
            None not in (was, source_now(path)) and was != source_now(path) for path, was in zip(sources, kept, strict=True)
        )

    return any(map(replaced, rows.to_pylist()))
