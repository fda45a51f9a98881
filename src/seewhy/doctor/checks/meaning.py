"""What logits mean: those of a softmax, or a yes or no each. Judged under the preparation that is believed."""

from __future__ import annotations

import numpy as np

from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Certainty, Fault, Finding
from seewhy.doctor.trials import Doubles
from seewhy.errors import SeewhyError

SATURATED = 2.2  # |logit|: its sigmoid is below 0.1 or above 0.9
MOST_OF = 0.8  # of the logits of a sigmoid head are saturated
SEVERAL = 0.1  # of the photos have no label above 0.5, or more than one
FEWEST = 8  # photos
BELOW = -0.2  # mean logit over their spread: those of a softmax are about zero, those of a sigmoid lie below


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
    """Logits that make sense as yes or no each: nearly all clear, far below zero on average, and on some photos not exactly one
    above. A softmax does not see where its logits lie, and training leaves their mean about zero."""
    (count, classes) = outputs.shape
    clear = float((np.abs(outputs) > SATURATED).mean())
    above = (outputs > 0).sum(axis=1)
    several = float((above != 1).mean())
    more = float((above > 1).mean())
    below = float(outputs.mean() / (outputs.std() + 1e-12))
    is_sigmoid = clear >= MOST_OF and several >= SEVERAL and more > 0 and (below <= BELOW or more >= 2 * SEVERAL)
    if count < FEWEST or classes < 3 or not is_sigmoid or float((above > classes / 2).mean()) > 0.5:
        return []
    evidence = {"clear": round(clear, 3), "several": round(more, 3), "below": round(below, 3), "photos": count, "by": "values"}
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
