"""Cues that their owner declares legitimate: a logo that is the class, a ruler that belongs to the photos."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from seewhy.audit.boxes import overlap
from seewhy.audit.candidates import Candidate
from seewhy.audit.kinds import BORDER, MOVING, RING
from seewhy.classifier import Classifier
from seewhy.edits import Box
from seewhy.errors import OptionError, setting
from seewhy.properties import PROPERTIES

BY_NAME = (MOVING, BORDER, RING, *PROPERTIES)  # cues without a place
_CUE = re.compile(r"(?P<class_name>.+?)@(?P<where>[\d.,]+|[a-z ]+)(=(?P<reason>.*))?", re.DOTALL)
SAME_PLACE = 0.5  # what two boxes must have in common, of what they cover together


@dataclass(frozen=True)
class Acceptance:
    """class_index : of the class whose cue it is. box : where it lies; None for a cue that ``name`` names. reason : who, and why,
    as the owner wrote it. date : when that was recorded, YYYY-MM-DD."""

    class_index: int
    box: Box | None
    name: str
    reason: str
    date: str


def cue_id(class_name: str, candidate: Candidate) -> str:
    """How the owner names a cue: "bear@0.84,0.02,0.98,0.20" (its place), "bear@brightness"."""
    box = candidate.box
    return f"{class_name}@{candidate.why if box is None else ','.join(f'{side:.2f}' for side in box)}"


def acceptances_of(
    accept: Sequence[str], clf: Classifier, dates: Mapping[tuple[str, str], str] | None = None
) -> list[Acceptance]:
    """``CUE`` or ``CUE=reason``, see :func:`cue_id`. dates : of declarations that were recorded before, by cue and reason.

    Raises OptionError, TargetError: no such class."""
    return [_acceptance(one, clf, dates or {}) for one in ([accept] if isinstance(accept, str) else accept)]


def _acceptance(text: str, clf: Classifier, dates: Mapping[tuple[str, str], str]) -> Acceptance:
    parts = _CUE.fullmatch(str(text))
    box = None if parts is None else _box(parts["where"])
    if parts is None or (box is None and parts["where"] not in BY_NAME):
        raise OptionError(
            f"{setting('accept', text)}: write the class and the cue as the audit names it: bear@0.84,0.02,0.98,0.20, a place, "
            f"or bear@NAME with {', '.join(BY_NAME)}; and behind = who says so, and why."
        )
    index = clf.class_names().index(parts["class_name"])
    name = "" if box is not None else parts["where"]
    reason = (parts["reason"] or "").strip()
    date = dates.get((str(text).partition("=")[0], reason)) or datetime.date.today().isoformat()
    return Acceptance(index, box, name, reason, date)


def _box(text: str) -> Box | None:
    try:
        (top, left, bottom, right) = map(float, text.split(","))
    except ValueError:
        return None
    return (top, left, bottom, right) if 0 <= top < bottom <= 1 and 0 <= left < right <= 1 else None


def accepted(acceptances: Sequence[Acceptance], candidate: Candidate) -> Acceptance | None:
    """The declaration that stands for a candidate; None where there is none."""
    for one in acceptances:
        if one.class_index != candidate.class_index:
            continue
        if candidate.box is None and one.name == candidate.why:
            return one
        if candidate.box is not None and one.box is not None and overlap(one.box, candidate.box) >= SAME_PLACE:
            return one
    return None
