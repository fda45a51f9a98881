"""Grad-CAM beside its peers, in units of the plain eager forward pass of the same network and batch, every contender in a process
of its own.

All start from a ready float tensor and a network with random weights, and explain the same class at the same layer. A round runs
each of them once, ratios are made within a round, and the median is printed. A second table gives the policy of
``seewhy.engine.memory`` to the peers as well.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import seewhy
from bench.fresh import Contender, Measured, Work, in_fresh_processes
from bench.timing import Figure, console, options, ratios, save, table
from seewhy.engine.memory import kept
from seewhy.load.from_torchvision import models

NETWORKS = ("squeezenet1_0", "googlenet", "mobilenet_v2", "resnet18", "resnet50")
BATCHES = (1, 16)
# Over the plain eager pass, for one class.
GOALS = {
    1: {"squeezenet1_0": 0.65, "googlenet": 0.65, "resnet18": 0.85, "mobilenet_v2": 0.85, "resnet50": 0.85},
    16: {"squeezenet1_0": 0.35, "googlenet": 0.35, "resnet18": 0.48, "mobilenet_v2": 0.35, "resnet50": 0.40},
}
GOAL_FIVE = 1.05
GOAL_BARE = 1.1  # at batch 1: over the bare planned pass and a millisecond
PLAIN, FLOOR, ONE, FIVE = "plain", "floor", "seewhy", "seewhy, 5 classes"
PEERS = ("captum", "grad-cam", "torchcam")
TUNED = ", frozen, channels_last"  # the best that a person can choose for a peer; nothing added: as its manual shows it


@dataclass(frozen=True)
class Row:
    """One network at one batch size. measured : every contender, round by round. keep : all of them kept their memory."""

    network: str
    batch: int
    measured: dict[str, Measured]
    keep: bool

    def ratio(self, contender: str) -> list[float]:
        """To the plain forward pass, round by round."""
        return ratios(self.measured[contender].seconds, self.measured[PLAIN].seconds)

    def figures(self) -> list[Figure]:
        name = f"gradcam/{self.network}/batch {self.batch}" + ", memory kept by all" * self.keep
        goals = {} if self.keep else {ONE: GOALS[self.batch].get(self.network)}
        plain = [1000 * s / self.batch for s in self.measured[PLAIN].seconds]
        figures = [Figure.of(f"{name}/plain", plain, "ms a photo")]
        for key, measured in self.measured.items():
            if key != PLAIN:
                figures.append(Figure.of(f"{name}/{key}", self.ratio(key), "× plain", goals.get(key)))
            figures.append(Figure.of(f"{name}/{key}, page faults", [f / self.batch for f in measured.faults], "a photo"))
        five = ratios(self.measured[FIVE].seconds, self.measured[ONE].seconds)
        figures.append(Figure.of(f"{name}/5 classes over 1", five, "×", None if self.keep else GOAL_FIVE))
        if self.batch == 1:
            bare = [s + 1e-3 for s in self.measured[FLOOR].seconds]
            over = ratios(self.measured[ONE].seconds, bare)
            figures.append(Figure.of(f"{name}/over the bare pass + 1 ms", over, "×", None if self.keep else GOAL_BARE))
        return figures


def measure(
    networks: Sequence[str] = NETWORKS, rounds: int = 3, device: str = "cpu", batches: Sequence[int] = BATCHES, keep: bool = False
) -> list[Row]:
    """One row per network and batch size."""
    rows = []
    for network in networks:
        for batch in batches:
            console.print(f"[dim]{network}, batch {batch} ...[/dim]", highlight=False)
            names = [PLAIN, FLOOR, ONE, FIVE, *PEERS, *(peer + TUNED for peer in PEERS)]
            contenders = {
                name: Contender(
                    "bench.gradcam:contender",
                    {"name": name, "network": network, "batch": batch, "device": device},
                    calls=10 if batch == 1 else 4,
                )
                for name in names
            }
            rows.append(Row(network, batch, in_fresh_processes(contenders, rounds, keep), keep))
    return rows


def random_network(name: str) -> nn.Module:
    """An architecture of torchvision with random weights, without the heads that only training uses."""
    torch.manual_seed(0)
    settings: dict[str, Any] = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    network: nn.Module = models().get_model(name, weights=None, **settings).eval()
    return network


def contender(name: str, network: str, batch: int, device: str) -> Work:
    """The work of one contender; runs in a process of its own."""
    model = random_network(network).to(device)
    photos = torch.randn(batch, 3, 224, 224, generator=torch.Generator().manual_seed(1)).to(device)
    if name == PLAIN:
        return torch.no_grad()(lambda: model(photos))
    if name in (FLOOR, ONE, FIVE):
        return _seewhy(name, model, photos)
    indices = torch.no_grad()(model)(photos).argmax(dim=1).tolist()
    inputs = photos.clone()
    if name.endswith(TUNED):
        model.requires_grad_(False)
        model = model.to(memory_format=torch.channels_last)
        # Without weights that ask for one there is no gradient to start from.
        inputs = photos.contiguous(memory_format=torch.channels_last).requires_grad_()
    return _MAKERS[name.removesuffix(TUNED)](model, _LAYERS[network], inputs, indices)


# seewhy's choice: the last layer with rows and columns.
_LAYERS = {
    "squeezenet1_0": "classifier.2",
    "googlenet": "inception5b",
    "resnet18": "layer4",
    "mobilenet_v2": "features",
    "resnet50": "layer4",
}


def _seewhy(name: str, network: nn.Module, photos: torch.Tensor) -> Work:
    clf = seewhy.Classifier(network, preprocess=None)
    inputs = photos[0] if len(photos) == 1 else photos
    if name == FLOOR:
        plan = clf.executor.planned(photos).plan
        size = clf.executor.batch_size(None, clf.executor.planned(photos), len(photos))

        def floor() -> None:
            with kept(), plan.ready():
                for start in range(0, len(photos), size):
                    plan.network(plan.prepare(photos[start : start + size]))

        return floor
    return lambda: seewhy.explain(clf, inputs, "grad_cam", "top1" if name == ONE else "top5", progress=False)


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
    """The table, and the goals beside it."""
    title = "Grad-CAM, time over the plain eager forward pass, each in a process of its own"
    title += "; memory kept by all" * any(row.keep for row in rows)
    columns = ("network", "batch", "plain, ms a photo", "seewhy", "goal", "floor", "5 over 1", *PEERS, "page faults a photo")
    report = table(title, columns)
    for row in rows:
        figures = {figure.name.rpartition("/")[2]: figure for figure in row.figures()}

        def both(peer: str, figures: dict[str, Figure] = figures) -> str:
            return f"{figures[peer].value:.2f}, {figures[peer + TUNED].value:.2f}"

        goal = figures[ONE].goal
        faults = [f"{figures[key + ', page faults'].value:.0f}" for key in (PLAIN, ONE, PEERS[0])]
        report.add_row(
            row.network,
            str(row.batch),
            str(figures["plain"]),
            str(figures[ONE]),
            "" if goal is None else f"≤ {goal:g}" + ", NOT REACHED" * (not figures[ONE].reached),
            str(figures[FLOOR]),
            f"{figures['5 classes over 1'].value:.2f}",
            *(both(peer) for peer in PEERS),
            " / ".join(faults),
        )
    console.print(report)
    console.print("floor: the bare forward pass of the planned copy. Peers: as their manuals show them, and with frozen weights")
    console.print("and channels_last. Page faults: of the plain pass, seewhy and captum as it comes.")


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME", help="networks of torchvision")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--batches", nargs="+", type=int, default=list(BATCHES))
    parser.add_argument("--keep", action="store_true", help="give the policy to the peers, too")
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args()
    rows = measure(args.networks, 1 if args.quick else args.rounds, args.device, args.batches, args.keep)
    show(rows)
    if args.json:
        save(args.json, [figure for row in rows for figure in row.figures()], args.device)


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
