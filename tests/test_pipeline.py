"""Many photos through the same work: their order, what is kept apart, how much is held at once, and Ctrl-C."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from small_nets import SmallNet

import seewhy
from seewhy.errors import ModelError, OptionError, PhotoError, RecordError, SeewhyError
from seewhy.pipeline import Outcome, ReadAhead, in_parts, in_stages


def through(items: Any, size: int = 3, **changes: Any) -> Iterator[Outcome[int, int]]:
    """Numbers: read is times 10, work is plus 1."""
    stages: dict[str, Any] = {
        "read": lambda item: 10 * item,
        "work": lambda values: [value + 1 for value in values],
        "place": lambda item, result: Path(f"{item}-{result}"),
        "save": lambda result, path: path,
    }
    return in_stages(in_parts(items, size), **(stages | changes))


def readers() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("seewhy-photos")]


@pytest.fixture
def folder(tmp_path: Path) -> list[Path]:
    """Eight photos of two sizes; the fourth one is broken."""
    rng = np.random.default_rng(0)
    paths = [tmp_path / "photos" / f"{i}.png" for i in range(8)]
    paths[0].parent.mkdir()
    for i, path in enumerate(paths):
        Image.fromarray(rng.integers(0, 256, (24 + 8 * (i > 5), 32, 3), np.uint8)).save(path)
    paths[3].write_bytes(paths[3].read_bytes()[:100])
    return paths


@pytest.mark.parametrize("crop", [True, False])
def test_a_folder_is_what_its_photos_are_one_by_one(small: SmallNet, folder: list[Path], tmp_path: Path, crop: bool) -> None:
    clf = seewhy.Classifier(small, seewhy.Preprocess(size=16, crop=crop))
    with closing(
        in_stages(
            in_parts(folder, 3),
            clf.read,
            lambda photos: seewhy.explain(clf, photos, target="top2", progress=False),
            lambda path, explanation: tmp_path / "maps" / f"{path.stem}.npz",
            lambda explanation, path: explanation.save(path),
        )
    ) as outcomes:
        found = list(outcomes)
    assert [outcome.item for outcome in found] == folder
    assert [outcome.error is None for outcome in found] == [True, True, True, False, True, True, True, True]
    assert str(found[3].error).startswith(f"'{folder[3]}' cannot be read to its end: ")
    assert (found[3].result, found[3].path) == (None, None)
    for outcome in found[:3] + found[4:]:
        assert outcome.path == tmp_path / "maps" / f"{outcome.item.stem}.npz"
        alone = seewhy.explain(clf, outcome.item, target="top2", progress=False)
        saved = seewhy.Explanation.load(outcome.path)
        np.testing.assert_allclose(saved.maps, alone.maps, rtol=1e-5, atol=1e-6)
        assert [target.name for target in saved.targets] == [target.name for target in alone.targets]
        np.testing.assert_array_equal(saved.photo.pixels, alone.photo.pixels)


def test_outcomes_come_in_order_however_long_reading_and_saving_take() -> None:
    slow = threading.Event()

    def read(item: int) -> int:
        if item == 0:
            slow.wait(5)
        slow.set()  # the first is read after the second
        return 10 * item

    outcomes = list(through(range(8), read=read))
    assert [(outcome.item, outcome.result, str(outcome.path)) for outcome in outcomes] == [
        (i, 10 * i + 1, f"{i}-{10 * i + 1}") for i in range(8)
    ]


@pytest.mark.parametrize("shares_cores", [True, False])
@pytest.mark.parametrize("draws", [True, False])
def test_memory_is_bounded_whatever_the_number(shares_cores: bool, draws: bool) -> None:
    """Counted: how many are read, or being read, whose outcome has not come yet: two batches."""
    (lock, count, largest) = (threading.Lock(), 0, 0)

    def read(item: int) -> int:
        nonlocal count, largest
        with lock:
            count += 1
            largest = max(largest, count)
        return item

    for outcome in through(iter(range(1000)), read=read, shares_cores=shares_cores, draws=draws):
        with lock:
            count -= 1
        assert outcome.error is None
    assert count == 0
    assert 3 <= largest <= 6


def test_nothing_is_read_while_the_network_needs_the_cores() -> None:
    begun: list[int] = []
    during: list[tuple[int, int]] = []

    def work(values: list[int]) -> list[int]:
        before = len(begun)
        threading.Event().wait(0.01)
        during.append((before, len(begun)))
        return values

    list(through(range(9), read=lambda item: begun.append(item) or item, work=work))
    assert during == [(3, 3), (6, 6), (9, 9)]


def test_on_a_gpu_the_next_batch_is_read_meanwhile() -> None:
    begun: list[int] = []
    all_read = threading.Event()

    def read(item: int) -> int:
        begun.append(item)
        if len(begun) == 6:
            all_read.set()
        return item

    def work(values: list[int]) -> list[int]:
        assert all_read.wait(5)
        return values

    list(through(range(6), read=read, work=work, shares_cores=False))
    assert sorted(begun) == list(range(6))


def test_the_one_at_fault_is_found() -> None:
    sizes = []

    def work(values: list[int]) -> list[int]:
        sizes.append(len(values))
        if 40 in values:
            raise ModelError("Not this one.")
        return values

    outcomes = list(through(range(8), work=work))
    assert [(outcome.item, str(outcome.error)) for outcome in outcomes if outcome.error] == [(4, "Not this one.")]
    assert [outcome.result for outcome in outcomes] == [0, 10, 20, 30, None, 50, 60, 70]
    assert sizes == [3, 3, 1, 1, 1, 2]


def test_what_every_photo_would_repeat_is_raised_at_once() -> None:
    def raises(error: SeewhyError) -> Any:
        def function(*_: Any) -> Any:
            raise error

        return function

    for stage in ("read", "work"):
        with pytest.raises(OptionError, match=r"^No such size\.$"):
            list(through(range(8), **{stage: raises(OptionError("No such size."))}))
    with pytest.raises(RecordError, match=r"^The disk is full\.$"):
        list(through(range(8), save=raises(RecordError("The disk is full."))))
    assert not readers()
    broken = list(through(range(8), read=raises(PhotoError("Broken."))))
    assert [(outcome.item, str(outcome.error)) for outcome in broken] == [(i, "Broken.") for i in range(8)]


@pytest.mark.parametrize("stage", ["read", "work", "place", "save"])
def test_ctrl_c_leaves_whole_files_and_no_threads(stage: str) -> None:
    saved: list[str] = []
    calls = 0

    def stop(function: Any) -> Any:
        def stopping(*values: Any) -> Any:
            nonlocal calls
            calls += 1
            if calls == (3 if stage == "work" else 7):  # in the third batch
                raise KeyboardInterrupt
            return function(*values)

        return stopping

    stages: dict[str, Any] = {
        "read": lambda item: 10 * item,
        "work": lambda values: values,
        "place": lambda item, result: Path(str(item)),
        "save": lambda result, path: saved.append(path.name) or path,
    }
    stages[stage] = stop(stages[stage])
    told: list[str] = []
    with pytest.raises(KeyboardInterrupt):
        told.extend(str(outcome.path) for outcome in through(range(30), **stages))
    assert told == ["0", "1", "2", "3", "4", "5"]
    assert not readers()
    assert sorted(saved)[:6] == told
    assert len(saved) <= 9


def test_closed_early_it_ends_its_threads() -> None:
    outcomes = through(range(30))
    assert next(iter(outcomes)).item == 0
    outcomes.close()  # type: ignore[attr-defined]
    assert not readers()


def test_drawn_files_are_written_in_the_thread_that_asks() -> None:
    threads = []

    def save(result: int, path: Path) -> Path:
        threads.append(threading.current_thread())
        return path

    assert [str(outcome.path) for outcome in through(range(4), save=save, draws=True)] == ["0-1", "1-11", "2-21", "3-31"]
    assert threads == [threading.current_thread()] * 4
    threads.clear()
    list(through(range(4), save=save))
    assert threading.current_thread() not in threads


def test_read_ahead_gives_batches_and_errors_in_their_places() -> None:
    error = PhotoError("Broken.")

    def read(item: int) -> int:
        if item == 1:
            raise error
        return 10 * item

    with ReadAhead(in_parts(range(5), 2), read) as reading:
        assert reading.take() == [(0, 0), (1, error)]
        reading.begin()
        reading.begin()  # it has begun already
        assert reading.take() == [(2, 20), (3, 30)]
        assert reading.take() == [(4, 40)]
        assert reading.take() == []
    assert not readers()


def test_parts_of_neighbours() -> None:
    assert list(in_parts(range(7), 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert list(in_parts([], 3)) == []
