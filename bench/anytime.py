"""Do the maps that a budget stops say truly how far off they are? Occlusion maps against all masks, on photos.

The real SqueezeNet and photos beside the repository, or the demo's. For each photo every mask two pixels apart is the truth;
the coarse-to-fine order is then replayed on that table with several budgets and seeds, and compared with a plain grid of as many
masks. The tables of 20 photos take half an hour, so they are kept under ``out/truths``, and a run that was cut off goes on where
it stopped.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

import seewhy
from bench.timing import DATA, ROOT, Figure, console, options, save, show_figures
from seewhy.geometry import sample_weights
from seewhy.methods.anytime import CoarseToFine

MASK, STRIDE, PHOTOS, SEEDS = 71, 2, 20, 8
PARTS = (12.5, 20, 35, 50, 75, 100, 150)  # one mask in so many
TRUTHS = ROOT / "out" / "truths"
GOAL_PART, GOAL_TRUE, GOAL_CORRELATION, FACTOR = 50, 0.9, 0.97, 1.5

Table = npt.NDArray[np.float32]


def measure(photos: int = PHOTOS) -> list[Figure]:
    """For every budget: how often the stated error is true within a factor 1.5, and the map's correlation with the truth, its own
    and above that of a plain grid."""
    truths = [truth(clf, photo) for clf, photo in subjects(photos)]
    figures = []
    for part in PARTS:
        replays = np.array([[replay(table, int(table.size / part), seed) for seed in range(SEEDS)] for table in truths])
        plain = np.array([correlation(plain_grid(table, int(table.size / part)), table) for table in truths])
        (ratios, correlations) = ((replays[:, :, 0] / replays[:, :, 1]).ravel(), replays[:, :, 2])
        true = float(np.mean((ratios > 1 / FACTOR) & (ratios < FACTOR)))  # an error that is not known yet is not true
        name = f"anytime/{len(truths)} photos/1 mask in {part:g}"
        (goal, goal_correlation, goal_gain) = (GOAL_TRUE, GOAL_CORRELATION, 0.0) if part == GOAL_PART else (None, None, None)
        worst = float((correlations - plain[:, None]).min())
        figures += [
            Figure.of(f"{name}/stated error true within {FACTOR}", [true], "of the maps", goal, more_is_better=True),
            Figure.of(f"{name}/stated over real error", list(ratios[np.isfinite(ratios)]) or [float("nan")], "×"),
            Figure.of(f"{name}/correlation", correlations.ravel().tolist(), "", goal_correlation, more_is_better=True),
            Figure.of(f"{name}/correlation of a plain grid", plain.tolist(), "", more_is_better=True),
            Figure.of(f"{name}/correlation above a plain grid's at worst", [worst], "", goal_gain, more_is_better=True),
        ]
    return figures


def subjects(count: int) -> list[tuple[seewhy.Classifier, Any]]:
    """The French horn first, then every fourth photo; or scenes."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    if not weights.is_file():
        clf = seewhy.load("demo:honest")
        return [(clf, scene.photo) for scene in seewhy.demo.scenes(count, seed=5)]
    clf = seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt")
    paths = sorted((DATA / "photos").glob("*.JPEG"))
    horn = [path for path in paths if "French_horn" in path.name]
    return [(clf, path) for path in [*horn, *[path for path in paths[::4] if path not in horn]][:count]]


def truth(clf: seewhy.Classifier, photo: Any) -> Table:
    """All masks, ``STRIDE`` pixels apart; kept in a file for the same network, photo and mask."""
    assert clf.input_size is not None
    side = round(MASK * clf.input_size[0] / 224)
    scores = np.round(clf.scores(photo), 3)  # they name the network and the photo
    path = TRUTHS / f"{hashlib.sha256(scores.tobytes()).hexdigest()[:16]}_{side}_{STRIDE}.npy"
    if not path.is_file():
        e = seewhy.explain(clf, photo, method="occlusion", mask_size=side, stride=STRIDE, progress=False)
        console.print(f"[dim]{e.photo.name}: {e.maps.size} masks, {e.cost.seconds:.0f} s[/dim]", highlight=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, e.maps[0])
    table: Table = np.load(path)
    return table


def replay(table: Table, budget: int, seed: int) -> tuple[float, float, float]:
    """Stated and real mean error of the map after ``budget`` masks, and its correlation with the truth."""
    plan = CoarseToFine(table.shape, 1, seed)
    for order in plan.orders():
        order = order[: budget - plan.reached]
        plan.put(order, table.ravel()[order][:, None])
        if plan.reached >= budget:
            break
    map_ = plan.values()[0]
    return float(plan.error()[0]), float(np.abs(map_ - table).mean()), correlation(map_, table)


def plain_grid(table: Table, budget: int) -> Table:
    """The map that an even grid of at most ``budget`` masks gives, bicubic between them and the last value beyond them."""
    sides = table.shape
    rows = max(range(1, min(budget, sides[0]) + 1), key=lambda r: _grid_masks(sides, r, budget))
    counts = (rows, min(budget // rows, sides[1]))
    (axes, weights) = ([], [])
    for side, count in zip(sides, counts, strict=True):
        axis = ((np.arange(count) + 0.5) * side / count).astype(int)
        axes.append(axis)
        weights.append(sample_weights(count, np.interp(np.arange(side), axis, np.arange(count)) + 0.5, 1.0, "bicubic"))
    known = table[np.ix_(*axes)]
    map_: Table = np.clip(weights[0] @ known @ weights[1].T, known.min(), known.max())
    return map_


def _grid_masks(sides: tuple[int, ...], rows: int, budget: int) -> float:
    """How good a shape of the grid is: many masks, and as far apart along both sides."""
    columns = min(budget // rows, sides[1])
    return rows * columns * float(np.exp(-2 * abs(np.log(rows / sides[0] * sides[1] / columns))))


def correlation(map_: Table, table: Table) -> float:
    return float(np.corrcoef(map_.ravel(), table.ravel())[0, 1])


def show(figures: Sequence[Figure]) -> None:
    show_figures("Anytime maps", figures)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    args = parser.parse_args()
    figures = measure(1 if args.quick else args.photos)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
