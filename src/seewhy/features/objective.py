"""What a dream makes large: the mean of one channel of a layer, or one class's score, with its gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine import runner
from seewhy.engine.network import PlannedNetwork
from seewhy.engine.steps import Step
from seewhy.errors import GradientError, LayerError, ModelError, OptionError
from seewhy.features.channels import channel_numbers, channels_of
from seewhy.head import Head

Size = tuple[int, int]

FELT = 1e-4  # of the largest value: a smaller change is rounding
TRIALS = 2  # pictures of noise on which a receptive field is measured


@dataclass(frozen=True, eq=False)
class Objective:
    """``J_k(X)``: the mean over space of channel k of a step, for a dense layer its k-th number, without a step class k's logit.

    count : how many channels there are. layer : the step's name, None for class scores. size : (H, W) of the network's input.
    shape : (C, H, W) of it. head : what its outputs mean. centred : of a class among several,
    the logit minus the mean of all. before : where the head averages behind an activation (SqueezeNet), what is activated there.
    """

    clf: Classifier
    planned: PlannedNetwork
    step: Step | None
    layer: str | None
    shape: tuple[int, int, int]
    count: int
    head: Head
    centred: bool = False
    before: Step | None = None

    @classmethod
    def of(cls, clf: Classifier, layer: str | nn.Module | None, pixels: torch.Tensor | None) -> Objective:
        """For a layer's name or module, None for class scores. pixels : ``(1, C, h, w)`` to begin with, if there are any.

        Raises MethodError for a callable, LayerError for a layer that cannot be dreamed, GradientError for int8.
        """
        if pixels is None and clf.is_module and clf.input_size is None:
            try:
                clf.executor.planned()
            except LayerError:
                raise OptionError(
                    "This classifier has no preprocessing, so the size of its input is not known: give start= a tensor (C, H, W)."
                ) from None
        if clf.executor.form.quantised is not None:
            raise GradientError(
                f"A dream follows the gradient, and none passes '{clf.executor.form.quantised}' (quantised to int8): give the "
                "network as it was before it was quantised."
            )
        planned = clf.executor.planned(pixels)
        (channels, rows, columns) = planned.shape if pixels is None else pixels.shape[1:]
        size = (channels, rows, columns)
        step = None if layer is None else planned.find_layer(layer, grid=False)
        with torch.no_grad():
            output = planned.run_until(clf.executor.normalise(_noise(clf, planned, size)), step)
        if step is None:
            clf.class_scores(output, TRIALS)  # counts the classes
            count = len(clf.class_names())
            return cls(
                clf,
                planned,
                None,
                None,
                size,
                count,
                clf.executor.head(planned, output),
                before=_before_the_last_relu(planned, count),
            )
        name = planned.trace.name(step)
        return cls(clf, planned, step, name, size, channels_of(step, name, output).shape[1], clf.head)

    @property
    def size(self) -> Size:
        """(H, W) of the network's input."""
        return self.shape[1:]

    def indices(self, channels: Any) -> list[int]:
        """What a person asks for, as indices.

        Raises OptionError: none, not an integer, not a channel of the layer; TargetError: no such class.
        """
        numbered = f"{self.count} channels, 0 to {self.count - 1}"
        if self.layer is not None:
            if channels is None:
                raise OptionError(f"channels= is missing: say what to dream of; layer '{self.layer}' has {numbered}.")
            return channel_numbers(channels, self.count, self.layer)
        many = isinstance(channels, Iterable) and not isinstance(channels, str)
        requested = list(channels) if many else [channels]
        if channels is None or not requested:
            raise OptionError(f"channels= is missing: name classes to dream of, or give their numbers, 0 to {self.count - 1}.")
        return [self.clf.class_names().index(channel) for channel in requested]

    def name(self, channel: int) -> str:
        """The class's name, or "features.3 channel 7"."""
        return self.clf.classes[channel] if self.layer is None else f"{self.layer} channel {channel}"

    # -- values and gradients -------------------------------------------------------------------------------------------

    def values(self, pixels: torch.Tensor, channels: torch.Tensor) -> torch.Tensor:
        """``(N, C, h, w)`` raw pixels and ``(N,)`` channels to ``(N,)`` values; differentiable with respect to the pixels."""
        output = self.planned.run_until(self.clf.executor.normalise(pixels), self.step)
        if self.step is None:
            rows = self.head.check(output)
            value = self.head.value(rows, channels, "logit")
            return value if not self.centred or self.head.kind != "softmax" else value - self.head.logits(rows).mean(1)
        values = channels_of(self.step, self.layer or "", output)
        picked = values[torch.arange(len(values), device=values.device), channels]  # (N, ...)
        return picked.float().flatten(1).mean(1) if picked.ndim > 1 else picked.float()

    def gradient(self, pixels: torch.Tensor, channels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Values ``(N,)`` and ``dJ/dX`` ``(N, C, h, w)``, every picture for itself, a few at once.

        Where a ReLU at the very end lets nothing of a class through, the gradient of what comes before it is taken: else most
        classes of such a network could not be dreamed from noise.

        Raises GradientError where no gradient can arrive, ModelError for values that are not finite.
        """

        def work(batch: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
            part = slice(batch[0], batch[-1] + 1)
            return self._gradient(pixels[part], channels[part])

        parts = [pair for _, pair in runner.in_batches(range(len(pixels)), self._at_once(pixels), lambda n: 0, work)]
        return torch.cat([values for values, _ in parts]), torch.cat([gradient for _, gradient in parts])

    def _gradient(self, pixels: torch.Tensor, channels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.inference_mode(False), torch.enable_grad():
            leaf = pixels.detach().clone().requires_grad_()
            values = self.values(leaf, channels)
            gradient = torch.autograd.grad(values.sum(), leaf, allow_unused=True)[0] if values.requires_grad else None
        what = "the class scores" if self.layer is None else f"layer '{self.layer}'"
        if gradient is None:
            where = self.planned.where_cut(self.clf.executor.network_inputs(pixels[:1]), others="")
            raise GradientError(f"No gradient reaches the picture from {what}.{where}")
        asleep = (gradient == 0).flatten(1).all(1)
        if self.before is not None and bool(asleep.any()):
            gradient[asleep] = replace(self, step=self.before, before=None)._gradient(pixels[asleep], channels[asleep])[1]
        if not bool(torch.isfinite(values).all() and torch.isfinite(gradient).all()):
            broken = self.planned.first_broken(self.clf.executor.normalise(pixels)) if self.planned.plan.trace else None
            where = f"layer '{broken}' gives values that are not finite" if broken else f"the gradient of {what} is not finite"
            raise ModelError(f"The dream cannot go on: {where} (weights or precision are broken, or the step is too large).")
        return values.detach(), gradient

    def _at_once(self, pixels: torch.Tensor) -> int:
        """How many pictures of this size go through at once: a graph keeps every result, and needs as much again on its way."""
        if self.clf.executor.form.one_at_a_time:
            return 1
        trace = self.planned.plan.trace
        steps = trace.steps if trace is not None else ()
        kept = sum(math.prod(step.shape) for step in steps if self.step is None or step.number <= self.step.number)
        part = math.prod(pixels.shape[2:]) / math.prod(self.size)
        return runner.batch_size(None, int(2 * 4 * kept * part), self.clf.device, runner.MOST_BACKWARD)

    # -- where to begin -------------------------------------------------------------------------------------------------

    def mean_colour(self) -> torch.Tensor:
        """``(C, 1, 1)``: the pixel values that the network's normalisation makes 0.

        Where it subtracts nothing, the middle of the range: black is where ReLUs are dead. Without preprocessing, 0.
        """
        dtype = self.planned.plan.dtype if self.planned.plan.dtype == torch.float64 else torch.float32
        colour = torch.zeros((self.shape[0], 1, 1), dtype=dtype, device=self.clf.device)
        if self.clf.preprocess is None:
            return colour
        with torch.no_grad():
            (low, high) = (self.clf.executor.normalise((colour + value)[None])[0] for value in (0.0, 255.0))
        zero = 255 * low / (low - high)
        return torch.where((zero > 1) & (zero < 254), zero, torch.full_like(zero, 127.5))

    def receptive_field(self) -> Size:
        """(rows, columns) of the input that one cell of the layer sees, at most the network's input; found by trying.

        The first rows of a picture of noise are replaced: the cell in the middle does not notice as long as they lie outside
        of its field. Bisection finds how many that are, for all four sides at once.
        """
        if self.step is None or self.step.grid is None or not self.step.grid.has_cells or self.step.grid.of_tokens:
            return self.size
        (photos, others) = (_noise(self.clf, self.planned, self.shape, seed) for seed in (0, 1))
        base = self._middle(photos)  # (TRIALS, channels)
        least = FELT * float(base.abs().max())
        (height, width) = self.size
        bounds = [[0, height], [0, height], [0, width], [0, width]]  # so many are not noticed, so many are
        (rows, columns) = (torch.arange(side, device=photos.device) for side in self.size)
        first = True
        while first or any(high - low > 1 for low, high in bounds):
            # One row first: where even that is noticed, as in most deep layers, the search is over.
            (top, bottom, left, right) = tried = [1 if first else (low + high) // 2 for low, high in bounds]
            first = False
            hidden = torch.stack(
                [
                    (rows < top)[:, None].expand(self.size),
                    (rows >= height - bottom)[:, None].expand(self.size),
                    (columns < left)[None].expand(self.size),
                    (columns >= width - right)[None].expand(self.size),
                ]
            )  # (4, H, W)
            changed = torch.where(hidden[:, None, None], others, photos).flatten(0, 1)  # (4 * TRIALS, C, H, W)
            moved = (self._middle(changed).reshape(4, *base.shape) - base).abs().flatten(1).amax(1) > least
            for bound, n, felt in zip(bounds, tried, moved.tolist(), strict=True):
                bound[1 if felt else 0] = n
        field = (height - bounds[0][0] - bounds[1][0], width - bounds[2][0] - bounds[3][0])
        return field if min(field) > 0 else self.size

    def _middle(self, pixels: torch.Tensor) -> torch.Tensor:
        """``(N, channels)`` of the layer's cell in the middle."""
        with torch.no_grad():
            output = self.planned.run_until(self.clf.executor.normalise(pixels), self.step)
        assert self.step is not None
        assert self.step.grid is not None
        values = self.step.grid.read(output)
        return values[..., values.shape[-2] // 2, values.shape[-1] // 2].float()


def _noise(clf: Classifier, planned: PlannedNetwork, shape: tuple[int, int, int], seed: int = 0) -> torch.Tensor:
    """``(TRIALS, C, H, W)`` of even noise: 0-255, without preprocessing -2 to 2."""
    (low, high) = (0, 255) if clf.preprocess is not None else (-2, 2)
    noise = low + (high - low) * torch.rand((TRIALS, *shape), generator=torch.Generator().manual_seed(seed))
    return noise.to(clf.device, torch.float64 if planned.plan.dtype == torch.float64 else torch.float32)


def _before_the_last_relu(planned: PlannedNetwork, count: int) -> Step | None:
    """The class maps before they are activated and averaged; None for heads of another form."""
    trace = planned.plan.trace
    if trace is None or trace.dense_head is None or trace.dense_head.weight is not None:
        return None
    step = trace.steps[trace.dense_head.features]
    if not step.is_activation or len(step.inputs) != 1 or step.inputs[0] < 0:
        return None
    before = trace.steps[step.inputs[0]]
    return before if before.grid is not None and before.grid.channels == count else None
