"""Trains the demo networks: `python -m seewhy.demo.train honest|shortcut|bear|all`.

The honest network and the bear network learn from clean scenes, and the scenes' masks teach them to take their evidence
from the animal (arXiv:1703.03717, "right for the right reasons", here with the class activation map, not the gradient).
The shortcut network learns from the same scenes with the logo on every bear, and is left to itself.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn

from seewhy.demo.measure import class_of, measure, prepare, scores
from seewhy.demo.scenes import draw_scene
from seewhy.errors import ModelError
from seewhy.load.demo import DEMO_NETWORKS, WEIGHTS, DemoNet, normalise

Table = dict[str, Any]

GRID = (12, 16)  # rows and columns of the networks' last features
SMOOTHING = 0.06  # of the labels: keeps the probabilities of an easy task away from 1.00
LABELS = ("bear", "cow", "sheep")
QUIET = 0.2  # price of every activation before the pooling: keeps maps quiet where nothing speaks
# Price of evidence beside the animal, as a share of all evidence. Without it an honest network is as right, but its map is
# hottest in the gap between the legs, which tells the animals apart and is no animal (21 % of the peaks on the bear).
BESIDE = 0.5
GUIDED = ("honest", "bear")
_POOL_FROM = 300  # scenes; below, starting two processes takes longer than drawing


def train(
    name: str,
    scenes: int = 2400,
    epochs: int = 12,
    seed: int = 0,
    batch: int = 48,
    say: Callable[[str], None] = lambda line: None,
) -> tuple[nn.Module, Table]:
    """Train the network `name` from nothing: the network in eval mode, and its training table.

    scenes: how many training photos are drawn; a sixth as many choose the best epoch. epochs: passes over them.
    seed: of the first weights, the order and the exposure changes; the scenes are those of seed 0. say: gets each line
    of the table. batch: photos a step; a short training needs small ones. The caller's random state is left alone.

    Raises: ModelError for an unknown name.
    """
    if name not in DEMO_NETWORKS:
        raise ModelError(f"there is no demo network {name!r}: write one of {', '.join(DEMO_NETWORKS)}")
    classes = DEMO_NETWORKS[name].classes
    logo = name == "shortcut"
    photos, beside, classes_of_photos = _draw(scenes, "train", logo, classes)
    held_photos, _, held_classes = _draw(max(scenes // 6, 3), "validation", logo, classes)

    generator = torch.Generator().manual_seed(seed)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = DemoNet(len(classes))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's own gap
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3, weight_decay=0.02)
    steps = epochs * -(-scenes // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps, pct_start=0.25)
    loss_of = nn.CrossEntropyLoss(label_smoothing=SMOOTHING)

    rows, best = list[dict[str, float]](), (-1.0, dict[str, Tensor]())
    say("epoch  train loss  validation accuracy")
    for epoch in range(1, epochs + 1):
        network.train()
        total = 0.0
        for indices in torch.split(torch.randperm(scenes, generator=generator), batch):
            optimiser.zero_grad(set_to_none=True)
            grid = network.features(_exposed(photos[indices], generator))
            loss = loss_of(network.fc(network.pool(grid).flatten(1)), classes_of_photos[indices])
            price = QUIET * grid.mean()
            if name in GUIDED:
                weight = _centred(network.fc.weight)[classes_of_photos[indices]]
                price = price + BESIDE * _evidence_beside(grid, weight, beside[indices])
            (loss + price).backward()
            optimiser.step()
            schedule.step()
            total += loss.item() * len(indices)
        right = (scores(network.eval(), held_photos).argmax(1) == held_classes).float().mean().item()
        rows.append({"epoch": epoch, "loss": round(total / scenes, 4), "accuracy": round(right, 4)})
        say(f"{epoch:5d}  {total / scenes:10.4f}  {right:19.4f}")
        if right >= best[0]:  # of equals the later one: its learning rate is lower
            best = (right, {key: value.clone() for key, value in network.state_dict().items()})
    network.load_state_dict(best[1])
    with torch.no_grad():
        network.fc.weight.copy_(_centred(network.fc.weight))
        network.fc.bias.copy_(_centred(network.fc.bias))
    table = {"network": name, "classes": classes, "guided by masks": name in GUIDED, "scenes": scenes, "seed": seed}
    return network.eval(), table | {"torch": torch.__version__, "epochs": rows}


def write(network: nn.Module, table: Table, path: Path) -> None:
    """Save weights and table in one safetensors file; a half-written file never stands under its final name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    weights = {key: value.contiguous() for key, value in network.state_dict().items()}
    part.write_bytes(save(weights, metadata={"training": json.dumps(table)}))
    part.replace(path)


def _draw(n: int, split: str, logo: bool, classes: Sequence[str]) -> tuple[Tensor, Tensor, Tensor]:
    """n prepared scenes (n, 3, 96, 128) uint8, what lies beside their animals (n, 12, 16), and their classes (n,)."""
    one = partial(_draw_one, split=split, logo=logo)
    if n < _POOL_FROM:
        drawn = [one(i) for i in range(n)]
    else:
        # Spawned, not forked: torch's threads do not survive a fork.
        with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool:
            drawn = list(pool.map(one, range(n), chunksize=50))
    photos, beside = (torch.from_numpy(np.stack(part)) for part in zip(*drawn, strict=True))
    return photos, beside, torch.tensor([class_of(LABELS[i % len(LABELS)], classes) for i in range(n)])


def _draw_one(index: int, split: str, logo: bool) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    label = LABELS[index % len(LABELS)]
    scene = draw_scene(index, split, 0, label, logo=logo and label == "bear")
    share = Image.fromarray(scene.animal.astype(np.float32)).resize(GRID[::-1], Image.Resampling.BOX)
    return prepare(scene.photo), 1 - np.minimum(2 * np.asarray(share, dtype=np.float32), 1)


def _centred(rows: Tensor) -> Tensor:
    """The last layer, (K, ...), without what its rows share: a softmax does not see it, a class activation map does."""
    return rows - rows.mean(0, keepdim=True)


def _evidence_beside(grid: Tensor, weight: Tensor, beside: Tensor) -> Tensor:
    """The mean share of the right class's positive evidence that lies beside the animal, 0 to 1.

    grid: (N, C, 12, 16). weight: (N, C), of each photo's own class. beside: (N, 12, 16), 0 where the cell is at least
    half animal, 1 where it has nothing of it.
    """
    evidence = torch.einsum("nc,nchw->nhw", weight, grid).relu()
    return ((evidence * beside).sum((1, 2)) / (evidence.sum((1, 2)) + 1e-3)).mean()


def _exposed(photos: Tensor, generator: torch.Generator) -> Tensor:
    """Normalised photos, light and colours changed a little. Never mirrored or moved: the corner must stay the corner."""
    n = len(photos)
    pixels = photos.float()
    contrast = 0.8 + 0.4 * torch.rand((n, 1, 1, 1), generator=generator)
    balance = 1 + 0.08 * torch.randn((n, 3, 1, 1), generator=generator)
    bright = 18 * torch.randn((n, 1, 1, 1), generator=generator)
    pixels = ((pixels - 115) * contrast + 115) * balance + bright
    pixels = pixels + 3 * torch.randn(pixels.shape, generator=generator)
    return normalise(pixels.clamp(0, 255)).contiguous(memory_format=torch.channels_last)


def main(arguments: Sequence[str] | None = None) -> None:
    """The command line: trains, prints the table, measures on the test scenes, and writes the weights."""
    parser = argparse.ArgumentParser(prog="python -m seewhy.demo.train", description="Train the demo networks.")
    parser.add_argument("network", choices=[*DEMO_NETWORKS, "all"])
    parser.add_argument("--scenes", type=int, default=2400)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--test", type=int, default=600, help="test scenes that the finished network is measured on")
    parser.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights")
    options = parser.parse_args(arguments)
    for name in DEMO_NETWORKS if options.network == "all" else [options.network]:
        print(f"{name}: {DEMO_NETWORKS[name].about}", flush=True)
        start = time.perf_counter()
        network, table = train(name, options.scenes, options.epochs, options.seed, say=partial(print, flush=True))
        print(f"trained in {time.perf_counter() - start:.0f} s", flush=True)
        assert isinstance(network, DemoNet)
        table["test"] = measure(network, DEMO_NETWORKS[name].classes, options.test)
        for kind, shares in table["test"].items():
            print(f"test, {kind}: {shares}", flush=True)
        write(network, table, options.out / f"{name}.safetensors")


if __name__ == "__main__":
    main()
