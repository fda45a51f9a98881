"""CAM: the exact share of every place in a class's logit, for heads that average and apply one dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from seewhy.engine.dense_head import forms
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.steps import DenseHead, Step
from seewhy.errors import MethodError
from seewhy.explanation import empty_notes
from seewhy.methods.base import Heat, Method, Subject, dense_weights

TOLERANCE = 1e-4  # of the identity mean(M) + b = z, over 1 + |z|


@dataclass(frozen=True, kw_only=True)
class Cam(Method):
    """``M_t = Σ_k W_tk A^k`` (Zhou et al. 2016, arXiv:1512.04150, equation 2): signed, without bias and without ReLU.

    A : the tensor that the head averages over space; W, b : the one dense layer behind. SqueezeNet has none: its average is the
    logit, so M_t = A^t. The identity ``mean(M_t) + b_t = logit_t`` is checked on every photo.

    layer : None takes A. Another layer is accepted only where the identity holds.
    """

    name: ClassVar[str] = "cam"
    title: ClassVar[str] = "CAM"
    summary: ClassVar[str] = (
        "Splits a class's logit into the share of every place: the shares' average plus the bias is the logit, exactly. It needs "
        "a network that averages its last feature maps and applies one dense layer (ResNet, GoogLeNet, MobileNet, EfficientNet, "
        "SqueezeNet ...); for others use Grad-CAM. It is as coarse as the last feature grid."
    )
    source: ClassVar[str] = "Zhou et al. 2016, arXiv:1512.04150"
    cost: ClassVar[str] = "1 forward pass, for all classes"

    layer: str | nn.Module | None = None

    def heat(self, subject: Subject) -> Heat:
        """The maps of a batch, raw and signed."""
        clf = subject.clf
        planned = subject.planned
        head = planned.trace.dense_head
        if head is None:
            raise MethodError(_unfit(planned))
        step = planned.trace.steps[head.features] if self.layer is None else planned.find_layer(self.layer)
        logits_step = planned.trace.steps[head.logits]
        done = subject.run((step, logits_step))
        (taken, logits) = done.taken
        if taken is None or logits is None or step.grid is None:
            raise MethodError(_unfit(planned))
        with torch.inference_mode(False):
            scores = subject.read_scores(done.output)
            chosen = subject.choose(scores)
            if scores is None or any(choice.function is not None for row in chosen for choice in row):
                raise MethodError("CAM splits the logit of a class: for a function of the output use method='grad_cam'.")
            features = step.grid.read(taken).float()  # (N, c, h, w)
            (weight, bias) = dense_weights(planned, head)
            self._check_identity(planned, step, head, features, logits.float().reshape(len(features), -1))
            maps = []
            for n, row in enumerate(chosen):
                index = torch.tensor([choice.target.index for choice in row], device=features.device)
                sign = features.new_ones(len(row))
                if clf.head.kind == "binary":  # one logit: the negative side is minus the positive one
                    (sign, index) = (index * 2.0 - 1.0, torch.zeros_like(index))
                if weight is None:
                    shares = features[n][index]
                else:
                    shares = torch.einsum("kc,chw->khw", weight[index], features[n])
                maps.append((sign[:, None, None] * shares).cpu().numpy())
        targets = [[choice.target for choice in row] for row in chosen]
        layer = planned.trace.name(step)
        biases = [[_bias(bias, choice.target.index or 0, clf.head.kind == "binary") for choice in row] for row in chosen]
        return Heat(
            maps=maps,
            chosen=targets,
            scores=scores,
            signed=True,
            units="logit",
            layer=layer,
            notes=[
                [note for heat, target in zip(m, row, strict=True) for note in empty_notes(heat, target, layer)]
                for m, row in zip(maps, targets, strict=True)
            ],
            details=[{"bias": b, "plan": planned.plan.words, "deviation": planned.plan.deviation} for b in biases],
            forward=1.0,
            backward=0.0,
        )

    def _check_identity(
        self, planned: PlannedNetwork, step: Step, head: DenseHead, features: torch.Tensor, logits: torch.Tensor
    ) -> None:
        """``W · mean(A) + b`` must be the logits, on every photo."""
        name = planned.trace.name(step)
        best = planned.trace.name(planned.trace.steps[head.features])
        (weight, bias) = dense_weights(planned, head)
        channels = logits.shape[1] if weight is None else weight.shape[1]
        if features.shape[1] != channels:
            raise MethodError(
                f"Layer '{name}' has {features.shape[1]} channels, the head reads {channels}: CAM needs '{best}'. For other "
                "layers use method='grad_cam'."
            )
        made = features.mean(dim=(-2, -1))
        made = made if weight is None else made @ weight.T
        made = made if bias is None else made + bias
        tolerance = max(TOLERANCE, 10 * planned.plan.deviation)  # precision="fast" deviates, and says by how much
        gap = ((made - logits).abs() / (1 + logits.abs())).max()
        if not float(gap) <= tolerance:
            (n, k) = divmod(int(((made - logits).abs() / (1 + logits.abs())).argmax()), logits.shape[1])
            raise MethodError(
                f"At layer '{name}' the map's mean plus the bias is {made[n, k]:.3f}, but the logit of class {k} is "
                f"{logits[n, k]:.3f}: this is not the tensor that the head averages (that is '{best}'). Leave layer=None, or use "
                "method='grad_cam'."
            )


def _bias(bias: torch.Tensor | None, index: int, binary: bool) -> float:
    """What is added to the map's mean to give the logit; with one logit, the negative side is minus the positive one."""
    if bias is None:
        return 0.0
    return float(bias[0] if index == 1 else -bias[0]) if binary else float(bias[index])


def _unfit(planned: PlannedNetwork) -> str:
    """What the head looks like, and what to use instead."""
    trace = planned.trace
    candidates = trace.feature_steps()
    output = trace.output
    tail = [*trace.between(candidates[0].number, output), trace.steps[output]] if candidates and output is not None else []
    dense = [step for step in tail if step.op == "linear"]
    names = ", ".join(f"'{step.module}'" for step in dense)
    if len(dense) > 1:
        why = f"it has {len(dense)} dense layers ({names})"
    elif dense and any(step.op == "flatten" or step.op in ("view", "reshape") for step in tail) and not _averages(tail):
        why = f"its dense layer ({names}) reads every place by itself instead of their average"
    else:
        why = "something stands between the average and the dense layer"
    return (
        f"CAM needs a head that averages the feature maps and applies one dense layer. The head of {planned.name} is "
        f"{forms(tail)}: {why}. Use method='grad_cam'"
        + (", or 'hires_cam' where each place has its own weight." if dense and not _averages(tail) else ".")
    )


def _averages(tail: list[Step]) -> bool:
    return any("avg_pool" in step.op or step.op == "mean" for step in tail)
