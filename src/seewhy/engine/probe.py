"""Look at one step of a forward pass, and let gradients start there: no graph exists before it."""

from __future__ import annotations

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
