"""How masked copies of a photo are run, and how many at once: a fixed rule, or what was fastest on real work."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

RECTANGLES, WHOLE, COMPILED = "rectangles", "whole", "compiled"
WORTH = 0.5  # rectangles that cover more of the input than this go through as whole photos
MANY = 1200  # passes from which on the strategies are tried out on the real work
ROUNDS = 3  # of trying out each strategy; the best of its times counts
BETTER = 0.9  # of the usual strategy's time: another one has to be that much faster to be taken
SIZES = {RECTANGLES: (16, 32), WHOLE: (4, 8, 16)}  # copies at once that are tried out


class Strategy(NamedTuple):
    """How copies are run. kind : RECTANGLES, WHOLE, or COMPILED (whole photos, compiled network). size : copies at once."""

    kind: str
    size: int


@dataclass
class StrategyHistory:
    """What a network has shown about the strategies; kept with it, so that it is found out once.

    refused : why rectangles cannot be used, empty while they can. trusted : the sizes of rectangles for which both strategies
    have been compared. fastest : what was fastest on real work, seconds : of one copy, both by the kind of work.
    """

    refused: str = ""
    trusted: set[Any] = field(default_factory=set)
    fastest: dict[Any, Strategy] = field(default_factory=dict)
    seconds: dict[Any, float] = field(default_factory=dict)


class StrategyChoice:
    """Chooses the strategy of each block of one sweep.

    work : the kind of work, the key of ``history``. usual_size : copies at once for a kind of strategy, by the fixed rule.
    may_use_rectangles : asked before every block, because a network may refuse them on the way. fixed_size : True where a person
    has chosen the batch size. most : copies at once that the memory holds.
    """

    def __init__(
        self,
        history: StrategyHistory,
        work: Any,
        usual_size: Callable[[str], int],
        may_use_rectangles: Callable[[], bool],
        *,
        fixed_size: bool,
        most: int,
    ) -> None:
        self._history = history
        self._work = work
        self._usual_size = usual_size
        self._may_use_rectangles = may_use_rectangles
        self._fixed_size = fixed_size
        self.most = most
        self._trials: list[Strategy] = []
        self._seconds: dict[Strategy, list[float]] = {}

    def plan_trials(self, count: int) -> None:
        """Try the strategies out in turns where ``count`` copies are enough work; nothing is computed that is not needed."""
        if count < MANY or self._fixed_size or self._work in self._history.fastest:
            return
        kinds = (RECTANGLES, WHOLE) if self._may_use_rectangles() else (WHOLE,)
        strategies = [Strategy(kind, size) for kind in kinds for size in SIZES[kind] if size <= self.most]
        self._trials = strategies * ROUNDS if len(strategies) > 1 else []

    @property
    def is_trying(self) -> bool:
        """True while strategies are tried out."""
        return bool(self._trials)

    def next(self) -> Strategy:
        """The strategy on trial, else what was fastest, else the fixed rule."""
        if self._history.refused:
            self._trials = [strategy for strategy in self._trials if strategy.kind != RECTANGLES]
        if self._trials:
            return self._trials[0]
        usual = self._usual()
        fastest = usual if self._fixed_size else self._history.fastest.get(self._work, usual)
        kind = usual.kind if fastest.kind == RECTANGLES else fastest.kind
        return Strategy(kind, min(fastest.size, self.most))

    def record(self, strategy: Strategy, count: int, seconds_each: float) -> None:
        """A block of ``count`` copies took ``seconds_each`` for each; the last trial decides."""
        if not self._trials or count != strategy.size:
            return
        self._seconds.setdefault(strategy, []).append(seconds_each)
        self._trials = self._trials[1:]
        if not self._trials:
            usual = self._usual()
            self._history.fastest[self._work] = min(
                self._seconds, key=lambda tried: min(self._seconds[tried]) * (BETTER if tried == usual else 1)
            )

    def out_of_memory(self, count: int) -> None:
        """``count`` copies at once were too many: half of them from now on, and no more trials."""
        self.most = count // 2
        self._trials = []

    def _usual(self) -> Strategy:
        kind = RECTANGLES if self._may_use_rectangles() else WHOLE
        return Strategy(kind, min(self.most, self._usual_size(kind)))
