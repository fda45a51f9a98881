"""Which photos a run is about: listed, sorted and labelled before the work, so that every shard is known."""

from __future__ import annotations

import csv
import glob
import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, PhotoError, TargetError, listed, setting
from seewhy.features.folder import listing
from seewhy.labels import LABEL_COLUMNS, PHOTO_COLUMNS, PhotoLabels, read_labels

_LISTS = (".csv", ".tsv", ".parquet")


@dataclass(frozen=True)
class ListedPhotos:
    """The photos of a run in the order of their paths.

    root : the folder that all of them lie below. paths : from there, with "/". labels : a class for each, None where it is not
    known. notes : what a person should know of how the labels were read.
    """

    root: Path
    paths: list[str]
    labels: list[int | None]
    notes: list[str] = field(default_factory=list)

    @property
    def paths_hash(self) -> str:
        """Sixteen digits that stand for the photos' paths."""
        return _digits(b"\0".join(map(os.fsencode, self.paths)))

    @property
    def labels_hash(self) -> str:
        """Sixteen digits that stand for the labels; empty where there are none."""
        return _digits(json.dumps(self.labels).encode()) if any(label is not None for label in self.labels) else ""


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def list_photos(photos: Any, labels: Any, classes: ClassNames) -> ListedPhotos:
    """The photos of a folder, a pattern, a list of files, or of a table (.csv, .tsv, .parquet) with their paths.

    labels : see ``seewhy.labels.read_labels``; of a table also the name of a column, None its column "label", if it has one.
    Raises PhotoError: no photos, photos that are no files. OptionError, TargetError: see ``read_labels``.
    """
    if isinstance(photos, (str, os.PathLike)) and Path(photos).suffix.lower() in _LISTS:
        (root, paths, given) = _from_table(Path(photos), labels)
    else:
        sources = listing(photos)
        files = [source.path for source in sources if source.path is not None]
        if len(files) < len(sources):
            name = next(source.name for source in sources if source.path is None)
            raise PhotoError(f"A run reads photos from files, and '{name}' is none: give paths, a folder, a pattern or a table.")
        paths = [os.path.abspath(path) for path in files]
        root = _root(photos, paths)
        given = None if labels is None else read_labels(labels, files)
    indices: list[int | None] = [None] * len(paths) if given is None else given.indices(classes)
    notes = [] if given is None else [*given.missing_note, *given.unmatched_note, *given.index_note(classes)]
    known: dict[str, int | None] = {}
    for path, label in zip(paths, indices, strict=True):
        name = Path(path).relative_to(root).as_posix()
        if known.setdefault(name, label) != label:
            raise TargetError(f"'{name}' stands twice among the photos, with two labels: leave one of them out.")
    if len(known) < len(paths):
        notes.append(f"{len(paths) - len(known)} photos stood twice in the list, and are taken once")
    ordered = sorted(known)
    return ListedPhotos(root, ordered, [known[name] for name in ordered], notes)


def _root(photos: Any, paths: Sequence[str]) -> Path:
    """The folder that was named; of a pattern the part before its first * or ?; of a list the deepest folder of all photos."""
    if isinstance(photos, (str, os.PathLike)):
        path = Path(os.path.abspath(photos))
        if path.is_dir():
            return path
        if not path.exists():
            parts = path.parts
            return Path(*parts[: next(place for place, part in enumerate(parts) if glob.has_magic(part))])
    return Path(os.path.commonpath([os.path.dirname(path) for path in paths]))


def _from_table(table: Path, labels: Any) -> tuple[Path, list[str], PhotoLabels | None]:
    """Paths in a table are from its own folder, else from the current one."""
    columns = _columns(table)
    lower = {name.strip().lower(): name for name in columns}
    column = next((lower[name] for name in PHOTO_COLUMNS if name in lower), None)
    if column is None:
        raise OptionError(
            f"'{table}' has the columns {listed(columns)}: name the one with the photos' paths 'path' (or 'photo', 'file')."
        )
    written = [str(path) for path in columns[column]]
    if not written:
        raise PhotoError(f"'{table}' lists no photo.")
    folder = Path(os.path.abspath(table.parent))
    paths = [os.path.abspath(path if not (folder / path).exists() and Path(path).exists() else folder / path) for path in written]
    if isinstance(labels, str) and labels in columns:
        of_label: str | None = labels
    elif labels is None:
        of_label = next((lower[name] for name in LABEL_COLUMNS if name in lower), None)
    else:
        if isinstance(labels, str) and labels not in ("folders", "folder") and not Path(labels).suffix:
            raise OptionError(f"{setting('labels', labels)}: '{table}' has no such column; it has {listed(columns)}.")
        return _root(paths, paths), paths, read_labels(labels, [Path(path) for path in paths])
    root = _root(paths, paths)
    if of_label is None:
        return root, paths, None
    values = [_label(value) for value in columns[of_label]]
    texts = all(value is None or isinstance(value, str) for value in values)
    return root, paths, PhotoLabels(values, written, f"'{table}'", written=texts)


def _label(value: Any) -> Any:
    return None if value is None or (isinstance(value, str) and not value.strip()) or value != value else value


def _columns(table: Path) -> dict[str, list[Any]]:
    """What a table holds, column by column."""
    try:
        if table.suffix.lower() == ".parquet":
            import pyarrow
            import pyarrow.parquet

            try:
                columns: dict[str, list[Any]] = pyarrow.parquet.read_table(table).to_pydict()
            except pyarrow.ArrowException as error:
                raise OptionError(f"'{table}' cannot be read as a table ({error}).") from None
            return columns
        with table.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            rows: Iterable[dict[str, Any]] = list(csv.DictReader(file, delimiter=max("\t;,", key=first.count)))
    except FileNotFoundError:
        raise PhotoError(f"There is no file '{table}'.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise OptionError(f"'{table}' cannot be read as a table ({error}).") from None
    names = [name for name in next(iter(rows), {}) if name is not None] or next(csv.reader([first]), [])
    return {name: [row[name] for row in rows] for name in names}
