"""What the network says to the trials: each a row of a store, so that an audit goes on after an interruption."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

from seewhy.audit.trials import AuditTrial
from seewhy.classifier import Classifier
from seewhy.engine import runner
from seewhy.store import Store
from seewhy.store.filling import fill
from seewhy.store.identity import manifest_of
from seewhy.store.manifest import MANIFEST, Manifest
from seewhy.store.photos import ListedPhotos
from seewhy.store.places import Folder
from seewhy.store.shard import MOST_PHOTOS, RunSpec, run_shard

_SAMPLE = 64  # trials that are timed


@dataclasses.dataclass(frozen=True)
class Answers:
    """predicted : the class of each trial, by its place; without those that could not be made. reason : why the first of these
    could not; empty where there is none."""

    predicted: dict[int, int]
    reason: str = ""


def answers_of(
    clf: Classifier,
    listed_photos: ListedPhotos,
    trials: Sequence[AuditTrial],
    folder: Folder,
    batch_size: int | None,
    ray: str | None,
    progress: bool | runner.ProgressCallback | None,
    task: str = "Trials",
) -> Answers:
    """The answers to all trials, from the folder as far as it holds them. Raises what ``store.filling.fill`` raises."""
    if not trials:
        return Answers({})
    order = sorted(range(len(trials)), key=lambda place: (trials[place].number, place))  # of a photo one after the other
    (repeated_photos, spec) = _spec(clf, listed_photos, [trials[place] for place in order], batch_size)
    wanted = manifest_of(clf, spec, repeated_photos, folder, own_edits=True)
    (manifest, _) = fill(clf, spec, wanted, folder, progress=progress, ray=ray, task=task)
    store = Store(folder, manifest, None)
    rows = store.to_arrow(["number", "predicted_index"]).to_pylist()
    reason = store.unread[0].reason if store.unread else ""
    return Answers({order[row["number"]]: row["predicted_index"] for row in rows}, reason)


def kept_in(folder: Folder) -> int:
    """How many answers a folder holds."""
    if not folder.is_file(MANIFEST):
        return 0
    return sum(entry.rows for entry in Manifest.read(folder).shards.values())


def is_finished(folder: Folder) -> bool:
    """True for a folder that holds every answer of its run, or why there is none."""
    if not folder.is_file(MANIFEST):
        return False
    manifest = Manifest.read(folder)
    return len(manifest.shards) == len(manifest.numbers)


def seconds_of_one(
    clf: Classifier, listed_photos: ListedPhotos, trials: Sequence[AuditTrial], batch_size: int | None
) -> float | None:
    """How long one of them takes, by a few that are spread over them; None of none."""
    if not trials:
        return None
    sample = sorted(trials[:: max(1, len(trials) // _SAMPLE)][:_SAMPLE], key=lambda trial: trial.number)
    (_, spec) = _spec(clf, listed_photos, sample, batch_size)
    run_shard(clf, dataclasses.replace(spec, paths=spec.paths[:1], edits=spec.edits[:1]), 0)  # what a first pass alone takes
    start = time.perf_counter()
    run_shard(clf, spec, 0)
    return (time.perf_counter() - start) / len(sample)


def _spec(
    clf: Classifier, listed_photos: ListedPhotos, trials: Sequence[AuditTrial], batch_size: int | None
) -> tuple[ListedPhotos, RunSpec]:
    """A run over the photos of the trials, in their order, and the list of them."""
    numbers = [trial.number for trial in trials]
    repeated_photos = dataclasses.replace(
        listed_photos,
        paths=[listed_photos.paths[number] for number in numbers],
        labels=[listed_photos.labels[number] for number in numbers],
        members=None if listed_photos.members is None else [listed_photos.members[number] for number in numbers],
        queries=None if listed_photos.queries is None else [listed_photos.queries[number] for number in numbers],
        notes=[],
    )
    spec = RunSpec(
        root=listed_photos.root.address,
        paths=repeated_photos.paths,
        labels=repeated_photos.labels,
        methods=[],
        batch_size=batch_size or (runner.MOST_ON_CPU if clf.device.type == "cpu" else runner.MOST_ON_GPU),
        shard_size=MOST_PHOTOS,
        edits=[trial.change.edit.record() for trial in trials],
        members=repeated_photos.members,
        queries=repeated_photos.queries,
    )
    return repeated_photos, spec
