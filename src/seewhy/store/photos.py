"""Which photos a run is about: listed, sorted and labelled before the work, so that every shard is known."""

from __future__ import annotations

import glob
import hashlib
import json
import os
import posixpath
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, PhotoError, TargetError, listed, setting
from seewhy.features.folder import listing
from seewhy.labels import FOLDERS, LABEL_COLUMNS, PHOTO_COLUMNS, PhotoLabels, read_labels
from seewhy.photo import PHOTO_SUFFIXES
from seewhy.records import Note
from seewhy.store.opening import printable
from seewhy.store.places import (
    Folder,
    LocalFolder,
    folder_at,
    is_pattern,
    is_photo,
    is_url,
    local_path,
    split_query,
    without_secrets,
)
from seewhy.store.tables import TABLES, columns_of
from seewhy.store.tars import LABEL_MEMBERS, TAR, Member, is_tar, photo_members, read_labels_beside


@dataclass(frozen=True)
class ListedPhotos:
    """The photos of a run in the order of their paths.

    root : the folder that all of them lie below. paths : from there, with "/"; of a photo in a tar through the tar's name.
    labels : a class for each, None where it is not known. members : where those lie that are in tars, None for the others; None
    where none is. queries : what follows each path where it is read, the signature of a URL: secret, and never stored; None where
    there is none. notes : what a person should know of what was left out, and of how the labels were read. left_out : how many
    photos have a label that is no class.
    """

    root: Folder
    paths: list[str]
    labels: list[int | None]
    members: list[Member | None] | None = None
    queries: list[str] | None = None
    notes: list[str] = field(default_factory=list)
    left_out: int = 0

    @property
    def paths_hash(self) -> str:
        """Sixteen digits that stand for the photos' paths."""
        digest = hashlib.sha256()
        for place, path in enumerate(self.paths):
            digest.update(b"\0" * (place > 0) + os.fsencode(path))
        return digest.hexdigest()[:16]

    @property
    def labels_hash(self) -> str:
        """Sixteen digits that stand for the labels; empty where there are none."""
        return _digits(json.dumps(self.labels).encode()) if any(label is not None for label in self.labels) else ""


@dataclass(frozen=True)
class _Found:
    """Photos in the order in which they were named. given : labels that came with them."""

    root: Folder
    paths: list[str]
    members: list[Member | None] | None = None
    queries: list[str] | None = None
    given: PhotoLabels | None = None
    notes: list[str] = field(default_factory=list)


def _digits(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]


def list_photos(photos: Any, labels: Any, classes: ClassNames, *, only_classes: bool = False) -> ListedPhotos:
    """The photos of a folder, a pattern, a list of files, of tar files, or of a table (.csv, .tsv, .parquet) with their paths.
    Each may be a URL.

    labels : see ``seewhy.labels.read_labels``; of a table also the name of a column, None its column "label", if it has one; of
    tars "cls", "json" or "txt", what lies beside each photo, None the first of these that is there.
    only_classes : photos whose label is no class are left out, and a note names them; else, and where no label is one, they are
        refused.
    Raises PhotoError: no photos, photos that are no files. OptionError, TargetError: see ``read_labels``.
    """
    try:
        if isinstance(photos, (str, os.PathLike)) and os.fspath(photos).lower().endswith(TABLES):
            found = _from_table(local_path(os.fspath(photos)), labels, classes)
        else:
            found = _through_tars(_files(photos), labels, classes)
    except OSError as error:  # of a place elsewhere
        named = without_secrets(os.fspath(photos)) if isinstance(photos, (str, os.PathLike)) else "the photos' place"
        raise PhotoError(f"'{named}' cannot be reached: {error.strerror}.") from error
    given = found.given
    indices: list[int | None] = [None] * len(found.paths)
    left_out: list[int] = []
    notes = [*found.notes]
    if given is not None and only_classes:
        (indices, left_out, why) = given.known_indices(classes)
        notes += why
    elif given is not None:
        indices = given.indices(classes)
    if given is not None:
        given = _to_be_passed_on(given)
        notes += [*given.missing_note, *given.unmatched_note, *given.index_note(classes), *_absent_note(indices, classes)]
    places = _ordered(found, indices)
    if len(places) < len(found.paths):
        notes.append(f"{len(found.paths) - len(places)} photos stood twice in the list, and are taken once")
    unknown = set(left_out)
    places = [place for place in places if place not in unknown]
    return ListedPhotos(
        found.root,
        [found.paths[place] for place in places],
        [indices[place] for place in places],
        None if found.members is None else [found.members[place] for place in places],
        None if found.queries is None else [found.queries[place] for place in places],
        notes,
        len(left_out),
    )


def _ordered(found: _Found, indices: Sequence[int | None]) -> list[int]:
    """The photos' places in the order of their paths, each path once.

    Raises TargetError where one stands there with two labels, OptionError where with two signatures.
    """
    places: list[int] = []
    for place in sorted(range(len(found.paths)), key=found.paths.__getitem__):
        path = found.paths[place]
        if not places or found.paths[places[-1]] != path:
            places.append(place)
        elif indices[places[-1]] != indices[place]:
            raise TargetError(f"'{path}' stands twice among the photos, with two labels: leave one of them out.")
        elif found.queries is not None and found.queries[places[-1]] != found.queries[place]:
            raise OptionError(
                f"'{path}' stands twice among the photos, and only what follows the '?' differs, which is not kept: leave one."
            )
    return places


def _to_be_passed_on(given: PhotoLabels) -> PhotoLabels:
    """The same labels, but their notes, which are stored, name no folder of this machine."""
    unmatched = [os.path.basename(name) if os.path.isabs(name) else name for name in given.unmatched]
    source = f"'{posixpath.basename(Path(given.source[1:-1]).as_posix())}'" if given.source.startswith("'") else given.source
    return replace(given, source=source, unmatched=unmatched)


def _absent_note(indices: Iterable[int | None], classes: ClassNames) -> list[str]:
    """Classes without a photo, where these are the fewer ones: of a thousand classes a few folders say nothing."""
    present = {index for index in indices if index is not None}
    absent = [name for index, name in enumerate(classes.names) if index not in present]
    return [f"no photo is labelled {listed(map(repr, absent), 5)}"] if 0 < len(absent) <= len(present) else []


# -- where they lie ----------------------------------------------------------------------------------------------------


def _files(photos: Any) -> _Found:
    """The files that were named, photos and tars, seen from the folder that all of them lie below."""
    if isinstance(photos, (str, os.PathLike)):
        place = local_path(os.fspath(photos))
        return _from_urls([place]) if is_url(place) else _from_path(place)
    if isinstance(photos, (list, tuple)):
        photos = [local_path(one) if isinstance(one, str) else one for one in photos]
        urls = [one for one in photos if is_url(one)]
        if urls:
            _refuse_both(photos, urls, "the list")
            return _from_urls(urls)
    if isinstance(photos, (list, tuple)) and photos and all(isinstance(one, (str, os.PathLike)) for one in photos):
        return _below(None, [os.path.abspath(os.fsdecode(one)) for one in photos])
    sources = listing(photos)
    paths = [os.path.abspath(source.path) for source in sources if source.path is not None]
    if len(paths) < len(sources):
        name = next(source.name for source in sources if source.path is None)
        raise PhotoError(f"A run reads photos from files, and '{name}' is none: give paths, a folder, a pattern or a table.")
    return _below(None, paths)


def _refuse_both(photos: Sequence[Any], urls: Sequence[str], source: str) -> None:
    if len(urls) < len(photos):
        other = next(one for one in photos if not is_url(one))
        raise OptionError(
            f"{source} names photos of this machine ('{other}') and elsewhere ('{without_secrets(urls[0])}'): make two runs of "
            "them."
        )


def _from_path(place: str) -> _Found:
    """The files of a folder of this machine, of a pattern, or one file. The root is the folder that was named; of a pattern the
    part before its first * or ?."""
    root = os.path.abspath(place)
    if os.path.isdir(root):
        left_out: list[str] = []
        others: Counter[str] = Counter()
        names = LocalFolder(Path(root)).photos(
            lambda name, error: left_out.append(f"{printable(name)} ({error.strerror})"),
            lambda name: others.update([posixpath.splitext(name)[1].lower()]),
        )
        notes = [f"left out, as they cannot be listed: {listed(sorted(left_out), 5)}"] if left_out else []
        not_read = f"{listed((f'{count} {kind}' for kind, count in sorted(others.items())), 5)}: save them as .jpg or .png"
        notes += [f"left out, as such files are not read: {not_read}"] if others else []
        if not names:
            tars = any(map(is_tar, os.listdir(root)))
            cure = f" It holds tar files: write '{os.path.join(place, '*' + TAR)}'." if tars else ""
            hidden = f" What cannot be listed: {listed(sorted(left_out), 5)}." if left_out else ""
            kinds = f" It holds {not_read}." if others else ""
            raise PhotoError(f"The folder '{place}' holds no photo ({listed(PHOTO_SUFFIXES, 20)}).{kinds}{cure}{hidden}")
        return _Found(LocalFolder(Path(root)), names, notes=notes)
    paths = [os.path.abspath(source.path) for source in listing(place) if source.path is not None]
    if os.path.exists(root):
        return _below(os.path.dirname(root), paths)
    parts = Path(root).parts
    return _below(str(Path(*parts[: next(i for i, part in enumerate(parts) if glob.has_magic(part))])), paths)


def _below(root: str | None, paths: Sequence[str]) -> _Found:
    """Files of this machine, seen from a folder; None: the deepest one of all."""
    if root is None:
        root = os.path.commonpath({os.path.dirname(path) for path in paths})
    start = len(os.path.join(root, ""))
    return _Found(LocalFolder(Path(root)), [path[start:].replace(os.sep, "/") for path in paths])


def _from_urls(given: Sequence[str]) -> _Found:
    """The files of folders, patterns and files elsewhere. What ends as photos and tars do is not asked for now."""
    files: list[str] = []
    for url in given:
        if split_query(url)[1]:
            files.append(url)
            continue
        (parent, name) = _cut(url)
        if is_pattern(url):
            (system, _, path) = url.partition("://")
            parts = path.split("/")
            first = next(i for i, part in enumerate(parts) if is_pattern(part))
            (parent, pattern) = (f"{system}://{'/'.join(parts[:first])}", "/".join(parts[first:]))
            names = folder_at(parent).files(pattern)  # type: ignore[union-attr]
            missing = f"No file matches '{without_secrets(url)}'."
        elif is_photo(name) or is_tar(name):
            names = [name]
        else:
            folder = folder_at(url)
            (parent, names) = (folder.address, folder.photos())
            missing = f"There is no photo below '{folder}' ({listed(PHOTO_SUFFIXES, 20)})."
        if not names:
            raise PhotoError(missing)
        if len(given) == 1:
            return _Found(folder_at(parent), names)
        files += [f"{parent.rstrip('/')}/{name}" for name in names]
    return _below_url(files)


def _below_url(files: Sequence[str]) -> _Found:
    """Files elsewhere, seen from the deepest folder of all. Raises OptionError where they have none."""
    (urls, queries) = zip(*map(split_query, files), strict=True)
    systems = {url.partition("://")[0] for url in urls}
    common = posixpath.commonpath({"/" + _cut(url)[0].partition("://")[2] for url in urls})
    if len(systems) > 1 or common == "/":
        (first, other) = (without_secrets(min(urls)), without_secrets(max(urls)))
        raise OptionError(f"The photos of one run lie in one place, not in '{first}' and '{other}': make two runs of them.")
    root = f"{systems.pop()}:/{common}"
    return _Found(folder_at(root), [url[len(root) + 1 :] for url in urls], queries=list(queries) if any(queries) else None)


def _cut(url: str) -> tuple[str, str]:
    """The folder of a URL, and the name in it."""
    (system, _, path) = url.partition("://")
    (folder, name) = posixpath.split(path.rstrip("/"))
    return f"{system}://{folder}", name


def _as_paths(root: Folder, paths: Sequence[str]) -> tuple[list[Path | None], Sequence[str]]:
    """Photos as the reader of labels takes them: paths, and their names for messages."""
    return [_base(root) / path for path in paths], paths


def _base(root: Folder) -> Path:
    return root.path if isinstance(root, LocalFolder) else Path("/", root.address.partition("://")[2])


# -- tars --------------------------------------------------------------------------------------------------------------


def _through_tars(named: _Found, labels: Any, classes: ClassNames) -> _Found:
    """The files, and in the place of each tar the photos in it, with the labels beside them unless others are asked for."""
    (root, files) = (named.root, named.paths)
    tars = [file for file in files if is_tar(file)]
    if not tars:
        return replace(named, given=None if labels is None else read_labels(labels, *_as_paths(root, files)))
    beside = labels is None or (isinstance(labels, str) and labels in LABEL_MEMBERS)
    paths: list[str] = []
    members: list[Member | None] = []
    queries: list[str] = []
    values: list[Any] = []
    notes = [*named.notes]
    for file, query in zip(files, named.queries or [""] * len(files), strict=True):
        if not is_tar(file):
            paths.append(file)
            members.append(None)
            queries.append(query)
            values.append(None)
            continue
        photos = photo_members(root, file + query)
        queries += [""] * len(photos)  # the members have it
        paths += [f"{file}/{name}" for name in photos]
        members += photos.values()
        (kind, found) = read_labels_beside(root, photos, file + query, labels) if beside else (None, [None] * len(photos))
        if labels is None and kind == "txt" and any(label is not None and label not in classes for label in found):
            notes.append(f"the .txt files in '{file}' are not all names of classes, and are not taken as labels")
            found = [None] * len(photos)
        values += found
    if not paths:
        raise PhotoError(f"'{root.shown(tars[0])}' holds no photo ({listed(PHOTO_SUFFIXES, 20)}).")
    given = None
    if beside and any(value is not None for value in values):
        missing = [place for place, value in enumerate(values) if value is None]
        given = PhotoLabels(values, paths, "what lies beside the photos", written=True, missing=missing)
    elif not beside and labels is not None:
        given = read_labels(labels, *_as_paths(root, paths), _base(root))
    return _Found(root, paths, members, queries if any(queries) else None, given, notes)


# -- tables ------------------------------------------------------------------------------------------------------------


def _from_table(table: str, labels: Any, classes: ClassNames) -> _Found:
    """Paths in a table are from its own folder, else from the current one."""
    (folder, name) = _cut(table) if is_url(table) else os.path.split(table)
    shown = without_secrets(table)
    (names, column, texts) = columns_of(folder_at(folder), name)
    lower = {name.strip().lower(): name for name in names}
    of_path = next((lower[name] for name in PHOTO_COLUMNS if name in lower), None)
    if of_path is None:
        raise OptionError(
            f"'{shown}' has the columns {listed(names)}: name the one with the photos' paths 'path' (or 'photo', 'file')."
        )
    if isinstance(labels, str) and labels in names:
        of_label: str | None = labels
    else:
        of_label = next((lower[name] for name in LABEL_COLUMNS if name in lower), None) if labels is None else None
        if isinstance(labels, str) and labels not in FOLDERS and not Path(labels).suffix:
            raise OptionError(f"{setting('labels', labels)}: '{shown}' has no such column; it has {listed(names)}.")
    found = _rows_below(column(of_path), folder, shown)
    if of_label is not None:
        values = [_label(value) for value in column(of_label)]
        written = all(value is None or isinstance(value, str) for value in values)
        return replace(found, given=PhotoLabels(values, found.paths, f"'{shown}'", written=written))
    if labels is not None:
        return replace(found, given=read_labels(labels, *_as_paths(found.root, found.paths), _base(found.root)))
    other = next((name for name in texts if name != of_path and _are_classes(column(name), classes)), None)
    if other is None:
        return found
    return replace(
        found, notes=[*found.notes, Note(f"column '{other}' is not read: {setting('labels', other)} takes it as the labels")]
    )


def _are_classes(values: Sequence[Any], classes: ClassNames) -> bool:
    """True where every cell that is not empty is the name of a class."""
    known = {label for value in values if (label := _label(value)) is not None}
    return bool(known) and all(label in classes for label in known)


def _rows_below(written: Sequence[Any], folder: str, shown: str) -> _Found:
    """The photos that a table names, seen from the deepest folder of all."""
    if not written:
        raise PhotoError(f"'{shown}' lists no photo.")
    texts = [local_path(os.fsdecode(path)) if isinstance(path, (str, bytes)) else "" for path in written]
    if not all(map(str.strip, texts)):
        number = next(number for number, text in enumerate(texts, start=1) if not text.strip())
        raise OptionError(f"'{shown}' names no photo in row {number}.")
    urls = [text for text in texts if is_url(text)]
    if is_url(folder):
        return _below_url([text if is_url(text) else f"{folder}/{posixpath.normpath(text.lstrip('/'))}" for text in texts])
    if urls:
        _refuse_both(texts, urls, f"'{shown}'")
        return _below_url(urls)
    paths = []
    for text in texts:
        path = os.path.join(folder, text)
        paths.append(os.path.abspath(text if not os.path.exists(path) and os.path.exists(text) else path))
    return _below(None, paths)


def _label(value: Any) -> Any:
    """Of a cell; None for an empty one."""
    value = value.strip() if isinstance(value, str) else value
    return None if value is None or value == "" or value != value else value
