"""Integrated gradients: the gradient added up along the straight way from a baseline to the photo."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from seewhy.errors import OptionError, setting, whole_number
from seewhy.methods.backprop import BackpropMethod, PixelGradients
from seewhy.methods.base import Attribution
from seewhy.methods.fills import FILLS, fill_image
from seewhy.methods.trapezoids import PathPoint, Trapezoids, relative_to
from seewhy.records import Ending, Note

INTERVALS = 8  # to begin with: fewer leave a worse map at the same gap
EXPECTED = 13  # points, about the median: docs/performance.md
MOST_KEPT, KEPT_BYTES = 64, 256e6  # points whose gradients are kept, at most; of more, only their sum is
BEGINNING = 1 / 1024  # of the way: on the baseline itself ReLUs are shut and maxima tie, and the gradient is not that of the path
MOST_CHANGE = 0.3  # of the map when every second point is left out
MOST = 1024  # steps
TOLERANCE = 0.01  # of the difference that the map has to account for


@dataclass(frozen=True, kw_only=True)
class IntegratedGradients(BackpropMethod):
    """``(X - X₀) ⊙ ∫ ∂y/∂X at X₀ + a (X - X₀) da`` for a from 0 to 1 (Sundararajan, Taly and Yan 2017, arXiv:1703.01365,
    equation 1), by trapezoids or by midpoints.

    Completeness: the map's sum is ``y(X) - y(X₀)``; the relative gap is recorded.
    steps : gradients on the way. None takes 9 evenly spread points, both ends among them, and halves the interval whose trapezoid
    misses its two scores' difference most until the gap is under 1 %, and the widest one while leaving out every second point
    changes the map by 30 % or more; a number takes that many midpoints ``(k - ½) / steps``.
    baseline : X₀, a number or one per channel (0 to 255), "mean", "blur", "noise", "black", or a photo.
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
    cost: ClassVar[str] = "about 13 forward passes and as many backward passes per class"
    sweeps: ClassVar[bool] = True

    steps: int | None = None
    baseline: Any = 0

    def unit(self, score: str, of_bytes: bool) -> str:
        """The score's own: a share of it."""
        return score

    def pixel_values(self, gradients: PixelGradients) -> Attribution:
        """The integral, with as many steps as it takes."""
        path = _Path(gradients, self._baseline_pixels(gradients))
        details: dict[str, Any] = {}
        if self.steps is None:
            trapezoids = path.trapezoids()
            difference = trapezoids.difference()
            steps = reached = len(trapezoids.points)
            raw = trapezoids.integral()[:, None]
            details["map_error"] = trapezoids.map_error().tolist()
        else:
            steps = whole_number("steps", self.steps)
            difference = path.difference()
            (raw, reached) = path.midpoints(steps)
        gap = _gap(raw, difference)
        # So many points that they are no longer kept: midpoints, of which a sum is enough.
        while (
            self.steps is None and not gradients.ending.value and path.most_kept <= steps < MOST and float(gap.max()) >= TOLERANCE
        ):
            steps *= 2
            details.clear()
            (raw, reached) = path.midpoints(steps)
            gap = _gap(raw, difference)
        notes = []
        ending = gradients.ending
        partial = ending is not Ending.COMPLETE
        if partial:
            share = f"{reached} steps" if steps == reached else f"{reached} of {steps} steps"
            notes.append(Note(f"{ending.text} after {share}: the map's sum misses the score by {float(gap.max()):.1%}"))
        elif float(gap.max()) >= TOLERANCE:
            more = (
                f"more steps bring it closer: {setting('steps', 2 * steps)}"
                if self.steps is not None
                else f"even with {steps} steps"
            )
            notes.append(Note(f"The map's sum misses the difference of the scores by {float(gap.max()):.1%} ({more})"))
        details |= {
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
            bytes_range = clf.executor.pixels_are_bytes
            pixels = fill_image(photo[0].float().cpu().numpy(), baseline, gradients.request.seed, bytes_range, "baseline")
        else:
            pixels = clf.read(baseline).pixels
        if pixels.shape != tuple(photo.shape[1:]):
            raise OptionError(
                f"The baseline is {pixels.shape} for the network, the photo {tuple(photo.shape[1:])}: give one of the same size."
            )
        return torch.from_numpy(np.ascontiguousarray(pixels))[None].to(photo)


class _Path:
    """The straight way from the baseline ``(1, C, H, W)`` to the photo."""

    def __init__(self, gradients: PixelGradients, baseline: torch.Tensor) -> None:
        self._gradients = gradients
        self._baseline = baseline
        self._way = gradients.pixels - baseline

    @property
    def most_kept(self) -> int:
        """Points whose gradients, one for each target, are kept; the targets are known after the first pass."""
        bytes_each = 4 * len(self._gradients.targets[0]) * self._way.numel()
        return max(INTERVALS + 1, min(MOST_KEPT, int(KEPT_BYTES // bytes_each)))

    def difference(self) -> torch.Tensor:
        """Of the scores at the photo and at the baseline, ``(K,)``, by two forward passes."""
        value_at = self._gradients.value_at
        return (value_at(self._gradients.pixels) - value_at(self._baseline))[:, 0]

    def midpoints(self, steps: int) -> tuple[torch.Tensor, int]:
        """What each number of the photo has of the difference, ``(K, 1, C, H, W)``, by midpoints, and how many were reached."""
        order = _spread(steps)
        (mean, reached) = self._gradients.mean_over(
            steps,
            lambda first, last: self._at([(k + 0.5) / steps for k in order[first:last]]),
            lambda mean: self._gradients.sketch(mean * self._way),
            f"{steps} steps",
        )
        return mean * self._way, reached

    def trapezoids(self) -> Trapezoids:
        """Points until the gap is small and the map holds still, or there are so many that they should not be kept."""
        trapezoids = Trapezoids()
        start = [k / INTERVALS for k in _spread(INTERVALS) if k > 0]
        shares: list[float] = []  # of the block that is under way

        def points(first: int, last: int) -> torch.Tensor:
            where = trapezoids.where_missed if trapezoids.gap() >= TOLERANCE else trapezoids.where_sparse
            shares[:] = start[first:last] or [where()]
            return self._at(shares)

        def take(first: int, gradients: torch.Tensor, values: torch.Tensor) -> Callable[[], Attribution]:
            for number, share in enumerate(shares):
                trapezoids.add(PathPoint.of(share, values[:, number], gradients[:, number] * self._way))
            return lambda: self._gradients.sketch(trapezoids.integral()[:, None])

        def enough() -> bool:
            return (
                len(trapezoids.points) > INTERVALS
                and trapezoids.gap() < TOLERANCE
                and float(trapezoids.map_error().max()) < MOST_CHANGE
            )

        (gradients, values) = self._gradients.at(self._gradients.pixels)
        trapezoids.add(PathPoint.of(1.0, values[:, 0], gradients[:, 0] * self._way))
        value = self._gradients.value_at(self._baseline)[:, 0]
        (gradients, _) = self._gradients.at(self._at([BEGINNING]))
        trapezoids.add(PathPoint.of(0.0, value, gradients[:, 0] * self._way))
        self._gradients.in_blocks(self.most_kept - 2, EXPECTED, points, take, "", enough)
        return trapezoids

    def _at(self, shares: list[float]) -> torch.Tensor:
        """The photos at these shares of the way, ``(n, C, H, W)``."""
        return self._baseline + torch.tensor(shares).to(self._way)[:, None, None, None] * self._way


def _gap(raw: torch.Tensor, difference: torch.Tensor) -> torch.Tensor:
    """How much of the difference of the scores the map's sum misses, relative, ``(K,)``."""
    sums = raw.double().sum(dim=(1, 2, 3, 4)).to(difference.device)
    return (sums - difference.double()).abs() / relative_to(difference)


def _spread(count: int) -> list[int]:
    """0 to count - 1 in an order of which every beginning covers the whole range evenly (van der Corput's)."""
    bits = max(1, (count - 1).bit_length())
    reversed_bits = (int(f"{number:0{bits}b}"[::-1], 2) for number in range(2**bits))
    return [number for number in reversed_bits if number < count]
