"""Live beside the bare pass: ``python -m bench.live``.

SqueezeNet 1.0 with random weights, a drawn video of 640×480 pixels, each contender in a process of its own. bare: the planned
network on one prepared frame, nothing else; explained: CAM of frames by ``seewhy.explain``; window: every frame captured,
explained and drawn (overlay, or the glow of ``cam_show``) and shown in SDL's stand-in for a screen; recorded: drawn into a video.
Beside them the latency from capture to picture in frames, the seconds to the first map, and the memory after many frames.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image

import seewhy
from bench.fresh import Contender, in_fresh_processes
from bench.gradcam import random_network
from bench.timing import Figure, options, ratios, save, show_figures
from seewhy.engine import memory
from seewhy.live import LiveLoop
from seewhy.live.recording import Recording
from seewhy.live.screen import Screen
from seewhy.live.window import Window

SIZE = (640, 480)
FRAMES = 300
MANY = (1_000, 10_000)
RATE = 30.0


def classifier(name: str) -> seewhy.Classifier:
    """Random weights, torchvision's preparation."""
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    return seewhy.Classifier(random_network(name), preprocess=seewhy.Preprocess(size=224, resize=256, mean=mean, std=std))


def frames(count: int) -> list[np.ndarray]:
    """Drawn scenes that move to the right, ``(480, 640, 3)``."""
    scenes = [np.asarray(Image.fromarray(scene.photo).resize(SIZE)) for scene in seewhy.demo.scenes(6, seed=4)]
    return [np.roll(scenes[(i // 25) % 6], 3 * (i % 25), axis=1) for i in range(count)]


def write_video(path: Path, count: int) -> None:
    import cv2

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), RATE, SIZE)
    for frame in frames(count):
        writer.write(np.ascontiguousarray(frame[..., ::-1]))
    writer.release()


class Bare:
    """The planned forward pass of one prepared frame, as often as there are frames."""

    def __init__(self, network: str, count: int) -> None:
        clf = classifier(network)
        executor = clf.executor
        pixels = executor.pixels([clf.read(frames(1)[0])])
        planned = executor.planned(pixels)
        self.results: dict[str, float] = {}
        (self._count, inputs) = (count, executor.network_inputs(pixels))
        self._work = lambda: planned.forward_prepared(inputs)

    def __call__(self) -> None:
        with torch.inference_mode(), memory.kept():
            for _ in range(self._count):
                self._work()


class Explained:
    """CAM of frames that are in memory."""

    def __init__(self, network: str, count: int) -> None:
        self.results: dict[str, float] = {}
        (self._clf, self._frames) = (classifier(network), frames(count))

    def __call__(self) -> None:
        for frame in self._frames:
            seewhy.explain(self._clf, frame, "cam", progress=False)


class Watched:
    """The whole loop: video, network, screen, and the window or a file."""

    def __init__(self, network: str, count: int, look: str, record: bool) -> None:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        memory.keep_always()  # as the command line does
        self.results: dict[str, float] = {}
        self._clf = classifier(network)
        self._folder = tempfile.TemporaryDirectory()
        self._video = Path(self._folder.name) / "v.avi"
        write_video(self._video, count)
        (self._look, self._record) = (look, record)

    def __call__(self) -> None:
        screen = Screen(self._look)
        (latencies, rates) = ([], [])
        start = time.monotonic()
        with contextlib.ExitStack() as stack:
            recording = stack.enter_context(Recording(Path(self._folder.name) / "r.mp4", RATE)) if self._record else None
            window = None if self._record else stack.enter_context(Window("bench"))
            loop = stack.enter_context(LiveLoop(self._clf, self._video, realtime=False))
            for moment in loop:
                picture = screen.compose(moment)
                if recording is not None:
                    recording.add(picture)
                if window is not None:
                    window.show(picture)
                    window.pressed()
                if not latencies:
                    self.results["first"] = time.monotonic() - start
                latencies.append(moment.latency)
                rates.append(moment.rate)
        self.results["latency"] = float(np.median(latencies) * np.median(rates))


def contender(name: str, network: str, count: int) -> Any:
    """Called by ``bench.fresh``."""
    if name in ("bare", "explained"):
        return (Bare if name == "bare" else Explained)(network, count)
    return Watched(network, count, "cam_show" if name == "window, cam_show" else "overlay", name == "recorded")


CONTENDERS = ("bare", "explained", "window", "window, cam_show", "recorded")
GOAL, GOAL_LATENCY, GOAL_FIRST = 0.85, 2.0, 2.0


def measure(networks: Sequence[str] = ("squeezenet1_0",), count: int = FRAMES, rounds: int = 3) -> list[Figure]:
    """Frames a second of each, and their shares of the bare ones."""
    figures = []
    for network in networks:
        arguments = {"network": network, "count": count}
        measured = in_fresh_processes(
            {name: Contender("bench.live:contender", {"name": name, **arguments}, calls=2) for name in CONTENDERS}, rounds
        )
        bare = measured["bare"].seconds
        for name in CONTENDERS:
            seconds = measured[name].seconds
            prefix = f"live/{network}/{name}"
            figures.append(Figure.of(f"{prefix}/frames a second", [count / s for s in seconds], "1/s", more_is_better=True))
            if name == "bare":
                continue
            goal = GOAL if name.startswith("window") else None
            figures.append(Figure.of(f"{prefix}/share of bare", ratios(bare, seconds), "×", goal, more_is_better=True))
            results = measured[name].results
            if "latency" in results:
                figures.append(Figure.of(f"{prefix}/latency in frames", [results["latency"]], "frames", GOAL_LATENCY))
                figures.append(Figure.of(f"{prefix}/first map", [results["first"]], "s", GOAL_FIRST))
    return figures


class Endless:
    """Memory after each so many frames, drawn, of a loop that begins again and again."""

    def __init__(self, counts: Sequence[int]) -> None:
        self.results: dict[str, float] = {}
        self._counts = counts

    def __call__(self) -> None:
        memory.keep_always()
        screen = Screen()
        process = psutil.Process()
        with LiveLoop(seewhy.load("demo:honest"), frames(50), realtime=False, again=True) as loop:
            for number, moment in enumerate(loop, 1):
                screen.compose(moment)
                if number in self._counts:
                    self.results[f"{number:,}"] = process.memory_info().rss / 1e6
                if number == max(self._counts):
                    return


def endless(counts: Sequence[int]) -> Any:
    """Called by ``bench.fresh``."""
    return Endless(counts)


def memory_figures(counts: Sequence[int] = MANY) -> list[Figure]:
    """Resident memory after few and after many frames."""
    job = Contender("bench.live:endless", {"counts": list(counts)}, calls=0)
    results = in_fresh_processes({"endless": job}, 1)["endless"].results
    return [
        Figure(f"live/memory after {count} frames", megabytes, megabytes, megabytes, "MB") for count, megabytes in results.items()
    ]


def main() -> None:
    args = options(__doc__).parse_args()
    figures = measure(count=60 if args.quick else FRAMES, rounds=1 if args.quick else 3)
    figures += memory_figures((50, 200) if args.quick else MANY)
    show_figures("Live", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
