"""Gradient methods beside captum: time, completeness, memory. ``python -m bench.gradients``."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

import seewhy
from bench.fresh import Contender, Work, in_fresh_processes
from bench.integrated import GAP, LADDER
from bench.perturbation import peak_memory
from bench.sanity import subjects
from bench.timing import ROOT, Figure, console, in_turns, options, ratios, save, table
from seewhy.load.from_torchvision import models

NETWORKS = ("resnet50", "squeezenet1_0")
BATCH = 8
SIZE = 224
GOAL_ONE_PASS = 1.6  # times as fast as captum as it comes, at least
GOAL_IG = 1.5  # times as fast as captum at an equal completeness gap, at least
GOAL_MEMORY = 1.1  # of 512 steps over 64, at most
ONE_PASS = {"gradient": "Saliency", "guided_backprop": "GuidedBackprop"}
SETTINGS = ("as it comes", "weights frozen", "weights frozen, channels_last")


@dataclass(frozen=True)
class Row:
    """A method on a network: its figures, and a remark for under the table."""

    method: str
    network: str
    figures: list[Figure]
    remark: str


def measure(networks: Sequence[str] = NETWORKS, rounds: int = 3, batch: int = BATCH, keep: bool = False) -> list[Row]:
    """Every network, every method."""
    rows = []
    for network in networks:
        for method in ONE_PASS:
            console.print(f"[dim]{method}, {network} ...[/dim]")
            rows.append(_one_pass(network, method, batch, rounds, keep))
    return rows


def measure_path() -> list[Row]:
    """Integrated gradients of a trained network beside captum's, and their memory."""
    (trained, photo) = _trained()
    console.print(f"[dim]integrated gradients, {trained.name} ...[/dim]")
    integrated = _integrated(trained.name, trained, photo, int(trained.scores(photo).argmax()), 2)
    console.print("[dim]memory ...[/dim]")
    return [integrated, _memory(NETWORKS[-1])]


def _network(name: str) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return models().get_model(name, weights=None).eval()


def _trained() -> tuple[seewhy.Classifier, torch.Tensor]:
    """A trained network, which random ones are too linear to stand for, and a photo as its own input ``(1, C, H, W)``."""
    (clf, photos) = subjects(quick=True)
    inputs = clf.executor.network_inputs(clf.executor.pixels([clf.read(photos[1])]))
    trained = seewhy.Classifier(clf.network)
    trained.name = clf.name
    return trained, inputs


def _peers(kind: str, clf: seewhy.Classifier, photos: torch.Tensor, call: Callable[[Any, torch.Tensor], Any]) -> Iterable[Any]:
    """captum at every setting that a person could choose, on copies of its own."""
    import captum.attr

    for setting in SETTINGS:
        own = copy.deepcopy(clf.network)
        inputs = photos.clone()
        if setting != SETTINGS[0]:
            own.requires_grad_(False)
        if setting == SETTINGS[2]:
            own = own.to(memory_format=torch.channels_last)
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        inputs.requires_grad_()
        method = getattr(captum.attr, kind)(own)
        yield setting, lambda method=method, inputs=inputs: call(method, inputs)


def contender(name: str, network: str, method: str, batch: int) -> Work:
    """The work of one contender; runs in a process of its own."""
    model = _network(network)
    photos = torch.randn(batch, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    clf = seewhy.Classifier(model)
    if name == "seewhy":
        targets = [[index] for index in range(batch)]
        return lambda: seewhy.explain(clf, photos, method, targets, signed=True, progress=False)
    peer = ONE_PASS[method]
    settings = {"abs": False} if peer == "Saliency" else {}
    peers = dict(
        _peers(peer, clf, photos, lambda algorithm, inputs: algorithm.attribute(inputs, target=[*range(batch)], **settings))
    )
    work: Work = peers[name]
    return work


def _one_pass(network: str, method: str, batch: int, rounds: int, keep: bool) -> Row:
    names = ("seewhy", SETTINGS[0], SETTINGS[2])
    contenders = {
        name: Contender("bench.gradients:contender", {"name": name, "network": network, "method": method, "batch": batch}, 4)
        for name in names
    }
    measured = in_fresh_processes(contenders, rounds, keep)
    (ours, as_it_comes, tuned) = (measured[name].seconds for name in names)
    start = f"gradients/{method}/{network}" + ", memory kept by all" * keep
    figures = [
        Figure.of(f"{start}/seewhy", [1000 * s / batch for s in ours], "ms a photo"),
        Figure.of(f"{start}/seewhy, page faults", [f / batch for f in measured["seewhy"].faults], "a photo"),
        Figure.of(f"{start}/captum", [1000 * s / batch for s in as_it_comes], "ms a photo"),
        Figure.of(f"{start}/captum, page faults", [f / batch for f in measured[SETTINGS[0]].faults], "a photo"),
        Figure.of(f"{start}/captum over seewhy", ratios(as_it_comes, ours), "×", None if keep else GOAL_ONE_PASS, True),
        Figure.of(f"{start}/captum, frozen, channels_last, over seewhy", ratios(tuned, ours), "×"),
    ]
    return Row(method, network, figures, f"{method}, {network}: {batch} photos, each contender in a process of its own.")


def _integrated(name: str, clf: seewhy.Classifier, photo: torch.Tensor, index: int, repeats: int) -> Row:
    """seewhy as it comes; captum with the fewest steps of a ladder that leave a gap under 1 %, by the better of its two rules."""
    import captum.attr

    explanation = seewhy.explain(clf, photo[0], "integrated_gradients", index, progress=False)
    gaps = {"seewhy": (explanation.details["steps"], explanation.details["completeness_gap"][0])}
    difference = explanation.details["difference"][0]
    for rule in ("gausslegendre", "riemann_middle"):
        peer = captum.attr.IntegratedGradients(copy.deepcopy(clf.network))
        for steps in LADDER:
            attribution = peer.attribute(photo.clone(), target=index, n_steps=steps, method=rule, internal_batch_size=BATCH)
            gaps[rule] = (steps, abs(float(attribution.sum()) - difference) / abs(difference))
            if gaps[rule][1] < GAP:
                break
    rule = min(("gausslegendre", "riemann_middle"), key=lambda rule: (gaps[rule][1] >= GAP, gaps[rule][0]))
    (own_steps, captum_steps) = (gaps["seewhy"][0], gaps[rule][0])
    work = {"seewhy": lambda: seewhy.explain(clf, photo[0], "integrated_gradients", index, progress=False)}
    for block in (None, 4, 8):
        for setting, call in _peers(
            "IntegratedGradients",
            clf,
            photo,
            lambda algorithm, inputs, block=block: algorithm.attribute(
                inputs, target=index, n_steps=captum_steps, method=rule, internal_batch_size=block
            ),
        ):
            work[f"{setting}, {'all steps' if block is None else block} at once"] = call
    seconds = in_turns(work, repeats)
    best = min((key for key in work if key != "seewhy"), key=lambda key: sorted(seconds[key])[repeats // 2])
    plain = f"{SETTINGS[0]}, all steps at once"
    start = f"gradients/integrated_gradients/{name}"
    figures = [
        Figure.of(f"{start}/seewhy", [1000 * s for s in seconds["seewhy"]], "ms"),
        Figure.of(f"{start}/captum", [1000 * s for s in seconds[best]], "ms"),
        Figure.of(f"{start}/captum over seewhy", ratios(seconds[best], seconds["seewhy"]), "×", GOAL_IG, more_is_better=True),
        Figure.of(f"{start}/captum as it comes over seewhy", ratios(seconds[plain], seconds["seewhy"]), "×"),
        Figure.of(
            f"{start}/a step: captum over seewhy",
            [s * own_steps / captum_steps for s in ratios(seconds[best], seconds["seewhy"])],
            "×",
        ),
        Figure.of(f"{start}/gap", [100 * gaps["seewhy"][1]], "%"),
        Figure.of(f"{start}/captum's gap", [100 * gaps[rule][1]], "%"),
    ]
    remark = f"{own_steps} points against captum's {captum_steps} steps ({rule}); captum is fastest with {best}."
    return Row("integrated_gradients", name, figures, f"integrated_gradients, {name}: {remark}")


def _memory(name: str) -> Row:
    """Peak resident memory of a process of its own, with few steps and with many."""
    peaks = {}
    for steps in (64, 512):
        code = f"from bench.gradients import alone; alone({name!r}, {steps})"
        process = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
        peaks[steps] = json.loads(process.stdout.splitlines()[-1])
    start = f"gradients/memory/{name}"
    figures = [
        Figure.of(f"{start}/64 steps", [peaks[64] / 1e9], "GB"),
        Figure.of(f"{start}/512 steps", [peaks[512] / 1e9], "GB"),
        Figure.of(f"{start}/512 over 64", [peaks[512] / peaks[64]], "×", GOAL_MEMORY),
    ]
    return Row("memory", name, figures, "memory: integrated gradients, the whole process, libraries included.")


def alone(name: str, steps: int) -> None:
    """Run in a process of its own: prints the most memory it ever held."""
    photo = torch.randn(3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    seewhy.explain(seewhy.Classifier(_network(name)), photo, "integrated_gradients", 0, steps=steps, progress=False)
    print(json.dumps(peak_memory()))


def show(rows: Sequence[Row]) -> None:
    """One line for each figure."""
    report = table("Gradients beside captum; median (quartiles)", ("figure", "value", "unit", "goal", ""))
    for figure in (figure for row in rows for figure in row.figures):
        goal = "" if figure.goal is None else f"{'≥' if figure.more_is_better else '≤'} {figure.goal:g}"
        report.add_row(figure.name, str(figure), figure.unit, goal, "" if figure.reached else "NOT REACHED")
    console.print(report)
    for row in rows:
        console.print(row.remark, highlight=False)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME", help="networks of torchvision")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--keep", action="store_true", help="captum keeps its memory, too")
    args = parser.parse_args()
    rows = measure(("squeezenet1_0",), 1) if args.quick else measure(args.networks, args.rounds, keep=args.keep)
    rows += [] if args.keep else measure_path()
    show(rows)
    if args.json:
        save(args.json, [figure for row in rows for figure in row.figures])


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # captum's
    main()
