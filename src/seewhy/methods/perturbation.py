"""Methods that hide parts of the photo and look at the scores: they work on any classifier, also on a function."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.engine.sweep import Copies, Spent, Sweep, Which
from seewhy.errors import OptionError, OutputError, TargetError
from seewhy.geometry import Array, SampleGrid
from seewhy.head import describe
from seewhy.methods.base import Heat, Method, Subject, with_values
from seewhy.methods.fills import fill_image
from seewhy.records import Target
from seewhy.targets import Chosen

TABLE = 16_000_000  # numbers: a table of all copies × all classes is kept up to this size (64 MB)


@dataclass(frozen=True, kw_only=True)
class PerturbationMethod(Method):
    """Methods that take the scores of many masked copies of the photo.

    score : "probability", "logit" or "log_odds".
    """

    sweeps: ClassVar[bool] = True
    ends_itself: ClassVar[bool] = False  # knows what budget="auto" means

    score: str = field(default="probability", metadata={"choices": ("probability", "logit", "log_odds")})

    @abstractmethod
    def explore(self, study: Study) -> Heat:
        """Ask for the scores of masked copies, and make the maps of them."""

    def heat(self, subject: Subject) -> Heat:
        """The maps of one photo."""
        if subject.budget.auto and not self.ends_itself:
            raise OptionError(f"budget='auto' is for lime; for {self.name} write forward passes (200) or seconds ('20s').")
        return self.explore(Study(subject, self))


class Study:
    """One photo under study: its targets, their values, and the sweep that masked copies go through.

    size : (H, W) of the network's input. pixels : ``(C, H, W)`` before normalisation. targets : what is explained.
    values : ``(K,)`` of the photo itself. take : see :meth:`sweep`.
    """

    def __init__(self, subject: Subject, method: PerturbationMethod) -> None:
        clf = subject.clf
        self.method = method
        self.seed = subject.seed
        self.pixels: Array = subject.pixels[0].float().cpu().numpy()
        self.size = (self.pixels.shape[1], self.pixels.shape[2])
        self._subject = subject
        self._plan = None if subject.inside is None else subject.inside.plan
        photo = clf.normalised(subject.pixels)
        answer = subject.inside.answer if subject.inside is not None else clf.answer
        self._sweep = Sweep(
            answer,
            subject.inside,
            photo,
            batch_size=subject.batch_size,
            precision=clf.precision,
            spent=Spent(subject.budget),
            interruptible=subject.interruptible,
        )
        output = self._sweep.untouched()
        self.scores = subject.read_scores(output)  # (1, classes), or None
        self._chosen: list[Chosen] = subject.choose(self.scores)[0]
        # Decided at the photo: a block of other rows may happen to look like probabilities, or not.
        self._given = clf.returns_probabilities
        self.values = self.read(output)[0][0].astype(np.float64)  # (K,)
        self.targets: list[Target] = with_values([self._chosen], torch.from_numpy(self.values)[:, None])[0]

    def features(self, layer: str | nn.Module | None) -> tuple[str, Array]:
        """A layer's name and its values on the photo, ``(c, h, w)``. Raises MethodError for a callable."""
        planned = self._subject.planned
        step = planned.find_layer(layer)
        value = planned.upto(self._subject.clf.normalised(self._subject.pixels), step)
        assert step.grid is not None
        self._sweep.spent.passes += 1
        values: Array = step.grid.read(value)[0].float().cpu().numpy()
        return planned.trace.name(step), values

    def hide_behind(self, fill: Any) -> None:
        """What the copies show where the photo is hidden; see ``methods.fills``."""
        clf = self._subject.clf
        image = fill_image(self.pixels, fill, self.seed, bytes_range=clf.preprocess is not None)
        given = torch.from_numpy(image)[None].to(self._subject.pixels)
        self._sweep.fill_with(clf.normalised(given))

    def read(self, output: Any) -> tuple[Array, Array | None]:
        """A block's output: the targets' values ``(n, K)``, and the scores ``(n, classes)`` where there are any."""
        clf = self._subject.clf
        classes = any(choice.function is None for choice in self._chosen)
        with torch.no_grad():
            rows = clf.checked(output) if classes else None
            clf.returns_probabilities = self._given
            columns = []
            for choice in self._chosen:
                if choice.function is None:
                    assert rows is not None
                    index = torch.full((len(rows),), choice.target.index or 0, device=rows.device)
                    columns.append(clf.head.value(rows.float(), index, self.method.score, self._given))
                else:
                    columns.append(_of_function(choice.function, output))
            values: Array = torch.stack([column.float() for column in columns], dim=1).cpu().numpy()
            if not np.isfinite(values).all():
                raise OutputError(
                    "The target function gives values that are not finite for the photo, or for a masked copy of it."
                )
            return values, None if rows is None else clf.head.scores(rows, self._given).float().cpu().numpy()

    def expect(self, copies: Copies, count: int) -> None:
        """Say how much work it is going to be, before it starts."""
        budget = self._sweep.spent.budget
        passes = count + 1 if budget.passes is None else min(count + 1, budget.passes)
        seconds = passes * self._sweep.guess(copies)
        self.estimate = {"passes": passes, "seconds": seconds if budget.seconds is None else min(seconds, budget.seconds)}
        self._subject.expect(passes, self.estimate["seconds"])
        self._subject.report(1, lambda: self.heat(np.zeros((len(self.targets), 1, 1), np.float32)), "")

    def sweep(
        self,
        copies: Copies,
        order: Which,
        take: Callable[[Which, Array, Array | None], None],
        sketch: Callable[[], Heat],
        said: Callable[[], str] = str,
    ) -> int:
        """Run masked copies in ``order``; ``take(which, values (n, K), scores (n, classes) or None)`` gets them block by block.

        sketch : makes the heat of what there is so far. said : a word on it, for the progress bar.
        Returns how many were run: fewer than asked where the budget is used up or somebody pressed Ctrl-C.
        """

        def block(which: Which, output: Any) -> None:
            (values, scores) = self.read(output)
            take(which, values, scores)
            self._subject.report(len(which), sketch, said())

        return self._sweep.run(copies, order, block)

    @property
    def ends_itself(self) -> bool:
        """True where the method is to end the work when it has seen enough."""
        return self._subject.budget.auto

    @property
    def stopped(self) -> str:
        """Why no more copies are run: "" while nothing has stopped them."""
        if self._sweep.interrupted:
            return "interrupted"
        return "stopped by the budget" if self._sweep.spent.allows(1, self._sweep.seconds_each) == 0 else ""

    def heat(
        self,
        maps: Array,
        *,
        signed: bool = True,
        notes: list[str] | None = None,
        details: dict[str, Any] | None = None,
        partial: bool = False,
        sample_grid: SampleGrid | None = None,
        units: str = "{}",
        layer: str | None = None,
    ) -> Heat:
        """What was found, with what every sweep has to say."""
        (plan, clf) = (self._plan, self._subject.clf)
        about: dict[str, Any] = {
            "plan": "a function" if plan is None else plan.words,
            "deviation": 0.0 if plan is None else plan.deviation,
            "computed": self._sweep.words,
            "batch_size": self._sweep.largest,
            "estimate": self.estimate,
            "stopped": self.stopped if partial else "",
            "base": self.values.astype(np.float32),
        }
        return Heat(
            maps=[np.asarray(maps, dtype=np.float32)],
            chosen=[self.targets],
            scores=self.scores,
            signed=signed,
            units=units.format(clf.head.unit(self.method.score) if any(c.function is None for c in self._chosen) else "value"),
            layer=layer,
            notes=[notes or []],
            details=[about | (details or {})],
            forward=float(self._sweep.spent.passes),
            backward=0.0,
            partial=partial,
            sample_grid=sample_grid,
        )

    def flat_notes(self, maps: Array, cure: str) -> list[str]:
        """For every target whose score nothing moves, a sentence."""
        return [
            f"The map is flat: hiding any part of the photo changes the {self._subject.clf.head.unit(self.method.score)} of "
            f"'{target.name}' ({target.score:.2f}) by less than a millionth; {cure}"
            for heat, target in zip(maps, self.targets, strict=True)
            if float(np.abs(heat).max(initial=0.0)) < 1e-6
        ]

    def table(self, copies: int) -> Array | None:
        """Room for the scores of all copies for all classes ``(copies, classes)``, NaN; None where that would be too large."""
        if self.scores is None or all(choice.function for choice in self._chosen) or copies * self.scores.shape[1] > TABLE:
            return None
        return np.full((copies, self.scores.shape[1]), np.nan, np.float32)


def _of_function(function: Callable[[Any], Any], output: Any) -> torch.Tensor:
    """A target function's values, one for each copy."""
    given = function(output)
    count = len(output) if isinstance(output, torch.Tensor) else None
    if not isinstance(given, torch.Tensor) or given.ndim != 1 or (count is not None and len(given) != count):
        raise TargetError(
            f"The target function {getattr(function, '__name__', function)!r} returned {describe(given)}: it must return one "
            f"number per photo{'' if count is None else f', a tensor ({count},)'}."
        )
    return given
