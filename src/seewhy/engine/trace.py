"""One forward pass, written down: which operation read what, inside which module, and what shape came out.

From it follow the automatic feature layer, the names that ``layer=`` takes, the form of the classification head, and which
BatchNorms may be folded. Functional calls, reused and in-place modules are seen like any others, because the pass is
watched at the level of torch functions; a step is addressed by its operation and how many of them came before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from seewhy.engine.dense_head import find_dense_head
from seewhy.engine.steps import INPUT, Grid, Step, Trace

_MIX_AXES = frozenset(["view", "reshape", "unflatten", "transpose", "movedim", "einsum", "matmul", "bmm", "swapaxes"])
_TO_ROWS_FIRST = ((0, 3, 1, 2), (0, -1, 1, 2))
_TO_CHANNELS_LAST = (0, 2, 3, 1)


class _Recorder(TorchFunctionMode):
    """Writes the steps down while the network runs."""

    def __init__(self, parameters: dict[int, str], inputs: torch.Tensor) -> None:
        super().__init__()
        self.parameters = parameters
        self.batch = len(inputs)
        self.steps: list[Step] = []
        self.results: list[torch.Tensor] = []  # of each step (the first, where there are several)
        self.numbers = {id(inputs): INPUT}  # id of a tensor -> the step that made its present value
        self.kept = [inputs]  # alive until the end, so that an id stays one tensor's
        self.stack: list[str] = []
        self.counts: Counter[str] = Counter()
        self.patches: tuple[int, int] | None = None  # the grid of the patch embedding, for tokens

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        read = list(_tensors((args, kwargs)))
        versions = {id(tensor): tensor._version for tensor in read}
        out = func(*args, **kwargs)
        made = list(_tensors(args[0] if name == "__setitem__" else out))
        # Dropout in eval mode, contiguous() and the like hand their input on: nothing happened.
        if made and not all(versions.get(id(tensor)) == tensor._version for tensor in made):
            self._write(name, read, made, args, kwargs)
        self.counts[name] += 1
        return out

    def value(self, number: int) -> torch.Tensor | None:
        """What the step gave; None if it has been overwritten in place since."""
        tensor = self.results[number]
        return tensor if self.numbers[id(tensor)] == number else None

    def _write(self, name: str, read: list[torch.Tensor], made: list[torch.Tensor], args: Any, kwargs: Any) -> None:
        number = len(self.steps)
        inputs = tuple(self.numbers[id(t)] for t in read if id(t) in self.numbers)
        weights = tuple(self.parameters[id(t)] for t in read if id(t) in self.parameters)
        module = self.stack[-1] if self.stack else ""
        grid = self._grid(name, made[0], inputs, args, kwargs) if len(made) == 1 else None
        self.steps.append(Step(number, name, self.counts[name], module, inputs, weights, tuple(made[0].shape), grid))
        self.results.append(made[0])
        self.kept.extend(made)
        self.numbers.update((id(tensor), number) for tensor in made)

    def _grid(self, name: str, made: torch.Tensor, inputs: tuple[int, ...], args: Any, kwargs: Any) -> Grid | None:
        shape = tuple(made.shape)
        if not made.is_floating_point() or not inputs or shape[:1] != (self.batch,):
            return None
        if len(shape) == 4:
            layout = self._layout(name, inputs[0], args, kwargs)
            if layout is None:
                return None
            (rows, columns, channels) = (*shape[2:], shape[1]) if layout == "channels first" else shape[1:]
            if "conv" in name:
                self.patches = (rows, columns)
            return Grid(rows, columns, channels, layout)
        if len(shape) == 3 and self.patches is not None:
            skip = shape[1] - self.patches[0] * self.patches[1]
            if 0 <= skip <= 8:  # class, distillation and register tokens
                return Grid(*self.patches, shape[2], "tokens", skip)
        return None

    def _layout(self, name: str, read: int, args: Any, kwargs: Any) -> str | None:
        """Channels first or last; None where a view has mixed the axes."""
        if "conv" in name or "pool2d" in name or read == INPUT:
            if read != INPUT and self.steps[read].grid is None and len(self.steps[read].shape) == 4:
                # What a convolution or a pooling reads is channels first, whatever views made it.
                (_, channels, rows, columns) = self.steps[read].shape
                self.steps[read] = replace(self.steps[read], grid=Grid(rows, columns, channels))
            return "channels first"
        before = self.steps[read].grid
        if before is None or before.layout == "tokens":
            return None
        if name == "permute":
            dims = tuple(kwargs.get("dims", args[1] if len(args) == 2 else args[1:]))
            return "channels last" if dims == _TO_CHANNELS_LAST else "channels first" if dims in _TO_ROWS_FIRST else None
        return None if name in _MIX_AXES else before.layout


def _tensors(value: Any) -> Iterator[torch.Tensor]:
    if isinstance(value, torch.Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from _tensors(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from _tensors(item)


def trace(network: nn.Module, inputs: torch.Tensor, pick: Callable[[Any], Any]) -> tuple[Trace, Any]:
    """Run ``network`` once on ``inputs`` ``(1, C, H, W)`` and write the pass down.

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
    made = Trace(
        steps=tuple(recorder.steps),
        calls={name: tuple(numbers) for name, numbers in calls.items()},
        kinds={name: type(module).__name__ for name, module in network.named_modules()},
        output=scores,
        dense_head=find_dense_head(recorder.steps, scores, recorder.value, shapes),
        others=others,
    )
    return made, output


def _described(out: Any) -> str:
    """``"a tuple of 2"``."""
    kind = type(out).__name__
    return f"a {kind} of {len(out)}" if isinstance(out, (tuple, list, dict)) else f"a {kind}"
