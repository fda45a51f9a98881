"""A folder of photos embedded, beside the least that anybody could do with it: read every photo, and run the network.

The real SqueezeNet and the photos beside the repository, or the demo network and as many scenes, saved as JPEG. The plain way
opens, resizes and crops as torchvision does and runs the eager network, photo by photo or 16 at once, whichever is faster here.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import seewhy
from bench.timing import DATA, Figure, console, in_turns, options, ratios, save, seconds_of, show_figures
from seewhy.features.embed import embed
from seewhy.features.placing import place

PHOTOS = 82
BATCHES = (1, 16)
GOAL = 1.1
SHORTER, SIDE = 256, 224
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)


def measure(repeats: int = 5, photos: int = PHOTOS) -> list[Figure]:
    """Embedding without its t-SNE over the plain way, t-SNE alone, and both together."""
    with tempfile.TemporaryDirectory() as folder:
        (clf, paths) = subjects(photos, Path(folder))
        plain = {f"plain, batch {size}": _plain(clf, paths, size) for size in BATCHES}
        for work in plain.values():
            work()
        fastest = min(plain, key=lambda name: min(seconds_of(plain[name]) for _ in range(2)))
        embedding = embed(clf, paths, progress=False)
        perplexity = embedding.details["perplexity"]
        seconds = in_turns(
            {
                "plain": plain[fastest],
                "embed": lambda: embed(clf, paths, progress=False),
                "placing": lambda: place(embedding.features, "tsne", perplexity, 0),
            },
            repeats,
        )
    name = f"embed/{clf.name}/{len(paths)} photos"
    reading = [whole - placing for whole, placing in zip(seconds["embed"], seconds["placing"], strict=True)]
    return [
        Figure.of(f"{name}/{fastest}", [1000 * s / len(paths) for s in seconds["plain"]], "ms a photo"),
        Figure.of(f"{name}/embed without t-SNE", ratios(reading, seconds["plain"]), "× plain", GOAL),
        Figure.of(f"{name}/t-SNE", seconds["placing"], "s"),
        Figure.of(f"{name}/t-SNE's share of embed", ratios(seconds["placing"], seconds["embed"]), "of the time"),
        Figure.of(f"{name}/embed", seconds["embed"], "s"),
    ]


def subjects(count: int, folder: Path) -> tuple[seewhy.Classifier, list[Path]]:
    """The network and its photos."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    photos = sorted((DATA / "photos").glob("*.JPEG"))[:count]
    if weights.is_file() and photos:
        return seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt"), photos
    scenes = seewhy.demo.scenes(count, seed=5)
    paths = [folder / f"{i:03}_{scene.label}.jpg" for i, scene in enumerate(scenes)]
    for path, scene in zip(paths, scenes, strict=True):
        Image.fromarray(scene.photo).save(path, quality=92)
    return seewhy.load("demo:honest"), paths


def _plain(clf: seewhy.Classifier, paths: Sequence[Path], size: int) -> Callable[[], Any]:
    network = clf.network
    (height, width) = clf.input_size or (SIDE, SIDE)
    real = (height, width) == (SIDE, SIDE)

    def one(path: Path) -> torch.Tensor:
        with Image.open(path) as image:
            picture = image.convert("RGB")
        if real:
            scale = SHORTER / min(picture.size)
            target_size = (max(SHORTER, int(picture.width * scale)), max(SHORTER, int(picture.height * scale)))
            picture = picture.resize(target_size, Image.Resampling.BILINEAR)
            (left, top) = (round((picture.width - SIDE) / 2), round((picture.height - SIDE) / 2))
            picture = picture.crop((left, top, left + SIDE, top + SIDE))
        else:
            picture = picture.resize((width, height), Image.Resampling.BILINEAR)
        values = torch.from_numpy(np.array(picture)).permute(2, 0, 1).contiguous().float().div(255)
        return (values - torch.tensor(MEAN)[:, None, None]) / torch.tensor(STD)[:, None, None]

    def work() -> list[torch.Tensor]:
        with torch.no_grad():
            starts = range(0, len(paths), size)
            return [network(torch.stack([one(path) for path in paths[start : start + size]])) for start in starts]

    return work


def show(figures: Sequence[Figure]) -> None:
    show_figures("Embedding a folder", figures)
    console.print("plain: every photo opened, resized, cropped and run through the eager network, nothing else.", highlight=False)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--photos", type=int, default=PHOTOS)
    args = parser.parse_args()
    figures = measure(2 if args.quick else args.repeats, 20 if args.quick else args.photos)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
