"""A store as one page and its numbers: written together, the page within its bytes however many photos there are."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from seewhy.errors import RecordError
from seewhy.features.scatter import COLOURS, OTHER, SHAPES
from seewhy.files import json_bytes, write_whole
from seewhy.formatting import format_number, format_score, format_share, shortened
from seewhy.show.html import environment, gradient, joined_script, source_hash
from seewhy.show.overlay import seen_colours
from seewhy.store.manifest import Manifest, UnreadPhoto
from seewhy.store.report import pictures
from seewhy.store.report.heading import about, method_in_words, photos_in_words, title_of
from seewhy.store.report.hints import Hint, hints
from seewhy.store.report.plane import Plane, plane
from seewhy.store.report.record import by_concentration, record
from seewhy.store.report.regions import IN_WORDS
from seewhy.store.report.tally import Cell, Examples, Tally, Where, count, examples

if TYPE_CHECKING:
    import pyarrow.dataset

MOST_BYTES = 10_000_000
MOST_SHOWN = 900  # photos with their maps, before their bytes are known
MOST_HINTS = 3  # on the first screen
MOST_MISSING = 6  # classes without a photo, by name
MOST_FIRST = 6  # mean maps on the first screen
MOST_CLASSES = 24  # with a section of their own
MOST_DRAWN = 14  # classes of the matrix
MOST_LEVEL = 4  # names over the columns of the matrix that are not turned
MOST_LISTED = 200  # rows of a table
MOST_NOTES = 20
LONGEST_NAME = 60  # letters of a class
LONGEST_TITLE = 200
NO_BREAK = "\u00a0"
_PLANE_BYTES = 3_000_000
_HERE = Path(__file__).parent


@dataclass(frozen=True, eq=False)
class ReportedRows:
    """What a report is made of. condition : in words, where the rows are a part of the store. chosen : that part is a person's
    choice."""

    rows: pyarrow.dataset.Dataset
    manifest: Manifest
    methods: list[str]
    unread: list[UnreadPhoto]
    complete: bool
    condition: str | None = None
    chosen: bool = False


def write(source: ReportedRows, path: Path, title: str | None = None) -> Path:
    """The page at ``path`` (.html), and beside it the same numbers (.json); returns the page's path. title : None: made of the
    number of photos and the network's name.

    Raises RecordError for another suffix, or a place that cannot be written; StoreError for a broken shard.
    """
    if path.suffix.lower() not in (".html", ".htm"):
        raise RecordError(f"'{path.name}' cannot be written: a report is one .html file, and beside it the same name with .json.")
    (text, numbers) = page(source, title)
    write_whole(path.with_suffix(".json"), json_bytes(numbers))
    return write_whole(path, text.encode())


def page(source: ReportedRows, title: str | None = None) -> tuple[str, dict[str, Any]]:
    """The page as text, at most ``MOST_BYTES`` long in UTF-8, and the numbers that it shows."""
    tally = count(source.rows, source.methods)
    found_hints = hints(tally)
    hinted = [hint.index for hint in found_hints]
    order = hinted + [index for index in by_concentration(tally) if index not in hinted]
    drawn = drawn_classes(tally)
    found = examples(source.rows, tally, drawn, order[:MOST_CLASSES])
    numbers = record(tally, found, source.manifest, source.unread, source.complete, source.condition, found_hints, source.chosen)
    numbers = {"title": title or title_of(tally.photos, numbers["model"]["name"])} | numbers
    placed = plane(tally.sampled)
    sampled = pictures.sampled(source.rows, [number for number, _ in tally.sampled])
    wanted = priority(tally, found)[:MOST_SHOWN]
    cards = {card.number: card for card in pictures.cards(source.rows, wanted)}
    context = _context(source, tally, numbers, order, drawn, sampled)
    context["hints"] = [
        _hint(hint, tally, sampled, cards.get(next(iter(found.typical.get(hint.index, [])), -1)), context["names"])
        for hint in found_hints[:MOST_HINTS]
    ]
    shown = [number for number in wanted if number in cards]
    thumbs = True
    while True:
        data = _data(found, tally, [cards[number] for number in shown], placed, sampled, source.manifest, thumbs)
        text = _rendered(context | {"shown": len(shown)}, data)
        excess = len(text.encode()) - MOST_BYTES
        if excess <= 0 or not (shown or thumbs):
            return text, numbers
        if not shown:
            thumbs = False
        while shown and excess > 0:  # the least important ones go
            excess -= cards[shown.pop()].size


def drawn_classes(tally: Tally) -> list[int]:
    """The classes of the matrix, in index order: all that take part, of very many those of the largest confusions."""
    part = sorted({index for cell in tally.cells for index in cell})
    if len(part) <= MOST_DRAWN:
        return part
    chosen: set[int] = set()
    for cell, _ in _confusions(tally):
        if len(chosen | set(cell)) > MOST_DRAWN:
            break
        chosen |= set(cell)
    supports: Counter[int] = Counter()
    for (true, _), number in tally.cells.items():
        supports[true] += number
    return sorted(chosen or [index for index, _ in supports.most_common(MOST_DRAWN)])


def _confusions(tally: Tally) -> list[tuple[Cell, int]]:
    """The wrong cells, the largest first."""
    wrong = [(cell, number) for cell, number in tally.cells.items() if cell[0] != cell[1]]
    return sorted(wrong, key=lambda entry: (-entry[1], entry[0]))


def priority(tally: Tally, found: Examples) -> list[int]:
    """Photos in the order in which they get room: the surest mistakes, what is typical and odd, then the cells of the matrix in
    turn, wrong ones before right ones."""
    sizes = tally.cells
    cells = sorted(found.cells, key=lambda cell: (cell[0] == cell[1], -sizes[cell], cell))
    by_rank = itertools.zip_longest(*(found.cells[cell] for cell in cells))
    alike = itertools.zip_longest(
        *(lists[index] for index in found.typical for lists in (found.typical, found.odd)), *found.taken.values()
    )
    queue = [
        tally.mistakes[:24],
        (tally.unsure if not tally.labelled else [])[:24],
        *alike,
        *itertools.islice(by_rank, 0, None),
        tally.mistakes,
        tally.unsure if not tally.labelled else [],
    ]
    return list(dict.fromkeys(number for part in queue for number in part if number is not None))


def _data(
    found: Examples,
    tally: Tally,
    cards: Sequence[pictures.Card],
    placed: Plane | None,
    sampled: pictures.Sampled,
    manifest: Manifest,
    thumbs: bool,
) -> dict[str, Any]:
    """The data of the page's script."""
    here = {card.number for card in cards}

    def shown(numbers: Iterable[int]) -> list[int]:
        return [number for number in numbers if number in here]

    lists = {"mistakes": shown(tally.mistakes), "unsure": shown(tally.unsure)}
    for index in found.typical:
        (lists[f"typical-{index}"], lists[f"odd-{index}"]) = (shown(found.typical[index]), shown(found.odd[index]))
    lists |= {f"taken-{index}": shown(numbers) for index, numbers in found.taken.items()}
    return {
        "photos": {str(card.number): card.record for card in cards},
        "lists": lists,
        "cells": {f"{true},{predicted}": shown(numbers) for (true, predicted), numbers in found.cells.items()},
        "overlaps": {str(number): _percent(share) for number, share in found.overlaps.items()},
        "plane": None if placed is None else _plane(placed, sampled, manifest.model["classes"], thumbs),
    }


def _plane(placed: Plane, sampled: pictures.Sampled, classes: Sequence[str], thumbs: bool) -> dict[str, Any]:
    """Points with their class by colour and shape: the true one, where it is not known the predicted one."""
    records = [sampled.records[number] for number in placed.numbers]
    groups = [row["label"] or row["predicted"] or "" for row in records]
    frequent = sorted(dict.fromkeys(groups), key=lambda name: (-groups.count(name), name))[: len(COLOURS)]
    frequent.sort(key=list(classes).index if set(frequent) <= set(classes) else str)
    bytes_each = sum(len(row["thumb"]) for row in records) / len(records)
    every = max(1, int(np.ceil(bytes_each * len(records) / _PLANE_BYTES)))
    return {
        "groups": [
            {"name": shortened(name, LONGEST_NAME), "colour": COLOURS[i], "shape": _path(SHAPES[i]), "count": groups.count(name)}
            for i, name in enumerate(frequent)
        ]
        + [{"name": "other classes", "colour": OTHER, "shape": _path(SHAPES[0]), "count": 0}]
        * (len(set(groups)) > len(frequent)),
        "points": [
            [
                number,
                round(1000 * float(x)),
                round(1000 * float(y)),
                frequent.index(group) if group in frequent else len(frequent),
                int(bool(row["wrong"])),
                row["path"],
                _verdict(row),
                row["thumb"] if thumbs and place % every == 0 else "",
                row["aspect"],
            ]
            for place, (number, (x, y), group, row) in enumerate(zip(placed.numbers, placed.points, groups, records, strict=True))
        ],
    }


def _path(corners: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{x:.2f},{-y:.2f}" for x, y in corners) + "Z"


def _verdict(row: dict[str, Any]) -> str:
    score = "" if row["score"] is None else f" ({format_score(row['score'])})"
    if row["label"] is None or not row["wrong"]:
        return f"{row['predicted']}{score}"
    return f"{row['label']}, called {row['predicted']}{score}"


def _rendered(context: dict[str, Any], data: dict[str, Any]) -> str:
    script = joined_script(_HERE / "templates" / "report.js")
    policy = (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src {source_hash(script)}; "
        "base-uri 'none'; form-action 'none'"
    )
    template = environment(_HERE / "templates").get_template("report.html")
    return template.render(**context, data=data, script=script, policy=policy)


def _context(
    source: ReportedRows,
    tally: Tally,
    numbers: dict[str, Any],
    order: Sequence[int],
    drawn: Sequence[int],
    sampled: pictures.Sampled,
) -> dict[str, Any]:
    """What the template needs beside the photos; every number of it is in ``numbers``, too."""
    names = [shortened(name.replace("\n", " "), LONGEST_NAME) for name in source.manifest.model["classes"]]
    by_index = {one["index"]: one for one in numbers["classes"]}
    table = sorted(numbers["classes"], key=lambda one: (one["recall"] is None, one["recall"] or 0, -one["called"]))
    return {
        "title": shortened(numbers["title"], LONGEST_TITLE),
        "about": about(source.manifest, numbers["model"]["name"], source.methods, numbers["taken"], numbers["layers"]),
        "numbers": numbers,
        "missing": _missing(numbers["unfinished"], names),
        "names": names,
        "methods": [method_in_words(asked, taken) for asked, taken in zip(source.methods, numbers["taken"], strict=False)],
        "confusions": [
            {
                "cell": f"{true},{predicted}",
                "true": names[true],
                "called": names[predicted],
                "count": number,
                "of": by_index[true]["labelled"],
                "share": number / by_index[true]["labelled"],
                "opens": {true, predicted} <= set(drawn),
            }
            for (true, predicted), number in _confusions(tally)[:5]
        ],
        "wrong_cells": len(_confusions(tally)),
        "first": [_looks(tally, index, sampled) for index in order[:MOST_FIRST]],
        "sections": [
            by_index[index] | {"shown": names[index], "looks": _looks(tally, index, sampled), "few": tally.where[0][1][index].few}
            for index in order[:MOST_CLASSES]
        ],
        "with_map": len(order),
        "few": all(where.few for where in _wheres(tally)),
        "chosen_by": _chosen_by(tally),
        "bars": [_bar(_high(tally, method)) for method in range(len(tally.where))],
        "matrix": _matrix(tally, drawn, names),
        "table": [one | {"shown": names[one["index"]]} for one in table[:MOST_LISTED]],
        "facts": _facts(numbers),
        "unread": numbers["unread"][:MOST_LISTED],
        "notes": numbers["notes"][:MOST_NOTES],
        "regions": IN_WORDS,
        "percent": _percent,
        "in_words": photos_in_words,
        "whole": _whole,
        "format_number": format_number,
        "shortened": shortened,
    }


def _missing(unfinished: dict[str, Any] | None, names: Sequence[str]) -> str:
    """Which classes have no photo yet, in words; empty where none is missing, or where it is not known."""
    missing = (unfinished or {}).get("classes_without_photo") or []
    if len(missing) > MOST_MISSING:
        return f"{len(missing):,} of the network's {len(names):,} classes have no photo yet."
    shown = [shortened(name, LONGEST_NAME) for name in missing]
    joined = " or ".join(filter(None, (", ".join(shown[:-1]), *shown[-1:])))
    return f"No photo of {joined} yet." if missing else ""


def _hint(
    hint: Hint, tally: Tally, sampled: pictures.Sampled, typical: pictures.Card | None, names: Sequence[str]
) -> dict[str, Any]:
    """A class to look at first, beside one of its photos with a frame around the place."""
    ground = sampled.means.get(hint.index)
    mean = None if ground is None else pictures.ground_picture(ground, tally.aspects[hint.index] / tally.called[hint.index])
    return {
        "index": hint.index,
        "name": names[hint.index],
        "share": hint.share,
        "region": hint.region,
        "place": "on the border" if hint.region == "border" else f"in the {hint.region}",
        "times": hint.times,
        "photo": typical.record["photo"] if typical is not None else mean,
    }


def _high(tally: Tally, method: int) -> float:
    """The end of the common colour scale. A class of few photos has its evidence at one place by chance: it is left out."""
    means = _wheres(tally, method)
    return pictures.scale_of(one.mean for one in [one for one in means if not one.few] or means)


def _wheres(tally: Tally, method: int = 0) -> list[Where]:
    """Of the classes that have a mean map."""
    return [one for one in tally.where[method][1].values() if one.photos] if tally.where else []


def _chosen_by(tally: Tally) -> str:
    """Which classes come first, in words."""
    first = "those whose evidence lies most at one place"
    few = {where.few for where in _wheres(tally)}
    if few == {False} or not tally.labelled:
        return first
    return (
        "those with the most mistakes"
        if few == {True}
        else f"{first}, then of those of few photos the ones with the most mistakes"
    )


def _looks(tally: Tally, index: int, sampled: pictures.Sampled) -> dict[str, Any]:
    """A class's mean maps, one for each method that has one; each on the scale that all classes share, and on its own."""
    aspect = tally.aspects[index] / tally.called[index]
    ground = sampled.means.get(index)
    return {
        "index": index,
        "photo": None if ground is None else pictures.ground_picture(ground, aspect),
        "maps": [
            {
                "method": number,
                "picture": pictures.mean_picture(where[index].mean, _high(tally, number), aspect, ground),
                "own": pictures.mean_picture(where[index].mean, pictures.scale_of([where[index].mean]), aspect, ground),
                "own_high": format_number(pictures.scale_of([where[index].mean])),
                "photos": where[index].photos,
                "few": where[index].few,
                "empty": where[index].empty,
                "regions": where[index].regions(),
                "densest": where[index].densest(),
            }
            for number, (_, where) in enumerate(tally.where)
            if index in where and where[index].photos
        ],
    }


def _bar(high: float) -> dict[str, Any]:
    return {"colours": gradient(seen_colours()), "marks": ["0", format_number(high / 2), f"{format_number(high)} ×"]}


def _matrix(tally: Tally, drawn: Sequence[int], names: Sequence[str]) -> dict[str, Any] | None:
    """The counts of the drawn classes; all others together in a last row and column."""
    if not tally.cells:
        return None
    others = len({index for cell in tally.cells for index in cell} - set(drawn))
    places = {index: place for place, index in enumerate(drawn)}
    side = len(drawn) + bool(others)
    counts = np.zeros((side, side), np.int64)
    for (true, predicted), number in tally.cells.items():
        counts[places.get(true, side - 1), places.get(predicted, side - 1)] += number
    sums = counts.sum(axis=1)
    # A class without a photo has no row, one that nothing is taken for no column.
    (rows, columns) = (np.flatnonzero(sums).tolist(), np.flatnonzero(counts.sum(axis=0)).tolist())
    cells = [
        [
            {
                "count": int(counts[row, column]),
                "share": int(counts[row, column]) / int(sums[row]),
                "right": row == column and row < len(drawn),
                "mixed": row == column == len(drawn),
                "cell": f"{drawn[row]},{drawn[column]}" if max(row, column) < len(drawn) else "",
                "true": names[drawn[row]] if row < len(drawn) else "other classes",
                "called": names[drawn[column]] if column < len(drawn) else "other classes",
            }
            for column in columns
        ]
        for row in rows
    ]
    heads = [*(names[index] for index in drawn), *([f"{others} others"] if others else [])]
    over = [heads[column] for column in columns]
    return {
        "heads": over,
        "turned": len(over) > MOST_LEVEL,
        "rows": [(heads[row], int(sums[row]), found) for row, found in zip(rows, cells, strict=True)],
        "classes": len(drawn),
        "others": others,
    }


def _facts(numbers: dict[str, Any]) -> list[tuple[str, str]]:
    settings = dict(numbers["settings"])
    methods = "; ".join(
        " ".join([one["name"], *(f"{name}={_word(value)}" for name, value in one.items() if name != "name")])
        for one in settings.pop("methods")
    )
    facts = {
        **{name: value for name, value in numbers["model"].items() if name != "name"},
        "methods": methods,
        "layers": ", ".join(numbers["layers"]),
        **{name.replace("_", " "): value for name, value in settings.items()},
        "hash of the photos' paths": numbers["hashes"]["paths"],
        "hash of the labels": numbers["hashes"]["labels"],
        **{name: ", ".join(found) for name, found in numbers["versions"].items()},
    }
    return [(name, shortened(_word(value), 300)) for name, value in facts.items() if value not in (None, "")]


def _percent(share: float) -> str:
    """A share in percent, whose sign does not stand on a line of its own."""
    return format_share(share).replace(" ", NO_BREAK)


def _whole(share: float) -> str:
    """A share in whole percent; below a half of one that it is small is enough."""
    return f"<{NO_BREAK}1{NO_BREAK}%" if 0 < share < 0.005 else f"{100 * share:.0f}{NO_BREAK}%"


def _word(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
