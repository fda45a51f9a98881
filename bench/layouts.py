"""Does the automatic map point at the only evidence, in every layout of feature maps? ``python -m bench.layouts``.

The classes are the colours of a square at a random place, and "none"; muted things lie around it. Small networks of every
layout (a grid that is averaged or flattened, channels last, tokens with and without a class token, windows, tokens that are
mixed by dense layers) are trained on it until they are right, and explained on photos that they never saw. Nothing but the
square can tell its class: the peak of the map must lie on it.

Every network is trained by a fixed number of steps and seeds. A table row is kept under ``out/layouts`` while the sources are
the same, so that a run which is cut off goes on.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from scipy.ndimage import binary_dilation
from torch import nn
from torch.nn import functional

import seewhy
from bench.timing import ROOT, console, options, sources, table
from seewhy.errors import SeewhyError
from seewhy.evaluate import hits
from seewhy.load.from_torchvision import models as torchvision_models

SIDE = 64  # pixels of a photo
CLASSES = ("red", "green", "blue", "none")
COLOURS = np.array([[0.92, 0.1, 0.1], [0.1, 0.8, 0.15], [0.12, 0.2, 0.95]])
SQUARE = (13, 17)  # pixels; the mask that checks has 16
EDGE = 4  # pixels around it: half a cell, beyond which an enlarged map only goes on as it was going
METHODS = ("auto", "grad_cam", "hires_cam", "occlusion", "attention_rollout", "grad_attention_rollout")
GOAL = 0.95
PREPARED = seewhy.Preprocess(SIDE, "stretch", mean=0.5, std=0.25)

Photos = npt.NDArray[np.uint8]
Masks = npt.NDArray[np.bool_]


def draw(label: int, random: np.random.Generator) -> tuple[Photos, Masks]:
    """A photo ``(H, W, 3)`` and where its evidence is ``(H, W)``; nowhere for "none".

    The photo is tinted at random and holds muted things of any colour, so that the mean colour says nothing.
    """
    tint = random.uniform(0.3, 0.7) + random.uniform(-0.1, 0.1, 3)
    photo = tint + np.kron(random.normal(0, 0.08, (8, 8, 3)), np.ones((8, 8, 1))) + random.normal(0, 0.04, (SIDE, SIDE, 3))
    for _ in range(random.integers(2, 5)):
        _fill(photo, random, int(random.integers(8, 20)), random.uniform(0.1, 0.9) + random.uniform(-0.12, 0.12, 3))
    mask = np.zeros((SIDE, SIDE), dtype=bool)
    if label < len(COLOURS):
        side = int(random.integers(*SQUARE, endpoint=True))
        place = _fill(photo, random, side, COLOURS[label] * random.uniform(0.8, 1), EDGE)
        mask[place] = True
    return (np.clip(photo, 0, 1) * 255).round().astype(np.uint8), mask


def _fill(
    photo: npt.NDArray[Any], random: np.random.Generator, side: int, colour: npt.NDArray[Any], edge: int = 0
) -> tuple[slice, slice]:
    (row, column) = random.integers(edge, SIDE - side - edge + 1, 2)
    place = (slice(row, row + side), slice(column, column + side))
    photo[place] = colour + random.normal(0, 0.04, (side, side, 3))
    return place


def draw_many(count: int, seed: int, classes: int = len(CLASSES)) -> tuple[Photos, npt.NDArray[np.int64], Masks]:
    """Photos ``(N, H, W, 3)``, their labels and masks."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, count)
    pairs = [draw(int(label), random) for label in labels]
    return np.stack([photo for photo, _ in pairs]), labels, np.stack([mask for _, mask in pairs])


def train(network: nn.Module, steps: int, seed: int = 0, rate: float = 1e-3, photos: int = 6_000) -> nn.Module:
    """The network in eval mode, trained in place."""
    torch.manual_seed(seed)
    (pixels, labels, _) = draw_many(photos, seed + 1_000)
    inputs = torch.from_numpy(pixels).permute(0, 3, 1, 2)
    targets = torch.from_numpy(labels)
    optimiser = torch.optim.AdamW(network.parameters(), rate, weight_decay=0.05)
    network.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1, step / 30) * (1 - step / steps)
        batch = torch.randint(photos, (48,))
        loss = functional.cross_entropy(_logits(network((inputs[batch] / 255 - 0.5) / 0.25)), targets[batch])
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return network.eval()


def _logits(output: Any) -> torch.Tensor:
    """Of a network, whatever holds them; two heads (DeiT while it learns) are averaged."""
    if isinstance(output, tuple):
        return torch.stack(output).mean(0)
    logits: torch.Tensor = output if isinstance(output, torch.Tensor) else output.logits
    return logits


def _convolutions(*head: nn.Module) -> nn.Module:
    widths = ((3, 24), (24, 32), (32, 48))
    layers = [layer for (a, b) in widths for layer in (nn.Conv2d(a, b, 3, 2, 1), nn.BatchNorm2d(b), nn.ReLU(inplace=True))]
    return nn.Sequential(*layers, *head)


def _averaged() -> nn.Module:
    return _convolutions(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(48, 4))


def _flattened() -> nn.Module:
    return _convolutions(nn.Flatten(), nn.Linear(48 * 64, 4))


def _timm(module: str, kind: str, **settings: Any) -> nn.Module:
    torchvision_models()  # timm imports torchvision, whose compiled part may be missing
    network: nn.Module = getattr(importlib.import_module(f"timm.models.{module}"), kind)(num_classes=4, **settings)
    return network


_PATCHES = {"img_size": SIDE, "patch_size": 8, "embed_dim": 64}
_BLOCKS = {**_PATCHES, "depth": 3, "num_heads": 4}


def _max_vit(block_type: tuple[str, ...], depths: tuple[int, ...]) -> nn.Module:
    torchvision_models()
    from timm.models import maxxvit

    attention = maxxvit.MaxxVitTransformerCfg(window_size=(4, 4), grid_size=(4, 4), dim_head=16)
    config = maxxvit.MaxxVitCfg((32, 64), depths, block_type=block_type, stem_width=16, transformer_cfg=attention)
    network: nn.Module = maxxvit.MaxxVit(config, img_size=SIDE, num_classes=4)
    return network


def _resnet() -> nn.Module:
    torchvision_models()
    from timm.models.resnet import BasicBlock, ResNet

    network: nn.Module = ResNet(BasicBlock, (1, 1, 1, 1), num_classes=4, channels=(24, 32, 48, 64), output_stride=8)
    return network


def _torchvision_swin() -> nn.Module:
    models = torchvision_models()
    network: nn.Module = models.SwinTransformer([4, 4], 32, [2, 2], [2, 4], [4, 4], num_classes=4)
    return network


def _torchvision_convnext() -> nn.Module:
    models = torchvision_models()
    settings = [models.convnext.CNBlockConfig(32, 64, 2), models.convnext.CNBlockConfig(64, None, 2)]
    network: nn.Module = models.ConvNeXt(settings, layer_scale=1.0, num_classes=4)
    return network


def _transformers(kind: str, **settings: Any) -> nn.Module:
    torchvision_models()
    import transformers

    config = getattr(transformers, f"{kind}Config")(image_size=SIDE, num_labels=4, **settings)
    network: nn.Module = getattr(transformers, f"{kind}ForImageClassification")(config)
    return network


@dataclass(frozen=True)
class Family:
    """layout : of the layer that is explained. steps, rate, photos : of training."""

    layout: str
    build: Callable[[], nn.Module]
    steps: int = 400
    rate: float = 1e-3
    photos: int = 6_000


_SMALL_SWIN = {"patch_size": 4, "embed_dim": 32, "window_size": 4}
FAMILIES = {
    "convolutions, averaged": Family("channels first", _averaged),
    "convolutions, flattened": Family("channels first", _flattened),
    "ResNet (timm)": Family("channels first", _resnet),
    "ConvNeXt (torchvision)": Family("channels first", _torchvision_convnext, 600, 3e-3),
    "ConvNeXt (timm), a grid of 2×2": Family(
        "channels first, coarse",
        lambda: _timm("convnext", "ConvNeXt", depths=(1, 1, 1, 1), dims=(16, 32, 48, 64), ls_init_value=None),
        1200,
        3e-3,
        24_000,
    ),
    "ViT (timm), class token": Family("tokens", lambda: _timm("vision_transformer", "VisionTransformer", **_BLOCKS)),
    "ViT (timm), averaged tokens": Family(
        "tokens", lambda: _timm("vision_transformer", "VisionTransformer", class_token=False, global_pool="avg", **_BLOCKS)
    ),
    "DeiT (timm), distilled token": Family("tokens", lambda: _timm("deit", "VisionTransformerDistilled", **_BLOCKS)),
    "ViT (transformers)": Family(
        "tokens",
        lambda: _transformers(
            "ViT", patch_size=8, hidden_size=64, num_hidden_layers=3, num_attention_heads=4, intermediate_size=256
        ),
    ),
    "MLP-Mixer (timm)": Family("tokens", lambda: _timm("mlp_mixer", "MlpMixer", num_blocks=3, **_PATCHES)),
    "Swin (timm)": Family(
        "windows, channels last",
        lambda: _timm("swin_transformer", "SwinTransformer", img_size=SIDE, depths=(2, 2), num_heads=(2, 4), **_SMALL_SWIN),
        800,
    ),
    "Swin (torchvision)": Family("windows", _torchvision_swin, 800),
    "Swin (transformers)": Family(
        "windows, tokens",
        lambda: _transformers("Swin", depths=[2, 2], num_heads=[2, 4], initializer_range=0.15, **_SMALL_SWIN),
        800,
    ),
    "MaxViT (timm)": Family("windows, channels first", lambda: _max_vit(("M", "M"), (1, 1)), 250),
    "CoAtNet (timm)": Family("channels first", lambda: _max_vit(("C", "T"), (1, 2))),
}


@dataclass(frozen=True)
class Row:
    """Of one network: how many of how many photos are right, and of how many of those each method's peak lies on the square;
    None where it refuses. near : of how many that of "auto" lies on it or at most half a cell beside it, which is as well as a
    grid of cells can tell. taken : what "auto" took, and how often."""

    family: str
    layout: str
    right: int
    photos: int
    hits: dict[str, int | None]
    near: int
    taken: dict[str, int]


def judge(family: str, network: nn.Module, photos: int = 100, seed: int = 7, methods: Sequence[str] = METHODS) -> Row:
    """``photos`` photos of the three colours that the network never saw; those it gets wrong count as missed."""
    clf = seewhy.Classifier(network, preprocess=PREPARED, classes=CLASSES)
    (pixels, labels, masks) = draw_many(photos, seed, classes=3)
    right = clf.scores(list(pixels)).argmax(1) == labels
    counts: dict[str, int | None] = {}
    near = 0
    taken: dict[str, int] = {}
    for method in methods:
        try:
            explanations = [
                seewhy.explain(clf, photo, method, int(label), progress=False)
                for photo, label in zip(pixels, labels, strict=True)
            ]
        except SeewhyError:
            counts[method] = None
            continue
        counts[method] = sum(
            bool(known) and hits(explanation.on_photo()[0], mask)
            for explanation, mask, known in zip(explanations, masks, right, strict=True)
        )
        if method == "auto":
            near = sum(
                bool(known) and hits(explanation.on_photo()[0], binary_dilation(mask, np.ones((3, 3)), EDGE))
                for explanation, mask, known in zip(explanations, masks, right, strict=True)
            )
            for explanation in explanations:
                taken[explanation.method] = taken.get(explanation.method, 0) + 1
    return Row(family, FAMILIES[family].layout, int(right.sum()), photos, counts, near, taken)


def measure(families: Sequence[str] = tuple(FAMILIES)) -> list[Row]:
    """A row for each family; those that were measured with these sources are read from their files."""
    place = ROOT / "out" / "layouts" / sources()
    place.mkdir(parents=True, exist_ok=True)
    rows = []
    for family in families:
        path = place / f"{family}.json"
        kind = FAMILIES[family]
        if not path.is_file():
            row = judge(family, _trained(family, kind))
            path.write_text(json.dumps(asdict(row)))
        rows.append(Row(**json.loads(path.read_text())))
        show(rows[-1:])
    return rows


def _trained(family: str, kind: Family) -> nn.Module:
    """The network; its weights are kept for as long as this file is the same."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    path = ROOT / "out" / "layouts" / f"weights {digest}" / f"{family}.pt"
    torch.manual_seed(0)
    network = kind.build()
    if path.is_file():
        network.load_state_dict(torch.load(path, weights_only=True))
        return network.eval()
    train(network, kind.steps, rate=kind.rate, photos=kind.photos)
    path.parent.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), path)
    return network


def show(rows: Sequence[Row]) -> None:
    view = table("Peaks on the only evidence", ["network", "layout", "right", *METHODS, "auto, near", "auto took"])
    for row in rows:
        counts = ["-" if row.hits[method] is None else str(row.hits[method]) for method in METHODS]
        taken = ", ".join(f"{method} {count}" for method, count in row.taken.items())
        view.add_row(row.family, row.layout, f"{row.right}/{row.photos}", *counts, str(row.near), taken)
    console.print(view)


if __name__ == "__main__":
    parser = options(__doc__)
    parser.add_argument("families", nargs="*", help="those whose names begin like this; all")
    arguments = parser.parse_args()
    measure([name for name in FAMILIES if not arguments.families or name.startswith(tuple(arguments.families))])
