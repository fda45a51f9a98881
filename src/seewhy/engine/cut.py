"""Where a gradient ends on its way back from the scores: the first step that is computed without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any, NamedTuple

import torch
from torch import nn

from seewhy.engine.operations import Address, OperationMode, tensors_in
from seewhy.engine.plan import Plan
from seewhy.engine.steps import INPUT, Step, Trace

_LEAVES = frozenset(["numpy", "tolist", "__array__"])  # what comes behind is no tensor any more


class Cause(Enum):
    """Why a step has no gradient."""

    NO_GRAD = "torch.no_grad()"
    INFERENCE = "torch.inference_mode()"
    WHOLE_NUMBERS = "whole numbers"  # argmax
    TRUTH = "true or false"  # comparisons
    OPERATION = "the operation itself"  # detach, data, numpy


@dataclass(frozen=True)
class Cut:
    """name : of the step. operation : what it does, as a person writes it. owner : the module in whose forward the cause is."""

    name: str
    operation: str
    cause: Cause
    owner: str

    def __str__(self) -> str:
        """For a message: ``'body.relu()' (torch.no_grad())``."""
        why = self.operation if self.cause is Cause.OPERATION else self.cause.value
        return f"'{self.name}'" + (f" ({why})" if not self.name.endswith(why.lstrip(".")) else "")

    @property
    def culprit(self) -> str:
        """What has to be taken out, as a person wrote it."""
        return self.cause.value if self.cause in (Cause.NO_GRAD, Cause.INFERENCE) else self.operation


class _Seen(NamedTuple):
    """What an operation gave. stood : its results stood in an autograd graph. owner : see ``Cut``."""

    results: list[torch.Tensor]
    stood: bool
    cause: Cause
    operation: str
    owner: str

    @property
    def has_gradient(self) -> bool:
        """A function with a backward pass of its own puts its result into the graph once it is done."""
        return self.stood or any(tensor.requires_grad for tensor in self.results)


class _Entered(NamedTuple):
    """A module that runs, and whether a graph was being recorded when its forward was called."""

    name: str
    records: bool


class _Watch(OperationMode):
    """Notes for each operation whether its result stands in a graph; the graph begins at ``start``."""

    def __init__(self, start: Step | None) -> None:
        super().__init__()
        self._start = None if start is None else start.address
        self.seen: dict[Address, _Seen] = {}
        self.left: _Seen | None = None  # the operation at which the pass leaves torch, or ends
        self.entered: list[_Entered] = []

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        try:
            out = func(*args, **kwargs)
        except Exception:
            self.left = self.left or self._seen(address.name, func, [])
            raise
        if address.name in _LEAVES:
            self.left = self.left or self._seen(address.name, func, [])
        if address == self._start:
            out = _with_leaf(out)
        result = args[0] if address.name == "__setitem__" else out
        self.seen[address] = self._seen(address.name, func, list(tensors_in(result)))
        return out

    def _seen(self, name: str, func: Any, results: list[torch.Tensor]) -> _Seen:
        owner = self.entered[-1].name if self.entered else ""
        cause = Cause.OPERATION
        if torch.is_inference_mode_enabled() or not torch.is_grad_enabled():
            cause = Cause.INFERENCE if torch.is_inference_mode_enabled() else Cause.NO_GRAD
            owner = next((module.name for module in reversed(self.entered) if module.records), owner)
        elif results and not any(tensor.is_floating_point() or tensor.is_complex() for tensor in results):
            cause = Cause.TRUTH if results[0].dtype == torch.bool else Cause.WHOLE_NUMBERS
        written = f".{getattr(func.__self__, '__name__', name)}" if name == "__get__" else f"{name.strip('_')}()"
        return _Seen(results, any(tensor.requires_grad for tensor in results), cause, written, owner)


def _with_leaf(out: Any) -> Any:
    """The result with its first tensor as the beginning of a graph."""
    if isinstance(out, (tuple, list)):
        return type(out)([_with_leaf(out[0]), *out[1:]])
    leaf = out.detach().clone().requires_grad_()
    torch.set_grad_enabled(True)  # as where a tap stands
    return leaf.clone()  # what follows may write into it


def first_cut(plan: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any], start: Step | None) -> Cut | None:
    """The first step between ``start`` (None: the photo) and the scores without a gradient; None where there is none to name.

    plan : a plain one, whose operations are those of its trace. inputs : ``(N, C, H, W)``.
    """
    assert plan.trace is not None
    watch = _Watch(start)
    inputs = plan.prepare(inputs.detach().clone())
    with plan.ready(), torch.set_grad_enabled(not plan.as_is or start is None):
        inputs = inputs if start else inputs.requires_grad_().clone()
        # numpy() refuses a tensor that stands in a graph; whatever else is raised, it ends there.
        with suppress(Exception), _entering(plan.network, watch), watch:
            pick(plan.network(inputs))
    trace = plan.trace
    if not trace.path:
        return None if watch.left is None else _cut(watch.left, _joined(watch.left.owner, watch.left.operation))
    connected = _connected(trace, watch.seen, start)
    ends = [step for step in _without(trace, connected) if connected.intersection(step.inputs) and step.address in watch.seen]
    if not ends:
        return None
    seen = watch.seen[ends[0].address]
    return _cut(seen, trace.modules.get(ends[0].number) or _joined(ends[0].module, seen.operation))


def _cut(seen: _Seen, name: str) -> Cut:
    return Cut(name, seen.operation, seen.cause, seen.owner)


def _joined(module: str, operation: str) -> str:
    return ".".join(filter(None, (module, operation.lstrip("."))))


def _connected(trace: Trace, seen: dict[Address, _Seen], start: Step | None) -> set[int]:
    """The steps that a gradient reaches ``start`` from. Weights that ask for one of their own do not count."""
    connected = {INPUT if start is None else start.number}
    for step in trace.steps:
        own = seen.get(step.address)
        if own is not None and own.has_gradient and connected.intersection(step.inputs):
            connected.add(step.number)
    return connected


def _without(trace: Trace, connected: set[int]) -> list[Step]:
    """The steps without a gradient from which the scores can be reached through such steps alone, in order: a mask that is
    multiplied with what has a gradient cuts nothing off."""
    without = {trace.path[-1].number} - connected
    for step in reversed(trace.steps):
        if step.number in without:
            without.update(set(step.inputs) - connected)
    return [step for step in trace.steps if step.number in without]


@contextmanager
def _entering(network: nn.Module, watch: _Watch) -> Iterator[None]:
    """Tells the watch which modules are running; hooks that are taken off again."""

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: watch.entered.append(_Entered(name, torch.is_grad_enabled() and not torch.is_inference_mode_enabled()))

    def leave(*_: Any) -> None:
        watch.entered.pop()

    with ExitStack() as hooks:
        for name, module in network.named_modules():
            hooks.callback(module.register_forward_pre_hook(enter(name)).remove)
            hooks.callback(module.register_forward_hook(leave).remove)
        yield
