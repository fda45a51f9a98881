"""Shards on the machines of a Ray cluster, by the same function that computes them alone.

Paths and seeds travel to the workers, and finished tables back; the photos are read where they are explained. A worker is an
actor that holds the classifier. One that dies is replaced by Ray, and what it was at is begun again; its table had not left it,
so nothing is lost and nothing comes twice.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import re
import socket
import traceback
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Generic, TypeVar, overload

import torch

from seewhy.classifier import Classifier
from seewhy.errors import MissingExtraError, ModelError, OptionError, PhotoError, SeewhyError, StoreError, setting
from seewhy.explanation import versions
from seewhy.store.places import LocalFolder, folder_at
from seewhy.store.shard import RunSpec, Shard, run_shard
from seewhy.store.travel import SentClassifier, classifier_from, sent_classifier

AUTO = "auto"
_MOST_DEATHS = 5  # of workers over one shard, before it is held to be what kills them
_PATIENCE = 10  # seconds for a cluster to answer
_STORE = 2**28  # bytes of a local Ray's object store, beside the classifier: for finished shards on their way
_QUIET = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}

_ADDRESS = re.compile(r"(ray://)?[^\s/]+:\d{1,5}")

Value = TypeVar("Value")


def ray_module() -> ModuleType:
    """The package. Raises MissingExtraError where it is not installed."""
    try:
        import ray
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"Many machines need Ray, which is not installed: pip install 'seewhy[ray]', or leave {setting('ray')} out."
        ) from error
    module: ModuleType = ray
    return module


def check_address(address: Any) -> None:
    """Raises OptionError for what is no address of a cluster, MissingExtraError without Ray; before any work."""
    if not isinstance(address, str) or not (address == AUTO or _ADDRESS.fullmatch(address)):
        raise OptionError(
            f"{setting('ray', address)}: write 'auto', or a cluster's address ('ray://head:10001', '192.168.0.5:6379')."
        )
    ray_module()


def shards_on_ray(
    clf: Classifier, spec: RunSpec, numbers: Sequence[int], told: Callable[[int, int], None], address: str
) -> Generator[tuple[int, Shard], None, None]:
    """Shards as they are finished, each with its number. told : see ``store.shard.run_shard``; here after each shard.

    address : "auto" takes a cluster that is running on this machine, or one of this machine alone for as long as it takes.
    Raises what :func:`run_shard` raises; PhotoError: a worker does not see the photos; ModelError: the classifier cannot travel,
    other versions there, whatever else a network raises; StoreError: workers that die again and again; OptionError: no cluster.
    """
    if not numbers:
        return
    ray = ray_module()
    sent = sent_classifier(clf)
    with _connected(ray, address, len(sent.content)):
        crew = _Crew(ray, _Workers.of(ray, clf, len(numbers)), ray.put(sent), spec, numbers)
        outcomes = crew.outcomes()
        try:
            for number, outcome in outcomes:
                shard = _shard(outcome, spec, number)
                told(len(spec.places(number)), len(shard.unread))
                yield number, shard
        except ray.exceptions.RayError as error:
            raise StoreError(f"The cluster gave up: {_reason(error)} What is finished stays.") from error
        finally:
            crew.dismiss()


# -- the cluster --------------------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _connected(ray: ModuleType, address: str, size: int) -> Iterator[None]:
    """To a cluster; afterwards everything is as before. size : of the classifier, in bytes."""
    if ray.is_initialized():  # by the person: stays
        yield
        return
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    with _quiet():
        try:
            if address != AUTO:
                _knock(address)
            ray.init(address=address, **quiet)
        except ImportError as error:
            raise MissingExtraError(
                f"{setting('ray', address)} needs Ray's client, which is not installed: pip install 'ray[client]'; or start the "
                "run on a machine of the cluster, with 'auto'."
            ) from error
        except OSError as error:
            if address != AUTO:
                raise OptionError(
                    f"{setting('ray', address)}: no cluster answers there. Start one with 'ray start --head', or write 'auto'."
                ) from error
            ray.init(address="local", include_dashboard=False, object_store_memory=_STORE + 2 * size, **quiet)
    try:
        yield
    finally:
        ray.shutdown()  # ends a Ray that was begun here, and leaves another one alone


def _knock(address: str) -> None:
    """Raises OSError where nobody is in, for which Ray itself would wait for minutes."""
    (host, _, port) = address.rpartition("://")[2].rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=_PATIENCE):
        pass


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """No reports to Ray's makers, no advice on what it will do in future."""
    before = {name: os.environ.get(name) for name in _QUIET}
    os.environ.update(_QUIET)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


@dataclass(frozen=True)
class _Workers:
    """How many there are, on how many threads each computes, and what Ray keeps free for it."""

    count: int
    threads: int
    resources: dict[str, float]
    device: str | None

    @classmethod
    def of(cls, ray: ModuleType, clf: Classifier, shards: int) -> _Workers:
        """One for each GPU where the classifier is on one, and the cluster has some; else as many as the cores have room for.

        Each computes on as many threads as this process would: another number of them sums up in another order, and rows would
        differ in their last bits.
        """
        machines = [machine["Resources"] for machine in ray.nodes() if machine["Alive"]]
        gpus = sum(int(machine.get("GPU", 0)) for machine in machines)
        cores = [int(machine.get("CPU", 0)) for machine in machines]
        threads = max(1, min(torch.get_num_threads(), max(cores, default=0)))
        if clf.device.type == "cuda" and gpus:
            return cls(min(gpus, shards), threads, {"num_gpus": 1}, "cuda")
        count = sum(own // threads for own in cores)
        if not count:
            raise OptionError(
                f"The cluster has no processor for workers: start it with 'ray start --num-cpus'; see {setting('ray')}."
            )
        return cls(min(count, shards), threads, {"num_cpus": threads}, None)


# -- the workers --------------------------------------------------------------------------------------------------------------


class _Crew:
    """The workers of a run, and which shards each of them has: the one that it is at, and the next, so that it never waits.

    A worker gets work once it stands; so nothing waits for one that finds no machine.
    """

    def __init__(self, ray: ModuleType, workers: _Workers, classifier: Any, spec: RunSpec, numbers: Sequence[int]) -> None:
        (self._ray, self._spec, self._waiting) = (ray, spec, deque(numbers))
        options = {**workers.resources, "max_restarts": 0}
        self._kind = ray.remote(**options)(ShardWorker)
        self._arguments = (classifier, workers.device, workers.threads, versions())
        self._coming: dict[Any, Any] = {}  # by what they answer when they stand
        self._busy: dict[Any, deque[tuple[Any, int]]] = {}  # answers and numbers, the oldest first
        self._deaths: Counter[int | None] = Counter()  # by the shard that a worker was at; None: before it stood
        for _ in range(workers.count):
            self._hire()

    def outcomes(self) -> Generator[tuple[int, Shard | _Failure], None, None]:
        """Every shard with what came of it, in the order in which they come."""
        while self._waiting or any(self._busy.values()):
            self._hand_out()
            (done, _) = self._ray.wait([*self._coming, *(shards[0][0] for shards in self._busy.values() if shards)])
            for answer in done:
                if answer in self._coming:
                    self._welcome(answer)
                    continue
                (worker, shards) = next((w, shards) for w, shards in self._busy.items() if shards and shards[0][0] == answer)
                try:
                    outcome = self._ray.get(answer)
                except self._ray.exceptions.RayTaskError:
                    raise
                except self._ray.exceptions.RayError as error:
                    self._replace(worker, error)
                    continue
                (_, number) = shards.popleft()
                yield number, outcome

    def dismiss(self) -> None:
        """All of them, whatever they are at."""
        for worker in [*self._coming.values(), *self._busy]:
            with contextlib.suppress(Exception):  # it or the whole cluster may be gone
                self._ray.kill(worker)

    def _hire(self) -> None:
        worker = self._kind.remote(*self._arguments)
        self._coming[worker.stands.remote()] = worker

    def _welcome(self, answer: Any) -> None:
        worker = self._coming.pop(answer)
        try:
            self._ray.get(answer)
        except self._ray.exceptions.RayError as error:
            self._count(None, error)
            self._hire()
        else:
            self._busy[worker] = deque()

    def _hand_out(self) -> None:
        """First one shard for each, then the next ones, as long as there is one for everybody."""
        for most in (1, 2):
            for worker, shards in self._busy.items():
                if len(shards) < most and self._waiting and (most == 1 or len(self._waiting) >= len(self._busy)):
                    number = self._waiting.popleft()
                    part = _part(self._spec, number)
                    shards.append((worker.explain.remote(part, number, sees_photos(part, number)), number))

    def _replace(self, worker: Any, error: Exception) -> None:
        """What a dead worker had is given to others."""
        numbers = [number for _, number in self._busy.pop(worker)]
        with contextlib.suppress(Exception):
            self._ray.kill(worker)  # where it could not be reached alone
        self._count(numbers[0], error)
        self._waiting.extendleft(reversed(numbers))
        self._hire()

    def _count(self, number: int | None, error: Exception) -> None:
        """Raises StoreError where workers have died over the same too often."""
        self._deaths[number] += 1
        if self._deaths[number] == _MOST_DEATHS:
            what = "before they began" if number is None else f"over shard {number} ({_in_words(self._spec.places(number))})"
            raise StoreError(f"{_MOST_DEATHS} workers have died {what}, the last one so: {_reason(error)}") from error


# -- what travels -------------------------------------------------------------------------------------------------------------


class Part(Sequence[Value], Generic[Value]):
    """A range of a long list, its items at the places that they have there."""

    def __init__(self, values: Sequence[Value], places: range) -> None:
        (self._values, self._start, self._count) = (list(values[places.start : places.stop]), places.start, len(values))

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, place: int) -> Value: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[Value]: ...

    def __getitem__(self, place: int | slice) -> Value | Sequence[Value]:
        if isinstance(place, slice):
            return [self[one] for one in range(*place.indices(self._count))]
        if not 0 <= place - self._start < len(self._values):
            raise IndexError(place)
        return self._values[place - self._start]


def _part(spec: RunSpec, number: int) -> RunSpec:
    """The spec with the photos of one shard alone."""
    places = spec.places(number)
    (paths, labels) = (Part(spec.paths, places), Part(spec.labels, places))
    members = None if spec.members is None else Part(spec.members, places)
    queries = None if spec.queries is None else Part(spec.queries, places)
    edits = Part(spec.edits, places)
    return dataclasses.replace(spec, paths=paths, labels=labels, edits=edits, members=members, queries=queries)


@dataclass(frozen=True)
class _Failure:
    """What went wrong on a worker. kind : a SeewhyError, whose message keeps its marks; None for anything else."""

    kind: type[SeewhyError] | None
    message: str
    clause: str = ""
    trace: str = ""


class RemoteError(Exception):
    """The traceback of another process, as the cause of what is raised here."""


class ShardWorker:
    """Holds a classifier, and explains one shard after the other. Made on the machine where it works."""

    def __init__(self, classifier: SentClassifier, device: str | None, threads: int, versions: dict[str, str]) -> None:
        (self._classifier, self._device, self._threads, self._versions) = (classifier, device, threads, versions)
        self._clf: Classifier | None = None

    def stands(self) -> bool:
        """Answered once it has found a machine."""
        return True

    def explain(self, spec: RunSpec, number: int, seen: bool) -> Shard | _Failure:
        """One shard, or what went wrong, in a form that travels. seen : where the run was begun, there are its photos."""
        try:
            torch.set_num_threads(self._threads)
            if seen:
                check_photos(spec, number)
            return run_shard(self._ready(), spec, number)
        except SeewhyError as error:
            return _Failure(type(error), error.message.marked, error.clause)
        except Exception as error:  # whatever a person's network raises
            line = traceback.format_exception_only(error)[-1].strip()
            return _Failure(None, line, trace=traceback.format_exc())

    def _ready(self) -> Classifier:
        """The classifier, unpacked for the first shard: what goes wrong there can still be said."""
        if self._clf is None:
            check_versions(self._versions)
            self._clf = classifier_from(self._classifier, self._device)
        return self._clf


def check_versions(there: dict[str, str]) -> None:
    """Raises ModelError where this machine's differ from those of the process that began the run: its rows would differ, too."""
    here = versions()
    other = [f"{name} {here[name]}, and the run {there[name]}" for name in there if _plain(here[name]) != _plain(there[name])]
    if other:
        raise ModelError(f"The machine '{socket.gethostname()}' has {'; '.join(other)}: install the same on all machines.")


def _plain(version: str) -> str:
    return version.partition("+")[0]  # a build for another processor


def sees_photos(spec: RunSpec, number: int) -> bool:
    """False where this machine has none of a shard's files. A bucket is seen from everywhere."""
    folder = folder_at(spec.root)
    if not isinstance(folder, LocalFolder):
        return True
    for place in spec.places(number):
        member = None if spec.members is None else spec.members[place]
        if folder.is_file(spec.paths[place] if member is None else member.tar):
            return True
    return False


def check_photos(spec: RunSpec, number: int) -> None:
    """Raises PhotoError where this machine does not see a shard's photos; they would all be listed as unread."""
    if not sees_photos(spec, number):
        raise PhotoError(
            f"The machine '{socket.gethostname()}' does not see the photos in '{spec.root}': mount their folder there under the "
            "same path, or keep them in a bucket."
        )


def _shard(outcome: Shard | _Failure, spec: RunSpec, number: int) -> Shard:
    """What a worker gave. Raises what it could not give."""
    if isinstance(outcome, Shard):
        return outcome
    if outcome.kind is not None:
        raise outcome.kind(outcome.message, outcome.clause)
    raise ModelError(f"Shard {number} ({_in_words(spec.places(number))}) failed on a worker: {outcome.message}") from RemoteError(
        outcome.trace
    )


def _in_words(places: range) -> str:
    return f"photos {places.start} to {places.stop - 1}"


def _reason(error: Exception) -> str:
    """What Ray says, in a line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return (lines[0] if lines else type(error).__name__).rstrip(".:") + "."
