"""Masked copies go through the network streamed, in order, within the budget, and give what whole photos give."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from small_nets import SmallNet
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import seewhy
from seewhy.engine import runner
from seewhy.engine import sweep as module
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.patched import Patched
from seewhy.engine.runner import Budget, Spending
from seewhy.engine.strategy import MANY, ROUNDS, Strategy
from seewhy.engine.sweep import CHECKED, Copies, Sweep
from seewhy.errors import ModelError, OutputError

PHOTO = torch.randn(1, 3, 20, 28, generator=torch.Generator().manual_seed(3))
FILL = torch.full((1, 3, 20, 28), 0.7) + torch.linspace(0, 1, 28)


class Squares(Copies):
    """Squares at drawn places. shade : how much of the photo shows in them; None makes booleans. built : copies built at once."""

    def __init__(self, count: int = 40, side: int = 4, shade: float | None = None, rectangles: bool = True) -> None:
        rng = np.random.default_rng(5)
        (self.rows, self.columns) = (rng.integers(0, 21 - side, count), rng.integers(0, 29 - side, count))
        (self.side, self.shade, self.rectangles) = (side, shade, rectangles)
        self.built: list[int] = []

    def bounding_boxes(self, which):
        return (self.rows[which], self.columns[which], (self.side, self.side)) if self.rectangles else None

    def visible(self, which, rows, columns, size):
        self.built.append(len(which))
        shares = torch.ones(len(which), *size, dtype=torch.bool if self.shade is None else torch.float32)
        for i, number in enumerate(which):
            (top, left) = (int(self.rows[number] - rows[i]), int(self.columns[number] - columns[i]))
            shares[i, top : top + self.side, left : left + self.side] = self.shade or 0
        return shares

    def whole(self) -> torch.Tensor:
        """All the masked photos, by hand."""
        photos = PHOTO.repeat(len(self.rows), 1, 1, 1)
        shade = self.shade or 0
        for i, (r, c) in enumerate(zip(self.rows, self.columns, strict=True)):
            (rows, columns) = (slice(r, r + self.side), slice(c, c + self.side))
            photos[i, :, rows, columns] = shade * PHOTO[0, :, rows, columns] + (1 - shade) * FILL[0, :, rows, columns]
        return photos


def planned_of(network: nn.Module) -> PlannedNetwork:
    return seewhy.Classifier(network, preprocess=None).executor.planned(PHOTO)


class Run:
    """A sweep with everything that it does written down. rows : photos that each call was given, Patched or not."""

    def __init__(self, network: Any, copies: Copies, order=None, *, planned: PlannedNetwork | None = None, **settings) -> None:
        self.rows: list[int] = []
        self.kinds: list[bool] = []
        self.before: Callable[[Any], None] = settings.pop("before", lambda x: None)
        if planned is None and isinstance(network, nn.Module):
            planned = planned_of(network)
        answers = network if planned is None else planned.forward_prepared

        def answer(x):
            self.rows.append(len(x))
            self.kinds.append(isinstance(x, Patched))
            self.before(x)
            return answers(x)

        self.planned = planned
        self.sweep = Sweep(answer, planned, PHOTO.clone(), **settings)
        self.sweep.fill_with(FILL)
        self.photo_output = self.sweep.untouched()
        self.taken: list[np.ndarray] = []
        self.outputs: list[torch.Tensor] = []
        self.copies = copies
        self.order = np.arange(len(copies.rows)) if order is None else order

    def take(self, which, output) -> None:
        assert len(which) == len(output)
        self.taken.append(which.copy())
        self.outputs.append(output.clone())

    def __call__(self, order=None) -> Run:
        self.done = self.sweep.process(self.copies, self.order if order is None else order, self.take)
        return self

    @property
    def which(self) -> np.ndarray:
        return np.concatenate([np.empty(0, np.int64), *self.taken])

    @property
    def output(self) -> torch.Tensor:
        return torch.cat(self.outputs)


def expected(network: nn.Module, copies: Squares) -> torch.Tensor:
    with torch.no_grad():
        return network.eval()(copies.whole())


def assert_close(output: torch.Tensor, reference: torch.Tensor, most: float = 1e-5) -> None:
    assert output.shape == reference.shape
    assert float((output - reference).abs().max()) <= most * float(reference.abs().max())


# -- what comes out --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 3, 7, 64])
@pytest.mark.parametrize("rectangles", [True, False])
def test_every_copy_is_answered_once_in_order(batch_size: int | None, rectangles: bool, small: SmallNet) -> None:
    copies = Squares(rectangles=rectangles)
    order = np.random.default_rng(0).permutation(40)
    run = Run(small, copies, order, batch_size=batch_size)()
    assert run.done == 40
    assert run.which.tolist() == order.tolist()
    assert_close(run.output, expected(small, copies)[order])
    assert run.sweep.largest_block == min(40, batch_size or 32)
    assert [len(which) for which in run.taken[:-1]] == [run.sweep.largest_block] * (len(run.taken) - 1)
    assert run.sweep.patched == (40 if rectangles else 0)
    assert run.sweep.description == ("only what a mask can reach was recomputed" if rectangles else "whole photos")


@pytest.mark.parametrize("batch_size", [None, 1, 7])
def test_a_function_is_given_whole_photos(batch_size: int | None, small: SmallNet) -> None:
    copies = Squares()
    network = small.eval()
    run = Run(lambda x: network(x), copies, batch_size=batch_size)()
    assert_close(run.output, expected(small, copies))
    assert sum(run.rows) == run.sweep.spending.passes == 41
    assert not any(run.kinds)
    assert run.sweep.description == "whole photos"


def test_the_untouched_photo_is_answered_too(small: SmallNet) -> None:
    run = Run(small, Squares())
    assert_close(run.photo_output, small.eval()(PHOTO).detach())
    assert run.sweep.spending.passes == 1


@pytest.mark.parametrize("rectangles", [True, False])
def test_shares_of_the_photo_mix_it_with_the_fill(rectangles: bool, small: SmallNet) -> None:
    for shade in (0.0, 0.3, 1.0):
        copies = Squares(shade=shade, rectangles=rectangles)
        assert_close(Run(small, copies)().output, expected(small, copies))
    hidden = Run(small, Squares(shade=None, rectangles=rectangles))().output
    assert_close(Run(small, Squares(shade=0.0, rectangles=rectangles))().output, hidden)
    copies = Squares(shade=1.0, rectangles=rectangles)
    assert_close(Run(small, copies)().output, expected(small, copies)[:1].expand(40, -1))


def test_large_rectangles_go_through_as_whole_photos(small: SmallNet) -> None:
    copies = Squares(side=17)  # 289 of 560 pixels
    run = Run(small, copies)()
    assert_close(run.output, expected(small, copies))
    assert run.sweep.description == "whole photos"
    assert not any(run.kinds)
    assert Run(small, Squares(side=16))().sweep.patched == 40


def test_nothing_to_run_runs_nothing(small: SmallNet) -> None:
    run = Run(small, Squares())(np.empty(0, np.int64))
    assert run.done == 0
    assert run.rows == [1]


def test_hooks_of_one_s_own_let_it_run_as_it_is(small: SmallNet) -> None:
    input_types = []
    small.features[0].register_forward_hook(lambda module, args, output: input_types.append(type(args[0])))
    copies = Squares()
    run = Run(small, copies)()
    assert_close(run.output, expected(small, copies))
    assert set(input_types) == {torch.Tensor}
    assert run.sweep.description == "whole photos"


def test_no_more_than_a_block_of_copies_is_ever_built(small: SmallNet) -> None:
    for rectangles, batch_size in ((True, 5), (False, 5), (True, None), (False, None)):
        copies = Squares(500, rectangles=rectangles)
        run = Run(small, copies, batch_size=batch_size)()
        assert max(copies.built) == run.sweep.largest_block == (batch_size or 32)
        assert sum(copies.built) == 500 + (CHECKED if rectangles else 0)
        assert max(run.rows) <= run.sweep.largest_block


class Cells(TorchDispatchMode):
    """Counts the cells that convolutions give."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if "convolution_pointwise" in str(func):
            self.given += out.shape[0] * out.shape[2] * out.shape[3]
        return out


class Clones(SmallNet):
    def forward(self, x):
        return super().forward(x.clone())


@pytest.mark.parametrize("network", [SmallNet(), Clones()])
def test_only_what_a_mask_reaches_is_computed(network: nn.Module) -> None:
    run = Run(network, Squares(side=2))
    with Cells() as cells:
        run()
    # 2 pixels -> 4 by the first kernel -> 3 by the pooling -> 5 by the second kernel; 2 copies go through as whole photos too.
    assert cells.given == 40 * (4 * 4 + 5 * 5) + CHECKED * (20 * 28 + 10 * 14)
    run = Run(network, Squares(side=2, rectangles=False))
    with Cells() as cells:
        run()
    assert cells.given == 40 * (20 * 28 + 10 * 14)


# -- the budget ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_size", [None, 1, 3])
@pytest.mark.parametrize("passes", [1, 2, 3, 8, 40, 41, 100])
def test_the_budget_in_passes_is_never_exceeded(passes: int, batch_size: int | None, small: SmallNet) -> None:
    network = small.eval()
    run = Run(lambda x: network(x), Squares(), batch_size=batch_size, spending=Spending(Budget(passes=passes)))()
    assert sum(run.rows) == run.sweep.spending.passes == min(passes, 41)
    assert run.done == len(run.which) == min(passes, 41) - 1
    run()
    assert sum(run.rows) <= passes


# With so little that nothing would be left beside the comparison, copies go through as whole photos.
@pytest.mark.parametrize(("passes", "count"), [(1, 0), (2, 1), (3, 2), (4, 2), (8, 5), (42, 39), (43, 40), (100, 40)])
def test_comparing_rectangles_with_whole_photos_is_within_the_budget(passes: int, count: int, small: SmallNet) -> None:
    copies = Squares()
    run = Run(small, copies, batch_size=6, spending=Spending(Budget(passes=passes)))()
    assert sum(run.rows) == run.sweep.spending.passes
    assert sum(run.rows) <= passes
    assert run.done == len(run.which) == count
    if count:
        assert_close(run.output, expected(small, copies)[: run.done])


class Clock:
    """A clock that only moves when it is told to."""

    def __init__(self) -> None:
        self.now = 100.0

    def perf_counter(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    monkeypatch.setattr(runner, "time", clock)
    return clock


@pytest.mark.parametrize("seconds", [0.5, 3.0, 10.0, 100.0])
def test_the_budget_in_seconds_is_kept_when_every_pass_takes_equally_long(seconds: float, small: SmallNet, clock: Clock) -> None:
    network = small.eval()

    def answer(x):
        clock.now += 0.25 * len(x)
        return network(x)

    run = Run(answer, Squares(), batch_size=4, spending=Spending(Budget(seconds=seconds), start=clock.now))()
    assert run.sweep.spending.seconds <= seconds
    assert run.done == min(40, int(seconds / 0.25) - 1)


# -- being stopped ---------------------------------------------------------------------------------------------------------


class Stops:
    """Ctrl-C in the nth call."""

    def __init__(self, call: int) -> None:
        self.left = call

    def __call__(self, x) -> None:
        self.left -= 1
        if self.left == 0:
            raise KeyboardInterrupt


def test_ctrl_c_keeps_what_there_is(small: SmallNet) -> None:
    copies = Squares()
    run = Run(small, copies, batch_size=8, interruptible=True, before=Stops(5))()  # the photo, 8, 2 to compare, 8, stopped
    assert run.sweep.interrupted
    assert run.done == len(run.which) == 16
    assert_close(run.output, expected(small, copies)[:16])
    assert run.sweep.spending.passes == 1 + CHECKED + 16
    assert run().done == 0  # and it stays stopped


def test_ctrl_c_while_both_ways_are_compared(small: SmallNet) -> None:
    run = Run(small, Squares(), batch_size=8, interruptible=True, before=Stops(3))()
    assert run.sweep.interrupted
    assert run.done == 0
    assert run.planned.strategies.refused == ""
    assert run.planned.strategies.trusted == set()


def test_ctrl_c_while_a_block_is_handed_over(small: SmallNet) -> None:
    run = Run(small, Squares(), batch_size=8, interruptible=True)
    plain = run.take

    def take(which, output) -> None:
        plain(which, output)
        raise KeyboardInterrupt

    run.take = take
    assert run().done == len(run.which) == 8
    assert run.sweep.interrupted


def test_ctrl_c_is_raised_where_nobody_wants_a_part(small: SmallNet) -> None:
    run = Run(small, Squares(), batch_size=8, interruptible=False, before=Stops(5))
    with pytest.raises(KeyboardInterrupt):
        run()
    assert len(run.which) == 16
    assert not run.sweep.interrupted


def test_in_another_thread_an_interrupt_is_none_of_the_sweep_s_business(small: SmallNet) -> None:
    errors = []

    def work() -> None:
        try:
            Run(small, Squares(), batch_size=8, interruptible=True, before=Stops(5))()
        except KeyboardInterrupt as error:
            errors.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert len(errors) == 1


def test_what_does_not_fit_into_the_gpu_goes_in_smaller_blocks(small: SmallNet) -> None:
    def full(x) -> None:
        if len(x) > 5:
            raise torch.cuda.OutOfMemoryError("full")

    copies = Squares()
    for rectangles in (True, False):
        copies = Squares(rectangles=rectangles)
        run = Run(small, copies, before=full)()
        assert run.sweep.largest_block == 4
        assert run.which.tolist() == list(range(40))
        assert_close(run.output, expected(small, copies))
        assert run.sweep.description == ("only what a mask can reach was recomputed" if rectangles else "whole photos")


def test_one_that_does_not_fit_is_a_model_error(small: SmallNet) -> None:
    calls: list[int] = []
    told: list[tuple[int, int]] = []

    def full(x) -> None:
        calls.append(len(x))
        if len(calls) > 1:
            raise torch.cuda.OutOfMemoryError("full")

    with pytest.raises(ModelError) as error:
        Run(small, Squares(), before=full, smaller=lambda *counts: told.append(counts))()
    assert str(error.value) == (
        "One photo of 20×28 (rows × columns) does not fit into the GPU's memory: a smaller Preprocess(size=...), or device='cpu'."
    )
    assert told == [(32, 16), (16, 8), (8, 4), (4, 2), (2, 1)]
    assert calls == [1, 32, 16, 8, 4, 2, 1]


# -- what does not go right ------------------------------------------------------------------------------------------------


def test_a_function_that_answers_for_other_numbers_is_told_so(small: SmallNet) -> None:
    network = small.eval()
    for wrong in (lambda x: network(x)[:1], lambda x: network(x).mean(), lambda x: network(x).flatten()[: 4 + (len(x) == 1)]):
        with pytest.raises(OutputError, match=r"for [17] photos: one row of scores per photo"):
            Run(wrong, Squares(), batch_size=7)()
    with pytest.raises(OutputError, match=r"returned \(2, 4\) for 1 photos"):
        Run(lambda x: torch.cat([network(x)] * 2), Squares())


def test_a_network_that_answers_for_other_numbers_is_told_so(small: SmallNet) -> None:
    class First(SmallNet):
        def forward(self, x):
            return super().forward(x)[:1]

    with pytest.raises(OutputError, match="for 7 photos"):
        Run(First(), Squares(), batch_size=7)()


def test_one_score_for_each_photo_needs_no_second_axis(small: SmallNet) -> None:
    network = small.eval()
    assert Run(lambda x: network(x)[:, 0], Squares(), batch_size=7)().output.shape == (40,)


def test_scores_that_are_no_numbers_are_handed_on() -> None:
    class Roots(SmallNet):
        def forward(self, x):
            return super().forward(x).sqrt()

    network = Roots().eval()
    copies = Squares()
    reference = expected(network, copies)
    assert reference.isnan().any()
    for answers in (network, lambda x: network(x)):
        run = Run(answers, copies, batch_size=9)()
        torch.testing.assert_close(run.output, reference, equal_nan=True, rtol=1e-4, atol=1e-4)
        assert run.sweep.description.startswith("whole photos")


class AsksForItsType(SmallNet):
    """Does something else with what is no plain tensor, which nobody can see from outside."""

    def forward(self, x):
        return super().forward(x if type(x) is torch.Tensor else x * 2)


class WantsATensor(SmallNet):
    def forward(self, x):
        if type(x) is not torch.Tensor:
            raise TypeError("not for me\nreally")
        return super().forward(x)


class LooksIntoMemory(SmallNet):
    def forward(self, x):
        assert x.data_ptr() != 0
        return super().forward(torch.from_numpy(x.numpy().copy()))


class Branches(SmallNet):
    def forward(self, x):
        return super().forward(x) if x.sum() > -1e9 else x.mean((2, 3))


@pytest.mark.parametrize(
    ("network", "description"),
    [
        (AsksForItsType(), "whole photos (rectangles gave other scores, by "),
        (WantsATensor(), "whole photos (ModelError: The network cannot take an input of shape"),
    ],
)
def test_a_network_that_cannot_be_followed_runs_on_whole_photos(network: nn.Module, description: str) -> None:
    copies = Squares()
    planned = planned_of(network)
    run = Run(network, copies, planned=planned, batch_size=8)()
    assert_close(run.output, expected(network, copies))
    assert run.which.tolist() == list(range(40))
    assert run.sweep.description.startswith(description)
    assert "\n" not in run.sweep.description
    assert sum(run.kinds) == 1  # it was tried once
    again = Run(network, copies, planned=planned, batch_size=8)()
    assert not any(again.kinds)  # and never again
    assert again.sweep.description == run.sweep.description
    assert again.sweep.spending.passes == sum(again.rows) == 41


@pytest.mark.parametrize("network", [LooksIntoMemory(), Branches()])
def test_a_network_that_needs_whole_maps_gives_the_right_scores(network: nn.Module) -> None:
    copies = Squares()
    assert_close(Run(network, copies)().output, expected(network, copies))


def test_an_error_on_a_later_block_is_raised(small: SmallNet) -> None:
    def breaks(x) -> None:
        if len(run.rows) > 4:
            raise ZeroDivisionError("later")

    run = Run(small, Squares(), batch_size=8)
    run.before = breaks
    with pytest.raises(ZeroDivisionError, match="later"):
        run()


# -- trying out the ways ---------------------------------------------------------------------------------------------------


def test_the_first_block_alone_is_compared(small: SmallNet) -> None:
    planned = planned_of(small)
    first = Run(small, Squares(), planned=planned, batch_size=10)()
    assert first.rows == [1, 10, CHECKED, 10, 10, 10]
    assert first.kinds == [False, True, False, True, True, True]
    second = Run(small, Squares(), planned=planned, batch_size=10)()
    assert second.rows == [1, 10, 10, 10, 10]
    other = Run(small, Squares(side=5), planned=planned, batch_size=10)()  # another size is another matter
    assert other.rows == first.rows


# Thousandths of a second that a call takes.
SECONDS = {
    "small rectangles": (lambda n, patched: (1 if patched else 9) * n * (1 if n == 16 else 2), Strategy("rectangles", 16)),
    "large rectangles": (lambda n, patched: (1 if patched else 9) * n * (1 if n == 32 else 2), Strategy("rectangles", 32)),
    "whole photos": (lambda n, patched: (9 if patched else 1 + (n != 8)) * n, Strategy("whole", 8)),
    "a tie": (lambda n, patched: (0.95 if n == 16 else 1) * n, Strategy("rectangles", 32)),
}


@pytest.mark.parametrize(("seconds", "fastest"), SECONDS.values(), ids=SECONDS.keys())
def test_many_copies_go_the_way_that_was_fastest(seconds, fastest: Strategy, small: SmallNet, clock: Clock) -> None:
    def takes(x) -> None:
        clock.now += seconds(len(x), isinstance(x, Patched)) / 1000

    copies = Squares(MANY + 100)
    planned = planned_of(small)
    run = Run(small, copies, planned=planned, before=takes)()
    assert planned.strategies.fastest == {((4, 4), PHOTO.shape): fastest}
    assert_close(run.output, expected(small, copies))
    # Nothing is computed twice but the copies that are compared.
    assert sum(run.rows) == run.sweep.spending.passes == 1 + MANY + 100 + CHECKED
    kinds = [
        Strategy("rectangles" if kind else "whole", rows)
        for kind, rows in zip(run.kinds, run.rows, strict=True)
        if rows > CHECKED
    ]
    each = [
        Strategy("rectangles", 16),
        Strategy("rectangles", 32),
        Strategy("whole", 4),
        Strategy("whole", 8),
        Strategy("whole", 16),
    ]
    assert kinds[: 5 * ROUNDS] == each * ROUNDS
    assert set(kinds[5 * ROUNDS : -1]) == {fastest}
    # The same call goes the same way, without trying.
    again = Run(small, copies, planned=planned, before=takes)()
    assert set(zip(again.kinds[1:-1], again.rows[1:-1], strict=True)) == {(fastest.kind == "rectangles", fastest.size)}
    assert_close(again.output, run.output)
    assert sum(again.rows) == again.sweep.spending.passes == 1 + MANY + 100


def test_few_copies_and_blocks_that_were_asked_for_are_not_tried_out(small: SmallNet) -> None:
    few = Run(small, Squares(MANY - 1))()
    assert few.planned.strategies.fastest == {}
    run = Run(small, Squares(MANY), batch_size=20)()
    assert run.planned.strategies.fastest == {}
    assert set(run.rows[3:]) == {20}


def test_without_rectangles_the_sizes_are_tried(small: SmallNet, clock: Clock) -> None:
    def takes(x) -> None:
        clock.now += len(x) * (1 if len(x) == 16 else 2) / 1000

    run = Run(small, Squares(MANY, rectangles=False), before=takes)()
    assert run.rows[: 1 + 3 * ROUNDS] == [1] + [4, 8, 16] * ROUNDS
    assert set(run.rows[1 + 3 * ROUNDS : -1]) == {16}
    assert run.planned.strategies.fastest == {(None, PHOTO.shape): Strategy("whole", 16)}


def test_a_trial_that_the_budget_ends_decides_nothing(small: SmallNet) -> None:
    run = Run(small, Squares(MANY), spending=Spending(Budget(passes=100)))()
    assert sum(run.rows) == run.sweep.spending.passes == 100
    assert run.planned.strategies.fastest == {}


def test_a_trial_goes_on_without_rectangles_where_they_are_refused(clock: Clock) -> None:
    copies = Squares(MANY)
    network = AsksForItsType()
    run = Run(network, copies)()
    assert_close(run.output, expected(network, copies))
    assert sum(run.kinds) == 1
    assert run.sweep.spending.passes == sum(run.rows)


def test_what_was_refused_counts_as_passes() -> None:
    for passes in (3, 4, 6, 20, 50, 100):
        run = Run(AsksForItsType(), Squares(), batch_size=8, spending=Spending(Budget(passes=passes)))()
        assert sum(run.rows) == run.sweep.spending.passes <= passes


def test_what_one_copy_takes_is_guessed_and_then_known(small: SmallNet, clock: Clock) -> None:
    def takes(x) -> None:
        clock.now += len(x) * (0.01 if isinstance(x, Patched) else 0.04)

    planned = planned_of(small)
    (small_ones, whole) = (Squares(), Squares(rectangles=False))
    run = Run(small, small_ones, planned=planned, before=takes, batch_size=10)
    assert run.sweep.guess(small_ones) == pytest.approx(0.04 * 0.25)
    assert run.sweep.guess(whole) == pytest.approx(0.04 * 0.6)
    run()
    assert run.sweep.guess(small_ones) == pytest.approx(0.01 + CHECKED * 0.04 / 40)  # the comparison is part of it
    assert run.sweep.guess(whole) == pytest.approx(0.04 * 0.6)
    assert Run(small, small_ones, planned=planned, before=takes).sweep.guess(small_ones) == run.sweep.guess(small_ones)


def test_a_long_sweep_of_whole_photos_is_worth_compiling(small: SmallNet, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    def takes(x) -> None:
        clock.now += len(x)

    sizes = []

    def compiled(self: PlannedNetwork, size: int, photo: torch.Tensor):
        sizes.append(size)
        return lambda inputs: self.forward_prepared(inputs) + 100

    monkeypatch.setattr(PlannedNetwork, "compiled", compiled)
    monkeypatch.setattr(PlannedNetwork, "is_compiled", lambda self, size: size in sizes)
    copies = Squares(300, rectangles=False)
    run = Run(small, copies, before=takes)()
    assert set(sizes) == {32}
    assert run.sweep.compiled == 288  # full blocks; what is left over goes through the plain network
    assert_close(run.output[:288], expected(small, copies)[:288] + 100)
    assert_close(run.output[288:], expected(small, copies)[288:])
    assert run.sweep.description == "whole photos, compiled"
    sizes.clear()
    assert Run(small, Squares(300), before=takes)().sweep.compiled == 0  # rectangles
    assert Run(small, Squares(20, rectangles=False), before=takes)().sweep.compiled == 0  # soon done
    assert Run(small, copies, before=takes, spending=Spending(Budget(seconds=1e6), start=clock.now))().sweep.compiled == 0
    assert sizes == []


def test_a_network_may_write_into_its_input() -> None:
    class Writes(SmallNet):
        def forward(self, x):
            x.sub_(0.3)
            return super().forward(x)

    copies = Squares()
    network = Writes()
    for rectangles in (True, False):
        copies = Squares(rectangles=rectangles)
        run = Run(network, copies)()
        assert_close(run.output, expected(network, copies))
    plain = network.eval()
    assert_close(Run(lambda x: plain(x), copies)().output, expected(network, copies))
