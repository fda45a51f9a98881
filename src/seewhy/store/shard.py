"""One shard: a fixed range of the photos through the network, to a table. The same function can run on any machine."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seewhy.classifier import Classifier
from seewhy.engine import memory, runner
from seewhy.engine.shared_pass import SharedPass, sharing
from seewhy.engine.state import random_state
from seewhy.errors import GradientError, LayerError, MethodError
from seewhy.explain import explain
from seewhy.explanation import Explanation
from seewhy.features.folder import Watch, reduced
from seewhy.geometry import Array
from seewhy.methods import METHODS
from seewhy.methods.auto import AUTO
from seewhy.pipeline import in_parts, in_stages
from seewhy.records import Photo, Prediction
from seewhy.store.manifest import UnreadPhoto
from seewhy.store.opening import OpenedPictures, edited, open_photo, printable
from seewhy.store.places import folder_at
from seewhy.store.rows import THUMBNAIL, StoredPhoto, row, table, thumbnail
from seewhy.store.sources import source_hashes
from seewhy.store.tars import Member
from seewhy.targets import LABEL, Also

if TYPE_CHECKING:
    import pyarrow

MOST_PHOTOS = 256  # of a shard
_KEPT = 5  # first choices, as many as an explanation has


@dataclass(frozen=True)
class RunSpec:
    """What is run over which photos: plain data, so that it can travel to where a classifier is.

    root, paths, labels, members, queries : see ``store.photos.ListedPhotos``. edits : of each of the paths, what is changed in
    the photo, as plain data (see ``seewhy.edits``); empty where nothing is changed in any. target : as for ``explain``, or
    "label". methods : names with their settings; none where the answers alone are asked for.
    batch_size : photos at once; of methods that take many passes the masked copies,
    None by the free memory. embedding : the layer whose mean is kept; None for none.
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
    edits: Sequence[dict[str, Any] | None] = field(default_factory=list)
    members: Sequence[Member | None] | None = None
    queries: Sequence[str] | None = None

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
    """A photo as the network sees it, with its original reduced to a thumbnail, and what is stored of it."""

    photo: Photo
    stored: StoredPhoto


def run_shards(
    clf: Classifier, spec: RunSpec, numbers: Iterable[int], told: Callable[[int, int], None] = lambda done, unread: None
) -> Generator[tuple[int, Shard], None, None]:
    """Shards, each with its number, one after the other: the photos of the next one are read while one is put together. To be
    closed.

    A spec and a number give the same table, whatever went before, but for what it cost: batches are fixed parts of a shard, so
    that neither another shard nor a photo that cannot be read changes anything for the others. told : is given how many photos
    more are done, and how many of these could not be read.
    Raises what every photo would raise: see ``pipeline.FOR_ALL``.
    """
    numbers = list(numbers)
    watch = None if spec.embedding is None else Watch(clf, spec.embedding, [])
    warm = spec.budget is None
    classes = clf.class_names().names
    pictures = OpenedPictures(clf.picture)

    def read(place: int) -> _OpenedPhoto:
        return _opened(clf, spec, place, pictures)

    def work(batch: list[_OpenedPhoto]) -> list[dict[str, Any]]:
        nonlocal warm
        with memory.kept(), random_state(spec.seed):
            if not warm:
                _warm_up(clf, spec, batch[0])
                warm = True
            (by_method, embeddings) = _looked_at(clf, spec, watch, batch)
        answers = [explanation.predictions for explanation in by_method[0]] if by_method else _answers(clf, spec, batch)
        return [
            row(opened.stored, classes, answers[n], [explanations[n] for explanations in by_method], embeddings[n])
            for n, opened in enumerate(batch)
        ]

    outcomes = in_stages(
        (batch for number in numbers for batch in in_parts(spec.places(number), spec.batch_size)),
        read,
        work,
        lambda place, _: Path(),  # nothing is saved photo by photo
        lambda _, path: path,
        shares_cores=clf.device.type == "cpu",
        draws=True,
    )
    with memory.kept(), contextlib.closing(outcomes):
        resident = 0
        for number in numbers:
            (rows, unread) = ([], [])
            for outcome in islice(outcomes, len(spec.places(number))):
                if outcome.error is not None:
                    unread.append(UnreadPhoto(printable(spec.paths[outcome.item]), outcome.error.line))
                elif outcome.result is not None:
                    rows.append(outcome.result)
                told(1, int(outcome.error is not None))
            yield number, Shard(table(rows), unread)
            resident = memory.without_growth(resident)


def run_shard(clf: Classifier, spec: RunSpec, number: int, told: Callable[[int, int], None] = lambda done, unread: None) -> Shard:
    """One shard by itself; see :func:`run_shards`."""
    with contextlib.closing(run_shards(clf, spec, [number], told)) as shards:
        (_, shard) = next(shards)
    return shard


def with_rows_of_before(shard: Shard, before: pyarrow.Table, places: range) -> Shard:
    """A shard that was computed again, with the rows of before of photos that cannot be read this time."""
    import pyarrow as pa

    unread = sorted({*places} - {*shard.rows["number"].to_pylist()})
    known = {*before["number"].to_pylist()} & {*unread}
    if not known:
        return shard
    kept = before.filter(pa.compute.is_in(before["number"], pa.array(sorted(known))))
    for column in shard.rows.schema:
        if column.name not in kept.column_names:  # in a shard of before
            kept = kept.append_column(column, pa.nulls(len(kept), column.type))
    rows = pa.concat_tables([shard.rows, kept.select(shard.rows.column_names).cast(shard.rows.schema)])
    in_order = np.argsort(rows["number"].to_numpy())
    still = [photo for number, photo in zip(unread, shard.unread, strict=True) if number not in known]
    return Shard(pa.concat_tables([rows.slice(place, 1) for place in in_order]), still)  # nothing is copied


def embedding_layer(clf: Classifier) -> str | None:
    """The layer whose mean over space stands for a photo; None for a network that has none, or whose inside cannot be watched
    without a photo."""
    if not clf.is_module or clf.input_size is None or clf.explain is not None:
        return None
    try:
        return Watch(clf, None, []).name
    except (LayerError, GradientError, MethodError):
        return None


def _opened(clf: Classifier, spec: RunSpec, place: int, pictures: OpenedPictures) -> _OpenedPhoto:
    """The photo, edited where it is to be, and the hash of the very bytes that it was read from."""
    (root, path) = (folder_at(spec.root), spec.paths[place])
    edit = spec.edits[place] if spec.edits else None

    def read(source: Any) -> Photo:
        return clf.read(source if edit is None else edited(pictures, root, source, edit))

    member = None if spec.members is None else spec.members[place]
    sources = source_hashes(root, edit)  # before they are read: what is replaced meanwhile is seen by the next run
    (photo, sha256) = open_photo(read, root, path, member, "" if spec.queries is None else spec.queries[place])
    small = reduced(photo, THUMBNAIL)
    return _OpenedPhoto(
        small, StoredPhoto(place, path, edit, sha256, photo.geometry, thumbnail(small), spec.labels[place], sources)
    )


def _looked_at(
    clf: Classifier, spec: RunSpec, watch: Watch | None, batch: list[_OpenedPhoto]
) -> tuple[list[list[Explanation]], list[Array | None]]:
    """By each method the explanations of a batch; and of each photo the mean over space of the watched layer's channels.

    The first pass that a method runs over the photos shows the layer, too, where that is possible.
    """
    photos = [opened.photo for opened in batch]
    targets = [requested_of(spec.target, opened.stored.label) for opened in batch]
    explain_all = [functools.partial(_explained, clf, spec, photos, targets, name, own) for name, own in spec.methods]
    if watch is None:
        return [explain_one() for explain_one in explain_all], [None] * len(photos)
    planned = None if watch.step is None else clf.executor.planned(clf.executor.pixels(photos[:1]))
    one_size = clf.explain is None and len({clf.alike(photo) for photo in photos}) == 1
    if watch.step is None or planned is None or planned is not watch.planned or not one_size:
        return [explain_one() for explain_one in explain_all], _embeddings(watch, photos)
    shared = SharedPass(photos, planned, watch.step)
    with sharing(shared):
        by_method = [explain_one() for explain_one in explain_all]
    if shared.means is None:
        return by_method, _embeddings(watch, photos)
    return by_method, list(shared.means.numpy())


def _answers(clf: Classifier, spec: RunSpec, batch: Sequence[_OpenedPhoto]) -> list[list[Prediction]]:
    scores = clf.scores([opened.photo for opened in batch], spec.batch_size)
    return [clf.predictions(row_of_scores, _KEPT) for row_of_scores in scores]


def _embeddings(watch: Watch, photos: Sequence[Photo]) -> list[Array | None]:
    """The mean over space of the layer's channels, for each photo, by a pass of their own."""
    rows: list[Array | None] = []

    def look(batch: Sequence[Photo]) -> Array:
        executor = watch.clf.beside(batch[0]).executor
        (values, _) = watch.look(executor, executor.pixels(batch))
        pooled: Array = values.flatten(2).mean(dim=2).cpu().numpy() if values.ndim > 2 else values.cpu().numpy()
        return pooled

    for _, pooled in runner.in_batches(photos, len(photos), watch.clf.alike, look):
        rows.extend(np.ascontiguousarray(pooled, np.float32))
    return rows


def requested_of(target: Any, label: int | None) -> list[Any]:
    """The targets of one photo, with its label in the place of the word; of a photo without one the rest, or the first class."""
    targets = target if isinstance(target, (list, tuple)) else [target]
    known = [Also(label) if one == LABEL and label is not None else one for one in targets]
    return [one for one in known if one != LABEL] or ["top1"]


def _warm_up(clf: Classifier, spec: RunSpec, opened: _OpenedPhoto) -> None:
    """The first photo of a process pays for the trials of how its network runs fastest. Where a budget ends the work, that would
    be taken from its map, and where a run was begun again would show."""
    for name, settings in spec.methods:
        _explained(clf, spec, [opened.photo], [requested_of(spec.target, opened.stored.label)], name, settings)


def _explained(
    clf: Classifier, spec: RunSpec, photos: list[Photo], targets: list[list[Any]], name: str, settings: dict[str, Any]
) -> list[Explanation]:
    sweeps = name in METHODS and METHODS[name].sweeps
    backward = name in METHODS and METHODS[name].backward
    size = spec.copies if sweeps else min(spec.batch_size, runner.MOST_BACKWARD) if backward else spec.batch_size
    if name == AUTO and not clf.executor.form.is_open:  # it takes occlusion
        size = spec.copies
    return explain(
        clf,
        photos,
        name,
        targets,
        against=spec.against,
        batch_size=size,
        seed=spec.seed,
        progress=False,
        budget=spec.budget,
        **settings,
    )
