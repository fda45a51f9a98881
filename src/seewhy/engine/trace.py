"""One forward pass, written down: which operation read what, inside which module, and what shape came out.

From it follow the automatic feature layer, the names that ``layer=`` takes, the form of the classification head, and which
BatchNorms may be folded. Functional calls, reused and in-place modules are seen like any others, because the pass is
watched at the level of torch functions; a step is addressed by its operation and how many of them came before.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from seewhy.engine.dense_head import find_dense_head
from seewhy.engine.looks import looks_of
from seewhy.engine.operations import Address, OperationMode, tensors_in
from seewhy.engine.places import Places
from seewhy.engine.steps import INPUT, Looks, Step, Trace


class _Recorder(OperationMode):
    """Writes the steps down while the network runs."""

    def __init__(self, parameters: dict[int, str], inputs: torch.Tensor) -> None:
        super().__init__()
        self.parameters = parameters
        self.steps: list[Step] = []
        self.results: list[torch.Tensor] = []  # of each step (the first, where there are several)
        self.numbers = {id(inputs): INPUT}  # id of a tensor -> the step that made its present value
        self.kept = [inputs]  # alive until the end, so that an id stays one tensor's
        self.stack: list[str] = []
        self.places = Places(inputs)

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        inputs = list(tensors_in((args, kwargs)))
        states = {id(tensor): _state(tensor) for tensor in inputs}
        out = func(*args, **kwargs)
        outputs = list(tensors_in(args[0] if address.name == "__setitem__" else out))
        # Dropout in eval mode, contiguous() and the like hand their input on: nothing happened.
        if outputs and not all(_is_same(states.get(id(tensor)), tensor) for tensor in outputs):
            self.places.follow(address.name, func, args, kwargs, outputs)
            looks = looks_of(self.places, address.name, args, kwargs, outputs[0])
            self._write(address, inputs, outputs, isinstance(out, torch.Tensor), looks)
        return out

    def value(self, number: int) -> torch.Tensor | None:
        """What the step gave; None if it has been overwritten in place since."""
        tensor = self.results[number]
        return tensor if self.numbers[id(tensor)] == number else None

    def _write(
        self,
        address: Address,
        inputs: list[torch.Tensor],
        outputs: list[torch.Tensor],
        is_tensor: bool,
        looks: Looks | str | None,
    ) -> None:
        number = len(self.steps)
        sources = tuple(self.numbers[id(t)] for t in inputs if id(t) in self.numbers)
        weights = tuple(self.parameters[id(t)] for t in inputs if id(t) in self.parameters)
        module = self.stack[-1] if self.stack else ""
        grid = self.places.grid(outputs[0]) if is_tensor else None
        self.steps.append(Step(number, *address, module, sources, weights, tuple(outputs[0].shape), grid, looks))
        self.results.append(outputs[0])
        self.kept.extend(outputs)
        self.numbers.update((id(tensor), number) for tensor in outputs)


def trace(network: nn.Module, inputs: torch.Tensor, pick: Callable[[Any], Any]) -> tuple[Trace, Any]:
    """Run ``network`` once on ``inputs`` ``(1, C, H, W)``, of a volume ``(1, C, D, H, W)``, and write the pass down.

    pick : takes the class scores out of what the network returns. The network must be in eval mode; hooks are put on it
    for this one pass and taken off again.
    Returns the trace and the picked output. Whatever the network raises passes through, with ``seewhy_layer`` set on it.
    """
    parameters = {id(p): name for name, p in (*network.named_parameters(), *network.named_buffers())}
    recorder = _Recorder(parameters, inputs)
    calls: dict[str, list[int]] = {}
    others: dict[str, str] = {}
    handles = []

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: recorder.stack.append(name)

    def leave(name: str) -> Callable[..., None]:
        def note(module: nn.Module, args: Any, out: Any) -> None:
            recorder.stack.pop()
            if isinstance(out, torch.Tensor) and recorder.numbers.get(id(out), INPUT) != INPUT:
                calls.setdefault(name, []).append(recorder.numbers[id(out)])
            elif not isinstance(out, torch.Tensor):
                others[name] = _described(out)

        return note

    try:
        for name, module in network.named_modules():
            handles.append(module.register_forward_pre_hook(enter(name)))
            handles.append(module.register_forward_hook(leave(name)))
        with torch.no_grad(), recorder:
            output = pick(network(inputs))
    except Exception as error:
        error.seewhy_layer = next((name for name in reversed(recorder.stack) if name), "")  # type: ignore[attr-defined]
        raise
    finally:
        for handle in handles:
            handle.remove()
    last = recorder.numbers.get(id(output)) if isinstance(output, torch.Tensor) else None
    scores = None if last == INPUT else last
    shapes = {name: tuple(p.shape) for name, p in (*network.named_parameters(), *network.named_buffers())}
    trace_of_pass = Trace(
        steps=tuple(recorder.steps),
        calls={name: tuple(numbers) for name, numbers in calls.items()},
        kinds={name: type(module).__name__ for name, module in network.named_modules()},
        output=scores,
        dense_head=find_dense_head(recorder.steps, scores, recorder.value, shapes),
        others=others,
    )
    return trace_of_pass, output


def _state(tensor: torch.Tensor) -> int | torch.Tensor:
    """By which it is seen whether a tensor is written into: its version; of inference mode's, which have none, a copy."""
    return tensor.clone() if tensor.is_inference() else tensor._version


def _is_same(state: int | torch.Tensor | None, tensor: torch.Tensor) -> bool:
    if isinstance(state, torch.Tensor):
        return torch.equal(state, tensor)
    return state is not None and not tensor.is_inference() and state == tensor._version


def _described(out: Any) -> str:
    """``"a tuple of 2"``."""
    kind = type(out).__name__
    return f"a {kind} of {len(out)}" if isinstance(out, (tuple, list, dict)) else f"a {kind}"
