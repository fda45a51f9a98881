"""Whether hiding parts of the photo confirms a map that shows a layer."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.errors import BudgetError
from seewhy.explanation import Explanation
from seewhy.geometry import Array, peak
from seewhy.head import Head
from seewhy.methods.auto import Choice
from seewhy.methods.occlusion import Occlusion
from seewhy.records import Ending, Note

COARSE = 3  # rows or columns: the cells of such a grid are larger than most of what a network sees
# The check: masks of a quarter of each side, at every eighth. What they take of the log-odds that counts, and the part of the
# most that hiding the map's own strongest place must take (measured: bench/layouts.py).
MASKS, PLACES = 4, 8
COUNTS = 0.1
FILLS = 3  # behind which the whole photo is hidden before a class is said to need nothing of it: its mean colour, black, white
OF_MOST = 0.9


@dataclass(frozen=True, eq=False)
class Hiding:
    """What hiding parts of a photo says of a map that shows a layer.

    at_peak : what hiding the map's strongest place takes of each target's log-odds ``(K,)``; 0 where the map is the same
    everywhere. most : what hiding any place takes at most ``(K,)``. whole : where no place takes anything, what hiding the whole
    photo takes ``(fills, K)``, negative where that raises the log-odds: behind its mean colour, and where it leaves them, behind
    black and white, too.
    """

    at_peak: Array
    most: Array
    whole: Array = field(default_factory=lambda: np.zeros((0, 1), np.float32))

    @classmethod
    def of(cls, explanation: Explanation, hidden: Explanation) -> Hiding:
        """explanation : the map's. hidden : of occlusion with :meth:`settings`, of the same photo and targets."""
        costs = hidden.on_photo(upsample="nearest")
        at_peak = []
        for map_, cost in zip(explanation.on_photo(), costs, strict=True):
            is_flat = np.nanmin(map_) == np.nanmax(map_)
            at_peak.append(0.0 if is_flat else float(np.nan_to_num(cost[peak(map_)])))
        return cls(np.array(at_peak), np.nanmax(costs, axis=(1, 2)))

    @staticmethod
    def settings(height: int, width: int) -> dict[str, Any]:
        """Of the occlusion that checks, for a network's input of that size."""
        return {
            "mask_size": (-(-height // MASKS), -(-width // MASKS)),
            "stride": (-(-height // PLACES), -(-width // PLACES)),
            "score": "log_odds",
        }

    @staticmethod
    def settings_of_all(height: int, width: int, fill: str | float) -> dict[str, Any]:
        """Of an occlusion by one mask over everything."""
        return {"mask_size": (height, width), "stride": (height, width), "clip": False, "score": "log_odds", "fill": fill}

    @property
    def decides_nothing(self) -> bool:
        """True where, for some target, no place that was hidden takes anything that counts."""
        return bool((self.most < COUNTS).any())

    @property
    def disagrees(self) -> bool:
        """True where, for some target, hiding another place takes much, and hiding the map's strongest far less."""
        return bool(self._off.any())

    @property
    def _off(self) -> npt.NDArray[np.bool_]:
        off: npt.NDArray[np.bool_] = (self.most >= COUNTS) & (self.at_peak < OF_MOST * self.most)
        return off

    @property
    def is_unaffected(self) -> npt.NDArray[np.bool_]:
        """True for a class whose log-odds nothing has moved so far that was hidden."""
        unaffected: npt.NDArray[np.bool_] = (self.most < COUNTS) & (np.abs(self.whole) < COUNTS).all(axis=0)
        return unaffected

    @property
    def no_evidence(self) -> npt.NDArray[np.bool_]:
        """True for a class that keeps its log-odds even when all of the photo is hidden, behind whichever fill.

        A network that reads the mean colour keeps them behind that colour alone.
        """
        return self.is_unaffected if len(self.whole) == FILLS else np.zeros(len(self.most), bool)

    @property
    def numbers(self) -> dict[str, npt.NDArray[Any]]:
        """For an explanation's details."""
        return {"hidden_at_peak": self.at_peak, "hidden_most": self.most, "no_evidence": self.no_evidence}

    def notes(self) -> list[Note]:
        """Whether the map was confirmed, for each target."""
        return [Note(self._text(target), target) for target in range(len(self.most))]

    def _text(self, target: int) -> str:
        (at_peak, most) = (max(self.at_peak[target], 0), max(self.most[target], 0))
        if most >= COUNTS:
            return (
                f"checked by hiding: without its strongest place the log-odds fall by {at_peak:.1f}, without any other by at "
                f"most {most:.1f}"
            )
        if self.no_evidence[target]:
            return "this class needs nothing of the photo: hiding all of it leaves its log-odds, so this map shows no evidence"
        any_place = f"hiding any lowers the log-odds by at most {most:.2f}"
        whole = self.whole[:, target] if len(self.whole) else np.zeros(1)
        if whole[0] <= -COUNTS:
            return (
                f"no place speaks for this class: {any_place}, hiding all of the photo raises them by {-whole[0]:.2f}, so the "
                "map is not confirmed"
            )
        if np.abs(whole[0]) < COUNTS <= np.abs(whole).max():
            return (
                f"no place decides alone: {any_place}. The photo's mean colour alone leaves them, black or white moves them by "
                f"{np.abs(whole).max():.1f}: what counts is no place of the photo, so the map is not confirmed"
            )
        return f"no place decides alone: {any_place}, so the map is not confirmed"

    def reasons(self, method: str) -> list[Note]:
        """Why occlusion is shown, and not this method; the target is the one whose map was furthest off."""
        furthest = int(np.argmax(np.where(self._off, self.most - self.at_peak, -np.inf)))
        is_beside = self.at_peak[furthest] < COUNTS
        reason = f"{method} pointed beside what counts" if is_beside else f"{method}'s strongest place counts less than another"
        return [
            Choice(Occlusion.name, reason).note,
            Note(
                f"hiding the strongest place of {method} lowers the log-odds by {max(self.at_peak[furthest], 0):.1f}, hiding "
                f"that of this map by {self.most[furthest]:.1f}",
                furthest,
            ),
        ]


def is_coarse(explanation: Explanation) -> bool:
    """Of a map whose cells are too large to point."""
    return bool(min(explanation.maps.shape[-2:]) <= COARSE)


def held_against_hiding(explanation: Explanation, head: Head, hide: Callable[..., Explanation], bytes_range: bool) -> Explanation:
    """The explanation, if hiding its strongest place costs about as much as hiding any other; else that of occlusion.

    hide : occlusion of a photo for targets, with what was spent before and its settings. Functions of the output and
    values of their own have no probability that could fall: their map stays as it is, as does one whose check did not come to
    its end. bytes_range : the photo's pixels are 0 to 255; else in a tensor's own units.
    """
    targets = [target.index for target in explanation.targets]
    if None in targets or head.kind == "none":
        unchecked = Note("not checked by hiding: what is explained has no probability that could fall")
        return replace(explanation, notes=[*explanation.notes, unchecked])
    (height, width) = explanation.photo.pixels.shape[-2:]
    try:
        hidden = hide(explanation.photo, targets, explanation.cost, **Hiding.settings(height, width))
    except BudgetError:
        unchecked = Note("not checked by hiding: the budget leaves nothing for it")
        return replace(explanation, notes=[*explanation.notes, unchecked])
    cost = explanation.cost + hidden.cost
    ending = Ending(hidden.details["stopped"])
    if ending != Ending.COMPLETE:
        unchecked = Note(f"not checked by hiding: {ending.text} after {hidden.cost.forward:.0f} passes")
        return replace(explanation, cost=cost, notes=[*explanation.notes, unchecked])
    hiding = Hiding.of(explanation, hidden)
    if hiding.decides_nothing:  # is there anything that could be hidden?
        whole: list[Array] = []
        with suppress(BudgetError):
            for fill in ("mean", *_black_and_white(explanation.photo.pixels, bytes_range)):
                everything_hidden = hide(explanation.photo, targets, cost, **Hiding.settings_of_all(height, width, fill))
                cost += everything_hidden.cost
                whole.append(everything_hidden.maps[:, 0, 0])
                hiding = replace(hiding, whole=np.stack(whole))
                if not hiding.is_unaffected.any():
                    break
    answer = hidden if hiding.disagrees else explanation
    checked = hiding.reasons(explanation.method) if hiding.disagrees else hiding.notes()
    return replace(answer, cost=cost, notes=[*answer.notes, *checked], details={**answer.details, **hiding.numbers})


def _black_and_white(pixels: Array, bytes_range: bool) -> tuple[float, float]:
    """The ends of the range of pixels; of a tensor in its own units the photo's own, and those of 0 to 1 at least."""
    return (0.0, 255.0) if bytes_range else (min(0.0, float(pixels.min())), max(1.0, float(pixels.max())))
