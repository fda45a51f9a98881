"""One loop for all repeated work: batch size, memory, progress, budget."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, TypeVar

import torch

from seewhy.engine.memory import free_memory, gpu_usage
from seewhy.engine.threads import raise_if_stopped
from seewhy.errors import ModelError, OptionError, setting, whole_number
from seewhy.formatting import format_size

Item = TypeVar("Item")
Result = TypeVar("Result")
ProgressCallback = Callable[[int, int, Any], None]

MOST_ON_CPU = 16  # photos at once; more is no faster on few cores, and one waits longer for the first
# Of all photos at once, counted generously: more would be given back to the system after each call, and be asked for again.
WORKING_SET = 80e6
# On a CPU, where a gradient goes all the way back: 8, or as many as have their largest maps together in so many bytes. SqueezeNet
# takes 30 ms a photo 4 at once and 34 ms 8 at once, ResNet-50 103 and 97 ms.
MOST_BACKWARD, MAPS_BACKWARD = 8, 26e6
MOST_IN_SWEEP = 32  # masked copies at once, where nothing has been measured
MOST_ON_GPU = 64
_LONG = 2.0  # seconds; shorter work is not announced
_SHARE = 0.25  # of the free memory


@dataclass(frozen=True)
class Budget:
    """What one photo may cost: forward passes, or seconds. None means no limit."""

    passes: int | None = None
    seconds: float | None = None
    auto: bool = False  # the method itself knows when it has seen enough

    @classmethod
    def of(cls, budget: int | float | str | None) -> Budget:
        """An int is forward passes; a float or ``"20s"`` is seconds; "auto" leaves it to the method."""
        if budget is None:
            return cls()
        text = str(budget).strip().lower()
        if text == "auto":
            return cls(auto=True)
        if isinstance(budget, bool) or not text:
            raise OptionError(f"{setting('budget', budget)}: write forward passes (200) or seconds (20.0 or '20s').")
        try:
            if isinstance(budget, int) or text.isdigit():
                limit = cls(passes=int(text))
            else:
                limit = cls(seconds=float(text.removesuffix("s")))
        except ValueError:
            raise OptionError(f"{setting('budget', budget)}: write forward passes (200) or seconds (20.0 or '20s').") from None
        if not (limit.passes or limit.seconds or 0) > 0:
            raise OptionError(f"{setting('budget', budget)}: it must be above 0.")
        return limit

    def after(self, passes: float, seconds: float) -> int | float | None:
        """What so many passes and seconds leave of it, to be given as a budget: the least possible where they leave nothing."""
        if self.passes is not None:
            return max(1, self.passes - round(passes))
        return None if self.seconds is None else max(1e-3, self.seconds - seconds)


@dataclass
class Spending:
    """One photo's budget and what has been spent of it."""

    budget: Budget = field(default_factory=Budget)
    passes: int = 0
    start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        """Since the work began."""
        return time.perf_counter() - self.start

    def allows(self, passes: int, seconds_each: float) -> int:
        """For how many of so many more passes the budget has room."""
        if self.budget.passes is not None:
            passes = min(passes, self.budget.passes - self.passes)
        if self.budget.seconds is not None:
            left = self.budget.seconds - self.seconds
            passes = min(passes, int(left / seconds_each) if seconds_each > 0 else passes) if left > 0 else 0
        return max(0, passes)


class Progress:
    """Tells how far the work is: a callback; or on stderr, before work of more than two seconds, how long it will take, and in a
    terminal a bar after a second. ``progress=False`` is silent.

    first : so many are done before one says how long all take; half of them, and what went before, are not counted.
    begun : so many of the total were done before.
    every : seconds between two lines where stderr is no terminal, for work that goes on for hours; None for the first line alone.
    """

    def __init__(
        self,
        progress: bool | ProgressCallback | None,
        total: int,
        what: str,
        seconds: float | None = None,
        first: int = 0,
        every: float | None = None,
        begun: int = 0,
    ) -> None:
        if progress not in (None, True, False) and not callable(progress):
            raise OptionError(f"progress={progress!r}: write None, False, or a function (done, total, partial).")
        self._callback: ProgressCallback | None = progress if callable(progress) else None
        self._may_tell = progress is not False and self._callback is None
        self._may_draw = self._may_tell and sys.stderr.isatty()
        self._told = False  # how long it will take
        (self._total, self._what, self._done, self._start) = (total, what, begun, time.monotonic())
        self._bar: Any = None
        self._allowed = None if seconds is None else seconds * total  # what a budget leaves for all photos
        self._passes_each: int | None = None  # None: photos are counted
        self._first = first
        self._begun = begun
        self._from = (begun, self._start)  # done and when, where the estimate begins
        self._every = every
        self._next_line = self._start + (every or 0)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()

    @property
    def has_callback(self) -> bool:
        """True where a person's function is told, and may show, what there is so far."""
        return self._callback is not None

    def expect(self, each: int, seconds: float | None) -> None:
        """Every photo takes ``each`` passes, the first one about ``seconds`` (None: told later); passes are counted now."""
        if self._passes_each is None:
            self._passes_each = each
            self._total *= each
        if seconds is not None:
            part = "as many of " if self._allowed else ""
            end = " as the budget has time for," if self._allowed else ","
            self._tell(f"{part}{self._total:,} forward passes{end}", seconds * self._total / each)
            self._told = True

    def _tell(self, amount: str, seconds: float) -> None:
        """One line, before work that is worth it."""
        if self._may_tell and not self._told and seconds > _LONG:
            self._told = True
            limited = seconds if self._allowed is None else min(seconds, self._allowed)
            print(f"{self._what}: {amount} about {limited:.0f} s", file=sys.stderr, flush=True)

    def shrink(self, before: int, after: int) -> None:
        """The GPU had no room for ``before`` at once."""
        if self._may_tell:
            line = f"{self._what}: out of GPU memory with {before} at once; continuing with {after}"
            print(line, file=sys.stderr, flush=True)

    def finish_photo(self, used: int) -> None:
        """A photo was done in ``used`` passes: what it did not need is taken off."""
        self._total += used - (self._passes_each or used)

    def advance(self, count: int, partial: Callable[[], Any] | None = None, progress: str = "") -> None:
        """``count`` more are done. partial : makes what can be shown so far. progress : a text on it, for the bar."""
        self._done += count
        if self._callback is not None:
            self._callback(self._done, max(self._total, self._done), None if partial is None else partial())
        elapsed = time.monotonic() - self._start
        if self._every is not None and self._may_tell and not self._may_draw and self._start + elapsed >= self._next_line:
            self._next_line = self._start + elapsed + self._every
            self._log(elapsed, progress)
        if (
            self._done < self._total and not self._may_draw and self._passes_each is None
        ):  # the first results show how long the rest takes
            (done, start) = self._from
            now = self._done - self._begun
            if 2 * (done - self._begun) < self._first <= 2 * now:
                self._from = (self._done, self._start + elapsed)
            elif now >= self._first:
                seconds = (self._start + elapsed - start) * (self._total - self._begun) / (self._done - done)
                which = "those that were left" if self._begun else "all of them"
                self._tell(f"{self._done:,} of {self._total:,} are done, {which} take", seconds)
        if not self._may_draw or elapsed < 1 or self._done >= self._total:
            return
        if self._bar is None:
            from rich.console import Console
            from rich.progress import Progress as Bar

            self._bar = Bar(console=Console(stderr=True), transient=True)
            self._bar.add_task(self._what, total=self._total)
            self._bar.start()
        if self._every is not None:
            progress = ", ".join([self._rate(elapsed), *[progress] * bool(progress)])
        words = f"{self._what}, {progress}" if progress else self._what
        completed = float(self._done)
        if self._allowed:  # the work ends with the budget, if not before
            completed = max(completed, self._total * min(1.0, (time.monotonic() - self._start) / self._allowed))
        self._bar.update(self._bar.task_ids[0], completed=completed, total=self._total, description=words)

    def _rate(self, elapsed: float) -> str:
        """Of what was done now."""
        return f"{(self._done - self._begun) / elapsed:.3g} a second"

    def _log(self, elapsed: float, progress: str) -> None:
        """A line for a log: how many, how fast, how long still."""
        left = elapsed * (self._total - self._done) / (self._done - self._begun)
        parts = [f"{self._done:,} of {self._total:,}", self._rate(elapsed), f"about {in_time(left)} left"]
        print(f"{self._what}: {', '.join([*parts, *[progress] * bool(progress)])}", file=sys.stderr, flush=True)


def in_time(seconds: float) -> str:
    """ "12 s", "4 min", "3 h 05 min" """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60:02} min"


def batch_size(requested: int | None, bytes_each: int, device: torch.device, most_on_cpu: int = MOST_ON_CPU) -> int:
    """How many photos go through at once: what a person has requested, else what a share of the free memory holds."""
    if requested is not None:
        return whole_number("batch_size", requested)
    most = most_on_cpu if device.type == "cpu" else MOST_ON_GPU
    return max(1, min(most, int(_SHARE * free_memory(device) / max(1, bytes_each))))


def too_large(error: torch.cuda.OutOfMemoryError, other: str = "") -> str:
    """What to say where a single photo does not fit into the GPU's memory; asked before any of it is freed.

    error : with ``seewhy_input`` set on it, the shape and the device of the input, where these are known. other : one more thing
    to write.
    """
    known: tuple[tuple[int, ...], torch.device | None] = getattr(error, "seewhy_input", ((), None))
    (shape, device) = known
    of_size = f" of {format_size((shape[-2], shape[-1]))}" if len(shape) >= 2 else ""
    usage = gpu_usage(device)
    memory = ""
    if usage is not None:
        (total, in_use, by_others) = (size / 2**30 for size in usage)
        memory = f" ({total:.1f} GiB: {in_use:.1f} in use, {by_others:.1f} of these by other programs)"
    ways = ["a smaller Preprocess(size=...)", setting("device", "cpu"), *[other] * bool(other)]
    return f"One photo{of_size} does not fit into the GPU's memory{memory}: {', '.join(ways[:-1])}, or {ways[-1]}."


@contextmanager
def of_input(inputs: torch.Tensor) -> Iterator[None]:
    """Where a GPU runs out of memory, what it was working on is set on the error, for ``too_large``."""
    try:
        yield
    except torch.cuda.OutOfMemoryError as error:
        error.seewhy_input = (tuple(inputs.shape), inputs.device)  # type: ignore[attr-defined]
        raise


def in_batches(
    items: Sequence[Item],
    size: int,
    alike: Callable[[Item], Any],
    work: Callable[[Sequence[Item]], Result],
    smaller: Callable[[int, int], None] = lambda before, after: None,
    other: str = "",
) -> Iterator[tuple[int, Result]]:
    """Run ``work`` on neighbours that are ``alike`` (the same input size), at most ``size`` at once.

    Yields how many items each result stands for. When a GPU runs out of memory the batch is halved and goes again; ``smaller``
    is told (before, after). other : see ``too_large``.
    """
    start = 0
    while start < len(items):
        raise_if_stopped()
        end = start + 1
        while end < min(len(items), start + size) and alike(items[end]) == alike(items[start]):
            end += 1
        try:
            result = work(items[start:end])
        except torch.cuda.OutOfMemoryError as error:
            if end - start == 1:
                raise ModelError(too_large(error, other)) from error
            torch.cuda.empty_cache()
            size = (end - start) // 2
            smaller(end - start, size)
            continue
        yield end - start, result
        start = end
