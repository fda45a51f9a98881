"""What may be said of a class: five sentences, and no other."""

from __future__ import annotations

from seewhy.audit.judge import LEAST_EFFECT, LEAST_POWER, LOCAL, NONE, SHORTCUT, SURROUNDINGS, Judgement, TrialOutcome
from seewhy.edits import Box
from seewhy.formatting import format_share

_THIRD = 1 / 3


def sentence(judgement: Judgement, outcome: TrialOutcome | None, box: Box | None) -> str:
    """outcome, box : of the candidate that decides; None where none was tried."""
    count = len(judgement.tried)
    if judgement.kind == NONE:
        candidates = "the one candidate" if count == 1 else f"none of the {count} candidates"
        turned = "did not turn" if count == 1 else "turned"
        return (
            f"{candidates} tried {turned} more than {format_share(judgement.limit)} of other photos beyond what matched controls "
            "turn (simultaneous upper limit); others may exist"
        )
    if outcome is None or box is None or judgement.kind not in (SHORTCUT, SURROUNDINGS, LOCAL):
        if not judgement.available:
            return "undecided: too few photos; none of this class is left to try anything with"
        needed = "" if judgement.needed is None else f", {judgement.needed} would do (twice as many photos of the class)"
        few = "photos" if judgement.donors >= judgement.available else "passes for the photos at hand"
        return (
            f"undecided: too few {few}; a cue that turns {format_share(LEAST_EFFECT)} of other photos must be found with a "
            f"probability of {format_share(LEAST_POWER)}, and it was taken from {judgement.donors} photos{needed}"
        )
    (low, high) = judgement.interval
    effect = (
        f"{format_share(outcome.turned / outcome.tried)} of other photos, a matched control {format_share(outcome.control)}: an "
        f"effect of {format_share(outcome.effect)} [{format_share(max(low, -1.0))}, {format_share(high)}]"
    )
    if judgement.kind == SHORTCUT:
        return (
            f"shortcut, overlay-like: the same pixels {place_in_words(box)} in {format_share(outcome.share)} of the class's "
            f"rightly answered photos; alone they turn {effect}"
        )
    if judgement.kind == SURROUNDINGS:
        return f"leans on its surroundings; you judge whether that is right: they turn {effect}"
    return f"local reliance, not judged: what lies {place_in_words(box)} turns {effect}; it may be the object"


def place_in_words(box: Box) -> str:
    """ "in the lower left corner (rows 83-98 %, columns 1-21 %)" """
    (top, left, bottom, right) = box
    (row, column) = ((top + bottom) / 2, (left + right) / 2)
    (above, below) = (row < _THIRD, row > 1 - _THIRD)
    (before, behind) = (column < _THIRD, column > 1 - _THIRD)
    height = "upper" if above else "lower" if below else ""
    side = "left" if before else "right" if behind else ""
    if height and side:
        where = f"in the {height} {side} corner"
    elif height or side:
        where = f"at the {height or side} edge".replace("upper edge", "top").replace("lower edge", "bottom")
    else:
        where = "in the middle"
    (rows, columns) = ((round(100 * top), round(100 * bottom)), (round(100 * left), round(100 * right)))
    return f"{where} (rows {rows[0]}-{rows[1]} %, columns {columns[0]}-{columns[1]} %)"
