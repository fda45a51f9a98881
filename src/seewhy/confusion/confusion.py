"""Which classes are taken for which: true classes beside predicted ones, counted."""

from __future__ import annotations

import csv
import io
import math
import os
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, listed, setting, whole_number
from seewhy.explanation import Explanation
from seewhy.files import json_bytes, save_as
from seewhy.formatting import format_share, shortened
from seewhy.geometry import Array
from seewhy.records import Note
from seewhy.show.colour import min_max
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers, render
from seewhy.show.html import notebook_table
from seewhy.show.matrix import matrix_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

NORMALISATIONS = ("true", "predicted", "all")
MOST_DRAWN = 25  # classes in a picture
MOST_LISTED = 25  # classes in a table
_WORST = 10  # confusions below a table
_HEAD = ("class", "photos", "right", "recall", "precision", "F1")

Counts = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Cell:
    """Photos of one class that were taken for another. count : of them. support : of all photos of the true class."""

    true: str
    predicted: str
    true_index: int
    predicted_index: int
    count: int
    support: int

    @property
    def share(self) -> float:
        """Of the true class's photos, in [0, 1]."""
        return self.count / self.support

    def __str__(self) -> str:
        return f"{self.true} taken for {self.predicted}: {self.count:,} of {self.support:,} ({format_share(self.share)})"


@dataclass(frozen=True)
class ClassResult:
    """How one class fares.

    support : photos of it. predicted : photos that were taken for it. right : both.
    recall : right / support. precision : right / predicted. f1 : their harmonic mean, 2 right / (support + predicted). In [0, 1],
    NaN where there is nothing to divide by.
    """

    name: str
    index: int
    support: int
    predicted: int
    right: int
    recall: float
    precision: float
    f1: float


@dataclass(frozen=True, eq=False, repr=False)
class Confusion:
    """How often each class was taken for each other one.

    matrix : int64 ``(K, K)``, true classes as rows, predicted ones as columns. class_names : of the K classes.
    true, predicted : the classes' indices, photo by photo, as they were given; None where a label or a prediction is not known:
    these photos are left out of everything that is counted. places : of these photos in what was given; None where all of it is
    there.
    """

    matrix: Counts
    class_names: ClassNames
    true: list[int | None]
    predicted: list[int | None]
    places: list[int] | None = None

    suffixes: ClassVar[tuple[str, ...]] = (*PICTURE_SUFFIXES, ".csv", ".json")  # that :meth:`save` can write

    @property
    def classes(self) -> list[str]:
        """The class names in index order."""
        return list(self.class_names.names)

    @property
    def photos(self) -> int:
        """How many photos are counted."""
        return int(self.matrix.sum())

    @property
    def right(self) -> int:
        """How many of them were taken for what they are."""
        return int(np.trace(self.matrix))

    @property
    def accuracy(self) -> float:
        """The share of the counted photos that were taken for what they are, in [0, 1]."""
        return self.right / self.photos

    @property
    def unlabelled(self) -> int:
        """How many photos are left out because their label is not known."""
        return sum(label is None for label in self.true)

    @property
    def unpredicted(self) -> int:
        """How many photos with a label are left out because nothing was predicted for them."""
        return sum(label is not None and choice is None for label, choice in zip(self.true, self.predicted, strict=True))

    def normalised(self, by: str = "true") -> Array:
        """The matrix as shares, float32 ``(K, K)``.

        by : "true" (rows sum to 1: of the photos of a class, how many were taken for what), "predicted" (columns sum to 1: of the
            photos that were taken for a class, how many are what) or "all" (everything sums to 1).

        Rows of classes without photos, and columns of classes that were never predicted, are NaN. Raises OptionError for another
        word.
        """
        check_normalise(by)
        return _shares(self.matrix, by).astype(np.float32)

    def per_class(self) -> list[ClassResult]:
        """One result per class, in index order."""
        (supports, predictions, rights) = (self.matrix.sum(axis=1), self.matrix.sum(axis=0), np.diag(self.matrix))
        results = []
        for index, name in enumerate(self.class_names.names):
            (support, predicted, right) = (int(supports[index]), int(predictions[index]), int(rights[index]))
            recall, precision = _ratio(right, support), _ratio(right, predicted)
            f1 = _ratio(2 * right, support + predicted)
            results.append(ClassResult(name, index, support, predicted, right, recall, precision, f1))
        return results

    def cell(self, true: str | int, predicted: str | int) -> list[int]:
        """The places, in what was given, of the photos of class ``true`` that were taken for ``predicted``, counted from 0.

        Both are names or indices; the same twice: the photos that are right. Raises TargetError for an unknown class.
        """
        pair = (self.class_names.index(true), self.class_names.index(predicted))
        places = range(len(self.true)) if self.places is None else self.places
        return [place for place, *both in zip(places, self.true, self.predicted, strict=True) if tuple(both) == pair]

    def with_roles(self, explanation: Explanation, true: str | int, predicted: str | int) -> Explanation:
        """The explanation with a note below the map of each of the two classes: "true: cow", "taken for: bear"."""
        roles = {self.class_names.index(predicted): "taken for", self.class_names.index(true): "true"}
        targets = [(number, t) for number, t in enumerate(explanation.targets) if t.index in roles]
        notes = [Note(f"{roles[t.index]}: {t.name}", number) for number, t in targets if t.index is not None]
        return replace(explanation, notes=[*notes, *explanation.notes])

    def worst(self, k: int = _WORST) -> list[Cell]:
        """The k largest confusions, or all there are; the largest first, of equal ones the larger share of its class."""
        return self._confusions()[: whole_number("k", k)]

    def _confusions(self) -> list[Cell]:
        wrong = self.matrix - np.diag(np.diag(self.matrix))
        supports = self.matrix.sum(axis=1)
        names = self.class_names.names
        cells = [Cell(names[i], names[j], int(i), int(j), int(wrong[i, j]), int(supports[i])) for i, j in np.argwhere(wrong)]
        return sorted(cells, key=lambda cell: (-cell.count, -cell.share))

    # -- to be seen ---------------------------------------------------------------------------------------------------------

    def plot(self, normalise: str | None = None, footer: str = "") -> Figure:
        """A matplotlib figure: true classes as rows, predicted ones as columns, blue where they are the same, orange elsewhere.

        normalise : None writes counts into the cells; "true", "predicted" or "all" shares, see :meth:`normalised`. The colours
            are shares in any case: of the row where counts are written.
        footer : a line at the end, such as the network's name.

        Of more than 25 classes those that take part in the largest confusions are drawn, all others as one; the picture says so.
        Those of them that have no photo are columns at the right, and no empty rows.
        """
        if normalise is not None:
            check_normalise(normalise)
        chosen = self._drawn()
        counts = _gathered(self.matrix, chosen)
        shares = _shares(counts, normalise or "true")
        others = len(self.class_names) - len(chosen)
        with_photos = len(chosen)
        names = [shortened(self.class_names.names[index]) for index in chosen]
        if others:
            shares[-1, -1] = math.nan  # right ones and wrong ones among classes that are not told apart
            names.append(f"{others:,} other{'s' * (others > 1)}")
            with_photos = int(np.count_nonzero(self.matrix[chosen].sum(axis=1)))
        shown = [*range(with_photos), *range(len(chosen), len(names))]
        supports, predictions = counts.sum(axis=1)[shown].tolist(), counts.sum(axis=0).tolist()
        (counts, shares) = (counts[shown], shares[shown])
        texts = [
            [_cell_text(int(count), share, normalise) for count, share in zip(*row, strict=True)]
            for row in zip(counts, shares, strict=True)
        ]
        shades = min_max(shares, (0.0, float(np.nanmax(shares)))) if normalise == "all" else shares
        rows = [f"{names[place]} ({count:,})" for place, count in zip(shown, supports, strict=True)]
        columns = [f"{name} ({count:,})" for name, count in zip(names, predictions, strict=True)]
        title = f"{self.right:,} of {self.photos:,} photos right ({format_share(self.accuracy)})"
        return matrix_figure(
            shades,
            texts,
            rows,
            columns,
            with_photos,
            title,
            "\n".join(filter(None, (self._caption(normalise, len(chosen), len(chosen) - with_photos), footer))),
        )

    def _caption(self, normalise: str | None, drawn: int, without_photos: int) -> str:
        of = {
            "true": "of the true class's photos",
            "predicted": "of the photos that were taken for the class",
            "all": "of all photos",
        }
        share = of[normalise or "true"]
        sentences = [
            "Blue: right. Orange: wrong.",
            f"Darker: a larger share {share}." if normalise is None else f"Shares {share}.",
            "In brackets: how many photos.",
        ]
        if drawn < len(self.class_names):
            which = "that take part in the largest confusions" if self.right < self.photos else "with the most photos"
            sentences.append(
                f"{drawn} of {len(self.class_names):,} classes are shown, those {which}. The others are one row and column."
            )
        if without_photos:
            sentences.append(f"{without_photos} of those shown {'has' if without_photos == 1 else 'have'} no photo, and no row.")
        return " ".join(filter(None, (*sentences, self._left_out())))

    def _left_out(self) -> str:
        """Which photos are not counted, as a sentence; empty where all are."""
        reasons = [(self.unlabelled, "a label"), (self.unpredicted, "a prediction")]
        parts = [f"{count:,} without {what}" for count, what in reasons if count]
        return f"Left out: {' and '.join(parts)}." if parts else ""

    def _drawn(self) -> list[int]:
        """The classes that the picture shows, in index order; of more than 25 those that have photos stand first."""
        if len(self.class_names) <= MOST_DRAWN:
            return list(range(len(self.class_names)))
        chosen: set[int] = set()
        for cell in self._confusions():
            pair = {cell.true_index, cell.predicted_index}
            if len(chosen | pair) > MOST_DRAWN:
                break
            chosen |= pair
        supports = self.matrix.sum(axis=1)
        most_photos = np.argsort(-supports, kind="stable")[:MOST_DRAWN].tolist()
        return sorted(chosen or most_photos, key=lambda index: (supports[index] == 0, index))

    def image(self, normalise: str | None = None) -> Image.Image:
        """The figure of :meth:`plot` as a PIL image."""
        return render(self.plot(normalise))

    def save(self, path: str | os.PathLike[str], normalise: str | None = None, footer: str = "") -> Path:
        """Write the picture (.png, .jpg, .pdf, .svg), the matrix (.csv) or all numbers (.json). All or nothing.

        normalise : shares instead of counts in the picture and in the table; .json has them beside the counts.
        footer : a line at the end of the picture.
        """
        return save_as(
            path,
            {
                **picture_writers(lambda: self.plot(normalise, footer)),
                ".csv": lambda: self._as_csv(normalise),
                ".json": lambda: json_bytes(self.record(normalise)),
            },
        )

    def _as_csv(self, normalise: str | None) -> bytes:
        values: list[list[Any]] = self.matrix.tolist()
        if normalise is not None:
            values = [
                ["" if math.isnan(share) else f"{share:.6f}" for share in row] for row in self.normalised(normalise).tolist()
            ]
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["true \\ predicted", *self.class_names.names])
        table.writerows([name, *row] for name, row in zip(self.class_names.names, values, strict=True))
        return text.getvalue().encode()

    def record(self, normalise: str | None = None) -> dict[str, Any]:
        """Everything as plain JSON values, None for NaN."""
        record: dict[str, Any] = {
            "classes": self.classes,
            "matrix": self.matrix.tolist(),
            "counted": self.photos,
            "right": self.right,
            "accuracy": self.accuracy,
            "unlabelled": self.unlabelled,
            "unpredicted": self.unpredicted,
            "per_class": [
                {
                    name: None if isinstance(value, float) and math.isnan(value) else value
                    for name, value in asdict(result).items()
                }
                for result in self.per_class()
            ],
            "confusions": [asdict(cell) | {"share": cell.share} for cell in self._confusions()],
        }
        if normalise is not None:
            check_normalise(normalise)
            shares = _shares(self.matrix, normalise).tolist()
            record["shares"] = {
                "of": normalise,
                "matrix": [[None if math.isnan(share) else share for share in row] for row in shares],
            }
        return record

    def rows(self) -> list[list[str]]:
        """The table of the classes that have photos as text, heads first; of more than 25 the ones with the lowest recall."""
        results = [result for result in self.per_class() if result.support]
        if len(results) > MOST_LISTED:
            results = sorted(results, key=lambda result: (result.recall, -result.support))[:MOST_LISTED]
        return [
            list(_HEAD),
            *(
                [
                    result.name,
                    f"{result.support:,}",
                    f"{result.right:,}",
                    *map(_percent, (result.recall, result.precision, result.f1)),
                ]
                for result in results
            ),
        ]

    def __str__(self) -> str:
        """The accuracy, the table of the classes, and the largest confusions, in lines."""
        rows = self.rows()
        widths = [max(len(row[column]) for row in rows) for column in range(len(_HEAD))]
        lines = [
            f"{self.right:,} of {self.photos:,} photos right ({format_share(self.accuracy)}). {self._left_out()}".strip(),
            "",
        ]
        for row in rows:
            numbers = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
            lines.append("  ".join([row[0].ljust(widths[0]), *numbers]))
        results = self.per_class()
        with_photos = sum(result.support > 0 for result in results)
        if with_photos > MOST_LISTED:
            lines.append(f"The {MOST_LISTED} of {with_photos:,} classes with photos that have the lowest recall.")
        only_said = sorted((r for r in results if r.predicted and not r.support), key=lambda result: -result.predicted)
        if only_said:
            said = listed((f"{result.name} ({result.predicted:,})" for result in only_said), _WORST)
            lines.append(f"Also said, though there is no such photo: {said}.")
        absent = len(self.class_names) - with_photos - len(only_said)
        if absent:
            lines.append(
                f"{absent:,} other {'class has' if absent == 1 else 'classes have'} no photo, and none was taken for one."
            )
        worst = self.worst()
        if worst:
            lines += ["", "The largest confusions:" if len(self._confusions()) > len(worst) else "The confusions:"]
            lines += [f"  {cell}" for cell in worst]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<Confusion of {len(self.class_names):,} classes: {self.right:,} of {self.photos:,} photos right>"

    def _repr_html_(self) -> str:
        worst = self.worst(1)
        return notebook_table(self.image(), self.rows(), f"The largest confusion: {worst[0]}." if worst else "No photo is wrong.")


def check_normalise(normalise: str) -> None:
    """Raises OptionError for what is not one of the three."""
    if normalise not in NORMALISATIONS:
        raise OptionError(f"{setting('normalise', normalise)}: write 'true', 'predicted' or 'all'.")


def _shares(counts: Counts, by: str) -> npt.NDArray[np.float64]:
    axis = {"true": 1, "predicted": 0, "all": None}[by]
    sums = counts.sum(axis=axis, keepdims=True)
    with np.errstate(invalid="ignore"):
        shares: npt.NDArray[np.float64] = counts / sums
    return shares


def _gathered(matrix: Counts, chosen: Sequence[int]) -> Counts:
    """The matrix of the chosen classes, and in a last row and column all others together, where there are others."""
    if len(chosen) == len(matrix):
        return matrix
    place = np.full(len(matrix), len(chosen))
    place[list(chosen)] = np.arange(len(chosen))
    counts = np.zeros((len(chosen) + 1, len(chosen) + 1), np.int64)
    np.add.at(counts, (place[:, None], place[None, :]), matrix)
    return counts


def _cell_text(count: int, share: float, normalise: str | None) -> str:
    """What stands in a cell: counts, or shares with the counts below them."""
    if math.isnan(share):
        return ""
    if normalise is None or not count:
        return f"{count:,}" if count else "0"
    return f"{'<1 %' if share < 0.01 else format_share(share)}\n{count:,}"


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def _percent(share: float) -> str:
    return "–" if math.isnan(share) else format_share(share)
