"""Weights that are as they were initialised: all of them, those of the last layer, or the running statistics.

A layer is as initialised where its weights have the distribution of a usual initialisation exactly: the bound or the standard
deviation follows from the layer's shape, and the Kolmogorov-Smirnov test, which sees deviations of 2 / √n, finds none. Training
moves weights beyond the bound, and makes their tails heavier, within some dozens of steps.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seewhy.doctor.evidence import log_softmax
from seewhy.doctor.examination import Examination
from seewhy.doctor.findings import Certainty, Fault, Finding
from seewhy.doctor.trials import batch_norms
from seewhy.errors import SeewhyError

FEWEST = 30  # weights of a layer, for the test to say anything
MANY = 1000  # so many leave no doubt by themselves
FITS = 0.001  # probability of the test, above which a layer fits an initialisation
NEARLY_ALL = 0.95  # of the layers
_SAMPLE = 20_000  # weights that are looked at: more would see the rounding of half precision
_DENSE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass(frozen=True)
class WeightLayer:
    """A dense layer or a convolution, and whether it is as initialised; None where it has too few weights to tell."""

    name: str
    weights: int
    is_initial: bool | None


def check(examination: Examination) -> list[Finding]:
    """All weights, the head, or the running statistics never loaded."""
    network = examination.clf.network
    if not isinstance(network, nn.Module):
        return []
    layers = [WeightLayer(name, module.weight.numel(), _is_initial(module)) for name, module in dense_layers(network)]
    judged = [layer for layer in layers if layer.is_initial is not None]
    initial = [layer for layer in judged if layer.is_initial]
    (untouched, norms) = _untouched_norms(network)
    evidence: dict[str, Any] = {
        "layers": len(judged),
        "as_initialised": len(initial),
        "weights": sum(layer.weights for layer in layers),
    }
    if judged and len(initial) >= NEARLY_ALL * len(judged) and sum(layer.weights for layer in judged) >= MANY and _plain(network):
        return [Finding(Fault.NOT_LOADED, Certainty.CERTAIN, evidence, ends=True)]
    findings = []
    if norms and untouched == norms:
        findings.append(Finding(Fault.STATISTICS_NOT_LOADED, Certainty.CERTAIN, {"norms": norms}, ends=True))
    head = layers[-1] if layers else None
    body = [layer for layer in judged if layer is not head]
    if head is not None and head.is_initial and any(not layer.is_initial for layer in body):
        certainty = Certainty.CERTAIN if head.weights >= MANY else Certainty.LIKELY
        evidence = {"layer": head.name, "weights": head.weights, **_of_answers(examination)}
        findings.append(Finding(Fault.HEAD_NOT_LOADED, certainty, evidence, ends=True))
    parts = [layer for layer in body if layer.is_initial and layer.weights >= MANY]
    if parts and not findings:
        evidence |= {"names": [layer.name for layer in parts]}
        findings.append(Finding(Fault.NOT_LOADED, Certainty.LIKELY, evidence, ends=2 * len(parts) > len(body)))
    return findings


def dense_layers(network: nn.Module) -> list[tuple[str, Any]]:
    """Dense layers and convolutions, in the network's order."""
    return [(name, module) for name, module in network.named_modules() if isinstance(module, _DENSE)]


def _is_initial(module: Any) -> bool | None:
    """Whether weights and bias are as some usual initialisation leaves them."""
    weight = module.weight.detach()
    if weight.numel() < FEWEST:
        return None
    if weight.dtype not in (torch.float32, torch.float64) or not bool((weight != weight.flatten()[0]).any()):
        return False  # all alike is another fault; rounding to half precision hides the distribution
    fan_in = weight[0].numel()
    fan_out = weight.shape[0] * weight[0, 0].numel()
    bias = None if module.bias is None else module.bias.detach()
    bound = 1 / math.sqrt(fan_in)
    if bias is not None and not bool((bias == 0).all()) and float(bias.abs().max()) > bound * (1 + 1e-5):
        return False
    count = weight.numel()
    values = weight.double().cpu().numpy().ravel()
    values = values[:: -(-count // _SAMPLE)]
    largest = float(weight.abs().max())
    # The largest of n uniform numbers lies within 6 / n of the bound but once in 400: training leaves no such edge.
    for edge in (bound, math.sqrt(6 / (fan_in + fan_out)), math.sqrt(6 / fan_in)):
        if edge * (1 - 6 / count) <= largest <= edge * (1 + 1e-5) and _fits(values, "uniform", edge):
            return True
    if count < MANY:  # so few cannot tell a normal distribution from what training leaves
        return False
    deviations = {math.sqrt(gain / fan) for gain in (1, 2) for fan in (fan_in, fan_out)}
    deviations |= {math.sqrt(2 / (fan_in + fan_out)), 0.01, 0.02}
    return any(_fits(values, "norm", deviation) for deviation in deviations)


def _fits(values: npt.NDArray[np.float64], distribution: str, scale: float) -> bool:
    """Whether the Kolmogorov-Smirnov test (its limit for many values) sees no difference. scale : the bound, or the deviation."""
    from scipy.special import kolmogorov, ndtr

    ordered = np.sort(values) / scale
    expected = np.clip((ordered + 1) / 2, 0, 1) if distribution == "uniform" else ndtr(ordered)
    steps = np.arange(len(values) + 1) / len(values)
    distance = max(float((steps[1:] - expected).max()), float((expected - steps[:-1]).max()))
    return bool(kolmogorov(math.sqrt(len(values)) * distance) > FITS)


def _untouched_norms(network: nn.Module) -> tuple[int, int]:
    """How many layers with running statistics still have those of the start (mean 0, variance 1, no batch seen), of how many."""
    norms = [module for _, module in batch_norms(network)]

    def is_untouched(module: Any) -> bool:
        seen = getattr(module, "num_batches_tracked", None)
        no_batch = seen is None or int(seen) == 0
        return no_batch and bool((module.running_mean == 0).all()) and bool((module.running_var == 1).all())

    return sum(map(is_untouched, norms)), len(norms)


def _plain(network: nn.Module) -> bool:
    """True where every norm's scale and shift are those of the start: scale all 1 or all 0, shift all 0."""
    for module in network.modules():
        if isinstance(module, _DENSE) or not isinstance(getattr(module, "weight", None), torch.Tensor):
            continue
        (weight, bias) = (getattr(module, name, None) for name in ("weight", "bias"))
        if isinstance(bias, torch.Tensor) and isinstance(weight, torch.Tensor) and weight.ndim == 1:
            (weight, bias) = (weight.detach(), bias.detach())
            same = bool((weight == weight.flatten()[0]).all()) and float(weight.flatten()[0]) in (0.0, 1.0)
            if not same or bool((bias != 0).any()):
                return False
    return True


def _of_answers(examination: Examination) -> dict[str, Any]:
    """How sure the network is, and how often it is right."""
    try:
        trial = examination.trial()
        assert trial is not None
        logits = examination.logits(trial)
    except SeewhyError:
        return {}
    probability = float(np.exp(log_softmax(logits)).max(axis=1).mean())
    numbers: dict[str, Any] = {"probability": round(probability, 4), "classes": logits.shape[1]}
    if examination.true is not None and logits.shape[1] > int(examination.true.max()):
        right = logits[examination.labelled].argmax(1) == examination.true
        numbers["accuracy"] = round(float(right.mean()), 4)
    return numbers
