"""Does the map hold? One test that takes seconds, and one plain sentence.

The strongest parts of the map are hidden, and shown alone; the same is done with copies of the map that are laid elsewhere on
the photo. If its place does not matter, the map is one of them like any other, and is the best of them by luck alone. Copies have
the map's own shapes and values, so neither coarse nor speckled maps gain by it.
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
from seewhy.evaluate.references import SHIFTS, centre_map, laid_elsewhere
from seewhy.explanation import Explanation
from seewhy.formatting import format_move, format_score, format_share
from seewhy.geometry import Array
from seewhy.records import Note, Target
from seewhy.show.colour import is_flat

# Of the pixels that are hidden, and shown: small ones for sharp maps, large ones for coarse maps. With 30 and 50 % alone 95 of
# 100 true maps of small squares pass, with these all; Grad-CAM of the real SqueezeNet on 36 of the 42 photos on which they were
# chosen (python -m bench.checking tells of the other 40).
SHARES = (0.1, 0.3, 0.5)
MAPS = SHIFTS[0] * SHIFTS[1]  # the map and its copies
SURE = 1 / MAPS  # passed: none of the copies does as well as the map
TOLD = 0.3  # the share of the pixels whose effect the sentence names; one of SHARES
# Blurred squares stay where they are: of two that count together the true maps passed in 72 %, with their mean in all.
FILL = "mean"


@dataclass(frozen=True)
class MapCheck:
    """Of one map. target : the class. p : the share of the 25 places at which the map does as well as at its own; at least 1/25.

    base, hidden, shown : the class's score for the photo, without the strongest 30 %, and with nothing else (probabilities; with
    head "none" the values). hidden_elsewhere, shown_elsewhere : the same for the copies, their median. matters : hiding the
    strongest 30 % lowers the score, or showing nothing else keeps it. centre : a blob in the middle of the photo does as well.
    empty : the map is zero or the same everywhere, so that there is nothing to check.
    """

    target: str
    p: float
    base: float
    hidden: float
    shown: float
    hidden_elsewhere: float
    shown_elsewhere: float
    matters: bool = True
    centre: bool = False
    empty: bool = False

    @property
    def passed(self) -> bool:
        return not self.empty and self.matters and self.p <= SURE

    @property
    def sentence(self) -> str:
        """The result, for people."""
        if self.empty:
            return f"There is nothing to check: the map of '{self.target}' is the same everywhere."
        (part, count) = (format_share(TOLD), MAPS - 1)
        moved = f"without its strongest {part} '{self.target}' {format_move(self.base, self.hidden)}"
        if self.passed:
            centre = ", but a blob in the middle of the photo does" if self.centre else ""
            return (
                f"The map holds: {moved} (elsewhere: {format_score(self.hidden_elsewhere)}), with nothing else it reaches "
                f"{format_score(self.shown)} (elsewhere: {format_score(self.shown_elsewhere)}). None of {count} copies of it "
                f"laid elsewhere does as well{centre}."
            )
        if self.p <= SURE:
            return f"The map does not hold: {moved}, and with nothing else it only reaches {format_score(self.shown)}."
        better = round(self.p * MAPS) - 1
        return (
            f"The map does not hold: {better} of {count} copies of it laid elsewhere tell as much about '{self.target}' "
            "as the map itself."
        )


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
    """Does the map hold? A test of seconds: 156 forward passes for each map.

    explanation : of this classifier; also a map of your own, ``Explanation.from_map``.

    The test: ``t = mean over shares s of [log-odds(only the strongest s shown) - log-odds(the strongest s hidden)]``, for the map
    and for 24 copies of it laid elsewhere, by fifths of each side; ``p`` is the share of these 25 with t at least the map's.
    Hidden pixels show the photo's mean colour. A map passes where no copy does as well, and hiding the strongest 30 % lowers the
    score or showing nothing else keeps it. A map whose place was drawn at random is the best once in 25 times.

    It says that the marked places carry the class, not that they are all that do, nor that they are the right ones: a map of a
    network that reads a watermark passes where it marks the watermark. And whoever knows that objects stand in the middle
    knows something: a blob there passes often, and where it does as well as the map, the sentence says so.

    Raises OptionError: an explanation of another network or preparation; TargetError: the map of a function.
    """
    seed = whole_number("seed", seed, 0)
    photo = checked_maps(clf, explanation)
    total = len(explanation.maps)
    results = []
    with memory.kept(), random_state(seed), runner.Progress(progress, total, "Check") as bar:
        masked = MaskedPhoto(clf, photo, FILL, seed, batch_size)
        for map, target in zip(explanation.on_input(), explanation.targets, strict=True):
            results.append(_of_map(masked, map, target, seed))
            bar.advance(1)
    return Check(tuple(results), masked.passes)


def _of_map(masked: MaskedPhoto, map: Array, target: Target, seed: int) -> MapCheck:
    base = masked.untouched(target)
    if is_flat(map):
        return MapCheck(target.text, 1.0, base, base, base, base, base, empty=True)
    maps = [map, *laid_elsewhere(map), centre_map(masked.size)]
    ranks = np.stack([ranks_of(values, seed) for values in maps])
    counts = np.maximum(1, np.round(np.array(SHARES) * map.size)).astype(np.int64)
    (which, count, shown) = (axis.ravel() for axis in np.meshgrid(np.arange(len(maps)), counts, [False, True], indexing="ij"))
    copies = RankedCopies(ranks, which, count, shown)
    log_odds = masked.values(copies, which.size, target, "log_odds").reshape(len(maps), len(SHARES), 2).astype(np.float64)
    evidence = (log_odds[:, :, 1] - log_odds[:, :, 0]).mean(axis=1)
    told = log_odds[:MAPS, SHARES.index(TOLD)]
    whole = masked.untouched(target, "log_odds")
    (hidden, shown_) = masked.as_probability(told).T
    return MapCheck(
        target=target.text,
        p=float((evidence[:MAPS] >= evidence[0]).mean()),
        base=base,
        hidden=float(hidden[0]),
        shown=float(shown_[0]),
        hidden_elsewhere=float(np.median(hidden[1:])),
        shown_elsewhere=float(np.median(shown_[1:])),
        matters=bool(told[0, 0] < whole or told[0, 1] >= whole),
        centre=bool(evidence[MAPS] >= evidence[0]),
    )
