"""``seewhy show``: rows of a store as a table, a page or pictures; and stores where other commands take photos."""

from __future__ import annotations

import csv
import dataclasses
import glob
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, overload

import typer
from rich.table import Column, Table
from typer import Option

import seewhy
from seewhy.cli.app import app
from seewhy.cli.files import Names, check_output
from seewhy.cli.options import AsJson, ModelOptions, err, out, spread
from seewhy.cli.report import Report, plain_text, quoted
from seewhy.errors import OptionError, PhotoError, did_you_mean, listed
from seewhy.explanation import page
from seewhy.files import write_whole
from seewhy.formatting import format_number, format_score
from seewhy.photo import PHOTO_SUFFIXES, photos_below
from seewhy.store.reading import path_below

MOST_SHOWN = 50
WhereOfStore = Annotated[
    str | None, Option("--where", help="Of a store only these rows: 'wrong and score > 0.9', 'path contains night'.")
]
_OF_ALL = (".html", ".csv", ".json")  # files that hold any number of rows
_SHOWN = ("path", "label", "predicted", "score", "wrong")  # columns of a table


@app.command()
@spread
def show(
    store: Annotated[str, typer.Argument(metavar="STORE", help="A folder that seewhy run has written.")],
    *,
    where: Annotated[
        str | None, Option(help="Which rows: 'wrong and score > 0.9', 'label = cow and predicted = bear', 'path contains night'.")
    ] = None,
    by: Annotated[str, Option("--sort", help="By which column: score (the highest first), path, height ...")] = "score",
    ascending: Annotated[
        bool | None, Option("--ascending/--descending", help="Default: numbers from the highest down, texts from a to z.")
    ] = None,
    limit: Annotated[int, Option(min=0, help="At most so many rows; 0 for all.")] = MOST_SHOWN,
    method: Annotated[str | None, Option("--method", "-m", help="One of those that are stored. Default: the first.")] = None,
    photos: Annotated[str | None, Option(metavar="FOLDER", help="Where the photos lie now, if they have moved.")] = None,
    form: Annotated[
        str | None, Option("--format", help="Of the files in a folder: png (default), npz, json, html, jpg, pdf, svg.")
    ] = None,
    json_: AsJson = False,
    output: Annotated[
        str | None,
        Option("-o", "--output", "--out", help="One page of all (.html), a folder of pictures, or the table (.csv, .json)."),
    ] = None,
) -> None:
    """Why? Rows of a store, without the network: a table, and with -o their maps."""
    rows = open_store(store, photos)
    (once, total) = (rows.each_photo_once(), len(rows))
    stored = once if where is None else rows.where(where)
    (word, left_out) = ("photos" if where is None or once is rows else "rows", total - len(once) if where is None else 0)
    places = stored.order(by, ascending)
    shown = places[: limit or None]
    records = stored.to_arrow().take(shown).to_pylist() if shown else []
    chosen = _Chosen(stored, shown, records, method)
    suffix = "" if output is None else Path(output).suffix.lower()
    names = None
    if suffix in _OF_ALL:
        check_output(Path(output or ""), _OF_ALL)
    elif output is not None and records:
        files = {stored.photo_file(record["path"]): path_below(record["path"]).parent for record in records}
        if suffix and len(records) > 1 and not Path(output).is_dir():
            what = "rows" if len(files) < len(records) else "photos"  # a photo with several edits
            raise OptionError(f"-o {output}: for {len(records)} {what} write {', '.join(_OF_ALL)}, or a folder.")
        names = Names(files, output, seewhy.Explanation.suffixes, form)
    with Report(stored, json_) as report:
        report.record |= {"store": store, "where": where, "rows": len(places), "complete": rows.complete, "photos": records}
        few = f"; these are {len(shown)} of them, sorted by {by}" if len(shown) < len(places) else ""
        part = f"{len(places)} of {total - left_out} {word}"
        unfinished = "" if rows.complete else f"{total} of {rows.wanted} photos; the run has not ended"
        count = f"{part}{'' if where is None else f': {where}'}{few}"
        if left_out:
            report.line(f"Left out: {left_out} rows of photos with something changed (--where 'edit is not null').")
        if not records or output is None:
            if records and not json_:
                _print_table(records)
            report.line(count)
            _tell(report, unfinished)
            if records:
                report.line(f"Their maps: -o {Path(store).name}.html writes one page, -o maps/ a picture of each.")
            return
        if names is not None:
            _save_pictures(stored, chosen, records, names)
            report.line(f"{count} → {output}")
            _tell(report, unfinished)
            return
        report.record["output"] = output
        lead = f"{part} in the store ‘{Path(store).name}’{few}." + f" {unfinished[:1].upper()}{unfinished[1:]}." * bool(
            unfinished
        )
        headings = list(map(_heading, records))
        if suffix == ".html":
            content = page(chosen, where or "All photos", lead, headings).encode()
        else:
            content = _csv(records) if suffix == ".csv" else _json(records)
        write_whole(Path(output), content)
        report.line(f"{count} → {output}")
        _tell(report, unfinished)


def _tell(report: Report, line: str) -> None:
    if line:
        report.line(line)


def _heading(record: Mapping[str, Any]) -> str:
    """Which photo it is, and what the network says: "night/3.png: triangle, called disc (1.00)"."""
    if record["predicted"] is None:
        return str(record["path"])
    called = f"{record['predicted']} ({format_score(record['score'])})"
    return f"{record['path']}: {called}" if record["label"] is None else f"{record['path']}: {record['label']}, called {called}"


@dataclasses.dataclass(frozen=True)
class _Chosen(Sequence[seewhy.Explanation]):
    """The explanations of some rows by one method, each read when it is asked for, with its true class among the notes."""

    store: seewhy.Store
    places: Sequence[int]
    records: Sequence[Mapping[str, Any]]
    method: str | None

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, number: int) -> seewhy.Explanation: ...
    @overload
    def __getitem__(self, number: slice) -> Sequence[seewhy.Explanation]: ...
    def __getitem__(self, number: int | slice) -> seewhy.Explanation | Sequence[seewhy.Explanation]:
        if isinstance(number, slice):
            return dataclasses.replace(self, places=self.places[number], records=self.records[number])
        explanations = self.store.explanations(self.places[number])
        by_name = {e.method: e for e in reversed(explanations)} | dict(zip(self.store.methods, explanations, strict=True))
        if self.method is not None and self.method not in by_name:
            near = did_you_mean(self.method, by_name)
            raise OptionError(f"--method {self.method}: the store has maps by {listed(by_name)}.{near}")
        explanation = explanations[0] if self.method is None else by_name[self.method]
        return _labelled(explanation, self.records[number])


def _labelled(explanation: seewhy.Explanation, record: Mapping[str, Any]) -> seewhy.Explanation:
    if record["label"] is None:
        return explanation
    return dataclasses.replace(explanation, notes=[f"true class: {record['label']}", *explanation.notes])


def _save_pictures(store: seewhy.Store, chosen: _Chosen, records: Sequence[dict[str, Any]], names: Names) -> None:
    """One file for each row, in the store's order, so that each of its parts is read once. Adds "output" to the records."""
    with err.status(f"0 of {len(chosen)} photos") as status:
        in_order = sorted(range(len(chosen)), key=lambda number: chosen.places[number])
        for done, number in enumerate(in_order, start=1):
            record = records[number]
            explanation = chosen[number]
            record["output"] = str(explanation.save(names.of(store.photo_file(record["path"]), explanation.method)))
            status.update(f"{done} of {len(chosen)} photos")


def _print_table(records: Sequence[Mapping[str, Any]]) -> None:
    score = Column("score", justify="right")
    table = Table(Column("photo", no_wrap=True, overflow="fold"), "label", "predicted", score, box=None, pad_edge=False)
    for record in records:
        cells = [record["path"].replace("\n", "\\n"), record["label"] or "", record["predicted"] or ""]
        number = "" if record["score"] is None else _score_text(record["score"])
        table.add_row(*(plain_text(cell) for cell in (*cells, number)), style="bold" if record["wrong"] else None)
    out.print(table)


def _score_text(score: float) -> str:
    """A probability with three decimals, so that a column of them can be read down; any other score with three digits."""
    return f"{score:.3f}" if 0 <= score <= 1 else format_number(score)


def _csv(records: Sequence[Mapping[str, Any]]) -> bytes:
    text = io.StringIO()
    writer = csv.DictWriter(text, list(records[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(records)
    return text.getvalue().encode()


def open_store(place: str, photos: str | None = None) -> seewhy.Store:
    """The store at a place. Raises OptionError for a folder of photos, and names the stores beside it."""
    folder = Path(place)
    if "://" not in place and folder.is_dir() and not seewhy.Store.is_at(place) and photos_below(folder):
        stores = [str(one) for one in sorted(folder.parent.iterdir()) if one.is_dir() and seewhy.Store.is_at(one)]
        beside = f" Stores beside it: {listed(stores)}." if stores else ""
        command = f"seewhy run {quoted(place)} -o STORE"
        raise OptionError(f"'{place}' is a folder of photos, not a store: {command} makes one of them.{beside}")
    return seewhy.Store.open(place, photos)


def _json(records: Sequence[Mapping[str, Any]]) -> bytes:
    return (json.dumps(records, indent=1, ensure_ascii=False) + "\n").encode()


def stores_of(places: Iterable[str], where: str | None = None) -> list[seewhy.Store]:
    """The stores that were named in place of photos; [] where these are photos. where : which of their rows.

    Raises OptionError where both are, and for rows of photos, PhotoError for what is neither: before a network is loaded.
    """
    places = list(places)
    for place in places:
        _refuse_missing(place)
    stores = [place for place in places if seewhy.Store.is_at(place)]
    if stores and len(stores) < len(places):
        other = next(place for place in places if place not in stores)
        raise OptionError(f"'{stores[0]}' is a store and '{other}' is none: name stores alone, or photos alone.")
    if where is not None and not stores:
        raise OptionError(f"--where {quoted(where)}: rows are chosen of a store; these are photos.")
    opened = [seewhy.Store.open(place) for place in stores]
    return opened if where is None else [store.where(where) for store in opened]


def _refuse_missing(place: str) -> None:
    """Raises PhotoError where nothing lies at a place that is called like no photo: one photo that is missing is skipped later,
    and all others are done."""
    path = Path(place)
    if "://" in place or path.exists() or glob.has_magic(place) or path.suffix.lower() in PHOTO_SUFFIXES:
        return
    beside = [one.name for one in path.parent.iterdir()] if path.parent.is_dir() else []
    raise PhotoError(f"There is no photo, folder or store '{place}'.{did_you_mean(path.name, beside)}")


def refuse_several(stores: Sequence[seewhy.Store]) -> Sequence[seewhy.Store]:
    """Raises OptionError for more than one."""
    if len(stores) > 1:
        raise OptionError(f"{len(stores)} stores: name one. seewhy compare takes several.")
    return stores


def refuse_for_stores(options: ModelOptions, flags: Mapping[str, Any]) -> None:
    """Raises OptionError for what says how photos are run: in a store they have been. flags : name -> value or None."""
    default = type(options)()
    changed = {name: value for name, value in vars(options).items() if value != getattr(default, name)}
    given = [name for name, value in (changed | dict(flags)).items() if value is not None]
    if given:
        raise OptionError(f"--{given[0].replace('_', '-')}: a store is read without the network, as it was made: leave it out.")
