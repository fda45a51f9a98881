"""A run killed (-9) at random moments, and begun again until it is through: what is lost, doubled or different?
``python -m bench.kills``.

Each trial starts the command on a folder of drawn scenes, kills it at a random moment of what is left of its work, several times
over, lets the last one end, and compares the store row by row with that of an unbroken run. Trials go on until so many kills have
hit a run that was at work. They are kept under ``out/kills``: a bench that is cut off goes on.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

import seewhy
from bench.timing import ROOT, Figure, options, save, show_figures, sources

KILLS, KILLS_OF_TRIAL, PHOTOS, SHARD = 100, 3, 60, 8
TRIALS = ROOT / "out" / "kills"
METHODS = ("grad_cam", "occlusion")

_RUN = """
import sys, seewhy
print("begins", flush=True)
seewhy.run(seewhy.load("demo:honest"), sys.argv[1], sys.argv[2], {methods}, labels="folders", shard_size={shard}, batch_size=4,
           progress=False)
"""


def measure(kills: int = KILLS, of_trial: int = KILLS_OF_TRIAL) -> list[Figure]:
    """Rows that were lost, doubled or different over all trials, beside how many kills there were."""
    place = TRIALS / sources()
    place.mkdir(parents=True, exist_ok=True)
    trials = []
    with tempfile.TemporaryDirectory() as folder:
        photos = Path(folder) / "photos"
        unbroken: list[dict[str, Any]] = []
        number = 0
        while sum(trial["kills"] for trial in trials) < kills:
            path = place / f"{number}, {of_trial} kills.json"
            if not path.is_file():
                if not unbroken:
                    _save_scenes(photos)
                    process = _begun(photos, Path(folder) / "unbroken")
                    seconds = time.perf_counter()
                    process.wait()
                    length = time.perf_counter() - seconds
                    unbroken = _rows(Path(folder) / "unbroken")
                path.write_text(json.dumps(_trial(number, photos, unbroken, of_trial, length)))
            trials.append(json.loads(path.read_text()))
            number += 1
    totals = {name: float(sum(trial[name] for trial in trials)) for name in trials[0]}
    goals = {"rows lost": 0.0, "rows doubled": 0.0, "rows different": 0.0, "files left over": 0.0}
    return [Figure(f"kills/{name}", value, value, value, "", goals.get(name)) for name, value in totals.items()]


def _trial(number: int, photos: Path, unbroken: list[dict[str, Any]], kills: int, length: float) -> dict[str, int]:
    """One store, killed so many times while it is at work, and finished. length : seconds of an unbroken run."""
    moments = random.Random(number)
    hits = 0
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        for _ in range(kills):
            process = _begun(photos, store)
            try:
                process.wait(moments.uniform(0, 0.9 * length * _left(store)))
            except subprocess.TimeoutExpired:
                process.kill()
                hits += 1
            process.wait()
        if _begun(photos, store).wait():
            raise RuntimeError(f"The run could not be finished: see {store}.")
        rows = _rows(store)
        names = {path.relative_to(store).as_posix() for path in store.rglob("*")}
    expected = {row["number"]: row for row in unbroken}
    numbers = [row["number"] for row in rows]
    shards = {f"shards/{shard:06}.parquet" for shard in range(-(-len(expected) // SHARD))}
    return {
        "kills": hits,
        "rows": len(rows),
        "rows lost": len(expected.keys() - numbers),
        "rows doubled": len(numbers) - len(set(numbers)),
        "rows different": sum(row != expected.get(row["number"]) for row in rows),
        "files left over": len(names - {"manifest.json", "run.lock", "shards"} - shards),
    }


def _left(store: Path) -> float:
    """The share of the shards that are not entered yet."""
    manifest = store / "manifest.json"
    entered = len(json.loads(manifest.read_text())["shards"]) if manifest.is_file() else 0
    return 1 - entered * SHARD / PHOTOS


def _begun(photos: Path, store: Path) -> subprocess.Popen[str]:
    """The run in a process of its own, which has imported everything."""
    command = [sys.executable, "-c", _RUN.format(methods=list(METHODS), shard=SHARD), str(photos), str(store)]
    environment = os.environ | {"PYTHONPATH": str(ROOT / "src")}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment)
    assert process.stdout is not None
    process.stdout.readline()
    return process


def _rows(store: Path) -> list[dict[str, Any]]:
    """All but what it cost: seconds, and the trials of the first photo after a start."""
    rows: list[dict[str, Any]] = seewhy.Store.open(store).dataset().to_table().to_pylist()
    for row in rows:
        for explanation in row["explanations"]:
            del explanation["cost"]
    return rows


def _save_scenes(photos: Path) -> None:
    shutil.rmtree(photos, ignore_errors=True)
    for number, scene in enumerate(seewhy.demo.scenes(PHOTOS, seed=11)):
        path = photos / scene.label / f"{number:03}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(path)


def show(figures: Sequence[Figure]) -> None:
    show_figures("A run killed at random moments", figures)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--kills", type=int, default=KILLS)
    args = parser.parse_args()
    figures = measure(2, 2) if args.quick else measure(args.kills)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
