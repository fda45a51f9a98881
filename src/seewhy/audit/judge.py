"""From the answers of the trials to a verdict for each class."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from seewhy.audit import calibration, statistics
from seewhy.audit.calibration import Bank, Calibration
from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, Candidate
from seewhy.audit.kinds import CUE, DECIDING, FILLS, KINDS, LOCAL, NONE, RING, SHORTCUT, SHUFFLED, UNDECIDED
from seewhy.audit.trials import AuditTrial

# As long as a candidate may turn more than half of the other photos, nothing is decided; but for parts of objects, which would
# be called local reliance.
LEAST_EFFECT = 0.5
LEAST_DONORS = 5  # of a class with fewer in the discovery half nothing can be said that nothing was found
_MOST_NEEDED = 2048
_COUNTS = [*range(4, 64, 4), *range(64, 256, 16), *range(256, _MOST_NEEDED + 1, 128)]  # photos that may do, in round numbers


@dataclass(frozen=True)
class TrialOutcome:
    """What the trials of a candidate gave. effects_by_control : by each kind of control the effect on each recipient: 1 where the
    cue turned it, less the share of these controls that did. turned, tried : recipients, of the cue alone. shuffled : the share
    that the cue's pixels in another order turned, None where that was not tried. necessity : of each carrier whether its answer
    changed without the cue, less controls; by the fill with the smaller mean; empty where nothing was taken away.
    share, share_others : of the confirmation photos that carry the cue, of the class and of the recipients. into_own : of a cue
    that classes share, the effect on the answer of its own class alone; None where it is not shared.
    """

    effects_by_control: dict[str, list[float]]
    turned: int
    tried: int
    necessity: list[float]
    share: float
    share_others: float
    shuffled: float | None = None
    into_own: float | None = None

    @property
    def strongest_control(self) -> str:
        """The kind that turned the most: one kind that explains the answers is enough. Empty where nothing was tried."""
        means = {kind: float(np.mean(effects)) for kind, effects in self.effects_by_control.items()}
        return min(means, key=lambda kind: means[kind], default="")

    @property
    def effects(self) -> list[float]:
        """Of each recipient, beyond the strongest kind of control."""
        return self.effects_by_control.get(self.strongest_control, [])

    @property
    def effect(self) -> float:
        return float(np.mean(self.effects)) if self.effects else 0.0

    @property
    def control(self) -> float:
        """The share that the strongest kind of control turned."""
        return self.turned / self.tried - self.effect if self.effects else 0.0

    @property
    def log_e_value(self) -> float:
        """Against "some kind of control turns as much, but for what is tolerated": at most the e-value of each kind, so that its
        expectation is at most 1 where that is true. A shared cue that does not turn photos into its own class counts for the
        others alone: it has at most 1."""
        least = min(map(statistics.log_e_value, self.effects_by_control.values()), default=0.0)
        return least if self.into_own is None or self.into_own > statistics.TOLERATED else min(least, 0.0)

    @property
    def is_frequent(self) -> bool:
        """True where the unseen photos of the class carry the cue, and more often than others."""
        return self.share >= LEAST_SHARE and self.share >= LEAST_LIFT * self.share_others

    def interval(self, alpha: float) -> tuple[float, float]:
        """Of the mean effect beyond the strongest kind of control, with confidence 1 - alpha.

        The lower end is below that kind's, whichever it is; for the upper end each kind has its share of what may be missed.
        """
        return self.score(alpha), self.limit(alpha)

    def score(self, alpha: float) -> float:
        """The lower end of that interval."""
        return min((statistics.lower_end(effects, alpha) for effects in self.effects_by_control.values()), default=-1.0)

    def limit(self, alpha: float) -> float:
        """Its upper end."""
        kinds = list(self.effects_by_control.values())
        return min((statistics.upper_end(effects, alpha / len(kinds)) for effects in kinds), default=1.0)


@dataclass(frozen=True)
class Judgement:
    """kind : one of KINDS. candidate : the number of the one that decides, None where none does. interval : of the mean effect,
    after selection. limit : what the candidates tried turn at most, all at once. recipients, available : photos that the
    candidate tried least was tried on, and those of other classes that there are. needed : how many would do, if
    all went on as it began; None where no number is known. donors : photos of the class that cues are taken from.
    tried, declared : numbers of the class's candidates.
    scores : of the class, by stratum, see ``calibration.largest``; calibration : beside those of clean networks of ours, None
    for a kind that is not compared."""

    kind: str
    candidate: int | None
    interval: tuple[float, float] = (-1.0, 1.0)
    limit: float = 1.0
    recipients: int = 0
    available: int = 0
    needed: int | None = None
    donors: int = 0
    tried: list[int] = field(default_factory=list)
    declared: list[int] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None

    @property
    def uncalibrated(self) -> str:
        """Why what else were a shortcut is local reliance; empty for all others."""
        return "" if self.calibration is None else self.calibration.uncalibrated


def outcomes(
    numbers: Iterable[int],
    candidates: Sequence[Candidate],
    trials: Sequence[AuditTrial],
    answers: Mapping[int, int],
    shares: Sequence[tuple[float, float]],
) -> dict[int, TrialOutcome]:
    """Of each of the numbered candidates. answers : the predicted class of each trial, by its place; a trial that could not be
    read is missing, and with it its photo. shares : of each candidate, see TrialOutcome."""
    answered: dict[tuple[int, str, int], dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    unread: set[tuple[int, str, int]] = set()
    for place, trial in enumerate(trials):
        key = (trial.candidate, trial.role, trial.photo)
        if place not in answers:
            unread.add(key)
            continue
        answered[key][trial.control].append(answers[place])
    of_candidate: dict[tuple[int, str], list[dict[str, list[int]]]] = defaultdict(list)
    for key in sorted(answered):
        if key not in unread:
            of_candidate[key[:2]].append(answered[key])
    outcomes_by_number = {}
    for number in numbers:
        (candidate, own) = (candidates[number], {candidates[number].class_index})
        recipients = _are_in(of_candidate[number, CUE], candidate.classes)
        into_own = _effects_by_control(_are_in(of_candidate[number, CUE], own)) if candidate.shared else {}
        shuffled = [float(np.mean(of_photo[SHUFFLED])) for of_photo in recipients if SHUFFLED in of_photo]
        removals = [_without(_are_in(of_candidate[number, fill], own)) for fill in FILLS]
        outcomes_by_number[number] = TrialOutcome(
            _effects_by_control(recipients),
            sum(of_photo[""][0] for of_photo in recipients),
            len(recipients),
            min((effects for effects in removals if effects), key=lambda effects: float(np.mean(effects)), default=[]),
            *shares[number],
            shuffled=float(np.mean(shuffled)) if shuffled else None,
            into_own=min(map(float, map(np.mean, into_own.values())), default=None),
        )
    return outcomes_by_number


def _are_in(photos: Sequence[Mapping[str, list[int]]], classes: Collection[int]) -> list[dict[str, list[bool]]]:
    """Of each photo, by the kind of control, whether its answers are among the classes."""
    return [{control: [answer in classes for answer in given] for control, given in of_photo.items()} for of_photo in photos]


def _effects_by_control(photos: Sequence[Mapping[str, list[bool]]]) -> dict[str, list[float]]:
    return {kind: effects for kind in DECIDING if (effects := _effects(photos, kind))}


def _effects(photos: Sequence[Mapping[str, list[bool]]], kind: str) -> list[float]:
    return [float(of_photo[""][0]) - float(np.mean(of_photo[kind])) for of_photo in photos if kind in of_photo]


def _without(photos: Sequence[Mapping[str, list[bool]]]) -> list[float]:
    """Of a cue that was taken away, how many answers change; a photo without controls has none to subtract."""
    kept = [(of_photo[""][0], [stays for kind in of_photo if kind for stays in of_photo[kind]]) for of_photo in photos]
    return [(float(np.mean(controls)) if controls else 1.0) - float(stays) for stays, controls in kept]


def judged(
    classes: Sequence[int],
    candidates: Sequence[Candidate],
    found: Mapping[int, TrialOutcome],
    available: Mapping[int, int],
    donors: Mapping[int, int],
    alpha: float = statistics.FALSE_DISCOVERIES,
    photos: Mapping[int, int] | None = None,
    bank: Bank | None = None,
) -> dict[int, Judgement]:
    """A judgement for each class. found : the outcome of each candidate. available : how many photos of other classes a class's
    cues can be tried on. donors : how many photos of the class they are taken from. photos : of each class with photos, judged or
    not, how many are used. bank : None: no clean network to compare with.

    An overlay whose score does not lie above those of all clean networks is judged as local reliance.
    False discoveries are controlled over all candidates of all classes.
    """
    declared = set(statistics.declared([found[number].log_e_value for number in range(len(candidates))], alpha=alpha))
    hypotheses = max(1, len(candidates))
    # One interval is shown for each class in which something is declared: that many are selected of all.
    selected_alpha = alpha * max(1, len({candidates[number].class_index for number in declared})) / hypotheses
    judgements = {}
    for index in classes:
        own = [number for number, candidate in enumerate(candidates) if candidate.class_index == index]
        tried = [number for number in own if found[number].effects]
        limits = {number: found[number].limit(alpha / hypotheses) for number in tried}
        judged_limits = {number: limit for number, limit in limits.items() if candidates[number].kind != LOCAL}
        of_class = sorted((number for number in tried if number in declared), key=lambda number: -found[number].effect)
        kinds = {number: _kind(candidates[number], found[number]) for number in tried}
        scores = calibration.largest((kinds[number], found[number].score(calibration.ALPHA)) for number in tried)
        (kind, deciding, interval) = (UNDECIDED, None, (-1.0, 1.0))
        if of_class:
            deciding = _deciding(of_class, candidates, found, kinds)
            (kind, interval) = (kinds[deciding], found[deciding].interval(selected_alpha))
        elif donors[index] >= LEAST_DONORS and tried and max(judged_limits.values(), default=1.0) <= LEAST_EFFECT:
            deciding = max(tried, key=lambda number: found[number].effect)
            (kind, interval) = (NONE, found[deciding].interval(alpha / hypotheses))
        used = photos or {}
        tried_on = 0 if deciding is None else len(found[deciding].effects)
        beside = (bank or Bank()).beside(kind, scores, sum(map(bool, used.values())), used.get(index, 0), tried_on)
        if beside is not None and beside.uncalibrated:
            kind = LOCAL
        judgements[index] = Judgement(
            kind,
            deciding,
            interval,
            limit=max(limits.values(), default=1.0),
            recipients=min((len(found[number].effects) for number in tried), default=0),
            available=available[index],
            needed=_needed([found[number] for number in judged_limits], alpha, hypotheses) if kind == UNDECIDED else None,
            donors=donors[index],
            tried=tried,
            declared=of_class,
            scores=scores,
            calibration=beside,
        )
    return judgements


def _deciding(
    declared: Sequence[int],
    candidates: Sequence[Candidate],
    found: Mapping[int, TrialOutcome],
    kinds: Mapping[int, str],
) -> int:
    """By the order of the kinds, and of one kind the strongest. The outer ring comes behind all other surroundings, and gives way
    to a place in it that turns as much: each says better what it is. declared : of a class, the strongest first."""
    first = min(declared, key=lambda number: (KINDS.index(kinds[number]), candidates[number].why == RING))
    for number in declared:
        box = candidates[number].box
        if box is not None and candidates[first].surrounds(box) and found[number].effect >= found[first].effect:
            return number
    return first


def _needed(tried: Sequence[TrialOutcome], alpha: float, hypotheses: int) -> int | None:
    """How many photos would do for the one that may turn the most to be declared, or to turn at most half, if all went on as it
    began; None where _MOST_NEEDED would not do."""
    (least, most) = (0, len(_COUNTS))
    worst = max(tried, key=lambda outcome: outcome.limit(alpha / hypotheses), default=None)
    if worst is None or not worst.effects or not _decides(worst, _MOST_NEEDED, alpha, hypotheses):
        return None
    while least < most:
        middle = (least + most) // 2
        (least, most) = (least, middle) if _decides(worst, _COUNTS[middle], alpha, hypotheses) else (middle + 1, most)
    return int(max(_COUNTS[least], len(worst.effects) + 1))


def _decides(outcome: TrialOutcome, count: int, alpha: float, hypotheses: int) -> bool:
    """Whether something can be said of a candidate with so many photos."""
    repeated = {kind: np.resize(effects, count).tolist() for kind, effects in outcome.effects_by_control.items()}
    grown = replace(outcome, effects_by_control=repeated)
    return grown.limit(alpha / hypotheses) <= LEAST_EFFECT or grown.log_e_value >= math.log(hypotheses / alpha)


def _kind(candidate: Candidate, outcome: TrialOutcome) -> str:
    """Of one that is declared: a shortcut has to recur in photos that it was not found in."""
    return LOCAL if candidate.kind == SHORTCUT and not outcome.is_frequent else candidate.kind
