"""Weights that are not finite."""

from __future__ import annotations

import torch

from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Certainty, Fault, Finding


def check(examination: Examination) -> list[Finding]:
    """NaN or infinity in a parameter or a buffer: every score behind it is one, too."""
    tensors = list(examination.clf.executor.named_tensors())
    broken = [name for name, tensor in tensors if not bool(torch.isfinite(tensor).all())]
    if not broken:
        return []
    return [Finding(Fault.NOT_FINITE, Certainty.CERTAIN, {"tensors": broken, "of": len(tensors)}, ends=True)]
