"""Does a map depend on what the network has learned? ``python -m bench.sanity``.

The cascading randomisation of Adebayo et al. 2018 (arXiv:1810.03292): the layers are replaced, from the last to the first, by
0.01 · N(0, 1), and each map is compared with the map of the trained network by rank correlation and structural similarity of
its absolute values. Published finding: the gradient changes, guided backpropagation and deconvnet hardly do.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from scipy.stats import spearmanr
from skimage.metrics import structural_similarity
from torch import nn

import seewhy
from bench.timing import DATA, console, options, table

METHODS = ("gradient", "input_x_gradient", "integrated_gradients", "guided_backprop", "deconvnet", "grad_cam")
SETTINGS: dict[str, dict[str, Any]] = {
    "integrated_gradients": {"steps": 16},
    "gradient": {"signed": True},
    "grad_cam": {"relu": False},
}


@dataclass(frozen=True)
class Likeness:
    """How alike a method's maps still are, the mean over photos, after ``layers`` layers from the end were replaced."""

    method: str
    layers: int
    last: str
    rank: float
    structure: float


def measure(clf: seewhy.Classifier, photos: Sequence[Any], depths: Sequence[int] | None = None, seed: int = 0) -> list[Likeness]:
    """Every method after every depth of randomisation; None takes the last layer, a quarter, half, and all."""
    weighted = [name for name, module in clf.network.named_modules() if isinstance(module, (nn.Conv2d, nn.Linear))]
    depths = depths or sorted({1, len(weighted) // 4, len(weighted) // 2, len(weighted)})
    target = [int(clf.scores(photo).argmax()) for photo in photos]
    before = {m: [_absolute(clf, photo, m, t) for photo, t in zip(photos, target, strict=True)] for m in METHODS}
    likenesses = []
    for depth in depths:
        other = _randomised(clf, weighted[-depth:], seed)
        for method in METHODS:
            after = [_absolute(other, photo, method, t) for photo, t in zip(photos, target, strict=True)]
            pairs = list(zip(before[method], after, strict=True))
            rank = float(np.mean([_rank(a, b) for a, b in pairs]))
            alike = float(np.mean([structural_similarity(a, b, data_range=1.0) for a, b in pairs]))
            likenesses.append(Likeness(method, depth, weighted[-depth], rank, alike))
    return likenesses


def _rank(a: Any, b: Any) -> float:
    """Rank correlation; 0 where one of the maps is the same everywhere."""
    return float(spearmanr(a.ravel(), b.ravel()).statistic) if np.ptp(a) > 0 and np.ptp(b) > 0 else 0.0


def subjects(quick: bool) -> tuple[seewhy.Classifier, list[Any]]:
    """The real SqueezeNet and photos where they lie beside the project, else the demo network and scenes."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    if weights.is_file():
        clf = seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt")
        return clf, sorted((DATA / "photos").glob("*.JPEG"))[:: 20 if quick else 8]
    return seewhy.load("demo:honest"), [scene.photo for scene in seewhy.demo.scenes(3 if quick else 10, seed=1)]


def _absolute(clf: seewhy.Classifier, photo: Any, method: str, target: int) -> Any:
    """The map without its sign, at most 56×56, stretched to [0, 1]."""
    e = seewhy.explain(clf, photo, method=method, target=target, progress=False, **SETTINGS.get(method, {}))
    map_ = torch.from_numpy(np.abs(e.maps))[None]
    (rows, columns) = (min(56, side) for side in map_.shape[-2:])
    small = torch.nn.functional.adaptive_avg_pool2d(map_, (rows, columns))[0, 0].numpy()
    return seewhy.show.min_max(small)


def _randomised(clf: seewhy.Classifier, names: Sequence[str], seed: int) -> seewhy.Classifier:
    """A copy whose layers of these names are noise."""
    network = copy.deepcopy(clf.network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in names:
            for parameter in network.get_submodule(name).parameters():
                parameter.copy_(0.01 * torch.randn(parameter.shape, generator=generator))
    return seewhy.Classifier(network, preprocess=clf.preprocess, classes=clf.classes, head=clf.head.kind)


def show(likenesses: Sequence[Likeness]) -> None:
    """A line for each method, a column for each depth."""
    depths = list(dict.fromkeys((likeness.layers, likeness.last) for likeness in likenesses))
    report = table(
        "Likeness to the trained network's map: rank correlation of |map| (structural similarity)",
        ("method", *(f"{layers} from the end, down to {last}" for layers, last in depths)),
    )
    for method in METHODS:
        row = [likeness for likeness in likenesses if likeness.method == method]
        report.add_row(method, *(f"{likeness.rank:.2f} ({likeness.structure:.2f})" for likeness in row))
    console.print(report)


def main() -> None:
    parser = options(__doc__)
    args = parser.parse_args()
    (clf, photos) = subjects(args.quick)
    show(measure(clf, photos))
    console.print(f"{clf.name}, {len(photos)} photos.")


if __name__ == "__main__":
    main()
