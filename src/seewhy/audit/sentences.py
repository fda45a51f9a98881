"""What may be said of a class: five sentences, and no other; and before, what the photos can show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from seewhy.audit.candidates import Candidate
from seewhy.audit.judge import LEAST_DONORS, LEAST_EFFECT, Judgement, TrialOutcome
from seewhy.audit.kinds import LOCAL, NONE, SHORTCUT, SURROUNDINGS
from seewhy.audit.planning import AuditPlan
from seewhy.formatting import format_share

EFFECTS = (0.5, 0.3)  # of which is said beforehand how surely they are found


@dataclass(frozen=True)
class PhotoCounts:
    """How many photos of a class there are, how many of them are used (answered rightly, each scene once), and how many of other
    classes there are to try something on."""

    labelled: int
    right: int
    others: int


def sentence(
    judgement: Judgement,
    outcome: TrialOutcome | None,
    candidate: Candidate | None,
    photos: PhotoCounts,
    budget: int | None = None,
    shared_with: Sequence[str] = (),
) -> str:
    """outcome, candidate : of the candidate that decides; None where none was tried. photos : of the class. budget : the passes
    for a class that would do, where more photos are there. shared_with : names of other classes that carry the cue."""
    if judgement.kind == NONE:
        return _none(judgement)
    if outcome is None or candidate is None or judgement.kind not in (SHORTCUT, SURROUNDINGS, LOCAL):
        return _undecided(judgement, photos, budget)
    (low, high) = judgement.interval
    effect = (
        f"{format_share(outcome.turned / outcome.tried)} of other photos{_into(outcome, shared_with)}, a matched control "
        f"{format_share(outcome.control)}: an "
        f"effect of {format_share(outcome.effect)} [{format_share(max(low, -1.0))}, {format_share(high)}]"
    )
    beside = "" if judgement.calibration is None or not judgement.calibration.words else f"; {judgement.calibration.words}"
    if judgement.kind == SHORTCUT or judgement.uncalibrated:
        kind = "local reliance, overlay score uncalibrated" if judgement.uncalibrated else "shortcut, overlay-like"
        return (
            f"{kind}: {candidate.words} in {format_share(outcome.share)} of the class's rightly answered photos; "
            f"alone they turn {effect}{beside}"
        )
    if judgement.kind == SURROUNDINGS:
        return f"leans on its surroundings; you judge whether that is right: {candidate.words} turns {effect}{beside}"
    return f"local reliance, not judged: {candidate.words} turns {effect}; it may be the object"


def _into(outcome: TrialOutcome, shared_with: Sequence[str]) -> str:
    names = " or ".join(f"'{name}'" for name in shared_with)
    own = "" if outcome.into_own is None else f" by {format_share(outcome.into_own)}"
    return f" (into it{own}, beyond controls, or into {names}, whose photos show it, too)" if names else ""


def power_sentence(plan: AuditPlan) -> str:
    """With which probability a cue would be declared, before anything is tried; over the classes from the least to the most."""
    parts: list[str] = []
    for effect in EFFECTS:
        powers = plan.power(effect).values()
        (least, most) = (format_share(min(powers, default=0.0)), format_share(max(powers, default=0.0)))
        probability = least if least == most else f"{least} to {most}"
        share = format_share(effect)
        parts.append(
            f"one that turns {share} with {probability}"
            if parts
            else f"a cue that is tried and turns {share} of other photos is declared with a probability of {probability}"
        )
    across = ", from class to class" if len(plan.available) > 1 else ""
    return f"With these photos and passes {', '.join(parts)}{across}; less where its controls turn photos, too"


def _none(judgement: Judgement) -> str:
    count = len(judgement.tried)
    candidates = "the one candidate" if count == 1 else f"none of the {count} candidates"
    turned = "did not turn" if count == 1 else "turned"
    return (
        f"{candidates} tried {turned} more than {format_share(judgement.limit)} of other photos beyond what matched controls "
        "turn (simultaneous upper limit); others may exist"
    )


def _undecided(judgement: Judgement, photos: PhotoCounts, budget: int | None) -> str:
    if not photos.right:
        return f"undecided: none of the {photos.labelled} photos of the class is answered rightly"
    if not photos.others:
        return "undecided: no photo of another class that is answered rightly is there to try anything on"
    if judgement.donors < LEAST_DONORS:
        return (
            f"undecided: too few photos of the class; {photos.right} are answered rightly, each scene counted once, and "
            f"{2 * LEAST_DONORS - 1} at least are needed"
        )
    if not judgement.tried:
        return "undecided: nothing of the class recurs that could be tried"
    needed = "" if judgement.needed is None else f"; {judgement.needed} would do"
    fewer = judgement.recipients < judgement.available
    few = "passes for the photos at hand" if fewer else "photos"
    passes = f", with a budget of {budget:,}" if fewer and budget is not None else ""
    return (
        f"undecided: too few {few}; of {judgement.recipients} of other classes that it was tried on, a cue may turn more than "
        f"{format_share(LEAST_EFFECT)} beyond its controls{needed}{passes}"
    )
