"""Look at one step of a forward pass: let gradients start there, with no graph before it, or end the pass there."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.overrides import TorchFunctionMode

from seewhy.engine.plan import Plan
from seewhy.engine.steps import Step


@dataclass(frozen=True, eq=False)
class Run:
    """A forward pass. output : ``(N, ...)``, what ``pick`` took out. taken : what each tapped step gave, None if not reached.

    With ``graph``, ``output`` depends on the first of ``taken`` through autograd, and on nothing before it.
    """

    output: Any
    taken: tuple[torch.Tensor | None, ...]


class _Taps(TorchFunctionMode):
    """Takes the results of some steps while the network runs, and cuts the graph at the first of them.

    A mode is local to its thread and acts on operations, so that two explanations at once do not disturb each other, and
    functional calls, reused and in-place modules are reached like any others.
    """

    def __init__(self, steps: tuple[Step, ...], graph: bool) -> None:
        super().__init__()
        self.wanted = {(step.op, step.count): i for i, step in enumerate(steps)}
        self.names = {step.op for step in steps}
        self.counts = dict.fromkeys(self.names, 0)
        self.graph = graph
        self.taken: list[torch.Tensor | None] = [None] * len(steps)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if name in self.names:
            which = self.wanted.get((name, self.counts[name]))
            self.counts[name] += 1
            if which is not None:
                return self._take(which, out)
        return out

    def _take(self, which: int, out: torch.Tensor) -> torch.Tensor:
        if not self.graph or which != 0:
            self.taken[which] = out.detach().clone()  # copied at once: an in-place ReLU may follow
            return out
        leaf = out.detach().requires_grad_()
        self.taken[which] = leaf
        torch.set_grad_enabled(True)  # from here on; the caller's no_grad() puts it back
        return leaf.clone()  # what follows may write into the copy, not into what was taken


def run(plan: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any], steps: tuple[Step, ...] = (), graph: bool = False) -> Run:
    """Run the plan's network on ``inputs`` ``(N, C, H, W)`` and take the results of ``steps``.

    graph : let gradients flow from the output to the first of the steps.
    """
    with plan.ready():
        inputs = plan.prepare(inputs.detach())
        if not steps:
            return Run(pick(plan.network(inputs)), ())
        taps = _Taps(steps, graph)
        with taps:
            output = pick(plan.network(inputs))
        return Run(output, tuple(taps.taken))


class _Reached(BaseException):
    """The step that a pass should end at. No Exception, so that a person's ``except Exception`` does not swallow it."""

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.value = value


class _Until(TorchFunctionMode):
    """Ends the pass when a step has been made."""

    def __init__(self, step: Step) -> None:
        super().__init__()
        self.op = step.op
        self.left = step.count

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if getattr(func, "__name__", "") == self.op:
            if self.left == 0:
                raise _Reached(out)
            self.left -= 1
        return out


class _Broken(TorchFunctionMode):
    """Ends the pass at the first operation whose result is not finite."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[str] = Counter()
        self.found: tuple[str, int] | None = None

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        name = getattr(func, "__name__", "")
        if isinstance(out, torch.Tensor) and out.is_floating_point() and not bool(torch.isfinite(out).all()):
            self.found = (name, self.counts[name])
            raise _Reached(out)
        self.counts[name] += 1
        return out


def first_broken(plan: Plan, inputs: torch.Tensor) -> Step | None:
    """The first step of a plain plan whose result is not finite; None where all are."""
    broken = _Broken()
    with plan.ready(), contextlib.suppress(_Reached), broken:
        plan.network(plan.prepare(inputs))
    steps = plan.trace.steps if plan.trace else ()
    return next((step for step in steps if (step.op, step.count) == broken.found), None)


def upto(plan: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any], step: Step | None = None) -> Any:
    """What ``step`` gives for ``inputs`` ``(N, C, H, W)``, and nothing behind it is run; None takes the picked output.

    Where ``inputs`` ask for a gradient the result depends on them through autograd, and on no weight of a private copy. Returns
    None where the step is not reached.
    """
    with plan.ready(), torch.set_grad_enabled(inputs.requires_grad):
        prepared = plan.prepare(inputs)
        if prepared.is_leaf and prepared.requires_grad:
            prepared = prepared.clone()  # the network may write into its input
        if step is None:
            return pick(plan.network(prepared))
        try:
            with _Until(step):
                plan.network(prepared)
        except _Reached as reached:
            return reached.value
        return None


def pull_back(output: torch.Tensor, seeds: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor | None:
    """Gradients of T weighted sums of the output: seeds ``(T, N, ...)`` to ``(T, *leaf.shape)``; None where none arrives.

    All T go back in one sweep (one batched vector-Jacobian product).
    """
    if not output.requires_grad:
        return None
    with torch.inference_mode(False), torch.enable_grad():
        if len(seeds) == 1:
            (gradient,) = torch.autograd.grad(output, leaf, seeds[0], allow_unused=True)
            return None if gradient is None else gradient[None]
        try:
            (gradients,) = torch.autograd.grad(output, leaf, seeds, allow_unused=True, is_grads_batched=True, retain_graph=True)
            return gradients
        except RuntimeError:  # an operation without a batched backward: one after the other
            pairs = [torch.autograd.grad(output, leaf, seed, allow_unused=True, retain_graph=True) for seed in seeds]
            return None if pairs[0][0] is None else torch.stack([pair[0] for pair in pairs])
