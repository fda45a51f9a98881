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
from seewhy.evaluate.masked import MaskedPhoto, RankedCopies, ranks_of, subject_of
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
LEAST = 0.01  # of a probability: a smaller difference is none that counts
# Blurred squares stay where they are: of two that count together the true maps passed in 72 %, with their mean in all.
FILL = "mean"
ROUNDING = 1e-5  # of log-odds, and of each unit of them (of a value): one photo in a batch of its own differs by so much


@dataclass(frozen=True)
class MapCheck:
    """Of one map. target : the class. p : the share of the 25 places at which the map does as well as at its own; at least 1/25.

    base, hidden, shown : the class's score for the photo, without the strongest ``share`` of its pixels, and with nothing else
    (probabilities; compared with another class, its share of the two; with head "none" the values). hidden_elsewhere,
    shown_elsewhere : the same for the copies, their median. share : 0.3, or what is above the map's lowest value where that is
    less. matters : hiding that share lowers the score, or showing nothing else keeps it. centre : a blob in the middle of the
    photo does as well. empty : the map is zero or the same everywhere. unmoved : hiding parts of this photo changes nothing
    anywhere. Of these two neither can be checked. compared, head : with another class, and how scores are read.
    """

    target: str
    p: float
    base: float
    hidden: float
    shown: float
    hidden_elsewhere: float
    shown_elsewhere: float
    share: float = TOLD
    matters: bool = True
    centre: bool = False
    empty: bool = False
    unmoved: bool = False
    compared: bool = False
    head: str = "softmax"

    @property
    def passed(self) -> bool:
        """No copy does as well, and the map matters."""
        return self.testable and self.matters and self.p <= SURE

    @property
    def testable(self) -> bool:
        """The map is not the same everywhere, and hiding parts of the photo changes something."""
        return not (self.empty or self.unmoved)

    @property
    def needed(self) -> bool:
        """Without the share the score falls, a probability by 0.01 or more."""
        return self.base > self.hidden if self.head == "none" else self.base - self.hidden >= LEAST

    @property
    def enough(self) -> bool:
        """With nothing else at least half of the score is left, and more than with as much shown elsewhere."""
        least = 0.0 if self.head == "none" else LEAST
        return self.shown >= min(self.base / 2, self.base) and self.shown - self.shown_elsewhere >= least

    @property
    def sentence(self) -> str:
        """The result, for people."""
        if self.empty:
            return f"There is nothing to check: the map of '{self.target}' is the same everywhere."
        if self.unmoved:
            return (
                f"There is nothing to check: hiding parts of this photo, wherever they lie, changes nothing for '{self.target}'."
            )
        subject = subject_of(self.target, self.compared, self.head)
        part = f"without its strongest {format_share(TOLD)}"
        if self.share < TOLD:
            part = f"without the {format_share(self.share)} of the photo that it marks"
        scores = (
            f"{part} {subject} {format_move(self.base, self.hidden)} (elsewhere: {format_score(self.hidden_elsewhere)}), with "
            f"nothing else it is at {format_score(self.shown)} (elsewhere: {format_score(self.shown_elsewhere)})"
        )
        count = MAPS - 1
        if self.passed:
            results = {
                (True, True): "The map holds",
                (True, False): "The map lies better than anywhere else, but is not enough alone",
                (False, True): "The map is enough alone, but not needed",
                (False, False): "The map lies better than anywhere else, but hardly anything depends on it",
            }
            centre = ", but a blob in the middle of the photo does" if self.centre else ""
            result = results[self.needed, self.enough]
            return f"{result}: {scores}. None of {count} copies of it laid elsewhere does as well{centre}."
        if self.p <= SURE:
            return f"The map does not hold: {scores}."
        better = round(self.p * MAPS) - 1
        tell = "tells" if better == 1 else "tell"
        return (
            f"The map does not hold: {better} of {count} copies of it laid elsewhere {tell} as much about '{self.target}' as the "
            f"map itself; {scores}."
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
        worst = max(self.maps, key=lambda check: (not check.testable, not check.passed, check.p))
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
    """Does the map hold? A test of seconds: 156 forward passes for each map, 208 where it marks less than 30 % of the photo.

    explanation : of this classifier; also a map of your own, ``Explanation.from_map``.

    The test: ``t = mean over shares s of [log-odds(only the strongest s shown) - log-odds(the strongest s hidden)]``, for the map
    and for 24 copies of it laid elsewhere, by fifths of each side; ``p`` is the share of these 25 with t at least the map's.
    Hidden pixels show the photo's mean colour. A map passes where no copy does as well, and hiding the strongest 30 % (or what is
    above its lowest value, where that is less) lowers the score or showing nothing else keeps it. A map whose place was drawn at
    random is the best once in 25 times. Of a map that passes the sentence says "the map holds" where without these pixels the
    score falls, by 0.01 or more, and with nothing else at least half of it is left, 0.01 more than elsewhere; else it says which
    of the two is missing.

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
    (compared, head) = (target.against is not None, masked.head_kind)
    if is_flat(map):
        return MapCheck(target.text, 1.0, base, base, base, base, base, empty=True, compared=compared, head=head)
    maps = [map, *laid_elsewhere(map), centre_map(masked.size)]
    ranks = np.stack([ranks_of(values, seed) for values in maps])
    share = min(TOLD, float((map > map.min()).mean()))
    shares = SHARES if share == TOLD else (*SHARES, share)
    counts = np.maximum(1, np.round(np.array(shares) * map.size)).astype(np.int64)
    (which, count, shown) = (axis.ravel() for axis in np.meshgrid(np.arange(len(maps)), counts, [False, True], indexing="ij"))
    copies = RankedCopies(ranks, which, count, shown)
    log_odds = masked.values(copies, which.size, target, "log_odds").reshape(len(maps), len(shares), 2).astype(np.float64)
    evidence = (log_odds[:, : len(SHARES), 1] - log_odds[:, : len(SHARES), 0]).mean(axis=1)
    told = log_odds[:MAPS, shares.index(share)]
    whole = masked.untouched(target, "log_odds")
    unmoved = np.allclose(log_odds, whole, rtol=ROUNDING, atol=0 if head == "none" else ROUNDING)
    (hidden, shown_) = masked.as_probability(told).T
    return MapCheck(
        target=target.text,
        p=1.0 if unmoved else float((evidence[:MAPS] >= evidence[0]).mean()),
        base=base,
        hidden=float(hidden[0]),
        shown=float(shown_[0]),
        hidden_elsewhere=float(np.median(hidden[1:])),
        shown_elsewhere=float(np.median(shown_[1:])),
        share=share,
        matters=bool(told[0, 0] < whole or told[0, 1] >= whole),
        centre=bool(evidence[MAPS] >= evidence[0]),
        unmoved=unmoved,
        compared=compared,
        head=head,
    )
