"""Look at one step of a forward pass: let gradients start there, with no graph before it, or end the pass there."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from seewhy.engine.any_batch import joined
from seewhy.engine.operations import Address, OperationMode
from seewhy.engine.plan import Plan
from seewhy.engine.steps import Step
from seewhy.errors import GradientError, LayerError, setting

_lock = threading.Lock()


@dataclass(frozen=True, eq=False)
class ForwardPass:
    """output : ``(N, ...)``, the picked scores. taps : what each tapped step gave, None if it was not reached.

    With ``graph``, ``output`` depends on the first of ``taps`` through autograd, and on nothing before it; so do the taps behind
    it.
    """

    output: Any
    taps: tuple[torch.Tensor | None, ...]


class _Taps(OperationMode):
    """Takes the results of some steps while the network runs, and cuts the graph at the first of them."""

    def __init__(self, steps: tuple[Step, ...], graph: bool) -> None:
        super().__init__(frozenset(step.op for step in steps))
        self._positions = {step.address: i for i, step in enumerate(steps)}
        self._graph = graph
        self.results: list[torch.Tensor | None] = [None] * len(steps)

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        out = func(*args, **kwargs)
        position = self._positions.get(address)
        return out if position is None else self.take(position, out)

    def take(self, position: int, out: torch.Tensor) -> torch.Tensor:
        if not self._graph or (position != 0 and self.results[0] is None):
            self.results[position] = out.detach().clone()  # copied at once: an in-place ReLU may follow
            return out
        # Cut at the first step, and where the network itself has cut.
        tap = out if position != 0 and out.requires_grad else out.detach().requires_grad_()
        self.results[position] = tap
        torch.set_grad_enabled(True)  # from here on; the caller's no_grad() puts it back
        return tap.clone()  # what follows may write into the copy, not into what was tapped


def forward_with_taps(
    plan: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any], steps: tuple[Step, ...] = (), graph: bool = False
) -> ForwardPass:
    """Run the plan's network on ``inputs`` ``(N, C, H, W)`` and take the results of ``steps``.

    graph : let gradients flow from the output to the first of the steps.
    """
    if plan.one_at_a_time and len(inputs) > 1 and steps:
        assert not graph, "there is no one graph for photos that run one at a time"
        passes = [forward_with_taps(plan, photo, pick, steps) for photo in torch.split(inputs, 1)]
        taps_of_steps = zip(*(forward_pass.taps for forward_pass in passes), strict=True)
        taps_of_all = (None if any(tap is None for tap in taps) else joined(list(taps), None) for taps in taps_of_steps)
        return ForwardPass(joined([forward_pass.output for forward_pass in passes], None), tuple(taps_of_all))
    with plan.ready():
        inputs = plan.prepare(inputs.detach())
        if not steps:
            return ForwardPass(pick(plan.network(inputs)), ())
        taps = _Taps(steps, graph)
        module = _returning_module(plan, steps)
        # From the start on: behind a no_grad() of the network's own around the step, torch goes back to what was before.
        # Nothing in a private copy asks for a gradient, so that no graph begins before the step.
        with torch.set_grad_enabled(graph and not plan.as_is), taps if module is None else _at(module, taps):
            returned = plan.network(inputs)
            counts = taps.counts if module is None else {}
            output = pick(returned)
        for step, tap in zip(steps, taps.results, strict=True):
            _check_same_step(plan, step, tap, inputs, counts.get(step.op))
        return ForwardPass(output, tuple(taps.results))


def _check_same_step(plan: Plan, step: Step, tap: torch.Tensor | None, inputs: torch.Tensor, count: int | None = None) -> None:
    """Raises LayerError where what was taken as the step is another one: a forward that decides by the photo's values runs other
    operations before it. count : how often the step's operation ran in this pass; None where that is not known."""
    if tap is None or plan.trace is None:
        return
    same_size = tuple(inputs.shape[1:]) == plan.shape
    expected = plan.counts.get(step.op)
    if same_size and count is not None and expected is not None and count != expected:
        seen = f"{step.op.strip('_')}() ran {count} times, and {expected} times when the network was looked at"
    elif not _fits(tuple(tap.shape), step, len(inputs), same_size):
        seen = f"there it gives {tuple(tap.shape)}, and gave {step.shape} when the network was looked at"
    else:
        return
    raise LayerError(
        f"Layer '{plan.trace.name(step)}' cannot be found again: the forward goes another way for this photo ({seen}). Name a "
        f"module, {setting('layer', 'name')}, or use {setting('method', 'occlusion')}, which looks at the scores alone."
    )


def _fits(shape: tuple[int, ...], step: Step, photos: int, same_size: bool) -> bool:
    """True where the step may give that for so many photos: one axis is theirs, or holds the windows or tokens of all."""
    if len(shape) != len(step.shape):
        return False
    if not same_size:
        return step.grid is None or step.grid.layout != "channels first" or shape[1] == step.shape[1]
    differing = [(now, then) for now, then in zip(shape, step.shape, strict=True) if now != then]
    return not differing or (len(differing) == 1 and differing[0][0] == photos * differing[0][1])


class _Hooked(threading.local):
    """The tap of the pass that runs in this thread, at a module of a private copy."""

    module: nn.Module | None = None
    taps: _Taps | None = None


_hooked = _Hooked()
_HOOK = "_seewhy_hook"  # the attribute that says that a module has ours


def _returning_module(plan: Plan, steps: tuple[Step, ...]) -> nn.Module | None:
    """The module of a private copy that returns the one step, in its only call. A hook there costs nothing; watching every
    operation costs 5 % of a pass of one photo."""
    if plan.as_is or plan.trace is None or len(steps) != 1:
        return None
    name = plan.trace.modules.get(steps[0].number)
    if name is None or len(plan.trace.calls[name]) != 1:
        return None
    readers = (step for step in plan.trace.steps if steps[0].number in step.inputs)
    if any(f"{step.module}.".startswith(f"{name}.") for step in readers):
        return None  # read inside the module already, before a hook could cut the graph
    module: nn.Module = plan.network.get_submodule(name)
    return module


@contextlib.contextmanager
def _at(module: nn.Module, taps: _Taps) -> Iterator[None]:
    """Take what the module returns, in this thread. Its hook stays: another thread may be in the middle of a pass."""
    with _lock:
        if not hasattr(module, _HOOK):
            setattr(module, _HOOK, module.register_forward_hook(_take))
    (_hooked.module, _hooked.taps) = (module, taps)
    try:
        yield
    finally:
        (_hooked.module, _hooked.taps) = (None, None)


def _take(module: nn.Module, args: Any, out: Any) -> Any:
    if _hooked.module is not module or _hooked.taps is None or not isinstance(out, torch.Tensor):
        return None
    _hooked.module = None  # once a pass
    return _hooked.taps.take(0, out)


class _Reached(BaseException):
    """The step that a pass should end at. No Exception, so that a person's ``except Exception`` does not swallow it."""

    def __init__(self, value: torch.Tensor) -> None:
        super().__init__()
        self.value = value


class _Until(OperationMode):
    """Ends the pass when a step has been computed."""

    def __init__(self, step: Step) -> None:
        super().__init__(frozenset([step.op]))
        self._address = step.address

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        out = func(*args, **kwargs)
        if address == self._address:
            raise _Reached(out)
        return out


class _FirstBroken(OperationMode):
    """Ends the pass at the first operation whose result is not finite. address : of that operation."""

    address: Address | None = None

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        out = func(*args, **kwargs)
        if isinstance(out, torch.Tensor) and out.is_floating_point() and not bool(torch.isfinite(out).all()):
            self.address = address
            raise _Reached(out)
        return out


def first_broken(plan: Plan, inputs: torch.Tensor) -> Step | None:
    """The first step of a plain plan whose result is not finite; None where all are."""
    broken = _FirstBroken()
    with plan.ready(), contextlib.suppress(_Reached), broken:
        plan.network(plan.prepare(inputs))
    steps = plan.trace.steps if plan.trace else ()
    return next((step for step in steps if step.address == broken.address), None)


def run_until(plan: Plan, inputs: torch.Tensor, pick: Callable[[Any], Any], step: Step | None = None) -> Any:
    """What ``step`` gives for ``inputs`` ``(N, C, H, W)``, and nothing behind it is run; None takes the picked output.

    Where ``inputs`` ask for a gradient the result depends on them through autograd, and on no weight of a private copy. Returns
    None where the step is not reached.
    """
    if plan.one_at_a_time and len(inputs) > 1 and step is not None:
        values = [run_until(plan, photo, pick, step) for photo in torch.split(inputs, 1)]
        return None if any(value is None for value in values) else joined(values, None)
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
            _check_same_step(plan, step, reached.value, inputs)
            return reached.value
        return None


@contextlib.contextmanager
def reentrant_named() -> Iterator[None]:
    """A backward pass through a checkpoint that knows ``backward()`` alone raises GradientError."""
    try:
        yield
    except RuntimeError as error:
        if "use_reentrant" not in str(error) and "Checkpointing is not compatible" not in str(error):
            raise
        raise GradientError(
            "The forward uses torch.utils.checkpoint with use_reentrant=True, through which no gradient of a photo or a layer "
            "can be asked for: write use_reentrant=False there."
        ) from error


def pull_back(output: torch.Tensor, seeds: torch.Tensor, leaf: torch.Tensor) -> torch.Tensor | None:
    """Gradients of T weighted sums of the output: seeds ``(T, N, ...)`` to ``(T, *leaf.shape)``; None where none arrives.

    All T go back in one sweep (one batched vector-Jacobian product).
    """
    if not output.requires_grad:
        return None
    with torch.inference_mode(False), torch.enable_grad(), reentrant_named():
        if len(seeds) == 1:
            (gradient,) = torch.autograd.grad(output, leaf, seeds[0], allow_unused=True)
            return None if gradient is None else gradient[None]
        try:
            (gradients,) = torch.autograd.grad(output, leaf, seeds, allow_unused=True, is_grads_batched=True, retain_graph=True)
            return gradients
        except RuntimeError:  # an operation without a batched backward: one after the other
            pairs = [torch.autograd.grad(output, leaf, seed, allow_unused=True, retain_graph=True) for seed in seeds]
            return None if pairs[0][0] is None else torch.stack([pair[0] for pair in pairs])
