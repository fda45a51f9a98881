"""What a forward pass looks like, written down: its steps, the grids of their results, and the questions asked of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import torch

from seewhy.engine.operations import Address
from seewhy.formatting import format_sides

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
# What moves values and changes none: into another shape, into another order, or a part of them.
_RESHAPED = ["view", "view_as", "reshape", "reshape_as", "flatten", "unflatten", "ravel", "squeeze", "squeeze_", "unsqueeze"]
_SPREAD = ["unsqueeze_", "expand", "expand_as", "broadcast_to", "repeat", "repeat_interleave", "tile", "contiguous", "clone"]
_ORDERED = [
    "permute",
    "transpose",
    "swapaxes",
    "swapdims",
    "movedim",
    "moveaxis",
    "t",
    "adjoint",
    "__get__",
    "roll",
    "flip",
    "rot90",
]
_SHUFFLED = [
    "pixel_shuffle",
    "pixel_unshuffle",
    "channel_shuffle",
    "native_channel_shuffle",
    "stack",
    "hstack",
    "vstack",
    "dstack",
]
_TAKEN = ["__getitem__", "index_select", "gather", "take_along_dim", "narrow", "select", "diagonal", "unfold", "__iter__"]
_PARTED = ["split", "chunk", "unbind", "tensor_split", "split_with_sizes"]
MOVES = frozenset([*_RESHAPED, *_SPREAD, *_ORDERED, *_SHUFFLED, *_TAKEN, *_PARTED])
# In a result of the same size they put what other places hold: a spatial transformer's sampling, orders and sums along an axis.
_SAMPLED = ["grid_sample", "grid_sampler"]
_SORTED = ["sort", "msort", "cumsum", "cumsum_", "cumprod", "cummax", "cummin", "logcumsumexp"]
_PUT = ["scatter", "scatter_", "scatter_add", "scatter_add_", "scatter_reduce", "index_add", "index_add_", "index_copy"]
_WRITTEN = ["index_put", "index_put_", "masked_scatter", "masked_scatter_"]
MIXES = frozenset([*_SAMPLED, *_SORTED, *_PUT, *_WRITTEN])
JOINS = frozenset(["cat", "concat", "concatenate", "stack", "add", "add_", "__add__", "__radd__", "__iadd__"])


@dataclass(frozen=True)
class Grid:
    """How a tensor lies over the photo, or over the volume.

    layout : "channels first" ``(N, C, rows, columns)``, "channels last" ``(N, rows, columns, C)``, "tokens" ``(N, tokens, C)`` or
        "channels before tokens" ``(N, C, tokens)``. Of a volume (slices, rows, columns) stand for (rows, columns).
    skip : tokens before those of the grid. places : which tokens are the grid's, row by row, where they do not stand one after
        the other. axes : over which the tokens are spread: 2 where they come in windows. batch_axis : 1 for ``(tokens, N, C)``.
    depth : slices of a volume; None for photos.
    covers : False where it lies over a part of the photo only, as behind a crop: a map of it, laid over the whole photo, shows
        things more than half a cell beside where they are. Not known of volumes.
    """

    rows: int
    columns: int
    channels: int
    layout: str = "channels first"
    skip: int = 0
    places: tuple[int, ...] = ()
    axes: int = 1
    batch_axis: int = 0
    depth: int | None = None
    covers: bool = True

    @property
    def sides(self) -> tuple[int, ...]:
        """(rows, columns); of a volume (slices, rows, columns)."""
        return (self.rows, self.columns) if self.depth is None else (self.depth, self.rows, self.columns)

    @property
    def spatial(self) -> tuple[int, ...]:
        """The axes of :meth:`read`'s result that lie over the photo: (-2, -1), of a volume (-3, -2, -1)."""
        return tuple(range(-len(self.sides), 0))

    @property
    def text(self) -> str:
        """ "7×7", for people."""
        return format_sides(self.sides)

    @property
    def cells(self) -> tuple[int, ...]:
        """Rows, columns and channels: the same for the same values in another layout."""
        return *self.sides, self.channels

    @property
    def has_cells(self) -> bool:
        """More than one: a map can be made of it."""
        return math.prod(self.sides) > 1

    @property
    def of_tokens(self) -> bool:
        """True where rows and columns do not stand in the tensor's shape: they are known for one size of photos only."""
        return self.layout not in ("channels first", "channels last")

    @property
    def indices(self) -> list[int]:
        """The tokens that are the grid's, row by row."""
        return list(self.places) or list(range(self.skip, self.skip + math.prod(self.sides)))

    def read(self, tensor: torch.Tensor) -> torch.Tensor:
        """The tensor as ``(..., channels, *sides)``, a view where possible; sizes are the tensor's where it tells them."""
        if self.layout == "channels first":
            return tensor
        if self.layout == "channels last":
            return tensor.movedim(-1, -1 - len(self.sides))
        tensor = tensor.movedim(-2, -3) if self.batch_axis else tensor
        tokens = tensor if self.layout == "channels before tokens" else tensor.movedim(-1, -1 - self.axes)
        tokens = tokens.flatten(-self.axes)  # (..., channels, tokens)
        count = math.prod(self.sides)
        cells = tokens[..., list(self.places)] if self.places else tokens[..., self.skip : self.skip + count]
        return cells.reshape(*cells.shape[:-1], *self.sides)


@dataclass(frozen=True)
class Looks:
    """An attention in which all of the photo's tokens, and those beside them, look at each other.

    tokens : how many. sides, indices : which of them are the photo's, row by row, of how many (slices,) rows and columns.
    batch_first : the table's first axis is that of the photos; False where heads are folded into it, or stand before it.
    transposed : those that look stand in the table's columns: its softmax is over rows.
    """

    tokens: int
    sides: tuple[int, ...]
    indices: tuple[int, ...]
    batch_first: bool = True
    transposed: bool = False


@dataclass(frozen=True)
class Step:
    """One operation of the pass.

    op, count : its name, and how many of that name came before: together its address in any later pass.
    module : the module whose ``forward`` made the call. inputs : the steps it read. parameters : the weights it read.
    shape : of what came out. grid : how that lies over the photo, None if it does not.
    looks : of an attention, which tokens look at which; in words, why it is none of tokens to tokens.
    """

    number: int
    op: str
    count: int
    module: str
    inputs: tuple[int, ...]
    parameters: tuple[str, ...]
    shape: tuple[int, ...]
    grid: Grid | None
    looks: Looks | str | None = None

    @property
    def address(self) -> Address:
        """Where it is found in any later pass."""
        return Address(self.op, self.count)

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
    average is the score itself. logits : the step that gives them. activated : a softmax or a sigmoid follows.
    """

    features: int
    weight: str | None
    bias: str | None
    logits: int
    activated: bool = False


@dataclass(frozen=True)
class Trace:
    """A forward pass. ``output`` is the step that gives the class scores, None where the network hides it."""

    steps: tuple[Step, ...]
    calls: dict[str, tuple[int, ...]]  # module -> the step that it returned, once per call
    kinds: dict[str, str]  # module -> class name
    output: int | None
    dense_head: DenseHead | None
    others: dict[str, str]  # module -> what it returned, where that is no single tensor

    @cached_property
    def path(self) -> list[Step]:
        """The steps that the scores depend on and that depend on the input, in order."""
        if self.output is None:
            return []
        needed = {self.output}
        for step in reversed(self.steps):
            if step.number in needed:
                needed.update(step.inputs)
        return [step for step in self.steps if step.number in needed and step.number in self.touched]

    @cached_property
    def touched(self) -> frozenset[int]:
        """The steps that depend on the input; the others see weights, or other inputs of the network, alone."""
        touched = {INPUT}
        for step in self.steps:
            if touched.intersection(step.inputs):
                touched.add(step.number)
        return frozenset(touched)

    def is_bypassed(self, step: Step) -> bool:
        """True where the scores depend on the input by another path, too: one that leads around the step."""
        reached = {INPUT}
        for other in self.path:
            by_shape = other.op.startswith("new_") or other.op.endswith("_like")  # zeros of the size of what they are given
            if other.number != step.number and not by_shape and reached.intersection(other.inputs):
                reached.add(other.number)
        return self.output in reached

    @cached_property
    def modules(self) -> dict[int, str]:
        """Of the steps that a module returned: the outermost such module."""
        outermost: dict[int, str] = {}
        for module in sorted(filter(None, self.calls), key=lambda name: (name.count("."), len(name))):
            for number in self.calls[module]:
                outermost.setdefault(number, module)
        return outermost

    def feature_steps(self) -> list[Step]:
        """Where a map can be made, best first.

        The tensor that the head averages over space, where it does; then the activated or joined tensors, the last first;
        then any other tensor with more than one cell.
        """
        steps = [step for step in self.path if step.grid is not None and step.grid.has_cells]
        features = [step for step in steps if is_feature(step)]
        others = [step for step in steps if not is_feature(step)]
        exact = [] if self.dense_head is None else [self.steps[self.dense_head.features]]
        best = [*exact, *map(self._as_returned, reversed(features)), *reversed(others)]
        return list(dict.fromkeys(step for step in best if step in steps))

    def _as_returned(self, step: Step) -> Step:
        """The same values as a module returns them, where they are only moved on the way: windows back to rows and columns."""
        (grid, returned) = (step.grid, step)
        while len(readers := self._readers.get(step.number, [])) == 1:
            (step,) = readers
            if step.op not in MOVES or step.grid is None or grid is None or step.grid.cells != grid.cells:
                break
            if step.number in self.modules:
                returned = step
        return returned

    @cached_property
    def _readers(self) -> dict[int, list[Step]]:
        """Of each step: those on the path that read it."""
        readers: dict[int, list[Step]] = {}
        for step in self.path:
            for number in set(step.inputs):
                readers.setdefault(number, []).append(step)
        return readers

    def name(self, step: Step) -> str:
        """What a person calls the step: the outermost module that returned it, else the function and where it was called."""
        name = self.modules.get(step.number)
        if name is not None:
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
        return [s for s in self.path if s.number in reached and s.number not in (start, end)]


def is_feature(step: Step) -> bool:
    """Activated or joined; for tokens, normalised or joined."""
    if step.grid is not None and step.grid.of_tokens:
        # The normalised tokens before attention mixes them: behind the last mixing only the class token counts.
        return step.op == "layer_norm" or step.is_join
    return step.is_activation or step.is_join
