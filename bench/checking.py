"""How often does a map pass ``seewhy.check``, that should and that should not? ``python -m bench.checking``.

Grad-CAM maps of the predicted class, the same maps with their cells shuffled, or laid at a random place (what leaves at one
edge comes in at the other one), noise on the same grid, and a blob in the photo's middle: with the real SqueezeNet on the 40
photos on which the check's shares and fill were not chosen, where ``../shared/data`` lies beside the project; else with
``demo:honest`` on drawn scenes. And, on the planted networks, whose evidence is known, coarse maps of that evidence.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import seewhy
from bench.intervals import wilson
from bench.planted import KINDS, cases
from bench.timing import DATA, Figure, options, save, show_figures
from seewhy.evaluate.references import centre_map

PHOTOS, PLANTED = 40, 25
GOALS = {"Grad-CAM": (85.0, True), "noise": (10.0, False), "true maps": (95.0, True), "true maps shuffled": (5.0, False)}

Map = npt.NDArray[np.float32]


def shuffled(map_: Map, seed: int) -> Map:
    """The map's cells in another order."""
    return np.random.default_rng(seed).permutation(map_.ravel()).reshape(map_.shape)


def laid_anywhere(map_: Map, seed: int) -> Map:
    """The map at a place drawn at random."""
    moves = np.random.default_rng(seed).integers(0, map_.shape)
    return np.roll(map_, tuple(int(move) for move in moves), axis=(0, 1))


def subjects(count: int) -> tuple[seewhy.Classifier, list[Any]]:
    """The network and its photos."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    if not weights.is_file():
        return seewhy.load("demo:honest"), [scene.photo for scene in seewhy.demo.scenes(count, seed=7)]
    clf = seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt")
    return clf, sorted((DATA / "photos").glob("*.JPEG"))[-count:]


def of_photos(count: int = PHOTOS) -> list[Figure]:
    """Real maps, the same ones shuffled, and noise."""
    (clf, photos) = subjects(count)

    def explanations() -> Iterator[dict[str, seewhy.Explanation]]:
        for seed, photo in enumerate(photos):
            grad_cam = seewhy.explain(clf, photo, progress=False)
            maps = {
                "Grad-CAM shuffled": shuffled(grad_cam.maps[0], seed),
                "Grad-CAM laid anywhere": laid_anywhere(grad_cam.on_input()[0], seed),
                "centre blob": centre_map(grad_cam.photo.geometry.input),
                "noise": np.random.default_rng(seed).random(grad_cam.maps[0].shape, np.float32),
            }
            target = grad_cam.targets[0].index
            yield {"Grad-CAM": grad_cam} | {
                name: seewhy.Explanation.from_map(clf, grad_cam.photo, map_, target) for name, map_ in maps.items()
            }

    return _figures(f"check/{clf.name}", [_passed(clf, group, seed) for seed, group in enumerate(explanations())])


def of_planted(count: int = PLANTED) -> list[Figure]:
    """8×8 maps of the evidence itself, and the same ones shuffled; ``count`` photos for each kind of network."""
    passed = []
    for kind in KINDS:
        for seed, case in enumerate(cases(kind, count)):
            coarse = case.evidence.reshape(8, 8, 8, 8).mean(axis=(1, 3)).astype(np.float32)
            maps = {"true maps": coarse, "true maps shuffled": shuffled(coarse, seed)}
            own = {name: seewhy.Explanation.from_map(case.clf, case.photo, map_, "yes") for name, map_ in maps.items()}
            passed.append(_passed(case.clf, own, seed))
    return _figures("check/planted", passed)


def _passed(clf: seewhy.Classifier, explanations: dict[str, seewhy.Explanation], seed: int) -> dict[str, bool]:
    return {name: seewhy.check(clf, e, seed=seed, progress=False).passed for name, e in explanations.items()}


def _figures(start: str, passed: Sequence[dict[str, bool]]) -> list[Figure]:
    """Percent of the maps that pass, with Wilson's 95 % interval in place of the quartiles."""
    figures = []
    for name in passed[0]:
        count = sum(row[name] for row in passed)
        (low, high) = wilson(count, len(passed))
        (goal, more_is_better) = GOALS.get(name, (None, False))
        share = 100 * count / len(passed)
        figures.append(
            Figure(f"{start}, {len(passed)} maps/{name}", share, 100 * low, 100 * high, "% pass", goal, more_is_better)
        )
    return figures


def measure(photos: int = PHOTOS, planted: int = PLANTED) -> list[Figure]:
    """Both."""
    return of_photos(photos) + of_planted(planted)


def show(figures: Sequence[Figure]) -> None:
    show_figures("Maps that pass the check (95 % interval)", figures)


def main() -> None:
    parser = options(__doc__)
    args = parser.parse_args()
    figures = measure(*((4, 2) if args.quick else ()))
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
