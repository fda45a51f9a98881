"""Integrated gradients: the gradient added up along the straight way from a baseline to the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from seewhy.errors import OptionError, setting, whole_number
from seewhy.methods.backprop import BackpropMethod, PixelGradients
from seewhy.methods.base import Attribution
from seewhy.methods.fills import FILLS, fill_image
from seewhy.records import Ending, Note

FIRST, MOST = 64, 1024  # steps
TOLERANCE = 0.01  # of the difference that the map has to account for


@dataclass(frozen=True, kw_only=True)
class IntegratedGradients(BackpropMethod):
    """``(X - X₀) ⊙ (1/m) Σ_k ∂y/∂X at X₀ + a_k (X - X₀)``, ``a_k = (k - ½) / m`` (Sundararajan, Taly and Yan 2017,
    arXiv:1703.01365, equations 1 and 3, by the midpoint rule).

    Completeness: the map's sum is ``y(X) - y(X₀)``; the relative gap is recorded.
    steps : m; None starts at 64 and doubles until the gap is under 1 %. baseline : X₀, a number or one per channel (0 to 255),
    "mean", "blur", "noise", "black", or a photo.
    """

    name: ClassVar[str] = "integrated_gradients"
    title: ClassVar[str] = "Integrated gradients"
    summary: ClassVar[str] = (
        "Walks in small steps from a black photo to yours, adds up at every step how much each pixel moves the class's score, "
        "and so shares the whole difference of the two scores out among the pixels: the map adds up to it, and the gap that is "
        "left is stated. It answers a question of accounting; pixels that look like the baseline (black ones) get nothing, so "
        "try another baseline, too."
    )
    source: ClassVar[str] = "Sundararajan et al. 2017, arXiv:1703.01365"
    cost: ClassVar[str] = "64 forward passes or more, and as many backward passes per class"
    sweeps: ClassVar[bool] = True

    steps: int | None = None
    baseline: Any = 0

    def unit(self, score: str, of_bytes: bool) -> str:
        """The score's own: a share of it."""
        return score

    def pixel_values(self, gradients: PixelGradients) -> Attribution:
        """The integral, with as many steps as it takes."""
        photo = gradients.pixels
        baseline = self._baseline_pixels(gradients)
        path = photo - baseline
        difference = (gradients.value_at(photo) - gradients.value_at(baseline))[:, 0]  # (K,)
        steps = FIRST if self.steps is None else whole_number("steps", self.steps)
        while True:
            order = _spread(steps)

            def points(first: int, last: int, order: list[int] = order, steps: int = steps) -> torch.Tensor:
                shares = torch.tensor([(k + 0.5) / steps for k in order[first:last]], device=photo.device)
                return baseline + shares[:, None, None, None].to(photo.dtype) * path

            (mean, reached) = gradients.mean_over(steps, points, lambda mean: gradients.sketch(mean * path), f"{steps} steps")
            raw = mean * path  # (K, 1, C, H, W)
            gap = _gap(raw, difference)
            enough = float(gap.max()) < TOLERANCE or steps >= MOST
            if self.steps is not None or enough or reached < steps:
                break
            steps *= 2
        notes = []
        ending = gradients.ending
        partial = ending is not Ending.COMPLETE
        if partial:
            notes.append(
                Note(f"{ending.text} after {reached} of {steps} steps: the map's sum misses the score by {float(gap.max()):.1%}")
            )
        elif float(gap.max()) >= TOLERANCE:
            more = (
                f"more steps bring it closer: {setting('steps', 2 * steps)}"
                if self.steps is not None
                else f"even with {steps} steps"
            )
            notes.append(Note(f"The map's sum misses the difference of the scores by {float(gap.max()):.1%} ({more})"))
        details = {
            "steps": steps,
            "steps_done": reached,
            "completeness_gap": gap.tolist(),
            "difference": difference.tolist(),
            "stopped": ending.value,
        }
        return gradients.attribution(raw, [notes], [details], partial=partial)

    def _baseline_pixels(self, gradients: PixelGradients) -> torch.Tensor:
        """The baseline's pixels, ``(1, C, H, W)``."""
        (clf, photo) = (gradients.request.clf, gradients.pixels)
        baseline = self.baseline
        is_fill = (
            baseline is None or baseline in FILLS if isinstance(baseline, str) or baseline is None else np.ndim(baseline) < 2
        )
        is_fill = is_fill and not hasattr(baseline, "convert") and not isinstance(baseline, (bytes, bytearray))
        if is_fill:
            pixels = fill_image(photo[0].float().cpu().numpy(), baseline, gradients.request.seed, clf.executor.pixels_are_bytes)
        else:
            pixels = clf.read(baseline).pixels
        if pixels.shape != tuple(photo.shape[1:]):
            raise OptionError(
                f"The baseline is {pixels.shape} for the network, the photo {tuple(photo.shape[1:])}: give one of the same size."
            )
        return torch.from_numpy(np.ascontiguousarray(pixels))[None].to(photo)


def _gap(raw: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """How much of the difference of the scores the map's sum misses, relative, ``(K,)``."""
    sums = raw.double().sum(dim=(1, 2, 3, 4))
    return (sums - difference.double()).abs() / difference.double().abs().clamp_min(1e-6)


def _spread(count: int) -> list[int]:
    """0 to count - 1 in an order of which every beginning covers the whole range evenly (van der Corput's)."""
    bits = max(1, (count - 1).bit_length())
    reversed_bits = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
    return [number for number in reversed_bits if number < count]
