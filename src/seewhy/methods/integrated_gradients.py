"""Integrated gradients: the gradient added up along the straight way from a baseline to the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from seewhy.errors import OptionError, whole_number
from seewhy.methods.backprop import Attributed, BackpropMethod, Descent
from seewhy.methods.fills import FILLS, fill_image

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

    def attribute(self, descent: Descent) -> Attributed:
        """The integral, with as many steps as it takes."""
        photo = descent.pixels
        start = self._start(descent)
        way = photo - start
        difference = (descent.value_at(photo) - descent.value_at(start))[:, 0]  # (K,)
        steps = FIRST if self.steps is None else whole_number("steps", self.steps)
        while True:
            order = _spread(steps)

            def points(first: int, last: int, order: list[int] = order, steps: int = steps) -> torch.Tensor:
                shares = torch.tensor([(k + 0.5) / steps for k in order[first:last]], device=photo.device)
                return start + shares[:, None, None, None].to(photo.dtype) * way

            (mean, done) = descent.mean_over(steps, points, lambda mean: descent.sketch(mean * way), f"{steps} steps")
            raw = mean * way  # (K, 1, C, H, W)
            gap = _gap(raw, difference)
            enough = float(gap.max()) < TOLERANCE or steps >= MOST
            if self.steps is not None or enough or done < steps:
                break
            steps *= 2
        notes = []
        if done < steps:
            notes.append(f"{descent.stopped} after {done} of {steps} steps: the map's sum misses the score by {gap.max():.1%}")
        elif float(gap.max()) >= TOLERANCE:
            more = "more steps= bring it closer" if self.steps is not None else f"even with {steps} steps"
            notes.append(f"The map's sum misses the difference of the scores by {float(gap.max()):.1%} ({more})")
        details = {
            "steps": steps,
            "steps_done": done,
            "completeness_gap": [float(one) for one in gap],
            "difference": [float(one) for one in difference],
        }
        return Attributed(raw, [notes], [descent.ended(details, done < steps)], partial=done < steps)

    def _start(self, descent: Descent) -> torch.Tensor:
        """The baseline's pixels, ``(1, C, H, W)``."""
        (clf, photo) = (descent.subject.clf, descent.pixels)
        given = self.baseline
        is_fill = given is None or given in FILLS if isinstance(given, str) or given is None else np.ndim(given) < 2
        is_fill = is_fill and not hasattr(given, "convert") and not isinstance(given, (bytes, bytearray))
        if is_fill:
            pixels = fill_image(photo[0].float().cpu().numpy(), given, descent.subject.seed, clf.preprocess is not None)
        else:
            pixels = clf.read(given).pixels
        if pixels.shape != tuple(photo.shape[1:]):
            raise OptionError(
                f"The baseline is {pixels.shape} for the network, the photo {tuple(photo.shape[1:])}: give one of the same size."
            )
        return torch.from_numpy(np.ascontiguousarray(pixels))[None].to(photo)


def _gap(raw: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """How much of the difference of the scores the map's sum misses, relative, ``(K,)``."""
    made = raw.double().sum(dim=(1, 2, 3, 4))
    return (made - difference.double()).abs() / difference.double().abs().clamp_min(1e-6)


def _spread(count: int) -> list[int]:
    """0 to count - 1 in an order of which every beginning covers the whole range evenly (van der Corput's)."""
    bits = max(1, (count - 1).bit_length())
    turned = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
    return [number for number in turned if number < count]
