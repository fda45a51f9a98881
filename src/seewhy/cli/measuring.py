"""Commands that ask whether maps hold, and whether networks look at the same thing."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from PIL import Image
from rich.table import Table
from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.files import TABLES, Batch, check_output, expand
from seewhy.cli.options import AsJson, ModelOptions, Output, Photos, SeveralModels, out, spread, targets_of
from seewhy.cli.report import Report, first_line
from seewhy.cli.settings import value_of
from seewhy.compare import Comparison
from seewhy.compare.comparison import Omission
from seewhy.errors import Message, OptionError
from seewhy.evaluate import METRICS, Evaluation
from seewhy.files import write_whole
from seewhy.formatting import format_number

Methods = Annotated[list[str] | None, Option("--method", "-m", help=f"Repeatable. Any of {', '.join(seewhy.METHODS)}.")]
OneTarget = Annotated[str, Option("--target", "-t", help="A class, an index, or top1: the first choice for each photo.")]


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
    output: Output = None,
) -> None:
    """Do the maps hold? A table of measures beside a random map and a centre blob. -o writes it (.csv or .json)."""
    files = expand(photos)
    table = None if output is None else check_output(Path(output), TABLES)
    clf = options.load()
    names = metric or ["deletion", "insertion", *(["energy", "pointing"] if masks else [])]
    results: dict[str, list[Evaluation]] = {}
    with Report(clf, json_, len(files)) as report:
        rows = report.record["evaluations"] = []
        batch = Batch(clf, list(files), report)
        for path, evaluations in batch.each(
            lambda path: _evaluations(clf, path, method or ["grad_cam"], target, names, steps, fill, masks, seed)
        ):
            for evaluation in evaluations:
                results.setdefault(evaluation.method, []).append(evaluation)
                rows.append({"photo": str(path)} | evaluation.record())
        report.record["summary"] = summary = _summary(results, names)
        if not json_ and results:
            out.print(_table(summary, names, len(rows) // max(1, len(results))))
        if table is not None:
            content = _csv(summary) if table.suffix.lower() == ".csv" else (json.dumps(report.record, indent=1) + "\n").encode()
            report.record["output"] = str(write_whole(table, content))


def _evaluations(
    clf: seewhy.Classifier,
    path: Path,
    methods: list[str],
    target: str,
    metrics: list[str],
    steps: int,
    fill: str,
    masks: str | None,
    seed: int,
) -> list[Evaluation]:
    """One photo by every method."""
    photo = clf.read(path)
    mask = None if masks is None else _mask(Path(masks) / f"{path.stem}.png")
    (class_,) = targets_of(clf, [target])
    evaluations = []
    for method in methods:
        explanation = seewhy.explain(clf, photo, method, class_, seed=seed, progress=False)
        evaluations.append(
            seewhy.evaluate(clf, explanation, metrics, steps, value_of(fill), mask=mask, seed=seed, progress=False)
        )
    return evaluations


def _mask(path: Path) -> Any:
    """True where the picture is light. Raises OptionError where there is none."""
    try:
        with Image.open(path) as image:
            return np.asarray(image.convert("L")) > 127
    except OSError as error:
        raise OptionError(
            f"--masks: '{path}' cannot be read ({error.strerror or 'no picture'}): one .png for each photo."
        ) from None


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


def _table(summary: list[dict[str, Any]], metrics: list[str], photos: int) -> Table:
    table = Table(title=f"{photos} photo{'s' * (photos != 1)}: the map (random map, centre blob)", title_justify="left", box=None)
    table.add_column("method")
    for metric in metrics:
        table.add_column(f"{METRICS[metric].title}\n{'more' if METRICS[metric].more_is_better else 'less'} is better")
    for method in dict.fromkeys(row["method"] for row in summary):
        cells = []
        for row in (row for row in summary if row["method"] == method):
            spread_ = "" if row["standard_error"] is None else f" ± {format_number(row['standard_error'], row['map'])}"
            numbers = [format_number(row[name]) for name in ("map", "random", "centre")]
            cells.append(f"{numbers[0]}{spread_} ({numbers[1]}, {numbers[2]})")
        table.add_row(method, *cells)
    return table


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
    options: SeveralModels,
    json_: AsJson = False,
    output: Output = None,
) -> None:
    """Do they look at the same thing? Several networks (--model A --model B), or several methods (-m A -m B)."""
    files = expand(photos)
    place = check_output(Path(output or "comparison.html"), Comparison.suffixes)
    (networks, columns) = options.load_all()
    methods = method or ["grad_cam"]
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
        report.record |= comparison.record() | {"model": columns, "output": str(comparison.save(place))}
        report.record["preprocessing"] = _preprocessing(networks, columns)
        for name, reason in comparison.skipped:
            report.skip(name, first_line(Message(reason)))
        for line in _lines(comparison):
            report.line(line)
        report.notes([note for note in comparison.notes if not isinstance(note, Omission)])  # the report's end tells these
        report.line(comparison.sentence)
        shown = comparison.shown_in(place)
        report.line(f"→ {place}{f': {shown}' if shown else ''}")
        if comparison.partial:
            reached = len(files) - comparison.unreached
            raise KeyboardInterrupt(f": {reached} of {len(files)} photos are compared")


def _preprocessing(networks: Sequence[seewhy.Classifier], columns: Sequence[str]) -> str:
    """In words, once where it is the same for all."""
    texts = [network.describe_input() for network in networks]
    if len(set(texts)) == 1:
        return texts[0]
    return "; ".join(f"{column}: {text}" for column, text in zip(columns, texts, strict=True))


def _lines(comparison: Comparison) -> Iterator[str]:
    """One for each photo, those whose maps are least alike first."""
    (heads, *rows) = comparison.table()
    for number in comparison.order():
        (photo, explained, *predictions, likeness) = rows[number]
        texts = predictions
        if comparison.of == "networks":
            texts = [f"{name} {prediction}" for name, prediction in zip(comparison.columns, predictions, strict=True)]
        yield f"{photo} ({explained}): {'; '.join(texts)}; {heads[-1]} {likeness}"
