"""``seewhy audit``: labelled photos and a network in, a verdict for each class out."""

from __future__ import annotations

import shlex
from typing import Annotated, Literal

from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.confusion import LABELS_HELP
from seewhy.cli.options import AsJson, ModelOptions, Photos, err, spread
from seewhy.cli.report import Report, plain_text
from seewhy.cli.running import listed_places

FAILED, UNSURE = 3, 4  # exit codes of --fail-on
LEFT_OUT = 2  # as of photos that cannot be read: a class with a wrong name is not audited


@app.command()
@spread
def audit(
    photos: Photos,
    *,
    labels: Annotated[str | None, Option(help=f"The true classes: {LABELS_HELP} Of a table of photos, a column.")] = None,
    classes_to_check: Annotated[
        list[str] | None, Option("--classes-to-check", help="Only these classes. Repeatable. Default: all that have photos.")
    ] = None,
    accept: Annotated[
        list[str] | None,
        Option(metavar="CUE[=WHO, WHY]", help="A cue that is legitimate, as the report names it: bear@ring. Repeatable."),
    ] = None,
    fail_on: Annotated[
        Literal["shortcut"] | None,
        Option(
            "--fail-on",
            help="For pipelines: exit code 3 where a class is a shortcut, else 4 where one is undecided or uncalibrated.",
        ),
    ] = None,
    ray: Annotated[
        str | None,
        Option(
            metavar="auto|ADDRESS", help="On the machines of a Ray cluster: auto (one that runs here, else this machine alone)."
        ),
    ] = None,
    options: ModelOptions,
    seed: Annotated[int, Option(help="Of the halves that the photos are drawn into.")] = 0,
    budget: Annotated[int | None, Option(help="Passes of the network for a class, at most. Default: 7000.")] = None,
    plant: Annotated[
        int | None,
        Option(
            metavar="N",
            help="How good would it be here? So many known cues on these photos, heads on this network's features, audited.",
        ),
    ] = None,
    batch_size: Annotated[int | None, Option(help="Photos at once. Default: what suits the network.")] = None,
    json_: AsJson = False,
    output: Annotated[
        str, Option("-o", "--output", "--out", help="A folder: audit.html, audit.json, photos, trials. It goes on where it was.")
    ] = "audit",
) -> None:
    """Does a class lean on something that has no business there? A verdict for each, with its proof."""
    clf = options.load()

    def tell(line: str) -> None:
        err.print(plain_text(line))

    try:
        result = seewhy.audit(
            clf,
            listed_places(photos),
            labels,
            output,
            budget,
            seed,
            classes=classes_to_check,
            accept=accept or (),
            plant=plant,
            told=None if json_ else tell,
            batch_size=batch_size,
            ray=ray,
        )
    except KeyboardInterrupt as interrupt:
        raise KeyboardInterrupt(*(f": {text}" for text in interrupt.args)) from None
    with Report(clf, json_, result.photos + len(result.skipped)) as report:
        page = f"{output.rstrip('/')}/audit.html"
        report.record |= result.record() | {"output": output, "page": page}
        for path, reason in result.skipped:
            report.skip(path, reason)
        report.notes(result.notes)
        for verdict in result.verdicts:
            report.line(str(verdict))
            if verdict.is_open and verdict.cue_id:
                report.line(f"  if it is legitimate: --accept {shlex.quote(f'{verdict.cue_id}=WHO, WHY')}")
        if result.sensitivity:
            report.line(f"{result.sensitivity}.")
        report.line(f"Not tried: {'; '.join(result.not_tried)}.")
        report.line(f"{result.photos} photos, {result.passes} passes → {page}")
        if fail_on is not None and not result.passed:
            kinds = {verdict.kind for verdict in result.verdicts if verdict.is_open}
            report.exit_code = FAILED if fail_on in kinds else UNSURE
        report.exit_code = report.exit_code or (LEFT_OUT if result.left_out else 0)
