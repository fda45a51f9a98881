"""Live beside the bare pass: ``python -m bench.live``.

SqueezeNet 1.0 with random weights, a drawn video of 640×480 pixels, each contender in a process of its own. bare: the planned
network on one prepared frame, nothing else; explained: CAM of frames that are in memory, one after the other; window: every frame
of the video decoded, explained, drawn (overlay, or the glow of ``cam_show``) and shown in SDL's stand-in for a screen; recorded:
drawn into a video; camera: the window again, with frames that come 30 times a second; server: the page's server, asked by a
client that keeps two JPEGs on their way; browser: the page in Chromium, with a camera of 40 frames a second.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import torch
from PIL import Image

import seewhy
from bench.fresh import Contender, in_fresh_processes
from bench.gradcam import random_network
from bench.timing import ROOT, Figure, console, options, ratios, save, show_figures
from seewhy.engine import memory
from seewhy.live import LiveLoop
from seewhy.live.recording import Recording
from seewhy.live.screen import Screen
from seewhy.live.window import Window

SIZE = (640, 480)
FRAMES = 300
MANY = (1_000, 10_000)
QUICK: dict[str, Any] = {"count": 60, "rounds": 1}
QUICK_MANY = (50, 200)
RATE = 30.0  # frames a second of a camera
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
FAST_CAMERA = 40  # of Chromium's: more than it can show here


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

    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), RATE, SIZE)
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

    def __init__(self, network: str, count: int, look: str = "overlay", record: bool = False, realtime: bool = False) -> None:
        os.environ["SDL_VIDEODRIVER"] = "dummy"
        memory.keep_always()  # as the command line does
        self.results: dict[str, float] = {}
        self._clf = classifier(network)
        self._folder = tempfile.TemporaryDirectory()
        self._video = Path(self._folder.name) / "v.mp4"
        write_video(self._video, count)
        (self._look, self._record, self._realtime) = (look, record, realtime)

    def __call__(self) -> None:
        screen = Screen(self._look)
        (latencies, dropped) = ([], 0)
        start = time.monotonic()
        with contextlib.ExitStack() as stack:
            recording = stack.enter_context(Recording(Path(self._folder.name) / "r.mp4", RATE)) if self._record else None
            window = None if self._record else stack.enter_context(Window("bench"))
            loop = stack.enter_context(LiveLoop(self._clf, self._video, realtime=self._realtime))
            for moment in loop:
                picture = screen.compose(moment)
                if recording is not None:
                    recording.add(picture)
                if window is not None:
                    window.show(picture)
                    window.pressed()
                if not latencies:
                    self.results.setdefault("first", time.monotonic() - start)
                latencies.append(moment.latency)
                dropped = moment.dropped
        self.results |= {"latency": float(np.median(latencies) * RATE), "dropped": dropped}


class Asked:
    """The page's server, asked by a client in a thread."""

    def __init__(self, network: str, count: int) -> None:
        sys.path.insert(0, str(ROOT / "tests"))  # their server and their browser
        memory.keep_always()
        self.results: dict[str, float] = {}
        self._clf = classifier(network)
        self._count = count
        self._pictures = []
        for frame in frames(50):
            buffer = io.BytesIO()
            Image.fromarray(frame).save(buffer, "JPEG", quality=90)
            self._pictures.append(buffer.getvalue())

    def __call__(self) -> None:
        from serving import TOKEN, message, serving
        from websockets.sync.client import connect

        from seewhy.web.explaining import Explainer
        from seewhy.web.server import create_app

        with Explainer(self._clf) as explainer, serving(create_app(explainer, TOKEN)) as server:
            explainer.start()
            explainer.tried.wait()
            origin: Any = f"http://127.0.0.1:{server.port}"
            with connect(f"ws://127.0.0.1:{server.port}/{TOKEN}/frames", origin=origin, max_size=None) as client:
                start = time.monotonic()
                for sequence in range(self._count):
                    client.send(message({"sequence": sequence, "method": "cam"}, self._pictures[sequence % 50]))
                    if sequence:  # two are on their way
                        client.recv()
                client.recv()
                self.results["rate"] = self._count / (time.monotonic() - start)


class Browsed:
    """The page in Chromium."""

    def __init__(self, network: str, count: int) -> None:
        sys.path.insert(0, str(ROOT / "tests"))
        memory.keep_always()
        self.results: dict[str, float] = {}
        (self._clf, self._count) = (classifier(network), count)

    def __call__(self) -> None:
        from browser import Browser
        from serving import TOKEN, serving

        from seewhy.web.explaining import Explainer
        from seewhy.web.server import create_app

        with tempfile.TemporaryDirectory() as name, Explainer(self._clf) as explainer:
            explainer.start()
            explainer.tried.wait()
            camera = Path(name) / "camera.y4m"
            write_y4m(camera, frames(50))
            with serving(create_app(explainer, TOKEN)) as server, Browser(Path(name) / "profile", camera) as browser:
                browser.size(1280, 900)
                browser.open(f"http://127.0.0.1:{server.port}/{TOKEN}/")
                browser.wait_for("typeof shown !== 'undefined' && shown && shown.head.sequence > 20", 60)
                (first, start) = (browser.value("shown.head.sequence"), time.monotonic())
                browser.wait_for(f"shown.head.sequence >= {first + self._count}", 120)
                shown = browser.value("shown.head.sequence") - first
                self.results["rate"] = shown / (time.monotonic() - start)


def write_y4m(path: Path, pictures: Sequence[np.ndarray]) -> None:
    """A video without compression, that Chromium takes for a camera."""
    import cv2

    with path.open("wb") as file:
        file.write(f"YUV4MPEG2 W{SIZE[0]} H{SIZE[1]} F{FAST_CAMERA}:1 Ip A1:1 C420jpeg\n".encode())
        for picture in pictures:
            file.write(b"FRAME\n" + cv2.cvtColor(np.ascontiguousarray(picture), cv2.COLOR_RGB2YUV_I420).tobytes())


CONTENDERS: dict[str, Callable[..., Any]] = {
    "bare": Bare,
    "explained": Explained,
    "window": Watched,
    "window, cam_show": partial(Watched, look="cam_show"),
    "recorded": partial(Watched, record=True),
    "camera": partial(Watched, realtime=True),
    "server": Asked,
    "browser": Browsed,
}
GOALS = {"window": 0.85, "window, cam_show": 0.85, "browser": 0.7}  # shares of the bare pass
GOAL_LATENCY, GOAL_FIRST = 2.0, 2.0


def contender(name: str, network: str, count: int) -> Any:
    """Called by ``bench.fresh``."""
    return CONTENDERS[name](network, count)


def measure(
    networks: Sequence[str] = ("squeezenet1_0",), count: int = FRAMES, rounds: int = 3, names: Sequence[str] = tuple(CONTENDERS)
) -> list[Figure]:
    """Frames a second of each, and their shares of the bare ones; without Chromium all but the browser."""
    figures = []
    if "browser" in names and not any(map(shutil.which, BROWSERS)):
        console.print(f"No browser ({', '.join(BROWSERS)}): it is not measured.")
        names = [name for name in names if name != "browser"]
    for network in networks:
        jobs = {
            name: Contender("bench.live:contender", {"name": name, "network": network, "count": count}, calls=1) for name in names
        }
        measured = in_fresh_processes(jobs, rounds)
        rates = {name: [count / seconds for seconds in result.seconds] for name, result in measured.items()}
        for name in ("server", "browser"):  # which start and end beside what is asked for
            if name in names:
                rates[name] = [results["rate"] for results in measured[name].told]
        for name in names:
            prefix = f"live/{network}/{name}"
            results = measured[name].results
            if name == "camera":
                figures.append(Figure.of(f"{prefix}/latency", [results["latency"]], "frames of 33 ms", GOAL_LATENCY))
                figures.append(Figure.of(f"{prefix}/dropped", [results["dropped"] / count], "of all"))
                continue
            figures.append(Figure.of(f"{prefix}/frames a second", rates[name], "1/s", more_is_better=True))
            if name != "bare":
                share = ratios(rates[name], rates["bare"])
                figures.append(Figure.of(f"{prefix}/share of bare", share, "×", GOALS.get(name), more_is_better=True))
            if name == "window":
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
    figures = measure(**(QUICK if args.quick else {}))
    figures += memory_figures(QUICK_MANY if args.quick else MANY)
    show_figures("Live", figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
