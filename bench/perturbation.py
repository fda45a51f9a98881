"""Occlusion, LIME and RISE beside their peers, the bare passes and the work that is really needed, each in a process of its own.

Random weights, one photo of 224×224, fp32. A round runs every contender once; ratios are made within a round, and the median is
printed with its quartiles. The floor of occlusion is counted (``bench/work.py``) and put into time at the rate that the planned
copy reaches on whole photos, 16 at once, with memory kept.
"""

from __future__ import annotations

import contextlib
import copy
import functools
import io
import itertools
import json
import math
import statistics
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

import seewhy
from bench.fresh import Contender, Measured, in_fresh_processes
from bench.gradcam import random_network
from bench.timing import ROOT, Figure, console, options, ratios, save, seconds_of, table
from bench.work import count, occlusion_masks
from seewhy.engine.memory import kept
from seewhy.methods.segments import segments_of

PARTS = ("occlusion", "lime", "dense", "rise")
SIZE = (224, 224)
MASK, STRIDES, FILL = 45, (22, 4), 0.3
# Over captum as it comes: one mask a pass.
OCCLUSION_GOALS = {"squeezenet1_0": 8.0, "mobilenet_v2": 6.0, "resnet18": 4.0, "resnet50": 3.0}
OCCLUSION_FAST = {"resnet50": 5.0}
# Over the floors that were recorded while page faults were part of them, ms a mask at stride 22.
OLD_FLOORS = {"squeezenet1_0": 2.41, "mobilenet_v2": 3.13, "resnet18": 6.92, "resnet50": 22.3}
FLOOR_GOALS = {"squeezenet1_0": 1.3, "mobilenet_v2": 1.15, "resnet18": 1.15, "resnet50": 1.15}
GOAL_FIVE = 1.05
GOAL_VALUES = 1e-4  # of the largest value of the map
PASSES = (1, 16)  # perturbations_per_eval of captum; as it comes: 1
BATCH = 16

LIME_GOALS = {"squeezenet1_0": 2.0, "resnet50": 1.3}
LIME_FAST = {"resnet50": 2.5}
GOAL_BARE = 1.1
SEGMENTS, FEATURES, SAMPLES = ("grid", "superpixels"), 49, 300
WIDTH = 0.25  # of lime's kernel, which is the square root of the paper's and of seewhy's
LIME_BATCHES = (10, 32)  # its default, and what it gains by more

DENSE_MASK, DENSE_MASKS, DENSE_NETWORK, GOAL_MEMORY = 71, 224 * 224, "squeezenet1_0", 1.2
DENSE_PASSES = 2000
RISE_NETWORKS, RISE_MASKS = ("squeezenet1_0",), 2000

# In whose blocks a part is measured.
NETWORKS_OF_PART = {
    "occlusion": tuple(OCCLUSION_GOALS),
    "lime": tuple(LIME_GOALS),
    "dense": (DENSE_NETWORK,),
    "rise": RISE_NETWORKS,
}

AS_IT_COMES = "captum, 1 a pass"
KEPT_BY_ALL = ", memory kept by all"
PHOTOS = 64  # of which the bare passes are timed
# Few of everything, to see that it runs.
QUICK: dict[str, Any] = {
    "networks": ("squeezenet1_0",),
    "rounds": 1,
    "strides": STRIDES[:1],
    "samples": 100,
    "masks": 100,
    "dense_passes": 300,
}

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


def measure(
    parts: Sequence[str] = PARTS,
    networks: Sequence[str] = tuple(OCCLUSION_GOALS),
    rounds: int = 2,
    strides: Sequence[int] = STRIDES[:1],
    samples: int = SAMPLES,
    masks: int = RISE_MASKS,
    dense_passes: int | None = DENSE_PASSES,
    keep: bool = False,
) -> list[Row]:
    """The rows of all parts.

    strides : largest first; the peers are timed at the first. samples, masks : of LIME and RISE. dense_passes : where the
    50,176 masks are stopped (None: not at all). keep : the peers keep their memory, too.
    """
    rows: list[Row] = []
    for network in networks:
        if "occlusion" in parts:
            console.print(f"[dim]occlusion, {network} ...[/dim]", highlight=False)
            rows += occlusion(network, strides, rounds, keep)
        if "lime" in parts and network in LIME_GOALS:
            for segments in SEGMENTS:
                console.print(f"[dim]lime, {network}, {segments} ...[/dim]", highlight=False)
                rows.append(lime(network, segments, samples, rounds, keep))
        if "rise" in parts and network in RISE_NETWORKS:
            console.print(f"[dim]rise, {network} ...[/dim]", highlight=False)
            rows.append(rise(network, masks, rounds, keep))
        if "dense" in parts and network == DENSE_NETWORK and not keep:
            console.print(f"[dim]dense, {network} ...[/dim]", highlight=False)
            rows.append(dense(network, dense_passes))
    return rows


# Occlusion


def contender(part: str, name: str, network: str, arguments: dict[str, Any]) -> Job:
    """The work of one contender; runs in a process of its own."""
    subject = Subject(network)
    return {"occlusion": _occlusion_job, "lime": _lime_job, "rise": _rise_job}[part](subject, name, **arguments)


def fresh(part: str, network: str, names: Mapping[str, dict[str, Any]], rounds: int, keep: bool) -> dict[str, Measured]:
    """Every contender of a part in a process of its own. names : with the arguments of each."""
    contenders = {
        label: Contender(
            "bench.perturbation:contender",
            {"part": part, "name": label.partition(";")[0], "network": network, "arguments": arguments},
            calls=1,
        )
        for label, arguments in names.items()
    }
    return in_fresh_processes(contenders, rounds, keep)


def _bare_job(subject: Subject) -> Job:
    job = subject.bare(BATCH)

    def kept_job() -> None:
        with kept():
            job()

    return kept_job


def _occlusion_job(subject: Subject, name: str, stride: int = STRIDES[0], passes: int = 1) -> Job:
    if name == "bare":
        return _bare_job(subject)
    if name.startswith("captum"):
        (network, photo) = (subject.network, subject.photo[None])
        if "channels_last" in name:
            (network, photo) = _channels_last(network, photo)
        return functools.partial(captum_map, network, photo, subject.index, MASK, stride, passes)
    settings = {"mask_size": MASK, "stride": stride, "clip": False, "fill": FILL}
    return lambda: subject.explain("occlusion", "top5" if name == "five" else None, name == "fast", **settings)


def occlusion(network: str, strides: Sequence[int], rounds: int, keep: bool) -> list[Row]:
    """One row per stride.

    captum is timed at the first stride only. Its cost does not depend on where a window lies: what one of its passes takes
    there, times the passes needed, is its time at the others.
    """
    first = strides[0]
    check = compare_values(Subject(network), first)  # before anything is timed: other values would be other work
    names: dict[str, dict[str, Any]] = {"bare": {}, "five": {"stride": first}}
    for stride in strides:
        names[f"one;{stride}"] = {"stride": stride}
        if network in OCCLUSION_FAST:
            names[f"fast;{stride}"] = {"stride": stride}
    for passes, suffix in itertools.product(PASSES, ("", ", channels_last")):
        names[f"captum, {passes} a pass{suffix}"] = {"stride": first, "passes": passes}
    measured = fresh("occlusion", network, names, rounds, keep)
    subject = Subject(network)
    rows = [_occlusion_row(subject, stride, first, measured, keep) for stride in strides]
    (difference, largest) = check
    name = f"occlusion/{network}/stride {first}/difference to captum"
    rows[0].figures.append(Figure.of(name, [1e6 * difference / largest], "1e-6 of the largest", 1e6 * GOAL_VALUES))
    rows[0].remarks.append(
        f"Same masks, same values to {GOAL_VALUES:g} of the largest: the maps (reduce='average') differ by at most "
        f"{difference:.1e}; their largest value is {largest:.1e}."
    )
    return rows


def _occlusion_row(subject: Subject, stride: int, first: int, measured: Mapping[str, Measured], keep: bool) -> Row:
    grid = occlusion_masks(SIZE, MASK, stride, "whole")
    masks = len(grid)
    needed = count(subject.network, SIZE, grid)
    windows = captum_windows(MASK, first)
    # Seconds of captum's call to ms a mask of ours; both pay one pass without a mask.
    scale = 1000 * (masks + 1) / (windows + 1) / masks
    captum = {key: [scale * s for s in value.seconds] for key, value in measured.items() if key.startswith("captum")}
    best = min(captum, key=lambda key: statistics.median(captum[key]))
    one = measured[f"one;{stride}"]
    seewhy_ms = [1000 * s / masks for s in one.seconds]
    bare = [1000 * s / PHOTOS for s in measured["bare"].seconds]
    floor = [ms * needed.masked / needed.whole for ms in bare]
    goal = None if keep else OCCLUSION_GOALS.get(subject.name)
    of = naming(f"occlusion/{subject.name}/stride {stride}" + KEPT_BY_ALL * keep)
    old_floor = OLD_FLOORS.get(subject.name, math.nan) * needed.masked / count_first(subject)
    figures = [
        of("seewhy", seewhy_ms, "ms a mask"),
        of("seewhy, page faults", [f / masks for f in one.faults], "a mask"),
        *(of(key, values, "ms a mask") for key, values in captum.items()),
        of("captum, page faults", [f / (windows + 1) for f in measured[AS_IT_COMES].faults], "a mask"),
        of("over captum as it comes", ratios(captum[AS_IT_COMES], seewhy_ms), "×", goal, True),
        of("over captum at best", ratios(captum[best], seewhy_ms), "×"),
        of("whole batch, planned", bare, "ms a mask"),
        of("rate of the planned batch", [needed.whole / 1e6 / ms for ms in bare], "GFLOP/s"),
        of("work of a pass", [needed.whole / 1e9], "GFLOP"),
        of("work of a mask", [needed.masked / 1e9], "GFLOP"),
        of("floor", floor, "ms a mask"),
        of("over the floor", ratios(seewhy_ms, floor), "×"),
        of("over the old floor", [ms / old_floor for ms in seewhy_ms], "×", None if keep else FLOOR_GOALS.get(subject.name)),
    ]
    remarks = [f"Stride {stride}: fastest captum: {best}."]
    if f"fast;{stride}" in measured:
        fast = [1000 * s / masks for s in measured[f"fast;{stride}"].seconds]
        fast_goal = None if keep else OCCLUSION_FAST[subject.name]
        figures += [
            of("fast", fast, "ms a mask"),
            of("fast over captum as it comes", ratios(captum[AS_IT_COMES], fast), "×", fast_goal, True),
            of("fast, deviation", [100 * subject.deviation("occlusion", mask_size=MASK, stride=2 * MASK)], "% of the largest"),
        ]
    if stride == first:
        figures.append(of("5 classes over 1", ratios(measured["five"].seconds, one.seconds), "×", None if keep else GOAL_FIVE))
    else:
        remarks.append(f"Stride {stride}: captum's time is extrapolated from its {windows + 1} passes at stride {first}.")
    return Row("occlusion", subject.name, f"stride {stride}, {masks} masks", figures, remarks)


def count_first(subject: Subject) -> float:
    """The work of a mask at the stride of the old floors."""
    return count(subject.network, SIZE, occlusion_masks(SIZE, MASK, STRIDES[0], "whole")).masked


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
    """captum one mask a pass, and at more; as it comes and with our memory format."""
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


# LIME


def _lime_settings(segments: str) -> dict[str, Any]:
    # The lime package explains the probability.
    like_lime = {"model": "ridge", "kernel": math.sqrt(2) * WIDTH, "score": "probability"}
    return {"segments": segments, "features": FEATURES} | like_lime


def _lime_job(subject: Subject, name: str, segments: str = "grid", samples: int = SAMPLES, batch: int = 10) -> Job:
    if name == "bare":
        return _bare_job(subject)
    if name == "lime":
        labels = segments_of(subject.photo.numpy(), segments, FEATURES).labels

        class Lime:
            results: ClassVar[dict[str, float]] = {}

            def __call__(self) -> None:
                self.results["r2"] = lime_score(subject, labels, samples, batch)

        return Lime()

    class Seewhy:
        results: ClassVar[dict[str, float]] = {}

        def __call__(self) -> None:
            explanation = subject.explain("lime", None, name == "fast", samples=samples, **_lime_settings(segments))
            self.results["r2"] = float(np.ravel(explanation.details["r2_fit"])[0])

    return Seewhy()


def lime(network: str, segments: str, samples: int, rounds: int, keep: bool) -> Row:
    """seewhy beside the lime package on the same segments, and beside the bare passes."""
    settings = {"segments": segments, "samples": samples}
    names: dict[str, dict[str, Any]] = {"bare": {}, "one": settings}
    names |= {f"lime;{batch}": settings | {"batch": batch} for batch in LIME_BATCHES}
    if network in LIME_FAST:
        names["fast"] = settings
    measured = fresh("lime", network, names, rounds, keep)
    each = {key: [1000 * s / samples for s in value.seconds] for key, value in measured.items()}
    bare = [1000 * s / PHOTOS for s in measured["bare"].seconds]
    (as_it_comes, more) = (f"lime;{batch}" for batch in LIME_BATCHES)
    of = naming(f"lime/{network}/{segments}" + KEPT_BY_ALL * keep)
    figures = [
        of("seewhy", each["one"], "ms a sample"),
        of("seewhy, page faults", [f / samples for f in measured["one"].faults], "a sample"),
        of("lime", each[as_it_comes], "ms a sample"),
        of(f"lime, {LIME_BATCHES[1]} at once", each[more], "ms a sample"),
        of("lime, page faults", [f / samples for f in measured[as_it_comes].faults], "a sample"),
        of("bare passes", bare, "ms a sample"),
        of("over lime", ratios(each[as_it_comes], each["one"]), "×", None if keep else LIME_GOALS[network], True),
        of("over the bare passes", ratios(each["one"], bare), "×", None if keep else GOAL_BARE),
        of("R2 on the samples learnt from", [measured["one"].results["r2"]], "weighted"),
        of("R2 of lime", [measured[as_it_comes].results["r2"]], "weighted"),
    ]
    if "fast" in measured:
        few = _lime_settings(segments) | {"samples": 2 * FEATURES}
        figures += [
            of("fast", each["fast"], "ms a sample"),
            of("fast over lime", ratios(each[as_it_comes], each["fast"]), "×", None if keep else LIME_FAST[network], True),
            of("fast, deviation", [100 * Subject(network).deviation("lime", **few)], "% of the largest"),
        ]
    remark = f"{segments}: the bare passes are timed on {PHOTOS} photos, extrapolated; lime at {LIME_BATCHES} at once."
    return Row("lime", network, f"{segments}, {samples} samples", figures, [remark])


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


# RISE


def _rise_job(subject: Subject, name: str, masks: int = RISE_MASKS) -> Job:
    return _bare_job(subject) if name == "bare" else lambda: subject.explain("rise", masks=masks)


def rise(network: str, masks: int, rounds: int, keep: bool) -> Row:
    """Time of a mask over the bare pass; every mask reaches everything, so there is nothing to save."""
    measured = fresh("rise", network, {"one": {"masks": masks}, "bare": {}}, rounds, keep)
    seewhy_ms = [1000 * s / masks for s in measured["one"].seconds]
    bare = [1000 * s / PHOTOS for s in measured["bare"].seconds]
    of = naming(f"rise/{network}" + KEPT_BY_ALL * keep)
    figures = [of("seewhy", seewhy_ms, "ms a mask"), of("bare passes", bare, "ms a mask")]
    figures.append(of("over the bare passes", ratios(seewhy_ms, bare), "×"))
    return Row("rise", network, f"{masks} masks", figures, [])


# Dense occlusion


def dense(network: str, passes: int | None) -> Row:
    """A mask around every pixel, in a process of its own; stopped after so many ``passes``, and extrapolated."""
    command = f"from bench.perturbation import dense_alone; dense_alone({passes})"
    process = subprocess.run([sys.executable, "-c", command], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    record = json.loads(process.stdout)
    whole = DENSE_MASKS / record["passes"] * record["seconds"] / 60 if passes else record["seconds"] / 60
    subject = Subject(network)
    stride = DENSE_MASK * 3 // 4  # captum: 16 windows are enough to know a pass
    jobs = captum_settings(subject, DENSE_MASK, stride)
    scale = DENSE_MASKS / (captum_windows(DENSE_MASK, stride) + 1) / 60
    durations = {key: scale * seconds_of(job) for key, job in jobs.items()}
    best = min(durations, key=lambda key: durations[key])
    work = count(subject.network, SIZE, occlusion_masks(SIZE, DENSE_MASK, 1, "centred"))
    bare = subject.bare(BATCH)
    bare()
    floor = [seconds_of(bare) / PHOTOS * DENSE_MASKS / 60 * work.masked / work.whole for _ in range(2)]
    of = naming(f"dense/{subject.name}")
    figures = [
        of("seewhy", [whole], "min"),
        of("captum as it comes, extrapolated", [durations[AS_IT_COMES]], "min"),
        of("best captum, extrapolated", [durations[best]], "min"),
        of("over captum as it comes", [durations[AS_IT_COMES] / whole], "×"),
        of("floor", floor, "min"),
        of("work of a mask", [work.masked / 1e9], "GFLOP"),
        of("peak memory", [record["peak"] / 1e9], "GB", GOAL_MEMORY),
    ]
    remarks = [f"Fastest captum: {best}."]
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
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--keep", action="store_true", help="the peers keep their memory, too")
    parser.add_argument("--strides", nargs="+", type=int, metavar="PIXELS", help="of the occlusion, largest first")
    parser.add_argument("--samples", type=int, help="of LIME")
    parser.add_argument("--masks", type=int, help="of RISE")
    parser.add_argument("--dense", action="store_true", help="run all 50,176 masks of the dense occlusion")
    args = parser.parse_args()
    settings = dict(QUICK) if args.quick else {}
    for name in ("networks", "rounds", "strides", "samples", "masks"):
        if getattr(args, name) is not None:
            settings[name] = getattr(args, name)
    if args.dense:
        settings["dense_passes"] = None
    rows = measure(args.parts, keep=args.keep, **settings)
    show(rows)
    if args.json:
        save(args.json, [figure for row in rows for figure in row.figures])


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # the peers'
    main()
