"""Grad-CAM beside its peers, in units of the plain eager forward pass of the same network and batch, in one run.

All start from a ready float tensor and a network with random weights, explain the same class at the same layer, and take
turns round by round. Ratios are made within a round; the median is printed, with its quartiles.
"""

from __future__ import annotations

import copy
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import seewhy
from bench.timing import Figure, console, in_turns, options, quartiles, ratios, save, seconds_of, table
from seewhy.load.from_torchvision import models

# At batch 1, for one class. At batch 16 all share one goal, and five classes are compared with one.
GOALS = {"squeezenet1_0": 0.6, "googlenet": 0.6, "resnet18": 1.0, "mobilenet_v2": 1.0, "resnet50": 1.0}
GOAL_BATCH = 0.7
GOAL_FIVE = 1.05
BATCHES = (1, 16)
PLAIN, FLOOR, ONE, FIVE = "plain", "floor", "seewhy 1 class", "seewhy 5 classes"
PEERS = ("captum", "grad-cam", "torchcam")
SETTINGS = ("as it comes", "weights frozen", "weights frozen, channels_last")

Work = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One network at one batch size. ratios : to the plain forward pass; settings : of each peer, the fastest of its own."""

    network: str
    batch: int
    plain_ms: tuple[float, float, float]
    ratios: dict[str, list[float]]
    settings: dict[str, str]

    def figures(self) -> list[Figure]:
        name = f"gradcam/{self.network}/batch {self.batch}"
        goal = GOALS.get(self.network, 1.0) if self.batch == 1 else GOAL_BATCH
        goals = {ONE: goal}
        figures = [Figure.of(f"{name}/{k}", values, "× plain", goals.get(k)) for k, values in self.ratios.items()]
        five = ratios(self.ratios[FIVE], self.ratios[ONE])
        figures.append(Figure.of(f"{name}/5 classes over 1", five, "×", GOAL_FIVE))
        (low, middle, high) = self.plain_ms
        return [Figure(f"{name}/plain", middle, low, high, "ms a photo"), *figures]


def measure(
    networks: Sequence[str] = tuple(GOALS), repeats: int = 20, device: str = "cpu", batches: Sequence[int] = BATCHES
) -> list[Row]:
    """One row per network and batch size; larger batches are repeated a quarter as often."""
    rows = []
    for name in networks:
        network = random_network(name).to(device)
        for batch in batches:
            console.print(f"[dim]{name}, batch {batch} ...[/dim]", highlight=False)
            rows.append(_row(name, network, batch, repeats if batch == 1 else max(3, repeats // 4), device))
    return rows


def random_network(name: str) -> nn.Module:
    """An architecture of torchvision with random weights, without the heads that only training uses."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    network: nn.Module = models().get_model(name, weights=None, **settings).eval()
    return network


def _row(name: str, network: nn.Module, batch: int, repeats: int, device: str) -> Row:
    photos = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(1)).to(device)
    clf = seewhy.Classifier(network, preprocess=None)
    inputs = photos[0] if batch == 1 else photos
    planned = clf.executor.planned(photos)
    indices = clf.scores(photos).argmax(axis=1).tolist()

    def plain() -> None:
        with torch.no_grad():
            network(photos)

    def floor() -> None:
        with planned.plan.ready():
            planned.plan.network(planned.plan.prepare(photos))

    contenders: dict[str, Work] = {
        PLAIN: plain,
        FLOOR: floor,
        ONE: lambda: seewhy.explain(clf, inputs, "grad_cam", "top1", progress=False),
        FIVE: lambda: seewhy.explain(clf, inputs, "grad_cam", "top5", progress=False),
    }
    settings = {}
    for peer in PEERS:
        (settings[peer], contenders[peer]) = _fastest(_peer(peer, network, clf.feature_layer, photos, indices), device)
    seconds = in_turns(contenders, repeats, device)
    to_plain = {key: ratios(values, seconds[PLAIN]) for key, values in seconds.items() if key != PLAIN}
    return Row(name, batch, quartiles([1000 * s / batch for s in seconds[PLAIN]]), to_plain, settings)


def _fastest(variants: Iterable[tuple[str, Work]], device: str) -> tuple[str, Work]:
    """The setting at which a peer is fastest here, by the better of two calls after a first one."""
    trials = []
    for setting, work in variants:
        work()
        trials.append((min(seconds_of(work, device) for _ in range(2)), setting, work))
    (_, setting, work) = min(trials, key=lambda item: item[0])
    return setting, work


def _peer(peer: str, network: nn.Module, layer: str, photos: torch.Tensor, indices: list[int]) -> Iterable[tuple[str, Work]]:
    """A peer at every setting that a person could choose. Each has a copy of the network: they change what they are given."""
    for setting in SETTINGS:
        own = copy.deepcopy(network)
        inputs = photos.clone()
        if setting != SETTINGS[0]:
            own.requires_grad_(False)
            inputs.requires_grad_()  # without either there is no gradient to start from
        if setting == SETTINGS[2]:
            own = own.to(memory_format=torch.channels_last)
            inputs = photos.contiguous(memory_format=torch.channels_last).requires_grad_()
        yield setting, _MAKERS[peer](own, layer, inputs, indices)


# The peers are imported late: two of them import torchvision, which beside a CPU torch needs what models() does first.


def _captum(network: nn.Module, layer: str, photos: torch.Tensor, indices: list[int]) -> Work:
    from captum.attr import LayerGradCam

    inputs = photos.requires_grad_()  # captum asks for it itself, with a warning
    method = LayerGradCam(network, network.get_submodule(layer))
    return lambda: method.attribute(inputs, target=indices, relu_attributions=True).detach()


def _grad_cam(network: nn.Module, layer: str, photos: torch.Tensor, indices: list[int]) -> Work:
    from pytorch_grad_cam import GradCAM
    from pytorch_grad_cam.utils.model_targets import ClassifierOutputTarget

    method = GradCAM(model=network, target_layers=[network.get_submodule(layer)])
    targets = [ClassifierOutputTarget(index) for index in indices]
    return lambda: method(input_tensor=photos, targets=targets)


def _torchcam(network: nn.Module, layer: str, photos: torch.Tensor, indices: list[int]) -> Work:
    from torchcam.methods import GradCAM

    method = GradCAM(network, layer)
    return lambda: method(indices, network(photos))


_MAKERS: dict[str, Callable[[nn.Module, str, torch.Tensor, list[int]], Work]] = {
    "captum": _captum,
    "grad-cam": _grad_cam,
    "torchcam": _torchcam,
}


def show(rows: Sequence[Row]) -> None:
    """The table, the goals beside it, and the settings of the peers below."""
    columns = (FLOOR, ONE, FIVE, *PEERS)
    report = table(
        "Grad-CAM, time over the plain eager forward pass (batch 16: both per photo); median (quartiles)",
        ("network", "batch", "plain, ms a photo", *columns, "5 over 1", "goals", ""),
    )
    for row in rows:
        figures = {figure.name.rpartition("/")[2]: figure for figure in row.figures()}
        (single, five) = (figures[ONE], figures["5 classes over 1"])
        unreached = [text for figure, text in ((single, "1 class"), (five, "5 over 1")) if not figure.reached]
        report.add_row(
            row.network,
            str(row.batch),
            str(figures["plain"]),
            *(str(figures[column]) for column in columns),
            str(five),
            f"≤ {single.goal:g}, ≤ {GOAL_FIVE:g}",
            f"NOT REACHED: {', '.join(unreached)}" if unreached else "",
        )
    console.print(report)
    console.print("floor: the bare forward pass of the planned copy that seewhy runs, without anything around it.")
    for row in rows:
        settings = "; ".join(f"{peer}: {setting}" for peer, setting in row.settings.items())
        console.print(f"{row.network}, batch {row.batch}, fastest setting of each peer: {settings}.", highlight=False)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--networks", nargs="+", default=list(GOALS), metavar="NAME", help="networks of torchvision")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--batches", nargs="+", type=int, default=list(BATCHES))
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    rows = measure(args.networks, 3 if args.quick else args.repeats, args.device, args.batches)
    show(rows)
    if args.json:
        save(args.json, [figure for row in rows for figure in row.figures()], args.device)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
