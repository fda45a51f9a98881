"""What logits mean: those of a softmax, or a yes or no each. Judged under the preparation that is believed."""

from __future__ import annotations

import numpy as np

from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Certainty, Fault, Finding
from seewhy.doctor.trials import Doubles
from seewhy.errors import SeewhyError

SEVERAL = 0.2  # of the photos have more than one label above 0.5
FEWEST = 8  # photos
BELOW = -0.2  # mean logit over their spread: those of a sigmoid lie below zero, for most labels are absent
# Variance of a photo's sum of logits, over that of its logits. The gradient of a softmax's loss leaves that sum as it is; it is 1
# for labels that know nothing of each other.
FREE = 0.1


def check(examination: Examination) -> list[Finding]:
    """Logits whose values make sense under another head than the one that was given."""
    kind = examination.clf.head.kind
    try:
        trial = examination.trial(*(examination.chosen or (None, None)))
    except SeewhyError:
        return []
    if trial is None or kind not in ("softmax", "sigmoid") or examination.closing or examination.ends_in_probabilities:
        return []
    return _sigmoid_read_as_softmax(trial.outputs) if kind == "softmax" else _softmax_read_as_sigmoid(trial.outputs)


def _sigmoid_read_as_softmax(outputs: Doubles) -> list[Finding]:
    """Logits that make sense as yes or no each: their sum moves freely, they lie below zero on average, and many photos have more
    than one above."""
    (count, classes) = outputs.shape
    above = (outputs > 0).sum(axis=1)
    several = float((above > 1).mean())
    below = float(outputs.mean() / (outputs.std() + 1e-12))
    free = float(outputs.sum(axis=1).var() / (outputs.var(axis=0).sum() + 1e-12))
    if count < FEWEST or classes < 3 or several < SEVERAL or below > BELOW or free < FREE:
        return []
    evidence = {"several": round(several, 3), "below": round(below, 3), "free": round(free, 3), "photos": count, "by": "values"}
    return [Finding(Fault.HEAD, Certainty.LIKELY, {"given": "softmax", "seen": "sigmoid"} | evidence, {"head": "sigmoid"})]


def _softmax_read_as_sigmoid(outputs: Doubles) -> list[Finding]:
    """Half of many labels above 0.5 on every photo: logits whose mean is about zero, as a softmax leaves them."""
    (count, classes) = outputs.shape
    present = (outputs > 0).mean(axis=1)
    centred = float(np.abs(outputs.mean(axis=1)).mean() / (outputs.std(axis=1).mean() + 1e-12))
    if classes < 8 or count < 2 or present.min() < 0.25 or centred > 0.2:
        return []
    evidence = {"given": "sigmoid", "seen": "softmax", "present": round(float(present.mean() * classes), 1), "classes": classes}
    return [Finding(Fault.HEAD, Certainty.LIKELY, evidence | {"by": "values"}, {"head": "softmax"})]
