"""Other backward passes for ReLU, at the level of operations: modules, functional calls, in-place and reused ones alike.

A rule is a torch function mode around one forward and one backward pass. It is local to its thread and touches no module, so
the network stays what it is, and two explanations at once do not disturb each other.

With the input x of a ReLU and the gradient g that arrives at its output, the forward pass unchanged:

    plain       (x > 0) g
    deconvnet   (g > 0) g            Zeiler and Fergus 2014, arXiv:1311.2901
    guided      (x > 0) (g > 0) g    Springenberg et al. 2015, arXiv:1412.6806

ReLU6 and other clamps from 0 up to a limit are ReLUs whose gate is open below the limit only.
"""

from __future__ import annotations

from typing import Any

import torch

from seewhy.engine.operations import Address, OperationMode

RULES = ("plain", "guided", "deconvnet")
# Each operation's limits: where its positional arguments after the input are, and what it takes without them.
_LIMITS: dict[str, tuple[tuple[str, ...], tuple[float | None, float | None]]] = {
    "relu": ((), (0.0, None)),
    "relu6": ((), (0.0, 6.0)),
    "clamp": (("min", "max"), (None, None)),
    "clip": (("min", "max"), (None, None)),
    "clamp_min": (("min",), (None, None)),
    "hardtanh": (("min_val", "max_val"), (-1.0, 1.0)),
}


class ReluRule(OperationMode):
    """Every ReLU inside the with-block goes back by ``rule``. seen : how many a gradient passes on its way back (others work on
    weights alone, as where Swin v2 makes its positions)."""

    def __init__(self, rule: str) -> None:
        super().__init__()
        self.rule = rule
        self.seen = 0

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = address.name
        limits = _limits(name, args, kwargs)
        if limits is None:
            return func(*args, **kwargs)
        x = args[0] if args else kwargs["input"]
        self.seen += bool(x.requires_grad)
        if self.rule == "plain" or not x.requires_grad:
            return func(*args, **kwargs)
        in_place = name.endswith("_") or bool(kwargs.get("inplace", _positional_inplace(name, args)))
        return _Gated.apply(x, limits[1], self.rule, in_place)  # type: ignore[no-untyped-call]


def _positional_inplace(name: str, args: Any) -> bool:
    """``F.relu(x, True)``."""
    return name in ("relu", "relu6") and len(args) > 1 and args[1] is True


def _limits(name: str, args: Any, kwargs: Any) -> tuple[float, float | None] | None:
    """(0, upper limit or None) of an operation that is a ReLU; None for any other."""
    known = _LIMITS.get(name.rstrip("_"))
    if known is None:
        return None
    (names, (low, high)) = known
    values = dict(zip(names, args[1:], strict=False)) | {key: kwargs[key] for key in names if key in kwargs}
    (low, high) = (values.get(key, default) for key, default in zip((*names, "", "")[:2], (low, high), strict=True))
    is_relu = isinstance(low, (int, float)) and low == 0 and (high is None or (isinstance(high, (int, float)) and high > 0))
    return (0.0, None if high is None else float(high)) if is_relu else None


class _Gated(torch.autograd.Function):
    """``min(max(x, 0), limit)`` with another way back.

    Like torch's own ReLU it keeps its result, from which the gate can be read, and not its input.
    """

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, limit: float | None, rule: str, in_place: bool) -> torch.Tensor:
        (ctx.rule, ctx.limit) = (rule, limit)
        out = x.clamp_(min=0, max=limit) if in_place else x.clamp(min=0, max=limit)
        if in_place:
            ctx.mark_dirty(x)
        if rule == "guided":
            ctx.save_for_backward(out)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        gradient = gradients[0]
        if ctx.rule == "deconvnet":
            return gradient.clamp_min(0), None, None, None
        (out,) = ctx.saved_tensors
        if ctx.limit is None:
            gated = torch.ops.aten.threshold_backward(gradient, out, 0)
        else:
            gated = torch.ops.aten.hardtanh_backward(gradient, out, 0, ctx.limit)
        return gated.clamp_min_(0), None, None, None
