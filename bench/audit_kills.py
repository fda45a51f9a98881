"""An audit killed (-9) ten times at random moments and begun again, alone and on Ray: are its verdicts and the answers to its
trials those of an unbroken one? ``python -m bench.audit_kills``."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import seewhy
from bench.timing import ROOT, Figure, options, save, show_figures

KILLS, SCENES, BUDGET = 10, 90, 1500
COLUMNS = ("number", "path", "edit", "sha256", "predicted_index", "score")

_AUDIT = """
import sys, seewhy
print("begins", flush=True)
seewhy.audit(seewhy.load("demo:shortcut"), sys.argv[1], "folders", sys.argv[2], {budget}, ray=sys.argv[3] or None, progress=False)
"""


def measure(kills: int = KILLS, scenes: int = SCENES, budget: int = BUDGET, ways: Sequence[str] = ("", "auto")) -> list[Figure]:
    """ways : as ``ray`` of :func:`seewhy.audit` takes them; "" is this process alone."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        for number, scene in enumerate(seewhy.demo.scenes(scenes, logo=True, seed=12)):
            path = photos / scene.label / f"{number:03}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(scene.photo).save(path)
        start = time.perf_counter()
        _begun(photos, Path(folder) / "unbroken", "", budget).wait()
        length = time.perf_counter() - start
        unbroken = _said(Path(folder) / "unbroken")
        for way in ways:
            place = Path(folder) / f"killed{way}"
            hits = _killed(photos, place, way, budget, kills, length)
            (verdicts, rows) = _said(place)
            name = "on Ray" if way else "alone"
            different = sum(row not in unbroken[1] for row in rows) + abs(len(rows) - len(unbroken[1]))
            figures.append(Figure(f"audit kills/{name}/kills that hit it at work", hits, hits, hits, "", kills, True))
            figures.append(
                Figure(f"audit kills/{name}/rows lost, doubled or different", different, different, different, "", 0.0)
            )
            changed = float(verdicts != unbroken[0])
            figures.append(Figure(f"audit kills/{name}/other verdicts", changed, changed, changed, "", 0.0))
    return figures


def _killed(photos: Path, place: Path, way: str, budget: int, kills: int, length: float) -> int:
    """How many kills hit an audit at work; then it is finished. length : seconds of an unbroken one."""
    moments = random.Random(0)
    hits = 0
    while hits < kills:
        process = _begun(photos, place, way, budget)
        try:
            process.wait(moments.uniform(0.1, 0.25 * length))
            break  # it was through before
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            hits += 1
    if _begun(photos, place, way, budget).wait():
        raise RuntimeError(f"The audit could not be finished: see {place}.")
    return hits


def _begun(photos: Path, place: Path, way: str, budget: int) -> subprocess.Popen[str]:
    """The audit in a process of its own, which has imported everything."""
    command = [sys.executable, "-c", _AUDIT.format(budget=budget), str(photos), str(place), way]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _said(place: Path) -> tuple[Any, list[dict[str, Any]]]:
    """The verdicts, and the rows of the photos and trials: what they cost aside."""
    rows = [
        {"store": store.name, **row}
        for store in sorted(place.iterdir())
        if (store / "manifest.json").is_file()
        for row in seewhy.Store.open(store).dataset().to_table(columns=list(COLUMNS)).to_pylist()
    ]
    return json.loads((place / "audit.json").read_text())["verdicts"], rows


def show(figures: Sequence[Figure]) -> None:
    show_figures("An audit killed at random moments", figures)


def main() -> None:
    parser = options(__doc__)
    args = parser.parse_args()
    figures = measure(2, 60, 600, ("",)) if args.quick else measure()
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
