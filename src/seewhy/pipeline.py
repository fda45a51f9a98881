"""Many photos through the same work, in bounded memory: read ahead, worked on in batches, saved behind; in their order.

Threads read and save: Pillow decodes, and files are written, without holding the interpreter. A network on the CPU has all
cores to itself, and the threads have them in between: where they share them, every layer waits for the slower core (SqueezeNet
on 2 cores, photos of 500 × 375 pixels: 12.1 ms a photo in turns, 14.0 ms with one thread reading beside the network, 13.1 ms
without threads). Read and not yet saved are two batches, however many photos there are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Generic, TypeVar

from seewhy.errors import LayerError, MethodError, OptionError, SeewhyError, TargetError

Item = TypeVar("Item")
Value = TypeVar("Value")
Result = TypeVar("Result")

FOR_ALL = (OptionError, TargetError, LayerError, MethodError)  # mistakes that every photo would repeat
_MOST_THREADS = 8


@dataclass(frozen=True, eq=False)
class Outcome(Generic[Item, Result]):
    """What became of an item. result, path : None where there is an ``error``, which says why; path : where it was saved."""

    item: Item
    result: Result | None = None
    path: Path | None = None
    error: SeewhyError | None = None


def in_parts(items: Iterable[Item], size: int) -> Iterator[list[Item]]:
    """Neighbours together, ``size`` at a time."""
    rest = iter(items)
    while part := list(islice(rest, size)):
        yield part


class ReadAhead(Generic[Item, Value]):
    """Batches of items, each read in threads. A context: on leaving it, what is being read is waited for.

    raises : errors that are raised; every other SeewhyError stands in the place of what could not be read.
    """

    def __init__(
        self,
        batches: Iterable[Sequence[Item]],
        read: Callable[[Item], Value],
        raises: tuple[type[SeewhyError], ...] = (),
    ) -> None:
        (self._batches, self._read, self._raises) = (iter(batches), read, raises)
        self._reading: list[tuple[Item, Future[Value]]] = []
        self.pool = ThreadPoolExecutor(min(_MOST_THREADS, _cores()), thread_name_prefix="seewhy-photos")

    def begin(self) -> None:
        """Start to read the next batch."""
        if not self._reading:
            self._reading = [(item, self.pool.submit(self._read, item)) for item in next(self._batches, ())]

    def take(self) -> list[tuple[Item, Value | SeewhyError]]:
        """The next batch, read; empty at the end."""
        self.begin()
        (reading, self._reading) = (self._reading, [])
        return [(item, self._value(future)) for item, future in reading]

    def _value(self, future: Future[Value]) -> Value | SeewhyError:
        try:
            return future.result()
        except self._raises:
            raise
        except SeewhyError as error:
            return error

    def __enter__(self) -> ReadAhead[Item, Value]:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.pool.shutdown(wait=True, cancel_futures=True)


def in_stages(
    batches: Iterable[Sequence[Item]],
    read: Callable[[Item], Value],
    work: Callable[[list[Value]], Sequence[Result]],
    place: Callable[[Item, Result], Path],
    save: Callable[[Result, Path], Path],
    *,
    shares_cores: bool = True,
    draws: bool = False,
) -> Generator[Outcome[Item, Result], None, None]:
    """Every item read, worked on with its neighbours, and saved; in their order, each when its file is there. To be closed.

    batches : of neighbours, none empty. read : in threads. work : here, on those of a batch that could be read. place : says,
    here and in order, where a result goes. save : writes it there, in threads.
    shares_cores : the work runs on this machine's cores, so that nothing is read meanwhile; False for a GPU.
    draws : the files are drawn, which is done here, because matplotlib draws in one thread only.

    An item whose reading or working raises a ``SeewhyError`` has it as its outcome, but for errors of ``FOR_ALL``; these are
    raised, as are those of saving. After Ctrl-C (KeyboardInterrupt) what is being written is finished, and nothing else begun.
    """
    with ReadAhead(batches, read, FOR_ALL) as reading:
        while batch := reading.take():
            if not shares_cores:
                reading.begin()
            outcomes = _worked(batch, work)
            if draws:
                reading.begin()
                for outcome in outcomes:
                    result = outcome.result
                    yield outcome if result is None else replace(outcome, path=save(result, place(outcome.item, result)))
                continue
            saving = [
                None if outcome.result is None else reading.pool.submit(save, outcome.result, place(outcome.item, outcome.result))
                for outcome in outcomes
            ]
            reading.begin()  # while the person is told of these
            for outcome, future in zip(outcomes, saving, strict=True):
                yield outcome if future is None else replace(outcome, path=future.result())


def _worked(
    batch: Sequence[tuple[Item, Value | SeewhyError]], work: Callable[[list[Value]], Sequence[Result]]
) -> list[Outcome[Item, Result]]:
    """The results of what could be read, the errors of the rest."""
    results = iter(_results([value for _, value in batch if not isinstance(value, SeewhyError)], work))
    values = [(item, value if isinstance(value, SeewhyError) else next(results)) for item, value in batch]
    return [
        Outcome(item, error=value) if isinstance(value, SeewhyError) else Outcome(item, result=value) for item, value in values
    ]


def _results(values: list[Value], work: Callable[[list[Value]], Sequence[Result]]) -> Sequence[Result | SeewhyError]:
    if not values:
        return []
    try:
        return work(values)
    except FOR_ALL:
        raise
    except SeewhyError as error:
        if len(values) == 1:
            return [error]
        return [result for value in values for result in _results([value], work)]  # one of them is at fault: find out which


def _cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
