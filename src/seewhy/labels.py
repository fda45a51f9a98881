"""The one place that reads labels: the names of folders, a table, JSON, a text file, a dictionary or a list."""

from __future__ import annotations

import csv
import io
import json
import math
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import torch

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, TargetError, setting
from seewhy.label_classes import class_indices, is_index, known_indices, left_out_notes, numbered
from seewhy.photo import PHOTO_SUFFIXES, folders_of
from seewhy.records import Photo

FOLDERS = ("folders", "folder")
PHOTO_COLUMNS = ("photo", "path", "file", "filename", "image")
LABEL_COLUMNS = ("label", "class", "true")
_TABLES = (".csv", ".tsv")
_DELIMITERS = "\t;,"
_NAMED = 3  # photos in a message
_NO_CLASS = "A folder that is no class: leave it out, or rename it."


@dataclass(frozen=True)
class PhotoLabels:
    """One label per photo, in the order of the photos.

    values : names or indices, as they were given; None where the label is not known. names : of the photos, for messages.
    source : what was read, in words ("'labels.csv'"); empty for a list. written : read from text, where digits are an index
    unless a class is called so. missing : the places of the photos that the source leaves out; their values are None.
    unmatched : what the source names and is not among the photos. advice : what to do about labels that are no classes.
    outer : of labels that are folders, those above each, the nearest first: the label is the nearest one that is a class.
    """

    values: list[Any]
    names: list[str]
    source: str = ""
    written: bool = False
    missing: list[int] = field(default_factory=list)
    unmatched: list[str] = field(default_factory=list)
    advice: str = ""
    outer: list[list[str]] = field(default_factory=list)

    def indices(self, classes: ClassNames) -> list[int | None]:
        """The labels as classes. Raises TargetError for labels that are none, and says which and how many."""
        return class_indices(classes, self._nearest(classes), "labels", self.names, self.written, self.advice)

    def known_indices(self, classes: ClassNames) -> tuple[list[int | None], list[int], list[str]]:
        """The labels as classes, the places of those that are none, and what a person should know of these.

        Raises TargetError where there are labels and none of them is a class, and for indices that do not exist: the others may
        be one off, too. As :meth:`indices`.
        """
        labels = self._nearest(classes)
        (indices, unknown) = known_indices(classes, labels, self.written)
        counted = any(is_index(labels[places[0]], self.written) for places in unknown.values())
        if unknown and (counted or all(index is None for index in indices)):
            self.indices(classes)
        left_out = sorted(place for places in unknown.values() for place in places)
        return indices, left_out, left_out_notes(classes, labels, unknown)

    def _nearest(self, classes: ClassNames) -> list[Any]:
        if not self.outer:
            return self.values
        return [classes.first_known([own, *outer]) for own, outer in zip(self.values, self.outer, strict=True)]

    def index_note(self, classes: ClassNames) -> list[str]:
        """How digits that a person wrote were read, where they are indices: people who count from 1 see it."""
        known = [label for label in self._nearest(classes) if label is not None]
        count = sum(is_index(label, self.written) and label not in classes for label in known) if self.written else 0
        what = "labels" if count == len(known) else "digits among the labels"
        return [f"{what} are indices from 0: {numbered(classes)}"] if count else []

    @property
    def missing_note(self) -> list[str]:
        """Which photos the source leaves out."""
        if not self.missing:
            return []
        names = first_of([self.names[place] for place in self.missing])
        return [f"{self.source} has no label for {len(self.missing)} of {len(self.values)} photos: {names}"]

    @property
    def unmatched_note(self) -> list[str]:
        """What the source names and is not among the photos."""
        if not self.unmatched:
            return []
        count = len(self.unmatched)
        entries = "1 entry" if count == 1 else f"{count} entries"
        return [f"{entries} of {self.source} {'is' if count == 1 else 'are'} not among the photos: {first_of(self.unmatched)}"]


@dataclass(frozen=True)
class _Entry:
    """A label beside the name of its photo. where : the line or the record, in words."""

    photo: str
    label: Any
    where: str


def read_labels(
    labels: Any, photos: Sequence[Path | None], names: Sequence[str] | None = None, root: Path | None = None
) -> PhotoLabels:
    """The labels of photos.

    labels :
        "folders" : each photo's folder is its label, or the nearest one above it that is a class.
        a file : .csv or .tsv with a column photo (or path, file, filename, image) and a column label (or class, true), parted by
            commas, semicolons or tabs, with these names in the first line or without; .json, ``{"a.jpg": "bear"}`` or a list of
            records with such names; any other file with one label a line, an empty line where it is not known.
        a dictionary ``{"a.jpg": "bear"}``, or a list with one label per photo, None where it is not known.
    photos : their paths, None for what is no file. names : of the photos, for messages; None takes the paths. root : folders
        below it can be labels; None: the deepest one that all photos lie below.

    A photo is found by its path from the label file's folder, else from the current one, else by the end of its path, else by its
    name, where only one photo and one entry have it. What is written of a photo that was not given changes nothing.

    Raises OptionError: a file that cannot be read. TargetError: not as many labels as photos, two labels for one photo, a file
    that fits none of the photos, photos that are no files.
    """
    names = [f"photo {i + 1}" if path is None else str(path) for i, path in enumerate(photos)] if names is None else list(names)
    if isinstance(labels, str) and labels in FOLDERS:
        paths = _files(photos, names, setting("labels", labels))
        folders = folders_of(paths, root)
        own, outer = [first for first, *_ in folders], [above for _, *above in folders]
        return PhotoLabels(own, names, "the folders", written=True, advice=_NO_CLASS, outer=outer)
    if isinstance(labels, (str, os.PathLike)):
        path = Path(labels)
        (content, source) = (_content(path, len(photos)), f"'{path}'")
        if not content or not isinstance(content[0], _Entry):
            return PhotoLabels(_one_each(content, len(photos), source), names, source, written=True)
        return _matched(content, _files(photos, names, source), names, source, path.parent, written=True)
    if isinstance(labels, Mapping):
        source = "the dictionary"
        entries = [_Entry(str(photo), _known(label), f"{str(photo)!r}") for photo, label in labels.items()]
        return _matched(entries, _files(photos, names, source), names, source, Path(), written=False)
    values = value_list(labels, "labels")
    if len(values) != len(photos):
        raise TargetError(f"{len(photos)} photos but {len(values)} labels: give one label per photo, None where it is not known.")
    return PhotoLabels(values, names)


def value_list(values: Any, kind: str) -> list[Any]:
    """Labels or predictions one by one, None where they are not known (None, NaN).

    values : a sequence, array or tensor with one for each photo. kind : what they are, for messages: "labels".
    Raises TargetError for anything else.
    """
    shape = tuple(values.shape) if isinstance(values, (np.ndarray, torch.Tensor)) else (0,)
    if len(shape) != 1:
        raise TargetError(f"The {kind} have the shape {shape}: give one class per photo (of scores, scores.argmax(axis=1)).")
    if isinstance(values, (np.ndarray, torch.Tensor)):
        values = values.tolist()
    if isinstance(values, (str, bytes, Mapping)) or not isinstance(values, Iterable):
        raise TargetError(f"{setting(kind, values)}: give a list with one class per photo.")
    return [_known(value) for value in values]


def refuse_photos(values: Any, kind: str, cure: str) -> None:
    """Raises TargetError where photos stand in the place of classes: in one line, without their pixels."""
    first = next(iter(values), None) if isinstance(values, (list, tuple)) else values
    shape = getattr(first, "shape", ())
    if isinstance(first, (Photo, bytes)) or hasattr(first, "convert") or len(shape) > (2 if first is values else 0):
        seen = type(first).__name__ + f" of shape {tuple(shape)}" * bool(shape)
        raise TargetError(f"The {kind} hold no classes but {seen}: {cure}.")


def first_of(names: Sequence[str]) -> str:
    """The first three, and dots where there are more."""
    return ", ".join(names[:_NAMED]) + (" ..." if len(names) > _NAMED else "")


def _known(value: Any) -> Any:
    """A label, None where it is not known."""
    return None if isinstance(value, (float, np.floating)) and math.isnan(value) else value


def _files(photos: Sequence[Path | None], names: Sequence[str], what: str) -> list[Path]:
    paths = [path for path in photos if path is not None]
    if len(paths) < len(photos):
        name = next(name for name, path in zip(names, photos, strict=True) if path is None)
        raise TargetError(f"{what} needs files, but '{name}' is none: give a list with one label per photo.")
    return paths


def _one_each(labels: list[Any], count: int, source: str) -> list[Any]:
    while len(labels) > count and labels[-1] is None:
        labels = labels[:-1]
    if len(labels) != count:
        raise TargetError(
            f"{source} has {len(labels)} labels for {count} photos: write one a line, an empty line where it is not known, or a "
            ".csv with the columns photo,label."
        )
    return labels


# -- what a file holds -------------------------------------------------------------------------------------------------


def _content(path: Path, count: int) -> list[Any]:
    """What a file holds: its entries, or labels in the order of the photos. count : of the photos."""
    where = setting("labels", str(path))
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise OptionError(
            f"{where}: there is no such file. Write 'folders', a .csv or .json with each photo's label, or a text file with one "
            "label a line."
        ) from None
    except IsADirectoryError:
        raise OptionError(f"{where}: that is a folder. Where each photo's folder is its label, write 'folders'.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"{where}: it cannot be read as text ({error}).") from error
    suffix = path.suffix.lower()
    if suffix == ".json":
        return _from_json(text, path)
    if suffix in _TABLES:
        return _from_table(text, path, count)
    return [_stripped(line) for line in text.splitlines()]


def _from_json(text: str, path: Path) -> list[Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        raise OptionError(f"'{path}' is no whole JSON file: {error}.") from error
    if isinstance(content, dict):
        return [_Entry(photo, _plain(label, path, photo), f"{photo!r}") for photo, label in content.items()]
    if not isinstance(content, list):
        raise OptionError(f'\'{path}\' holds {_short(content)}: write {{"photo.jpg": "class"}}, or a list of records.')
    if not any(isinstance(record, dict) for record in content):
        return [_plain(label, path, f"label {number}") for number, label in enumerate(content, start=1)]
    entries = []
    for number, record in enumerate(content, start=1):
        cells = {str(key).strip().lower(): value for key, value in record.items()} if isinstance(record, dict) else {}
        photo = next((name for name in PHOTO_COLUMNS if name in cells), None)
        label = next((name for name in LABEL_COLUMNS if name in cells), None)
        if photo is None or label is None:
            raise OptionError(f'\'{path}\', record {number}: write {{"photo": "a.jpg", "label": "class"}}, not {_short(record)}.')
        entries.append(_Entry(str(cells[photo]), _plain(cells[label], path, str(cells[photo])), f"record {number}"))
    return entries


def _plain(label: Any, path: Path, what: str) -> Any:
    """A label of a JSON file. Raises OptionError for a list or an object."""
    if isinstance(label, (list, dict)):
        raise OptionError(f"'{path}' has {_short(label)} for '{what}': write a class's name or its index.")
    return _stripped(label) if isinstance(label, str) else _known(label)


def _short(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else text[:59] + "…"


def _from_table(text: str, path: Path, count: int) -> list[Any]:
    rows = _rows(text, path)
    width = max((len(cells) for _, cells in rows), default=0)
    if width < 2:
        labels = [_stripped(cells[0]) for _, cells in rows]
        has_head = len(labels) == count + 1 and labels[0] is not None and labels[0].lower() in LABEL_COLUMNS
        return labels[1:] if has_head else labels
    (photo, label, has_head) = _columns(rows, width, path)
    entries = []
    for line, cells in rows[has_head:]:
        padded = [*cells, *[""] * (width - len(cells))]
        if not padded[photo].strip():
            raise OptionError(f"'{path}', line {line}: it names no photo.")
        entries.append(_Entry(padded[photo].strip(), _stripped(padded[label]), f"line {line}"))
    return entries


def _rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """The lines of a table that are not empty, with their numbers, parted so that all have as many cells."""

    def parted(delimiter: str) -> list[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, skipinitialspace=delimiter != "\t")
        return [(reader.line_num, cells) for cells in reader if any(cell.strip() for cell in cells)]

    first = text.lstrip().split("\n", 1)[0]
    try:
        for delimiter in _DELIMITERS:
            rows = parted(delimiter)
            if len({len(cells) for _, cells in rows}) == 1 and len(rows[0][1]) > 1:
                return rows
        return parted(max(_DELIMITERS, key=first.count))
    except csv.Error as error:
        raise OptionError(f"'{path}' cannot be read as a table: {error}.") from error


def _columns(rows: Sequence[tuple[int, list[str]]], width: int, path: Path) -> tuple[int, int, bool]:
    """In which columns the photos and the labels stand, and whether the first line names them."""
    head = [cell.strip().lower() for cell in rows[0][1]]
    photo = next((head.index(name) for name in PHOTO_COLUMNS if name in head), None)
    label = next((head.index(name) for name in LABEL_COLUMNS if name in head), None)
    if any(map(_is_photo, head)):  # "a.jpg,true" is no head
        (photo, label) = (None, None)
    if photo is not None and label is not None:
        return photo, label, True
    if width > 2:
        raise OptionError(
            f"'{path}' has the columns {', '.join(cell.strip() for cell in rows[0][1])}: name that of the photos 'photo' and "
            "that of their classes 'label' in the first line."
        )
    if photo is not None:
        return photo, 1 - photo, True
    if label is not None:
        return 1 - label, label, True
    files = [sum(len(cells) > column and _is_photo(cells[column]) for _, cells in rows) for column in range(2)]
    photo = int(files[1] > files[0])
    return photo, 1 - photo, files[photo] > 0 and not any(map(_is_photo, head))


def _is_photo(text: str) -> bool:
    return text.strip().lower().endswith(PHOTO_SUFFIXES)


def _stripped(text: str) -> str | None:
    return text.strip() or None


# -- which photo is meant ----------------------------------------------------------------------------------------------


def _matched(
    entries: Sequence[_Entry], photos: Sequence[Path], names: list[str], source: str, folder: Path, written: bool
) -> PhotoLabels:
    """The labels of the photos that the entries mean. folder : of the label file."""
    means = _means([entry.photo for entry in entries], photos, folder)
    found: dict[int, _Entry] = {}
    for entry, places in zip(entries, means, strict=True):
        for place in places:
            earlier = found.setdefault(place, entry)
            if earlier.label != entry.label:
                raise TargetError(
                    f"{source} has two labels for {names[place]}: {earlier.label!r} ({earlier.where}) and {entry.label!r} "
                    f"({entry.where})."
                )
    unmatched = [entry.photo for entry, places in zip(entries, means, strict=True) if not places]
    missing = [place for place in range(len(photos)) if place not in found]
    if not found:
        named = f"it names {first_of(unmatched)}" if unmatched else "it is empty"
        raise TargetError(
            f"{source} has a label for none of the {len(photos)} photos ({first_of(names)}): {named}; write paths from its own "
            "folder or from the current one, or names that only one photo has."
        )
    labels = [found[place].label if place in found else None for place in range(len(photos))]
    return PhotoLabels(labels, names, source, written, missing, unmatched)


def _means(texts: Sequence[str], photos: Sequence[Path], folder: Path) -> list[list[int]]:
    """The places of the photos that each text means: one, several where a photo was given twice, or none."""
    texts = [text if os.sep == "\\" else text.replace("\\", "/") for text in texts]
    places: dict[str, list[int]] = {}  # by absolute path
    for place, photo in enumerate(photos):
        places.setdefault(os.path.abspath(photo), []).append(place)
    candidates = [[os.path.abspath(os.path.join(start, text)) for start in (folder, "")] for text in texts]
    means = [next((places[path] for path in paths if path in places), []) for paths in candidates]
    parts = [PurePosixPath(text.replace(os.sep, "/")).parts for text in texts]
    left = [i for i in range(len(texts)) if parts[i] and not means[i]]
    times: dict[str, set[str]] = {}  # the texts that end with a name
    for text, of_text in zip(texts, parts, strict=True):
        times.setdefault("".join(of_text[-1:]), set()).add(text)
    for length in sorted({len(parts[i]) for i in left} | {1}, reverse=True):
        ends: dict[tuple[str, ...], list[str]] = {}
        for path in places:
            ends.setdefault(Path(path).parts[-length:], []).append(path)
        for i in left:
            end = parts[i][-length:]
            whole = len(parts[i]) == length > 1
            alone = length == 1 and len(times[end[-1]]) == 1
            if not means[i] and (whole or alone) and len(ends.get(end, ())) == 1:
                means[i] = places[ends[end][0]]
    return means
