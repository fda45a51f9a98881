"""Occlusion, LIME and RISE beside their peers, the bare passes and the work that is really needed, in one run.

Random weights, one photo of 224×224, fp32. All contenders of a network take turns; ratios are made within a round, and the
median is printed with its quartiles. The floor of occlusion is counted (``bench/work.py``) and put into time at the rate that
the planned copy reaches on whole photos, 32 at once.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import itertools
import json
import math
import random
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import seewhy
from bench.gradcam import random_network
from bench.timing import ROOT, Figure, console, options, ratios, save, seconds_of, table
from bench.work import count, occlusion_masks
from seewhy.methods.segments import segments_of

PARTS = ("occlusion", "lime", "dense", "rise")
SIZE = (224, 224)
MASK, STRIDES, FILL = 45, (22, 4), 0.3
OCCLUSION_GOALS = {"squeezenet1_0": 6.0, "mobilenet_v2": 5.0, "resnet18": 2.5, "resnet50": 2.2}
OCCLUSION_FAST = {"resnet50": 4.0}
GOAL_FIVE = 1.05
GOAL_VALUES = 1e-4  # of the largest value of the map
PASSES = (1, 16, 64)  # perturbations_per_eval of captum
BATCH = 32

LIME_GOALS = {"squeezenet1_0": 2.0, "resnet50": 1.3}
LIME_FAST = {"resnet50": 2.0}
GOAL_BARE = 1.1
SEGMENTS, FEATURES, SAMPLES = ("grid", "superpixels"), 49, 1000
WIDTH = 0.25  # of lime's kernel, which is the square root of the paper's and of seewhy's
LIME_BATCHES, BARE_BATCHES = (10, 32, 64), (16, 32, 64)

DENSE_MASK, DENSE_MASKS, DENSE_NETWORK, GOAL_MEMORY = 71, 224 * 224, "squeezenet1_0", 1.2
DENSE_PASSES = 2000
RISE_NETWORKS, RISE_MASKS = ("squeezenet1_0",), 2000

PHOTOS = 128  # of which the bare passes are timed
# Few of everything, to see that it runs.
QUICK: dict[str, Any] = {
    "networks": ("squeezenet1_0",),
    "repeats": 1,
    "strides": STRIDES[:1],
    "samples": 100,
    "masks": 100,
    "dense_passes": 300,
}

Timings = Mapping[str, Sequence[float]]
Job = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One case of one network: what was measured, and what has to be said about it."""

    part: str
    network: str
    case: str
    figures: list[Figure]
    remarks: list[str]


class Subject:
    """A network, the photo, and the class that is explained."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.network = settled(random_network(name))
        self.photo = random_photo()
        self.clf = seewhy.Classifier(self.network, preprocess=None)
        self.index = int(self.clf.scores(self.photo).argmax())
        self.planned = self.clf.executor.planned(self.photo[None])

    @cached_property
    def fast(self) -> seewhy.Classifier:
        return seewhy.Classifier(self.network, preprocess=None, precision="fast")

    def explain(self, method: str, target: Any = None, fast: bool = False, **settings: Any) -> seewhy.Explanation:
        choice = self.index if target is None else target
        explanation = seewhy.explain(self.fast if fast else self.clf, self.photo, method, choice, progress=False, **settings)
        assert isinstance(explanation, seewhy.Explanation)
        return explanation

    def deviation(self, method: str, **settings: Any) -> float:
        """Of precision="fast": largest difference of the scores over the largest."""
        return float(self.explain(method, fast=True, fill=FILL, **settings).details["deviation"])

    def bare(self, batch: int) -> Job:
        """``PHOTOS`` photos through the planned copy, ``batch`` at once, with nothing around it."""
        plan = self.planned.plan
        inputs = plan.prepare(self.photo.repeat(batch, 1, 1, 1))

        def work() -> None:
            with plan.ready():
                for _ in range(PHOTOS // batch):
                    plan.network(inputs)

        return work

    def eager(self, batch: int) -> Job:
        """The same through the network itself, in the memory format that is faster."""
        (network, inputs) = _channels_last(self.network, self.photo.repeat(batch, 1, 1, 1))

        def work() -> None:
            with torch.no_grad():
                for _ in range(PHOTOS // batch):
                    network(inputs)

        return work


def random_photo() -> torch.Tensor:
    """Smooth patches and some noise, ``(3, H, W)``: superpixels need something to follow."""
    rng = torch.Generator().manual_seed(1)
    patches = nn.functional.interpolate(torch.randn(1, 3, 7, 7, generator=rng), SIZE, mode="bicubic", align_corners=False)
    return patches[0] + 0.1 * torch.randn(3, *SIZE, generator=rng)


def settled(network: nn.Module) -> nn.Module:
    """With BatchNorms that know their inputs.

    Fresh ones hand on what comes: MobileNet's scores are then all 0.001, ResNet-50's 0 or 1, and there is nothing to compare.
    """
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = None  # the plain mean over the photos
    with torch.no_grad():
        network(torch.randn(8, 3, *SIZE, generator=torch.Generator().manual_seed(2)) + random_photo())
    return network.eval()


def _channels_last(network: nn.Module, inputs: torch.Tensor) -> tuple[nn.Module, torch.Tensor]:
    own = copy.deepcopy(network).to(memory_format=torch.channels_last)
    return own, inputs.contiguous(memory_format=torch.channels_last)


def few_turns(contenders: Mapping[str, Job], repeats: int) -> dict[str, list[float]]:
    """Seconds, as ``bench.timing.in_turns`` takes them, but the contenders are warm already: a round takes up to two minutes."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    order = list(contenders)
    shuffle = random.Random(0).shuffle
    for _ in range(repeats):
        shuffle(order)
        for name in order:
            seconds[name].append(seconds_of(contenders[name]))
    return seconds


def measure(
    parts: Sequence[str] = PARTS,
    networks: Sequence[str] = tuple(OCCLUSION_GOALS),
    repeats: int = 3,
    strides: Sequence[int] = STRIDES,
    samples: int = SAMPLES,
    masks: int = RISE_MASKS,
    dense_passes: int | None = DENSE_PASSES,
) -> list[Row]:
    """The rows of all parts.

    strides : largest first; the peers are timed at the first. samples, masks : of LIME and RISE. dense_passes : where the
    50,176 masks are stopped (None: not at all).
    """
    rows: list[Row] = []
    for name in networks:
        subject = Subject(name)
        if "occlusion" in parts:
            console.print(f"[dim]occlusion, {name} ...[/dim]", highlight=False)
            rows += occlusion(subject, strides, repeats)
        if "lime" in parts and name in LIME_GOALS:
            for segments in SEGMENTS:
                console.print(f"[dim]lime, {name}, {segments} ...[/dim]", highlight=False)
                rows.append(lime(subject, segments, samples, repeats))
        if "rise" in parts and name in RISE_NETWORKS:
            console.print(f"[dim]rise, {name} ...[/dim]", highlight=False)
            rows.append(rise(subject, masks, repeats))
        if "dense" in parts and name == DENSE_NETWORK:
            console.print(f"[dim]dense, {name} ...[/dim]", highlight=False)
            rows.append(dense(subject, dense_passes, repeats))
    return rows


# Occlusion


def occlusion(subject: Subject, strides: Sequence[int], repeats: int) -> list[Row]:
    """One row per stride.

    captum is timed at the first stride only. Its cost does not depend on where a window lies: what one of its passes takes
    there, times the passes needed, is its time at the others.
    """
    first = strides[0]
    check = compare_values(subject, first)  # before anything is timed: other values would be other work
    fast = subject.name in OCCLUSION_FAST

    def ours(stride: int, target: Any = None, fast: bool = False) -> Job:
        settings = {"mask_size": MASK, "stride": stride, "clip": False, "fill": FILL}
        return lambda: subject.explain("occlusion", target, fast, **settings)

    contenders = {
        "whole": subject.eager(BATCH),
        "bare": subject.bare(BATCH),
        "five": ours(first, "top5"),
        "same": lambda: same_masks(subject, MASK, first),
        **{f"one {stride}": ours(stride) for stride in strides},
        **({f"fast {stride}": ours(stride, fast=True) for stride in strides} if fast else {}),
        **captum_settings(subject, MASK, first),
    }
    few = 2 * MASK  # four masks: enough to make every plan
    for work in (contenders["whole"], contenders["bare"], ours(few), ours(few, "top5"), *[ours(few, fast=True)] * fast):
        work()
    seconds = few_turns(contenders, repeats)
    rows = [_occlusion_row(subject, stride, first, seconds) for stride in strides]
    (difference, largest) = check
    name = f"occlusion/{subject.name}/stride {first}/difference to captum"
    rows[0].figures.append(Figure.of(name, [1e6 * difference / largest], "1e-6 of the largest", 1e6 * GOAL_VALUES))
    rows[0].remarks.append(
        f"Same masks, same values to {GOAL_VALUES:g} of the largest: the maps (reduce='average') differ by at most "
        f"{difference:.1e}; their largest value is {largest:.1e}."
    )
    return rows


def _occlusion_row(subject: Subject, stride: int, first: int, seconds: Timings) -> Row:
    grid = occlusion_masks(SIZE, MASK, stride, "whole")
    masks = len(grid)
    needed = count(subject.network, SIZE, grid)
    windows = captum_windows(MASK, first)
    # Seconds of captum's call to ms a mask of ours; both pay one pass without a mask.
    scale = 1000 * (masks + 1) / (windows + 1) / masks
    captum = {key: [scale * s for s in values] for key, values in seconds.items() if key.startswith("captum")}
    (plain, best) = fastest(captum)
    seewhy_ms = [1000 * s / masks for s in seconds[f"one {stride}"]]
    bare = [1000 * s / PHOTOS for s in seconds["bare"]]
    floor = [ms * needed.masked / needed.whole for ms in bare]
    goal = OCCLUSION_GOALS.get(subject.name)
    of = naming(f"occlusion/{subject.name}/stride {stride}")
    figures = [
        of("seewhy", seewhy_ms, "ms a mask"),
        of("best captum as it comes", captum[plain], "ms a mask"),
        of("best captum", captum[best], "ms a mask"),
        of("over captum as it comes", ratios(captum[plain], seewhy_ms), "×", goal, True),
        of("over captum", ratios(captum[best], seewhy_ms), "×", goal, True),
        of("whole batch, channels_last", [1000 * s / PHOTOS for s in seconds["whole"]], "ms a mask"),
        of("whole batch, planned", bare, "ms a mask"),
        of("rate of the planned batch", [needed.whole / 1e6 / ms for ms in bare], "GFLOP/s"),
        of("work of a pass", [needed.whole / 1e9], "GFLOP"),
        of("work of a mask", [needed.masked / 1e9], "GFLOP"),
        of("floor", floor, "ms a mask"),
        of("over the floor", ratios(seewhy_ms, floor), "×"),
    ]
    remarks = [f"Stride {stride}: fastest captum as it comes: {plain}; of all: {best}."]
    if f"fast {stride}" in seconds:
        fast = [1000 * s / masks for s in seconds[f"fast {stride}"]]
        figures += [
            of("fast", fast, "ms a mask"),
            of("fast over captum", ratios(captum[best], fast), "×", OCCLUSION_FAST[subject.name], True),
            of("fast, deviation", [100 * subject.deviation("occlusion", mask_size=MASK, stride=2 * MASK)], "% of the largest"),
        ]
    if stride == first:
        figures += [
            of("5 classes over 1", ratios(seconds["five"], seconds[f"one {stride}"]), "×", GOAL_FIVE),
            of("over captum, same masks", ratios(seconds[best], seconds["same"]), "×"),
            *(of(key, values, "ms a mask") for key, values in captum.items()),
        ]
    else:
        remarks.append(f"Stride {stride}: captum's time is extrapolated from its {windows + 1} passes at stride {first}.")
    return Row("occlusion", subject.name, f"stride {stride}, {masks} masks", figures, remarks)


def same_masks(subject: Subject, mask: int, stride: int) -> seewhy.Explanation:
    """captum's masks, and its mean over those that cover a pixel."""
    return subject.explain("occlusion", mask_size=mask, stride=stride, fill=FILL, reduce="average")


def compare_values(subject: Subject, stride: int) -> tuple[float, float]:
    """The largest difference to captum's map of the same masks, and the map's largest value."""
    reference = captum_map(subject.network, subject.photo[None], subject.index, MASK, stride, 16)
    difference = float(np.abs(same_masks(subject, MASK, stride).maps[0] - reference).max())
    largest = float(np.abs(reference).max())
    assert difference <= GOAL_VALUES * largest, f"{subject.name}: maps differ by {difference:.1e}, largest value {largest:.1e}"
    return difference, largest


def captum_windows(mask: int, stride: int) -> int:
    return len(occlusion_masks(SIZE, mask, stride, "cut"))


def captum_settings(subject: Subject, mask: int, stride: int) -> dict[str, Job]:
    """captum at every setting that a person could choose."""
    photo = subject.photo[None]
    formats = {"": (subject.network, photo), ", channels_last": _channels_last(subject.network, photo)}
    jobs: dict[str, Job] = {}
    for passes, (suffix, (network, inputs)) in itertools.product(PASSES, formats.items()):
        arguments = (network, inputs, subject.index, mask, stride, passes)
        jobs[f"captum, {passes} a pass{suffix}"] = functools.partial(captum_map, *arguments)
    return jobs


def captum_map(
    network: nn.Module, photo: torch.Tensor, index: int, mask: int, stride: int, passes: int
) -> npt.NDArray[np.float32]:
    """captum's occlusion of the class's probability; ``passes`` windows at once."""
    from captum.attr import Occlusion

    method = Occlusion(lambda inputs: network(inputs).softmax(1))
    with torch.no_grad():
        attribution = method.attribute(
            photo,
            sliding_window_shapes=(3, mask, mask),
            strides=(3, stride, stride),
            baselines=FILL,
            target=index,
            perturbations_per_eval=passes,
        )
    map_: npt.NDArray[np.float32] = attribution[0, 0].numpy()  # the window covers all channels: their maps are the same
    return map_


def fastest(captum: Timings) -> tuple[str, str]:
    """Its fastest setting as it comes, and of all."""

    def median(key: str) -> float:
        return statistics.median(captum[key])

    return min((key for key in captum if "channels_last" not in key), key=median), min(captum, key=median)


# LIME


def lime(subject: Subject, segments: str, samples: int, repeats: int) -> Row:
    """seewhy beside the lime package on the same segments, and beside the bare passes."""
    fast = subject.name in LIME_FAST
    labels = segments_of(subject.photo.numpy(), segments, FEATURES).labels
    settings = {"segments": segments, "features": FEATURES, "model": "ridge", "kernel": math.sqrt(2) * WIDTH}

    def ours(count: int, fast: bool = False) -> seewhy.Explanation:
        return subject.explain("lime", None, fast, samples=count, **settings)

    few = min(samples, 2 * max(LIME_BATCHES))
    trials = {batch: functools.partial(lime_score, subject, labels, few, batch) for batch in LIME_BATCHES}
    batch = quickest(trials)
    (bare_batch, bare_job) = quickest_bare(subject)
    score = 0.0

    def theirs() -> None:
        nonlocal score
        score = lime_score(subject, labels, samples, batch)

    contenders: dict[str, Job] = {"one": lambda: ours(samples), "lime": theirs, "bare": bare_job}
    if fast:
        contenders["fast"] = lambda: ours(samples, True)
        ours(few, True)
    ours(few)
    seconds = few_turns(contenders, repeats)
    each = {key: [1000 * s / samples for s in values] for key, values in seconds.items()}
    each["bare"] = [1000 * s / PHOTOS for s in seconds["bare"]]
    of = naming(f"lime/{subject.name}/{segments}")
    figures = [
        of("seewhy", each["one"], "ms a sample"),
        of("lime", each["lime"], "ms a sample"),
        of("bare passes", each["bare"], "ms a sample"),
        of("over lime", ratios(each["lime"], each["one"]), "×", LIME_GOALS[subject.name], True),
        of("over the bare passes", ratios(each["one"], each["bare"]), "×", GOAL_BARE),
        of("R2 on the samples learnt from", [float(np.ravel(ours(samples).details["r2_fit"])[0])], "weighted"),
        of("R2 of lime", [score], "weighted"),
    ]
    if fast:
        figures += [
            of("fast", each["fast"], "ms a sample"),
            of("fast over lime", ratios(each["lime"], each["fast"]), "×", LIME_FAST[subject.name], True),
            of("fast, deviation", [100 * subject.deviation("lime", samples=few, **settings)], "% of the largest"),
        ]
    case = f"{segments}, {labels.max() + 1} segments, {samples} samples"
    remarks = [
        f"{segments}: lime's fastest batch is {batch} of {LIME_BATCHES}; the bare passes' {bare_batch} of {BARE_BATCHES} (timed "
        f"on {PHOTOS} photos, extrapolated)."
    ]
    return Row("lime", subject.name, case, figures, remarks)


def lime_score(subject: Subject, labels: npt.NDArray[np.int64], samples: int, batch: int) -> float:
    """The lime package on given segments, filled as seewhy fills them; its R² on the samples it learnt from."""
    from lime.lime_image import LimeImageExplainer

    photo = subject.photo.permute(1, 2, 0).double().numpy()

    def scores(photos: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
        inputs = torch.from_numpy(photos).permute(0, 3, 1, 2).float()  # arrives channels_last
        with torch.no_grad():
            probabilities: npt.NDArray[np.float32] = subject.network(inputs).softmax(1).numpy()
        return probabilities

    method = LimeImageExplainer(kernel_width=WIDTH, random_state=0)
    with contextlib.redirect_stderr(io.StringIO()):  # its progress bar
        explanation = method.explain_instance(
            photo,
            scores,
            labels=(subject.index,),
            top_labels=None,
            hide_color=photo.mean(axis=(0, 1)),
            num_samples=samples,
            batch_size=batch,
            segmentation_fn=lambda _: labels,
        )
    return float(explanation.score)


def quickest_bare(subject: Subject) -> tuple[int, Job]:
    """The batch size at which the planned copy is fastest, and its passes."""
    jobs = {batch: subject.bare(batch) for batch in BARE_BATCHES}
    batch = quickest(jobs)
    return batch, jobs[batch]


def quickest(jobs: Mapping[int, Job]) -> int:
    """By the better of two rounds."""
    seconds = {key: min(seconds_of(work) for _ in range(2)) for key, work in jobs.items()}
    return min(seconds, key=lambda key: seconds[key])


# RISE


def rise(subject: Subject, masks: int, repeats: int) -> Row:
    """Time of a mask over the bare pass; every mask reaches everything, so there is nothing to save."""
    (batch, bare_job) = quickest_bare(subject)
    subject.explain("rise", masks=min(masks, 64))
    seconds = few_turns({"one": lambda: subject.explain("rise", masks=masks), "bare": bare_job}, repeats)
    seewhy_ms = [1000 * s / masks for s in seconds["one"]]
    bare = [1000 * s / PHOTOS for s in seconds["bare"]]
    of = naming(f"rise/{subject.name}")
    figures = [of("seewhy", seewhy_ms, "ms a mask"), of("bare passes", bare, "ms a mask")]
    figures.append(of("over the bare passes", ratios(seewhy_ms, bare), "×"))
    return Row("rise", subject.name, f"{masks} masks", figures, [f"Bare passes: {batch} at once."])


# Dense occlusion


def dense(subject: Subject, passes: int | None, repeats: int) -> Row:
    """A mask around every pixel, in a process of its own; stopped after so many ``passes``, and extrapolated."""
    command = f"from bench.perturbation import dense_alone; dense_alone({passes})"
    process = subprocess.run([sys.executable, "-c", command], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    record = json.loads(process.stdout)
    whole = DENSE_MASKS / record["passes"] * record["seconds"] / 60 if passes else record["seconds"] / 60
    stride = DENSE_MASK * 3 // 4  # captum: 16 windows are enough to know a pass
    jobs = captum_settings(subject, DENSE_MASK, stride)
    scale = DENSE_MASKS / (captum_windows(DENSE_MASK, stride) + 1) / 60
    durations = {key: [scale * s for s in values] for key, values in few_turns(jobs, repeats).items()}
    (plain, best) = fastest(durations)
    work = count(subject.network, SIZE, occlusion_masks(SIZE, DENSE_MASK, 1, "centred"))
    bare = subject.bare(BATCH)
    bare()
    floor = [seconds_of(bare) / PHOTOS * DENSE_MASKS / 60 * work.masked / work.whole for _ in range(max(2, repeats))]
    of = naming(f"dense/{subject.name}")
    figures = [
        of("seewhy", [whole], "min"),
        of("best captum as it comes, extrapolated", durations[plain], "min"),
        of("best captum, extrapolated", durations[best], "min"),
        of("over captum", [minutes / whole for minutes in durations[best]], "×"),
        of("floor", floor, "min"),
        of("work of a mask", [work.masked / 1e9], "GFLOP"),
        of("peak memory", [record["peak"] / 1e9], "GB", GOAL_MEMORY),
    ]
    remarks = [f"Fastest captum as it comes: {plain}; of all: {best}."]
    if passes:
        remarks.append(
            f"NOT the whole run: stopped after {record['passes']:.0f} passes ({record['seconds']:.0f} s), the time extrapolated; "
            "--dense runs all."
        )
    return Row("dense", subject.name, f"{DENSE_MASK} px, stride 1, {DENSE_MASKS} masks", figures, remarks)


def dense_alone(passes: int | None) -> None:
    """Run in a process of its own: seconds, passes and the most memory it ever held, as JSON."""
    subject = Subject(DENSE_NETWORK)
    settings = {"mask_size": DENSE_MASK, "clip": True, "fill": FILL}
    subject.explain("occlusion", stride=DENSE_MASK, **settings)  # what is made once for a network does not count
    start = time.perf_counter()
    explanation = subject.explain("occlusion", stride=1, budget=passes, **settings)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "passes": explanation.cost.forward, "peak": peak_memory()}))


def peak_memory() -> float:
    """Bytes that this process held at most.

    ``getrusage`` knows it, too, but a child that was started by a large process begins with the parent's figure.
    """
    with contextlib.suppress(OSError, StopIteration):
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024.0 * int(next(line for line in lines if line.startswith("VmHWM")).split()[1])
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1.0 if sys.platform == "darwin" else 1024.0)


def naming(start: str) -> Callable[..., Figure]:
    """Figures of one case."""

    def of(name: str, values: Sequence[float], unit: str, goal: float | None = None, more_is_better: bool = False) -> Figure:
        return Figure.of(f"{start}/{name}", values, unit, goal, more_is_better)

    return of


def show(rows: Sequence[Row]) -> None:
    """One table per network and part: a line for each figure, a column for each case."""
    for (part, network), group in itertools.groupby(rows, key=lambda row: (row.part, row.network)):
        cases = list(group)
        report = table(f"{part}, {network}; median (quartiles)", ("figure", "unit", *(row.case for row in cases)))
        cells = [{figure.name.rpartition("/")[2]: figure for figure in row.figures} for row in cases]
        for name in dict.fromkeys(itertools.chain(*cells)):
            unit = next(cell[name].unit for cell in cells if name in cell)
            report.add_row(name, unit, *(_cell(cell.get(name)) for cell in cells))
        console.print(report)
        for remark in itertools.chain(*(row.remarks for row in cases)):
            console.print(remark, highlight=False)
        console.print()


def _cell(figure: Figure | None) -> str:
    if figure is None or figure.goal is None:
        return "" if figure is None else str(figure)
    remark = "" if figure.reached else " NOT REACHED"
    return f"{figure}  {'≥' if figure.more_is_better else '≤'} {figure.goal:g}{remark}"


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--networks", nargs="+", metavar="NAME", help="networks of torchvision")
    parser.add_argument("--repeats", type=int)
    parser.add_argument("--strides", nargs="+", type=int, metavar="PIXELS", help="of the occlusion, largest first")
    parser.add_argument("--samples", type=int, help="of LIME")
    parser.add_argument("--masks", type=int, help="of RISE")
    parser.add_argument("--dense", action="store_true", help="run all 50,176 masks of the dense occlusion")
    args = parser.parse_args()
    settings = dict(QUICK) if args.quick else {}
    for name in ("networks", "repeats", "strides", "samples", "masks"):
        if getattr(args, name) is not None:
            settings[name] = getattr(args, name)
    if args.dense:
        settings["dense_passes"] = None
    rows = measure(args.parts, **settings)
    show(rows)
    if args.json:
        save(args.json, [figure for row in rows for figure in row.figures])


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
