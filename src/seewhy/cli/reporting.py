"""``seewhy report``: a store as one HTML page."""

from __future__ import annotations

import json
from typing import Annotated

from rich.text import Text
from typer import Argument, Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.options import AsJson, out


@app.command()
def report(
    store: Annotated[str, Argument(help="A folder that seewhy run wrote.")],
    where: Annotated[
        str | None, Option(help="Only these rows: 'wrong and score > 0.9', 'label = cow', 'path contains night'.")
    ] = None,
    json_: AsJson = False,
    output: Annotated[
        str, Option("-o", "--output", "--out", help="The page (.html); the same numbers lie beside it (.json).")
    ] = "report.html",
) -> None:
    """One page of a whole store: how right, where it errs, where it looks. It can be passed on as it is."""
    opened = seewhy.Store.open(store)
    rows = opened if where is None else opened.where(where)
    page = rows.report(output)
    (numbers, photos) = (page.with_suffix(".json"), len(rows.each_photo_once()))
    if json_:
        record = {"output": str(page), "numbers": str(numbers), "photos": photos, "complete": opened.complete}
        print(json.dumps(record, indent=1, ensure_ascii=False))
        return
    if not opened.complete:
        out.print(Text("The run has not ended; the page says how far it is."))
    out.print(Text(f"{photos} photos → {page}, {numbers}"))
