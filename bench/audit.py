"""What the audit says of networks whose truth is known, on fresh scenes: ``python -m bench.audit``.

The demo networks: the shortcut network reads the logo in the lower left corner of every bear; the honest network and the bear
network read the animal, and see the same photos. Each pair of a network and a seed of scenes is kept under ``out/audit``: a
bench that is cut off goes on.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import seewhy
from bench.audit_table import LEAST_OVERLAP
from bench.intervals import exact_interval
from bench.timing import ROOT, Figure, options, save, show_figures, sources
from seewhy.audit.boxes import overlap
from seewhy.demo.logo import COLUMNS, MARGIN, ROWS

SEEDS, SCENES, BUDGET, FIRST_SEED = 10, 240, 2000, 100
NETWORKS = ("shortcut", "honest", "bear")
TRIALS = ROOT / "out" / "audit"
LOGO = ((240 - MARGIN - ROWS) / 240, MARGIN / 320, (240 - MARGIN) / 240, (MARGIN + COLUMNS) / 320)


def measure(seeds: int = SEEDS, scenes: int = SCENES, budget: int = BUDGET) -> list[Figure]:
    """How often the shortcut is found (class, kind and place), and how often another class is called one."""
    place = TRIALS / sources()
    place.mkdir(parents=True, exist_ok=True)
    verdicts: dict[str, list[list[dict[str, Any]]]] = {network: [] for network in NETWORKS}
    for seed in range(FIRST_SEED, FIRST_SEED + seeds):
        for network in NETWORKS:
            path = place / f"{network}, seed {seed}, {scenes} scenes, budget {budget}.json"
            if not path.is_file():
                path.write_text(json.dumps(_verdicts(network, seed, scenes, budget), indent=1))
            verdicts[network].append(json.loads(path.read_text()))
    bears = [verdict for one in verdicts["shortcut"] for verdict in one if verdict["class_name"] == "bear"]
    others = [
        verdict
        for network, of_network in verdicts.items()
        for one in of_network
        for verdict in one
        if (network, verdict["class_name"]) != ("shortcut", "bear")
    ]
    clean = [one for network in ("honest", "bear") for one in verdicts[network]]
    return [
        _share("shortcut found: class, kind and place", [_is_found(verdict) for verdict in bears], 0.95, True),
        _share("other classes called a shortcut", [verdict["kind"] == "shortcut" for verdict in others], 0.05),
        _share("clean networks that do not pass", [not all(map(_passes, one)) for one in clean], 0.05),
        *(
            _share(f"other classes: {kind}", [verdict["kind"] == kind for verdict in others])
            for kind in ("none", "local", "undecided")
        ),
    ]


def _verdicts(network: str, seed: int, scenes: int, budget: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as folder:
        for number, scene in enumerate(seewhy.demo.scenes(scenes, logo=True, seed=seed)):
            label = scene.label if network != "bear" or scene.label == "bear" else "not bear"
            path = Path(folder) / label / f"{number:03}.jpg"
            path.parent.mkdir(exist_ok=True)
            Image.fromarray(scene.photo).save(path, quality=92)
        clf = seewhy.load(f"demo:{network}")
        audit = seewhy.audit(clf, folder, "folders", budget=budget, seed=seed, progress=False)
    record: list[dict[str, Any]] = audit.record()["verdicts"]
    return record


def _passes(verdict: dict[str, Any]) -> bool:
    return verdict["kind"] not in ("shortcut", "undecided")


def _is_found(verdict: dict[str, Any]) -> bool:
    return verdict["kind"] == "shortcut" and overlap(verdict["place"], LOGO) >= LEAST_OVERLAP


def _share(name: str, hits: Sequence[bool], goal: float | None = None, more_is_better: bool = False) -> Figure:
    """A share with its exact interval, which takes the classes of one network for independent: they are not."""
    (low, high) = exact_interval(sum(hits), len(hits))
    return Figure(f"audit/{name}", sum(hits) / len(hits), low, high, f"of {len(hits)}", goal, more_is_better)


def show(figures: Sequence[Figure]) -> None:
    show_figures("The audit on fresh scenes", figures)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--seeds", type=int, default=SEEDS)
    args = parser.parse_args()
    figures = measure(1, 90, 400) if args.quick else measure(args.seeds)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
