"""``seewhy report``: a store as one HTML page."""

from __future__ import annotations

import json
from typing import Annotated

from rich.text import Text
from typer import Argument, Option

from seewhy.cli.app import app
from seewhy.cli.options import AsJson, out
from seewhy.cli.showing import open_store


@app.command()
def report(
    store: Annotated[str, Argument(help="A folder that seewhy run wrote.")],
    where: Annotated[
        str | None, Option(help="Only these rows: 'wrong and score > 0.9', 'label = cow', 'path contains night'.")
    ] = None,
    title: Annotated[str | None, Option(help="The page's title. Default: the number of photos and the network's name.")] = None,
    json_: AsJson = False,
    output: Annotated[
        str, Option("-o", "--output", "--out", help="The page (.html); the same numbers lie beside it (.json).")
    ] = "report.html",
) -> None:
    """One page of a whole store: how right, where it errs, where it looks. It can be passed on as it is."""
    opened = open_store(store)
    rows = opened if where is None else opened.where(where)
    page = rows.report(output, title)
    (numbers, photos) = (page.with_suffix(".json"), len(rows.each_photo_once()))
    if json_:
        record = {"output": str(page), "numbers": str(numbers), "photos": photos, "complete": opened.complete}
        print(json.dumps(record, indent=1, ensure_ascii=False))
        return
    if not opened.complete:
        out.print(Text("The run has not ended; the page says how far it is."))
    out.print(Text(f"{photos} {'photo' if photos == 1 else 'photos'} → {page}, {numbers}"))
