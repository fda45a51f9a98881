"""Does ``seewhy.doctor`` name the fault, and nothing where there is none? ``python -m bench.doctor``.

Small networks are trained in a minute each (``bench/spoilt.py``), spoilt in one way at a time, and given to the doctor with
photos that they never saw: with the labels of the photos, and without. The thresholds were chosen on ``TUNING`` and its
photos; ``JUDGED`` has other architectures, preparations and seeds, and serves for nothing but the table. Every spoilt
network must get its fault by name and nothing else, every sound one nothing at all. Where ``../shared/data`` lies beside the
project, the real SqueezeNet is judged, too.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from torch import nn

import seewhy
from bench.intervals import wilson
from bench.spoilt import HALF, IMAGENET, WAYS, Flat, Patches, Plain, Recipe, Separable, Way, group_norm
from bench.timing import DATA, Figure, console, options, save, show_figures, table

THE_TWELVE = WAYS[:12]
COUNT, SEED = 60, 90  # photos for each network, and the seed of the scenes
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
)
JUDGED = (
    Recipe(
        "wide", partial(Plain, 3, 3, BATCH, (16, 40, 64, 96)), Prepared(80, 92, **IMAGENET), ("cow", "sheep", "bear"), seed=21
    ),
    Recipe("groups", partial(Plain, 3, 3, group_norm, (24, 48, 64)), Prepared(72, "stretch", **IMAGENET), seed=22),
    Recipe("flat, norms", partial(Flat, 3, 3, BATCH, 9 * 12), Prepared((72, 96), "stretch", **HALF), seed=23),
    Recipe("patches, 0-1", partial(Patches, 3, 3, 64, 2), Prepared(80, "stretch"), ("sheep", "bear", "cow"), seed=24, rate=2e-3),
    Recipe("digits, flat", partial(Flat, 10, 1, BATCH, 16), Prepared(32, channels=1, **HALF), data="digits", seed=25),
    Recipe("separable, two labels", partial(Separable, 4, 3), Prepared(96, 110, **IMAGENET), many=True, seed=26),
    Recipe(
        "three layers, 0-255",
        partial(Plain, 3, 3, BATCH, (20, 40, 60)),
        Prepared(64, mean=(0.408, 0.458, 0.485), std=1 / 255, order="BGR"),
        seed=27,
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


def real_squeezenet(count: int = 40) -> list[Verdict]:
    """The ImageNet network on photos, with wnids from their names as labels, and without."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    if not weights.is_file():
        return []
    clf = seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt")
    photos: list[Any] = sorted((DATA / "photos").glob("*.JPEG"))[1::2][:count]
    labels = [photo.name.split("_")[0] for photo in photos]
    spoilt = {
        ("", ""): clf,
        ("colours in the other order", "channel order"): clf.with_preprocess(order="BGR"),
        ("not normalised", "not normalised"): clf.with_preprocess(mean=None, std=None),
        ("values 0-255", "value range"): clf.with_preprocess(mean=0.0, std=1 / 255),
        ("twice the size", "input size"): clf.with_preprocess(size=448, resize=512),
    }
    verdicts = []
    for (way, fault), each in spoilt.items():
        for given in (labels, None):
            diagnosis = seewhy.doctor(each, photos, given, progress=False)
            named = tuple(f.value for f in diagnosis.faults)
            verdicts.append(Verdict("SqueezeNet", way, fault, given is not None, named))
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


def measure(quick: bool = False) -> list[Figure]:
    """The judged set, and the real network where it is."""
    verdicts = judge(JUDGED[:1] if quick else JUDGED, count=30 if quick else COUNT)
    show_ways(verdicts)
    real = [] if quick else real_squeezenet()
    if real:
        show_ways(real)
    return figures_of(verdicts) + (figures_of(real, "doctor/SqueezeNet") if real else [])


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
    args = parser.parse_args()
    if args.tuning:
        verdicts = judge(TUNING, "validation", tell=lambda v: console.print(f"{'ok' if v.is_right else 'MISSED'} {v}"))
        show_ways(verdicts)
        figures = figures_of(verdicts)
    else:
        figures = measure(args.quick)
    show(figures)
    if args.json:
        save(args.json, figures)


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
