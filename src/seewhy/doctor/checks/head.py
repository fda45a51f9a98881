"""The head: a softmax or a sigmoid applied twice, or one that contradicts what the classifier was told."""

from __future__ import annotations

import numpy as np

from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Certainty, Fault, Finding
from seewhy.doctor.trials import Doubles
from seewhy.errors import SeewhyError


def check(examination: Examination) -> list[Finding]:
    """What the trace shows first, then what the values show."""
    try:
        outputs = examination.outputs
    except SeewhyError:
        return []  # the preparation's check tells what the network cannot take
    kind = examination.clf.head.kind
    closing = examination.closing
    if len(closing) > 1:
        fault = Fault.DOUBLE_SOFTMAX if closing[0] == "softmax" else Fault.DOUBLE_SIGMOID
        evidence = {"closing": list(closing), "largest": round(float(outputs.max()), 4), "by": "trace"}
        return [Finding(fault, Certainty.CERTAIN, evidence)]
    if closing and kind != "none":
        fitting = ("softmax",) if closing[0] == "softmax" else ("sigmoid", "binary")
        if kind not in fitting:
            head = "softmax" if closing[0] == "softmax" else "binary" if outputs.shape[1] == 1 else "sigmoid"
            return [Finding(Fault.HEAD, Certainty.CERTAIN, {"given": kind, "seen": closing[0], "by": "trace"}, {"head": head})]
    return _by_values(outputs, kind, bool(closing) or examination.ends_in_probabilities)


def _by_values(outputs: Doubles, kind: str, is_activated: bool) -> list[Finding]:
    (count, classes) = outputs.shape
    if kind == "softmax" and classes == 1:
        head = "none" if not _both_sides(outputs) else "binary"
        return [Finding(Fault.HEAD, Certainty.CERTAIN, {"given": kind, "outputs": 1, "by": "shape"}, {"head": head})]
    if kind == "binary" and classes > 1:
        return [Finding(Fault.HEAD, Certainty.CERTAIN, {"given": kind, "outputs": classes, "by": "shape"}, {"head": "softmax"})]
    if classes < 2:
        return []
    inner = softmaxed_twice(outputs)
    if inner is not None and kind != "none":
        evidence = {"largest": round(float(outputs.max()), 4), "inner": round(inner, 4), "photos": count, "by": "values"}
        return [Finding(Fault.DOUBLE_SOFTMAX, Certainty.CERTAIN if count >= 4 else Certainty.LIKELY, evidence)]
    total = outputs.sum(axis=1)
    if kind == "softmax" and not is_activated and count >= 2 and (outputs >= 0).all() and np.ptp(total) < 1e-3 * total.mean():
        evidence = {"total": round(float(total.mean()), 3), "by": "values"}  # percent, for one
        return [Finding(Fault.DOUBLE_SOFTMAX, Certainty.LIKELY, evidence, {"head": "none"})]
    return []


def _both_sides(outputs: Doubles) -> bool:
    """True for values on both sides of zero: a logit."""
    return bool(outputs.min() < 0)


def softmaxed_twice(outputs: Doubles) -> float | None:
    """The largest inner probability where the rows are softmaxes of probabilities, else None.

    p = softmax(q) has q = log p + c, and q sums to 1: c = (1 - sum log p) / K. All of these q must be probabilities, and some
    photo's clear; the logits of one softmax alone lie further apart than 0 and 1 then.
    """
    if not (outputs > 0).all() or np.abs(outputs.sum(axis=1) - 1).max() > 1e-3:
        return None
    logs = np.log(outputs)
    inner = logs + ((1 - logs.sum(axis=1)) / outputs.shape[1])[:, None]
    largest = inner.max(axis=1)
    return float(largest.max()) if inner.min() > -1e-3 and np.median(largest) > 0.6 and largest.max() > 0.8 else None
