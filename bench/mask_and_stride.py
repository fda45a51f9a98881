"""What a smaller mask and a smaller stride cost, and what they give: ``python -m bench.mask_and_stride``.

Occlusion with the real SqueezeNet on photos with boxes drawn by hand, where ``../shared/data`` lies beside the project, else with
``demo:honest`` on drawn scenes. Detail is the share of the map's positive mass on the object, noise the mean step between
neighbouring pixels of the map over its largest value; time is of one photo, memory the largest of a fresh process, network and
libraries included.
"""

from __future__ import annotations

import resource
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np

import seewhy
from bench.fresh import Contender, in_fresh_processes
from bench.pointing import Case, boxed_photos, drawn_scenes
from bench.timing import DATA, Figure, options, save, show_figures
from seewhy.evaluate import energy

MASKS = (0.35, 0.2, 0.1)  # side, as a share of the input's
STRIDES = (0.2, 0.1, 0.04)
PHOTOS = 5


class Occluded:
    """Occlusion of a few photos, with one mask size and stride."""

    def __init__(self, mask: float, stride: float, photos: int) -> None:
        self.results: dict[str, float] = {}
        (self._clf, cases) = subjects()
        self._cases = cases[:: len(cases) // photos][:photos]
        shape = self._clf.read(self._cases[0].photo).geometry.input
        self._settings = {"mask_size": sides(mask, shape), "stride": sides(stride, shape)}

    def __call__(self) -> None:
        details, steps = [], []
        for case in self._cases:
            e = seewhy.explain(self._clf, case.photo, "occlusion", case.target, progress=False, **self._settings)
            details.append(energy(e.on_photo()[0], case.mask))
            steps.append(roughness(e.on_input()[0]))
            self.results["masks"] = e.cost.forward
        self.results |= {"detail": float(np.mean(details)), "noise": float(np.mean(steps))}
        self.results["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000


def subjects() -> tuple[seewhy.Classifier, list[Case]]:
    """The network and its photos, with masks."""
    return boxed_photos() if DATA.is_dir() else drawn_scenes(PHOTOS)


def sides(share: float, shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns, at least one pixel each."""
    return max(1, round(share * shape[0])), max(1, round(share * shape[1]))


def roughness(map_: Any) -> float:
    """The mean absolute step between neighbouring pixels, in percent of the map's largest absolute value."""
    steps = [np.abs(np.diff(map_, axis=axis)).mean() for axis in (0, 1)]
    return float(100 * np.mean(steps) / max(float(np.abs(map_).max()), 1e-12))


def contender(mask: float, stride: float, photos: int) -> Occluded:
    """Called by ``bench.fresh``."""
    return Occluded(mask, stride, photos)


def measure(masks: Sequence[float] = MASKS, strides: Sequence[float] = STRIDES, photos: int = PHOTOS) -> list[Figure]:
    """Every mask with every stride."""
    contenders = {
        f"mask {100 * mask:.0f} %, stride {100 * stride:.0f} %": Contender(
            "bench.mask_and_stride:contender", {"mask": mask, "stride": stride, "photos": photos}, calls=1
        )
        for mask in masks
        for stride in strides
    }
    figures = []
    for name, measured in in_fresh_processes(contenders, 1).items():
        results = measured.results
        figures += [
            Figure.of(f"{name}/passes", [results["masks"]], "photos"),
            Figure.of(f"{name}/time", [s / photos for s in measured.seconds], "s a photo"),
            Figure.of(f"{name}/memory", [results["memory"]], "MB"),
            Figure.of(f"{name}/detail", [results["detail"]], "energy on the object"),
            Figure.of(f"{name}/noise", [results["noise"]], "% a pixel"),
        ]
    return figures


def show(figures: Sequence[Figure]) -> None:
    show_figures("Occlusion: mask and stride as shares of the input's sides", figures)


def main() -> None:
    parser = options(__doc__)
    args = parser.parse_args()
    figures = measure(MASKS[:1], STRIDES[:1], 2) if args.quick else measure()
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
