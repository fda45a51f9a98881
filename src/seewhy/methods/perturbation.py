"""Methods that hide parts of the photo and look at the scores: they work on any classifier, also on a function."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.engine.runner import Spending
from seewhy.engine.sweep import Copies, Indices, Sweep
from seewhy.errors import BudgetError, OutputError, setting
from seewhy.explanation import LEAST, LOG_ODDS, Ranking, is_saturated, value_in_words
from seewhy.geometry import Array, SampleGrid
from seewhy.methods.base import Attribution, Method, Needs, Request, function_values, plan_details, with_values
from seewhy.methods.fills import fill_image
from seewhy.records import Ending, Note, Target
from seewhy.targets import ResolvedTarget, class_values, unit_of

COARSE = 20  # steps of the score: a map that spans fewer shows them
LARGEST_TABLE = 16_000_000  # numbers: a table of all copies × all classes is kept up to this size (64 MB)


@dataclass(frozen=True, kw_only=True)
class PerturbationMethod(Method):
    """Methods that take the scores of many masked copies of the photo.

    score : "probability", "logit" or "log_odds".
    """

    needs: ClassVar[Needs] = Needs.SCORES
    sweeps: ClassVar[bool] = True

    score: str = field(default="probability", metadata={"choices": ("probability", "logit", "log_odds")})

    @abstractmethod
    def estimator(self, photo: PerturbedPhoto) -> Estimator:
        """Which copies of the photo are run, and what is made of their scores."""

    def attribute(self, request: Request) -> Attribution:
        """The maps of one photo: runs the copies until they are done, the budget is spent, or a person presses Ctrl-C."""
        photo = PerturbedPhoto(request, self)
        estimator = self.estimator(photo)
        photo.announce(estimator.copies, estimator.passes)
        ending = Ending.COMPLETE
        for order in estimator.orders():
            if photo.process(estimator, order) < len(order):
                ending = Ending.INTERRUPTED if photo.interrupted else Ending.BUDGET
                break
        if photo.interrupted and estimator.reached < estimator.count:  # also while the last block was taken in
            ending = Ending.INTERRUPTED
        if estimator.reached < estimator.least:
            if ending is Ending.INTERRUPTED:
                raise KeyboardInterrupt
            first = ("the first", "two", "three")[estimator.least - 1]
            raise BudgetError(
                f"The budget was used up before {first} of {estimator.count} {estimator.unit}: give it more passes or seconds."
            )
        if ending is Ending.COMPLETE and estimator.is_stable:
            ending = Ending.STABLE
        return estimator.attribution(ending)


class Estimator(ABC):
    """The copies that a method runs, and the map that it makes of their scores, at any time.

    copies : the masked copies. count, unit : what a whole map takes, for sentences (121 masks). passes : copies to run for it.
    least : how many of ``count`` it takes for any map at all, at most three.
    """

    copies: Copies
    count: int
    unit: str
    passes: int
    least: int = 1

    def orders(self) -> Iterator[Indices]:
        """Copies to run next; the next array is asked for when this one is done."""
        yield np.arange(self.passes)

    @property
    @abstractmethod
    def reached(self) -> int:
        """How many of ``count`` are done."""

    @property
    def is_stable(self) -> bool:
        """True where the estimator has ended the work, because more copies would change nothing."""
        return False

    @abstractmethod
    def update(self, indices: Indices, values: Array, scores: Array | None) -> None:
        """Take a block's results: of each target ``(n, K)``, and of all classes ``(n, classes)`` where there are any."""

    @abstractmethod
    def attribution(self, ending: Ending) -> Attribution:
        """The maps of what there is. ending : why the work ended; ``RUNNING`` for a sketch on the way."""

    def progress(self) -> str:
        """A text for the progress bar."""
        return ""


class PerturbedPhoto:
    """One photo whose masked copies are run: its pixels, its targets, and their values.

    size : (H, W) of the network's input, of a volume (D, H, W). pixels : ``(C, *size)`` before normalisation. targets : what is
    explained. values : ``(K,)`` of the photo itself. scores : ``(1, classes)``, None where there are none. is_limited : True
    where a budget may end the work before it is complete. is_watched : True where somebody looks at the map while it grows.
    """

    def __init__(self, request: Request, method: PerturbationMethod) -> None:
        executor = request.clf.executor
        self.seed = request.seed
        self.pixels: Array = request.pixels[0].float().cpu().numpy()
        self.size: tuple[int, ...] = self.pixels.shape[1:]
        self.ends_when_stable = request.budget.auto
        self.is_watched = request.watched
        self.is_limited = request.budget.passes is not None or request.budget.seconds is not None
        self._request = request
        self._method = method
        self._sweep = Sweep(
            executor.call if request.planned is None else request.planned.forward_prepared,
            request.planned,
            executor.network_inputs(request.pixels),
            batch_size=request.batch_size,
            precision=executor.precision,
            spending=Spending(request.budget),
            interruptible=request.interruptible,
            smaller=request.smaller,
        )
        output = self._sweep.untouched()
        # Decided at the photo: other rows may happen to look like probabilities, or not.
        (self._head, self.scores) = request.read(output)
        self._resolved: list[ResolvedTarget] = request.resolve(self.scores, output)[0]
        self._has_class = any(target.function is None for target in self._resolved)
        self.values = self._read(output, 1)[0][0].astype(np.float64)  # (K,)
        self._output = output
        self.targets: list[Target] = with_values([self._resolved], torch.from_numpy(self.values)[:, None])[0]
        self._estimate: dict[str, float] = {}

    @property
    def interrupted(self) -> bool:
        """True once a person has pressed Ctrl-C."""
        return self._sweep.interrupted

    @property
    def ranking(self) -> Ranking | None:
        """Of the photo's classes."""
        return self._request.rankings(self.scores)[0]

    @property
    def unit(self) -> str:
        """Of the targets' values."""
        return unit_of(self._head, self._resolved, self._method.score)

    def features(self, layer: str | nn.Module | None) -> tuple[str, Array]:
        """A layer's name and its values on the photo, ``(c, h, w)``. Raises MethodError for a callable."""
        planned = self._request.network
        step = planned.find_layer(layer)
        value = planned.run_until(self._request.clf.executor.network_inputs(self._request.pixels), step)
        assert step.grid is not None
        self._sweep.spending.passes += 1
        values: Array = step.grid.read(value)[0].float().cpu().numpy()
        return planned.trace.name(step), values

    def hide_behind(self, fill: Any) -> None:
        """What the copies show where the photo is hidden; see ``methods.fills``."""
        executor = self._request.clf.executor
        image = fill_image(self.pixels, fill, self.seed, bytes_range=executor.pixels_are_bytes)
        pixels = torch.from_numpy(image)[None].to(self._request.pixels)
        self._sweep.fill_with(executor.network_inputs(pixels))

    def score_table(self, copies: int) -> Array | None:
        """Room for the scores of all copies for all classes ``(copies, classes)``, NaN; None where that would be too large."""
        if self.scores is None or not self._has_class or copies * self.scores.shape[1] > LARGEST_TABLE:
            return None
        return np.full((copies, self.scores.shape[1]), np.nan, np.float32)

    def seconds_each(self, copies: Copies) -> float:
        """What one copy will take, roughly."""
        return self._sweep.guess(copies)

    def announce(self, copies: Copies, count: int) -> None:
        """Say how much work it is going to be, before it starts."""
        budget = self._sweep.spending.budget
        passes = count + 1 if budget.passes is None else min(count + 1, budget.passes)
        seconds = passes * self.seconds_each(copies)
        seconds = seconds if budget.seconds is None else min(seconds, budget.seconds)
        self._estimate = {"passes": passes, "seconds": seconds}
        self._request.expect(passes, seconds)
        empty = np.zeros((len(self.targets), *[1] * len(self.size)), np.float32)
        self._request.report(1, lambda: self.attribution(empty, Ending.RUNNING), "")

    def process(self, estimator: Estimator, order: Indices) -> int:
        """Run copies in ``order`` and update the estimator block by block.

        Returns how many were run: fewer than asked where the budget is used up or somebody pressed Ctrl-C.
        """

        def on_block(indices: Indices, output: Any) -> None:
            estimator.update(indices, *self._read(output, len(indices)))
            self._request.report(len(indices), lambda: estimator.attribution(Ending.RUNNING), estimator.progress())

        return self._sweep.process(estimator.copies, order, on_block)

    def attribution(
        self,
        maps: Array,
        ending: Ending,
        *,
        notes: list[Note] | None = None,
        details: dict[str, Any] | None = None,
        signed: bool = True,
        sample_grid: SampleGrid | None = None,
        units: str | None = None,
        layer: str | None = None,
    ) -> Attribution:
        """Maps ``(K, h, w)`` with what every sweep has to say. units : None for those of the targets' values."""
        sweep_details: dict[str, Any] = {
            "computed": self._sweep.description,
            "batch_size": self._sweep.largest_block,
            "estimate": self._estimate,
            "stopped": ending.value,
            "base": self.values.astype(np.float32),
        }
        return Attribution(
            maps=[np.asarray(maps, dtype=np.float32)],
            targets=[self.targets],
            scores=self.scores,
            signed=signed,
            units=self.unit if units is None else units,
            layer=layer,
            notes=[notes or []],
            details=[plan_details(self._request.planned, self._request.clf.executor.form.name) | sweep_details | (details or {})],
            forward=float(self._sweep.spending.passes),
            backward=0.0,
            head=self._head,
            partial=ending not in (Ending.COMPLETE, Ending.STABLE),
            sample_grid=sample_grid,
        )

    def flat_notes(self, maps: Array, cure: str) -> list[Note]:
        """For every target whose score nothing moves, a sentence. cure : what to do where the network is not simply sure."""
        unit = self.unit
        return [
            Note(
                f"The map is flat: hiding any part of the photo changes the {value_in_words(target, unit)} by less than a "
                f"millionth; {LOG_ODDS if is_saturated(target, unit) else cure}",
                number,
            )
            for number, (map, target) in enumerate(zip(maps, self.targets, strict=True))
            if float(np.abs(map).max(initial=0.0)) < LEAST
        ]

    def coarse_notes(self, maps: Array) -> list[Note]:
        """For every map of differences that spans only a few of the steps in which a bfloat16 network's score moves."""
        notes = []
        for number, (map, resolved, base) in enumerate(zip(maps, self._resolved, self.values, strict=True)):
            (low, high) = (float(base - map.max()), float(base - map.min()))  # of the masked copies' values
            step = self._step(resolved, low, high)
            if 0 < high - low < COARSE * step:
                notes.append(
                    Note(
                        f"the map of '{resolved.target.text}' is coarse: it spans {high - low:.2g}, and at "
                        f"{setting('precision', 'fast')} the {self.unit} moves in steps of about {step:.2g}: use "
                        f"{setting('precision', 'exact')}",
                        number,
                    )
                )
        return notes

    def _step(self, resolved: ResolvedTarget, low: float, high: float) -> float:
        """How far a target's value, between low and high, moves when a bfloat16 output goes to its next number; else 0."""
        rows = self._request.clf.class_scores(self._output, 1) if self._has_class else None
        if resolved.function is not None or rows is None or rows.dtype != torch.bfloat16:
            return 0.0
        # A difference of two probabilities does not say how steep either of them is: its step is the one at the photo itself.
        by_odds = self.unit == "probability" and resolved.target.against is None
        column = min(resolved.target.index or 0, rows.shape[1] - 1)  # one logit stands for two classes
        moved = rows.clone()
        moved[:, column] = torch.nextafter(rows[:, column], torch.full_like(rows[:, column], torch.inf))
        score = "log_odds" if by_odds else self._method.score
        (before, after) = (class_values(self._head, output.float(), [resolved], score) for output in (rows, moved))
        steepest = min(max(0.5, low), high)  # where a probability moves most: as near to 0.5 as it came
        return float((after - before).abs()) * (steepest * (1 - steepest) if by_odds else 1)

    def _read(self, output: Any, copies: int) -> tuple[Array, Array | None]:
        """A block's output: the targets' values ``(n, K)``, and the scores ``(n, classes)`` where there are any."""
        head = self._head
        with torch.no_grad():
            rows = self._request.clf.class_scores(output, copies) if self._has_class else None
            columns = []
            for target in self._resolved:
                if target.function is None:
                    assert rows is not None
                    columns.append(class_values(head, rows.float(), [target] * len(rows), self._method.score))
                else:
                    columns.append(function_values(target.function, output))
            values: Array = torch.stack([column.float() for column in columns], dim=1).cpu().numpy()
            if not np.isfinite(values).all():
                raise OutputError(
                    "The target function gives values that are not finite for the photo, or for a masked copy of it."
                )
            return values, None if rows is None else head.scores(rows).float().cpu().numpy()
