"""The memory policy: what is set while seewhy works, what is left behind in a person's process; no value depends on it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from seewhy.engine import memory

needs_glibc = pytest.mark.skipif(memory._glibc() is None, reason="the C library is not glibc: nothing is done")


class FakeLibc:
    """Writes down what it is told. free : bytes of free chunks."""

    def __init__(self, free: int = 0) -> None:
        (self.free, self.top) = (free, 20_000_000)
        self.options: list[tuple[int, int]] = []
        self.trims: list[int] = []

    def mallopt(self, name: int, size: int) -> int:
        self.options.append((name, size))
        return 1

    def mallinfo2(self) -> Any:
        return SimpleNamespace(fordblks=self.free, keepcost=self.top)

    def malloc_trim(self, pad: int) -> int:
        self.trims.append(pad)
        return 1


@pytest.fixture
def libc(monkeypatch: pytest.MonkeyPatch) -> FakeLibc:
    fake = FakeLibc()
    monkeypatch.setattr(memory, "_glibc", lambda: fake)
    monkeypatch.setattr(memory, "_share", lambda: 1_000)
    monkeypatch.setattr(memory, "_always", False)
    monkeypatch.setattr(memory, "_resident_then", 0)
    monkeypatch.setattr(memory, "_free_then", 0)
    return fake


WORKING = [(-3, 2**30), (-1, 1_000)]
USUAL = [(-3, 32 << 20), (-1, 64 << 20)]


def test_the_outermost_work_sets_the_thresholds_and_puts_the_usual_ones_back(libc: FakeLibc) -> None:
    with memory.kept():
        assert libc.options == WORKING
        with memory.kept():
            pass
        assert libc.options == WORKING
    assert libc.options == WORKING + USUAL


def test_they_are_put_back_after_an_error(libc: FakeLibc) -> None:
    with pytest.raises(ValueError, match="of the work"), memory.kept():
        raise ValueError("of the work")
    assert libc.options == WORKING + USUAL
    assert memory._depth == 0


def test_little_free_memory_stays(libc: FakeLibc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "resident_memory", lambda: 10**9)
    libc.free = memory.KEPT
    with memory.kept():
        pass
    assert libc.trims == []


def test_after_little_was_free_nothing_is_given_back_until_the_rest_may_have_been_filled(
    libc: FakeLibc, monkeypatch: pytest.MonkeyPatch
) -> None:
    resident = [500_000_000]
    monkeypatch.setattr(memory, "resident_memory", lambda: resident[0])
    libc.free = 30_000_000
    with memory.kept():
        pass
    libc.free = 100_000_000  # of which no more than 30 + 18 MB can be in memory
    for growth, trims in ((memory.KEPT - 30_000_000, 0), (1, 1)):
        with memory.kept():
            resident[0] += growth
        assert len(libc.trims) == trims


def test_more_is_given_back_once_it_has_become_resident(libc: FakeLibc, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = [500_000_000]
    monkeypatch.setattr(memory, "resident_memory", lambda: resident[0])
    libc.free = memory.KEPT + 1
    for _ in range(3):  # the second and the third time nothing has grown
        with memory.kept():
            pass
    assert libc.trims == [memory._TOP]
    resident[0] += memory.KEPT - 20_000_000  # the heap's end holds the rest of what may stay
    with memory.kept():
        pass
    assert len(libc.trims) == 1
    resident[0] += 1
    with memory.kept():
        pass
    assert len(libc.trims) == 2


def test_a_heap_with_large_holes_may_fill_them_with_all_that_may_stay(libc: FakeLibc, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = [500_000_000]
    monkeypatch.setattr(memory, "resident_memory", lambda: resident[0])
    (libc.free, libc.top) = (300_000_000, 100_000)
    with memory.kept():
        pass
    assert libc.trims == [0]
    for _ in range(3):
        with memory.kept():
            resident[0] = 500_000_000 + memory.KEPT - 100_000
    assert libc.trims == [0]


def test_what_a_person_has_freed_meanwhile_may_not_be_filled(libc: FakeLibc, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = [2_000_000_000]
    monkeypatch.setattr(memory, "resident_memory", lambda: resident[0])
    libc.free = memory.KEPT + 1
    with memory.kept():
        pass
    assert len(libc.trims) == 1
    resident[0] = 500_000_000  # a model is gone
    with memory.kept():
        resident[0] += memory.KEPT
    assert len(libc.trims) == 2


def test_a_system_without_proc_is_trimmed_whenever_much_is_free(libc: FakeLibc, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_STATM", "/nowhere/at/all")
    assert memory.resident_memory() == 0
    libc.free = memory.KEPT + 1
    for _ in range(2):
        with memory.kept():
            pass
    assert len(libc.trims) == 2


def test_an_older_glibc_that_refuses_the_threshold_gets_the_largest_it_takes(
    libc: FakeLibc, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = libc.mallopt
    monkeypatch.setattr(libc, "mallopt", lambda name, size: take(name, size) and int(not (name == -3 and size > 32 << 20)))
    with memory.kept():
        assert libc.options == [(-3, 2**30), (-3, 32 << 20), (-1, 1_000)]


def test_threads_share_one_piece_of_work(libc: FakeLibc) -> None:
    inside = threading.Barrier(3)

    def work() -> None:
        with memory.kept():
            inside.wait(timeout=10)

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    with memory.kept():
        inside.wait(timeout=10)
        for thread in threads:
            thread.join()
        assert libc.options == WORKING  # the others have left, and it goes on
    assert libc.options == WORKING + USUAL


def test_a_process_of_our_own_keeps_everything(libc: FakeLibc) -> None:
    memory.keep_always()
    libc.free = 10**9
    with memory.kept():
        pass
    assert libc.options == [(-8, 1), *WORKING]
    assert libc.trims == []


def test_nothing_is_done_without_glibc(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "_glibc", lambda: None)
    memory.keep_always()
    with memory.kept():
        assert memory._depth == 0
    assert memory._glibc() is None
    assert memory._always is False


@pytest.mark.parametrize(("name", "value"), [("MALLOC_TRIM_THRESHOLD_", "100000"), ("GLIBC_TUNABLES", "glibc.malloc.hugetlb=1")])
def test_what_a_person_has_set_holds(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    assert memory._glibc.__wrapped__() is None


def test_the_share_follows_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    memory._share_of.cache_clear()
    monkeypatch.setattr(memory, "free_memory", lambda device: 4e8)
    assert memory._share() == 100_000_000
    memory._share_of.cache_clear()
    monkeypatch.setattr(memory, "free_memory", lambda device: 1e12)
    assert memory._share() == 2**31 - 1
    memory._share_of.cache_clear()


def test_a_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {"/sys/fs/cgroup/memory.max": "700000000\n", "/sys/fs/cgroup/memory.current": "600000000\n"}
    real = Path.read_text

    def read_text(path: Path, *args: Any, **kwargs: Any) -> str:
        return files.get(str(path)) or real(path, *args, **kwargs)

    monkeypatch.setattr(Path, "read_text", read_text)
    assert memory.free_memory(torch.device("cpu")) == 100_000_000


SCRIPT = """
import ctypes, hashlib, json, sys
import torch
from torch import nn

torch.manual_seed(0)
# Maps of 8 MB a photo: what is freed is far above what may stay.
network = nn.Sequential(
    nn.Conv2d(3, 32, 3, padding=1), nn.ReLU(), nn.Conv2d(32, 32, 3, padding=1), nn.ReLU(),
    nn.Conv2d(32, 8, 3, stride=2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 4),
).eval()
import seewhy
from seewhy.engine import memory

clf = seewhy.Classifier(network)
photos = torch.rand(16, 3, 256, 256)
digest = hashlib.sha256()
for batch_size in (None, 16, None):
    for explanation in seewhy.explain(clf, photos, batch_size=batch_size):
        digest.update(explanation.maps.tobytes())
digest.update(seewhy.explain(clf, photos[0], "occlusion", mask_size=64, stride=64).maps.tobytes())
digest.update(seewhy.explain(clf, photos[0], "gradient").maps.tobytes())

libc = ctypes.CDLL(None)
held = memory.resident_memory()
libc.malloc_trim(0)
before = memory.resident_memory()
largest = torch.ones(250_000_000)  # 1 GB: larger than any hole
del largest
left = memory.resident_memory() - before
large = torch.ones(12_000_000)  # 48 MB: may come to lie in a hole of the heap
del large
seewhy.explain(clf, photos)
again = memory.resident_memory()
libc.malloc_trim(0)
print(json.dumps({
    "active": memory._glibc() is not None, "held": held - before, "left": left, "again": again - memory.resident_memory(),
    "digest": digest.hexdigest(),
}))
"""


def run_script(**environment: str) -> dict[str, Any]:
    source = str(Path(memory.__file__).parents[2])
    variables = {k: v for k, v in os.environ.items() if k not in (*memory.VARIABLES, "GLIBC_TUNABLES")}
    variables |= {"PYTHONPATH": source, "OMP_NUM_THREADS": "1"} | environment
    process = subprocess.run([sys.executable, "-c", SCRIPT], env=variables, capture_output=True, text=True, check=True)
    result: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return result


@needs_glibc
def test_what_is_left_behind_in_a_persons_process() -> None:
    """No more than 50 MB of free memory; a tensor that is larger than the heap's holes goes back to the system when it is freed,
    and what lay in a hole does so after the next explanation."""
    result = run_script()
    assert result["active"]
    assert result["held"] <= 50e6
    assert result["left"] <= 2e6
    assert result["again"] <= 50e6


@needs_glibc
def test_results_are_the_same_bits_with_and_without() -> None:
    without = run_script(MALLOC_TRIM_THRESHOLD_="131072")
    assert not without["active"]
    assert without["digest"] == run_script()["digest"]


@needs_glibc
def test_memory_stays_flat_over_many_explanations() -> None:
    code = """
import seewhy
from seewhy.engine.memory import resident_memory
clf = seewhy.load("demo:honest")
photo = seewhy.demo.scenes(1)[0].photo
sizes = []
for count in range(1, 501):
    seewhy.explain(clf, photo, target="top3")
    if count in (200, 500):  # what the allocator keeps has settled by then
        sizes.append(resident_memory())
print(sizes[1] - sizes[0])
"""
    source = str(Path(memory.__file__).parents[2])
    process = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | {"PYTHONPATH": source}, capture_output=True, text=True, check=True
    )
    assert int(process.stdout) < 5e6


def test_long_work_gives_its_free_memory_back_once_it_has_grown(libc: FakeLibc, monkeypatch: pytest.MonkeyPatch) -> None:
    resident = [500_000_000]
    monkeypatch.setattr(memory, "resident_memory", lambda: resident[0])
    assert memory.without_growth(0) == 500_000_000
    resident[0] += memory._GROWTH
    assert memory.without_growth(500_000_000) == 500_000_000
    assert libc.trims == []
    resident[0] += 1
    assert memory.without_growth(500_000_000) == 500_000_000  # of the first time, so that it cannot creep on
    assert libc.trims == [0]
    resident[0] = 0  # where the system does not tell
    memory.without_growth(500_000_000)
    assert libc.trims == [0]


@needs_glibc
def test_what_lies_in_the_holes_of_a_heap_is_given_back() -> None:
    code = (
        "import json\n"
        "import torch\n"
        "from seewhy.engine import memory\n"
        "memory.keep_always()\n"
        "first = memory.without_growth(0)\n"
        "tensors = [torch.ones(1_000_000) for _ in range(40)]\n"
        "del tensors[:-1]\n"  # 160 MB, below one that stays
        "grown = memory.resident_memory()\n"
        "memory.without_growth(first)\n"
        "print(json.dumps([first, grown, memory.resident_memory()]))\n"
    )
    process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    (first, grown, after) = json.loads(process.stdout)
    assert grown - first > 150_000_000
    assert after - first < 20_000_000
