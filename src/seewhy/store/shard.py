"""One shard: a fixed range of the photos through the network, to a table. The same function can run on any machine."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seewhy.classifier import Classifier
from seewhy.engine import memory, runner
from seewhy.engine.state import random_state
from seewhy.errors import GradientError, LayerError, MethodError, PhotoError
from seewhy.explain import explain
from seewhy.features.folder import Watch
from seewhy.geometry import Array
from seewhy.methods import METHODS
from seewhy.methods.auto import AUTO
from seewhy.pipeline import in_stages
from seewhy.records import Photo
from seewhy.store.manifest import UnreadPhoto
from seewhy.store.rows import row, table

if TYPE_CHECKING:
    import pyarrow

MOST_PHOTOS = 256  # of a shard


@dataclass(frozen=True)
class RunSpec:
    """What is run over which photos: plain data, so that it can travel to where a classifier is.

    root, paths, labels : see ``store.photos.ListedPhotos``. methods : names with their settings. batch_size : photos at once; of
    methods that take many passes the masked copies, None by the free memory. embedding : the layer whose mean is kept; None for
    none.
    """

    root: str
    paths: Sequence[str]
    labels: Sequence[int | None]
    methods: list[tuple[str, dict[str, Any]]]
    target: Any = "top1"
    against: str | int | None = None
    seed: int = 0
    budget: int | float | str | None = None
    batch_size: int = runner.MOST_ON_CPU
    copies: int | None = None
    shard_size: int = MOST_PHOTOS
    embedding: str | None = None

    def places(self, number: int) -> range:
        """Which photos are in a shard."""
        return range(number * self.shard_size, min((number + 1) * self.shard_size, len(self.paths)))


@dataclass(frozen=True)
class Shard:
    """What came of a shard: rows of ``store.rows.schema``, and what could not be explained."""

    rows: pyarrow.Table
    unread: list[UnreadPhoto] = field(default_factory=list)


@dataclass(frozen=True, eq=False)
class _OpenedPhoto:
    place: int
    sha256: str
    photo: Photo


def run_shard(clf: Classifier, spec: RunSpec, number: int, told: Callable[[int, int], None] = lambda done, unread: None) -> Shard:
    """The photos of one shard, explained. The same spec and number give the same table, but for what it cost.

    Batches are fixed parts of the list, so that a photo that cannot be read changes nothing for the others. told : is given how
    many photos more are done, and how many of these could not be read.
    Raises what every photo would raise: see ``pipeline.FOR_ALL``.
    """

    def read(place: int) -> _OpenedPhoto:
        return _opened(clf, Path(spec.root), spec.paths[place], place)

    def work(batch: list[_OpenedPhoto]) -> list[dict[str, Any]]:
        photos = [opened.photo for opened in batch]
        embeddings = _embeddings(watch, photos)
        by_method = [_explained(clf, spec, photos, name, settings) for name, settings in spec.methods]
        classes = clf.class_names().names
        return [
            row(
                opened.place,
                spec.paths[opened.place],
                opened.sha256,
                opened.photo,
                spec.labels[opened.place],
                classes,
                [explanations[n] for explanations in by_method],
                embeddings[n],
            )
            for n, opened in enumerate(batch)
        ]

    (rows, unread) = ([], [])
    with memory.kept(), random_state(spec.seed):
        watch = None if spec.embedding is None else Watch(clf, spec.embedding, [])
        outcomes = in_stages(
            spec.places(number),
            spec.batch_size,
            read,
            work,
            lambda place, _: Path(),  # nothing is saved photo by photo
            lambda _, path: path,
            shares_cores=clf.device.type == "cpu",
            draws=True,
        )
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                if outcome.error is not None:
                    unread.append(UnreadPhoto(_printable(spec.paths[outcome.item]), outcome.error.line))
                elif outcome.result is not None:
                    rows.append(outcome.result)
                told(1, int(outcome.error is not None))
    return Shard(table(rows), unread)


def run_shards(
    clf: Classifier, spec: RunSpec, numbers: Iterable[int], told: Callable[[int, int], None] = lambda done, unread: None
) -> Generator[tuple[int, Shard], None, None]:
    """Shards one after the other in this process, each with its number. told : see :func:`run_shard`."""
    for number in numbers:
        yield number, run_shard(clf, spec, number, told)


def embedding_layer(clf: Classifier) -> str | None:
    """The layer whose mean over space stands for a photo; None for a network that has none, or whose inside cannot be watched."""
    if not clf.is_module or clf.input_size is None:
        return None
    try:
        return Watch(clf, None, []).name
    except (LayerError, GradientError, MethodError):
        return None


def _printable(path: str) -> str:
    return os.fsencode(path).decode("utf-8", "replace")


def _opened(clf: Classifier, root: Path, path: str, place: int) -> _OpenedPhoto:
    """The photo, and the hash of the very bytes that it was read from."""
    if _printable(path) != path:
        raise PhotoError(f"'{_printable(path)}' has a name that is not in UTF-8, which no table can hold: rename it.")
    file = root / path
    name = path.replace("\n", "\\n")  # in a line
    try:
        before = file.stat()
        sha256 = file_hash(file)
        photo = clf.read(file)
        after = file.stat()
    except OSError as error:
        reason = (
            f"There is no file '{name}'."
            if isinstance(error, FileNotFoundError)
            else f"'{name}' cannot be opened: {error.strerror}."
        )
        raise PhotoError(reason) from None
    except PhotoError as error:
        text = str(error).replace(str(file), name)  # the store may be passed on: no path of this machine
        raise PhotoError(text) from error
    if (before.st_mtime_ns, before.st_size) != (after.st_mtime_ns, after.st_size):
        raise PhotoError(f"'{name}' changed while it was read: try it again.")
    return _OpenedPhoto(place, sha256, photo)


def file_hash(file: Path) -> str:
    """The SHA-256 of a file's bytes. Raises OSError."""
    with file.open("rb") as opened:
        digest = hashlib.sha256()
        while part := opened.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def _embeddings(watch: Watch | None, photos: Sequence[Photo]) -> list[Array | None]:
    """The mean over space of the layer's channels, for each photo."""
    if watch is None:
        return [None] * len(photos)
    rows: list[Array | None] = []

    def look(batch: Sequence[Photo]) -> Array:
        executor = watch.clf.beside(batch[0]).executor
        (values, _) = watch.look(executor, executor.pixels(batch))
        pooled: Array = values.flatten(2).mean(dim=2).cpu().numpy() if values.ndim > 2 else values.cpu().numpy()
        return pooled

    for _, pooled in runner.in_batches(photos, len(photos), watch.clf.alike, look):
        rows.extend(np.ascontiguousarray(pooled, np.float32))
    return rows


def _explained(clf: Classifier, spec: RunSpec, photos: list[Photo], name: str, settings: dict[str, Any]) -> list[Any]:
    sweeps = name in METHODS and METHODS[name].sweeps
    backward = name in METHODS and METHODS[name].backward
    size = spec.copies if sweeps else min(spec.batch_size, runner.MOST_BACKWARD) if backward else spec.batch_size
    if name == AUTO and not clf.executor.form.is_open:  # it takes occlusion
        size = spec.copies
    return explain(
        clf,
        photos,
        name,
        spec.target,
        against=spec.against,
        batch_size=size,
        seed=spec.seed,
        progress=False,
        budget=spec.budget,
        **settings,
    )
