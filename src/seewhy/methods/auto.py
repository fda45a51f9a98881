"""Which method a network's own form asks for, so that nobody has to know it, and whether hiding confirms its map."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.classifier import Classifier
from seewhy.engine.network import PlannedNetwork
from seewhy.errors import GradientError, LayerError, MethodError, setting
from seewhy.explanation import Explanation
from seewhy.geometry import Array, peak
from seewhy.methods.base import Method, flattens_grid
from seewhy.methods.grad_cam import GradCam
from seewhy.methods.hires_cam import HiResCam
from seewhy.methods.occlusion import Occlusion
from seewhy.records import Note

AUTO = "auto"
CHOICES: tuple[type[Method], ...] = (GradCam, HiResCam, Occlusion)  # what it chooses from
TAKEN = tuple(method.name for method in CHOICES)
PASSES = 200  # of occlusion for one photo, where a person has set no budget
COARSE = 3  # rows or columns: the cells of such a grid are larger than most of what a network sees
# The check: masks of a quarter of each side, at every eighth. What they take of the log-odds that counts, and the part of the
# most that hiding the map's own strongest place must take (measured: bench/layouts.py).
MASKS, PLACES = 4, 8
COUNTS = 0.1
OF_MOST = 0.9


class ChoiceNote(Note):
    """A note on what "auto" took, and why: the same for all photos, so that who shows many of them says it once."""


@dataclass(frozen=True)
class Choice:
    """A method's name and why, as one clause.

    passes : the budget that it gets where none was set; None for no limit. mixed : what the layer shows may lie at another place
    of the photo, so that the map is held against what hiding takes. ``explain`` takes a choice in place of a method: then it
    checks nothing.
    """

    method: str
    reason: str
    passes: int | None = None
    mixed: bool = False

    @property
    def note(self) -> ChoiceNote:
        """For an explanation's notes."""
        return ChoiceNote(f"{setting('method', AUTO)} took {self.method}: {self.reason}")


def choose(clf: Classifier, planned: PlannedNetwork | None, settings: Collection[str] = (), layer: Any = None) -> Choice:
    """Grad-CAM where the head averages, HiResCAM where it reads each place by itself, occlusion where nothing can be watched.

    planned : None for a function. settings : the names of those that a person has given: only a method that has them all is
    taken, the one of the network's form where none has. layer : the layer that was given.
    Raises OutputError where the network returns no class scores.
    """
    by_form = _by_form(clf, planned, layer)
    fitting = [method.name for method in CHOICES if set(settings) <= set(method.setting_names())]
    if not fitting or by_form.method in [*fitting, Occlusion.name]:  # where only occlusion is possible, no other helps
        return by_form
    given = ", ".join(settings)
    passes = PASSES if fitting[0] == Occlusion.name else None
    return Choice(fitting[0], f"of what it chooses from, the first with the setting{'s' * (len(settings) > 1)} {given}", passes)


def _by_form(clf: Classifier, planned: PlannedNetwork | None, layer: Any) -> Choice:
    form = clf.executor.form
    if form.quantised is not None:
        return Choice(Occlusion.name, f"no gradient passes '{form.quantised}' (quantised to int8)", PASSES)
    if planned is None or not form.is_open:
        return Choice(Occlusion.name, f"this is {form.name}, whose inside cannot be watched", PASSES)
    try:
        step = planned.feature_step if layer is None else planned.find_layer(layer)
    except (GradientError, LayerError, MethodError) as error:
        if layer is not None:
            raise
        return Choice(Occlusion.name, f"no layer can be explained ({error.clause})", PASSES)
    name = planned.trace.name(step)
    mixed = planned.mixes_places(step)
    if not planned.averages(step) or flattens_grid(planned, step):  # dead ReLUs have no gradient that could tell
        return Choice(HiResCam.name, f"the head reads each place of '{name}' by itself", mixed=mixed)
    head = planned.trace.dense_head
    if head is not None and head.features == step.number:
        return Choice(GradCam.name, f"the head averages '{name}'", mixed=mixed)
    return Choice(GradCam.name, f"the scores read all places of '{name}' alike", mixed=mixed)


@dataclass(frozen=True, eq=False)
class Hiding:
    """What hiding parts of a photo says of a map that shows a layer.

    at_peak : what hiding the map's strongest place takes of each target's log-odds ``(K,)``; 0 where the map is the same
    everywhere. most : what hiding any place takes at most ``(K,)``. all : what hiding the whole photo takes ``(K,)``, where no
    place takes anything.
    """

    at_peak: Array
    most: Array
    all: Array | None = None

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
    def settings_of_all(height: int, width: int) -> dict[str, Any]:
        """Of an occlusion by one mask over everything."""
        return {"mask_size": (height, width), "stride": (height, width), "clip": False, "score": "log_odds"}

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
    def numbers(self) -> dict[str, Array]:
        """For an explanation's details."""
        return {"hidden_at_peak": self.at_peak, "hidden_most": self.most}

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
        if self.all is not None and self.all[target] < COUNTS:
            return "this class needs nothing of the photo: hiding all of it leaves its log-odds, so this map shows no evidence"
        return f"no place decides alone: hiding any lowers the log-odds by at most {most:.2f}, so the map is not confirmed"

    def reasons(self, method: str) -> list[Note]:
        """Why occlusion is shown, and not this method; the target is the one whose map was furthest off."""
        furthest = int(np.argmax(np.where(self._off, self.most - self.at_peak, -np.inf)))
        return [
            Choice(Occlusion.name, f"{method} pointed beside what counts").note,
            Note(
                f"hiding the strongest place of {method} lowers the log-odds by {max(self.at_peak[furthest], 0):.1f}, hiding "
                f"that of this map by {self.most[furthest]:.1f}",
                furthest,
            ),
        ]


def choice_notes(notes: Iterable[str]) -> list[ChoiceNote]:
    """Those of the notes that say what "auto" took."""
    return [note for note in notes if isinstance(note, ChoiceNote)]
