"""Masked copies of one photo through the network: streamed, as fast as exactness allows, stopped by a budget or a person.

The copies are put together behind the normalisation, from the photo's and the fill's normalised values, so a copy costs one
``where``. Where they differ from the photo in a rectangle only, :mod:`seewhy.engine.incremental` computes what that reaches.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seewhy.engine import runner
from seewhy.engine.incremental import Incremental, KeepResults, NotIncrementalError
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.operations import Address
from seewhy.engine.patched import KeptMap, Patched, Positions, Size, cut
from seewhy.engine.plan import CLOSE, EXACT
from seewhy.engine.runner import Spending
from seewhy.engine.strategy import COMPILED, RECTANGLES, WHOLE, WORTH, Strategy, StrategyChoice, StrategyHistory
from seewhy.engine.threads import raise_if_stopped
from seewhy.errors import ModelError, OutputError

Indices = npt.NDArray[np.int64]  # numbers of copies
COMPILE = 90.0  # seconds of work left from which on compiling pays: it takes 5 to 25 and saves a tenth to a fifth
GUESS = {True: 0.25, False: 0.6}  # of the first pass: what a copy takes in a batch, as a rectangle or as a whole photo
# Whole photos at once on a CPU: as many as leave their largest map in the cache. SqueezeNet takes 9.6 ms a photo 4 at once,
# 16.3 ms 32 at once.
CACHE = 20e6
CHECKED = 2  # copies that are computed both ways before rectangles are trusted
# Largest difference over largest output that they may have. Rounding alone makes up to 1.4e-5 on deep random networks, and a
# network that is just as exact must not be refused; a wrong rectangle differs by far more.
ALLOWED = {"exact": 5 * EXACT, "fast": CLOSE}
_OUT_OF_MEMORY = object()


class Copies(ABC):
    """Masked copies of one photo, by number."""

    @abstractmethod
    def visible(self, indices: Indices, rows: Positions, columns: Positions, size: Size) -> torch.Tensor:
        """``(n, h, w)``: how much of the photo copy ``indices[i]`` shows in the window of ``size`` that begins at ``rows[i]``,
        ``columns[i]``; the rest is the fill. Booleans, or shares from 0 to 1. Of a volume always the whole: ``(n, d, h, w)``."""

    def bounding_boxes(self, indices: Indices) -> tuple[Positions, Positions, Size] | None:
        """First rows, first columns and the one size of rectangles outside of which the copies equal the photo; None where there
        are none."""
        return None


class Sweep:
    """The network on masked copies of one photo.

    forward : the network's class scores for ``(n, C, H, W)`` of its own inputs. planned : None for a callable.
    photo : ``(1, C, H, W)`` or ``(1, C, D, H, W)``, normalised. spending : the budget. interruptible : Ctrl-C stops the sweep and
    is not raised.
    smaller : is told (before, after) where a GPU had no room for so many at once.
    """

    def __init__(
        self,
        forward: Callable[[torch.Tensor], Any],
        planned: PlannedNetwork | None,
        photo: torch.Tensor,
        *,
        batch_size: int | None = None,
        precision: str = "exact",
        spending: Spending | None = None,
        interruptible: bool = False,
        smaller: Callable[[int, int], None] = lambda before, after: None,
    ) -> None:
        self._smaller = smaller
        self._forward = forward
        self._planned = planned if planned is not None and planned.can_be_followed else None
        self._photo = photo if planned is None else planned.plan.prepare(photo)
        self._photo_map = KeptMap(self._photo)
        self._fill = self._photo
        self._history = StrategyHistory() if planned is None else planned.strategies
        self._precision = precision
        self._batch_size = batch_size
        self._most = runner.batch_size(
            batch_size, 1 if planned is None else planned.bytes_each, photo.device, most_on_cpu=runner.MOST_IN_SWEEP
        )
        self._kept: dict[Address, Any] = {}
        self._interruptible = interruptible and threading.current_thread() is threading.main_thread()
        self.spending = spending or Spending()
        self.interrupted = False
        self.seconds_each = 0.0  # of the last block
        self.largest_block = 0
        self.compiled = 0  # copies that went through the compiled network
        self.patched = 0  # copies that went through as rectangles

    def untouched(self) -> Any:
        """What the network gives for the photo itself; every step of the pass is kept."""
        start = time.perf_counter()
        with torch.inference_mode(False), torch.no_grad():
            photo = self._photo.clone()  # a network may write into its input; outside of KeepResults, which would count the clone
            if self._planned is None or self._history.refused:
                output = self._forward(photo)
            else:
                with KeepResults() as keep:
                    output = self._forward(photo)
                self._kept = keep.kept
        self._checked(output, len(self._photo))
        self.spending.passes += 1
        self._first_pass = self.seconds_each = time.perf_counter() - start
        return output

    def fill_with(self, fill: torch.Tensor) -> None:
        """``(1, C, H, W)``, normalised: what the copies show where the photo is hidden."""
        self._fill = fill if self._planned is None else self._planned.plan.prepare(fill)

    @property
    def description(self) -> str:
        """How the copies were run, for the record."""
        if self.patched:
            return "only what a mask can reach was recomputed"
        description = "whole photos" + (", compiled" if self.compiled else "")
        return f"{description} ({self._history.refused})" if self._history.refused else description

    def guess(self, copies: Copies) -> float:
        """Seconds that one copy will take: what one of that kind took last, else a rough part of the first pass."""
        size = self._rectangle_size(copies, np.zeros(1, np.int64))
        seconds = self._history.seconds.get((size, self._photo.shape))
        if seconds is not None:
            return seconds
        return self._first_pass * (1.0 if self._planned is None else GUESS[self._may_patch(size)])

    def process(self, copies: Copies, order: Indices, on_block: Callable[[Indices, Any], None]) -> int:
        """Run the copies in ``order``, block by block; ``on_block(indices, output)`` gets each block's numbers and outputs.

        Returns how many were run: less than ``len(order)`` where the budget was used up or a person pressed Ctrl-C.
        """
        size = self._rectangle_size(copies, order[:1])
        choice = self._choice(size)
        choice.plan_trials(len(order))
        (processed, busy) = (0, 0.0)
        if order.size:
            self.seconds_each = self.guess(copies)
        while processed < len(order) and not self.interrupted:
            (strategy, count) = self._next_block(choice, size, len(order) - processed)
            if count <= 0:
                break
            indices = order[processed : processed + count]
            try:
                raise_if_stopped()
                start = time.perf_counter()
                output = self._tried_block(copies, indices, strategy, choice)
                if output is _OUT_OF_MEMORY:
                    continue
                self.spending.passes += count
                if output is None and strategy.kind == RECTANGLES:  # refused: it has cost what it cost, and the copies go again
                    continue
                self.seconds_each = (time.perf_counter() - start) / count
                busy += self.seconds_each * count
                self.largest_block = max(self.largest_block, count)
                processed += count
                on_block(indices, output)
                choice.record(strategy, count, self.seconds_each)
            except KeyboardInterrupt:
                if not self._interruptible:
                    raise
                self.interrupted = True
        if processed:
            self._history.seconds[size, self._photo.shape] = busy / processed
        return processed

    # -- choosing the strategy --------------------------------------------------------------------------------------------

    def _choice(self, size: Size | None) -> StrategyChoice:
        return StrategyChoice(
            self._history,
            (size, self._photo.shape),
            self._usual_size,
            lambda: self._may_patch(size),
            fixed_size=self._batch_size is not None or self._planned is None,
            most=self._most,
        )

    def _next_block(self, choice: StrategyChoice, size: Size | None, left: int) -> tuple[Strategy, int]:
        """How the next block is run, and how many copies it has; 0 where the budget has no room for any."""
        strategy = choice.next()
        if strategy.kind == WHOLE and not choice.is_trying and self._compiles(strategy.size, left):
            strategy = Strategy(COMPILED, strategy.size)
        checks = CHECKED if strategy.kind == RECTANGLES and not self._is_trusted(size) else 0
        if checks and self.spending.allows(checks + 1, self.seconds_each) <= checks:
            (strategy, checks) = (Strategy(WHOLE, strategy.size), 0)  # too little is left to check rectangles with
        return strategy, self.spending.allows(min(strategy.size, left) + checks, self.seconds_each) - checks

    @staticmethod
    def _rectangle_size(copies: Copies, indices: Indices) -> Size | None:
        rectangles = copies.bounding_boxes(indices)
        return None if rectangles is None else rectangles[2]

    def _may_patch(self, size: Size | None) -> bool:
        if size is None or self._planned is None or self._history.refused or not self._kept:
            return False
        return size[0] * size[1] <= WORTH * self._photo.shape[2] * self._photo.shape[3]

    def _usual_size(self, kind: str) -> int:
        if self._batch_size is not None:
            return self._batch_size
        if kind == RECTANGLES or self._planned is None or self._photo.device.type != "cpu":
            return runner.MOST_IN_SWEEP
        in_cache = int(CACHE // (self._planned.bytes_each / 4 + 1))  # about four maps of the largest size are alive
        return min(runner.MOST_IN_SWEEP, max(4, in_cache))

    def _is_trusted(self, size: Size | None) -> bool:
        return (size, self._photo.shape) in self._history.trusted

    def _compiles(self, size: int, left: int) -> bool:
        """True where the work left is worth a compiled network, and there is one."""
        if self._planned is None or self.spending.budget.seconds is not None or left * self.seconds_each < COMPILE:
            return self._planned is not None and self._planned.is_compiled(size)
        return self._planned.compiled(size, self._photo) is not None

    def _tried_block(self, copies: Copies, indices: Indices, strategy: Strategy, choice: StrategyChoice) -> Any:
        """The block's outputs; _OUT_OF_MEMORY where the GPU had no room for it, and smaller blocks follow."""
        try:
            with runner.of_input(self._photo):
                return self._block(copies, indices, strategy)
        except torch.cuda.OutOfMemoryError as error:
            if len(indices) == 1:
                raise ModelError(runner.too_large(error)) from error
            choice.out_of_memory(len(indices))
            self._most = choice.most
            torch.cuda.empty_cache()
            self._smaller(len(indices), self._most)
            return _OUT_OF_MEMORY

    # -- one block --------------------------------------------------------------------------------------------------------

    def _block(self, copies: Copies, indices: Indices, strategy: Strategy) -> Any:
        """The block's outputs; None where rectangles turned out to be impossible."""
        with torch.inference_mode(False), torch.no_grad():
            if strategy.kind == RECTANGLES:
                return self._as_rectangles(copies, indices)
            inputs = self._whole(copies, indices)
            compiled = self._planned.compiled(strategy.size, self._photo) if self._planned and strategy.kind == COMPILED else None
            if compiled is not None and len(indices) == strategy.size:
                self.compiled += len(indices)
                return compiled(inputs)
            return self._checked(self._forward(inputs), len(indices))

    def _whole(self, copies: Copies, indices: Indices) -> torch.Tensor:
        rectangles = copies.bounding_boxes(indices) if self._photo.ndim == 4 else None
        if rectangles is not None:  # to copy the photo, and fill what is hidden, takes a part of choosing every pixel
            (rows, columns, (height, width)) = rectangles
            whole = torch.cat([self._photo] * len(indices))
            visible = copies.visible(indices, *rectangles).to(whole.device)
            for number, (row, column) in enumerate(zip(rows.tolist(), columns.tolist(), strict=True)):
                window = (..., slice(row, row + height), slice(column, column + width))
                whole[number][window] = self._mixed(visible[number], self._photo[0][window], self._fill[0][window])
            return whole
        zeros = np.zeros(len(indices), np.int64)
        size: Any = tuple(self._photo.shape[2:])  # of a volume three sides
        visible = copies.visible(indices, zeros, zeros, size)
        return self._mixed(visible.to(self._photo.device)[:, None], self._photo, self._fill)

    def _mixed(self, visible: torch.Tensor, photo: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
        if visible.dtype != torch.bool:
            return torch.lerp(fill, photo, visible.to(photo.dtype))
        return torch.where(visible, photo, fill)

    def _as_rectangles(self, copies: Copies, indices: Indices) -> Any:
        """The block as rectangles; None where the network cannot be followed that way, which is then remembered."""
        rectangles = copies.bounding_boxes(indices)
        assert rectangles is not None
        (rows, columns, size) = rectangles
        windows = [cut(image, rows, columns, size) for image in (self._photo, self._fill)]
        visible = copies.visible(indices, rows, columns, size).to(self._photo.device)[:, None]
        patch = self._mixed(visible, *windows)
        trusted = self._is_trusted(size)
        try:
            with Incremental(self._kept):
                output = self._forward(Patched(patch, rows, columns, self._photo_map))
                output = output.put_together() if isinstance(output, Patched) else output
            if not trusted:
                self._compare(output, copies, indices)
                self._history.trusted.add((size, self._photo.shape))
        except NotIncrementalError as error:
            self._history.refused = str(error)
        except Exception as error:
            if trusted or isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            self._history.refused = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        else:
            self.patched += len(indices)
            return output
        return None

    def _compare(self, output: Any, copies: Copies, indices: Indices) -> None:
        """Rectangles against whole photos on the first copies. Raises NotIncrementalError where they differ."""
        ends = [0, len(indices) - 1][: len(indices)]
        expected = self._forward(self._whole(copies, indices[ends]))
        self.spending.passes += len(ends)
        difference = float((output[ends] - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
        if not difference <= ALLOWED[self._precision]:
            raise NotIncrementalError(f"rectangles gave other scores, by {difference:.1e} of the largest")

    @staticmethod
    def _checked(output: Any, count: int) -> Any:
        if isinstance(output, torch.Tensor) and (len(output) if output.ndim else 1) != count:  # a single number: squeezed
            raise OutputError(f"The network returned {tuple(output.shape)} for {count} photos: one row of scores per photo.")
        return output
