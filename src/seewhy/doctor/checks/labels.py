"""Class names: as many as there are outputs, and in the network's order. Needs photos with labels."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.doctor.checks import preparation
from seewhy.doctor.evidence import LEVEL, better_by_chance, log_likelihoods, paired
from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Basis, Certainty, Fault, Finding
from seewhy.doctor.trials import Doubles
from seewhy.errors import SeewhyError

Indices = npt.NDArray[np.intp]
RIGHT = 0.5  # of the photos, under another order of names that is believed
GAIN = 3  # photos at least are right under it and wrong under the present one, beyond those that turn the other way
BACKGROUND = ("background", "__background__", "unlabeled", "n/a")


@dataclass(frozen=True, eq=False)
class Reading:
    """The labelled photos under one order of names: which are right, and the log-likelihood of each. Both ``(N,)``."""

    right: npt.NDArray[np.bool_]
    likelihoods: Doubles

    @property
    def share(self) -> float:
        """That is right."""
        return float(self.right.mean())

    def is_better_than(self, present: Reading, comparisons: int) -> bool:
        """Beyond chance: by the photos that change sides (McNemar's test), or by the likelihoods."""
        (gained, lost) = (int((self.right & ~present.right).sum()), int((present.right & ~self.right).sum()))
        if self.share < RIGHT or gained - lost < GAIN:
            return False
        likelier = paired(self.likelihoods - present.likelihoods, comparisons)
        return better_by_chance(gained, lost) < LEVEL / comparisons or likelier.low > 0


def check(examination: Examination) -> list[Finding]:
    """Another number of names than outputs; another order, where it makes the network right that is wrong now."""
    try:
        trial = examination.trial()
        assert trial is not None
        logits = examination.logits(trial)
    except SeewhyError:
        return []
    names = examination.clf.given_classes
    if names is not None and len(names) != logits.shape[1]:
        return [_count(examination, logits.argmax(1), list(names.names), logits.shape[1])]
    true = examination.true
    if true is None or names is None or len(true) < 2 or logits.shape[1] < 2:
        return []
    logits = logits[examination.labelled]
    predicted = logits.argmax(1)
    (fault, order, right) = _best_order(logits, true, list(names.names))
    if fault is None or order is None:
        return []
    new = [names.names[order[i]] for i in range(len(order))]
    settings = {"classes": new}
    # A wrong preparation can turn classes into each other, too: what makes more photos right is believed.
    prepared = preparation.decide(examination)
    is_open = _is_chance(examination, prepared, order[predicted] == true)
    if prepared.accuracy is not None and prepared.accuracy >= right - 0.02:
        if is_open and prepared.steps[0].source is Basis.LABELS:  # BatchNorms would speak for the preparation alone
            examination.rival = _instead([fault], right, len(true), settings)
        return []
    evidence = {
        "photos": len(true),
        "right": int((predicted == true).sum()),
        "right_then": round(right * len(true)),
        "moved": [[names.names[i], new[i]] for i in range(len(order)) if order[i] != i][:10],
    }
    if fault is Fault.CLASSES_SHIFTED:
        evidence["shift"] = _shift(order)
    if is_open and prepared.accuracy is not None:
        others = preparation.named(examination, prepared)
        written = {name: value for other in others for name, value in other.settings.items()}
        evidence["instead"] = _instead([other.fault for other in others], prepared.accuracy, len(true), written)
    examination.rename(np.argsort(order))
    return [Finding(fault, Certainty.LIKELY if "instead" in evidence else Certainty.CERTAIN, evidence, settings)]


def _is_chance(examination: Examination, prepared: preparation.Decision, by_names: npt.NDArray[np.bool_]) -> bool:
    """Whether the photos that only the preparation or only the names make right are as many as chance allows (McNemar)."""
    trial = None if prepared.preparation is None else examination.trial(*prepared.preparation)
    if trial is None:
        return False
    assert examination.true is not None
    by_values = examination.logits(trial)[examination.labelled].argmax(1) == examination.true
    (names, values) = (int((by_names & ~by_values).sum()), int((by_values & ~by_names).sum()))
    return better_by_chance(names, values) >= LEVEL and better_by_chance(values, names) >= LEVEL


def _instead(faults: Sequence[Fault], share: float, labelled: int, settings: Mapping[str, Any]) -> dict[str, object]:
    """What explains the labels as well, for evidence."""
    return {"faults": [one.value for one in faults], "right": round(share * labelled), "labelled": labelled, "settings": settings}


def _best_order(logits: Doubles, true: Indices, names: list[str]) -> tuple[Fault | None, Indices | None, float]:
    """Which order of names makes the network right: ``order[i]`` is the place in the present list of output i's name."""
    count = len(names)
    places = np.arange(count)
    predicted = logits.argmax(1)
    present = Reading(predicted == true, log_likelihoods(logits, true))
    hypotheses: list[tuple[Fault, Indices]] = [(Fault.CLASSES_SHIFTED, (places + step) % count) for step in (1, -1) if count > 2]
    for key in _SORTINGS:
        hypotheses.append((Fault.CLASS_ORDER, np.array(sorted(range(count), key=lambda i: key(names[i])), dtype=np.intp)))
    best: tuple[Fault | None, Indices | None, float] = (None, None, 0.0)
    for fault, order in hypotheses:
        reading = Reading(order[predicted] == true, log_likelihoods(logits, np.argsort(order)[true]))
        if reading.is_better_than(present, len(hypotheses) + 1) and reading.share > best[2]:
            best = (_swap_or(fault, order), order, reading.share)
    fitted = _by_assignment(logits, true, count)
    if fitted is not None:
        (order, reading) = fitted
        if reading.is_better_than(present, len(hypotheses) + 1) and reading.share > best[2] + 0.02:
            best = (_swap_or(Fault.CLASS_ORDER, order), order, float((order[predicted] == true).mean()))
    return best


def _swap_or(fault: Fault, order: Indices) -> Fault:
    """Swapped, where the order differs in pairs of names, of a long list in a quarter of it at most; else the other fault."""
    places = np.arange(len(order))
    is_pairs = bool((order[order] == places).all()) and int((order != places).sum()) <= max(2, len(order) // 4)
    return Fault.CLASSES_SWAPPED if is_pairs else fault


def _numeric(name: str) -> tuple[bool, float, str]:
    """Names that are numbers by their value."""
    digits = "".join(c for c in name if c.isdigit())
    return (not digits, float(digits or 0), name)


_SORTINGS: tuple[Callable[[str], Any], ...] = (str, str.lower, _numeric)


def _by_assignment(logits: Doubles, true: Indices, count: int) -> tuple[Indices, Reading] | None:
    """The best one-to-one order, and the photos read in the order that the other half of the photos suggests."""
    if count > 2000 or len(true) < 8:
        return None
    predicted = logits.argmax(1)
    half = np.zeros(len(true), dtype=bool)
    for label in np.unique(true):  # every second photo of each class
        half[np.flatnonzero(true == label)[::2]] = True
    if not half.any() or half.all():
        return None
    output = np.zeros(len(true), dtype=np.intp)  # that stands for the photo's class
    for part in (half, ~half):
        output[~part] = np.argsort(_assigned(predicted[part], true[part], count))[true[~part]]
    return _assigned(predicted, true, count), Reading(output == predicted, log_likelihoods(logits, output))


def _assigned(predicted: Indices, true: Indices, count: int) -> Indices:
    """``order`` with the most photos right; where photos say nothing, names stay."""
    from scipy.optimize import linear_sum_assignment

    table = np.zeros((count, count))
    np.add.at(table, (predicted, true), 1)
    (_, order) = linear_sum_assignment(table + 1e-3 * np.eye(count), maximize=True)
    return np.asarray(order, dtype=np.intp)


def _shift(order: Indices) -> int:
    """By how many places the list stands too late (positive) or too early."""
    return 1 if order[0] == 1 else -1


def _count(examination: Examination, predicted: Indices, names: list[str], outputs: int) -> Finding:
    """Another number of names: with labels, at which end one is missing or too many."""
    evidence: dict[str, object] = {"names": len(names), "outputs": outputs}
    settings: dict[str, object] = {}
    missing = outputs - len(names)
    if missing == 1:
        lists = {"first": ["background", *names], "last": [*names, f"class {outputs - 1}"]}
    elif missing == -1:
        lists = {"first": names[1:], "last": names[:-1]}
    else:
        lists = {}
    if missing == -1 and names[0].lower() in BACKGROUND:
        evidence["background"] = names[0]
        settings = {"classes": lists["first"]}
    if lists and examination.true is not None:
        offset = 1 if missing == 1 else -1
        right = {
            "first": int((predicted[examination.labelled] == examination.true + offset).sum()),
            "last": int((predicted[examination.labelled] == examination.true).sum()),
        }
        end = max(right, key=lambda name: right[name])
        evidence |= {"photos": len(examination.true), "right_first": right["first"], "right_last": right["last"]}
        if better_by_chance(right[end], min(right.values())) < LEVEL:
            evidence["end"] = end
            settings = {"classes": lists[end]}
    if settings and settings["classes"] == lists["first"]:
        examination.shift(missing)  # what is examined next must not be judged by the wrong classes
    return Finding(Fault.CLASS_COUNT, Certainty.CERTAIN, evidence, settings, ends=not settings)
