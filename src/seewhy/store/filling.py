"""A store is filled: shard by shard, going on where an earlier run of the same kind stopped."""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Sequence
from typing import TYPE_CHECKING

from seewhy.classifier import Classifier
from seewhy.engine import runner
from seewhy.errors import StoreError, listed
from seewhy.explanation import versions
from seewhy.store.identity import differences_of
from seewhy.store.lock import LOCK, locked
from seewhy.store.manifest import MANIFEST, SHARDS, Manifest, ShardWriter, is_whole, other_files, remove_others
from seewhy.store.on_ray import shards_on_ray
from seewhy.store.places import Folder, LocalFolder
from seewhy.store.replaced import has_replaced, photos_stamp
from seewhy.store.rows import table_bytes
from seewhy.store.shard import RunSpec, run_shards, with_rows_of_before

if TYPE_CHECKING:
    import pyarrow

LINE_EVERY = 30.0  # seconds, in a log


def fill(
    clf: Classifier,
    spec: RunSpec,
    wanted: Manifest,
    folder: Folder,
    automatic: Sequence[str] = (),
    *,
    retry: bool = False,
    progress: bool | runner.ProgressCallback | None = None,
    ray: str | None = None,
    task: str = "Run",
) -> tuple[Manifest, int]:
    """Compute what the store does not hold yet; its manifest, and how many rows were computed.

    wanted : the manifest of the run. automatic : of ``batch_size`` and ``shard_size`` those that nobody has asked for: a store
    that was begun keeps its own. retry, progress, ray : as for :func:`seewhy.run`. task : stands beside the progress.
    Raises StoreError: the folder holds something else, or another run (and in what it differs), the disk is full.
    """
    _refuse_other_folder(folder)
    with locked(folder):
        manifest = _begun(folder, wanted, spec.paths, automatic)
        spec = dataclasses.replace(spec, **{name: manifest.settings[name] for name in automatic})
        try:
            return manifest, _computed(clf, spec, folder, manifest, retry, progress, ray, task)
        except KeyboardInterrupt:
            kept = sum(entry.rows for entry in manifest.shards.values())
            raise KeyboardInterrupt(f"{kept} photos are stored in {folder}; begun again, the run goes on from there") from None


def _refuse_other_folder(folder: Folder) -> None:
    """Before anything is written. Raises StoreError for a folder that holds something else."""
    if isinstance(folder, LocalFolder) and folder.path.exists() and not folder.path.is_dir():
        raise StoreError(f"The store '{folder}' is a file: write a folder, new or of the same run.")
    try:
        begun = folder.is_file(MANIFEST)
        names = [] if begun else folder.names()
        others = [name for name in names if name not in (LOCK, SHARDS) and not name.startswith(".")]
        others += [] if begun else other_files(folder)
    except OSError as error:
        raise StoreError(f"The store '{folder}' cannot be reached: {error.strerror}.") from error
    if others:
        raise StoreError(f"The folder '{folder}' holds other files ({listed(others, 3)}) and no store: write a new one.")


def _begun(folder: Folder, wanted: Manifest, paths: Sequence[str], keeps: Sequence[str]) -> Manifest:
    """The store's manifest; a new one where there is none, or one of another run without a row. keeps : settings that nobody has
    asked for stay as they were.

    Raises StoreError where it is that of another run.
    """
    folder.remove_halves(MANIFEST, f"{SHARDS}/*.parquet")  # of a run that was killed while it wrote
    if folder.is_file(MANIFEST):
        manifest = Manifest.read(folder)
        own = {name: manifest.settings.get(name) for name in keeps}
        differences = differences_of(manifest, dataclasses.replace(wanted, settings=wanted.settings | own), folder, paths)
        if not differences:
            remove_others(folder, manifest)
            return manifest
        if any(entry.rows for entry in manifest.shards.values()):
            raise StoreError(
                f"The store '{folder}' is of another run: {'; '.join(differences)}. Write another store, or repeat that run."
            )
    remove_others(folder, wanted)
    wanted.write(folder)
    return wanted


def _rows_of(folder: Folder, manifest: Manifest, number: int) -> pyarrow.Table | None:
    """What a shard holds that is computed again; None where it is broken, or new."""
    import pyarrow.parquet

    entry = manifest.shards.get(number)
    if entry is None or not is_whole(folder, entry):
        return None
    return pyarrow.parquet.read_table(io.BytesIO(folder.read(entry.file)))


def _computed(
    clf: Classifier,
    spec: RunSpec,
    folder: Folder,
    manifest: Manifest,
    retry: bool,
    progress: bool | runner.ProgressCallback | None,
    ray: str | None,
    task: str,
) -> int:
    """Compute the shards that are missing, broken, of photos that were replaced since, or to be tried again. How many rows that
    gave."""
    (missing, touched) = ([], [])
    stamps = {}  # before any photo is read: what is replaced while the run goes on is seen by the next one
    for number in manifest.numbers:
        entry = manifest.shards.get(number)
        stamp = stamps[number] = photos_stamp(spec, number)
        if entry is None or (retry and entry.unread) or not is_whole(folder, entry) or has_replaced(folder, entry, spec, stamp):
            missing.append(number)
        elif stamp != entry.stamp:  # other times, but the same bytes
            touched.append(number)
    (computed, unread) = (0, 0)
    begun = manifest.count - sum(len(spec.places(number)) for number in missing)
    first = 2 * spec.batch_size
    with runner.Progress(progress, manifest.count, task, first=first, every=LINE_EVERY, begun=begun) as bar:

        def told(done: int, not_read: int) -> None:
            nonlocal unread
            unread += not_read
            bar.advance(done, None, f"{unread} not read" if unread else "")

        shards = run_shards(clf, spec, missing, told) if ray is None else shards_on_ray(clf, spec, missing, told, ray)
        with ShardWriter(folder, manifest) as writer, contextlib.closing(shards):
            for number in touched:
                writer.stamp(number, stamps[number])
            for number, shard in shards:
                computed += shard.rows.num_rows
                if shard.unread and (before := _rows_of(folder, manifest, number)) is not None:
                    shard = with_rows_of_before(shard, before, spec.places(number))
                writer.put(number, table_bytes(shard.rows), shard.rows.num_rows, shard.unread, versions(), stamps[number])
    return computed
