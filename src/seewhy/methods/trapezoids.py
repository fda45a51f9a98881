"""The integral along a path by the trapezoid rule, on points that are added where it misses the score most."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch


@dataclass(frozen=True, eq=False)
class PathPoint:
    """What is known at a share of the path, 0 to 1.

    value : of every target ``(K,)``, float64. slopes : how fast it grows along the path by each number of the photo,
    ``(K, C, H, W)``: the gradient times the way. slope : their sum ``(K,)``, float64.
    """

    share: float
    value: torch.Tensor
    slopes: torch.Tensor
    slope: torch.Tensor

    @classmethod
    def of(cls, share: float, value: torch.Tensor, slopes: torch.Tensor) -> PathPoint:
        """With the slopes' sum."""
        return cls(share, value.double().cpu(), slopes, slopes.double().sum(dim=(1, 2, 3)).cpu())


@dataclass
class Trapezoids:
    """Points of the path in order, two at least, and the trapezoids between neighbours.

    Between two points the slope's trapezoid ought to be the difference of the two values, which is known exactly: so every
    interval says what the rule misses in it, at no cost.
    """

    points: list[PathPoint] = field(default_factory=list)

    def add(self, point: PathPoint) -> None:
        """One more point."""
        self.points = sorted([*self.points, point], key=lambda known: known.share)

    def difference(self) -> torch.Tensor:
        """Of the values at the path's end and at its beginning, ``(K,)``."""
        return self.points[-1].value - self.points[0].value

    def missed(self) -> torch.Tensor:
        """Of every target's difference, what the trapezoid of each interval has too much (or, negative, too little), relative:
        ``(K, n - 1)``."""
        values = torch.stack([point.value for point in self.points], dim=1)
        slopes = torch.stack([point.slope for point in self.points], dim=1)
        areas = (slopes[:, 1:] + slopes[:, :-1]) / 2 * self._widths()
        return (areas - values.diff(dim=1)) / relative_to(self.difference())[:, None]

    def gap(self) -> float:
        """The widest gap of all targets: what all trapezoids together miss of the difference, relative."""
        return float(self.missed().sum(dim=1).abs().max())

    def integral(self) -> torch.Tensor:
        """What each number of the photo has of the difference, ``(K, C, H, W)``."""
        widths = self._widths().tolist()
        weights = [(left + right) / 2 for left, right in zip([0.0, *widths], [*widths, 0.0], strict=True)]
        integral = torch.zeros_like(self.points[0].slopes)
        for point, weight in zip(self.points, weights, strict=True):
            integral.add_(point.slopes, alpha=weight)
        return integral

    def map_error(self) -> torch.Tensor:
        """By how much the maps, summed over channels, change when every second point is left out: the difference's norm over the
        map's, ``(K,)``."""
        coarse = Trapezoids([*self.points[:-1:2], self.points[-1]])
        (maps, coarse_maps) = (of.integral().sum(dim=1).flatten(1) for of in (self, coarse))
        size = torch.linalg.vector_norm(maps, dim=1).clamp_min(torch.finfo(maps.dtype).tiny)
        relative: torch.Tensor = torch.linalg.vector_norm(maps - coarse_maps, dim=1) / size
        return relative

    def where_missed(self) -> float:
        """The middle of the interval that adds most to the gap of the target with the widest one."""
        missed = self.missed()
        totals = missed.sum(dim=1)
        widest = int(totals.abs().argmax())
        return self._middle(missed[widest] * totals[widest].sign())

    def where_sparse(self) -> float:
        """The middle of the widest interval."""
        return self._middle(self._widths())

    def _middle(self, of_largest: torch.Tensor) -> float:
        interval = int(of_largest.argmax())
        return (self.points[interval].share + self.points[interval + 1].share) / 2

    def _widths(self) -> torch.Tensor:
        return torch.tensor([point.share for point in self.points], dtype=torch.float64).diff()


def relative_to(difference: torch.Tensor) -> torch.Tensor:
    """What gaps are divided by."""
    return difference.double().abs().clamp_min(1e-6)
