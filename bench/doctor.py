"""Does ``seewhy.doctor`` name the fault, and nothing where there is none? ``python -m bench.doctor``.

Small networks are trained in a minute each (``bench/spoilt.py``), spoilt in one way at a time, and given to the doctor with
photos that they never saw: with the labels of the photos, and without. The thresholds were chosen on ``TUNING`` and its
photos; ``JUDGED`` has other architectures, preparations and seeds, and serves for nothing but the table. Every spoilt
network must get its fault by name and nothing else, every sound one nothing at all. Where ``../shared/data`` lies beside the
project, the real SqueezeNet is judged, too.

Trained networks and verdicts are kept under ``out/doctor``: a run that is cut off goes on. ``--only`` judges some networks, so
that several processes can share the work.
"""

from __future__ import annotations

import copy
import hashlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import nn

import seewhy
from bench.intervals import wilson
from bench.small_networks import Branches, Densely, Flat, Patches, Plain, Pooled, Residual, Separable, Tokens, group_norm
from bench.spoilt import CLIP, HALF, IMAGENET, PLACE, WAYS, Recipe, Way
from bench.timing import DATA, Figure, console, options, save, show_figures, sources, table
from seewhy.doctor.trials import PrivateCopy, Trial

THE_TWELVE = WAYS[:12]
NEED_LABELS = {way.name for way in WAYS if way.needs_labels}
COUNT, SEED = 60, 91  # photos for each network, and the seed of the scenes
BATCH = nn.BatchNorm2d
Prepared = seewhy.Preprocess

TUNING = (
    Recipe("plain", partial(Plain, 3, 3, BATCH), Prepared(64, "stretch", **IMAGENET), seed=1),
    Recipe("patches", partial(Patches, 3, 3), Prepared(64, **IMAGENET), ("sheep", "cow", "bear"), seed=2, rate=2e-3),
    Recipe("flat", partial(Flat, 3, 3, nn.Identity, 64), Prepared(64, "stretch", **HALF), seed=3, rate=2e-3),
    Recipe(
        "separable, BGR",
        partial(Separable, 3, 3),
        Prepared(96, mean=(0.406, 0.456, 0.485), std=(0.225, 0.224, 0.229), order="BGR"),
        seed=4,
    ),
    Recipe("digits", partial(Plain, 10, 1, BATCH, (16, 32, 48)), Prepared(32, channels=1, mean=0.3, std=0.35), data="digits"),
    Recipe("two labels", partial(Plain, 4, 3, BATCH), Prepared(64, "stretch", **IMAGENET), many=True, seed=6),
    # These were judged once, and what they showed was looked into, so that they judge no longer.
    Recipe(
        "wide", partial(Plain, 3, 3, BATCH, (16, 40, 64, 96)), Prepared(80, 92, **IMAGENET), ("cow", "sheep", "bear"), seed=21
    ),
    Recipe("groups", partial(Plain, 3, 3, group_norm, (24, 48, 64)), Prepared(72, "stretch", **IMAGENET), seed=22, epochs=16),
    Recipe("flat, norms", partial(Flat, 3, 3, BATCH, 9 * 12), Prepared((72, 96), "stretch", **HALF), seed=23),
    Recipe(
        "patches, 0-1",
        partial(Patches, 3, 3, 64, 2),
        Prepared(80, "stretch"),
        ("sheep", "bear", "cow"),
        seed=24,
        rate=1e-3,
        epochs=20,
    ),
    Recipe("digits, flat", partial(Flat, 10, 1, BATCH, 16), Prepared(32, channels=1, **HALF), data="digits", seed=25),
    Recipe("separable, two labels", partial(Separable, 4, 3), Prepared(96, 110, **IMAGENET), many=True, seed=26),
    Recipe(
        "three layers, 0-255",
        partial(Plain, 3, 3, BATCH, (20, 40, 60)),
        Prepared(64, mean=(0.408, 0.458, 0.485), std=1 / 255, order="BGR"),
        seed=27,
    ),
)
JUDGED = (
    Recipe("residual", partial(Residual, 3, 3, BATCH), Prepared(88, 100, **IMAGENET), ("sheep", "bear", "cow"), seed=41),
    Recipe("pooled", partial(Pooled, 3, 3), Prepared(64, "stretch", **IMAGENET), ("cow", "bear", "sheep"), seed=42, rate=2e-3),
    Recipe("dense, BGR", partial(Densely, 3, 3), Prepared(80, **{k: v[::-1] for k, v in CLIP.items()}, order="BGR"), seed=43),
    Recipe(
        "branches, digits", partial(Branches, 10, 1, BATCH), Prepared(32, channels=1, mean=0.3, std=0.35), data="digits", seed=44
    ),
    Recipe(
        "tokens", partial(Tokens, 3, 3), Prepared(96, "stretch", **HALF), ("sheep", "cow", "bear"), seed=45, rate=2e-3, epochs=14
    ),
    Recipe(
        "branches, 0-255",
        partial(Branches, 3, 3, BATCH, (10, 16, 24)),
        Prepared((64, 80), "stretch", mean=(0.485, 0.456, 0.406), std=1 / 255),
        seed=47,
    ),
    Recipe(
        "residual, two labels",
        partial(Residual, 4, 3, group_norm, (24, 48)),
        Prepared(72, "stretch", **HALF),
        many=True,
        seed=46,
        epochs=14,
    ),
)


@dataclass(frozen=True)
class Verdict:
    """What the doctor said of one network. way : how it was spoilt, "" for a sound one. named : the faults that it named."""

    network: str
    way: str
    fault: str
    with_labels: bool
    named: tuple[str, ...]

    @property
    def is_right(self) -> bool:
        return self.named == ((self.fault,) if self.fault else ())


def cases(recipe: Recipe, ways: Sequence[Way] = WAYS) -> Iterator[tuple[str, str, bool, seewhy.Classifier]]:
    """The sound network, and it spoilt in each way: (way, fault, needs labels, classifier)."""
    yield "", "", False, recipe.classifier
    for way in ways:
        clf = way.spoil(recipe)
        if clf is not None:
            yield way.name, way.fault, way.needs_labels, clf


def judge(
    recipes: Sequence[Recipe],
    split: str = "test",
    count: int = COUNT,
    ways: Sequence[Way] = WAYS,
    tell: Callable[[Verdict], None] = lambda verdict: None,
) -> list[Verdict]:
    """Every network, sound and spoilt, with labels and without. tell : hears of each verdict."""
    verdicts = []
    with remembered():
        for recipe in recipes:
            (photos, labels) = recipe.photos(split, count, SEED)
            for way, fault, needs_labels, clf in cases(recipe, ways):
                for given in (None,) if recipe.many else (labels, None):
                    if given is None and needs_labels:
                        continue
                    diagnosis = seewhy.doctor(clf, photos, given, progress=False)
                    verdict = Verdict(recipe.name, way, fault, given is not None, tuple(f.value for f in diagnosis.faults))
                    verdicts.append(verdict)
                    tell(verdict)
    return verdicts


@contextmanager
def remembered() -> Iterator[None]:
    """Within, what a network said of photos is kept: examinations with labels and without, and of a network whose preparation was
    spoilt in several ways, ask for the same passes again."""
    trials: dict[bytes, Trial] = {}
    run = PrivateCopy.run

    def run_once(copied: PrivateCopy, inputs: Sequence[torch.Tensor], seed: int = 0) -> Trial:
        key = _key(copied, inputs, seed)
        if key is None:
            return run(copied, inputs, seed)
        if key not in trials:
            trials[key] = run(copied, inputs, seed)
        return trials[key]

    PrivateCopy.run = run_once  # type: ignore[method-assign, assignment]
    try:
        yield
    finally:
        PrivateCopy.run = run  # type: ignore[method-assign]


def _key(copied: PrivateCopy, inputs: Sequence[torch.Tensor], seed: int) -> bytes | None:
    """Stands for a network's operations, weights and modes, and for its inputs; None where it cannot be looked into."""
    if not copied.is_copy:
        return None
    network: nn.Module = copied.network
    digest = hashlib.blake2b(repr((network, seed, [tuple(one.shape) for one in inputs])).encode())
    digest.update(bytes(module.training for module in network.modules()))
    for values in (*network.state_dict().values(), *inputs):
        digest.update(np.ascontiguousarray(values.numpy()).tobytes())
    return digest.digest()


def kept(name: str, ask: Callable[[], list[Verdict]]) -> list[Verdict]:
    """Verdicts that these sources gave already, else those that ``ask`` gives."""
    path = PLACE / "verdicts" / sources() / f"{name}.json"
    if path.is_file():
        return [Verdict(**row | {"named": tuple(row["named"])}) for row in json.loads(path.read_text(encoding="utf-8"))]
    verdicts = ask()
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps([asdict(verdict) for verdict in verdicts], indent=1), encoding="utf-8")
    return verdicts


def _reset(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d):
        module.reset_parameters()


def real_squeezenet(most: int | None = None) -> list[Verdict]:
    """The ImageNet network on photos, with wnids from their names as labels, and without. most : photos, of 82."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    if not weights.is_file():
        return []
    names = (DATA / "imagenet_synsets.txt").read_text(encoding="utf-8").splitlines()
    clf = seewhy.load("squeezenet1_0", weights=weights, classes=names)

    def changed(change: Callable[[nn.Module], nn.Module | None], classes: list[str] = names) -> seewhy.Classifier:
        network = copy.deepcopy(clf.network)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(79)
            return seewhy.Classifier(change(network) or network, clf.preprocess, classes)

    photos: list[Any] = sorted((DATA / "photos").glob("*.JPEG"))[:most]
    labels = [photo.name.split("_")[0] for photo in photos]
    (mean, std) = (np.array(IMAGENET[name]) for name in ("mean", "std"))
    spoilt = {
        ("", ""): clf,
        ("colours in the other order", "channel order"): clf.with_preprocess(order="BGR"),
        ("not normalised", "not normalised"): clf.with_preprocess(mean=None, std=None),
        ("normalised twice", "normalised twice"): clf.with_preprocess(
            mean=tuple((mean + mean * std).tolist()), std=tuple((std**2).tolist())
        ),
        ("values 0-255", "value range"): clf.with_preprocess(mean=0.0, std=1 / 255),
        ("another mean and std", "mean and std"): clf.with_preprocess(**HALF),
        ("twice the size", "input size"): clf.with_preprocess(size=448, resize=512),
        ("a softmax of a softmax", "double softmax"): changed(lambda n: nn.Sequential(n, nn.Softmax(1), nn.Softmax(1))),
        ("head as initialised", "head not loaded"): changed(lambda n: n.classifier[1].reset_parameters()),  # type: ignore
        ("weights never loaded", "weights not loaded"): changed(lambda n: n.apply(_reset) and None),
        ("names shifted by one", "classes shifted"): changed(lambda n: None, [names[-1], *names[:-1]]),
        ("a name too many", "number of classes"): changed(lambda n: None, ["background", *names]),
    }
    verdicts = []
    with remembered():
        for (way, fault), each in spoilt.items():
            for given in (labels,) if way in NEED_LABELS else (labels, None):

                def ask(way: str = way, fault: str = fault, each: seewhy.Classifier = each, given: Any = given) -> list[Verdict]:
                    named = tuple(f.value for f in seewhy.doctor(each, photos, given, progress=False).faults)
                    return [Verdict("SqueezeNet", way, fault, given is not None, named)]

                verdicts += kept(f"SqueezeNet, {len(photos)} photos, {way or 'sound'}, {'labels' if given else 'no labels'}", ask)
    return verdicts


def the_twelve(verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Twelve networks, each spoilt in another one of the twelve ways: the recipes take turns, with labels where there are any."""
    networks = list(dict.fromkeys(verdict.network for verdict in verdicts))
    chosen = []
    for number, way in enumerate(THE_TWELVE):
        turn = [networks[(number + i) % len(networks)] for i in range(len(networks))]
        rows = [v for network in turn for v in verdicts if v.network == network and v.way == way.name]
        rows.sort(key=lambda verdict: not verdict.with_labels)
        chosen += rows[:1]
    return chosen


def figures_of(verdicts: Sequence[Verdict], start: str = "doctor") -> list[Figure]:
    """Percent that are right, with Wilson's 95 % interval in place of the quartiles."""

    def figure(name: str, rows: Sequence[Verdict], goal: float | None = None) -> Figure:
        right = sum(verdict.is_right for verdict in rows)
        (low, high) = wilson(right, len(rows))
        return Figure(
            f"{start}/{name}, {len(rows)} networks", 100 * right / len(rows), 100 * low, 100 * high, "% right", goal, True
        )

    groups = {
        "one way each": (the_twelve(verdicts), 100 * 11 / 12),
        "sound, labels": ([v for v in verdicts if not v.way and v.with_labels], 100.0),
        "sound, no labels": ([v for v in verdicts if not v.way and not v.with_labels], 100.0),
        "every way, labels": ([v for v in verdicts if v.way and v.with_labels], None),
        "every way, no labels": ([v for v in verdicts if v.way and not v.with_labels], None),
    }
    return [figure(name, rows, goal) for name, (rows, goal) in groups.items() if rows]


def measure(quick: bool = False, only: Sequence[str] = ()) -> list[Figure]:
    """The judged set, and the real network where it is. only : these networks."""
    count = 30 if quick else COUNT
    recipes = [recipe for recipe in JUDGED[: 1 if quick else None] if not only or recipe.name in only]
    verdicts = [
        verdict for recipe in recipes for verdict in kept(f"{recipe.name}, {count} photos", partial(judge, [recipe], count=count))
    ]
    real = [] if quick or (only and "SqueezeNet" not in only) else real_squeezenet()
    for rows in filter(None, (verdicts, real)):
        show_ways(rows)
    return (figures_of(verdicts) if verdicts else []) + (figures_of(real, "doctor/SqueezeNet") if real else [])


def show(figures: Sequence[Figure]) -> None:
    show_figures("Doctor: the fault by name and nothing else (95 % interval)", figures)


def show_ways(verdicts: Sequence[Verdict]) -> None:
    """How many of the networks spoilt in each way were named, and what was said of the others."""
    report = table("Ways to spoil a network", ("way", "with labels", "without", "said instead"))
    for way in dict.fromkeys(verdict.way for verdict in verdicts):
        rows = [verdict for verdict in verdicts if verdict.way == way]
        cells = []
        for with_labels in (True, False):
            these = [v for v in rows if v.with_labels == with_labels]
            cells.append(f"{sum(v.is_right for v in these)} of {len(these)}" if these else "")
        wrong = [f"{v.network}: {', '.join(v.named) or 'nothing'}" for v in rows if not v.is_right]
        report.add_row(way or "(sound)", *cells, "; ".join(wrong))
    console.print(report)


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--tuning", action="store_true", help="the networks that thresholds are chosen on")
    parser.add_argument("--only", nargs="+", default=[], metavar="NETWORK", help="of those that are judged, or SqueezeNet")
    args = parser.parse_args()
    if args.tuning:
        verdicts = judge(TUNING, "validation", tell=lambda v: console.print(f"{'ok' if v.is_right else 'MISSED'} {v}"))
        show_ways(verdicts)
        figures = figures_of(verdicts)
    else:
        figures = measure(args.quick, args.only)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
