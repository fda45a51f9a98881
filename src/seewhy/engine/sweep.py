"""Masked copies of one photo through the network: streamed, as fast as exactness allows, stopped by a budget or a person.

The copies are put together behind the normalisation, from the photo's and the fill's normalised values, so a copy costs one
``where``. Where they differ from the photo in a rectangle only, :mod:`seewhy.engine.incremental` computes what that reaches.
"""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from seewhy.engine import runner
from seewhy.engine.incremental import Incremental, Keep, Key, NotIncrementalError, Patched, Places, Size, cut
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.plan import CLOSE, EXACT
from seewhy.engine.ways import Way, Ways
from seewhy.errors import ModelError, OutputError

Which = npt.NDArray[np.int64]  # numbers of copies
WORTH = 0.5  # rectangles that cover more of the input than this go through as whole photos
COMPILE = 90.0  # seconds of work left from which on compiling pays: it takes 5 to 25 and saves a tenth to a fifth
GUESS = {True: 0.25, False: 0.6}  # of the first pass: what a copy takes in a batch, as a rectangle or as a whole photo
MANY = 1200  # passes from which on the ways to run are tried out on the real work
ROUNDS = 3  # of trying out each way; the best of its times counts
BETTER = 0.9  # of the usual way's time: another one has to be that much faster to be taken
SIZES = {"rectangles": (16, 32), "whole": (4, 8, 16)}  # copies at once that are tried out
# Whole photos at once on a CPU: as many as leave their largest map in the cache. SqueezeNet takes 9.6 ms a photo 4 at once,
# 16.3 ms 32 at once.
CACHE = 20e6
CHECKED = 2  # copies that are computed both ways before rectangles are trusted
# Largest difference over largest output that they may have. Rounding alone makes up to 1.4e-5 on deep random networks, and a
# network that is just as exact must not be refused; a wrong rectangle differs by far more.
ALLOWED = {"exact": 5 * EXACT, "fast": CLOSE}


class Copies(ABC):
    """Masked copies of one photo, by number."""

    @abstractmethod
    def shown(self, which: Which, rows: Places, columns: Places, size: Size) -> torch.Tensor:
        """``(n, h, w)``: how much of the photo copy ``which[i]`` shows in the window of ``size`` that begins at ``rows[i]``,
        ``columns[i]``; the rest is the fill. Booleans, or shares from 0 to 1."""

    def boxes(self, which: Which) -> tuple[Places, Places, Size] | None:
        """Rectangles of one size outside of which the copies equal the photo; None where there are none."""
        return None


@dataclass
class Spent:
    """One photo's budget and what is gone of it."""

    budget: runner.Budget = field(default_factory=runner.Budget)
    passes: int = 0
    start: float = field(default_factory=time.perf_counter)

    @property
    def seconds(self) -> float:
        return time.perf_counter() - self.start

    def allows(self, wanted: int, seconds_each: float) -> int:
        """How many of ``wanted`` more passes the budget has room for."""
        if self.budget.passes is not None:
            wanted = min(wanted, self.budget.passes - self.passes)
        if self.budget.seconds is not None:
            left = self.budget.seconds - self.seconds
            wanted = min(wanted, int(left / seconds_each) if seconds_each > 0 else wanted) if left > 0 else 0
        return max(0, wanted)


class Sweep:
    """The network on masked copies of one photo.

    answer : the network's class scores for ``(n, C, H, W)`` of its own inputs. planned : None for a callable.
    photo : ``(1, C, H, W)``, normalised. spent : the budget. interruptible : Ctrl-C stops the sweep and is not raised.
    """

    def __init__(
        self,
        answer: Callable[[torch.Tensor], Any],
        planned: PlannedNetwork | None,
        photo: torch.Tensor,
        *,
        batch_size: int | None = None,
        precision: str = "exact",
        spent: Spent | None = None,
        interruptible: bool = False,
    ) -> None:
        self._answer = answer
        self._planned = planned if planned is not None and planned.can_be_followed else None
        self._photo = photo if planned is None else planned.plan.prepare(photo)
        self._fill = self._photo
        self._ways = Ways() if planned is None else planned.ways
        self._precision = precision
        self._asked = batch_size
        self._most = runner.batch_size(
            batch_size, 1 if planned is None else planned.bytes_each, photo.device, most_on_cpu=runner.MOST_IN_SWEEP
        )
        self._kept: dict[Key, Any] = {}
        self._interruptible = interruptible and threading.current_thread() is threading.main_thread()
        self.spent = spent or Spent()
        self.interrupted = False
        self.seconds_each = 0.0  # of the last block
        self.largest = 0  # block
        self.compiled = 0  # copies that went through the compiled network
        self.patched = 0  # copies that went through as rectangles

    def untouched(self) -> Any:
        """What the network gives for the photo itself; every step of the pass is kept."""
        start = time.perf_counter()
        with torch.inference_mode(False), torch.no_grad():
            photo = self._photo.clone()  # a network may write into its input; outside of Keep, which would count the clone
            if self._planned is None or self._ways.refused:
                output = self._answer(photo)
            else:
                with Keep() as keep:
                    output = self._answer(photo)
                self._kept = keep.kept
        self._checked(output, len(self._photo))
        self.spent.passes += 1
        self._first = self.seconds_each = time.perf_counter() - start
        return output

    def fill_with(self, fill: torch.Tensor) -> None:
        """``(1, C, H, W)``, normalised: what the copies show where the photo is hidden."""
        self._fill = fill if self._planned is None else self._planned.plan.prepare(fill)

    @property
    def words(self) -> str:
        """How the copies were run, for the record."""
        if self.patched:
            return "only what a mask can reach was recomputed"
        words = "whole photos" + (", compiled" if self.compiled else "")
        return f"{words} ({self._ways.refused})" if self._ways.refused else words

    def guess(self, copies: Copies) -> float:
        """Seconds that one copy will take: what one of that kind took last, else a rough part of the first pass."""
        boxes = copies.boxes(np.zeros(1, np.int64))
        kind = None if boxes is None else boxes[2]
        known = self._ways.seconds.get((kind, self._photo.shape))
        if known is not None:
            return known
        return self._first * (1.0 if self._planned is None else GUESS[self._can_patch(kind)])

    def run(self, copies: Copies, order: Which, take: Callable[[Which, Any], None]) -> int:
        """Run the copies in ``order``, block by block, and hand ``take(which, output)`` each block's numbers and outputs.

        Returns how many were run: less than ``len(order)`` where the budget was used up or a person pressed Ctrl-C.
        """
        (done, busy) = (0, 0.0)
        boxes = copies.boxes(order[:1])
        kind = None if boxes is None else boxes[2]
        trial = self._trial(kind, len(order))
        taken: dict[Way, list[float]] = {}
        if order.size:
            self.seconds_each = self.guess(copies)
        while done < len(order) and not self.interrupted:
            if self._ways.refused:
                trial = [way for way in trial if way.kind != "rectangles"]
            way = trial[0] if trial else self._way(kind, len(order) - done)
            extra = CHECKED if way.kind == "rectangles" and not self._is_trusted(kind) else 0
            if extra and self.spent.allows(extra + 1, self.seconds_each) <= extra:  # too little is left to check rectangles with
                (way, extra) = (Way("whole", way.size), 0)
            count = self.spent.allows(min(way.size, len(order) - done) + extra, self.seconds_each) - extra
            if count <= 0:
                break
            which = order[done : done + count]
            start = time.perf_counter()
            try:
                output = self._block(copies, which, way)
            except torch.cuda.OutOfMemoryError as error:
                self._most = count // 2
                trial = []
                torch.cuda.empty_cache()
                if count == 1:
                    raise ModelError(
                        "One photo does not fit into the GPU's memory: a smaller Preprocess(size=...), or device='cpu'."
                    ) from error
                continue
            except KeyboardInterrupt:
                if not self._interruptible:
                    raise
                self.interrupted = True
                break
            if output is None and way.kind == "rectangles":  # refused: it has cost what it cost, and the copies go again
                self.spent.passes += count
                continue
            self.seconds_each = (time.perf_counter() - start) / count
            busy += self.seconds_each * count
            self.spent.passes += count
            self.largest = max(self.largest, count)
            done += count
            try:
                take(which, output)
            except KeyboardInterrupt:
                if not self._interruptible:
                    raise
                self.interrupted = True
            if trial and count == way.size:
                taken.setdefault(way, []).append(self.seconds_each)
                trial = trial[1:]
                if not trial:
                    name = "rectangles" if self._can_patch(kind) else "whole"
                    usual = Way(name, min(self._most, self._usual_size(name)))
                    fastest = min(taken, key=lambda way: min(taken[way]) * (BETTER if way == usual else 1))
                    self._ways.fastest[kind, self._photo.shape] = fastest
        if done:
            self._ways.seconds[kind, self._photo.shape] = busy / done
        return done

    # -- choosing the way -------------------------------------------------------------------------------------------------

    def _can_patch(self, kind: Size | None) -> bool:
        if kind is None or self._planned is None or self._ways.refused or not self._kept:
            return False
        return kind[0] * kind[1] <= WORTH * self._photo.shape[2] * self._photo.shape[3]

    def _usual_size(self, kind: str) -> int:
        if kind == "rectangles" or self._planned is None or self._photo.device.type != "cpu":
            return runner.MOST_IN_SWEEP
        return int(
            min(runner.MOST_IN_SWEEP, max(4, CACHE // (self._planned.bytes_each / 4 + 1)))
        )  # about four such maps are alive

    def _is_trusted(self, kind: Size | None) -> bool:
        return (kind, self._photo.shape) in self._ways.trusted

    def _way(self, kind: Size | None, left: int) -> Way:
        """What has been found fastest, else a fixed rule. left : copies that are still to be run."""
        usual = "rectangles" if self._can_patch(kind) else "whole"
        found = self._ways.fastest.get((kind, self._photo.shape))
        if found is None or self._asked is not None:
            found = Way(usual, min(self._most, self._asked or self._usual_size(usual)))
        way = Way(usual if found.kind == "rectangles" else found.kind, min(found.size, self._most))
        return way._replace(kind="compiled") if way.kind == "whole" and self._compiles(way.size, left) else way

    def _compiles(self, size: int, left: int) -> bool:
        """True where the work left is worth a compiled network, and there is one."""
        if self._planned is None or self.spent.budget.seconds is not None or left * self.seconds_each < COMPILE:
            return self._planned is not None and self._planned.is_compiled(size)
        return self._planned.compiled(size, self._photo) is not None

    def _trial(self, kind: Size | None, count: int) -> list[Way]:
        """The ways to try out in turns, where there is enough work; nothing is computed that is not needed."""
        if count < MANY or self._asked is not None or self._planned is None or (kind, self._photo.shape) in self._ways.fastest:
            return []
        kinds = ("rectangles", "whole") if self._can_patch(kind) else ("whole",)
        ways = [Way(name, size) for name in kinds for size in SIZES[name] if size <= self._most]
        return ways * ROUNDS if len(ways) > 1 else []

    # -- one block --------------------------------------------------------------------------------------------------------

    def _block(self, copies: Copies, which: Which, way: Way) -> Any:
        with torch.inference_mode(False), torch.no_grad():
            if way.kind == "rectangles":
                return self._patched(copies, which)
            inputs = self._whole(copies, which)
            compiled = self._planned.compiled(way.size, self._photo) if self._planned and way.kind == "compiled" else None
            if compiled is not None and len(which) == way.size:
                self.compiled += len(which)
                return compiled(inputs)
            return self._checked(self._answer(inputs), len(which))

    def _whole(self, copies: Copies, which: Which) -> torch.Tensor:
        zeros = np.zeros(len(which), np.int64)
        shown = copies.shown(which, zeros, zeros, (self._photo.shape[2], self._photo.shape[3]))
        return self._mixed(shown.to(self._photo.device)[:, None], self._photo, self._fill)

    def _mixed(self, shown: torch.Tensor, photo: torch.Tensor, fill: torch.Tensor) -> torch.Tensor:
        if shown.dtype != torch.bool:
            return torch.lerp(fill, photo, shown.to(photo.dtype))
        return torch.where(shown, photo, fill)

    def _patched(self, copies: Copies, which: Which) -> Any:
        """The block as rectangles; None where the network cannot be followed that way, which is then remembered."""
        boxes = copies.boxes(which)
        assert boxes is not None
        (rows, columns, size) = boxes
        parts = [cut(image, rows, columns, size) for image in (self._photo, self._fill)]
        shown = copies.shown(which, rows, columns, size).to(self._photo.device)[:, None]
        patch = self._mixed(shown, *parts)
        trusted = self._is_trusted(size)
        try:
            with Incremental(self._kept):
                output = self._answer(Patched(patch, rows, columns, self._photo))
                output = output.put_together() if isinstance(output, Patched) else output
            if not trusted:
                self._compare(output, copies, which)
                self._ways.trusted.add((size, self._photo.shape))
        except NotIncrementalError as error:
            self._ways.refused = str(error)
        except Exception as error:
            if trusted or isinstance(error, torch.cuda.OutOfMemoryError):
                raise
            self._ways.refused = f"{type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"
        else:
            self.patched += len(which)
            return output
        return None

    def _compare(self, output: Any, copies: Copies, which: Which) -> None:
        """Rectangles against whole photos on the first copies. Raises NotIncrementalError where they differ."""
        ends = [0, len(which) - 1][: len(which)]
        expected = self._answer(self._whole(copies, which[ends]))
        self.spent.passes += len(ends)
        difference = float((output[ends] - expected).abs().max() / expected.abs().max().clamp_min(1e-30))
        if not difference <= ALLOWED[self._precision]:
            raise NotIncrementalError(f"rectangles gave other scores, by {difference:.1e} of the largest")

    @staticmethod
    def _checked(output: Any, count: int) -> Any:
        if isinstance(output, torch.Tensor) and (len(output) if output.ndim else 1) != count:  # a single number: squeezed
            raise OutputError(f"The network returned {tuple(output.shape)} for {count} photos: one row of scores per photo.")
        return output
