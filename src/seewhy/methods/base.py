"""What every method is: settings as dataclass fields, and one function from a request to an attribution.

A new method is one file with a frozen dataclass, and one line in ``methods/__init__.py``. Its fields are its settings: the
command line's flags, the saved record and the documentation's table come from them.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from enum import Enum
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.probe import ForwardPass, pull_back
from seewhy.engine.runner import Budget
from seewhy.engine.steps import DenseHead, Step
from seewhy.errors import GradientError, ModelError, OutputError, SeewhyError, TargetError, setting
from seewhy.explanation import Ranking, empty_notes
from seewhy.geometry import Array, SampleGrid
from seewhy.head import Head, describe, entry_hint
from seewhy.records import Note, Target
from seewhy.targets import (
    RequestedTarget,
    ResolvedTarget,
    against_indices,
    class_indices,
    class_values,
    rank_order,
    resolve,
    unit_of,
)

# What to do about an empty map.
OTHER_METHOD = f"{setting('method', 'occlusion')} hides the photo's parts and looks at the score alone"
OTHER_LAYER = f"another {setting('layer')} may show more"


class Needs(Enum):
    """What a method has to see of a network."""

    SCORES = "scores"  # any function that gives scores
    LAYERS = "layers"  # what a layer gives, without any gradient
    GRADIENTS = "gradients"  # torch's autograd from the scores to the photo
    OPERATIONS = "operations"  # the operations inside and gradients through them: layers, ReLUs


@dataclass(frozen=True, eq=False)
class Attribution:
    """What a method computed for a batch of N photos.

    maps : N arrays ``(K_n, h, w)``, raw. targets : N lists of K_n targets. scores : ``(N, K)``, None without class scores.
    signed, units, layer, raw : as in ``Explanation``. notes, details : one list, one dict per photo.
    forward, backward : passes of one photo. head : what the outputs mean.
    """

    maps: list[Array]
    targets: list[list[Target]]
    scores: Array | None
    signed: bool
    units: str
    layer: str | None
    notes: list[list[Note]]
    details: list[dict[str, Any]]
    forward: float
    backward: float
    head: Head
    partial: bool = False
    sample_grid: SampleGrid | None = None
    raw: list[Array] | None = None


def _no_report(passes: int, sketch: Callable[[], Attribution], progress: str) -> None:
    """Nobody has asked for the progress."""


@dataclass(frozen=True, eq=False)
class Request:
    """A batch to be explained: the classifier, the pixels ``(N, C, H, W)``, and the targets requested for each photo.

    planned : the network ready to be looked into; None for a callable.
    against : the class that every target is compared with; None for none.
    For methods that take many passes (``Method.sweeps``; N is 1 then): batch_size, budget : as given to ``explain``;
    interruptible : Ctrl-C ends the work with what there is; expect : is told (passes, seconds or None) before the work starts;
    report : is told how many more passes are done, how to make the attribution so far, and a text on the progress; smaller : is
    told (before, after) where a GPU had no room for so many at once.
    remarks : of each photo, what its targets say of its output; known once that has been read.
    """

    clf: Classifier
    planned: PlannedNetwork | None
    pixels: torch.Tensor
    targets: Sequence[Sequence[RequestedTarget]]
    seed: int
    against: str | int | None = None
    batch_size: int | None = None
    budget: Budget = field(default_factory=Budget)
    interruptible: bool = False
    watched: bool = False
    expect: Callable[[int, float | None], None] = lambda passes, seconds: None
    report: Callable[[int, Callable[[], Attribution], str], None] = _no_report
    smaller: Callable[[int, int], None] = lambda before, after: None
    remarks: list[list[Note]] = field(default_factory=list)

    @property
    def network(self) -> PlannedNetwork:
        """The network ready to be looked into. Raises MethodError for a callable."""
        return self.clf.executor.planned(self.pixels) if self.planned is None else self.planned

    @cached_property
    def only_functions(self) -> bool:
        """True where no class is asked for."""
        return all(callable(target) for targets in self.targets for target in targets)

    def forward(self, steps: tuple[Step, ...] = (), graph: bool = False) -> ForwardPass:
        """One forward pass of the batch; see ``engine.probe.forward_with_taps``."""
        return self.clf.executor.forward(self.pixels, steps, graph, self.planned)

    def read(self, output: Any) -> tuple[Head, Array | None]:
        """What this output means, and the scores ``(N, K)``.

        Where only functions are asked for, an output that holds no class scores, or is not what was declared, has none.
        """
        self.remarks[:] = [_remarks(row, output, n) for n, row in enumerate(self.targets)]
        try:
            rows = self.clf.class_scores(output, len(self.pixels), self.pixels)
            head = self.clf.executor.head(self.planned, output)
        except OutputError:
            if not self.only_functions:
                raise
            return self.clf.head, None
        scores: Array = head.scores(rows).float().cpu().numpy()
        return head, scores

    def rankings(self, scores: Array | None) -> list[Ranking | None]:
        """How many classes each photo's scores rank, and which is the first; None without class scores."""
        if scores is None:
            return [None] * len(self.targets)
        names = self.clf.class_names().names
        return [Ranking(len(row), names[rank_order(row)[0]]) for row in scores]

    def resolve(self, scores: Array | None, output: Any = None) -> list[list[ResolvedTarget]]:
        """Every photo's targets.

        output : of the photos themselves, from methods that run other pixels in their place, too: what a function decides at the
        photo, such as which pixels a class has, stays for all of them.
        """
        names = None if scores is None else self.clf.class_names()
        rows = [None] * len(self.targets) if scores is None else list(scores)
        resolved = [resolve(targets, row, names, self.against) for targets, row in zip(self.targets, rows, strict=True)]
        if not isinstance(output, torch.Tensor):
            return resolved
        return [[target.at(output[n : n + 1]) for target in row] for n, row in enumerate(resolved)]


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """A way to explain. Subclasses are frozen dataclasses whose fields are their settings."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]  # one plain paragraph: what it computes, what it tells, what it cannot say
    source: ClassVar[str]  # the paper
    cost: ClassVar[str]  # in passes, in words
    needs: ClassVar[Needs] = Needs.OPERATIONS
    by_class: ClassVar[bool] = True  # False: the map belongs to the photo, whatever the target
    backward: ClassVar[bool] = False  # a gradient goes back through the whole network
    knows_when_stable: ClassVar[bool] = False  # budget="auto": it ends when more passes would change nothing
    volumes: ClassVar[bool] = False  # it explains volumes (C, D, H, W), too
    sweeps: ClassVar[bool] = False  # many passes for each photo: photos are explained one at a time

    @abstractmethod
    def attribute(self, request: Request) -> Attribution:
        """The maps of a batch, raw."""

    @classmethod
    def setting_names(cls) -> list[str]:
        """The settings, in order."""
        return [f.name for f in fields(cls)]

    def settings(self) -> dict[str, Any]:
        """The settings as plain values, for the record."""
        values = {name: getattr(self, name) for name in self.setting_names()}
        return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    """A setting for the record: modules by their class, arrays by their shape."""
    if isinstance(value, (np.ndarray, torch.Tensor)):
        return value.tolist() if value.ndim < 2 else f"an array {tuple(value.shape)}"
    return type(value).__name__ if isinstance(value, nn.Module) else value


@dataclass(frozen=True, kw_only=True)
class FeatureMethod(Method):
    """Methods that weight a layer's feature maps by the score's gradient there.

    layer : name or module; None takes the last one that is activated or joined and has rows and columns.
    relu : leave out what speaks against the target. score : "logit", "probability" or "log_odds".
    """

    averages: ClassVar[bool] = True  # the gradient over the grid, as Grad-CAM does
    volumes: ClassVar[bool] = True

    layer: str | nn.Module | None = None
    relu: bool = True
    score: str = field(default="logit", metadata={"choices": ("logit", "probability", "log_odds")})

    @abstractmethod
    def combine(self, features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """The method's equation: features ``(N, 1, c, h, w)`` and gradients ``(N, K, c, h, w)`` (or constant over a map:
        ``(N, K, c, 1, 1)``) to maps ``(N, K, h, w)``, before the final ReLU. Of a volume (d, h, w) stand for (h, w)."""

    def attribute(self, request: Request) -> Attribution:
        """The maps of a batch, raw: one forward pass, then one sweep back for all targets, or none where the head is linear."""
        planned = request.network
        step = planned.find_layer(self.layer)
        dense_head = _linear_head(planned, step)
        forward_pass = request.forward((step,), graph=dense_head is None and self.by_class)
        layer = planned.trace.name(step)
        leaf = forward_pass.taps[0]
        if leaf is None or step.grid is None:
            raise GradientError(f"Layer '{layer}' was not reached in this forward pass.")
        with torch.inference_mode(False):
            output = forward_pass.output.detach() if isinstance(forward_pass.output, torch.Tensor) else forward_pass.output
            (head, scores) = request.read(output)
            resolved = request.resolve(scores)
            (seeds, values) = output_gradients(head, output, resolved, self.score)  # (K, N, classes), (K, N)
            features = step.grid.read(leaf.detach()).float()  # (N, c, h, w)
            if not self.by_class:
                gradients = features.new_zeros(1).expand(
                    len(features), len(seeds), features.shape[1], *[1] * len(step.grid.sides)
                )
            elif dense_head is not None:
                gradients = _through_linear(planned, dense_head, seeds, features)
            else:
                gradient = pull_back(forward_pass.output, seeds.to(output.dtype), leaf)
                if gradient is None:
                    raise GradientError(
                        f"{self.title} needs a gradient, but the score for '{resolved[0][0].target.text}' is cut off from layer "
                        f"'{layer}'.{planned.where_cut(request.clf.executor.network_inputs(request.pixels[:1]), step)}"
                    )
                gradients = step.grid.read(gradient).float().movedim(0, 1)  # (N, K, c, h, w)
            maps = self.combine(features[:, None], gradients)
            maps = maps.clamp_min(0) if self.relu else maps
            if not bool(torch.isfinite(maps).all()):
                raise ModelError(f"Non-finite activations or gradients in '{layer}': {request.clf.executor.finite_again}.")
            arrays = maps.cpu().numpy()
        targets = with_values(resolved, values)
        unit = unit_of(head, [target for row in resolved for target in row], self.score)
        counts = [len(row) for row in resolved]
        return Attribution(
            maps=[rows[:count] for rows, count in zip(arrays, counts, strict=True)],
            targets=targets,
            scores=scores,
            signed=not self.relu and self.by_class,
            units=f"{unit} per cell" if self.by_class else "activation",  # where no ReLU cuts it, the map's sum is the score
            layer=layer,
            notes=self._notes(planned, step, arrays, targets, unit, request.rankings(scores)),
            details=[plan_details(planned) for _ in counts],
            forward=1.0,
            backward=float(max(counts)) if dense_head is None and self.by_class else 0.0,
            head=head,
        )

    def _notes(
        self,
        planned: PlannedNetwork,
        step: Step,
        maps: Array,
        targets: list[list[Target]],
        unit: str,
        rankings: list[Ranking | None],
    ) -> list[list[Note]]:
        """For each photo: why a map shows nothing, and what makes it unreliable. unit : of the score."""
        layer = planned.trace.name(step)
        caveat = []
        if self.averages and flattens_grid(planned, step):
            caveat.append(
                Note(
                    f"{self.title} is unreliable on this network: behind '{layer}' the head flattens the grid, so each place has "
                    f"a gradient of its own, and averaging mixes them up: use {setting('method', 'hires_cam')}"
                )
            )
        cure = OTHER_LAYER
        if self.relu and self.by_class:
            cure = f"{setting('method', self.name)}, {setting('relu', False)} shows what speaks against the class"
        return [
            [*empty_notes(maps_of_photo[: len(row)], row, layer, cure, unit, ranking), *caveat]
            for maps_of_photo, row, ranking in zip(maps, targets, rankings, strict=True)
        ]


def _remarks(targets: Sequence[RequestedTarget], output: Any, n: int) -> list[Note]:
    """What functions of the output have to say of photo n."""
    remarks = []
    for number, target in enumerate(targets):
        if not isinstance(output, torch.Tensor) or not hasattr(target, "remark"):
            continue
        if text := target.remark(output[n : n + 1]):
            remarks.append(Note(text, number))
    return remarks


def plan_details(planned: PlannedNetwork | None, form: str = "a function") -> dict[str, Any]:
    """How the network was run, for the record. form : what it is, where it was not planned."""
    if planned is None:
        return {"plan": form, "deviation": 0.0}
    return {"plan": planned.plan.description, "deviation": planned.plan.deviation}


def _linear_head(planned: PlannedNetwork, step: Step) -> DenseHead | None:
    """The head, if everything between the step and the output is an average and one matrix: no backward pass is needed."""
    head = planned.trace.dense_head
    return None if head is None or head.features != step.number or head.activated else head


def dense_weights(planned: PlannedNetwork, head: DenseHead) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Weight ``(K, c)`` and bias ``(K,)`` of the dense layer; None where there is none (SqueezeNet's form)."""
    weight = None if head.weight is None else _tensor(planned, head.weight).flatten(1)
    bias = None if head.bias is None else _tensor(planned, head.bias)
    return weight, bias


def _tensor(planned: PlannedNetwork, name: str) -> torch.Tensor:
    """A parameter or a buffer of the network that runs, by its name."""
    (module, _, attribute) = name.rpartition(".")
    tensor: torch.Tensor = getattr(planned.plan.network.get_submodule(module), attribute)
    return tensor.detach().float()


def _through_linear(planned: PlannedNetwork, head: DenseHead, seeds: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """The gradient in closed form: ``seeds · weight / (h w)``, the same at every place: ``(N, K, c, 1, 1)``."""
    (weight, _) = dense_weights(planned, head)
    seeds = seeds.float().reshape(*seeds.shape[:2], -1)  # one logit may come as (N,)
    pooled = seeds if weight is None else seeds @ weight  # (K, N, c)
    sides = features.shape[2:]
    return pooled.movedim(0, 1).reshape(pooled.shape[1], len(pooled), -1, *[1] * len(sides)) / math.prod(sides)


def spatial(of_channels: torch.Tensor) -> tuple[int, ...]:
    """The axes of ``(N, K, c, h, w)`` that lie over the photo: (3, 4), of a volume (3, 4, 5)."""
    return tuple(range(3, of_channels.ndim))


def output_gradients(
    head: Head, output: Any, targets: list[list[ResolvedTarget]], score: str
) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of every target's value with respect to the output, ``(K, N, ...)``, and the values ``(K, N)``.

    Photos with fewer targets than others are filled up with their first one.
    """
    if not isinstance(output, torch.Tensor):
        raise TargetError(
            f"The network returned {describe(output)}: the target needs one tensor of it. Say which with {entry_hint(output)}."
        )
    count = max(len(row) for row in targets)
    slots = [[row[place] if place < len(row) else row[0] for row in targets] for place in range(count)]
    only_classes = all(target.function is None for slot in slots for target in slot)
    if only_classes and score == "logit" and output.ndim == 2 and not head.probabilities and head.kind != "binary":
        return _of_logits(head.check(output).detach().float(), slots)
    with torch.enable_grad():
        # Each target has a copy of the output to itself, so that one backward pass gives all gradients.
        leaf = output.float().expand(count, *output.shape).clone().requires_grad_()  # (K, N, ...)
        values = torch.stack([_slot_value(head, own, slot, score) for own, slot in zip(leaf, slots, strict=True)])
        # A function that does not depend on the output has no gradient anywhere.
        (seeds,) = torch.autograd.grad(values.sum(), leaf, allow_unused=True) if values.requires_grad else (None,)
    return torch.zeros_like(leaf) if seeds is None else seeds, values.detach()


def _of_logits(logits: torch.Tensor, slots: list[list[ResolvedTarget]]) -> tuple[torch.Tensor, torch.Tensor]:
    """The same where the values are the logits ``(N, K)`` themselves: the gradient is 1 at the class, -1 at the one against."""
    index = torch.tensor([class_indices(slot) for slot in slots], device=logits.device)[..., None]
    logits = logits.expand(len(slots), *logits.shape)
    (seeds, values) = (torch.zeros_like(logits).scatter_(2, index, 1.0), logits.gather(2, index)[..., 0])
    others = [against_indices(slot) for slot in slots]
    if others[0]:
        index = torch.tensor(others, device=logits.device)[..., None]
        (seeds, values) = (seeds.scatter_(2, index, -1.0), values - logits.gather(2, index)[..., 0])
    return seeds, values


def _slot_value(head: Head, output: torch.Tensor, slot: list[ResolvedTarget], score: str) -> torch.Tensor:
    """One value per photo ``(N,)``: of a class, or of a function of the output."""
    functions = {id(target.function): target.function for target in slot if target.function is not None}
    value = output.new_zeros(len(output))
    if len(functions) == 0 or any(target.function is None for target in slot):
        value = class_values(head, head.check(output), slot, score)
    for key, function in functions.items():
        own = torch.tensor([n for n, target in enumerate(slot) if id(target.function) == key], device=output.device)
        value = value.index_put((own,), function_values(function, output[own]).to(value.dtype))
    return value


def function_values(function: Callable[[Any], Any], output: Any) -> torch.Tensor:
    """A target function's values, one for each photo ``(N,)``. Raises TargetError for another form."""
    name = repr(getattr(function, "__name__", function))
    try:
        values = function(output)
    except SeewhyError:
        raise
    except Exception as error:  # it is a person's own code
        hint = "" if isinstance(output, torch.Tensor) else f". Pick one entry with {entry_hint(output)}."
        raise TargetError(
            f"The target function {name} was given {describe(output)}, and failed: {type(error).__name__}: {error}{hint}"
        ) from error
    count = len(output) if isinstance(output, torch.Tensor) else None
    if not isinstance(values, torch.Tensor) or values.ndim != 1 or (count is not None and len(values) != count):
        raise TargetError(
            f"The target function {name} returned {describe(values)}: it must return one "
            f"number per photo{'' if count is None else f', a tensor ({count},)'}."
        )
    return values


def with_values(targets: list[list[ResolvedTarget]], values: torch.Tensor) -> list[list[Target]]:
    """Function targets get the value they returned as their score."""
    table = values.cpu().numpy()  # (K, N)
    return [
        [
            Target(t.target.name, None, float(table[place, n]), None) if t.function is not None else t.target
            for place, t in enumerate(row)
        ]
        for n, row in enumerate(targets)
    ]


def flattens_grid(planned: PlannedNetwork, step: Step) -> bool:
    """True where a dense layer reads every place of a grid by itself."""
    steps = planned.trace.steps
    for later in planned.trace.between(step.number, planned.trace.output):
        sources = [steps[number] for number in later.inputs if number >= 0]
        if later.op in ("flatten", "view", "reshape") and len(later.shape) == 2 and sources:
            grid = sources[0].grid
            if grid is not None and grid.has_cells:
                return True
    return False
