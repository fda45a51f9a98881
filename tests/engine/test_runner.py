"""Batches, budgets, memory, progress."""

from __future__ import annotations

import pytest
import torch

from seewhy.engine import runner
from seewhy.errors import ModelError, OptionError


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

    items = [item for _, part in runner.in_batches(range(10), 8, lambda _: 0, work) for item in part]
    assert items == list(range(10))
    assert sizes == [8, 4, 2, 2, 2, 2, 2]


def test_one_photo_that_does_not_fit_is_said_in_words() -> None:
    def work(batch):
        raise torch.cuda.OutOfMemoryError("too much")

    with pytest.raises(ModelError) as error:
        list(runner.in_batches([1], 4, lambda _: 0, work))
    assert str(error.value).startswith("One photo does not fit into the GPU's memory: a smaller Preprocess(size=...)")


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
