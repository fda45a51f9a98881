"""Batches, budgets, memory, progress."""

from __future__ import annotations

import pytest
import torch

from seewhy.engine import runner
from seewhy.errors import Message, ModelError, OptionError


def test_neighbours_that_are_alike_go_together() -> None:
    batches = []

    def work(batch):
        batches.append(list(batch))
        return sum(len(item) for item in batch)

    items = ["a", "b", "cc", "dd", "ee", "f", "g", "h"]
    assert list(runner.in_batches(items, 2, len, work)) == [(2, 2), (2, 4), (1, 2), (2, 2), (1, 1)]
    assert batches == [["a", "b"], ["cc", "dd"], ["ee"], ["f", "g"], ["h"]]


def test_out_of_gpu_memory_halves_the_batch_and_goes_on() -> None:
    sizes = []

    def work(batch):
        sizes.append(len(batch))
        if len(batch) > 3:
            raise torch.cuda.OutOfMemoryError("too much")
        return list(batch)

    told = []
    smaller = lambda *counts: told.append(counts)  # noqa: E731
    items = [item for _, part in runner.in_batches(range(10), 8, lambda _: 0, work, smaller) for item in part]
    assert items == list(range(10))
    assert sizes == [8, 4, 2, 2, 2, 2, 2]
    assert told == [(8, 4), (4, 2)]


def test_one_photo_that_does_not_fit_is_said_in_words() -> None:
    def work(batch):
        raise torch.cuda.OutOfMemoryError("too much")

    with pytest.raises(ModelError) as error:
        list(runner.in_batches([1], 4, lambda _: 0, work))
    assert str(error.value) == ("One photo does not fit into the GPU's memory: a smaller Preprocess(size=...), or device='cpu'.")
    with pytest.raises(ModelError, match=r"device='cpu', or method='cam'\.$"):
        list(runner.in_batches([1], 4, lambda _: 0, work, other="method='cam'"))


def test_what_the_gpu_s_memory_holds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """8 GiB, 7.9 of them in use, 4.8 by this program: 3.1 belong to others."""
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda device: (int(0.1 * 2**30), 8 * 2**30))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda device: int(4.8 * 2**30))
    error = torch.cuda.OutOfMemoryError("too much")
    error.seewhy_input = ((1, 3, 1024, 1024), torch.device("cuda"))
    assert Message(runner.too_large(error, "method='grad_cam' (needs about 0.6 GiB)")) == (
        "One photo of 1024×1024 does not fit into the GPU's memory (8.0 GiB: 7.9 in use, 3.1 of these by other programs): a "
        "smaller Preprocess(size=...), device='cpu', or method='grad_cam' (needs about 0.6 GiB)."
    )


def test_going_on_with_less_is_told_where_progress_is(capsys: pytest.CaptureFixture[str]) -> None:
    for progress in (None, False, lambda *_: None):
        with runner.Progress(progress, 100, "Occlusion") as bar:
            bar.shrink(64, 32)
    assert capsys.readouterr().err == "Occlusion: out of GPU memory with 64 at once; continuing with 32\n"


@pytest.mark.parametrize(
    ("budget", "passes", "seconds"),
    [(None, None, None), (200, 200, None), ("200", 200, None), (1.5, None, 1.5), ("20s", None, 20.0), ("0.5", None, 0.5)],
)
def test_budgets(budget, passes, seconds) -> None:
    assert runner.Budget.of(budget) == runner.Budget(passes, seconds)


@pytest.mark.parametrize("budget", [0, -1, "0s", "much", True, ""])
def test_budgets_that_are_none(budget) -> None:
    with pytest.raises(OptionError, match="budget="):
        runner.Budget.of(budget)


def test_the_batch_follows_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runner, "free_memory", lambda device: 1000.0)
    cpu = torch.device("cpu")
    assert runner.batch_size(None, 1, cpu) == runner.MOST_ON_CPU
    assert runner.batch_size(None, 50, cpu) == 5
    assert runner.batch_size(None, 10**9, cpu) == 1
    assert runner.batch_size(7, 10**9, cpu) == 7


def test_free_memory_is_read() -> None:
    assert 1e6 < runner.free_memory(torch.device("cpu")) < 1e15


def test_a_callback_hears_every_step() -> None:
    steps = []
    with runner.Progress(lambda *step: steps.append(step), 5, "work") as bar:
        bar.advance(2, lambda: "half")
        bar.advance(3, lambda: "all")
    assert steps == [(2, 5, "half"), (5, 5, "all")]


def test_passes_are_counted_once_a_photo_says_how_many_it_takes() -> None:
    steps = []
    with runner.Progress(lambda *step: steps.append(step), 2, "work") as bar:
        bar.expect(10, 1.0)
        bar.advance(4)
        bar.advance(3)
        bar.finish_photo(7)  # it needed fewer
        bar.expect(10, 1.0)  # the second photo takes as many
        bar.advance(10)
    assert steps == [(4, 20, None), (7, 20, None), (17, 17, None)]


def test_work_above_two_seconds_says_so_outside_a_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    for progress, seconds, line in (
        (None, 1.5, "LIME: 6,144 forward passes, about 4 s\n"),
        (None, 0.5, ""),
        (False, 90.0, ""),
        (lambda *step: None, 90.0, ""),
    ):
        with runner.Progress(progress, 3, "LIME") as bar:
            bar.expect(2048, seconds)
            bar.advance(2048)
            bar.expect(2048, seconds)
        assert capsys.readouterr() == ("", line)
    with runner.Progress(None, 3, "LIME", 1.0) as bar:  # a budget of one second for each photo
        bar.expect(2048, 20.0)
    assert capsys.readouterr().err == "LIME: as many of 6,144 forward passes as the budget has time for, about 3 s\n"


def test_many_photos_say_how_long_they_take_once_the_first_are_done(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = iter([0.0, 0.5, 1.0, 1.5, 2.0])
    monkeypatch.setattr(runner.time, "monotonic", lambda: next(clock))
    with runner.Progress(None, 64, "Grad-CAM") as bar:
        for _ in range(4):
            bar.advance(8)
    assert capsys.readouterr() == ("", "Grad-CAM: 8 of 64 are done, all of them take about 4 s\n")


def test_slow_first_passes_are_not_counted(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 9.0, 19.0, 19.5, 20.0, 20.5])
    monkeypatch.setattr(runner.time, "monotonic", lambda: next(clock))
    with runner.Progress(None, 64, "doctor", first=32) as bar:
        for _ in range(5):
            bar.advance(8)
    assert capsys.readouterr() == ("", "doctor: 32 of 64 are done, all of them take about 4 s\n")


def test_a_log_has_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    monkeypatch.setattr(runner.time, "monotonic", lambda: now)
    with runner.Progress(None, 20_000, "Run", first=32, every=30.0) as bar:
        for second in range(1, 101):
            now = float(second)
            bar.advance(40, None, "3 not read" if second > 50 else "")
    assert capsys.readouterr().err.splitlines() == [
        "Run: 80 of 20,000 are done, all of them take about 500 s",
        "Run: 1,200 of 20,000, 40 a second, about 8 min left",
        "Run: 2,400 of 20,000, 40 a second, about 7 min left, 3 not read",
        "Run: 3,600 of 20,000, 40 a second, about 7 min left, 3 not read",
    ]


def test_what_was_done_before_counts_but_not_for_the_rate(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (now, steps) = (0.0, [])
    monkeypatch.setattr(runner.time, "monotonic", lambda: now)
    with runner.Progress(None, 20_000, "Run", first=32, every=30.0, begun=10_000) as bar:
        for second in range(1, 41):
            now = float(second)
            bar.advance(40)
    assert capsys.readouterr().err.splitlines() == [
        "Run: 10,080 of 20,000 are done, those that were left take about 250 s",
        "Run: 11,200 of 20,000, 40 a second, about 4 min left",
    ]
    with runner.Progress(lambda *step: steps.append(step), 5, "Run", begun=3) as bar:
        bar.advance(2)
    assert steps == [(5, 5, None)]


def test_work_without_a_log_says_it_once(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    monkeypatch.setattr(runner.time, "monotonic", lambda: now)
    with runner.Progress(None, 20_000, "Run", first=32) as bar:
        for second in range(1, 101):
            now = float(second)
            bar.advance(40)
    assert len(capsys.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5340, "89 min"), (5400, "1 h 30 min"), (36_000 + 60 * 5, "10 h 05 min")],
)
def test_time_in_words(seconds: float, text: str) -> None:
    assert runner.in_time(seconds) == text
