"""What several networks, or several methods, say of the same photos; drawn, written and summed up."""

from __future__ import annotations

import csv
import io
import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from seewhy.compare.change import BOTH_WRONG, GAINED, LOST, Change
from seewhy.compare.change_page import change_page
from seewhy.compare.drawing import comparison_panels, comparison_provenance, comparison_rows
from seewhy.compare.likeness import Row, is_empty, mismatched_correlations
from seewhy.compare.notes import notes_of_maps
from seewhy.compare.stored_rows import StoredRows
from seewhy.errors import OptionError, setting
from seewhy.files import json_bytes, save_as
from seewhy.formatting import as_sentences, format_correlation, format_share
from seewhy.geometry import Array
from seewhy.methods.auto import ChoiceNote
from seewhy.records import Note, Prediction
from seewhy.show import Panel, Section, gallery, layout
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ON_A_PAGE = 100  # photos; those on which the maps differ most


class Omission(Note):
    """A note on photos that are not in the comparison."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """N photos, each explained in C ways.

    columns : C names, of networks or of methods. of : "networks" or "methods". explanations : N rows of C; None where a network
    does not have the class. predictions : N rows of C, the first choices, also where the class is not known. correlations :
    float32 ``(N, C, C)``, rank correlation of the maps on the photo (Spearman), NaN where there is no map, or an empty one, the
    same everywhere. targets : what is explained of each photo, "cow" or "cow, not bear". names : of the photos; of a file its
    path, as it was given. skipped : (photo, reason). notes : what a person should know. unreached : photos that Ctrl-C left out.
    chosen : the numbers of the columns that "auto" was asked for and nobody has named: each photo's panel says what it took.
    change : of stores: what was right, and which photos changed; their ``explanations`` lie on thumbnails and are read when they
    are asked for.
    """

    columns: list[str]
    of: str
    explanations: Sequence[Row]
    predictions: list[list[Prediction]]
    correlations: Array
    targets: list[str]
    names: list[str]
    skipped: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unreached: int = 0
    chosen: list[int] = field(default_factory=list)
    change: Change | None = None

    suffixes: ClassVar = (*PICTURE_SUFFIXES, ".html", ".csv", ".json")  # that :meth:`save` can write

    def __len__(self) -> int:
        return len(self.explanations)

    @property
    def partial(self) -> bool:
        """True when it was interrupted and holds the photos that were reached."""
        return self.unreached > 0

    @cached_property
    def empty(self) -> npt.NDArray[np.bool_]:
        """``(N, C)``: which maps are the same everywhere: they have no rank correlation, and no mean counts them."""
        return np.array([[e is not None and is_empty(e) for e in row] for row in self.explanations])

    @property
    def agreement(self) -> Array:
        """``(C, C)``: the mean rank correlation of two columns' maps over the photos, from -1 to 1; NaN where there is none."""
        known = np.isfinite(self.correlations)
        sums = np.where(known, self.correlations, 0).sum(axis=0)
        counts = known.sum(axis=0)
        mean: Array = np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
        return mean

    @property
    def same_prediction(self) -> Array:
        """``(C, C)``: the share of the photos on which two columns' first choices have the same name."""
        names = np.array([[prediction.name for prediction in row] for row in self.predictions], dtype=object)
        shares: Array = (names[:, :, None] == names[:, None, :]).mean(axis=0).astype(np.float32)
        return shares

    @cached_property
    def mismatched(self) -> Array:
        """``(C, C)``: the mean rank correlation of two columns' maps of *different* photos; NaN with a single photo.

        Objects stand in the middle, so that any two maps have something in common: what :attr:`agreement` has to exceed.
        """
        return mismatched_correlations(self.explanations)

    def order(self) -> list[int]:
        """The photos' numbers, those whose maps are least alike first; at the end those without two maps to compare. Of stores
        those that were right and are wrong stand before all others, behind them those that were wrong and are right, and those
        that both are wrong on, the surest first."""

        def key(number: int) -> tuple[float, ...]:
            likeness = self.likeness(number)
            rank = 0 if self.change is None else self.change.rank(number)
            doubt = -self.change.sureness(number) if self.change is not None and self.change.kind(number) == BOTH_WRONG else 0.0
            return (rank, doubt, np.isnan(likeness), likeness, number)

        return sorted(range(len(self)), key=key)

    def likeness(self, number: int) -> float:
        """The mean correlation of a photo's maps with each other; NaN where no two of them have one."""
        pairs = self.correlations[number][np.triu_indices(len(self.columns), 1)]
        pairs = pairs[np.isfinite(pairs)]
        return float(pairs.mean()) if pairs.size else float("nan")

    def notes_of(self, number: int) -> list[Note]:
        """What is known of one photo's maps: how far a budget came, the error that is left, why a map is empty."""
        return notes_of_maps(self.columns, self.explanations[number])

    @property
    def sentence(self) -> str:
        """The result, for people: of stores first what changed."""
        change = "" if self.change is None else self.change.sentence
        return " ".join(filter(None, (change, self.likeness_sentence)))

    @property
    def likeness_sentence(self) -> str:
        """How often they give the same answer, and how alike their maps are."""
        (photos, total) = (len(self), len(self) + len(self.skipped) + self.unreached)
        count = f"{photos} of {total}" if photos < total else f"{photos}"
        opening = f"On {count} photo{'s' * (total != 1)}: " if total > 1 else ""
        pairs = [self._pair_text(a, b) for a in range(len(self.columns)) for b in range(a + 1, len(self.columns))]
        known = np.isfinite(self.agreement[np.triu_indices(len(self.columns), 1)]).any()
        legend = " (1: the same order of places, 0: nothing in common, −1: the opposite order)" if known else ""
        return " ".join(filter(None, (f"{opening}{'; '.join(pairs)}{legend}.", self._empty_text())))

    def _empty_text(self) -> str:
        """A sentence on the columns that have empty maps; "" where none has."""
        several = len(self) > 1
        texts = [
            f"{column} has one" + f" on {count} of {len(self)} photos" * several
            for column, count in zip(self.columns, self.empty.sum(axis=0), strict=True)
            if count
        ]
        return f"An empty map (the same everywhere) has no rank correlation: {', '.join(texts)}." if texts else ""

    def _pair_text(self, a: int, b: int) -> str:
        """Two columns: their answers, where they are networks, and their maps."""
        answer = ""
        if self.of == "networks":
            share = float(self.same_prediction[a, b])
            answer = f"give the same answer on {format_share(share)} of them, and "
            if len(self) == 1:
                answer = f"give {'the same answer' if share else 'different answers'}, and "
        both = any(row[a] is not None and row[b] is not None for row in self.explanations)
        maps = "have no two maps to compare" if both else "have no map of the same class"
        if np.isfinite(self.agreement[a, b]):
            maps = f"have maps with a rank correlation of {format_correlation(float(self.agreement[a, b]))}"
            if np.isfinite(self.mismatched[a, b]):
                maps += f" (maps of different photos: {format_correlation(float(self.mismatched[a, b]))})"
        return f"{self.columns[a]} and {self.columns[b]} {answer}{maps}"

    def table(self) -> list[list[str]]:
        """Rows of text, the first one the heads: photo, class, predictions, the likeness of the maps, and notes where there are.

        Each network has a column with its prediction; methods of one network share one.
        """
        heads = self.columns if self.of == "networks" else ["prediction"]
        notes = [" ".join(self._note_lines(number)) for number in range(len(self))]
        rows = []
        for number, (name, target) in enumerate(zip(self.names, self.targets, strict=True)):
            texts = [
                f"{prediction}{', class unknown' * (e is None)}"
                for prediction, e in zip(self.predictions[number], self.explanations[number], strict=True)
            ]
            likeness = format_correlation(self.likeness(number))
            change = [] if self.change is None else [self.change.labels[number] or "", self.change.text(number)]
            rows.append([name, target, *texts[: len(heads)], likeness, *change, *[notes[number]] * any(notes)])
        changes = [] if self.change is None else ["label", "answer"]
        return [["photo", "explained", *heads, self._likeness_head, *changes, *["notes"] * any(notes)], *rows]

    @property
    def _likeness_head(self) -> str:
        return "likeness of the maps" + " (mean over pairs)" * (len(self.columns) > 2)

    def panels(self, number: int = 0) -> list[Panel]:
        """The photo, then one map per column on a common scale where their units allow it, then where two of them differ."""
        if not 0 <= number < len(self):
            raise OptionError(f"{setting('number', number)}: there are {len(self)} photos, the first is 0.")
        return comparison_panels(self.columns, self.of, self._drawn(number), self.correlations[number], self.chosen)

    def _drawn(self, number: int) -> Row:
        """The explanations of one photo on the photo itself, not on a thumbnail."""
        return self.explanations.drawn(number) if isinstance(self.explanations, StoredRows) else self.explanations[number]

    def plot(self, number: int = 0) -> Figure:
        """The panels of one photo, with the notes of its maps, and how they were made, at the end."""
        return self._figure(number)

    def _figure(self, number: int, *remarks: str) -> Figure:
        title = f"{Path(self.names[number]).name}: {self.targets[number]}"
        chosen = [f"{note}." for note in self.notes if isinstance(note, ChoiceNote)]
        remarks_as_lines = [as_sentences([remark]) for remark in remarks if remark]
        footer = "\n".join([*self._note_lines(number), *chosen, *remarks_as_lines, comparison_provenance(self._drawn(number))])
        return layout.compose(comparison_rows(self.panels(number)), title=title, footer=footer)

    def _note_lines(self, number: int) -> list[str]:
        """The notes of one photo, each with its full stop; no capital, for it may begin with a column's name."""
        return [note if note.endswith(".") else f"{note}." for note in self.notes_of(number)]

    def shown_in(self, path: str | os.PathLike[str]) -> str:
        """Which of the photos a file shows, by its suffix; empty where it shows all."""
        if len(self) == 1 or Path(path).suffix.lower() not in PICTURE_SUFFIXES:
            return ""
        if self.change is not None and self.change.kind(self.order()[0]) in (LOST, GAINED):
            return f"the first of {len(self)} photos, {self.change.text(self.order()[0])}; .html holds all"
        return f"the 1 of {len(self)} photos whose maps are least alike; .html holds all"

    def record(self) -> dict[str, Any]:
        """The result as plain JSON values, without the maps."""
        return {
            "columns": self.columns,
            "of": self.of,
            "sentence": self.sentence,
            "agreement": _plain(self.agreement),
            "mismatched": _plain(self.mismatched),
            "same_prediction": _plain(self.same_prediction),
            "partial": self.partial,
            **({} if self.change is None else {"change": self.change.record()}),
            "photos": [
                {
                    "photo": name,
                    "target": target,
                    "predictions": [vars(prediction) for prediction in row],
                    "correlations": _plain(matrix),
                    "partial": [None if e is None else e.partial for e in explanations],
                    "empty": [None if e is None else is_empty(e) for e in explanations],
                    "notes": [str(note) for note in notes_of_maps(self.columns, explanations)],
                }
                for name, target, row, matrix, explanations in zip(
                    self.names, self.targets, self.predictions, self.correlations, self.explanations, strict=True
                )
            ],
            "notes": [str(note) for note in self.notes],
            "skipped": [{"photo": name, "reason": reason} for name, reason in self.skipped],
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write one page of all photos (.html), the table (.csv, .json), or the picture of the photo whose maps differ most."""
        writers = {
            **picture_writers(lambda: self._figure(self.order()[0], self.shown_in(path), self._empty_text())),
            ".html": lambda: self.page().encode(),
            ".csv": self._csv,
            ".json": lambda: json_bytes(self.record()),
        }
        return save_as(path, writers)

    def page(self) -> str:
        """One HTML page: the photos on which the maps differ most come first; of stores those that changed."""
        if self.change is not None:
            return change_page(self, self.change)
        order = self.order()
        lead = [
            self.sentence,
            "The photos whose maps are least alike come first.",
            *(as_sentences([note]) for note in self.notes),
        ]
        if (left_out := len(self) - MOST_ON_A_PAGE) > 0:
            lead.append(f"{left_out} more photos, whose maps are more alike, are in the table at the end.")
        (heads, *rows) = self.table()
        overview = Section("All photos", "", table=[heads, *(rows[number] for number in order)])
        # One after the other, so that pictures of one photo are in memory.
        sections = itertools.chain(map(self.section, order[:MOST_ON_A_PAGE]), [overview])
        return gallery(f"Comparison of {', '.join(self.columns)}", sections, "\n\n".join(map(str, lead)))

    def section(self, number: int) -> Section:
        """One photo on the page."""
        texts = [
            f"{self._likeness_head.capitalize()}: {format_correlation(self.likeness(number))}.",
            *self._note_lines(number),
            comparison_provenance(self._drawn(number)),
        ]
        return Section(f"{self.names[number]}: {self.targets[number]}", "\n\n".join(texts), self.panels(number))

    def _csv(self) -> bytes:
        text = io.StringIO()
        rows = self.table() if self.change is None else self._change_rows(self.change)
        csv.writer(text, lineterminator="\n").writerows(rows)
        return text.getvalue().encode()

    def _change_rows(self, change: Change) -> list[list[Any]]:
        """The table of stores, a value in each cell, in the order of the page."""
        (names, numbers) = (self.columns, self.order())
        heads = ["photo", "label", *(part for name in names for part in (name, f"{name}_score"))]
        heads += [*(f"{name}_right" for name in names), "change", "explained", "likeness", "notes"]
        rows: list[list[Any]] = [heads]
        for number in numbers:
            answers = [part for p in self.predictions[number] for part in (p.name, f"{p.score:.6g}")]
            right = ["" if one is None else one for one in change.right[number]]
            likeness = self.likeness(number)
            cells = [change.kind(number), self.targets[number], f"{likeness:.4f}" if np.isfinite(likeness) else ""]
            notes = " ".join(self._note_lines(number))
            rows.append([self.names[number], change.labels[number] or "", *answers, *right, *cells, notes])
        return rows

    def __repr__(self) -> str:
        return f"<Comparison of {len(self.columns)} {self.of}: {self.sentence}>"


def _plain(matrix: Array) -> list[list[float | None]]:
    """A matrix for JSON, which knows no NaN."""
    return [[float(value) if np.isfinite(value) else None for value in row] for row in matrix]


def checked_columns(names: Sequence[str]) -> list[str]:
    """Names that differ: equal ones get a number."""
    columns: list[str] = []
    for name in names:
        number = sum(1 for other in names[: len(columns)] if other == name) + 1
        columns.append(f"{name} ({number})" if names.count(name) > 1 else name)
    return columns
