"""What an audit costs: ``python -m bench.audit_cost``.

* **Three classes**: the demo network on 240 scenes with the default budget, seconds in all, and of these those of the search for
  candidates; and the seconds that were stated beforehand for its trials, over those that they took.
* **Passes**: trials of SqueezeNet a second, over the bare pass of the planned network on numbers that lie in memory, in turns.
  Random weights; its 120 drawn photos are labelled by what it says of them.
* **Memory**: the peak of one process for 300 photos and for 3,000, with the same budget.
* **A thousand classes**: seconds of planning, on photos that are made up, four of each class and no maps; what a budget of 7,000
  would be in hours on two cores, at the rate above, and the search for candidates of 1,000 classes at that of the three.

Every contender has a fresh process.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from PIL import Image

import seewhy
from bench.folder import MEAN, SHORTER, SIDE, STD, draw_photos
from bench.gradcam import random_network
from bench.timing import ROOT, Figure, options, ratios, save, show_figures
from seewhy.audit.audit import BUDGET
from seewhy.audit.photos import AuditedPhoto, Halves
from seewhy.audit.planning import AuditPlan, ClassPhotos, planned
from seewhy.audit.trying import Trying
from seewhy.engine import runner
from seewhy.store import Store

NETWORK = "squeezenet1_0"
PARTS = ("three classes", "passes", "memory", "planning")
SCENES, PHOTOS, MANY, CLASSES, ROUNDS = 240, 120, 3_000, 1_000, 3
SMALL_BUDGET, BATCH, KINDS, STORY_CLASSES = 800, 32, 4, 3
GOAL_SECONDS, GOAL_STATED, GOAL_PASSES, GOAL_MEMORY = 180.0, 1.5, 0.85, 50.0
MEBI = 2.0**20

Told = dict[str, float]


def measure(
    scenes: int = SCENES, photos: int = PHOTOS, many: int = MANY, classes: int = CLASSES, rounds: int = ROUNDS
) -> list[Figure]:
    """See the beginning of this file. scenes, photos, many, classes : how many; few is a tenth of many."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        story = _scenes(place / "story", scenes)
        told = [_in_process("three classes", story) for _ in range(rounds)]
        figures.append(Figure.of("audit cost/three classes", [one["seconds"] for one in told], "s", GOAL_SECONDS))
        stated = [max(one["stated"] / one["taken"], one["taken"] / one["stated"]) for one in told]
        search = [one["planned"] / STORY_CLASSES for one in told]
        figures.append(Figure.of("audit cost/search for candidates, a class", search, "s"))
        figures.append(Figure.of("audit cost/stated and taken, the larger over the smaller", stated, "×", GOAL_STATED))
        (place / "drawn").mkdir()
        draw_photos(place / "drawn", photos)
        told = [_in_process("passes", place / "drawn") for _ in range(rounds)]
        (trials, bare) = ([one["trials"] for one in told], [one["bare"] for one in told])
        figures.append(Figure.of("audit cost/trials of SqueezeNet", trials, "passes/s", more_is_better=True))
        figures.append(Figure.of("audit cost/bare passes of SqueezeNet", bare, "passes/s", more_is_better=True))
        figures.append(
            Figure.of("audit cost/trials over bare passes", ratios(trials, bare), "×", GOAL_PASSES, more_is_better=True)
        )
        peaks = [_in_process("memory", _scenes(place / f"{count}", count))["peak"] for count in (many // 10, many)]
        more = peaks[1] - peaks[0]
        figures.append(Figure(f"audit cost/peak memory, {many:,} photos", peaks[1], peaks[1], peaks[1], "MB"))
        figures.append(Figure("audit cost/more memory for ten times the photos", more, more, more, "MB", GOAL_MEMORY))
        seconds = _in_process("planning", place, classes)["seconds"]
        figures.append(Figure(f"audit cost/planning {classes:,} classes", seconds, seconds, seconds, "s"))
        hours = [classes * BUDGET / rate / 3600 for rate in trials]
        hours_of_search = [classes * seconds / 3600 for seconds in search]
        figures.append(Figure.of(f"audit cost/search for candidates of {classes:,} classes, reckoned", hours_of_search, "h"))
        figures.append(Figure.of(f"audit cost/{classes:,} classes with {BUDGET:,} passes each, reckoned", hours, "h"))
    return figures


def _scenes(place: Path, count: int) -> Path:
    """Drawn scenes with the logo, in folders of their classes."""
    for number, scene in enumerate(seewhy.demo.scenes(count, logo=True, seed=500)):
        path = place / scene.label / f"{number:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(scene.photo).save(path, quality=92)
    return place


def _in_process(part: str, photos: Path, count: int = 0) -> Told:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    command = [sys.executable, "-m", "bench.audit_cost", "--part", part, "--photos", str(photos), "--count", str(count)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    if process.returncode:
        raise RuntimeError(f"{part} ended with {process.returncode}: {process.stderr[-2000:]}")
    told: Told = json.loads(process.stdout.splitlines()[-1])
    return told


def _timed(audit: Callable[[], object]) -> Told:
    """Seconds in all, and those of planning; of the trials the seconds that were stated and that they took, and how many of them
    there were in one."""
    (durations, counts, stated, told, planning) = (list[float](), list[int](), list[float](), list[float](), list[float]())
    run_trials = Trying._run

    def timed(trying: Trying, name: str, trials: Sequence[object], *rest: object) -> object:
        told.extend(stated[-1:])  # what was stated last is the trials
        start = time.perf_counter()
        answered = run_trials(trying, name, trials, *rest)  # type: ignore[arg-type]
        durations.append(time.perf_counter() - start)
        counts.append(len(trials))
        return answered

    def noted(seconds: float) -> str:
        stated.append(seconds)
        return "so long"

    def plan(*arguments: Any) -> AuditPlan:
        start = time.perf_counter()
        audit_plan = planned(*arguments)
        planning.append(time.perf_counter() - start)
        return audit_plan

    start = time.perf_counter()
    patches = [(Trying, "_run", timed), (runner, "in_time", noted), (sys.modules[seewhy.audit.__module__], "planned", plan)]
    with contextlib.ExitStack() as stack:
        for owner, name, replacement in patches:
            stack.enter_context(mock.patch.object(owner, name, replacement))
        audit()
    (taken, count) = (durations[0], counts[0])
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "planned": planning[0], "stated": told[0], "taken": taken, "trials": count / taken}


def _three_classes(photos: Path, count: int) -> Told:
    clf = seewhy.load("demo:shortcut")
    return _timed(lambda: seewhy.audit(clf, photos, "folders", progress=False, told=lambda line: None))


def _passes(photos: Path, count: int) -> Told:
    """Of four logits, less what they are on the average: random weights say one class of all photos."""
    clf = seewhy.Classifier(random_network(NETWORK), seewhy.Preprocess(size=SIDE, resize=SHORTER, mean=MEAN, std=STD))
    paths = sorted(photos.iterdir())
    logits = clf.scores(paths)
    middle = logits[:, :KINDS] - logits[:, :KINDS].mean(axis=0)
    network = _Middled(clf.network, torch.from_numpy(logits[:, :KINDS].mean(axis=0).astype(np.float32)))
    names = [f"class {index}" for index in range(KINDS)]
    own = seewhy.Classifier(network, clf.preprocess, names)
    labels = [names[int(index)] for index in middle.argmax(axis=1)]
    bare = [_bare(clf)]
    told = _timed(lambda: seewhy.audit(own, paths, labels, budget=SMALL_BUDGET, progress=False, told=lambda line: None))
    bare.append(_bare(clf))
    return told | {"bare": float(np.mean(bare))}


class _Middled(torch.nn.Module):
    """The first logits, less what they are on the average."""

    def __init__(self, network: torch.nn.Module, average: torch.Tensor) -> None:
        super().__init__()
        self.network = network
        self.average = torch.nn.Buffer(average)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.network(pixels)[:, : len(self.average)] - self.average
        return logits


def _bare(clf: seewhy.Classifier, repeats: int = 8) -> float:
    """Passes a second of the planned network, on numbers that lie in memory."""
    plan = clf.executor.planned().plan
    pixels = torch.randn(BATCH, 3, SIDE, SIDE)
    with torch.inference_mode(), plan.ready():
        plan.network(plan.prepare(pixels))
        start = time.perf_counter()
        for _ in range(repeats):
            plan.network(plan.prepare(pixels))
    return repeats * BATCH / (time.perf_counter() - start)


def _memory(photos: Path, count: int) -> Told:
    clf = seewhy.load("demo:shortcut")
    seewhy.audit(clf, photos, "folders", budget=SMALL_BUDGET, progress=False)
    return {"peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / MEBI}


def _planning(photos: Path, count: int) -> Told:
    """Four photos of each of so many classes, as noise."""
    import io

    random = np.random.default_rng(0)

    def photo(number: int, label: int) -> AuditedPhoto:
        buffer = io.BytesIO()
        Image.fromarray(random.integers(0, 256, (64, 96, 3), np.uint8)).save(buffer, "JPEG")
        return AuditedPhoto(number, f"{label}/{number}.jpg", f"{number:064x}", label, label, buffer.getvalue())

    by_class = {}
    for label in range(count):
        own = [photo(4 * label + place, label) for place in range(4)]
        by_class[label] = ClassPhotos(label, Halves(own[:2], own[2:], 0), 4)
    pictures = photos / "one"
    pictures.mkdir()
    Image.new("RGB", (64, 64)).save(pictures / "a.png")
    store: Store = seewhy.run(seewhy.load("demo:honest"), pictures, photos / "store", target=None, progress=False)
    start = time.perf_counter()
    plan = planned(store, by_class, list(by_class), BUDGET, 0)
    return {"seconds": time.perf_counter() - start, "passes": float(plan.passes())}


WORK: dict[str, Callable[[Path, int], Told]] = dict(zip(PARTS, (_three_classes, _passes, _memory, _planning), strict=True))


def show(figures: Sequence[Figure]) -> None:
    show_figures("What an audit costs", figures)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--part", choices=PARTS, help="this alone, in this process; told as JSON")
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--count", type=int, default=0)
    args = parser.parse_args()
    if args.part:
        print(json.dumps(WORK[args.part](args.photos, args.count)))
        return
    figures = measure(48, 24, 120, 20, 1) if args.quick else measure()
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    main()
