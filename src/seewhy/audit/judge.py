"""From the answers of the trials to a verdict for each class."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seewhy.audit import statistics
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, Candidate
from seewhy.audit.trials import CUE, FILLS, AuditTrial

SHORTCUT, SURROUNDINGS, LOCAL, NONE, UNDECIDED = "shortcut", "surroundings", "local", "none", "undecided"
KINDS = (SHORTCUT, SURROUNDINGS, LOCAL, NONE, UNDECIDED)
LEAST_EFFECT = 0.5  # what a class must be able to show: a cue that turns half of the other photos ...
LEAST_POWER = 0.8  # ... is found so probably


@dataclass(frozen=True)
class TrialOutcome:
    """What the trials of a candidate gave. effects : S of each donor, the mean over the photos that its cue was put on. turned,
    tried : photos, of the cue alone. control : the mean share that the strongest kind of control turned. necessity : N of each
    carrier, by the fill with the smaller mean; empty where nothing was taken away.
    share, share_others : of the confirmation photos that carry the cue, of the class and of the recipients.
    """

    effects: list[float]
    turned: int
    tried: int
    control: float
    necessity: list[float]
    share: float
    share_others: float

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
    after selection. limit : what the candidates tried turn at most, all at once. donors, available : photos that the cue of the
    candidate tried least was taken from, and those of the class's second half. needed : how many would do; None where no number
    would."""

    kind: str
    candidate: int | None
    interval: tuple[float, float] = (-1.0, 1.0)
    limit: float = 1.0
    donors: int = 0
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
    turned: dict[tuple[int, str, int], dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    donors: dict[tuple[int, str, int], int] = {}
    unread: set[tuple[int, str, int]] = set()
    for place, trial in enumerate(trials):
        key = (trial.candidate, trial.role, trial.photo)
        donors[key] = trial.donor
        if place not in answers:
            unread.add(key)
            continue
        is_class = answers[place] == candidates[trial.candidate].class_index
        turned[key][trial.control].append(is_class if trial.role == CUE else not is_class)
    read = {key: of_photo for key, of_photo in turned.items() if key not in unread}

    def of(number: int, role: str) -> dict[tuple[int, str, int], dict[str, list[bool]]]:
        return {key: of_photo for key, of_photo in read.items() if key[:2] == (number, role)}

    found = []
    for number in range(len(candidates)):
        by_fill = [_by_donor(of(number, fill), donors) for fill in FILLS]
        put_on = of(number, CUE)
        controls = [_strongest_control(of_photo) for of_photo in put_on.values()]
        found.append(
            TrialOutcome(
                _by_donor(put_on, donors),
                sum(of_photo[""][0] for of_photo in put_on.values()),
                len(put_on),
                float(np.mean(controls)) if controls else 0.0,
                min((effects for effects in by_fill if effects), key=lambda effects: float(np.mean(effects)), default=[]),
                *shares[number],
            )
        )
    return found


def _by_donor(of_photos: Mapping[tuple[int, str, int], Mapping[str, list[bool]]], donors: Mapping[Any, int]) -> list[float]:
    """The mean effect of each donor: its photos have its cue in common, so that they are no outcomes of their own."""
    effects: dict[int, list[float]] = defaultdict(list)
    for key, of_photo in of_photos.items():
        effects[donors[key]].append(float(of_photo[""][0]) - _strongest_control(of_photo))
    return [float(np.mean(of_donor)) for _, of_donor in sorted(effects.items())]


def _strongest_control(of_photo: Mapping[str, list[bool]]) -> float:
    """The share that the kind of control turned which turned most: one kind that explains the answer is enough."""
    return max((float(np.mean(turned)) for kind, turned in of_photo.items() if kind), default=0.0)


def judged(
    classes: Sequence[int],
    candidates: Sequence[Candidate],
    found: Sequence[TrialOutcome],
    available: Mapping[int, int],
    alpha: float = statistics.FALSE_DISCOVERIES,
) -> dict[int, Judgement]:
    """A judgement for each class. available : how many photos of a class there are to take cues from.

    False discoveries are controlled over all candidates of all classes.
    """
    declared = statistics.declared([statistics.log_e_value(one.effects) for one in found], alpha=alpha)
    hypotheses = max(1, len(candidates))
    own_alpha = alpha * max(1, len(declared)) / hypotheses  # of an interval after selection
    judgements = {}
    for index in classes:
        own = [number for number, candidate in enumerate(candidates) if candidate.class_index == index]
        tried = [n for n in own if found[n].effects]
        limit = max((statistics.effect_limit(found[n].effects, alpha / hypotheses) for n in tried), default=1.0)
        needed = statistics.recipients_needed(LEAST_EFFECT, hypotheses, LEAST_POWER)
        of_class = sorted((n for n in tried if n in declared), key=lambda n: -found[n].effect)
        overlays = [n for n in of_class if found[n].is_frequent and candidates[n].is_constant]
        count = min((len(found[n].effects) for n in tried), default=0)
        if of_class:
            deciding = (overlays or of_class)[0]
            interval = statistics.effect_interval(found[deciding].effects, own_alpha)
            kind = SHORTCUT if overlays else LOCAL
            judgements[index] = Judgement(kind, deciding, interval, limit, count, available[index], needed, tried)
        elif not tried or statistics.power(LEAST_EFFECT, count, hypotheses, alpha) < LEAST_POWER:
            judgements[index] = Judgement(UNDECIDED, None, (-1.0, 1.0), limit, count, available[index], needed, tried)
        else:
            strongest = max(tried, key=lambda n: found[n].effect)
            interval = statistics.effect_interval(found[strongest].effects, alpha / hypotheses)
            judgements[index] = Judgement(NONE, strongest, interval, limit, count, available[index], needed, tried)
    return judgements
