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

from seewhy.engine.relu_rules import ReluRule
from seewhy.engine.steps import Step
from seewhy.engine.sweep import Spent
from seewhy.errors import SCORES_ONLY, GradientError, MethodError, ModelError
from seewhy.geometry import Array
from seewhy.methods.base import Heat, Method, Subject, output_gradients, with_values
from seewhy.records import Target
from seewhy.targets import Chosen

OTHERS = "'gradient', 'integrated_gradients' or 'smooth_grad'"  # what to use where the ReLU rules do not apply


@dataclass(frozen=True, eq=False)
class Attributed:
    """What a method gives every pixel: raw ``(K, N, C, H, W)``; of each photo's targets beyond its own the values are void.

    layer : the one that took part. notes, details : one list, one dict per photo. backward, forward : passes beside the
    descent's own.
    """

    raw: torch.Tensor
    notes: list[list[str]]
    details: list[dict[str, Any]]
    layer: str | None = None
    partial: bool = False
    forward: float = 0.0
    backward: float = 0.0


@dataclass(frozen=True, kw_only=True)
class BackpropMethod(Method):
    """Methods whose map is the sum over channels of what every pixel is given.

    signed : True sums the values, False their absolute values. score : "logit", "probability" or "log_odds".
    """

    relu_rule: ClassVar[str] = "plain"
    caveat: ClassVar[str] = ""  # said under every map
    backward: ClassVar[bool] = True

    signed: bool = True
    score: str = field(default="logit", metadata={"choices": ("logit", "probability", "log_odds")})

    def attribute(self, descent: Descent) -> Attributed:
        """The method's equation; here what arrives at the photos under the method's rule."""
        photos = len(descent.pixels)
        return Attributed(descent.at_photos(), [[self.caveat] if self.caveat else []] * photos, [{}] * photos)

    def unit(self, score: str, of_bytes: bool) -> str:
        """What the map's numbers are: score is the value's own unit, of_bytes says that pixels are 0 to 255."""
        return f"{score} per grey level" if of_bytes else f"{score} per unit"

    def heat(self, subject: Subject) -> Heat:
        """The maps of a batch, with the values that they were summed from."""
        with torch.inference_mode(False):
            descent = Descent(subject, self)
            return self.made(descent, self.attribute(descent))

    def made(self, descent: Descent, found: Attributed) -> Heat:
        """What was found, as heat."""
        clf = descent.subject.clf
        with torch.inference_mode(False):
            raw = found.raw.float()
            if not bool(torch.isfinite(raw).all()):
                raise ModelError(
                    f"Non-finite gradients at the photo ({clf.name}, precision='{clf.precision}'): its weights or its precision "
                    "are broken, or a step on the way has no gradient at this point."
                )
            maps = (raw if self.signed else raw.abs()).sum(dim=2).cpu().numpy()  # (K, N, H, W)
        chosen = descent.targets
        rows = [maps[: len(row), n] for n, row in enumerate(chosen)]
        plan = descent.planned.plan
        about = {"plan": plan.words, "deviation": plan.deviation}
        notes = [[*self._empty(m, row), *said] for m, row, said in zip(rows, chosen, found.notes, strict=True)]
        unit = clf.head.unit(self.score) if any(c.function is None for row in descent.chosen for c in row) else "value"
        return Heat(
            maps=rows,
            chosen=chosen,
            scores=descent.scores,
            signed=self.signed,
            units=self.unit(unit, clf.preprocess is not None),
            layer=found.layer,
            notes=notes,
            details=[about | one for one in found.details],
            forward=descent.forward + found.forward,
            backward=descent.backward + found.backward,
            partial=found.partial,
            raw=[raw[: len(row), n].cpu().numpy() for n, row in enumerate(chosen)],
        )

    def _empty(self, maps: Array, targets: list[Target]) -> list[str]:
        """Why a map shows nothing."""
        cure = "" if self.score != "probability" else ": score='log_odds' does not vanish where the network is sure"
        why = f"no pixel moves the {self.score.replace('_', ' ')}"
        if self.relu_rule != "plain":
            why = "under this rule nothing gets through to the pixels from the score"
        return [
            f"The map is empty: {why} of '{target.name}' ({target.score:.2f}){cure}"
            for heat, target in zip(maps, targets, strict=True)
            if not heat.any()
        ]


class Descent:
    """The way from the scores of a batch back to its pixels.

    pixels : ``(N, C, H, W)`` as the person sees them, before normalisation. chosen, targets : of each photo, known after the
    first pass. forward, backward : passes so far, of one photo.
    """

    def __init__(self, subject: Subject, method: BackpropMethod) -> None:
        self.subject = subject
        self.method = method
        self.planned = subject.planned
        self.pixels = subject.pixels.detach()
        self.scores: Array | None = None
        self.chosen: list[list[Chosen]] = []
        self.targets: list[list[Target]] = []
        self.forward = self.backward = 0.0
        self._spent = Spent(subject.budget)
        self.interrupted = False

    def at_photos(self) -> torch.Tensor:
        """The gradients at the photos themselves, ``(K, N, C, H, W)``."""
        (gradients, _) = self._pull(self.pixels)
        self.forward += 1
        self.backward += len(gradients)
        return gradients

    def value_at(self, pixels: torch.Tensor) -> torch.Tensor:
        """The targets' values ``(K, N)`` of other pixels in the photos' place; of the photos themselves first."""
        with torch.no_grad():
            output = self.planned.upto(self.subject.clf.normalised(pixels))
            (_, values) = self._choose(output)
        self.forward += 1
        self._spent.passes += 1
        return values

    def mean_over(
        self, count: int, points: Callable[[int, int], torch.Tensor], sketch: Callable[[torch.Tensor], Heat], said: str
    ) -> tuple[torch.Tensor, int]:
        """The mean gradient over ``count`` points of the one photo, ``(K, 1, C, H, W)``, and how many were reached.

        points : makes the points from a first to a last number, ``(n, C, H, W)``; only a running sum is kept, so memory does not
        grow with ``count``. sketch : makes the heat of the mean so far. Ends early where the budget or a person ends it.
        """
        size = self.subject.clf.batch_size(self.subject.batch_size, self.planned, count, backward=True)
        total = torch.zeros((len(self.targets[0]), *self.pixels.shape), device=self.pixels.device)
        interruptible = self.subject.interruptible and threading.current_thread() is threading.main_thread()
        (done, each) = (0, 0.0)
        try:
            while done < count:
                block = self._spent.allows(min(size, count - done), each)
                if block == 0 and done:
                    break
                start = time.perf_counter()
                (gradients, _) = self._pull(points(done, done + max(1, block)))
                total += gradients.sum(dim=1, keepdim=True)
                block = gradients.shape[1]
                done += block
                each = (time.perf_counter() - start) / block
                self._spent.passes += block
                self.forward += block
                self.backward += block * len(gradients)
                if done == block:
                    self.subject.expect(count, each * count)
                self.subject.report(block, functools.partial(sketch, total / done), said)
        except KeyboardInterrupt:
            if not interruptible or not done:
                raise
            self.interrupted = True
        return total / done, done

    def sketch(self, raw: torch.Tensor) -> Heat:
        """The heat of what there is so far."""
        return self.method.made(self, Attributed(raw, [[]], [{}], partial=True))

    def ended(self, details: dict[str, Any], early: bool) -> dict[str, Any]:
        """The details, and why the work ended."""
        return details | {"stopped": self.stopped if early else ""}

    @property
    def stopped(self) -> str:
        """Why the work ended early, in words."""
        return "interrupted" if self.interrupted else "stopped by the budget"

    def _choose(self, output: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients of the targets' values with respect to the output ``(K, N, ...)``, and the values ``(K, N)``."""
        if not self.chosen:
            self.scores = self.subject.read_scores(output.detach() if isinstance(output, torch.Tensor) else output)
            self.chosen = self.subject.choose(self.scores)
        clf = self.subject.clf
        # Points on the way are many, but all of the one photo.
        chosen = self.chosen if len(self.chosen) > 1 else self.chosen * len(output)
        (seeds, values) = output_gradients(clf, output, chosen, self.method.score)
        if not self.targets:
            self.targets = with_values(chosen, values)[: len(self.chosen)]
        return seeds, values

    def _pull(self, pixels: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradients ``(K, n, C, H, W)`` with respect to pixels ``(n, C, H, W)``, and the values ``(K, n)``."""
        clf = self.subject.clf
        rule = self.method.relu_rule
        inputs = clf.normalised(pixels).requires_grad_()
        # The rule stays during the backward pass, for networks that compute parts of their forward pass again in it.
        with torch.enable_grad(), ReluRule(rule) if rule != "plain" else contextlib.nullcontext() as relus:
            output = self.planned.upto(inputs)
            if relus is not None and relus.seen == 0:
                raise MethodError(_no_relu(self.method, self.planned.trace.steps))
            (seeds, values) = self._choose(output)
            last = len(seeds) - 1
            pulled = [
                torch.autograd.grad(output, inputs, seed.to(output.dtype), allow_unused=True, retain_graph=k < last)[0]
                for k, seed in enumerate(seeds)
                if output.requires_grad
            ]
        if not pulled or any(one is None for one in pulled):
            raise GradientError(
                f"{self.method.name} needs a gradient, but the score for '{self.targets[0][0].name}' is cut off from the photo: "
                f"remove @torch.no_grad(), .detach(), argmax or quantised layers from the forward of {self.planned.name}, or use "
                f"a method that needs none: {SCORES_ONLY}."
            )
        return torch.stack([clf.pixel_gradient(pixels, one) for one in pulled]), values


def _no_relu(method: BackpropMethod, steps: Sequence[Step]) -> str:
    """What the network has instead of ReLUs."""
    counts = Counter(step.op.strip("_") for step in steps if step.is_activation)
    has = f" ({', '.join(f'{count} {op}' for op, count in counts.items())})" if counts else ""
    return (
        f"{method.title} changes ReLU and ReLU6; this model has none{has}. The result would be the plain gradient, so I stopped. "
        f"Use method={OTHERS}."
    )
