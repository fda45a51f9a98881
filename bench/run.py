"""A folder of JPEGs of 500 × 375 pixels into a store, end to end: how near it comes to the bare work, how much memory it takes,
how fast a finished store is looked through again, and what Ray costs on one machine. ``python -m bench.run``.

Every contender has a fresh process, in turns. The ceiling is ``bench.folder``'s: decoding, resizing and cropping by Pillow in as
many threads as seewhy takes, in turns with the bare pass of the planned network; nothing explained, hashed or stored. SqueezeNet
with random weights, Grad-CAM. Many photos are links to the same files.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path

from bench.folder import CONTENDERS, MEAN, SHORTER, SIDE, STD, draw_photos
from bench.gradcam import random_network
from bench.timing import ROOT, Figure, options, ratios, save, show_figures

NETWORK = "squeezenet1_0"
PHOTOS, MANY, DRAWN = 2_000, 20_000, 400
ROUNDS = 3
GOAL_CEILING, GOAL_MEMORY, GOAL_RESUME, GOAL_RAY = 0.85, 50.0, 3.0, 0.85
MEBI = 2.0**20
PARTS = ("speed", "memory", "ray")
ON_RAY = ("run on Ray", "run on a Ray that stands")


def measure(
    parts: Sequence[str] = PARTS, rounds: int = ROUNDS, photos: int = PHOTOS, many: int = MANY, drawn: int = DRAWN
) -> list[Figure]:
    """Photos a second over the ceiling; MB more for many photos; seconds to look through a finished store; Ray over without it,
    with the start of a Ray of its own, and on one that stands."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        places = {count: _linked(Path(folder), count, drawn) for count in {photos, *([many] if "memory" in parts else [])}}
        if "speed" in parts or "ray" in parts:
            contenders = ["run", *["ceiling"] * ("speed" in parts), *list(ON_RAY) * ("ray" in parts)]
            figures += _speed(contenders, places[photos], photos, rounds)
        if "memory" in parts:
            figures += _memory(places[photos], places[many], photos, many)
    return figures


def _speed(contenders: Sequence[str], photos: Path, count: int, rounds: int) -> list[Figure]:
    rates: dict[str, list[float]] = {contender: [] for contender in contenders}
    for turn in range(rounds):
        for contender in contenders if turn % 2 else reversed(contenders):
            with tempfile.TemporaryDirectory() as store:
                rates[contender].append(count / _in_process(contender, photos, Path(store) / "store")["seconds"])
    figures = [Figure.of(f"run/{name}", values, "photos/s", more_is_better=True) for name, values in rates.items()]
    for name, base, goal in (("run", "ceiling", GOAL_CEILING), *((contender, "run", GOAL_RAY) for contender in ON_RAY)):
        if name in rates and base in rates:
            share = ratios(rates[name], rates[base])
            figures.append(Figure.of(f"run/{name} over {base}", share, "×", goal, more_is_better=True))
    return figures


def _memory(few: Path, many: Path, few_count: int, many_count: int) -> list[Figure]:
    """Peaks of one process each, and what the finished store of many takes when the same run is asked for again."""
    figures = []
    peaks = []
    with tempfile.TemporaryDirectory() as store:
        for place, count in ((few, few_count), (many, many_count)):
            told = _in_process("run", place, Path(store) / str(count))
            peaks.append(told["peak"])
            figures.append(Figure(f"run/peak memory, {count:,} photos", told["peak"], told["peak"], told["peak"], "MB"))
        more = peaks[1] - peaks[0]
        figures.append(Figure("run/more memory for ten times the photos", more, more, more, "MB", GOAL_MEMORY))
        again = [_in_process("run", many, Path(store) / str(many_count))["seconds"] for _ in range(3)]
        figures.append(Figure.of(f"run/looking through a finished store of {many_count:,}", again, "s", GOAL_RESUME))
        size = sum(path.stat().st_size for path in (Path(store) / str(many_count)).rglob("*")) / many_count / 1024
        figures.append(Figure("run/store, a photo", size, size, size, "kB"))
    return figures


def _linked(folder: Path, count: int, drawn: int) -> Path:
    """A folder of so many photos: links to ``drawn`` files."""
    originals = folder / "drawn"
    if not originals.is_dir():
        originals.mkdir()
        draw_photos(originals, drawn)
    files = sorted(originals.iterdir())
    place = folder / str(count)
    place.mkdir()
    for number in range(count):
        os.link(files[number % len(files)], place / f"{number:06}.jpg")
    return place


def _in_process(contender: str, photos: Path, store: Path) -> dict[str, float]:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-m", "bench.run", "--contender", contender, "--photos-in", str(photos), "--store", str(store)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    if process.returncode:
        raise RuntimeError(f"{contender} ended with {process.returncode}: {process.stderr[-2000:]}")
    told: dict[str, float] = json.loads(process.stdout.splitlines()[-1])
    return told


def _run(contender: str, photos: Path, store: Path) -> dict[str, float]:
    """Seconds without the start of this process and its planning, but with those of Ray's workers, and the peak of its memory in
    MB."""
    import seewhy

    network = random_network(NETWORK)
    if contender == "ceiling":
        work = CONTENDERS["ceiling exact"](network)
        paths = sorted(photos.iterdir())
        work(paths[:16], store)
        start = time.perf_counter()
        work(paths, store)
    else:
        clf = seewhy.Classifier(network, seewhy.Preprocess(size=SIDE, resize=SHORTER, mean=MEAN, std=STD))
        ray = {"ray": "auto"} if contender in ON_RAY else {}
        if contender == ON_RAY[1]:
            import ray as cluster

            cluster.init(address="local", include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
        warm = store.with_name("warm")
        seewhy.run(clf, sorted(photos.iterdir())[:16], warm, "grad_cam", progress=False)
        shutil.rmtree(warm)
        start = time.perf_counter()
        seewhy.run(clf, photos, store, "grad_cam", progress=False, **ray)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEBI}


def show(figures: Sequence[Figure]) -> None:
    show_figures("A folder of JPEGs into a store", figures)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--contender", help="measure this one alone, in this process")
    parser.add_argument("--photos-in", type=Path)
    parser.add_argument("--store", type=Path)
    args = parser.parse_args()
    if args.contender:
        from seewhy.engine.memory import keep_always

        keep_always()  # as in the command line's process
        print(json.dumps(_run(args.contender, args.photos_in, args.store)))
        return
    figures = measure(args.parts, 1, 64, 256, 32) if args.quick else measure(args.parts, args.rounds)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
