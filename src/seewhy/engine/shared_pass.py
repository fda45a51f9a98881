"""One pass for several readers: what a layer gives for some photos is kept from the first pass that runs over them.

A run stores the mean of the feature layer of every photo beside its maps. A method of the CAM family passes the same photos
through the same layer; without this they would go through the network twice.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from seewhy.engine.network import PlannedNetwork
from seewhy.engine.probe import ForwardPass
from seewhy.engine.steps import Step
from seewhy.records import Photo


@dataclass(eq=False)
class SharedPass:
    """Photos, and what a step of their network gives, once a pass over all of them has run.

    planned, step : the step belongs to this planned network; another one may number it otherwise. means : ``(N, C)``, float32 on
    the CPU: of each channel over its grid; None as long as no pass has shown it.
    """

    photos: Sequence[Photo]
    planned: PlannedNetwork
    step: Step
    pixels: torch.Tensor | None = None
    means: torch.Tensor | None = None

    def is_of(self, photos: Sequence[Photo]) -> bool:
        """True for the very same photos in their order."""
        return len(photos) == len(self.photos) and all(a is b for a, b in zip(photos, self.photos, strict=True))

    def forward(
        self, planned: PlannedNetwork, pixels: torch.Tensor, inputs: torch.Tensor, steps: tuple[Step, ...], graph: bool
    ) -> ForwardPass | None:
        """The pass that was asked for, from which the step's values are kept; None where it cannot show them: it is over other
        pixels, they are known, a graph begins at another step, or the plan that runs does not have this one."""
        if self.means is not None or pixels is not self.pixels or planned is not self.planned:
            return None
        if self.step not in steps and (graph or not planned.plan.has(self.step)):
            return None
        watched = steps if self.step in steps else (*steps, self.step)
        run = planned.forward(inputs, watched, graph)
        tap = run.taps[watched.index(self.step)]
        if tap is not None and tap.ndim >= 2:
            self.means = means_of(self.step, tap)
        return ForwardPass(run.output, run.taps[: len(steps)])


def means_of(step: Step, tap: torch.Tensor) -> torch.Tensor:
    """Of what a step gave for N photos, the mean of each channel over its grid: ``(N, C)``, float32 on the CPU."""
    values = tap.detach().float()
    values = values.flatten(1) if step.grid is None else step.grid.read(values)
    return (values.flatten(2).mean(dim=2) if values.ndim > 2 else values).cpu()


class _Current(threading.local):
    shared: SharedPass | None = None


_current = _Current()


def current() -> SharedPass | None:
    """What is shared in this thread."""
    return _current.shared


@contextlib.contextmanager
def sharing(shared: SharedPass) -> Iterator[None]:
    """While this lasts, passes over these photos in this thread are shared."""
    (before, _current.shared) = (_current.shared, shared)
    try:
        yield
    finally:
        _current.shared = before
