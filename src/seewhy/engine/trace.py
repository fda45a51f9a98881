"""One forward pass, written down: which operation read what, inside which module, and what shape came out.

From it follow the automatic feature layer, the names that ``layer=`` takes, the form of the classification head, and which
BatchNorms may be folded. Functional calls, reused and in-place modules are seen like any others, because the pass is
watched at the level of torch functions; a step is addressed by its operation and how many of them came before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

INPUT = -1  # the number that stands for the network's own input

ACTIVATIONS = frozenset(
    [
        "relu",
        "relu_",
        "relu6",
        "hardtanh",
        "hardtanh_",
        "leaky_relu",
        "leaky_relu_",
        "prelu",
        "rrelu",
        "elu",
        "elu_",
        "celu",
        "selu",
        "silu",
        "silu_",
        "gelu",
        "mish",
        "hardswish",
        "softplus",
        "clamp",
        "clamp_min",
        "clamp_",
        "tanh",
        "sigmoid",
        "threshold",
    ]
)
JOINS = frozenset(["cat", "concat", "concatenate", "stack", "add", "add_", "__add__", "__radd__", "__iadd__"])
_MIX_AXES = frozenset(["view", "reshape", "unflatten", "transpose", "movedim", "einsum", "matmul", "bmm", "swapaxes"])
_TO_ROWS_FIRST = ((0, 3, 1, 2), (0, -1, 1, 2))
_TO_CHANNELS_LAST = (0, 2, 3, 1)


@dataclass(frozen=True)
class Grid:
    """How a tensor lies over the photo. ``layout``: "channels first", "channels last", or "tokens" (``skip`` others first)."""

    rows: int
    columns: int
    channels: int
    layout: str = "channels first"
    skip: int = 0

    @property
    def has_cells(self) -> bool:
        """More than one: a map can be made of it."""
        return self.rows * self.columns > 1

    def read(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor as ``(..., channels, rows, columns)``, a view; the sizes are taken from the tensor where it tells them."""
        if self.layout == "channels last":
            return tensor.movedim(-1, -3)
        if self.layout == "tokens":
            patches = tensor[..., self.skip :, :].movedim(-1, -2)
            return patches.reshape(*patches.shape[:-1], self.rows, self.columns)
        return tensor


@dataclass(frozen=True)
class Step:
    """One operation of the pass.

    op, count : its name, and how many of that name came before: together its address in any later pass.
    module : the module whose ``forward`` made the call. inputs : the steps it read. parameters : the weights it read.
    shape : of what came out. grid : how that lies over the photo, None if it does not.
    """

    number: int
    op: str
    count: int
    module: str
    inputs: tuple[int, ...]
    parameters: tuple[str, ...]
    shape: tuple[int, ...]
    grid: Grid | None

    @property
    def is_activation(self) -> bool:
        return self.op in ACTIVATIONS

    @property
    def is_join(self) -> bool:
        return self.op in JOINS and len(set(self.inputs)) > 1


@dataclass(frozen=True)
class DenseHead:
    """A head that averages a tensor over space and multiplies it with one matrix: ``logits = weight · mean(A) + bias``.

    features : the step whose result is A. weight, bias : parameter names; both None for SqueezeNet's form, where the
    average is the score itself. logits : the step that gives them (a softmax may follow).
    """

    features: int
    weight: str | None
    bias: str | None
    logits: int


@dataclass(frozen=True)
class Trace:
    """A forward pass. ``output`` is the step that gives the class scores, None where the network hides it."""

    steps: tuple[Step, ...]
    calls: dict[str, tuple[int, ...]]  # module -> the step that it returned, once per call
    kinds: dict[str, str]  # module -> class name
    output: int | None
    dense_head: DenseHead | None

    def on_path(self) -> list[Step]:
        """The steps that the scores depend on, in order."""
        if self.output is None:
            return []
        wanted = {self.output}
        for step in reversed(self.steps):
            if step.number in wanted:
                wanted.update(step.inputs)
        return [step for step in self.steps if step.number in wanted]

    def feature_steps(self) -> list[Step]:
        """Where a map can be made, best first.

        The tensor that the head averages over space, where it does; then the activated or joined tensors, the last first;
        then any other tensor with more than one cell.
        """
        steps = [step for step in self.on_path() if step.grid is not None and step.grid.has_cells]
        chosen = [step for step in steps if _is_feature(step)]
        others = [step for step in steps if not _is_feature(step)]
        exact = [] if self.dense_head is None else [self.steps[self.dense_head.features]]
        best = [*exact, *reversed(chosen), *reversed(others)]
        return list(dict.fromkeys(step for step in best if step in steps))

    def name(self, step: Step) -> str:
        """What a person calls the step: the outermost module that returned it, else the function and where it was called."""
        names = [module for module, numbers in self.calls.items() if step.number in numbers and module]
        if names:
            name = min(names, key=lambda n: (n.count("."), len(n)))
            numbers = self.calls[name]
            return name if len(numbers) == 1 else f"{name}:{numbers.index(step.number) + 1}"
        same = [s.number for s in self.steps if s.module == step.module and s.op == step.op]
        name = ".".join(filter(None, (step.module, f"{step.op.strip('_')}()")))
        return name if len(same) == 1 else f"{name}:{same.index(step.number) + 1}"

    def kind(self, step: Step) -> str:
        """The module's class where a module returned the step, else the operation."""
        return self.kinds.get(self.name(step).split(":")[0], step.op.strip("_"))

    def find(self, name: str) -> list[int]:
        """The steps that a name stands for: none, one, or one for each call of a module that runs several times."""
        (base, _, which) = name.partition(":")
        numbers = list(self.calls.get(base, ()))
        if not numbers:
            numbers = [s.number for s in self.steps if self.name(s).partition(":")[0] == base]
        if which.isdigit():
            return numbers[int(which) - 1 : int(which)] if int(which) > 0 else []
        return numbers if not which else []

    def between(self, start: int, end: int | None) -> list[Step]:
        """The steps through which ``end`` depends on ``start``, both left out."""
        reached = {start}
        for step in self.steps:
            if any(number in reached for number in step.inputs):
                reached.add(step.number)
        return [s for s in self.on_path() if s.number in reached and s.number not in (start, end)]


def _is_feature(step: Step) -> bool:
    if step.grid is not None and step.grid.layout == "tokens":
        # The normalised tokens before attention mixes them: behind the last mixing only the class token counts.
        return step.op == "layer_norm" or step.is_join
    return step.is_activation or step.is_join


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
    handles = []

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: recorder.stack.append(name)

    def leave(name: str) -> Callable[..., None]:
        def note(module: nn.Module, args: Any, out: Any) -> None:
            recorder.stack.pop()
            if isinstance(out, torch.Tensor) and recorder.numbers.get(id(out), INPUT) != INPUT:
                calls.setdefault(name, []).append(recorder.numbers[id(out)])

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
    kinds = {name: type(module).__name__ for name, module in network.named_modules()}
    made = Trace(
        steps=tuple(recorder.steps),
        calls={name: tuple(numbers) for name, numbers in calls.items()},
        kinds=kinds,
        output=None if last == INPUT else last,
        dense_head=None,
    )
    shapes = {name: tuple(p.shape) for name, p in (*network.named_parameters(), *network.named_buffers())}
    return replace(made, dense_head=_dense_head(made, recorder, shapes)), output


def _dense_head(made: Trace, recorder: _Recorder, shapes: dict[str, tuple[int, ...]]) -> DenseHead | None:
    """Found by values, not by names: back from the scores to a tensor whose mean over space is what the dense layer reads."""

    def back(number: int | None) -> Iterator[Step]:
        while number is not None and number != INPUT:
            step = made.steps[number]
            yield step
            number = step.inputs[0] if len(set(step.inputs)) == 1 else None

    path = list(back(made.output))
    if path and path[0].op in ("softmax", "log_softmax"):
        path = path[1:]
    if not path:
        return None
    (logits, weight, bias) = (path[0].number, None, None)
    dense = next((i for i, step in enumerate(path) if step.op in ("linear", "conv2d")), len(path))
    if dense < len(path) and path[dense].parameters and not any(s.grid and s.grid.has_cells for s in path[: dense + 1]):
        (weight, bias) = (*path[dense].parameters, None)[:2]
        behind = path[:dense]  # only changes of shape may follow the dense layer
        path = path[dense + 1 :]
        is_matrix = all(side == 1 for side in shapes[str(weight)][2:])  # a 1×1 convolution of the average is one, too
        if not path or not is_matrix or any(step.op not in _SHAPE_ONLY for step in behind):
            return None
    pooled = recorder.value(path[0].number)
    found: list[Step] = []
    for step in path:
        features = recorder.value(step.number)
        if step.grid is None or not step.grid.has_cells or features is None:
            continue
        mean = step.grid.read(features).mean(dim=(-2, -1)).flatten()
        varies = bool((features != features.flatten()[0]).any())  # a constant tensor's mean is also its maximum
        if pooled is None or not varies or mean.shape != pooled.flatten().shape or step.grid.layout == "tokens":
            break
        if not bool(mean.isfinite().all()):
            break  # broken weights; what the scores are is said where they are read
        if not torch.allclose(mean, pooled.flatten(), rtol=1e-4, atol=1e-6 * float(mean.abs().max())):
            break
        found.append(step)
    if not found:
        return None
    # Pooling in two stages has the same mean before the first one, on a finer grid.
    features_step = next((step for step in found if _is_feature(step)), found[0])
    return DenseHead(features_step.number, weight, bias, logits)


_SHAPE_ONLY = frozenset(["flatten", "view", "reshape", "squeeze", "squeeze_", "__getitem__", "contiguous", "unflatten"])


def forms(steps: Iterable[Step]) -> str:
    """``"avg_pool2d → layer_norm → linear"``: the operations in words, changes of shape left out."""
    silent = _SHAPE_ONLY | {"permute", "__get__", "dropout"}
    names = [step.op.strip("_") for step in steps if step.op not in silent]
    return " → ".join(names) if names else "nothing"
