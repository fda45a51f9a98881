"""The preparation: which of the likely ones fits the network, by its BatchNorms, by the labels, or by what it says."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from seewhy.doctor.evidence import (
    FEWEST,
    HALF,
    LEAST_GAIN,
    LEAST_LIKELIHOOD,
    RICHER,
    RICHER_ALIKE,
    Interval,
    gap_difference,
    information,
    information_difference,
    is_unfit,
    log_likelihoods,
    paired,
)
from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Attempt, Basis, Certainty, Fault, Finding
from seewhy.doctor.preparations import (
    OWN,
    Normalisation,
    PhotoFit,
    Scale,
    applied_once,
    far_fits,
    fits,
    normalisations,
    other_orders,
    scale_of,
    settings_of,
)
from seewhy.doctor.trials import Trial
from seewhy.errors import ModelError, OutputError

# Another size must gain more than another normalisation: many networks are a little better on larger photos than theirs.
FIT_LIKELIHOOD, FIT_ACCURACY = 0.05, 0.03
SURE_GAP = 0.1  # nats: no set of photos is so unlike those of the training by itself
SOUND_GAP = 0.03  # nats: what sound networks leave at most, of a few dozen photos of their own kind
TIE = (1.25, 0.002)  # gaps up to this many times the smallest, plus this, are alike: the more usual preparation is named
NOT_WORSE = 1.2  # times the gap, where labels speak for a preparation
OWN_GAP = (0.33, 0.1)  # the photos' own mean and std must explain more of a larger gap
AS_RICH = 0.6  # of the most information: what says so much is as good
RICHER_LEAST = 0.05  # nats of information

Preparation = tuple[Normalisation | None, PhotoFit | None]  # None: the current one


@dataclass
class Belief:
    """What was decided. preparation : None where the current one stays. accuracy : under the chosen one."""

    preparation: Preparation | None = None
    source: Basis | None = None
    evidence: dict[str, Any] = field(default_factory=dict)
    accuracy: float | None = None


@dataclass
class Decision:
    """All that was tried, and the steps that were taken, one after the other: a normalisation, a fit."""

    attempts: list[Attempt] = field(default_factory=list)
    steps: list[Belief] = field(default_factory=list)

    @property
    def accuracy(self) -> float | None:
        """Under the last step."""
        return self.steps[-1].accuracy if self.steps else None

    @property
    def preparation(self) -> Preparation | None:
        """The one that is believed; None where the current one stays."""
        return self.steps[-1].preparation if self.steps else None


def check(examination: Examination) -> list[Finding]:
    """The fault of the current preparation, where another one fits the network clearly better."""
    try:
        examination.trial()
    except OutputError:
        return []
    except ModelError as error:
        return _refused(examination, error)
    decision = decide(examination)
    examination.attempts = decision.attempts
    examination.chosen = decision.preparation
    examination.colours_open = _are_colours_open(examination, decision)
    findings = named(examination, decision)
    if examination.rival is not None:  # other names would explain the labels as well
        findings = [
            dataclasses.replace(one, certainty=Certainty.LIKELY, evidence={**one.evidence, "instead": examination.rival})
            for one in findings
        ]
    return findings


def named(examination: Examination, decision: Decision) -> list[Finding]:
    """The steps of a decision as findings."""
    findings: list[Finding] = []
    now: Preparation = (None, None)
    for step in decision.steps:
        assert step.preparation is not None
        findings += _named(examination, now, step)
        now = step.preparation
    return findings


def _are_colours_open(examination: Examination, decision: Decision) -> bool:
    """Whether the photos, red and blue swapped, are not clearly worse than as is believed, nor clearly better."""
    (normalisation, fit) = decision.preparation or (None, None)
    believed = normalisation or examination.normalisation
    if examination.channels != 3 or believed.order != examination.normalisation.order:
        return False
    scorer = Scorer(examination)
    swapped: list[Preparation] = [(one, fit) for one in other_orders(believed)]
    return not all(scorer.is_clearly_worse((normalisation, fit), one) for one in swapped)


def decide(examination: Examination) -> Decision:
    """Try the alternatives. First normalisations and fits each by itself; the better one is taken, then the others beside it."""
    decision = Decision()
    scorer = Scorer(examination)
    (mean, std) = examination.photos_mean_std
    others = normalisations(examination.normalisation, mean, std, examination.unit)
    around = fits(examination.fit) if examination.fit is not None else []
    now: Preparation = (None, None)
    decision.attempts.append(scorer.attempt(now, current=True))
    first = [scorer.best(now, [(one, None) for one in others]), scorer.best(now, [(None, one) for one in around])]
    taken = [choice for choice in first if choice.preparation is not None]
    if taken:
        step = min(taken, key=scorer.rank)
        decision.steps.append(step)
        assert step.preparation is not None
        (normalisation, fit) = step.preparation
        if fit is None:
            beside: list[Preparation] = [(normalisation, one) for one in around]
        else:
            beside = [(one, fit) for one in others]
        second = scorer.best(step.preparation, beside)
        if second.preparation is not None:
            decision.steps.append(second)
    for preparation in [*((one, None) for one in others), *((None, one) for one in around)]:
        decision.attempts.append(scorer.attempt(preparation, chosen=preparation == decision.preparation))
    if decision.preparation is not None and not any(attempt.chosen for attempt in decision.attempts):
        decision.attempts.append(scorer.attempt(decision.preparation, chosen=True))
    return decision


class Scorer:
    """Compares preparations by whatever evidence there is."""

    def __init__(self, examination: Examination) -> None:
        self._examination = examination
        self._true = examination.true
        self._labelled = examination.labelled
        trial = examination.trial()
        assert trial is not None
        self._has_moments = bool(trial.moments)
        self._has_labels = self._true is not None and len(self._true) >= FEWEST
        if self._has_labels and examination.logits(trial).shape[1] <= int(self._true.max()):  # type: ignore[union-attr]
            self._has_labels = False

    @property
    def sources(self) -> list[Basis]:
        """What there is."""
        known = [Basis.LABELS] * self._has_labels + [Basis.STATISTICS] * self._has_moments
        return known or [Basis.CONFIDENCE]

    def attempt(self, preparation: Preparation, current: bool = False, chosen: bool = False) -> Attempt:
        """The numbers of one preparation."""
        text = self.text(preparation)
        trial = self._trial(preparation)
        if trial is None:
            return Attempt(text, refused=True)
        numbers: dict[str, Any] = {}
        if self._has_moments:
            numbers["gap"] = float(trial.gap()[0])
        if self._has_labels:
            numbers["likelihood"] = float(self._likelihoods(trial).mean())
            numbers["accuracy"] = self._accuracy(trial)
        if self.sources == [Basis.CONFIDENCE] and len(trial.outputs) > 1:
            pair = self._pair(preparation)
            numbers["information"] = float("nan") if pair is None else float(information(*pair)[0])
        return Attempt(text, **numbers, current=current, chosen=chosen)

    def text(self, preparation: Preparation) -> str:
        """In words."""
        (normalisation, fit) = preparation
        parts = [part.text for part in (normalisation, fit) if part is not None]
        return "; ".join(parts) or self._examination.normalisation.text

    def rank(self, choice: Belief) -> float:
        """Less is better."""
        assert choice.preparation is not None
        trial = self._trial(choice.preparation)
        assert trial is not None
        if self._has_moments:
            return float(trial.gap()[0])
        if self._has_labels:
            return -float(self._likelihoods(trial).mean())
        pair = self._pair(choice.preparation)
        return 0.0 if pair is None else -float(information(*pair)[0])

    def best(self, now: Preparation, others: Sequence[Preparation]) -> Belief:
        """The preparation that is clearly better than the present one; of equally good ones the first."""
        accepted: list[tuple[float, Preparation, Basis, dict[str, Any]]] = []
        for other in others:
            comparison = self._compare(now, other, len(others))
            if comparison is not None:
                accepted.append((comparison[0], other, *comparison[1:]))
        if not accepted:
            return Belief()
        smallest = min(score for score, *_ in accepted)
        if self._has_moments:
            limit = smallest * TIE[0] + TIE[1]
        elif self._has_labels:
            limit = smallest + LEAST_LIKELIHOOD
        else:
            limit = smallest * AS_RICH
        chosen = next(row for row in accepted if row[0] <= limit)
        for changes in range(self._changes(now, chosen[1])):
            simpler = [row for row in accepted if self._changes(now, row[1]) == changes]
            nearest = min(simpler, key=lambda row: row[0], default=None)
            if nearest is not None and not self._is_clearly_better(nearest[1], chosen[1]):
                chosen = nearest
                break
        (_, preparation, source, evidence) = chosen
        trial = self._trial(preparation)
        accuracy = self._accuracy(trial) if self._has_labels and trial is not None else None
        alike = [self.text(row[1]) for row in accepted if row[0] <= limit and row[1] != preparation]
        return Belief(preparation, source, evidence | ({"as_good": alike} if alike else {}), accuracy)

    def _changes(self, now: Preparation, other: Preparation) -> int:
        """How much is claimed beyond one usual change: the order of colours beside something else, mean and std of one's own."""
        (before, after) = (one[0] or self._examination.normalisation for one in (now, other))
        only_order = after.is_like(before.turned()) or after.is_like(before.reversed())
        return (before.order != after.order and not only_order) + (after.name == OWN)

    def _is_clearly_better(self, simple: Preparation, other: Preparation) -> bool:
        """Whether the numbers insist on the other one."""
        (current, trial) = (self._trial(simple), self._trial(other))
        assert current is not None
        assert trial is not None
        if self._has_moments:
            difference = gap_difference(current, trial)
            return difference.low > 0 and difference.value > LEAST_GAIN
        return self._has_labels and self._likelihood_difference(current, trial, 1).low > 0

    def is_clearly_worse(self, now: Preparation, other: Preparation) -> bool:
        """Whether labels or statistics speak against the other one beyond chance."""
        (current, trial) = (self._trial(now), self._trial(other))
        if current is None or trial is None or not np.isfinite(trial.outputs).all():
            return True
        by_labels = self._has_labels and self._likelihood_difference(current, trial, 1).high < 0
        return by_labels or (self._has_moments and gap_difference(current, trial).high < 0)

    def _compare(self, now: Preparation, other: Preparation, comparisons: int) -> tuple[float, Basis, dict[str, Any]] | None:
        """A score (less is better), the evidence's source and numbers, where the other one is clearly better; else None."""
        (current, trial) = (self._trial(now), self._trial(other))
        if current is None or trial is None or not np.isfinite(trial.outputs).all():
            return None
        is_fit = other[1] != now[1]
        is_own = other[0] is not None and other[0].name == OWN
        evidence: dict[str, Any] = {"photos": len(trial.outputs)}
        likelihood = self._likelihood_difference(current, trial, comparisons) if self._has_labels else None
        gains = (0.0, 0.0)
        if likelihood is not None:
            (before, after) = (self._accuracy(current), self._accuracy(trial))
            gains = (likelihood.value, after - before)
            evidence |= {"labelled": len(self._labelled), "accuracy": [round(before, 4), round(after, 4)]}
            evidence |= {"likelihood": likelihood.record()}
        by_labels = (
            likelihood is not None
            and likelihood.low > 0
            and gains[0] > (FIT_LIKELIHOOD if is_fit else LEAST_LIKELIHOOD)
            and gains[1] >= (FIT_ACCURACY if is_fit else 0.0)
        )
        if self._has_moments:
            (gap, other_gap) = (float(current.gap()[0]), float(trial.gap()[0]))
            difference = gap_difference(current, trial)
            evidence |= {"gap": [round(gap, 4), round(other_gap, 4)], "gap_difference": difference.record()}
            (share, least) = OWN_GAP if is_own else (HALF, 0.0)
            fits_better = difference.low > 0 and difference.value > LEAST_GAIN and other_gap <= share * gap and gap >= least
            contradicted = likelihood is not None and likelihood.high < 0
            # Dark or pale photos fit their own mean and std best, whatever the network learned from: only labels speak for those.
            supported = not is_own or (likelihood is not None and likelihood.low > 0)
            if fits_better and supported and not contradicted:
                return other_gap * (1.5 if is_own else 1.0), Basis.STATISTICS, evidence
            if by_labels and other_gap <= NOT_WORSE * gap and not is_own:
                return other_gap, Basis.LABELS, evidence
            return None
        if likelihood is not None:
            score = -float(self._likelihoods(trial).mean()) + (2 * LEAST_LIKELIHOOD if is_own else 0.0)
            return (score, Basis.LABELS, evidence) if by_labels else None
        return None if is_own else self._by_confidence(now, other, comparisons, evidence)

    def _by_confidence(
        self, now: Preparation, other: Preparation, comparisons: int, evidence: dict[str, Any]
    ) -> tuple[float, Basis, dict[str, Any]] | None:
        (pair, other_pair) = (self._pair(now), self._pair(other))
        if pair is None or other_pair is None or other[1] != now[1]:
            return None  # at another size photos say more or less by themselves
        (before, after) = (float(information(*pair)[0]), float(information(*other_pair)[0]))
        least = RICHER_ALIKE if self._same_values(now, other) else RICHER
        if after < least * max(before, 0.02) or after - before < RICHER_LEAST:
            return None
        difference = information_difference(pair, other_pair, comparisons)
        if difference.low <= 0:
            return None
        return (
            -after,
            Basis.CONFIDENCE,
            evidence | {"information": difference.record(), "says": [round(before, 4), round(after, 4)]},
        )

    def _same_values(self, now: Preparation, other: Preparation) -> bool:
        (first, second) = (one[0] or self._examination.normalisation for one in (now, other))
        return second.is_like(first.turned()) or second.is_like(first.reversed())

    def _trial(self, preparation: Preparation) -> Trial | None:
        return self._examination.trial(*preparation)

    def _pair(self, preparation: Preparation) -> tuple[Any, Any] | None:
        trials = (self._trial(preparation), self._examination.trial(*preparation, cut=True))
        if trials[0] is None or trials[1] is None:
            return None
        return self._examination.logits(trials[0]), self._examination.logits(trials[1])

    def _likelihoods(self, trial: Trial) -> Any:
        assert self._true is not None
        return log_likelihoods(self._examination.logits(trial)[self._labelled], self._true)

    def _likelihood_difference(self, current: Trial, trial: Trial, comparisons: int) -> Interval:
        return paired(self._likelihoods(trial) - self._likelihoods(current), comparisons)

    def _accuracy(self, trial: Trial) -> float:
        predicted = self._examination.logits(trial)[self._labelled].argmax(1)
        return float((predicted == self._true).mean())


# -- what it is called -------------------------------------------------------------------------------------------------


def _named(examination: Examination, now: Preparation, step: Belief) -> list[Finding]:
    """The findings of one step: of another fit, or of another normalisation, whose order of colours is a fault of its own."""
    assert step.preparation is not None
    assert step.source is not None
    (normalisation, fit) = step.preparation
    certainty = _certainty(step)
    evidence = {"by": step.source.value} | step.evidence
    if fit != now[1] and fit is not None and examination.fit is not None:
        if fit.size != examination.fit.size:
            settings: dict[str, Any] = {"size": fit.size[0] if fit.size[0] == fit.size[1] else fit.size}
            if isinstance(fit.resize, int):
                settings["resize"] = fit.resize
            return [Finding(Fault.INPUT_SIZE, certainty, evidence, settings)]
        return [Finding(Fault.RESIZE, certainty, evidence, {"resize": fit.resize, "crop": fit.crop})]
    assert normalisation is not None
    before = now[0] or examination.normalisation
    settings = settings_of(normalisation)
    evidence["believed"] = normalisation.text
    fault = _fault_of(before, normalisation)
    evidence["fits_fully"] = evidence.get("gap", (0.0, np.inf))[1] <= SOUND_GAP
    # Where something remains, that values are wrong may be sure all the same, but not which ones are right: they are not twice
    # normalised if neither once is what was learned from, and the order of colours was compared beside a list that is not theirs.
    remains = "gap" in evidence and not evidence["fits_fully"]
    hedged = Certainty.LIKELY if remains else certainty
    if fault is Fault.NORMALISED_TWICE:
        certainty = hedged
    if before.order == normalisation.order:
        return [Finding(fault, certainty, evidence, settings)]
    order = Finding(Fault.CHANNEL_ORDER, hedged, evidence, {"order": normalisation.order})
    if before.is_like(normalisation.turned()):
        return [dataclasses.replace(order, certainty=certainty)]
    if before.is_like(normalisation.reversed()):
        return [dataclasses.replace(order, certainty=certainty, settings=settings)]  # mean and std turn with the colours
    return [Finding(fault, certainty, evidence, settings), order]


def _fault_of(before: Normalisation, after: Normalisation) -> Fault:
    """What to call the difference of two normalisations, apart from their order."""
    if after.unit != before.unit:
        return Fault.VALUE_RANGE
    if after.order != before.order:
        after = after.reversed()
    (first, second) = (scale_of(before), scale_of(after))
    if (first is Scale.BYTES) != (second is Scale.BYTES):
        return Fault.VALUE_RANGE
    if first is Scale.UNIT:
        return Fault.NOT_NORMALISED
    once = applied_once(before)
    if second is Scale.UNIT or (once is not None and after.is_like(once)):
        return Fault.NORMALISED_TWICE
    return Fault.MEAN_STD


def _certainty(step: Belief) -> Certainty:
    """Certain: by labels, or where the gap is far beyond what photos differ by, and no longer then."""
    (gap, after) = step.evidence.get("gap", [0.0, 0.0])
    likelihood = step.evidence.get("likelihood")
    agrees = likelihood is not None and likelihood[1] is not None and likelihood[1] > 0
    is_certain = agrees or (step.source is Basis.STATISTICS and gap > SURE_GAP and not is_unfit(after, step.evidence["photos"]))
    return Certainty.CERTAIN if is_certain else Certainty.LIKELY


def _refused(examination: Examination, error: ModelError) -> list[Finding]:
    """The network cannot take the current input: the sizes that it can take, the nearest first."""
    if examination.fit is None:
        return []
    works = [fit for fit in far_fits(examination.fit) if examination.takes(fit)]
    evidence = {"size": list(examination.fit.size), "works": [list(fit.size) for fit in works], "error": error.line}
    settings: dict[str, Any] = {}
    if works:
        (height, width) = works[0].size
        examination.chosen = (None, works[0])
        settings["size"] = height if height == width else (height, width)
        if isinstance(examination.fit.resize, int):
            settings["resize"] = works[0].resize
    return [Finding(Fault.INPUT_SIZE, Certainty.CERTAIN, evidence, settings, ends=True)]
