"""Does the map point at the object? Pointing game and energy in the box: seewhy, captum on the same pixels, and the centre.

With ``../shared/data`` beside the repository: SqueezeNet 1.0 on 50 photos with boxes drawn by hand. Without it: the demo
network on drawn scenes, whose masks are exact. The class explained is always the true one. "hard": the photo's centre is not
on the object, or the object covers at most a quarter of the photo.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageOps

import seewhy
from bench.timing import DATA, Figure, options, save, show_figures
from seewhy.evaluate import energy, hits

Mask = npt.NDArray[np.bool_]
CENTRE, CAPTUM, METHODS = "always the centre", "captum", ("grad_cam", "cam")
HARD_GOAL = 70.0  # percent
HARD_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class Case:
    """A photo, its true class, and where the object is: bool ``(H, W)`` of the upright photo."""

    photo: npt.NDArray[np.uint8]
    target: str
    mask: Mask

    @property
    def hard(self) -> bool:
        return not hits(centre(self.mask.shape), self.mask) or float(self.mask.mean()) <= HARD_SHARE


@dataclass(frozen=True)
class Result:
    """What one map of one photo scored."""

    hit: bool
    energy: float
    hard: bool


def centre(size: tuple[int, ...]) -> npt.NDArray[np.float32]:
    """A map that peaks in the middle of the photo, whatever it shows."""
    (rows, columns) = (np.abs(np.arange(n) + 0.5 - n / 2).astype(np.float32) for n in size)
    return -np.hypot(rows[:, None], columns[None, :])


def box_mask(boxes: Iterable[Sequence[float]], size: tuple[int, int]) -> Mask:
    """The pixels that one of the boxes ``[x0, y0, x1, y1]`` touches; they are given as fractions of the photo."""
    (height, width) = size
    mask = np.zeros(size, dtype=bool)
    for left, top, right, bottom in boxes:
        rows = slice(math.floor(top * height), math.ceil(bottom * height))
        mask[rows, math.floor(left * width) : math.ceil(right * width)] = True
    return mask


def boxed_photos(data: Path = DATA) -> tuple[seewhy.Classifier, list[Case]]:
    """SqueezeNet 1.0 and the photos with a box."""
    clf = seewhy.load("squeezenet1_0", data / "squeezenet1_0_imagenet.safetensors", data / "imagenet_synsets.txt")
    cases = []
    for name, record in json.loads((data / "boxes.json").read_text()).items():
        with Image.open(data / "photos" / name) as image:
            photo = np.asarray(ImageOps.exif_transpose(image).convert("RGB"))
        cases.append(Case(photo, record["wnid"], box_mask(record["boxes"], photo.shape[:2])))
    return clf, cases


def drawn_scenes(count: int = 60) -> tuple[seewhy.Classifier, list[Case]]:
    """The demo network and scenes that it has not seen."""
    return seewhy.load("demo:honest"), [Case(s.photo, s.label, s.animal) for s in seewhy.demo.scenes(count)]


def results(clf: seewhy.Classifier, cases: Sequence[Case], peers: bool = True) -> dict[str, list[Result]]:
    """Every map of every photo: name -> one result per photo."""
    photos = [case.photo for case in cases]
    targets = [[case.target] for case in cases]
    explanations = {method: seewhy.explain(clf, photos, method, targets, progress=False) for method in METHODS}
    all_maps = {method: [explanation.on_photo()[0] for explanation in group] for method, group in explanations.items()}
    if peers:
        all_maps[CAPTUM] = [captum_map(clf, explanation) for explanation in explanations["grad_cam"]]
    all_maps[CENTRE] = [centre(case.mask.shape) for case in cases]
    return {name: [_scored(map_, case) for map_, case in zip(maps, cases, strict=True)] for name, maps in all_maps.items()}


def _scored(map_: npt.NDArray[np.float32], case: Case) -> Result:
    return Result(hits(map_, case.mask), energy(map_, case.mask), case.hard)


def captum_map(clf: seewhy.Classifier, explanation: seewhy.Explanation) -> npt.NDArray[np.float32]:
    """captum's Grad-CAM of the same pixels, class and layer, laid on the photo as seewhy lays its own."""
    from captum.attr import LayerGradCam

    inputs = clf.executor.normalise(clf.executor.pixels([explanation.photo])).requires_grad_()
    method = LayerGradCam(clf.network, clf.network.get_submodule(clf.feature_layer))
    attribution = method.attribute(inputs, target=explanation.targets[0].index, relu_attributions=True)
    map_: npt.NDArray[np.float32] = replace(explanation, maps=attribution.detach().numpy()[0]).on_photo()[0]
    return map_


def measure(limit: int | None = None) -> list[Figure]:
    """Percent, with the standard error of the mean as the spread. ``limit``: only so many photos."""
    has_boxes = DATA.is_dir()
    (clf, cases) = boxed_photos() if has_boxes else drawn_scenes()
    cases = cases[:limit]
    kind = "photos" if has_boxes else "scenes"
    return [figure for name, outcomes in results(clf, cases).items() for figure in figures_of(name, outcomes, kind)]


def figures_of(name: str, outcomes: Sequence[Result], kind: str) -> list[Figure]:
    """Hits and energy over all photos and over the hard ones."""
    figures = []
    for subset, rows in (("all", list(outcomes)), ("hard", [result for result in outcomes if result.hard])):
        if not rows:
            continue
        goal = HARD_GOAL if subset == "hard" and name == "grad_cam" else None
        start = f"pointing/{kind}/{subset} {len(rows)}/{name}"
        figures.append(_percent(f"{start}/hits", [float(row.hit) for row in rows], goal))
        if name != CENTRE:
            figures.append(_percent(f"{start}/energy", [row.energy for row in rows], None))
    return figures


def _percent(name: str, values: Sequence[float], goal: float | None) -> Figure:
    mean = 100 * float(np.mean(values))
    error = 100 * float(np.std(values)) / math.sqrt(len(values))
    return Figure(name, mean, mean - error, mean + error, "%", goal, more_is_better=True)


def main() -> None:
    args = options(__doc__).parse_args()
    figures = measure(8 if args.quick else None)
    show_figures("Pointing: does the map's peak lie on the object, and how much of its positive mass (± standard error)", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
