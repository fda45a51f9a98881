"""``seewhy doctor``: is the network given what it was trained on, and read as it was trained?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from rich.table import Table
from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.confusion import LABELS_HELP
from seewhy.cli.files import check_output, expand
from seewhy.cli.options import AsJson, ModelOptions, Photos, as_flag, out, spread
from seewhy.cli.report import Report, first_line
from seewhy.doctor import Diagnosis
from seewhy.errors import Message, OptionError

_ROWS = 8  # preparations in the terminal; all of them stand in .html and .json


@app.command()
@spread
def doctor(
    photos: Photos,
    *,
    labels: Annotated[str | None, Option(help=f"The photos' true classes: {LABELS_HELP}")] = None,
    options: ModelOptions,
    json_: AsJson = False,
    output: Annotated[
        str | None,
        Option(
            "-o", "--output", "--out", help="One file: the photo as the network sees it (.png ...), the page (.html), or .json."
        ),
    ] = None,
) -> None:
    """Is the network fed and read as it was trained? Checks preparation, head, classes and weights. Exits with 0 whatever it
    finds."""
    files = expand(photos)
    place = None if output is None else check_output(Path(output), Diagnosis.suffixes)
    if place is not None and place.resolve() in {path.resolve() for path in files}:
        raise OptionError(f"-o {output}: that is one of the photos, and it would be lost; write another name.")
    clf = options.load()
    with Report(clf, json_, len(files)) as report:
        diagnosis = seewhy.doctor(clf, list(files), labels)
        report.record |= {"labels": labels} | diagnosis.record()
        for name, reason in diagnosis.skipped:
            report.skip(name, first_line(Message(reason)))
        report.line(diagnosis.sentence)
        for message in (*diagnosis.messages, *diagnosis.remarks):
            report.line(f"  {message.spelled(as_flag)}")
        report.notes(diagnosis.notes)
        if not json_ and len(diagnosis.attempts) > 1:
            out.print(_table(diagnosis))
        if place is not None:
            report.record["output"] = str(diagnosis.save(place))
            report.line(f"→ {place}")
        report.line(f"{diagnosis.cost.forward:.0f} forward passes, {diagnosis.cost.seconds:.1f} s")


def _table(diagnosis: Diagnosis) -> Table:
    """The first rows: the present preparation, the one that is believed, the best others."""
    (heads, *rows) = diagnosis.table()
    table = Table(box=None)
    for head in heads:
        table.add_column(head)
    for row in rows[:_ROWS]:
        table.add_row(*row)
    return table
