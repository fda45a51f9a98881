"""Which method tells the truth? ``python -m bench.truth``: every method where the evidence is known.

* Both demo networks on 200 drawn bears with the trail-camera logo: masks are exact, and the shortcut network is known to read
  the logo (docs/decisions.md).
* Networks set by hand, whose evidence is known to the pixel (``bench/planted.py``).
* The real SqueezeNet on photos with boxes drawn by hand, where ``../shared/data`` lies beside the project: a box is where the
  object is, not what the network reads.

Every number is a mean with its 95 % interval; a random map and a centre blob stand beside it. Each method's results are kept
as soon as they are there, under ``out/truth``; a run that is cut off goes on.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

import seewhy
from bench.blocks import sources
from bench.planted import KINDS, cases
from bench.pointing import boxed_photos
from bench.timing import DATA, ROOT, console, options, save, table
from bench.timing import Figure as BenchFigure
from seewhy.evaluate import energy, hits
from seewhy.evaluate.references import centre_map
from seewhy.files import write_whole

SCENES, BOXES, PLANTED = 200, 50, 25
STEPS = 16  # of deletion and insertion
FEW = 20  # photos for which the map is made again with random weights
PLACE = ROOT / "out" / "truth"
RANDOM, CENTRE = "random map", "centre blob"
COLUMNS = ("energy", "peak", "energy on the logo", "peak on the logo", "deletion", "insertion", "likeness", "check", "seconds")
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


def mean_and_interval(values: Sequence[float], counted: bool = False, seed: int = 0) -> tuple[float, float, float]:
    """The mean and its 95 % interval: the bootstrap's, 2,000 draws. counted : each value is 0 or 1, and the interval Wilson's."""
    array = np.asarray(values, dtype=np.float64)
    mean = float(array.mean())
    if counted:
        return mean, *wilson(int(array.sum()), len(array))
    draws = np.random.default_rng(seed).integers(0, len(array), (2_000, len(array)))
    (low, high) = np.quantile(array[draws].mean(axis=1), [0.025, 0.975])
    return mean, float(low), float(high)


def wilson(successes: int, count: int, z: float = 1.959964) -> tuple[float, float]:
    """The score interval for a share (Wilson 1927)."""
    share = successes / count
    centre = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z / (1 + z**2 / count) * (share * (1 - share) / count + z**2 / (4 * count**2)) ** 0.5
    return max(0.0, centre - half), min(1.0, centre + half)


def of_method(clf: seewhy.Classifier, subjects: Sequence[Subject], method: str) -> Values:
    """Every photo by one method."""
    values: Values = {column: [] for column in COLUMNS}
    for number, subject in enumerate(subjects):
        start = time.perf_counter()
        explanation = seewhy.explain(clf, subject.photo, method, subject.target, progress=False)
        values["seconds"].append(time.perf_counter() - start)
        _add_places(values, explanation.on_photo()[0], subject)
        evaluation = seewhy.evaluate(clf, explanation, steps=STEPS, progress=False)
        values["deletion"].append(evaluation.values["deletion"])
        values["insertion"].append(evaluation.values["insertion"])
        values["check"].append(float(seewhy.check(clf, explanation, progress=False).passed))
        if number < FEW:
            again = seewhy.evaluate(clf, explanation, ["randomisation"], progress=False)
            values["likeness"].append(again.values["randomisation"])
    return values


def of_reference(clf: seewhy.Classifier, subjects: Sequence[Subject], name: str) -> Values:
    """The same of maps that know nothing of the photo."""
    values: Values = {column: [] for column in COLUMNS}
    for number, subject in enumerate(subjects):
        photo = clf.read(subject.photo)
        size = photo.geometry.input
        map_ = np.random.default_rng(number).random((13, 13), np.float32) if name == RANDOM else centre_map(size)
        explanation = seewhy.Explanation.from_map(clf, photo, map_, subject.target)
        _add_places(values, explanation.on_photo()[0], subject)
        evaluation = seewhy.evaluate(clf, explanation, steps=STEPS, progress=False)
        values["deletion"].append(evaluation.values["deletion"])
        values["insertion"].append(evaluation.values["insertion"])
        values["check"].append(float(seewhy.check(clf, explanation, progress=False).passed))
    return values


def _add_places(values: Values, map_: npt.NDArray[np.float32], subject: Subject) -> None:
    values["energy"].append(energy(map_, subject.evidence))
    values["peak"].append(float(hits(map_, subject.evidence)))
    if subject.logo is not None:
        values["energy on the logo"].append(energy(map_, subject.logo))
        values["peak on the logo"].append(float(hits(map_, subject.logo)))


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
    return clf, [Subject(case.photo, case.target, case.mask) for case in photos[:count]]


def measure(quick: bool = False, only: Iterable[str] = ()) -> dict[str, dict[str, Values]]:
    """Network -> method -> values. What these sources have measured already is read from its file."""
    place = PLACE / ("quick" if quick else "full") / sources()
    results: dict[str, dict[str, Values]] = {}
    for network, make in networks(quick).items():
        if only and network not in only:
            continue
        subject: tuple[seewhy.Classifier, list[Subject]] | None = None
        results[network] = {}
        for name in (*seewhy.METHODS, RANDOM, CENTRE):
            path = place / f"{network}, {name}.json".replace("/", " ").replace(":", " ")
            if not path.is_file():
                subject = subject or make()
                console.print(f"[dim]{network}, {name} ...[/dim]", highlight=False)
                measured = (of_reference if name in (RANDOM, CENTRE) else of_method)(*subject, name)
                write_whole(path, json.dumps(measured).encode())
            results[network][name] = json.loads(path.read_text())
    return results


def show(results: dict[str, dict[str, Values]]) -> None:
    """A table for each network: a line for each method, means with their 95 % intervals."""
    for network, methods in results.items():
        columns = [column for column in COLUMNS if any(values[column] for values in methods.values())]
        count = len(next(iter(methods.values()))["energy"])
        report = table(f"{network}, {count} photos: mean (95 % interval)", ("method", *columns))
        for method, values in methods.items():
            report.add_row(method, *(_cell(column, values[column]) for column in columns))
        console.print(report)
    console.print(
        "energy, peak: of the map's positive mass, and of the photos' peaks, the share on the evidence (animal, box, square). "
        f"deletion: less is better, insertion: more. likeness: to the map of random weights, {FEW} photos, near 0 is good. "
        "check: share of the photos on which the map passes seewhy.check."
    )


def _cell(column: str, values: list[float]) -> str:
    if not values:
        return ""
    if column == "seconds":
        return f"{np.median(values):.2g}"
    (mean, low, high) = mean_and_interval(values, column in COUNTED)
    return f"{mean:.2f} ({low:.2f}-{high:.2f})"


def figures(results: dict[str, dict[str, Values]]) -> list[BenchFigure]:
    """For --json, and for the documents."""
    rows = []
    for network, methods in results.items():
        for method, values in methods.items():
            for column, numbers in values.items():
                if numbers and column != "seconds":
                    rows.append(
                        BenchFigure(f"truth/{network}/{method}/{column}", *mean_and_interval(numbers, column in COUNTED), "share")
                    )
    return rows


def main() -> None:
    parser = options(__doc__)
    parser.add_argument("--only", nargs="+", default=[], metavar="NETWORK", help="demo:honest, squeezenet1_0 ...")
    args = parser.parse_args()
    results = measure(args.quick, args.only)
    show(results)
    if args.json:
        save(args.json, figures(results))


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    main()
