"""Outputs that do not depend on the photo."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Certainty, Fault, Finding
from seewhy.engine.network import MISFITS
from seewhy.errors import SeewhyError

CONSTANT = 1e-5  # of the largest output


def check(examination: Examination) -> list[Finding]:
    """The same scores for photos, black, white and noise; with the first layer that gives the same for all of them."""
    inputs = _probes(examination)
    try:
        outputs = examination.subject.run(inputs).outputs
    except (SeewhyError, *MISFITS):
        return []  # what the network cannot take is found where sizes are
    if not np.isfinite(outputs).all():
        return [Finding(Fault.NOT_FINITE, Certainty.CERTAIN, {"tensors": [], "of": 0}, ends=True)]
    varies = float(np.ptp(outputs, axis=0).max())
    largest = float(np.abs(outputs).max())
    if varies > CONSTANT * largest:
        return []
    evidence = {"inputs": len(inputs), "varies": varies, "largest": largest} | _first_constant(examination, inputs)
    return [Finding(Fault.CONSTANT_OUTPUT, Certainty.CERTAIN, evidence, ends=True)]


def _probes(examination: Examination) -> list[torch.Tensor]:
    """A few photos, black, white and noise, as network inputs of one size."""
    pixels = examination.some_pixels(4)
    noise = torch.rand(pixels[0].shape, generator=torch.Generator().manual_seed(0)) * 255
    same = [one for one in pixels if one.shape == pixels[0].shape]
    probes = [*same, torch.zeros_like(noise), torch.full_like(noise, 255), noise]
    return [examination.normalisation.apply(one[None])[0] for one in probes]


def _first_constant(examination: Examination, inputs: list[torch.Tensor]) -> dict[str, str]:
    """The first layer that gives every input the same values."""
    if not examination.subject.is_copy:
        return {}
    layers: list[str] = []

    def listen(name: str) -> Any:
        def hook(module: Any, given: Any, output: Any) -> None:
            if isinstance(output, torch.Tensor) and len(output) == len(inputs) and output.is_floating_point():
                apart = float((output - output[:1]).abs().max())
                if apart <= 1e-6 * float(output.abs().max()):
                    layers.append(name)

        return hook

    network = examination.subject.network
    handles = [m.register_forward_hook(listen(name)) for name, m in network.named_modules() if name and not list(m.children())]
    try:
        with torch.inference_mode(False), torch.no_grad():
            network(torch.stack(inputs).to(examination.clf.device))
    finally:
        for handle in handles:
            handle.remove()
    return {"layer": layers[0]} if layers else {}
