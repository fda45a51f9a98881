"""Commands that ask whether maps hold, and whether networks look at the same thing."""

from __future__ import annotations

import csv
import io
import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image
from rich.table import Table
from rich.text import Text
from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.files import TABLES, Batch, check_output, expand
from seewhy.cli.options import AsJson, ModelOptions, Photos, SeveralModels, out, spread, targets_of
from seewhy.cli.report import Report, first_line
from seewhy.cli.settings import value_of
from seewhy.cli.showing import WhereOfStore, refuse_for_stores, stores_of
from seewhy.compare import Comparison, Omission
from seewhy.engine.runner import Progress
from seewhy.errors import Message, OptionError, PhotoError
from seewhy.evaluate import METRICS, Evaluation, checked_mask, metric_names
from seewhy.files import write_whole
from seewhy.formatting import format_number
from seewhy.methods.auto import AUTO

Methods = Annotated[
    list[str] | None, Option("--method", "-m", help=f"Repeatable. Any of {', '.join(seewhy.METHODS)}, or auto, the default.")
]
OneTarget = Annotated[str, Option("--target", "-t", help="A class, an index, or top1: the first choice for each photo.")]

_ACROSS = 3  # metrics beside each other in a table
_MOST_LINES = 20  # of photos in stores


@app.command()
@spread
def evaluate(
    photos: Photos,
    *,
    method: Methods = None,
    metric: Annotated[list[str] | None, Option(help=f"Repeatable. Any of {', '.join(METRICS)}.")] = None,
    target: OneTarget = "top1",
    steps: Annotated[int, Option(help="Of the deletion and insertion curves.")] = 64,
    fill: Annotated[str, Option(help="What hidden pixels show: blur, mean, black, noise, or a number.")] = "blur",
    masks: Annotated[
        str | None, Option(help="A folder with a .png for each photo, white on the object: energy, pointing.")
    ] = None,
    seed: Annotated[int, Option(help="For everything random.")] = 0,
    options: ModelOptions,
    json_: AsJson = False,
    output: Annotated[
        str | None, Option("-o", "--output", "--out", help="One table of all photos, .csv or .json; in .json every photo, too.")
    ] = None,
) -> None:
    """Do the maps hold? A table of measures beside a random map and a centre blob. -o writes it (.csv or .json)."""
    files = expand(photos)
    table = None if output is None else check_output(Path(output), TABLES)
    methods = list(dict.fromkeys(method or [AUTO]))
    metrics = metric_names(metric or ["deletion", "insertion", *(["energy", "pointing"] if masks else [])])
    mask_files = _mask_files(files, masks, metrics)
    clf = options.load()
    results: dict[str, list[Evaluation]] = {}
    with Report(clf, json_, len(files)) as report:
        rows = report.record["evaluations"] = []
        batch = Batch(clf, list(files), report)
        several = len(files) * len(methods) > 1  # then maps are counted, else passes
        with Progress(several, len(files) * len(methods), "Evaluation of maps") as bar:
            evaluated = batch.each(
                lambda path: _evaluations(
                    clf, path, methods, target, metrics, steps, fill, mask_files.get(path), seed, bar if several else None
                )
            )
            for path, evaluations in evaluated:
                for evaluation in evaluations:
                    results.setdefault(evaluation.method, []).append(evaluation)
                    rows.append(evaluation.record() | {"photo": str(path)})
        report.record["summary"] = summary = _summary(results, metrics)
        if not json_ and results:
            for part in _tables(summary, metrics, len(rows) // len(results)):
                out.print(part)
        report.notes([*_notes(results, fill), *clf.input_notes()])
        if table is not None and results:
            content = _csv(summary) if table.suffix.lower() == ".csv" else (json.dumps(report.record, indent=1) + "\n").encode()
            report.record["output"] = str(write_whole(table, content))
            report.line(f"→ {table}")


def _mask_files(files: Mapping[Path, Path], masks: str | None, metrics: Sequence[str]) -> dict[Path, Path]:
    """The mask of each photo: ``<masks>/<folder>/<stem>.png``, or ``<masks>/<stem>.png`` where there is none.

    The folder is the photo's below the one that was named, or its parent's name. Raises OptionError: a metric that needs masks
    and no folder, a folder that does not exist, two photos with one mask.
    """
    if masks is None:
        for name in metrics:
            if METRICS[name].needs_mask:
                raise OptionError(f"--metric {name} needs --masks FOLDER: a .png for each photo, white on the object.")
        return {}
    if not Path(masks).is_dir():
        raise OptionError(f"--masks {masks}: there is no such folder; it holds a .png for each photo, white on the object.")
    mask_files: dict[Path, Path] = {}
    photos: dict[Path, Path] = {}  # by the mask
    for path, below in files.items():
        folders = [*([str(below)] if below.parts else []), path.parent.name, ""]
        places = [Path(masks) / folder / f"{path.stem}.png" for folder in folders]
        mask = mask_files[path] = next((place for place in places if place.is_file()), places[-1])
        if mask.is_file() and photos.setdefault(mask, path) != path:
            raise OptionError(
                f"--masks {masks}: '{photos[mask]}' and '{path}' would share '{mask}': put each mask into a folder named like "
                "its photo's, or rename a photo."
            )
    return mask_files


def _evaluations(
    clf: seewhy.Classifier,
    path: Path,
    methods: Sequence[str],
    target: str,
    metrics: Sequence[str],
    steps: int,
    fill: str,
    mask_file: Path | None,
    seed: int,
    bar: Progress | None,
) -> list[Evaluation]:
    """One photo by every method. bar : counts the maps; None shows the passes of the only one."""
    progress = None if bar is None else False
    photo = clf.read(path)
    mask = None if mask_file is None else _mask(mask_file, photo.geometry.photo)
    (class_,) = targets_of(clf, [target])
    evaluations: list[Evaluation] = []
    for method in methods:
        explanation = seewhy.explain(clf, photo, method, class_, seed=seed, progress=progress)
        if not any(evaluation.method == explanation.method for evaluation in evaluations):  # "auto" may take one that is named
            evaluations.append(
                seewhy.evaluate(clf, explanation, metrics, steps, value_of(fill), mask=mask, seed=seed, progress=progress)
            )
        if bar is not None:
            bar.advance(1)
    return evaluations


def _mask(path: Path, size: tuple[int, int]) -> Any:
    """True where the picture is light. size : (H, W) of the photo.

    Raises PhotoError, by which this photo alone is skipped, for a mask that cannot be used.
    """
    try:
        with Image.open(path) as image:
            shades = np.asarray(image.convert("L"))
    except (OSError, SyntaxError, ValueError) as error:  # PIL's, of files that are missing or broken
        reason = getattr(error, "strerror", None) or "no picture"
        raise PhotoError(f"--masks: '{path}' cannot be read ({reason}): one .png for each photo.") from None
    if shades.shape != size:
        ((rows, columns), (height, width)) = (shades.shape, size)
        raise PhotoError(
            f"--masks: '{path}' has {columns}×{rows} pixels, its photo {width}×{height}: make it {width}×{height} pixels "
            "(width × height)."
        )
    try:
        return checked_mask(shades > 127, size)
    except OptionError as error:
        raise PhotoError(f"--masks: '{path}': {error.message}") from None


def _notes(results: Mapping[str, Sequence[Evaluation]], fill: str) -> list[str]:
    """Each photo's own where there is one, else how many of them."""
    per_photo = list(zip(*results.values(), strict=True))
    if len(per_photo) == 1:
        return list(dict.fromkeys(note for evaluation in per_photo[0] for note in evaluation.notes))
    chosen = list(dict.fromkeys(note for evaluations in per_photo for e in evaluations for note in e.choice))
    count = sum(not all(evaluation.hides for evaluation in evaluations) for evaluations in per_photo)
    if not count:
        return chosen
    return [
        *chosen,
        f"with everything hidden ({fill}) the class keeps more than half of its score on {count} of {len(per_photo)} photos: "
        "try another fill",
    ]


def _summary(results: dict[str, list[Evaluation]], metrics: list[str]) -> list[dict[str, Any]]:
    """For every method and metric: means over the photos, the standard error, and how often the map beats the random one."""
    rows = []
    for method, evaluations in results.items():
        for metric in metrics:
            values = np.array([evaluation.values[metric] for evaluation in evaluations])
            error = float(values.std(ddof=1) / len(values) ** 0.5) if len(values) > 1 else None
            rows.append(
                {
                    "method": method,
                    "metric": metric,
                    "map": float(values.mean()),
                    "standard_error": error,
                    "random": float(np.mean([evaluation.random[metric] for evaluation in evaluations])),
                    "centre": float(np.mean([evaluation.centre[metric] for evaluation in evaluations])),
                    "better_than_random": float(np.mean([evaluation.better_than()[metric] for evaluation in evaluations])),
                    "photos": len(values),
                }
            )
    return rows


def _tables(summary: Sequence[Mapping[str, Any]], metrics: Sequence[str], photos: int) -> Iterator[Table | Text]:
    """A title, then tables below each other, each of as many metrics as 80 columns have room for: no line of a cell is broken."""
    error = " ± standard error of the mean" * (photos > 1)
    yield Text(f"{photos} photo{'s' * (photos != 1)}: the map{error} (random map, centre blob)")
    for start in range(0, len(metrics), _ACROSS):
        shown = metrics[start : start + _ACROSS]
        cells = {name: [_cell(row) for row in summary if row["metric"] == name] for name in shown}
        table = Table(box=None)
        table.add_column("method", no_wrap=True)
        for name in shown:
            longest = max(len(line) for cell in cells[name] for line in cell.splitlines())
            table.add_column(
                f"{METRICS[name].title}\n{'more' if METRICS[name].more_is_better else 'less'} is better", min_width=longest
            )
        for method, *row in zip(dict.fromkeys(row["method"] for row in summary), *cells.values(), strict=True):
            table.add_row(method, *row)
        yield table


def _cell(row: Mapping[str, Any]) -> str:
    error = "" if row["standard_error"] is None else f" ± {format_number(row['standard_error'], row['map'])}"
    return f"{format_number(row['map'])}{error}\n({format_number(row['random'])}, {format_number(row['centre'])})"


def _csv(summary: list[dict[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(summary[0]) if summary else [], lineterminator="\n")
    writer.writeheader()
    writer.writerows(summary)
    return text.getvalue().encode()


@app.command()
@spread
def compare(
    photos: Photos,
    *,
    method: Methods = None,
    target: OneTarget = "top1",
    against: Annotated[
        str | None, Option(help="Why the target and not this class? A class, an index, or top2: each photo's second choice.")
    ] = None,
    seed: Annotated[int, Option(help="For everything random.")] = 0,
    where: WhereOfStore = None,
    options: SeveralModels,
    json_: AsJson = False,
    output: Annotated[
        str | None,
        Option(
            "-o",
            "--output",
            "--out",
            help="One file: .html with all photos, .png with the one whose maps differ most, .csv or .json. Default: "
            "comparison.html.",
        ),
    ] = None,
) -> None:
    """Do they look at the same thing? Several networks (--model A --model B), several methods (-m A -m B), or stores: seewhy
    compare before/ after/."""
    place = check_output(Path(output or "comparison.html"), Comparison.suffixes)
    if stores := stores_of(photos, where):
        refuse_for_stores(options, {"target": None if target == "top1" else target, "against": against})
        if len(method or []) > 1:
            raise OptionError(f"{len(method or [])} --method: of stores the maps of one method are compared.")
        with Report(stores[0], json_, len(stores[0])) as report:
            comparison = seewhy.compare(stores, method=(method or ["grad_cam"])[0], names=[place.rstrip("/") for place in photos])
            texts = {store.preprocessing for store in stores}
            report.record |= {"preprocessing": "; ".join(sorted(texts))}
            models = list(dict.fromkeys(store.model for store in stores))
            _tell(report, comparison, models, place, _MOST_LINES)
            report.notes([note for note in comparison.notes if isinstance(note, Omission)])
        return
    files = expand(photos)
    (networks, columns) = options.load_all()
    methods = method or [AUTO]
    with Report(networks[0], json_, len(files)) as report:
        (class_,) = targets_of(networks[0], [target])
        comparison = seewhy.compare(
            networks if len(networks) > 1 else networks[0],
            list(files),
            methods if len(methods) > 1 else methods[0],
            class_,
            names=columns if len(networks) > 1 else None,
            against=None if against is None else targets_of(networks[0], [against])[0],
            seed=seed,
        )
        report.record["preprocessing"] = _preprocessing(networks, columns)
        for name, reason in comparison.skipped:
            report.skip(name, first_line(Message(reason)))
        _tell(report, comparison, columns, place)


def _tell(report: Report, comparison: Comparison, models: Sequence[str], place: Path, most: int | None = None) -> None:
    """Save it, and say what it says. most : lines of photos; None for all."""
    record = comparison.record() if report.as_json else {}
    report.record |= record | {"model": list(models), "output": str(comparison.save(place))}
    first = most is not None  # of stores, which hold many photos, the summary
    if first:
        report.line(comparison.sentence)
    told = 0 if comparison.change is None else sum(map(comparison.change.is_told, range(len(comparison))))
    if most is not None and told:  # those on which nothing changed stand in the table alone
        most = min(most, told)
    lines = [] if report.as_json else list(itertools.islice(_lines(comparison), most))
    notes = [comparison.notes_of(number) for number, _ in lines]
    shared = [note for note in notes[0] if all(note in others for others in notes)] if first and len(notes) > 1 else []
    of_all = [note for note in comparison.notes if not isinstance(note, Omission)]  # the report's end tells these
    report.notes([*of_all, *shared] if first else [])
    for (_, line), notes_of_photo in zip(lines, notes, strict=True):
        report.line(line)
        report.notes([note for note in notes_of_photo if note not in shared])
    if most is not None and len(comparison) > most:
        report.line(f"... and {len(comparison) - most} more photos: a table (-o changes.csv) has them all")
    if not first:
        report.notes(of_all)
        report.line(comparison.sentence)
    shown = comparison.shown_in(place)
    report.line(f"→ {place}{f': {shown}' if shown else ''}")
    if comparison.partial:
        total = len(comparison) + len(comparison.skipped) + comparison.unreached
        raise KeyboardInterrupt(f": {total - comparison.unreached} of {total} photos are compared")


def _preprocessing(networks: Sequence[seewhy.Classifier], columns: Sequence[str]) -> str:
    """In words, once where it is the same for all."""
    texts = [network.describe_input() for network in networks]
    if len(set(texts)) == 1:
        return texts[0]
    return "; ".join(f"{column}: {text}" for column, text in zip(columns, texts, strict=True))


def _lines(comparison: Comparison) -> Iterator[tuple[int, str]]:
    """The number of each photo and its line, those whose maps are least alike first; of stores those that changed."""
    (heads, *rows) = comparison.table()
    networks = len(comparison.columns) if comparison.of == "networks" else 0
    for number in comparison.order():
        (photo, explained, *cells) = rows[number]
        predictions = cells[: networks or 1]
        texts = (
            [f"{name} {text}" for name, text in zip(comparison.columns, predictions, strict=True)] if networks else predictions
        )
        line = f"{photo} ({explained}): {'; '.join(texts)}; {heads[2 + len(texts)]} {cells[len(texts)]}"
        change = comparison.change
        if change is None or not change.is_told(number):
            yield number, line
        else:
            doubt = change.doubt(number)
            yield number, f"{change.kind(number)}: {line}{f'; {doubt}' if doubt else ''}"
