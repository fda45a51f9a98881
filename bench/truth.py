"""Which method tells the truth? ``python -m bench.truth``: every method where the evidence is known.

* Networks set by hand, whose evidence is known to the pixel (``bench/planted.py``).
* Both demo networks on 200 drawn bears with the trail-camera logo: masks are exact, and the shortcut network is known to read
  the logo (docs/decisions.md).
* The real SqueezeNet on photos with boxes drawn by hand, where ``../shared/data`` lies beside the project: a box is where the
  object is, not what the network reads.

Every number is a mean with its 95 % interval; a random map and a centre blob stand beside it. Each method's results are kept
as soon as they are there, under ``out/truth``; a run that is cut off goes on. ``--only`` runs some of the networks, so that
several processes can share the work; seconds are taken at the end, where all results are there, and want a quiet machine.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import seewhy
from bench.intervals import mean_and_interval
from bench.planted import KINDS, cases
from bench.pointing import boxed_photos
from bench.timing import DATA, ROOT, console, options, save, seconds_of, sources, table
from bench.timing import Figure as BenchFigure
from seewhy.evaluate import energy, hits
from seewhy.evaluate.curves import area, curves_of
from seewhy.evaluate.masked import MaskedPhoto
from seewhy.evaluate.metric import explained_again
from seewhy.evaluate.on_object import share_of_peaks
from seewhy.evaluate.randomisation import likeness, randomised, weighted_layers
from seewhy.evaluate.references import centre_map
from seewhy.files import write_whole

SCENES, BOXES, PLANTED = 200, 25, 100
STEPS = 16  # of deletion and insertion
FEW = 20  # photos on which the map is checked, and made again with random weights
TIMED = 3  # photos whose maps are timed
PLACE = ROOT / "out" / "truth"
RANDOM, CENTRE = "random map", "centre blob"
METHODS = (*seewhy.METHODS, RANDOM, CENTRE)
PLACES = ("energy", "peak", "energy on the logo", "peak on the logo", "deletion", "insertion", "passes")
TRIALS = ("check", "likeness")
COUNTED = ("peak", "peak on the logo", "check")  # 0 or 1 for each photo

Mask = npt.NDArray[np.bool_]
Values = dict[str, list[float]]  # column -> one value for each photo


@dataclass(frozen=True, eq=False)
class Subject:
    """A photo, the class to explain, and where the evidence and the logo lie: bool ``(H, W)`` of the photo."""

    photo: Any
    target: str
    evidence: Mask
    logo: Mask | None = None


def explained(clf: seewhy.Classifier, subject: Subject, number: int, method: str, **settings: Any) -> seewhy.Explanation | None:
    """A subject's map by a method, or one that knows nothing of the photo; None where the method does not suit the network."""
    if method in (RANDOM, CENTRE):
        photo = clf.read(subject.photo)
        known = (
            np.random.default_rng(number).random((13, 13), np.float32) if method == RANDOM else centre_map(photo.geometry.input)
        )
        return seewhy.Explanation.from_map(clf, photo, known, subject.target)
    try:
        return seewhy.explain(clf, subject.photo, method, subject.target, progress=False, **settings)
    except seewhy.errors.MethodError:  # CAM, where something stands between the average and the dense layer
        return None


def places(clf: seewhy.Classifier, subjects: Sequence[Subject], method: str) -> Values:
    """Where the maps lie, and what is left of the score without and with only their strongest parts; every photo."""
    values: Values = {column: [] for column in PLACES}
    for number, subject in enumerate(subjects):
        explanation = explained(clf, subject, number, method)
        if explanation is None:
            return values
        map_ = explanation.on_photo()[0]
        values["energy"].append(energy(map_, subject.evidence))
        points_at = share_of_peaks if method == RANDOM else hits  # a random map has several peaks, cut off at the same value
        values["peak"].append(float(points_at(map_, subject.evidence)))
        if subject.logo is not None:
            values["energy on the logo"].append(energy(map_, subject.logo))
            values["peak on the logo"].append(float(points_at(map_, subject.logo)))
        masked = MaskedPhoto(clf, explanation.photo, "blur")
        for column, shown in (("deletion", False), ("insertion", True)):
            (shares, curves) = curves_of(masked, explanation.on_input(), explanation.targets[0], STEPS, shown, seed=0)
            values[column].append(area(shares, curves[0]))
        if method in seewhy.METHODS:
            values["passes"].append(explanation.cost.forward + explanation.cost.backward)
    return values


def trials(clf: seewhy.Classifier, subjects: Sequence[Subject], method: str) -> Values:
    """What takes longer, for the first few photos: whether the map passes the check, and its likeness to that of random weights.

    The likeness is of maps without a ReLU, which may leave nothing of a map of random weights.
    """
    values: Values = {column: [] for column in TRIALS}
    noise = randomised(clf, weighted_layers(clf), seed=0)
    kind = seewhy.METHODS.get(method)
    settings = {"relu": False} if kind is not None and "relu" in kind.setting_names() else {}
    for number, subject in enumerate(subjects[:FEW]):
        explanation = explained(clf, subject, number, method)
        if explanation is None:
            return values
        values["check"].append(float(seewhy.check(clf, explanation, progress=False).passed))
        if kind is not None:
            whole = explained(clf, subject, number, method, **settings) if settings else explanation
            assert whole is not None
            again = explained_again(whole, 0, noise, whole.photo)
            values["likeness"].append(abs(likeness(whole.maps[0], again.maps[0])[0]))
    return values


def seconds(clf: seewhy.Classifier, subjects: Sequence[Subject], method: str) -> float:
    """Of one map: the median over a few photos, after one that warms up."""
    subjects = [subjects[0], *subjects[:TIMED]]
    durations = [
        seconds_of(lambda s=subject: seewhy.explain(clf, s.photo, method, s.target, progress=False)) for subject in subjects
    ]
    return float(np.median(durations[1:]))


def scenes(count: int) -> list[Subject]:
    """Bears with the logo."""
    bears = seewhy.demo.scenes(count, logo=True, labels=["bear"])
    return [Subject(scene.photo, "bear", scene.animal, scene.logo) for scene in bears]


Work = Callable[[], tuple[seewhy.Classifier, list[Subject]]]


def networks(quick: bool) -> dict[str, Work]:
    """The networks and their photos, by name."""
    (many, few) = (4, 2) if quick else (SCENES, PLANTED)
    work: dict[str, Work] = {f"planted, {kind}": partial(_planted, kind, few) for kind in KINDS}
    work |= {name: partial(lambda name: (seewhy.load(name), scenes(many)), name) for name in ("demo:honest", "demo:shortcut")}
    if DATA.is_dir():
        work["squeezenet1_0"] = lambda: _boxed(4 if quick else BOXES)
    return work


def _planted(kind: str, count: int) -> tuple[seewhy.Classifier, list[Subject]]:
    planted = list(cases(kind, count))
    return planted[0].clf, [Subject(case.photo, "yes", case.evidence) for case in planted]


def _boxed(count: int) -> tuple[seewhy.Classifier, list[Subject]]:
    (clf, photos) = boxed_photos()
    return clf, [Subject(case.photo, case.target, case.mask) for case in photos[:: len(photos) // count][:count]]


def measure(quick: bool = False, only: Iterable[str] = ()) -> dict[str, dict[str, Values]]:
    """Network -> method -> values. What these sources have measured already is read from its file."""
    folder = PLACE / ("quick" if quick else "full") / sources()
    work = {name: cache(make) for name, make in networks(quick).items() if not only or name in only}
    results: dict[str, dict[str, Values]] = {}
    for network, make in work.items():
        results[network] = {}
        for name in METHODS:
            parts = [
                _kept(
                    folder / network / f"{name}, {part.__name__}.json",
                    partial(lambda make, part, name: part(*make(), name), make, part, name),
                )
                for part in (places, trials)
            ]
            results[network][name] = parts[0] | parts[1]
    for network, make in work.items():
        for name in seewhy.METHODS:
            if results[network][name]["energy"]:
                path = folder / network / f"{name}, seconds.json"
                timed = _kept(path, partial(lambda make, name: [seconds(*make(), name)], make, name))
                results[network][name]["seconds"] = timed
    return results


def _kept(path: Path, measured: Callable[[], Any]) -> Any:
    """What the file holds; where there is none, what is measured now."""
    path = path.with_name(path.name.replace(":", " "))
    if not path.is_file():
        console.print(f"[dim]{path.parent.name}, {path.stem} ...[/dim]", highlight=False)
        write_whole(path, json.dumps(measured()).encode())
    return json.loads(path.read_text())


PARTS = {  # of one network's table: so many columns are read at a glance
    "where the map lies": ("energy", "peak", "energy on the logo", "peak on the logo"),
    "whether it holds": ("deletion", "insertion", "check", "likeness", "passes", "seconds"),
}


SUMMARY = {  # heading -> network, column
    "peak on the animal": ("demo:honest", "peak"),
    "peak on the unread logo": ("demo:honest", "peak on the logo"),
    "peak on the read logo": ("demo:shortcut", "peak on the logo"),
    "peak in the box": ("squeezenet1_0", "peak"),
    "check passed": ("squeezenet1_0", "check"),
    "deletion": ("squeezenet1_0", "deletion"),
    "insertion": ("squeezenet1_0", "insertion"),
    "cost in passes": ("squeezenet1_0", "passes"),
}
TIMED_ON = "squeezenet1_0"


def summary(results: dict[str, dict[str, Values]]) -> dict[str, list[str]]:
    """From all networks: heading -> a cell for each line. Means without their intervals.

    What knows nothing of the photo stands first. Methods that differ in nothing but their seconds share a line, with the most.
    """
    planted = [methods for network, methods in results.items() if network.startswith("planted")]
    shown = {heading: place for heading, place in SUMMARY.items() if place[0] in results}
    lines: dict[tuple[str, ...], list[str]] = {}  # cells -> methods
    for method in (RANDOM, CENTRE, *seewhy.METHODS):
        cells = [_least([methods[method]["energy"] for methods in planted])] if planted else []
        cells += [_mean(column, results[network][method].get(column, [])) for network, column in shown.values()]
        lines.setdefault(tuple(cells), []).append(method)
    headings = ["energy on the planted evidence"] * bool(planted) + list(shown)
    names = [", ".join(f"`{method}`" if method in seewhy.METHODS else method for method in methods) for methods in lines.values()]
    columns = {"method": names, **dict(zip(headings, map(list, zip(*lines, strict=True)), strict=True))}
    seconds = results.get(TIMED_ON, {})
    if any(values.get("seconds") for values in seconds.values()):
        longest = [[t for method in methods for t in seconds[method].get("seconds", [])] for methods in lines.values()]
        columns["cost in seconds"] = [_cell("seconds", [max(times)] if times else []) for times in longest]
    return columns


def _least(energies: Sequence[Sequence[float]]) -> str:
    """The lowest of the networks' means; those that the method does not suit are left out."""
    return f"{min(float(np.mean(energy)) for energy in energies if energy):.2f}"


def _mean(column: str, values: Sequence[float]) -> str:
    return _cell(column, values).split(" (")[0]


def show(results: dict[str, dict[str, Values]]) -> None:
    """One table of all networks, then two for each: a line for each method, means with their 95 % intervals."""
    columns = summary(results)
    report = table("every method; means", tuple(columns))
    for row in zip(*columns.values(), strict=True):
        report.add_row(*row)
    console.print(report)
    for network, methods in results.items():
        count = len(methods[RANDOM]["energy"])
        for part, names in PARTS.items():
            columns = [column for column in names if any(values.get(column) for values in methods.values())]
            report = table(f"{network}, {count} photos: {part}; mean (95 % interval)", ("method", *columns))
            for method, values in methods.items():
                report.add_row(method, *(_cell(column, values.get(column, [])) for column in columns))
            console.print(report)
    console.print(EXPLAINED)


EXPLAINED = (
    "energy, peak: of the map's positive mass, and of the photos' peaks, the share on the evidence (animal, box, square). "
    "deletion: less is better, insertion: more. "
    f"check: share of the first {FEW} photos on which the map passes seewhy.check. likeness: to the map of random weights, "
    "without a ReLU, the same photos, near 0 is good. passes: photos forward and backward."
)


def _cell(column: str, values: Sequence[float]) -> str:
    if not values:
        return ""
    if column in ("passes", "seconds"):
        return f"{np.median(values):,.0f}" if column == "passes" else f"{np.median(values):.2g}"
    (mean, low, high) = mean_and_interval(values, column in COUNTED)
    if column in COUNTED:
        return f"{100 * mean:.0f} % ({100 * low:.0f}-{100 * high:.0f})"
    return f"{mean:.2f} ({low:.2f}-{high:.2f})"


def markdown(results: dict[str, dict[str, Values]]) -> str:
    """The same for the documents, below one table of all networks."""
    columns = summary(results)
    rows = [list(columns), ["---"] * len(columns), *zip(*columns.values(), strict=True)]
    lines = [*(f"| {' | '.join(row)} |" for row in rows), ""]
    for network, methods in results.items():
        count = len(methods[RANDOM]["energy"])
        names = [name for part in PARTS.values() for name in part if any(values.get(name) for values in methods.values())]
        lines += [f"### {network}, {count} photos", "", f"| method | {' | '.join(names)} |", "|---" * (len(names) + 1) + "|"]
        lines += [
            f"| `{method}` | {' | '.join(_cell(name, values.get(name, [])) for name in names)} |"
            for method, values in methods.items()
        ]
        lines.append("")
    return "\n".join(lines)


def figures(results: dict[str, dict[str, Values]]) -> list[BenchFigure]:
    """For --json."""
    return [
        BenchFigure(f"truth/{network}/{method}/{column}", *mean_and_interval(numbers, column in COUNTED), "share")
        for network, methods in results.items()
        for method, values in methods.items()
        for column, numbers in values.items()
        if numbers and column not in ("passes", "seconds")
    ]


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NETWORK", help="demo:honest, squeezenet1_0 ...")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="write the tables for the documents")
    args = parser.parse_args()
    results = measure(args.quick, args.only)
    show(results)
    if args.json:
        save(args.json, figures(results))
    if args.markdown:
        write_whole(args.markdown, markdown(results).encode())


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
