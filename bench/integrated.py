"""Integrated gradients: how many gradients leave a gap under 1 %, beside captum. ``python -m bench.integrated``."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

import seewhy
from bench.sanity import subjects
from bench.timing import DATA, Figure, console, options, save, table

PHOTOS = 20
LADDER = (8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)  # steps that a person would try
GAP = 0.01  # of the difference of the two scores
RULES = ("gausslegendre", "riemann_middle")
REFERENCE = 128  # midpoints: the map that both are compared with
BLOCK = 8
GOAL = 0.9  # of captum's passes, at most


@dataclass(frozen=True)
class Outcome:
    """What one photo took: gradients, what the map's sum misses of the score, and how far the map is from that of many steps (the
    difference's norm over the map's)."""

    passes: int
    gap: float
    error: float


def measure(photos: int = PHOTOS, ladder: Sequence[int] = LADDER) -> list[Figure]:
    """Three trained networks, each on its photos; captum with the fewest steps of the ladder that are enough for the photo."""
    outcomes: dict[str, list[Outcome]] = {}
    figures = []
    for name, (clf, own_photos) in _subjects(photos).items():
        console.print(f"[dim]integrated gradients, {name} ...[/dim]")
        rows = [_photo(clf, photo, ladder) for photo in own_photos]
        for rule in rows[0]:
            outcomes.setdefault(rule, []).extend(row[rule] for row in rows)
            figures += _figures(f"integrated/{name}/{rule}", [row[rule] for row in rows])
    for rule, all_of_rule in outcomes.items():
        figures += _figures(f"integrated/all/{rule}", all_of_rule)
    best = min(RULES, key=lambda rule: np.median([outcome.passes for outcome in outcomes[rule]]))
    medians = {rule: float(np.median([outcome.passes for outcome in outcomes[rule]])) for rule in ("seewhy", best)}
    share = medians["seewhy"] / medians[best]
    return [*figures, Figure("integrated/all/seewhy over captum's better rule", share, share, share, "×", GOAL)]


def _subjects(photos: int) -> dict[str, tuple[seewhy.Classifier, list[Any]]]:
    """The real SqueezeNet where it lies beside the project, and the demo networks on scenes."""
    subjects_of_name: dict[str, tuple[seewhy.Classifier, list[Any]]] = {}
    if (DATA / "photos").is_dir():
        (squeezenet, _) = subjects(quick=True)
        subjects_of_name["squeezenet1_0"] = (squeezenet, sorted((DATA / "photos").glob("*.JPEG"))[::4][:photos])
    scenes = [scene.photo for scene in seewhy.demo.scenes(photos, seed=1)]
    return subjects_of_name | {name: (seewhy.load(name), scenes) for name in ("demo:honest", "demo:shortcut")}


def _photo(clf: seewhy.Classifier, photo: Any, ladder: Sequence[int]) -> dict[str, Outcome]:
    """What seewhy takes as it comes, and each of captum's rules with the fewest steps."""
    import captum.attr

    (pixels, index) = (clf.read(photo).pixels, int(clf.scores(photo).argmax()))
    way = torch.from_numpy(pixels)[None]
    network = _OfPixels(clf)

    def by_seewhy(steps: int | None) -> seewhy.Explanation:
        return seewhy.explain(clf, photo, "integrated_gradients", index, steps=steps, progress=False)

    reference = by_seewhy(REFERENCE)
    (true_map, difference) = (reference.maps[0], reference.details["difference"][0])

    def outcome(passes: int, map: np.ndarray[Any, Any]) -> Outcome:
        gap = abs(float(map.sum(dtype=np.float64)) - difference) / abs(difference)
        return Outcome(passes, gap, float(np.linalg.norm(map - true_map) / np.linalg.norm(true_map)))

    own = by_seewhy(None)
    outcomes = {"seewhy": outcome(int(own.cost.backward), own.maps[0])}
    peer = captum.attr.IntegratedGradients(network)
    for rule in RULES:
        for steps in ladder:
            attribution = peer.attribute(way.clone(), target=index, n_steps=steps, method=rule, internal_batch_size=BLOCK)
            outcomes[rule] = outcome(steps, attribution[0].sum(dim=0).detach().numpy())
            if outcomes[rule].gap < GAP:
                break
    return outcomes


class _OfPixels(torch.nn.Module):
    """The network behind its normalisation, for peers: the baseline is a black photo for both."""

    def __init__(self, clf: seewhy.Classifier) -> None:
        super().__init__()
        self.network = copy.deepcopy(clf.network).eval().requires_grad_(False).to(memory_format=torch.channels_last)
        zero = torch.zeros(1, 3, 1, 1)
        inputs: Callable[[torch.Tensor], torch.Tensor] = clf.executor.network_inputs
        (self.shift, self.scale) = (inputs(zero), inputs(zero + 1) - inputs(zero))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        output: torch.Tensor = self.network(pixels * self.scale + self.shift)
        return output


def _figures(start: str, outcomes: Sequence[Outcome]) -> list[Figure]:
    return [
        Figure.of(f"{start}/gradients", [outcome.passes for outcome in outcomes], ""),
        Figure.of(f"{start}/gap", [100 * outcome.gap for outcome in outcomes], "%"),
        Figure.of(f"{start}/map's error", [100 * outcome.error for outcome in outcomes], "%"),
    ]


def show(figures: Sequence[Figure]) -> None:
    """A line for each network and rule."""
    report = table(
        "Integrated gradients to a gap under 1 %; median (quartiles)", ("network, rule", "gradients", "gap, %", "map's error, %")
    )
    values = {figure.name: figure for figure in figures}
    for name in dict.fromkeys(name.rpartition("/")[0] for name in values if name.endswith("/gap")):
        report.add_row(
            name.removeprefix("integrated/"), *(str(values[f"{name}/{of}"]) for of in ("gradients", "gap", "map's error"))
        )
    console.print(report)
    share = figures[-1]
    console.print(f"{share.name}: {share} (goal ≤ {share.goal:g}){'' if share.reached else ', NOT REACHED'}", highlight=False)


def main() -> None:
    args = options(__doc__).parse_args()
    figures = measure(3) if args.quick else measure()
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # captum's
    main()
