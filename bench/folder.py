"""A folder of photos to saved Grad-CAM maps, end to end: JPEGs are decoded, explained, and their maps written as .npz.

Every contender has fresh processes to itself, which take turns: seewhy as its command line does it (exact and fast; the whole
explanation is saved, with photo and record), torchcam and captum as their manuals show them (Pillow, torchvision's transforms,
one photo at a time, the bare map saved), and the ceiling: photos decoded, resized and cropped by Pillow in as many threads as
seewhy takes, in turns with the bare pass of the planned network, nothing explained and nothing saved. Random weights, the same
layer.

The photos are drawn: a smooth ground, ellipses and grain, 500 × 375 pixels, quality 90, 85 kB; the files of ImageNet have 110.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import nn

import seewhy
from bench.gradcam import random_network
from bench.timing import ROOT, Figure, console, options, ratios, save, show_figures
from seewhy.cli.files import Batch, Names
from seewhy.cli.report import Report, print_explanation
from seewhy.engine.memory import keep_always

NETWORKS = ("squeezenet1_0", "resnet18")
PHOTOS = 200
WIDTH, HEIGHT, QUALITY = 500, 375, 90
PEERS = ("torchcam", "captum")
PRECISIONS = ("exact", "fast")
GOALS = {"exact": 2.0, "fast": 4.0}  # photos a second over those of the faster peer
GOAL_CEILING = 0.9
BATCH = 16
SHORTER, SIDE = 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)

Work = Callable[[Sequence[Path], Path], None]


def measure(networks: Sequence[str] = NETWORKS, repeats: int = 3, photos: int = PHOTOS) -> list[Figure]:
    """Photos a second, and their ratios round by round."""
    figures = []
    with tempfile.TemporaryDirectory() as folder:
        draw_photos(Path(folder), photos)
        for network in networks:
            rates: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
            first: dict[str, list[float]] = {contender: [] for contender in CONTENDERS}
            for turn in range(repeats):
                for contender in list(CONTENDERS) if turn % 2 else reversed(CONTENDERS):
                    (once, seconds) = _in_process(contender, network, Path(folder))
                    rates[contender].append(photos / seconds)
                    first[contender].append(once)
            figures += _figures(f"folder/{network}", rates, first)
    return figures


def _figures(name: str, rates: dict[str, list[float]], first: dict[str, list[float]]) -> list[Figure]:
    figures = [Figure.of(f"{name}/{key}", values, "photos/s", more_is_better=True) for key, values in rates.items()]
    for precision, goal in GOALS.items():
        own = rates[f"seewhy {precision}"]
        for peer in PEERS:
            times = ratios(own, rates[peer])
            figures.append(Figure.of(f"{name}/{precision} over {peer}", times, "×", goal, more_is_better=True))
        for ceiling, goal_of_ceiling in ((f"ceiling {precision}", GOAL_CEILING), (f"ceiling {precision}, one thread", None)):
            share = ratios(own, rates[ceiling])
            figures.append(Figure.of(f"{name}/{precision} over {ceiling}", share, "×", goal_of_ceiling, more_is_better=True))
        figures.append(Figure.of(f"{name}/{precision}, before the second photo", first[f"seewhy {precision}"], "s"))
    return figures


def draw_photos(folder: Path, count: int) -> None:
    """JPEGs, the same in every run."""
    rng = np.random.default_rng(0)
    for number in range(count):
        ground = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC)
        pen = ImageDraw.Draw(ground)
        for left, top, width, height in rng.integers((0, 0, 20, 20), (WIDTH, HEIGHT, 200, 200), (12, 4)).tolist():
            colour = tuple(rng.integers(0, 256, 3).tolist())
            pen.ellipse((left, top, left + width, top + height), fill=colour)
        grain = rng.normal(0, 12, (HEIGHT, WIDTH, 1))
        pixels = np.clip(np.asarray(ground) + grain, 0, 255).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{number:04}.jpg", quality=QUALITY)


def _in_process(contender: str, network: str, photos: Path) -> tuple[float, float]:
    """Seconds of the first photo and of all of them, measured in a process of its own."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "bench.folder", "--contender", contender, "--networks", network]
        command += ["--photos-in", str(photos), "--maps-in", folder]
        process = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT, env=environment)
        written = len(list(Path(folder, "all").glob("*.npz")))
        read = len(list(photos.glob("*.jpg")))
        if written != (0 if contender.startswith("ceiling") else read):
            raise RuntimeError(f"{contender} wrote {written} maps of {read} photos.")
    (first, seconds) = json.loads(process.stdout.splitlines()[-1])
    return first, seconds


def _run(contender: str, network: str, photos: Path, maps: Path) -> tuple[float, float]:
    paths = sorted(photos.glob("*.jpg"))
    start = time.perf_counter()
    work = CONTENDERS[contender](random_network(network))
    work(paths[:1], maps / "first")
    first = time.perf_counter() - start
    work(paths[:BATCH], maps / "warm")
    start = time.perf_counter()
    work(paths, maps / "all")
    return first, time.perf_counter() - start


# -- the contenders -----------------------------------------------------------------------------------------------------------


def _classifier(network: nn.Module, precision: str) -> seewhy.Classifier:
    preprocess = seewhy.Preprocess(size=SIDE, resize=SHORTER, mean=MEAN, std=STD)
    return seewhy.Classifier(network, preprocess, precision=precision)


def _seewhy(precision: str) -> Callable[[nn.Module], Work]:
    def prepared(network: nn.Module) -> Work:
        clf = _classifier(network, precision)

        def work(paths: Sequence[Path], maps: Path) -> None:
            """The command's own loop, with its lines for people."""
            files = {path: Path() for path in paths}
            names = Names(files, str(maps), seewhy.Explanation.suffixes, "npz")
            with redirect_stdout(io.StringIO()), Report(clf, False, len(files)) as report:
                batch = Batch(clf, list(files), report)
                for path, explanation, place in batch.explain(names, {}, "grad_cam", target="top1", seed=0):
                    print_explanation(report, path, explanation, place)

        return work

    return prepared


def _ceiling(precision: str, threads: int) -> Callable[[nn.Module], Work]:
    def prepared(network: nn.Module) -> Work:
        clf = _classifier(network, precision)
        plan = clf.executor.planned().plan

        def work(paths: Sequence[Path], maps: Path) -> None:
            with ThreadPoolExecutor(threads) as pool:
                for start in range(0, len(paths), BATCH):
                    decoded = list(pool.map(_decoded, paths[start : start + BATCH]))
                    with plan.ready():
                        plan.network(plan.prepare(clf.executor.normalise(torch.from_numpy(np.stack(decoded)))))

        return work

    return prepared


def _decoded(path: Path) -> Any:
    """``(3, 224, 224)``, 0 to 255: shorter side 256, the centre cut out."""
    with Image.open(path) as image:
        photo = image.convert("RGB")
    scale = SHORTER / min(photo.size)
    photo = photo.resize((int(photo.width * scale), int(photo.height * scale)), Image.Resampling.BILINEAR)
    (left, top) = (round((photo.width - SIDE) / 2), round((photo.height - SIDE) / 2))
    return np.asarray(photo.crop((left, top, left + SIDE, top + SIDE)), np.float32).transpose(2, 0, 1)


def _peer(explaining: Callable[[nn.Module, nn.Module], Callable[[torch.Tensor], torch.Tensor]]) -> Callable[[nn.Module], Work]:
    def prepared(network: nn.Module) -> Work:
        from torchvision import transforms

        steps = [transforms.Resize(SHORTER), transforms.CenterCrop(SIDE), transforms.ToTensor(), transforms.Normalize(MEAN, STD)]
        transform = transforms.Compose(steps)
        layer = network.get_submodule(seewhy.Classifier(network, seewhy.Preprocess(size=SIDE)).feature_layer)
        explain = explaining(network, layer)

        def work(paths: Sequence[Path], maps: Path) -> None:
            maps.mkdir(parents=True)
            for path in paths:
                photo = transform(Image.open(path).convert("RGB")).unsqueeze(0)
                np.savez(maps / f"{path.stem}.npz", map=explain(photo).detach().numpy())

        return work

    return prepared


def _torchcam(network: nn.Module, layer: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    from torchcam.methods import GradCAM

    extractor = GradCAM(network, layer)

    def explain(photo: torch.Tensor) -> torch.Tensor:
        out = network(photo)
        return extractor(out.squeeze(0).argmax().item(), out)[0]

    return explain


def _captum(network: nn.Module, layer: nn.Module) -> Callable[[torch.Tensor], torch.Tensor]:
    from captum.attr import LayerGradCam

    method = LayerGradCam(network, layer)

    def explain(photo: torch.Tensor) -> torch.Tensor:
        output = torch.nn.functional.softmax(network(photo), dim=1)
        (_, index) = torch.topk(output, 1)
        return method.attribute(photo, target=index.squeeze(), relu_attributions=True)

    return explain


_THREADS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
CONTENDERS: dict[str, Callable[[nn.Module], Work]] = {
    **{f"seewhy {precision}": _seewhy(precision) for precision in PRECISIONS},
    **{f"ceiling {precision}": _ceiling(precision, _THREADS) for precision in PRECISIONS},
    **{f"ceiling {precision}, one thread": _ceiling(precision, 1) for precision in PRECISIONS},
    "torchcam": _peer(_torchcam),
    "captum": _peer(_captum),
}


def show(figures: Sequence[Figure]) -> None:
    show_figures("A folder of JPEGs to saved Grad-CAM maps", figures)
    console.print("ceiling: decoding and the bare planned pass in turns, nothing explained, nothing saved.", highlight=False)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME", help="networks of torchvision")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    parser.add_argument("--contender", choices=list(CONTENDERS), help="measure this one alone, in this process")
    parser.add_argument("--photos-in", type=Path)
    parser.add_argument("--maps-in", type=Path)
    args = parser.parse_args()
    if args.contender:
        if args.contender not in PEERS:
            keep_always()  # as in the command line's process
        print(json.dumps(_run(args.contender, args.networks[0], args.photos_in, args.maps_in)))
        return
    figures = measure(args.networks[:1], 2, 40) if args.quick else measure(args.networks, args.repeats, args.photos)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
