"""From the answers of the trials to a verdict for each class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from seewhy.audit import statistics
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, Candidate
from seewhy.audit.trials import CONTROL, CUE, FILLS, AuditTrial

SHORTCUT, SURROUNDINGS, LOCAL, NONE, UNDECIDED = "shortcut", "surroundings", "local", "none", "undecided"
KINDS = (SHORTCUT, SURROUNDINGS, LOCAL, NONE, UNDECIDED)
LEAST_EFFECT = 0.5  # what a class must be able to show: a cue that turns half of the other photos ...
LEAST_POWER = 0.8  # ... is found so probably


@dataclass(frozen=True)
class TrialOutcome:
    """What the trials of a candidate gave. effects : S of each recipient. turned, tried : of the cue. control : the mean share
    that controls turned. necessity : N of each carrier, by the fill with the smaller mean; empty where nothing was taken away.
    share, share_others : of the confirmation photos that carry the cue, of the class and of the recipients.
    """

    effects: list[float]
    turned: int
    control: float
    necessity: list[float]
    share: float
    share_others: float

    @property
    def tried(self) -> int:
        return len(self.effects)

    @property
    def effect(self) -> float:
        return float(np.mean(self.effects)) if self.effects else 0.0

    @property
    def is_frequent(self) -> bool:
        """True where the unseen photos of the class carry the cue, and more often than others."""
        return self.share >= LEAST_SHARE and self.share >= LEAST_LIFT * self.share_others


@dataclass(frozen=True)
class Judgement:
    """kind : one of KINDS. candidate : the number of the one that decides, None where none does. interval : of the mean effect,
    after selection. limit : what the candidates tried turn at most, all at once. recipients, available : photos that candidates
    were tried on, and that there are. needed : how many would do; None where no number would."""

    kind: str
    candidate: int | None
    interval: tuple[float, float] = (-1.0, 1.0)
    limit: float = 1.0
    recipients: int = 0
    available: int = 0
    needed: int | None = None
    tried: list[int] = field(default_factory=list)


def outcomes(
    candidates: Sequence[Candidate],
    trials: Sequence[AuditTrial],
    answers: Mapping[int, int],
    shares: Sequence[tuple[float, float]],
) -> list[TrialOutcome]:
    """answers : the predicted class of each trial, by its place; a trial that could not be read is missing, and with it its
    photo. shares : of each candidate, see TrialOutcome."""
    turned: dict[tuple[int, str, int, bool], list[bool]] = defaultdict(list)
    broken: set[tuple[int, str, int]] = set()
    for place, trial in enumerate(trials):
        role = CUE if trial.role == CONTROL else trial.role
        if place not in answers:
            broken.add((trial.candidate, role, trial.photo))
            continue
        is_class = answers[place] == candidates[trial.candidate].class_index
        turned[(trial.candidate, role, trial.photo, trial.control)].append(is_class if role == CUE else not is_class)
    photos: dict[tuple[int, str], list[int]] = defaultdict(list)
    for candidate, role, photo, control in turned:
        if not control and (candidate, role, photo) not in broken:
            photos[(candidate, role)].append(photo)

    def share(candidate: int, role: str, photo: int, control: bool) -> float:
        return float(np.mean(turned.get((candidate, role, photo, control)) or [False]))

    def effects(candidate: int, role: str) -> list[float]:
        listed = photos[(candidate, role)]
        return [share(candidate, role, photo, False) - share(candidate, role, photo, True) for photo in listed]

    found = []
    for number in range(len(candidates)):
        by_fill = [effects(number, fill) for fill in FILLS]
        of_controls = [share(number, CUE, photo, True) for photo in photos[(number, CUE)]]
        found.append(
            TrialOutcome(
                effects(number, CUE),
                sum(share(number, CUE, photo, False) > 0 for photo in photos[(number, CUE)]),
                float(np.mean(of_controls)) if of_controls else 0.0,
                min((one for one in by_fill if one), key=lambda one: float(np.mean(one)), default=[]),
                *shares[number],
            )
        )
    return found


def judged(
    classes: Sequence[int],
    candidates: Sequence[Candidate],
    found: Sequence[TrialOutcome],
    recipients: Mapping[int, int],
    available: Mapping[int, int],
    alpha: float = statistics.FALSE_DISCOVERIES,
) -> dict[int, Judgement]:
    """A judgement for each class. recipients, available : how many photos each class's candidates were tried
    on, and how many there are.

    False discoveries are controlled over all candidates of all classes.
    """
    declared = statistics.declared([statistics.log_e_value(one.effects) for one in found], alpha=alpha)
    hypotheses = max(1, len(candidates))
    own_alpha = alpha * max(1, len(declared)) / hypotheses  # of an interval after selection
    judgements = {}
    for index in classes:
        tried = [number for number, candidate in enumerate(candidates) if candidate.class_index == index]
        limits = [statistics.effect_limit(found[n].effects, alpha / max(1, len(tried))) for n in tried]
        limit = max(limits, default=1.0)
        needed = statistics.recipients_needed(LEAST_EFFECT, hypotheses, LEAST_POWER)
        of_class = sorted((n for n in tried if n in declared), key=lambda n: -found[n].effect)
        overlays = [n for n in of_class if found[n].is_frequent and candidates[n].is_constant]
        count = recipients[index]
        if of_class:
            deciding = (overlays or of_class)[0]
            interval = statistics.effect_interval(found[deciding].effects, own_alpha)
            kind = SHORTCUT if overlays else LOCAL
            judgements[index] = Judgement(kind, deciding, interval, limit, count, available[index], needed, tried)
        elif not tried or statistics.power(LEAST_EFFECT, count, hypotheses, alpha) < LEAST_POWER:
            judgements[index] = Judgement(UNDECIDED, None, (-1.0, 1.0), limit, count, available[index], needed, tried)
        else:
            strongest = max(tried, key=lambda n: found[n].effect)
            interval = statistics.effect_interval(found[strongest].effects, alpha / len(tried))
            judgements[index] = Judgement(NONE, strongest, interval, limit, count, available[index], needed, tried)
    return judgements
