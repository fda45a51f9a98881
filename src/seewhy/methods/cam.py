"""CAM: the exact share of every place in a class's logit, for heads that average and apply one dense layer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import nn

from seewhy.engine.dense_head import describe_operations
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.steps import MOVES, DenseHead, Step
from seewhy.errors import MethodError, setting
from seewhy.explanation import empty_notes
from seewhy.methods.base import OTHER_METHOD, Attribution, Method, Request, dense_weights, plan_details
from seewhy.records import Target
from seewhy.targets import against_indices, class_indices

TOLERANCE = 1e-4  # of the identity mean(M) + b = z, over 1 + |z|


@dataclass(frozen=True, kw_only=True)
class Cam(Method):
    """``M_t = Σ_k W_tk A^k`` (Zhou et al. 2016, arXiv:1512.04150, equation 2): signed, without bias and without ReLU.

    A : the tensor that the head averages over space; W, b : the one dense layer behind. SqueezeNet has none: its average is the
    logit, so M_t = A^t. The identity ``mean(M_t) + b_t = logit_t`` is checked on every photo. Against another class the map, and
    what is added to its mean, are the differences of the two classes'.

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
    volumes: ClassVar[bool] = True

    layer: str | nn.Module | None = None

    def attribute(self, request: Request) -> Attribution:
        """The maps of a batch, raw and signed."""
        planned = request.network
        dense_head = planned.trace.dense_head
        if dense_head is None:
            raise MethodError(_unfit(planned))
        step = planned.trace.steps[dense_head.features] if self.layer is None else planned.find_layer(self.layer)
        logits_step = (planned.trace.steps[dense_head.logits],) if dense_head.activated else ()
        forward_pass = request.forward((step, *logits_step))
        tapped = forward_pass.taps[0]
        logits = forward_pass.taps[-1] if dense_head.activated else forward_pass.output
        if tapped is None or step.grid is None or logits is None:
            raise MethodError(_unfit(planned))
        with torch.inference_mode(False):
            (head, scores) = request.read(forward_pass.output)
            resolved = request.resolve(scores)
            if scores is None or any(target.function is not None for row in resolved for target in row):
                raise MethodError(
                    f"CAM splits the logit of a class: for a function of the output use {setting('method', 'grad_cam')}."
                )
            features = step.grid.read(tapped).float()  # (N, c, h, w); of a volume (N, c, d, h, w)
            (weight, bias) = dense_weights(planned, dense_head)
            self._check_identity(planned, step, dense_head, features, logits.reshape(len(features), -1))
            binary = head.kind == "binary"
            maps = []
            for of_photo, row in zip(features, resolved, strict=True):
                shares = _shares(weight, of_photo, class_indices(row), binary)
                others = against_indices(row)
                maps.append((shares - _shares(weight, of_photo, others, binary) if others else shares).cpu().numpy())
        targets = [[target.target for target in row] for row in resolved]
        layer = planned.trace.name(step)
        biases = [[_bias(bias, target, binary) for target in row] for row in targets]
        return Attribution(
            maps=maps,
            targets=targets,
            scores=scores,
            signed=True,
            units=head.unit("logit"),
            layer=layer,
            notes=[
                empty_notes(own_maps, row, layer, OTHER_METHOD, ranking=ranking)
                for own_maps, row, ranking in zip(maps, targets, request.rankings(scores), strict=True)
            ],
            details=[{"bias": bias_of_photo} | plan_details(planned) for bias_of_photo in biases],
            forward=1.0,
            backward=0.0,
            head=head,
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
                f"layers use {setting('method', 'grad_cam')}."
            )
        mean = features.mean(dim=tuple(range(2, features.ndim)))
        from_maps = mean if weight is None else mean @ weight.T
        from_maps = from_maps if bias is None else from_maps + bias
        # The network rounds its average, its weights and its logits to its own precision, each term of the sum by itself.
        size = mean.abs() if weight is None else mean.abs() @ weight.abs().T
        rounding = 2 * torch.finfo(logits.dtype).eps * size if logits.dtype != torch.float64 else 0.0
        relative = max(TOLERANCE, 10 * planned.plan.deviation)  # precision="fast" deviates, and says by how much
        allowed = relative * (1 + logits.float().abs()) + rounding
        excess = (from_maps - logits.float()).abs() / allowed
        if not float(excess.max()) <= 1:
            (n, k) = divmod(int(excess.nan_to_num(torch.inf).argmax()), logits.shape[1])
            (mean_plus_bias, logit) = (float(from_maps[n, k]), float(logits[n, k]))
            raise MethodError(
                f"At layer '{name}' the map's mean plus the bias is {mean_plus_bias:.5g}, but the logit of class {k} is "
                f"{logit:.5g}: this is not the tensor that the head averages (that is "
                f"'{best}'). Leave {setting('layer')} out, or use "
                f"{setting('method', 'grad_cam')}."
            )


def _shares(weight: torch.Tensor | None, features: torch.Tensor, classes: list[int], binary: bool) -> torch.Tensor:
    """``Σ_k W_tk A^k`` of each class, ``(K, h, w)`` or ``(K, d, h, w)``; with one logit, the negative side is minus the positive
    one."""
    index = torch.tensor(classes, device=features.device)
    sign = features.new_ones(len(classes))
    if binary:
        (sign, index) = (index * 2.0 - 1.0, torch.zeros_like(index))
    shares = features[index] if weight is None else torch.einsum("kc,c...->k...", weight[index], features)
    return sign.reshape(-1, *[1] * (shares.ndim - 1)) * shares


def _bias(bias: torch.Tensor | None, target: Target, binary: bool) -> float:
    """What is added to the map's mean to give the logit, or the difference of two; one logit has a negative side, too."""
    if bias is None:
        return 0.0
    both = torch.cat([-bias, bias]) if binary else bias
    own = float(both[target.index or 0])
    return own if target.against is None else own - float(both[target.against.index])


def _unfit(planned: PlannedNetwork) -> str:
    """What the head looks like, and what to use instead."""
    trace = planned.trace
    candidates = trace.feature_steps()
    output = trace.output
    tail = [*trace.between(candidates[0].number, output), trace.steps[output]] if candidates and output is not None else []
    dense = [step for step in tail if step.op == "linear"]
    names = ", ".join(f"'{step.module}'" for step in dense)
    if dense and _takes_a_token(planned, tail):
        return (
            f"CAM needs a head that averages the feature maps: the dense layer of {planned.name} ({names}) reads one token "
            f"instead of the average of all places. Use {setting('method', 'grad_cam')} or "
            f"{setting('method', 'attention_rollout')}."
        )
    if len(dense) > 1:
        why = f"it has {len(dense)} dense layers ({names})"
    elif dense and any(step.op == "flatten" or step.op in ("view", "reshape") for step in tail) and not _averages(tail):
        why = f"its dense layer ({names}) reads every place by itself instead of their average"
    elif dense and any(step.op == "__getitem__" for step in tail[tail.index(dense[-1]) :]):
        why = "the scores are a part of what the dense layer gives, or stand in another order"
    else:
        why = "something stands between the average and the dense layer"
    return (
        f"CAM needs a head that averages the feature maps and applies one dense layer. The head of {planned.name} is "
        f"{describe_operations(tail)}: {why}. Use {setting('method', 'grad_cam')}"
        + (", or 'hires_cam' where each place has its own weight." if dense and not _averages(tail) else ".")
    )


def _takes_a_token(planned: PlannedNetwork, tail: list[Step]) -> bool:
    """True where one token of many goes on to the head, such as a class token."""
    steps = planned.trace.steps
    for step in tail:
        sources = [steps[number].grid for number in step.inputs if number >= 0]
        if step.op in MOVES and step.grid is None and any(grid is not None and grid.of_tokens for grid in sources):
            return not _averages(tail)
    return False


def _averages(tail: list[Step]) -> bool:
    return any("avg_pool" in step.op or step.op == "mean" for step in tail)
