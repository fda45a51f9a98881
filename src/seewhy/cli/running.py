"""``seewhy run``: a folder of photos of any size, into a store."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.confusion import LABELS_HELP
from seewhy.cli.files import expand
from seewhy.cli.measuring import Methods
from seewhy.cli.options import AsJson, ModelOptions, Photos, spread, targets_of
from seewhy.cli.report import Report
from seewhy.cli.settings import ExplainCommand, MethodOptions, settings_of_any
from seewhy.formatting import format_share
from seewhy.methods.auto import AUTO, TAKEN


@app.command(cls=ExplainCommand)
@spread
def run(
    photos: Photos,
    *,
    method: Methods = None,
    target: Annotated[
        list[str] | None,
        Option(
            "--target",
            "-t",
            help="A class, an index, top1, top3, present, label (the true class). Repeatable. Default: top1, and label.",
        ),
    ] = None,
    against: Annotated[
        str | None, Option(help="Why the target and not this class? A class, an index, or top2: each photo's second choice.")
    ] = None,
    labels: Annotated[str | None, Option(help=f"The true classes: {LABELS_HELP} Of a table of photos, a column.")] = None,
    retry: Annotated[bool, Option("--retry", help="Try the photos again that could not be read.")] = False,
    ray: Annotated[
        str | None,
        Option(
            metavar="auto|ADDRESS", help="On the machines of a Ray cluster: auto (one that runs here, else this machine alone)."
        ),
    ] = None,
    settings: MethodOptions,  # type: ignore[valid-type]
    options: ModelOptions,
    seed: Annotated[int, Option(help="For everything random.")] = 0,
    budget: Annotated[str | None, Option(help="Per photo: forward passes (200), or seconds (20s).")] = None,
    batch_size: Annotated[int | None, Option(help="Photos at once. Default: what suits the network.")] = None,
    shard_size: Annotated[
        int | None,
        Option(help="Photos in a file, 256 at most: what a kill costs. Default: 256, of slow methods 32, fewer of large maps."),
    ] = None,
    json_: AsJson = False,
    output: Annotated[
        str, Option("-o", "--output", "--out", help="A folder or URL: the store. It goes on where it was.")
    ] = "store",
) -> None:
    """Explain a folder of any size into a store. Killed at any moment, the same command goes on where it was."""
    methods = method or [AUTO]
    own = settings_of_any([name for one in methods for name in (TAKEN if one == AUTO else (one,))], settings)
    clf = options.load()
    targets = targets_of(clf, target) if target else None
    other = None if against is None else targets_of(clf, [against])[0]
    try:
        store = seewhy.run(
            clf,
            listed_places(photos),
            output,
            methods,
            targets,
            labels,
            against=other,
            seed=seed,
            budget=budget,
            batch_size=batch_size,
            shard_size=shard_size,
            retry=retry,
            ray=ray,
            **own,
        )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(*(f": {text}" for text in interrupt.args)) from None
    with Report(clf, json_, len(store) + len(store.unread)) as report:
        report.record |= summary_of(store)
        for photo in store.unread:
            report.skip(photo.path, photo.reason)
        report.notes(store.notes)
        for line in _lines(report.record):
            report.line(line)
        report.line(f"→ {store.path}")


def listed_places(photos: Sequence[str]) -> Any:
    """One place, or several as one list; those elsewhere are asked what they hold later."""
    if len(photos) == 1:
        return photos[0]
    elsewhere = [place for place in photos if "://" in place]
    return [*elsewhere, *expand([place for place in photos if place not in elsewhere])]


def summary_of(store: seewhy.Store) -> dict[str, Any]:
    """Counts alone, however many photos there are."""
    once = store.each_photo_once()
    (right, wrong) = (len(once.where("right")), len(once.where("wrong")))
    return {
        "output": str(store.path),
        "photos": len(once),
        "rows": len(store),
        "computed": store.computed,
        "methods": store.methods,
        "right": right,
        "wrong": wrong,
        "notes": store.notes,
    }


def _lines(summary: dict[str, Any]) -> list[str]:
    (right, labelled) = (summary["right"], summary["right"] + summary["wrong"])
    count = summary["photos"]
    lines = [f"{count} photo{'s' * (count != 1)} explained by {', '.join(summary['methods'])}"]
    if summary["computed"] < summary["rows"]:  # the rest stood in the store
        lines[0] += f"; {summary['computed'] or 'none'} of {summary['rows']} rows computed now"
    if labelled:
        lines.append(f"{right} of {labelled} with a label are right ({format_share(right / labelled)})")
    return lines
