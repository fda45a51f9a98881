"""Does a map depend on what the network has learned? ``python -m bench.sanity``.

The cascading randomisation of Adebayo et al. 2018 (``from seewhy.evaluate import randomise``), for several methods beside each
other. Published finding: the gradient changes, guided backpropagation and deconvnet hardly do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import seewhy
from bench.timing import DATA, console, options, table
from seewhy.evaluate import Likeness, randomise

METHODS = ("gradient", "input_x_gradient", "integrated_gradients", "guided_backprop", "deconvnet", "grad_cam")
SETTINGS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 16},
    "gradient": {"signed": True},
    "grad_cam": {"relu": False},
}


def measure(clf: seewhy.Classifier, photos: Sequence[Any], layers: int | None = 4, seed: int = 0) -> dict[str, list[Likeness]]:
    """Method -> how alike its maps still are at each depth, the mean over photos. layers : how many depths; None takes all."""
    targets = [int(clf.scores(photo).argmax()) for photo in photos]
    likenesses = {}
    for method in METHODS:
        settings = SETTINGS.get(method, {})
        explanations = [
            seewhy.explain(clf, photo, method, target, progress=False, **settings)
            for photo, target in zip(photos, targets, strict=True)
        ]
        likenesses[method] = randomise(clf, explanations, layers=layers, seed=seed)
    return likenesses


def subjects(quick: bool) -> tuple[seewhy.Classifier, list[Any]]:
    """The real SqueezeNet and photos where they lie beside the project, else the demo network and scenes."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    if weights.is_file():
        clf = seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt")
        return clf, sorted((DATA / "photos").glob("*.JPEG"))[:: 20 if quick else 8]
    return seewhy.load("demo:honest"), [scene.photo for scene in seewhy.demo.scenes(3 if quick else 10, seed=1)]


def show(likenesses: Mapping[str, Sequence[Likeness]]) -> None:
    """A line for each method, a column for each depth."""
    depths = next(iter(likenesses.values()))
    report = table(
        "Likeness to the trained network's map: rank correlation of |map| (structural similarity)",
        ("method", *(f"{row.layers} from the end, down to {row.layer}" for row in depths)),
    )
    for method, rows in likenesses.items():
        report.add_row(method, *(f"{row.rank:.2f} ({row.structure:.2f})" for row in rows))
    console.print(report)


def main() -> None:
    parser = options(__doc__)
    args = parser.parse_args()
    (clf, photos) = subjects(args.quick)
    show(measure(clf, photos))
    console.print(f"{clf.name}, {len(photos)} photos.")


if __name__ == "__main__":
    main()
