"""Does the map hold? One test that takes seconds, and one plain sentence.

The strongest parts of the map are hidden, and shown alone; the same is done with copies of the map that are laid elsewhere on
the photo. If place does not matter, the map is one of them like any other: the share of the copies that do as well is the
chance to see this by luck. Copies have the map's own shapes and values, so neither coarse nor speckled maps gain by it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from seewhy.classifier import Classifier
from seewhy.engine import memory, runner
from seewhy.engine.state import random_state
from seewhy.errors import whole_number
from seewhy.evaluate.belonging import checked_maps
from seewhy.evaluate.masked import MaskedPhoto, RankedCopies, ranks_of
from seewhy.evaluate.references import laid_elsewhere
from seewhy.explanation import Explanation
from seewhy.formatting import format_score, format_share
from seewhy.geometry import Array
from seewhy.records import Note
from seewhy.show.colour import is_flat

# Of the pixels that are hidden, and shown. With SqueezeNet these two let as many true maps pass as five shares from 5
# to 50 % do (19 of 20), and no map of noise.
SHARES = (0.1, 0.3)
COPIES = 39  # laid elsewhere
SURE = 0.025  # passed: none of the copies does as well as the map
TOLD = 0.3  # the share of the pixels whose effect the sentence names; one of SHARES
# Blurred squares stay where they are: of two that count together the true maps passed in 72 %, with their mean in all.
FILL = "mean"


@dataclass(frozen=True)
class MapCheck:
    """Of one map. target : the class. p : the chance that a map like this, laid anywhere, does as well; at least 1/40.

    base, hidden, shown : the class's score for the photo, without the strongest 30 %, and with nothing else (probabilities; with
    head "none" the values). hidden_elsewhere, shown_elsewhere : the same for the copies, their median. empty : True where the map
    is zero or the same everywhere, so that there is nothing to check.
    """

    target: str
    p: float
    base: float
    hidden: float
    shown: float
    hidden_elsewhere: float
    shown_elsewhere: float
    empty: bool = False

    @property
    def passed(self) -> bool:
        return not self.empty and self.p <= SURE

    @property
    def sentence(self) -> str:
        """The result, for people."""
        if self.empty:
            return f"There is nothing to check: the map of '{self.target}' is the same everywhere."
        (part, copies) = (format_share(TOLD), f"{COPIES} copies of the map laid elsewhere")
        if self.passed:
            return (
                f"The map holds: without its strongest {part} '{self.target}' falls from {format_score(self.base)} to "
                f"{format_score(self.hidden)} (elsewhere: {format_score(self.hidden_elsewhere)}), with nothing else it reaches "
                f"{format_score(self.shown)} (elsewhere: {format_score(self.shown_elsewhere)}); none of {copies} does as well."
            )
        better = round(self.p * (COPIES + 1)) - 1
        return f"The map does not hold: {better} of {copies} tell as much about '{self.target}' as the map itself."


@dataclass(frozen=True)
class Check:
    """Whether the maps of an explanation hold. maps : one result for each. passed : all of them do. cost : photos through the
    network."""

    maps: tuple[MapCheck, ...]
    cost: int

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.maps)

    @property
    def sentence(self) -> str:
        """One plain sentence for each map."""
        return " ".join(check.sentence for check in self.maps)

    @property
    def values(self) -> dict[str, float]:
        """The numbers behind the sentence, of the map that holds least."""
        worst = max(self.maps, key=lambda check: (check.empty, check.p))
        names = ("p", "base", "hidden", "shown", "hidden_elsewhere", "shown_elsewhere")
        return {name: float(getattr(worst, name)) for name in names}

    def noted(self, explanation: Explanation) -> Explanation:
        """The explanation with the sentences among its notes and the numbers in its details."""
        notes = [Note(check.sentence.rstrip("."), number) for number, check in enumerate(self.maps)]
        details = {"check": [vars(check) | {"passed": check.passed} for check in self.maps]}
        return replace(explanation, notes=[*explanation.notes, *notes], details=explanation.details | details)

    def __repr__(self) -> str:
        return f"<Check {'passed' if self.passed else 'not passed'}: {self.sentence}>"


def check(
    clf: Classifier,
    explanation: Explanation,
    *,
    seed: int = 0,
    batch_size: int | None = None,
    progress: bool | runner.ProgressCallback | None = None,
) -> Check:
    """Does the map hold? A test of seconds: 160 forward passes for each map.

    explanation : of this classifier; also a map of your own, ``Explanation.from_map``.

    The test: ``t = mean over shares s of [log-odds(only the strongest s shown) - log-odds(the strongest s hidden)]``, for the map
    and for 39 copies of it laid elsewhere; ``p = (1 + copies with t at least as large) / 40``. Hidden pixels show
    the photo's mean colour. A map passes where no copy does as well; one that says nothing of the photo passes once in 40 times.
    It says that the marked places carry the class, not that they are all that do, nor that they are the right ones: a map of a
    network that reads a watermark passes where it marks the watermark.

    Raises OptionError: an explanation of another network or preparation; TargetError: the map of a function.
    """
    seed = whole_number("seed", seed, 0)
    photo = checked_maps(clf, explanation)
    total = len(explanation.maps)
    results = []
    with memory.kept(), random_state(seed), runner.Progress(progress, total, "Check") as bar:
        masked = MaskedPhoto(clf, photo, FILL, seed, batch_size)
        for map, target in zip(explanation.on_input(), explanation.targets, strict=True):
            assert target.index is not None
            results.append(_of_map(masked, map, target.index, target.name, seed))
            bar.advance(1)
    return Check(tuple(results), masked.passes)


def _of_map(masked: MaskedPhoto, map: Array, index: int, name: str, seed: int) -> MapCheck:
    base = masked.untouched(index)
    if is_flat(map):
        return MapCheck(name, 1.0, base, base, base, base, base, empty=True)
    maps = [map, *laid_elsewhere(map, COPIES, seed)]
    ranks = np.stack([ranks_of(values, seed) for values in maps])
    counts = np.maximum(1, np.round(np.array(SHARES) * map.size)).astype(np.int64)
    (which, count, shown) = (axis.ravel() for axis in np.meshgrid(np.arange(len(maps)), counts, [False, True], indexing="ij"))
    copies = RankedCopies(ranks, which, count, shown)
    log_odds = masked.values(copies, which.size, index, "log_odds").reshape(len(maps), len(SHARES), 2).astype(np.float64)
    evidence = (log_odds[:, :, 1] - log_odds[:, :, 0]).mean(axis=1)
    p = (1 + int((evidence[1:] >= evidence[0]).sum())) / len(maps)
    told = masked.as_probability(log_odds[:, SHARES.index(TOLD)])
    (hidden, shown_) = (told[:, 0], told[:, 1])
    return MapCheck(name, p, base, float(hidden[0]), float(shown_[0]), float(np.median(hidden[1:])), float(np.median(shown_[1:])))
