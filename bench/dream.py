"""Deep dream: one class beside the same algorithm as a plain loop, and five channels in one batch beside three alone.

The plain loop is how such code is usually run: the whole network forward, one tile at a time, ``loss.backward()`` with weights
that ask for gradients, so that theirs are computed too. Both start from the same noise and take the same steps; that their
pictures agree is a test. Networks have random weights; ratios are made within a round, and the median is printed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn

import seewhy
from bench.fresh import Contender, Work, in_fresh_processes
from bench.gradcam import random_network
from bench.timing import Figure, console, in_turns, options, ratios, save, table
from seewhy.features import pyramid

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
NETWORKS = ("squeezenet1_0", "resnet18")
LAYERS = {"squeezenet1_0": "features.3.expand3x3", "resnet18": "layer1.1.conv2"}  # before a ReLU: none is dead
CLASS = 3
GOAL = 2.0
GOAL_FIVE = 1.0
QUICK = {"repeats": 1, "iterations": 1}


@dataclass(frozen=True)
class Row:
    """One network. seconds : of the plain loop and of seewhy, one class, round by round. five : five channels in one batch over
    three alone, by what they are channels of."""

    network: str
    seconds: dict[str, list[float]]
    five: dict[str, list[float]]

    def figures(self) -> list[Figure]:
        (plain, ours) = (self.seconds["plain"], self.seconds["seewhy"])
        name = f"dream/{self.network}"
        return [
            Figure.of(f"{name}/plain", plain, "s"),
            Figure.of(f"{name}/seewhy", ours, "s"),
            Figure.of(f"{name}/plain over seewhy", ratios(plain, ours), "×", GOAL, more_is_better=True),
            *(Figure.of(f"{name}/5 over 3 alone, {kind}", values, "×", GOAL_FIVE) for kind, values in self.five.items()),
        ]


def measure(networks: Sequence[str] = NETWORKS, repeats: int = 3, iterations: int = 10, device: str = "cpu") -> list[Row]:
    """One row per network. iterations : per level; the ratios hardly depend on it."""
    rows = []
    for name in networks:
        console.print(f"[dim]dream, {name} ...[/dim]", highlight=False)
        network = random_network(name).to(device)
        clf = classifier(network)
        contenders = {
            kind: Contender(
                "bench.dream:contender", {"name": kind, "network": name, "iterations": iterations, "device": device}, calls=1
            )
            for kind in ("plain", "seewhy")
        }
        seconds = {kind: measured.seconds for kind, measured in in_fresh_processes(contenders, repeats).items()}
        few = max(1, iterations // 5)
        five = {kind: _five(clf, layer, few, repeats, device) for kind, layer in (("classes", None), (LAYERS[name],) * 2)}
        rows.append(Row(name, seconds, five))
    return rows


def contender(name: str, network: str, iterations: int, device: str) -> Work:
    """The work of one contender; runs in a process of its own."""
    model = random_network(network).to(device)
    if name == "plain":
        return lambda: plain_dream(model, CLASS, iterations)
    clf = classifier(model)
    return lambda: seewhy_dream(clf, None, [CLASS], iterations)


def _five(clf: seewhy.Classifier, layer: str | None, iterations: int, repeats: int, device: str) -> list[float]:
    """The time of five channels in one batch over that of three alone, round by round."""

    def alone() -> None:
        for channel in range(3):
            seewhy_dream(clf, layer, [channel], iterations)

    def together() -> None:
        seewhy_dream(clf, layer, list(range(5)), iterations)

    seconds = in_turns({"alone": alone, "together": together}, repeats, device)
    return ratios(seconds["together"], seconds["alone"])


def classifier(network: nn.Module) -> seewhy.Classifier:
    """With the preprocessing that torchvision's networks have."""
    return seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=224, resize=256, mean=MEAN, std=STD))


def seewhy_dream(clf: seewhy.Classifier, layer: str | None, channels: list[int], iterations: int) -> None:
    from seewhy.features.deep_dream import deep_dream

    deep_dream(clf, layer, channels=channels, iterations=iterations, progress=False)


def plain_dream(
    network: nn.Module, channel: int, iterations: int = 10, levels: int = 3, start: torch.Tensor | None = None
) -> torch.Tensor:
    """``(3, H, W)`` raw pixels: the algorithm of ``seewhy.features.pyramid`` as a plain loop around the whole network."""
    device = next(network.parameters()).device
    (mean, std) = (torch.tensor(values, device=device)[:, None, None] for values in (MEAN, STD))
    generator = torch.Generator().manual_seed(0)
    picture = 255 * mean + torch.randn((3, 224, 224), generator=generator).to(device) if start is None else start
    for level in range(levels):
        if level:
            sides = [int(1.4 * side) for side in picture.shape[1:]]
            picture = F.interpolate(picture[None], size=sides, mode="bilinear", align_corners=False)[0]
        for _ in range(iterations):
            (height, width) = picture.shape[1:]
            (down, across) = (int(torch.randint(1, 225, (), generator=generator)) for _ in range(2))
            large = height > 224 or width > 224
            rolled = torch.roll(picture, (down, across), (1, 2)) if large else picture
            padded = F.pad(rolled, (0, -width % 224, 0, -height % 224)) if large else rolled
            gradient = torch.zeros_like(padded)
            for top in range(0, padded.shape[1], 224):
                for left in range(0, padded.shape[2], 224):
                    tile = padded[:, top : top + 224, left : left + 224].clone().requires_grad_()
                    loss = network(((tile / 255 - mean) / std)[None])[0, channel]
                    loss.backward()
                    assert tile.grad is not None
                    gradient[:, top : top + 224, left : left + 224] = tile.grad
            network.zero_grad()
            gradient = gradient[:, :height, :width]
            gradient = torch.roll(gradient, (-down, -across), (1, 2)) if large else gradient
            picture = picture + pyramid.normalise(gradient[None])[0]
    return picture


def show(rows: Sequence[Row]) -> None:
    """The table, with what did not reach its goal."""
    report = table(
        "Deep dream, one class, 3 levels; median (quartiles)",
        (
            "network",
            "plain loop, s",
            "seewhy, s",
            "plain over seewhy",
            "5 classes over 3 alone",
            "5 channels over 3 alone",
            "layer",
            "",
        ),
    )
    for row in rows:
        figures = row.figures()
        unreached = [figure.name.rpartition("/")[2] for figure in figures if not figure.reached]
        remark = f"NOT REACHED: {'; '.join(unreached)}" if unreached else ""
        report.add_row(row.network, *(str(figure) for figure in figures), LAYERS[row.network], remark)
    console.print(report)
    console.print(f"goals: plain over seewhy ≥ {GOAL:g}, five in one batch over three alone < {GOAL_FIVE:g}", highlight=False)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=NETWORKS, metavar="NAME")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    rows = measure(args.networks, device=args.device, **(QUICK if args.quick else {"repeats": args.repeats}))
    show(rows)
    if args.json:
        save(args.json, [figure for row in rows for figure in row.figures()], args.device)


if __name__ == "__main__":
    main()
