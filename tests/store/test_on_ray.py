from __future__ import annotations

import importlib.util
import os
import pickle
import signal
import socket
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from embeddings import colours
from PIL import Image
from small_nets import Planted, SmallNet
from stores import timeless

import seewhy
from seewhy.errors import LayerError, MissingExtraError, ModelError, OptionError, PhotoError, StoreError, TargetError
from seewhy.explanation import versions
from seewhy.store import on_ray
from seewhy.store.manifest import UnreadPhoto
from seewhy.store.on_ray import Part, ShardWorker, check_address, check_versions, sees_photos, shards_on_ray
from seewhy.store.shard import RunSpec, Shard, run_shard
from seewhy.store.travel import sent_classifier

pytestmark = pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray is not installed")

CLASSES = ["red", "green", "blue"]


class Slow(SmallNet):
    """Takes a moment, so that a shard is still under way when its worker is killed."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        time.sleep(0.05)
        return super().forward(x)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty photos, one of them broken."""
    folder = tmp_path_factory.mktemp("photos")
    for i, photo in enumerate(colours(20)):
        Image.fromarray(photo).save(folder / f"{i:02}.png")
    (folder / "07.png").write_bytes(b"half")
    return folder


def spec_of(folder: Path, **changes: Any) -> RunSpec:
    paths = sorted(path.name for path in folder.iterdir())
    fields = {"root": str(folder), "paths": paths, "labels": [None] * len(paths), "methods": [("grad_cam", {})]}
    return RunSpec(**(fields | {"batch_size": 2, "shard_size": 2} | changes))


def workers_of_ray() -> list[int]:
    """The processes that hold a classifier, below this one."""
    import psutil

    return [
        process.pid
        for process in psutil.Process().children(recursive=True)
        if process.status() != psutil.STATUS_ZOMBIE and any("ShardWorker" in word for word in process.cmdline()[:1])
    ]


@pytest.fixture(scope="module")
def cluster() -> Iterator[None]:
    """Two cores of this machine, begun by somebody else than a run."""
    import ray

    variables = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        ray.init(
            address="local",
            num_cpus=2,
            include_dashboard=False,
            log_to_driver=False,
            logging_level="ERROR",
            object_store_memory=100_000_000,
        )
    yield
    ray.shutdown()


@pytest.mark.usefixtures("cluster")
def test_with_a_worker_killed_in_the_middle_the_rows_are_those_of_one_process(photos: Path, tmp_path: Path) -> None:
    clf = seewhy.Classifier(Slow(3), preprocess=seewhy.Preprocess(size=16), classes=CLASSES)
    settings: dict[str, Any] = {"method": "grad_cam", "shard_size": 2}
    alone = seewhy.run(clf, photos, tmp_path / "alone", **settings)
    calls, killed = [], []

    def told(done: int, total: int, partial: Any) -> None:
        calls.append((done, total))
        if not killed and len(workers_of_ray()) == 2:
            killed.append(workers_of_ray()[0])
            os.kill(killed[0], signal.SIGKILL)

    store = seewhy.run(clf, photos, tmp_path / "store", ray="auto", progress=told, **settings)
    assert len(killed) == 1
    assert calls == [(done, 20) for done in range(2, 21, 2)]
    assert timeless(store.dataset().to_table()) == timeless(alone.dataset().to_table())
    assert sorted(store.to_pandas()["number"]) == [number for number in range(20) if number != 7]
    assert store.unread == alone.unread
    assert [photo.path for photo in store.unread] == ["07.png"]
    import ray

    assert ray.is_initialized()  # it was there before
    deadline = time.monotonic() + 20
    while workers_of_ray() and time.monotonic() < deadline:
        time.sleep(0.1)
    assert workers_of_ray() == []


@pytest.mark.usefixtures("cluster")
def test_a_mistake_on_a_worker_ends_the_run_with_its_line(clf: seewhy.Classifier, photos: Path, tmp_path: Path) -> None:
    with pytest.raises(LayerError, match=r"no layer 'nope'"):  # which "auto" looks for with the first photo
        seewhy.run(clf, photos, tmp_path / "store", layer="nope", shard_size=30, ray="auto")
    assert len(seewhy.Store.open(tmp_path / "store")) == 0


# -- what a worker does, in this process --------------------------------------------------------------------------------------


def worker_of(clf: seewhy.Classifier, **changes: Any) -> ShardWorker:
    fields = {"classifier": sent_classifier(clf), "device": None, "threads": torch.get_num_threads(), "versions": versions()}
    return ShardWorker(**(fields | changes))


def test_a_worker_gives_what_the_same_function_gives_here(clf: seewhy.Classifier, photos: Path) -> None:
    spec = spec_of(photos)
    travelled = pickle.loads(pickle.dumps(on_ray._part(spec, 3)))
    assert len(pickle.dumps(travelled)) < 1000  # the paths of its photos alone
    shard = worker_of(clf).explain(travelled, 3, True)
    assert isinstance(shard, Shard)
    here = run_shard(clf, spec, 3)
    assert timeless(shard.rows) == timeless(here.rows)
    assert shard.unread == here.unread == [UnreadPhoto("07.png", here.unread[0].reason)]


def test_edits_travel_with_their_photos(clf: seewhy.Classifier, photos: Path) -> None:
    edit = seewhy.edits.Fill(box=(0, 0, 0.5, 0.5)).record()
    spec = spec_of(photos, edits=[None, edit] * 10)
    shard = worker_of(clf).explain(pickle.loads(pickle.dumps(on_ray._part(spec, 2))), 2, True)
    assert isinstance(shard, Shard)
    here = timeless(run_shard(clf, spec, 2).rows)
    assert timeless(shard.rows) == here
    assert [row["edit"] is None for row in here] == [True, False]


def test_mistakes_arrive_as_the_same_line(clf: seewhy.Classifier, photos: Path) -> None:
    spec = spec_of(photos, target="purple")
    with pytest.raises(TargetError) as here:
        run_shard(clf, spec, 0)
    failure = pickle.loads(pickle.dumps(worker_of(clf).explain(spec, 0, True)))
    with pytest.raises(TargetError) as there:
        on_ray._shard(failure, spec, 0)
    assert there.value.message.marked == here.value.message.marked
    assert there.value.clause == here.value.clause


def test_other_exceptions_name_the_shard_and_keep_their_trace(clf: seewhy.Classifier, photos: Path) -> None:
    spec = spec_of(photos, methods=3)
    with pytest.raises(ModelError) as failed:
        on_ray._shard(pickle.loads(pickle.dumps(worker_of(clf).explain(spec, 1, True))), spec, 1)
    assert str(failed.value) == "Shard 1 (photos 2 to 3) failed on a worker: TypeError: 'int' object is not iterable"
    assert "in run_shard" in str(failed.value.__cause__)


def test_photos_that_a_machine_does_not_see_are_not_listed_as_unread(
    clf: seewhy.Classifier, photos: Path, tmp_path: Path
) -> None:
    spec = spec_of(photos)
    assert sees_photos(spec, 0)
    assert sees_photos(spec_of(photos, root="memory://bucket/photos"), 0)
    for root in (tmp_path / "away", tmp_path):  # none, and one of that name without the photos
        elsewhere = spec_of(photos, root=str(root))
        assert not sees_photos(elsewhere, 0)
        with pytest.raises(PhotoError) as refused:
            on_ray._shard(worker_of(clf).explain(elsewhere, 0, True), spec, 0)
        assert str(refused.value) == (
            f"The machine '{socket.gethostname()}' does not see the photos in '{root}': mount their folder there under the same "
            "path, or keep them in a bucket."
        )
        shard = on_ray._shard(worker_of(clf).explain(elsewhere, 0, False), spec, 0)  # where it was begun they are gone, too
        assert len(shard.unread) == 2


def test_machines_with_other_versions_are_refused() -> None:
    check_versions({"seewhy": versions()["seewhy"], "torch": versions()["torch"].partition("+")[0] + "+cu999"})
    with pytest.raises(ModelError) as refused:
        check_versions({**versions(), "seewhy": "9.9"})
    assert str(refused.value) == (
        f"The machine '{socket.gethostname()}' has seewhy {versions()['seewhy']}, and the run 9.9: install the same on all "
        "machines."
    )


def test_a_part_keeps_the_places_of_the_whole() -> None:
    part = Part(["a", "b", "c", "d", "e"], range(2, 4))
    assert (len(part), part[2], part[3], part[2:4]) == (5, "c", "d", ["c", "d"])
    for place in (1, 4, -1):
        with pytest.raises(IndexError):
            part[place]


# -- the crew, with a Ray that is played --------------------------------------------------------------------------------------


class Played:
    """Enough of Ray for a crew: workers answer at once, and die over the shards that are said to kill."""

    class exceptions:  # noqa: N801
        class RayError(Exception):
            pass

        class RayTaskError(RayError):
            pass

    def __init__(self, kills: dict[int | None, int], machines: list[dict[str, float]]) -> None:
        (self.kills, self.machines) = (dict(kills), machines)
        self.hired, self.killed, self.asked = [], [], []

    def nodes(self) -> list[dict[str, Any]]:
        return [{"Alive": True, "Resources": machine} for machine in self.machines]

    def remote(self, **options: Any) -> Any:
        self.options = options
        return lambda kind: PlayedKind(self)

    def wait(self, answers: list[Any]) -> tuple[list[Any], list[Any]]:
        return answers[:1], answers[1:]

    def get(self, answer: PlayedAnswer) -> Any:
        if self.kills.get(answer.number, 0) > 0:
            self.kills[answer.number] -= 1
            raise self.exceptions.RayError("The actor died unexpectedly.\nmore")
        return f"shard {answer.number}"

    def kill(self, worker: Any) -> None:
        self.killed.append(worker)


class PlayedKind:
    def __init__(self, ray: Played) -> None:
        self.ray = ray

    def remote(self, *arguments: Any) -> PlayedKind:
        self.ray.hired.append(PlayedKind(self.ray))
        return self.ray.hired[-1]

    @property
    def stands(self) -> Any:
        return PlayedMethod(self.ray)

    @property
    def explain(self) -> Any:
        return PlayedMethod(self.ray)


class PlayedMethod:
    def __init__(self, ray: Played) -> None:
        self.ray = ray

    def remote(self, spec: Any = None, number: int | None = None, seen: bool = True) -> PlayedAnswer:
        if number is not None:
            self.ray.asked.append(number)
        return PlayedAnswer(number)


class PlayedAnswer:
    def __init__(self, number: int | None) -> None:
        self.number = number


def crew_of(ray: Played, clf: seewhy.Classifier, spec: RunSpec, numbers: list[int]) -> on_ray._Crew:
    return on_ray._Crew(ray, on_ray._Workers.of(ray, clf, len(numbers)), b"", spec, numbers)  # type: ignore[arg-type]


def test_what_a_dead_worker_had_is_done_by_others(clf: seewhy.Classifier, photos: Path) -> None:
    ray = Played({None: 1, 3: 4, 5: 1}, [{"CPU": 1}, {"CPU": 1}])
    crew = crew_of(ray, clf, spec_of(photos), list(range(1, 10)))
    outcomes = list(crew.outcomes())
    assert sorted(outcomes) == sorted((number, f"shard {number}") for number in range(1, 10))
    assert len(ray.hired) == 2 + 1 + 4 + 1
    crew.dismiss()
    assert len(ray.killed) == 5 + 2


def test_a_shard_that_kills_its_workers_ends_the_run(clf: seewhy.Classifier, photos: Path) -> None:
    ray = Played({3: 99}, [{"CPU": 2}])
    with pytest.raises(StoreError) as ended:
        list(crew_of(ray, clf, spec_of(photos), list(range(6))).outcomes())
    assert str(ended.value) == "5 workers have died over shard 3 (photos 6 to 7), the last one so: The actor died unexpectedly."
    ray = Played({None: 99}, [{"CPU": 2}])
    with pytest.raises(StoreError, match=r"^5 workers have died before they began, the last one so: The actor died"):
        list(crew_of(ray, clf, spec_of(photos), list(range(6))).outcomes())


def test_how_many_workers(clf: seewhy.Classifier, planted: Planted) -> None:
    def workers(*machines: dict[str, float], shards: int = 99) -> tuple[int, int, dict[str, float]]:
        found = on_ray._Workers.of(Played({}, list(machines)), clf, shards)  # type: ignore[arg-type]
        return found.count, found.threads, found.resources

    assert workers({"CPU": 4}, {"CPU": 2, "GPU": 1}) == (6, 1, {"num_cpus": 1})  # the network is not on a GPU
    assert workers({"CPU": 4}, shards=3) == (3, 1, {"num_cpus": 1})
    torch.set_num_threads(3)
    try:
        assert workers({"CPU": 8}, {"CPU": 2}, {}) == (2, 3, {"num_cpus": 3})
        assert workers({"CPU": 2}, {"CPU": 2}) == (2, 2, {"num_cpus": 2})  # no machine has room for three
    finally:
        torch.set_num_threads(1)
    with pytest.raises(OptionError, match=r"^The cluster has no processor for workers: "):
        workers({})


# -- the door -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("address", [True, "yes", "http://head:1", "", "head:port"])
def test_what_is_no_address(clf: seewhy.Classifier, photos: Path, tmp_path: Path, address: Any) -> None:
    with pytest.raises(OptionError) as refused:
        seewhy.run(clf, photos, tmp_path / "store", ray=address)
    assert str(refused.value) == (
        f"ray={address!r}: write 'auto', or a cluster's address ('ray://head:10001', '192.168.0.5:6379')."
    )
    assert not (tmp_path / "store").exists()


def test_nobody_answers(clf: seewhy.Classifier, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and does not listen
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(OptionError) as refused:
            list(shards_on_ray(clf, spec_of(photos), [0], lambda done, unread: None, address))
    assert str(refused.value) == (
        f"ray='{address}': no cluster answers there. Start one with 'ray start --head', or write 'auto'."
    )


def test_without_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtraError) as refused:
        check_address("auto")
    assert str(refused.value) == ("Many machines need Ray, which is not installed: pip install 'seewhy[ray]', or leave ray= out.")


def test_a_ray_of_this_machine_is_begun_quietly_and_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    import ray

    calls: list[Any] = []

    def init(address: str, **settings: Any) -> None:
        calls.append((address, settings, os.environ["RAY_USAGE_STATS_ENABLED"]))
        if address == "auto":
            raise ConnectionError("nobody")

    monkeypatch.delenv("RAY_USAGE_STATS_ENABLED", raising=False)
    monkeypatch.setattr(ray, "is_initialized", lambda: False)
    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(ray, "shutdown", lambda: calls.append("ended"))
    with on_ray._connected(ray, "auto", 1000):
        assert "RAY_USAGE_STATS_ENABLED" not in os.environ
    quiet = {"log_to_driver": False, "logging_level": 40}
    own = {"include_dashboard": False, "object_store_memory": 2**28 + 2000}
    assert calls == [("auto", quiet, "0"), ("local", own | quiet, "0"), "ended"]


def test_nothing_to_do_starts_nothing(clf: seewhy.Classifier, photos: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_ray, "_connected", None)
    assert list(shards_on_ray(clf, spec_of(photos), [], lambda done, unread: None, "auto")) == []
