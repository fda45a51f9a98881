"""Diagnoses: of maps that show nothing, and which note belongs to which map."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from seewhy.errors import setting
from seewhy.explanation.record import ExplanationRecord
from seewhy.formatting import format_score
from seewhy.geometry import Array
from seewhy.records import Note, Target

LEAST = 1e-6  # of a score: a map that stays below is called flat, and drawn without colour
_SURE = 1e-3  # p (1 - p), how much of a logit's movement reaches the probability
LOG_ODDS = f"{setting('score', 'log_odds')} does not vanish where the network is sure"


def is_saturated(target: Target, unit: str) -> bool:
    """True where a probability is explained that hardly moves, because the network is sure. unit : of what is explained.

    A difference of two moves as long as one of them does.
    """
    return unit == "probability" and target.index is not None and all(p * (1 - p) < _SURE for p in target.scores)


def value_in_words(target: Target, unit: str) -> str:
    """What is explained, with its scores: "logit of 'cow' (0.90)", "logit of 'cow' (0.90) minus that of 'bear' (0.08)"."""
    value = f"{unit} of '{target.name}' ({format_score(target.score)})"
    against = target.against
    return value if against is None else f"{value} minus that of '{against.name}' ({format_score(against.score)})"


@dataclass(frozen=True)
class Ranking:
    """Among what a target has its rank: how many classes there are, and the name of the first one."""

    classes: int
    first: str


def empty_notes(
    maps: Array,
    targets: Sequence[Target],
    layer: str | None,
    cure: str = "",
    unit: str = "",
    ranking: Ranking | None = None,
) -> list[Note]:
    """The diagnosis of every map ``(K, h, w)`` that shows nothing, or nothing that differs.

    layer : where they were computed. cure : what to do about an empty map. unit : of the score that is explained. ranking : of
    the photo's classes, where there are any.
    """
    notes = []
    where = f"at '{layer}' " if layer else ""
    for number, (map, target) in enumerate(zip(maps, targets, strict=True)):
        rank = "" if target.rank is None else f", rank {target.rank}" + (f" of {ranking.classes}" if ranking else "")
        score = f"'{target.text}' (score {target.scores_text}{rank})"
        if not map.any():
            top = f"; the top class is '{ranking.first}'" if ranking and target.rank not in (None, 1) else ""
            notes.append(Note(f"The map is empty: {where}nothing speaks for {score}{top}", number))
            if cure_of_map := LOG_ODDS if is_saturated(target, unit) else cure:
                notes.append(Note(cure_of_map, number))
        elif map.size > 1 and float(np.ptp(map)) <= 1e-6 * float(np.abs(map).max()):
            notes.append(Note(f"The map is flat: {where}every place counts the same for {score}", number))
    return notes


def notes_by_map(explanation: ExplanationRecord) -> tuple[list[list[str]], list[str]]:
    """The notes under each map, and those for the photo; each note once.

    A note goes to the map whose number it carries (``Note.target``); without a number it speaks of the photo or the call, and
    where there is only one map it stands under that one.
    """
    of_photo: list[str] = [Note(note) for note in explanation.photo.notes]
    notes: list[str] = [note for note in explanation.notes if note not in of_photo]
    if len(explanation.maps) == 1 or not explanation.by_class:  # one panel
        return [notes], of_photo
    numbers = [getattr(note, "target", None) for note in notes]
    own = [[note for note, number in zip(notes, numbers, strict=True) if number == k] for k in range(len(explanation.maps))]
    return own, [*of_photo, *(note for note, number in zip(notes, numbers, strict=True) if number is None)]
