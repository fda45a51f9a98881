"""Methods that pull a score back to the pixels: a value for every pixel and channel of the network's input."""

from __future__ import annotations

import contextlib
import functools
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import torch

from seewhy.engine.probe import reentrant_named
from seewhy.engine.relu_rules import ReluRule
from seewhy.engine.runner import Spending, of_input
from seewhy.engine.steps import Step
from seewhy.errors import GradientError, MethodError, ModelError, alternatives, setting
from seewhy.explanation import LOG_ODDS, is_saturated, value_in_words
from seewhy.geometry import Array
from seewhy.head import Head
from seewhy.methods.base import OTHER_METHOD, Attribution, Method, Needs, Request, output_gradients, plan_details, with_values
from seewhy.records import Ending, Note, Target
from seewhy.targets import ResolvedTarget, unit_of

# Operations as their modules are called; others by their own names.
_ACTIVATIONS = {name.lower(): name for name in ("SiLU", "GELU", "ELU", "SELU", "CELU", "PReLU", "Mish", "Hardswish", "Tanh")}
_ACTIVATIONS["leaky_relu"] = "LeakyReLU"


@dataclass(frozen=True, kw_only=True)
class BackpropMethod(Method):
    """Methods whose map is the sum over channels of a value for every pixel.

    signed : True sums the values, False their absolute values. score : "logit", "probability" or "log_odds".
    """

    needs: ClassVar[Needs] = Needs.GRADIENTS
    relu_rule: ClassVar[str] = "plain"
    caveat: ClassVar[str] = ""  # how to read a map; not under one that is empty
    backward: ClassVar[bool] = True

    signed: bool = True
    score: str = field(default="logit", metadata={"choices": ("logit", "probability", "log_odds")})

    def attribute(self, request: Request) -> Attribution:
        """The maps of a batch, with the values that they were summed from."""
        with torch.inference_mode(False):
            return self.pixel_values(PixelGradients(request, self))

    def pixel_values(self, gradients: PixelGradients) -> Attribution:
        """The method's equation; here what arrives at the photos under the method's rule."""
        return gradients.attribution(gradients.at_photos())

    def unit(self, score: str, of_bytes: bool) -> str:
        """What the map's numbers are: score is the value's own unit, of_bytes says that pixels are 0 to 255."""
        return f"{score} per grey level" if of_bytes else f"{score} per unit"


class PixelGradients:
    """Gradients of the targets' values with respect to the pixels of a batch, and the attribution that is made of them.

    pixels : ``(N, C, H, W)`` as the person sees them, before normalisation. targets : of each photo, known after the first pass.
    forward, backward : passes so far, of one photo. ending : why the work ended.
    """

    def __init__(self, request: Request, method: BackpropMethod) -> None:
        self.request = request
        self.pixels = request.pixels.detach()
        self.targets: list[list[Target]] = []
        self.ending = Ending.COMPLETE
        self.forward = self.backward = 0.0
        self._method = method
        self._network = request.network
        self._scores: Array | None = None
        self._head: Head | None = None
        self._resolved: list[list[ResolvedTarget]] = []
        self._spending = Spending(request.budget)

    def at_photos(self) -> torch.Tensor:
        """The gradients at the photos themselves, ``(K, N, C, H, W)``."""
        (gradients, _) = self._gradients(self.pixels)
        self.forward += 1
        self.backward += len(gradients)
        return gradients

    def at(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients ``(K, n, C, H, W)`` and values ``(K, n)`` of other pixels in the photo's place; of the photo itself first."""
        (gradients, values) = self._gradients(pixels)
        self.forward += len(pixels)
        self.backward += gradients.shape[1] * len(gradients)
        self._spending.passes += len(pixels)
        return gradients, values

    def value_at(self, pixels: torch.Tensor) -> torch.Tensor:
        """The targets' values ``(K, N)`` of other pixels in the photos' place; of the photos themselves first."""
        with torch.no_grad():
            output = self._network.run_until(self.request.clf.executor.network_inputs(pixels))
            (_, values) = self._values(output)
        self.forward += 1
        self._spending.passes += 1
        return values

    def mean_over(
        self, count: int, points: Callable[[int, int], torch.Tensor], sketch: Callable[[torch.Tensor], Attribution], progress: str
    ) -> tuple[torch.Tensor, int]:
        """The mean gradient over ``count`` points of the one photo, ``(K, 1, C, H, W)``, and how many were reached.

        points, progress : see ``in_blocks``; only a running sum is kept, so memory does not grow with ``count``.
        sketch : makes the attribution of the mean so far.
        """
        total = torch.zeros((len(self.targets[0]), *self.pixels.shape), device=self.pixels.device)
        reached = 0

        def take(first: int, gradients: torch.Tensor, values: torch.Tensor) -> Callable[[], Attribution]:
            nonlocal reached
            total.add_(gradients.sum(dim=1, keepdim=True))
            reached = first + gradients.shape[1]
            return functools.partial(sketch, total / reached)

        self.in_blocks(count, count, points, take, progress)
        return total / max(1, reached), reached

    def in_blocks(
        self,
        count: int,
        expected: int,
        points: Callable[[int, int], torch.Tensor],
        take: Callable[[int, torch.Tensor, torch.Tensor], Callable[[], Attribution]],
        progress: str,
        enough: Callable[[], bool] = lambda: False,
    ) -> None:
        """Gradients at up to ``count`` points of the one photo, block by block, until there are ``enough``.

        expected : how many it will probably take. points : makes the points from a first to a last number, ``(n, C, H, W)``, or
        fewer, where it does not know all of them yet. take : is given the number of a block's first point, its gradients
        ``(K, n, C, H, W)`` and its values ``(K, n)``; what it returns makes the attribution so far. progress : a text for the
        progress bar. Ends early where the budget or a person ends it; see ``ending``.
        """
        request = self.request
        size = request.clf.executor.batch_size(request.batch_size, self._network, count, needs_backward=True)
        interruptible = request.interruptible and threading.current_thread() is threading.main_thread()
        (reached, blocks, seconds_each) = (0, 0, 0.0)
        try:
            while reached < count and not enough():
                block = self._spending.allows(min(size, count - reached), seconds_each)
                if block == 0 and reached:
                    self.ending = Ending.BUDGET
                    break
                start = time.perf_counter()
                (gradients, values, size) = self._in_parts(points(reached, reached + max(1, block)), size)
                sketch = take(reached, gradients, values)
                block = gradients.shape[1]
                reached += block
                seconds_each = (time.perf_counter() - start) / block
                blocks += 1
                if blocks <= 2:  # the first block warms up: how long the work takes shows in the second one
                    request.expect(expected, None if blocks == 1 else seconds_each * (expected - reached))
                request.report(block, sketch, progress)
        except KeyboardInterrupt:
            if not interruptible or not reached:
                raise
            self.ending = Ending.INTERRUPTED if reached < count and not enough() else Ending.COMPLETE

    def _in_parts(self, pixels: torch.Tensor, size: int) -> tuple[torch.Tensor, torch.Tensor, int]:
        """See ``at``; where a GPU has no room for all of them, in parts, and how many it has room for."""
        parts: list[tuple[torch.Tensor, torch.Tensor]] = []
        start = 0
        while start < len(pixels):
            part = pixels[start : start + max(1, size)]
            try:
                parts.append(self.at(part))
            except torch.cuda.OutOfMemoryError:
                if len(part) == 1:
                    raise
                torch.cuda.empty_cache()
                size = len(part) // 2
                self.request.smaller(len(part), size)
                continue
            start += len(part)
        (gradients, values) = (torch.cat(tensors, dim=1) for tensors in zip(*parts, strict=True))
        return gradients, values, size

    def attribution(
        self,
        raw: torch.Tensor,
        notes: list[list[Note]] | None = None,
        details: list[dict[str, Any]] | None = None,
        *,
        layer: str | None = None,
        partial: bool = False,
    ) -> Attribution:
        """Raw values ``(K, N, C, H, W)`` as an attribution; of each photo's targets beyond its own the values are void.

        notes, details : of each photo. layer : the one that took part.
        """
        (method, clf, photos) = (self._method, self.request.clf, len(self.pixels))
        assert self._head is not None
        with torch.inference_mode(False):
            raw = raw.float()
            if not bool(torch.isfinite(raw).all()):
                raise ModelError(
                    f"Non-finite gradients at the photo ({clf.name}, "
                    f"{setting('precision', clf.precision)}): its weights or its precision "
                    "are broken, or a step on the way has no gradient at this point."
                )
            maps = (raw if method.signed else raw.abs()).sum(dim=2).cpu().numpy()  # (K, N, H, W)
        maps_of_photos = [maps[: len(row), n] for n, row in enumerate(self.targets)]
        unit = unit_of(self._head, [target for row in self._resolved for target in row], method.score)
        return Attribution(
            maps=maps_of_photos,
            targets=self.targets,
            scores=self._scores,
            signed=method.signed,
            units=method.unit(unit, clf.executor.pixels_are_bytes),
            layer=layer,
            notes=[
                [
                    *self._empty_notes(own_maps, targets),
                    *own_notes,
                    *[Note(method.caveat)] * bool(method.caveat and own_maps.any()),
                ]
                for own_maps, targets, own_notes in zip(maps_of_photos, self.targets, notes or [[]] * photos, strict=True)
            ],
            details=[plan_details(self._network) | own_details for own_details in details or [{}] * photos],
            forward=self.forward,
            backward=self.backward,
            head=self._head,
            partial=partial,
            raw=[raw[: len(row), n].cpu().numpy() for n, row in enumerate(self.targets)],
        )

    def sketch(self, raw: torch.Tensor) -> Attribution:
        """The attribution so far."""
        return self.attribution(raw, partial=True)

    def _empty_notes(self, maps: Array, targets: list[Target]) -> list[Note]:
        """Why a map shows nothing, and what to do."""
        method = self._method
        unit = "" if self._head is None else self._head.unit(method.score)
        (why, value) = ("no pixel moves the", method.score.replace("_", " "))
        cure = OTHER_METHOD
        if method.relu_rule != "plain":
            (why, value) = ("under this rule nothing gets through to the pixels from the", "score")
            cure = f"{setting('method', 'gradient')} does without that rule"
        return [
            Note(
                f"The map is empty: {why} {value_in_words(target, value)}: {LOG_ODDS if is_saturated(target, unit) else cure}",
                number,
            )
            for number, (map, target) in enumerate(zip(maps, targets, strict=True))
            if not map.any()
        ]

    def _values(self, output: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of the targets' values with respect to the output ``(K, N, ...)``, and the values ``(K, N)``."""
        if self._head is None:
            detached = output.detach() if isinstance(output, torch.Tensor) else output
            (self._head, self._scores) = self.request.read(detached)
            self._resolved = self.request.resolve(self._scores, detached)
        # Points on the way are many, but all of the one photo.
        resolved = self._resolved if len(self._resolved) > 1 else self._resolved * len(output)
        (seeds, values) = output_gradients(self._head, output, resolved, self._method.score)
        if not self.targets:
            self.targets = with_values(resolved, values)[: len(self._resolved)]
        return seeds, values

    def _gradients(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients ``(K, n, C, H, W)`` with respect to pixels ``(n, C, H, W)``, and the values ``(K, n)``."""
        executor = self.request.clf.executor
        rule = self._method.relu_rule
        inputs = executor.network_inputs(pixels).requires_grad_()
        # The rule stays during the backward pass, for networks that compute parts of their forward pass again in it.
        with (
            of_input(inputs),
            torch.enable_grad(),
            ReluRule(rule) if rule != "plain" else contextlib.nullcontext() as relus,
        ):
            output = self._scores_of(inputs)
            if relus is not None and relus.seen == 0:
                raise MethodError(_no_relu(self._method, self._network.trace.steps))
            (seeds, values) = self._values(output)
            last = len(seeds) - 1
            with reentrant_named():
                gradients = [
                    torch.autograd.grad(output, inputs, seed.to(output.dtype), allow_unused=True, retain_graph=k < last)[0]
                    for k, seed in enumerate(seeds)
                    if output.requires_grad
                ]
        if not gradients or any(gradient is None for gradient in gradients):
            raise GradientError(
                f"{self._method.title} needs a gradient, but the score for '{self.targets[0][0].text}' is cut off from the photo."
                f"{self._network.where_cut(inputs[:1])}"
            )
        return torch.stack([executor.pixel_gradient(pixels, gradient) for gradient in gradients]), values

    def _scores_of(self, inputs: torch.Tensor) -> Any:
        """The picked output. Raises GradientError for a network that refuses a gradient on its way, as numpy does."""
        try:
            return self._network.run_until(inputs)
        except ModelError as error:
            if not self._network.leaves_torch:
                raise
            raise GradientError(
                f"{self._method.title} needs a gradient, but the scores are cut off from the photo."
                f"{self._network.where_cut(inputs[:1])}"
            ) from error


def _no_relu(method: BackpropMethod, steps: Sequence[Step]) -> str:
    """What the network has instead of ReLUs."""
    counts = Counter(_ACTIVATIONS.get(step.op.strip("_"), step.op.strip("_")) for step in steps if step.is_activation)
    others = alternatives(setting("method", name) for name in ("gradient", "integrated_gradients", "smooth_grad"))
    present = f" ({', '.join(f'{count} {op}' for op, count in counts.items())})" if counts else ""
    return (
        f"{method.title} changes ReLU and ReLU6; this model has none{present}, so the result would be the plain gradient. "
        f"Use {others}."
    )
