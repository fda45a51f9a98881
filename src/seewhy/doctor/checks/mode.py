"""Train mode, and outputs that are drawn at random. seewhy runs networks in eval mode: this is about a person's own use."""

from __future__ import annotations

import numpy as np
from torch import nn

from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Certainty, Fault, Finding
from seewhy.doctor.trials import batch_norms
from seewhy.errors import SeewhyError


def check(examination: Examination) -> list[Finding]:
    """Dropout or BatchNorm that would act as in training; a network that gives two answers to one photo."""
    findings = []
    network = examination.clf.network
    if isinstance(network, nn.Module):
        norms = [name for name, module in batch_norms(network) if module.training]
        dropouts = [
            name for name, m in network.named_modules() if isinstance(m, nn.modules.dropout._DropoutNd) and m.training and m.p
        ]
        if norms or dropouts:
            evidence = {"batch_norms": len(norms), "dropouts": len(dropouts)} | _changes(examination, [*norms, *dropouts])
            findings.append(Finding(Fault.TRAIN_MODE, Certainty.CERTAIN, evidence))
    try:
        rows = [examination.repeated(seed) for seed in (1, 2)]
    except SeewhyError:
        return findings
    scale = float(np.abs(rows[0]).max()) or 1.0
    deviation = float(np.abs(rows[0] - rows[1]).max()) / scale
    if deviation > 1e-3:
        findings.append(Finding(Fault.RANDOM_OUTPUT, Certainty.CERTAIN, {"deviation": round(deviation, 4)}))
    return findings


def _changes(examination: Examination, names: list[str]) -> dict[str, float]:
    """On how many photos another class comes first in train mode."""
    if not examination.subject.is_copy:
        return {}
    try:
        usual = examination.repeated(0)
        with examination.subject.training(names):
            trained = examination.repeated(0)
    except SeewhyError:  # BatchNorm refuses a batch of one value per channel
        return {}
    return {"photos": len(usual), "changed": int((usual.argmax(1) != trained.argmax(1)).sum())}
