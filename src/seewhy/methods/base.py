"""What every method is: settings as dataclass fields, and one function from pixels to heat.

A new method is one file with a frozen dataclass, and one line in ``methods/__init__.py``. Its fields are its settings: the
command line's flags, the saved record and the documentation's table come from them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.probe import Run, pull_back
from seewhy.engine.runner import Budget
from seewhy.engine.steps import DenseHead, Step
from seewhy.errors import GradientError, ModelError, TargetError
from seewhy.explanation import empty_notes
from seewhy.geometry import Array, SampleGrid
from seewhy.head import describe
from seewhy.records import Target
from seewhy.targets import Chosen, Wish, choose


@dataclass(frozen=True, eq=False)
class Heat:
    """What a method found for a batch of N photos.

    maps : N arrays ``(K_n, h, w)``, raw. chosen : N lists of K_n targets. scores : ``(N, K)``, None without class scores.
    signed, units, layer, raw : as in ``Explanation``. notes, details : one list, one dict per photo.
    forward, backward : passes of one photo.
    """

    maps: list[Array]
    chosen: list[list[Target]]
    scores: Array | None
    signed: bool
    units: str
    layer: str | None
    notes: list[list[str]]
    details: list[dict[str, Any]]
    forward: float
    backward: float
    partial: bool = False
    sample_grid: SampleGrid | None = None
    raw: list[Array] | None = None


def _silent(count: int, sketch: Callable[[], Heat], said: str) -> None:
    """Nobody wants to know how far the work is."""


@dataclass(frozen=True, eq=False)
class Subject:
    """A batch to be explained: the classifier, the pixels ``(N, C, H, W)``, and what was asked for each photo.

    inside : the network ready to be looked into; None for a callable.
    For methods that take many passes (``Method.sweeps``; N is 1 then): batch_size, budget : as given to ``explain``;
    interruptible : Ctrl-C ends the work with what there is; expect : is told (passes, seconds) before the work starts;
    report : is told how many more passes are done, how to make the heat so far, and a word on it.
    """

    clf: Classifier
    inside: PlannedNetwork | None
    pixels: torch.Tensor
    wishes: Sequence[Sequence[Wish]]
    seed: int
    batch_size: int | None = None
    budget: Budget = field(default_factory=Budget)
    interruptible: bool = False
    expect: Callable[[int, float], None] = lambda passes, seconds: None
    report: Callable[[int, Callable[[], Heat], str], None] = _silent

    @property
    def planned(self) -> PlannedNetwork:
        """The network ready to be looked into. Raises MethodError for a callable."""
        return self.clf.planned(self.pixels) if self.inside is None else self.inside

    def run(self, steps: tuple[Step, ...] = (), graph: bool = False) -> Run:
        """One forward pass of the batch; see ``engine.probe.run``."""
        return self.clf.run(self.pixels, steps, graph, self.inside)

    def read_scores(self, output: Any) -> Array | None:
        """``(N, K)``; None where the output holds no class scores and only functions were asked for."""
        only_functions = all(callable(wish) for wishes in self.wishes for wish in wishes)
        if only_functions and not (isinstance(output, torch.Tensor) and output.ndim == 2):
            return None
        scores: Array = self.clf.head.scores(self.clf.checked(output)).cpu().numpy()
        return scores

    def choose(self, scores: Array | None) -> list[list[Chosen]]:
        """Every photo's targets."""
        names = None if scores is None else self.clf.class_names()
        rows = [None] * len(self.wishes) if scores is None else list(scores)
        return [choose(wishes, row, names) for wishes, row in zip(self.wishes, rows, strict=True)]


@dataclass(frozen=True, kw_only=True)
class Method(ABC):
    """A way to explain. Subclasses are frozen dataclasses whose fields are their settings."""

    name: ClassVar[str]
    title: ClassVar[str]
    summary: ClassVar[str]  # one plain paragraph: what it computes, what it tells, what it cannot say
    source: ClassVar[str]  # the paper
    cost: ClassVar[str]  # in passes, in words
    by_class: ClassVar[bool] = True  # False: the map belongs to the photo, whatever the target
    backward: ClassVar[bool] = False  # a gradient goes back through the whole network
    sweeps: ClassVar[bool] = False  # many passes for each photo: photos are explained one at a time

    @abstractmethod
    def heat(self, subject: Subject) -> Heat:
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

    layer: str | nn.Module | None = None
    relu: bool = True
    score: str = field(default="logit", metadata={"choices": ("logit", "probability", "log_odds")})

    @abstractmethod
    def combine(self, features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """The method's equation: features ``(N, 1, c, h, w)`` and gradients ``(N, K, c, h, w)`` (or constant over a map:
        ``(N, K, c, 1, 1)``) to maps ``(N, K, h, w)``, before the final ReLU."""

    def heat(self, subject: Subject) -> Heat:
        """The maps of a batch, raw: one forward pass, then one sweep back for all targets, or none where the head is linear."""
        clf = subject.clf
        planned = subject.planned
        step = planned.find_layer(self.layer)
        head = _linear_head(planned, step)
        done = subject.run((step,), graph=head is None and self.by_class)
        layer = planned.trace.name(step)
        leaf = done.taken[0]
        if leaf is None or step.grid is None:
            raise GradientError(f"Layer '{layer}' was not reached in this forward pass.")
        with torch.inference_mode(False):
            output = done.output.detach() if isinstance(done.output, torch.Tensor) else done.output
            scores = subject.read_scores(output)
            chosen = subject.choose(scores)
            (seeds, values) = output_gradients(clf, output, chosen, self.score)  # (K, N, classes), (K, N)
            features = step.grid.read(leaf.detach()).float()  # (N, c, h, w)
            if not self.by_class:
                gradients = features.new_zeros(1).expand(len(features), len(seeds), features.shape[1], 1, 1)
            elif head is not None:
                gradients = _through_linear(planned, head, seeds, features)
            else:
                pulled = pull_back(done.output, seeds.to(output.dtype), leaf)
                if pulled is None:
                    raise GradientError(_no_gradient(self.name, planned, layer, chosen))
                gradients = step.grid.read(pulled).float().movedim(0, 1)  # (N, K, c, h, w)
            maps = self.combine(features[:, None], gradients)
            maps = maps.clamp_min(0) if self.relu else maps
            if not bool(torch.isfinite(maps).all()):
                raise ModelError(f"Non-finite activations or gradients in '{layer}' ({leaf.dtype}): use precision='exact'.")
            arrays = maps.cpu().numpy()
        targets = with_values(chosen, values)
        counts = [len(row) for row in chosen]
        return Heat(
            maps=[rows[:count] for rows, count in zip(arrays, counts, strict=True)],
            chosen=targets,
            scores=scores,
            signed=not self.relu and self.by_class,
            units=clf.head.unit(self.score) if self.by_class else "activation",
            layer=layer,
            notes=self._notes(planned, step, arrays, targets),
            details=[{"plan": planned.plan.words, "deviation": planned.plan.deviation} for _ in counts],
            forward=1.0,
            backward=float(max(counts)) if head is None and self.by_class else 0.0,
        )

    def _notes(self, planned: PlannedNetwork, step: Step, maps: Array, targets: list[list[Target]]) -> list[list[str]]:
        """For each photo: why a map shows nothing, and what makes it unreliable."""
        layer = planned.trace.name(step)
        caveat = []
        if self.averages and _flattens_grid(planned, step):
            caveat.append(
                f"{self.title} is unreliable on this network: behind '{layer}' the head flattens the grid, so each place has a "
                "gradient of its own, and averaging mixes them up: use method='hires_cam'"
            )
        notes = []
        for maps_of_photo, row in zip(maps, targets, strict=True):
            empty = [note for heat, target in zip(maps_of_photo, row, strict=False) for note in empty_notes(heat, target, layer)]
            cure = [f"method='{self.name}', relu=False shows what speaks against the class"] if empty and self.relu else []
            notes.append([*empty, *cure, *caveat])
        return notes


def _linear_head(planned: PlannedNetwork, step: Step) -> DenseHead | None:
    """The head, if everything between the step and the output is an average and one matrix: no backward pass is needed."""
    head = planned.trace.dense_head
    if head is None or head.features != step.number or head.logits != planned.trace.output:
        return None
    return head


def dense_weights(planned: PlannedNetwork, head: DenseHead) -> tuple[torch.Tensor | None, torch.Tensor | None]:
    """Weight ``(K, c)`` and bias ``(K,)`` of the dense layer; None where there is none (SqueezeNet's form)."""
    network = planned.plan.network
    weight = None if head.weight is None else network.get_parameter(head.weight).detach().float().flatten(1)
    bias = None if head.bias is None else network.get_parameter(head.bias).detach().float()
    return weight, bias


def _through_linear(planned: PlannedNetwork, head: DenseHead, seeds: torch.Tensor, features: torch.Tensor) -> torch.Tensor:
    """The gradient in closed form: ``seeds · weight / (h w)``, the same at every place. ``(N, K, c, 1, 1)``."""
    (weight, _) = dense_weights(planned, head)
    pooled = seeds.float() if weight is None else seeds.float() @ weight  # (K, N, c)
    return pooled.movedim(0, 1)[..., None, None] / (features.shape[-2] * features.shape[-1])


def output_gradients(clf: Classifier, output: Any, chosen: list[list[Chosen]], score: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The gradient of every target's value with respect to the output, ``(K, N, ...)``, and the values ``(K, N)``.

    Photos with fewer targets than others are filled up with their first one.
    """
    if not isinstance(output, torch.Tensor):
        raise TargetError(f"The network returned {describe(output)}: pick a tensor with Classifier(output=...) first.")
    count = max(len(row) for row in chosen)
    slots = [[row[place] if place < len(row) else row[0] for row in chosen] for place in range(count)]
    with torch.enable_grad():
        # Each target has a copy of the output to itself, so that one backward pass gives all gradients.
        leaf = output.float().expand(count, *output.shape).clone().requires_grad_()  # (K, N, ...)
        values = torch.stack([_slot_value(clf, own, slot, score) for own, slot in zip(leaf, slots, strict=True)])
        # A function that does not depend on the output has no gradient anywhere.
        (seeds,) = torch.autograd.grad(values.sum(), leaf, allow_unused=True) if values.requires_grad else (None,)
    return torch.zeros_like(leaf) if seeds is None else seeds, values.detach()


def _slot_value(clf: Classifier, leaf: torch.Tensor, slot: list[Chosen], score: str) -> torch.Tensor:
    """One value per photo ``(N,)``: of a class, or of a function of the output."""
    functions = {id(choice.function): choice.function for choice in slot if choice.function is not None}
    value = leaf.new_zeros(len(leaf))
    if len(functions) == 0 or any(choice.function is None for choice in slot):
        index = torch.tensor([choice.target.index or 0 for choice in slot], device=leaf.device)
        value = clf.head.value(clf.head.check(leaf), index, score)
    for key, function in functions.items():
        given = function(leaf)
        if not isinstance(given, torch.Tensor) or given.shape != (len(leaf),):
            raise TargetError(
                f"The target function {getattr(function, '__name__', function)!r} returned {describe(given)}: it must return one "
                f"number per photo, a tensor ({len(leaf)},)."
            )
        mine = torch.tensor([id(choice.function) == key for choice in slot], device=leaf.device)
        value = torch.where(mine, given, value)
    return value


def with_values(chosen: list[list[Chosen]], values: torch.Tensor) -> list[list[Target]]:
    """Function targets get the value they returned as their score."""
    table = values.cpu().numpy()  # (K, N)
    return [
        [
            Target(c.target.name, None, float(table[place, n]), None) if c.function is not None else c.target
            for place, c in enumerate(row)
        ]
        for n, row in enumerate(chosen)
    ]


def _flattens_grid(planned: PlannedNetwork, step: Step) -> bool:
    """True where a dense layer reads every place of a grid by itself."""
    steps = planned.trace.steps
    for later in planned.trace.between(step.number, planned.trace.output):
        read = [steps[number] for number in later.inputs if number >= 0]
        if later.op in ("flatten", "view", "reshape") and len(later.shape) == 2 and read:
            grid = read[0].grid
            if grid is not None and grid.has_cells:
                return True
    return False


def _no_gradient(method: str, planned: PlannedNetwork, layer: str, chosen: list[list[Chosen]]) -> str:
    name = chosen[0][0].target.name
    return (
        f"{method} needs a gradient, but the score for '{name}' is cut off from layer '{layer}': remove @torch.no_grad(), "
        f".detach() or argmax from the forward of {planned.name}."
    )
