"""A network made ready: how it is run, where a map can be made, and whether it has changed since."""

from __future__ import annotations

import copy
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import cached_property
from typing import Any, TypeVar

import numpy as np
import torch
from torch import nn

from seewhy.engine.attention import Attention, find_attention, forward_with_attention, is_attention
from seewhy.engine.cut import first_cut
from seewhy.engine.dense_head import last_activation
from seewhy.engine.fingerprint import Fingerprint
from seewhy.engine.form import form_of
from seewhy.engine.plan import Plan, closed, compiled, make_plan, plain_plan
from seewhy.engine.probe import ForwardPass, first_broken, forward_with_taps, run_until
from seewhy.engine.runner import of_input, too_large
from seewhy.engine.several_inputs import OneInput
from seewhy.engine.steps import INPUT, MIXES, Step, Trace
from seewhy.engine.strategy import StrategyHistory
from seewhy.errors import GradientError, LayerError, MethodError, ModelError, OutputError, alternatives, did_you_mean, setting
from seewhy.head import Head, describe, entry_hint, with_batch_axis
from seewhy.records import FeatureLayer

AT_ONCE = 8  # layers that are tried in one pass
# The methods that look at the scores alone; a test compares them with the methods' own needs.
WITHOUT_GRADIENT = alternatives(setting("method", name) for name in ("occlusion", "lime", "rise"))
LISTED = 90  # characters of layers in a message
ALIKE = 1e-3  # gradients at two places, over the largest
Result = TypeVar("Result")

# What a network raises when it is given what it cannot take. A person's own exception types pass through as they are.
MISFITS = (RuntimeError, ValueError, TypeError, IndexError, NotImplementedError, KeyError, AttributeError, AssertionError)


class PlannedNetwork:
    """A network, its plan and its trace; good for as long as :meth:`is_fresh`.

    trial : ``(2, C, H, W)`` network inputs of the shape that will come, on which it is traced and the plan checked; of a network
        that runs one photo at a time, one.
    pick : takes the class scores out of what the network returns.
    """

    def __init__(self, network: nn.Module, trial: torch.Tensor, pick: Callable[[Any], Any], precision: str, name: str) -> None:
        self.network = network
        self.name = name
        self._pick: Callable[[Any], Any] = lambda output: with_batch_axis(pick(output))
        self.shape = trial.shape[1:]
        self._fingerprint = Fingerprint(network)
        self.strategies = StrategyHistory()
        self._averaged: dict[int, bool] = {}
        self._compiled: dict[Any, Callable[[torch.Tensor], Any] | None] = {}
        try:
            self.plan: Plan = _guarded(lambda: make_plan(network, trial[:1], self._pick, precision), trial)
        except torch.cuda.OutOfMemoryError as error:
            raise ModelError(too_large(error)) from error
        self._trial = trial[:1] if self.plan.one_at_a_time else trial

    def is_fresh(self) -> bool:
        """True while the network is what it was: same modules, same hooks, same weights."""
        return self._fingerprint.holds(self.network)

    def beside(self, network: OneInput) -> PlannedNetwork:
        """The same network with other inputs beside the explained one, of the same form; nothing is planned or copied again."""
        other = copy.copy(self)
        other.network = network
        other._fingerprint = self._fingerprint.seen_through(network)
        other._compiled = {}
        other.__dict__.pop("_unfolded", None)
        runs: Any = self.plan.network
        own = self.plan.one_at_a_time or not self.plan.as_is
        beside = runs.beside(network.inputs) if own else network if self.plan.trace else closed(network)
        other.plan = replace(self.plan, network=beside)
        return other

    def suits(self, shape: tuple[int, ...]) -> bool:
        """True for photos of that shape: the grids of feature maps follow it, those of tokens are known for one shape only."""
        steps = self.plan.trace.steps if self.plan.trace else ()
        return shape == self.shape or not any(step.grid is not None and step.grid.of_tokens for step in steps)

    def forward(self, inputs: torch.Tensor, steps: tuple[Step, ...] = (), graph: bool = False) -> ForwardPass:
        """Run on ``(N, C, H, W)`` inputs and take the results of ``steps`` (see ``engine.probe.forward_with_taps``)."""
        plan = self.plan if all(self.plan.has(step) for step in steps) else self._unfolded
        try:
            return _guarded(lambda: forward_with_taps(plan, inputs, self._pick, steps, graph), inputs)
        except ModelError:
            if inputs.shape[1:] != self.shape:  # a size that it was not traced with: traced, the complaint names the layer
                _guarded(lambda: make_plan(self.network, inputs[:1], self._pick, "exact"), inputs)
            raise

    def run_until(self, inputs: torch.Tensor, step: Step | None = None) -> Any:
        """What ``step`` gives for ``(N, C, H, W)`` inputs of any size that reaches it, differentiable with respect to them where
        they ask for it; nothing behind the step is run. None takes the class scores (see ``engine.probe.run_until``).

        Raises LayerError where the step is not reached.
        """
        plan = self.plan if step is None or self.plan.has(step) else self._unfolded
        value = _guarded(lambda: run_until(plan, inputs, self._pick, step), inputs)
        if value is None:
            name = "" if step is None else self.trace.name(step)
            raise LayerError(f"Layer '{name}' was not reached in this forward pass.")
        return value

    def first_broken(self, inputs: torch.Tensor) -> str | None:
        """The name of the first layer that gives values that are not finite; None where all are."""
        step = first_broken(self._unfolded, inputs)
        return None if step is None else self.trace.name(step)

    @property
    def leaves_torch(self) -> bool:
        """True where the scores are a tensor that no operation connects with the input."""
        trace = self.plan.trace
        return trace is not None and isinstance(self.plan.trial_output, torch.Tensor) and not trace.path

    @cached_property
    def _where_left(self) -> str:
        cut = first_cut(self._unfolded, self._trial[:1], self._pick, None)
        return "" if cut is None else f", at '{cut.name}'"

    def where_cut(self, inputs: torch.Tensor, start: Step | None = None, others: str = WITHOUT_GRADIENT) -> str:
        """The end of a message on a gradient that does not come from the scores to ``start`` (None: the photo): the first step
        without one, and what to do.

        others : the methods that need none; "" where there are none.
        """
        cut = first_cut(self._unfolded, inputs, self._pick, start)
        use = f" Use a method that needs none: {others}; or " if others else " To have one, "
        if cut is None:
            return f"{use}see what has no gradient in {self.name}.forward."
        owner = self.name if not cut.owner or self.plan.trace is None else self.plan.trace.kinds[cut.owner]
        return f" First step without gradient: {cut}.{use}remove {cut.culprit} from {owner}.forward."

    def forward_prepared(self, prepared: torch.Tensor) -> Any:
        """The picked output for inputs that ``plan.prepare`` has prepared."""

        def forward() -> Any:
            with self.plan.ready():
                return self._pick(self.plan.network(prepared))

        return _guarded(forward, prepared)

    def compiled(self, size: int, photo: torch.Tensor) -> Callable[[torch.Tensor], Any] | None:
        """The network compiled for ``size`` prepared photos like this one at once; None where that is not possible.

        Takes 5 to 25 seconds and a C++ compiler; made once.
        """
        key = (size, tuple(photo.shape[1:]))
        if key not in self._compiled:
            self._compiled[key] = compiled(self.plan, self.network, photo.expand(size, -1, -1, -1), self._pick)
        return self._compiled[key]

    def is_compiled(self, size: int) -> bool:
        """True where :meth:`compiled` has been made, so that it costs nothing any more."""
        return any(key[0] == size and network is not None for key, network in self._compiled.items())

    @property
    def can_be_followed(self) -> bool:
        """True where the network may be run on rectangles (``engine.incremental``): a private copy, watched once, of photos."""
        return self.plan.trace is not None and not (self.plan.as_is or self.plan.one_at_a_time) and len(self.shape) == 3

    @cached_property
    def _unfolded(self) -> Plan:
        return plain_plan(self.plan, self.network)

    @cached_property
    def bytes_each(self) -> int:
        """Memory that one photo takes on its way: about four tensors as large as the largest one."""
        steps = self.plan.trace.steps if self.plan.trace else ()
        return 4 * 4 * max((int(np.prod(step.shape)) for step in steps), default=0)

    @property
    def trace(self) -> Trace:
        """The forward pass, written down. Raises MethodError for what cannot be watched inside."""
        if self.plan.trace is None:
            raise MethodError(
                f"This is {form_of(self.network).name}: its inside cannot be watched, so it has no layers to look at. Give the "
                "original nn.Module."
            )
        output = self.plan.trial_output
        if not isinstance(output, torch.Tensor):
            raise OutputError(
                f"The network returned {describe(output)}. Expected class scores (N, classes): say which entry holds them with "
                f"{entry_hint(output)}."
            )
        if not self.plan.trace.path:
            raise MethodError(
                f"The forward pass of {self.name} cannot be followed to its scores: it leaves torch on the "
                f"way{self._where_left}, so methods that look inside are not possible. Working now: {WITHOUT_GRADIENT}.",
                clause=f"its forward leaves torch on the way{self._where_left}",
            )
        return self.plan.trace

    def head(self, declared: Head) -> Head:
        """What the outputs mean. declared : what a person says; whether the network ends in a softmax or a sigmoid is seen in the
        trace, or in the values for noise. Raises OutputError where the two contradict each other."""
        return declared.ending_in("softmax" if not self._activation and self._gives_probabilities else self._activation)

    @cached_property
    def _activation(self) -> str:
        """ "softmax" or "sigmoid" where that is the last operation but for changes of shape, else ""."""
        return "" if self.plan.trace is None else last_activation(self.plan.trace.steps, self.plan.trace.output)

    @cached_property
    def _gives_probabilities(self) -> bool:
        """True where outputs for noise are positive and sum to 1: a softmax in another form."""
        softmax = Head("softmax")
        output = self.plan.trial_output
        if output is None:  # TorchScript was not run yet
            output = self.forward(self._trial[:1]).output
        if not isinstance(output, torch.Tensor) or output.ndim != 2 or not softmax.look_like_probabilities(output):
            return False
        return softmax.look_like_probabilities(self.forward(self._trial).output)  # on one photo it may be chance

    @cached_property
    def feature_step(self) -> Step:
        """Where a map is made when no layer is named: the first candidate that a gradient reaches."""
        trace = self.trace
        candidates = trace.feature_steps()
        if not candidates:
            self._check_readable()
            raise LayerError("No layer of this network has rows and columns: methods on feature maps are not possible.")
        if trace.dense_head is not None and trace.dense_head.features == candidates[0].number:
            return candidates[0]  # what the head averages is reached by construction
        if form_of(self.network).quantised is not None:
            return candidates[0]  # no gradient goes anywhere; methods that need none can use it
        reached = self._first_reached(candidates)
        if reached is None:
            raise GradientError(
                f"No gradient reaches any layer of {self.name} (best candidate: '{trace.name(candidates[0])}')."
                f"{self.where_cut(self._trial[:1], candidates[0])}",
                clause="no gradient reaches any layer",
            )
        return reached

    @property
    def has_feature_layers(self) -> bool:
        """True where some layer has rows and columns that can be read: not where all of them hold whole numbers."""
        return bool(self.trace.feature_steps())

    def _check_readable(self) -> None:
        """Raises LayerError where int8 is why no layer has rows and columns."""
        first = form_of(self.network).quantised
        if first is not None and not self.has_feature_layers:
            raise LayerError(
                f"From '{first}' on this network computes in int8, and feature maps of whole numbers cannot be read. Use a "
                f"method that needs none: {WITHOUT_GRADIENT}; or give the network as it was before it was quantised."
            )

    def averages(self, step: Step) -> bool:
        """True where the scores read all places of this layer alike: on noise, their gradient is the same at each."""
        if step.number not in self._averaged:
            self._averaged[step.number] = self._averages(step)
        return self._averaged[step.number]

    def _averages(self, step: Step) -> bool:
        head = self.trace.dense_head
        if head is not None and head.features == step.number:
            return True
        (gradient,) = self._trial_gradients([step])
        if gradient is None or step.grid is None:
            return True
        at_places = step.grid.read(gradient).float()
        spread = (at_places - at_places.mean(dim=step.grid.spatial, keepdim=True)).abs().max()
        return bool(spread <= ALIKE * at_places.abs().max())

    def mixes_places(self, step: Step) -> bool:
        """True where a place of this layer may hold what another place of the photo shows: behind attention, behind what samples
        or orders places anew, and behind grids that lie as tokens or channels last, as where dense layers mix places or
        channels, or that cover a part of the photo only. Plain convolutions keep the places.

        Measured (``bench/layouts.py``): there the peak of a CAM may lie beside the only evidence in every photo.
        """
        return any(
            is_attention(earlier)
            or earlier.op in MIXES
            or (
                earlier.grid is not None
                and earlier.grid.has_cells
                and (earlier.grid.layout != "channels first" or not earlier.grid.covers)
            )
            for earlier in [*self.trace.between(INPUT, step.number), step]
        )

    def _first_reached(self, candidates: list[Step]) -> Step | None:
        """The first step with a gradient that is not zero; where noise wakes none of them, the first one that is connected."""
        connected = None
        for start in range(0, len(candidates), AT_ONCE):
            steps = candidates[start : start + AT_ONCE]
            for step, gradient in zip(steps, self._trial_gradients(steps), strict=True):
                if gradient is None or step.grid is None:
                    continue
                if bool((step.grid.read(gradient) != 0).any()):
                    return step
                connected = connected or step
            if start == 0 and connected is not None and not self._reaches(self.trace.path[0]):
                break  # a head of zeros, say: no gradient goes anywhere
        return connected

    def _reaches(self, step: Step) -> bool:
        (gradient,) = self._trial_gradients([step])
        return gradient is not None and bool((gradient != 0).any())

    def _trial_gradients(self, steps: list[Step]) -> list[torch.Tensor | None]:
        """How all scores together move with each step, on noise, in one pass; None where it is cut off from them."""
        ordered = sorted(steps, key=lambda step: step.number)
        forward_pass = self.forward(self._trial, tuple(ordered), graph=True)
        output = forward_pass.output
        if not isinstance(output, torch.Tensor) or not output.requires_grad:
            return [None] * len(steps)
        taps = {step: tap for step, tap in zip(ordered, forward_pass.taps, strict=True) if tap is not None and tap.requires_grad}
        weights = torch.linspace(-1, 2, output[0].numel(), device=output.device).reshape(output.shape[1:])
        seeds = weights.to(output.dtype).expand(output.shape)
        gradients = dict(zip(taps, torch.autograd.grad(output, list(taps.values()), seeds, allow_unused=True), strict=True))
        return [gradients.get(step) for step in steps]

    @cached_property
    def attention(self) -> Attention | str:
        """The attention blocks; in words, why there are none that could be multiplied."""
        return find_attention(self.trace)

    @cached_property
    def read_tokens(self) -> torch.Tensor:
        """What the scores read of the last tokens: ``(tokens,)``, sum 1. A class token, or the mean of all, or both: by the size
        of the gradient that reaches them on noise; those of the photo share theirs evenly."""
        assert not isinstance(self.attention, str)
        tokens = self.attention.tokens
        (gradient,) = self._trial_gradients([tokens])
        if gradient is None or tokens.grid is None or not bool((gradient != 0).any()):
            return torch.full((self.attention.length,), 1 / self.attention.length)
        sizes = gradient.float().abs().sum(-1).sum(tokens.grid.batch_axis).cpu()
        of_photo = tokens.grid.indices
        sizes[of_photo] = sizes[of_photo].mean()
        return sizes / sizes.sum()

    def forward_with_attention(self, inputs: torch.Tensor, graph: bool) -> tuple[Any, list[torch.Tensor]]:
        """The picked output, and the tables of the attention (see ``engine.attention.forward_with_attention``)."""
        steps = () if isinstance(self.attention, str) else self.attention.steps
        return _guarded(lambda: forward_with_attention(self.plan, inputs, self._pick, steps, graph), inputs)

    def find_layer(self, layer: str | nn.Module | None, grid: bool = True) -> Step:
        """The step that a layer's name or module stands for; the automatic choice for None.

        grid : it must have rows and columns.
        Raises LayerError: unknown (with the nearest), not reached, called several times, several tensors, no rows and columns.
        """
        if layer is None:
            return self.feature_step
        trace = self.trace
        if grid:
            self._check_readable()
        name = self._name_of(layer)
        numbers = trace.find(name)
        if not numbers:
            known = [n for n, _ in self.network.named_modules() if n]
            if name.partition(":")[0] in trace.others:
                returned = trace.others[name.partition(":")[0]]
                raise LayerError(f"Layer '{name}' returns {returned}: name the layer inside it whose tensor you mean.")
            if name.partition(":")[0] in known:
                raise LayerError(f"Layer '{name}' was not reached in this forward pass. Usable layers: {self.best_layers()}.")
            raise LayerError(
                f"This network has no layer '{name}'.{did_you_mean(name, known)} Usable layers, best first: {self.best_layers()}."
            )
        if len(numbers) > 1:
            raise LayerError(
                f"Layer '{name}' runs {len(numbers)} times in one pass: say which, '{name}:1' to '{name}:{len(numbers)}', or "
                "name the block around it."
            )
        step = trace.steps[numbers[0]]
        if step.number not in trace.touched:
            raise LayerError(
                f"Layer '{name}' does not see the input that is explained, only others. Usable layers: {self.best_layers()}."
            )
        if grid and (step.grid is None or not step.grid.has_cells):
            raise LayerError(
                f"Layer '{name}' gives {step.shape}: no rows and columns. Usable layers, best first: {self.best_layers()}."
                f"{self._tokens}"
            )
        return step

    def _name_of(self, layer: str | nn.Module) -> str:
        if isinstance(layer, str):
            return layer
        if not isinstance(layer, nn.Module):
            raise LayerError(f"{setting('layer', layer)}: write a layer's name (clf.layers() lists them) or the module itself.")
        layer_name = next((name for name, module in self.network.named_modules() if module is layer and name), None)
        if layer_name is not None:
            return str(layer_name)
        raise LayerError(f"This {type(layer).__name__} is not a layer of the network {self.name}.")

    def best_layers(self, most: int = 4) -> str:
        """The first candidates with their grids, for messages: at least two, more where their names are short."""
        steps = self.trace.feature_steps()
        with suppress(GradientError, LayerError):  # those before the automatic choice have no gradient
            steps = steps[steps.index(self.feature_step) :]
        layers = [f"{self.trace.name(s)} {s.grid.text}" for s in steps[:most] if s.grid]
        while len(layers) > 2 and len(", ".join(layers)) > LISTED:
            layers.pop()
        return ", ".join(layers)

    @property
    def _tokens(self) -> str:
        """Of a transformer, for messages: what its tokens are."""
        step = next(iter(self.trace.feature_steps()), None)
        grid = None if step is None else step.grid
        if step is None or grid is None or not grid.of_tokens or grid.axes > 1:
            return ""
        count = step.shape[1 - grid.batch_axis] if grid.layout == "tokens" else step.shape[-1]
        others = count - len(grid.indices)
        beside = f" and {others} other{'s' * (others > 1)}, such as a class token" if others else ""
        return f" ({count} tokens: {grid.text} patches{beside}.)"

    def layers(self) -> list[FeatureLayer]:
        """The layers that can be explained, in the network's order, the automatic choice marked."""
        trace = self.trace
        automatic = self.feature_step
        layers = []
        for step in trace.path:
            by_module = trace.name(step).partition(":")[0] in trace.calls
            if step.grid is None or not step.grid.has_cells or not (by_module or step == automatic):
                continue
            layers.append(
                FeatureLayer(trace.name(step), trace.kind(step), step.grid.sides, step.grid.channels, step == automatic)
            )
        return layers


def _guarded(forward: Callable[[], Result], inputs: torch.Tensor) -> Result:
    """The network's own complaint about an input, in one line that names the layer and the shape."""
    try:
        with of_input(inputs):
            return forward()
    except torch.cuda.OutOfMemoryError:
        raise
    except MISFITS as error:
        if type(error) not in MISFITS:
            raise
        layer = getattr(error, "seewhy_layer", "")
        where = f" in layer '{layer}'" if layer else ""
        reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
        others = getattr(error, "seewhy_inputs", "")
        beside = f" beside {others} (each is given as for one photo, without batch axis)" if others else ""
        raise ModelError(
            f"The network cannot take an input of shape {tuple(inputs.shape[1:])}{beside}{where}: {reason}"
        ) from error
