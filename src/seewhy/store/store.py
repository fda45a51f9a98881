"""A folder of explanations, read back: one by one, as frames, and filtered."""

from __future__ import annotations

import dataclasses
import hashlib
import io
import json
import operator
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from seewhy.classes import ClassNames
from seewhy.errors import MissingExtraError, OptionError, StoreError, did_you_mean, listed, setting
from seewhy.explanation import Explanation
from seewhy.features.known import KnownFeatures
from seewhy.store.known import known_features
from seewhy.store.manifest import MANIFEST, SHARDS, Manifest, ShardEntry, UnreadPhoto
from seewhy.store.places import LocalFolder, Place, folder_at, photos_root
from seewhy.store.reading import explanations_of, photo_file
from seewhy.store.report.page import ReportedRows, write
from seewhy.store.rows import PLAIN, schema, table
from seewhy.store.where import parse

if TYPE_CHECKING:
    import pandas
    import pyarrow.dataset
    from pyarrow.compute import Expression


class Store:
    """What :func:`seewhy.run` stored of a folder of photos. ``len``, iteration and ``store[i]`` give explanations, without the
    network, in the order of the photos' paths.

    path : the folder, or its URL. classes : of the network. methods : in the order in which they were asked for. computed : how
    many of the rows the run that returned the store has computed; the others stood there before.
    """

    computed = 0

    def __init__(
        self,
        path: Place,
        manifest: Manifest,
        root: Place | None,
        condition: Expression | None = None,
        words: str | None = None,  # as somebody wrote the condition
    ) -> None:
        self._folder = folder_at(path)
        self.path: Path | str = self._folder.path if isinstance(self._folder, LocalFolder) else str(self._folder)
        self._root = None if root is None else folder_at(root)
        (self._manifest, self._condition, self._words) = (manifest, condition, words)
        self._loaded: tuple[int, Any] | None = None  # a shard's number and its table
        self._checked = False  # that every file holds its own rows

    @classmethod
    def open(cls, path: str | os.PathLike[str], photos: str | os.PathLike[str] | None = None) -> Store:
        """A store that was written, also one whose run has not ended.

        path : a folder or a URL. photos : the folder where the photos lie now; None: where they lay, seen from the store.
        Raises StoreError where there is none.
        """
        if not isinstance(path, (str, os.PathLike)) or not str(path):
            raise OptionError(f"{setting('path', path)}: write the folder that seewhy.run has written, or its URL.")
        folder = folder_at(path)
        manifest = Manifest.read(folder)
        return cls(folder, manifest, photos_root(manifest.photos["root"], folder) if photos is None else folder_at(photos))

    @staticmethod
    def is_at(path: str | os.PathLike[str]) -> bool:
        """True for a folder that :func:`seewhy.run` has written into, not for one of photos with a manifest.json of another kind.
        A folder elsewhere is taken for one: who asks does not read photos from there."""
        folder = folder_at(path)
        try:
            return not isinstance(folder, LocalFolder) or (folder.is_file(MANIFEST) and SHARDS in folder.names())
        except OSError:  # it may not be looked into: who reads photos from there says so
            return False

    @property
    def model(self) -> str:
        """The network's name."""
        name: str = self._manifest.model["name"]
        return name

    @property
    def preprocessing(self) -> str:
        """How photos were prepared for the network, in words."""
        words: str = self._manifest.model["preprocessing"]
        return words

    @property
    def classes(self) -> list[str]:
        """The network's class names in index order."""
        return list(self._manifest.model["classes"])

    @property
    def methods(self) -> list[str]:
        """As they were asked for; "auto" took what each explanation's ``method`` says."""
        return [method["name"] for method in self._manifest.settings["methods"]]

    @property
    def unread(self) -> list[UnreadPhoto]:
        """The photos that could not be explained, each with its reason. ``seewhy.run(..., retry=True)`` tries them again."""
        return [photo for _, entry in self._entries for photo in entry.unread]

    @property
    def notes(self) -> list[str]:
        """What a person should know of how the photos and labels were read."""
        return list(self._manifest.notes)

    @property
    def complete(self) -> bool:
        """False while photos have not been tried yet: the run was interrupted, or goes on."""
        return len(self._manifest.shards) == len(self._manifest.numbers)

    @property
    def wanted(self) -> int:
        """How many rows the whole run is about: those that are here, not tried yet, or not read."""
        return self._manifest.count

    def __len__(self) -> int:
        return len(self._numbers) if self._condition is not None else int(self._ends[-1]) if len(self._ends) else 0

    def __getitem__(self, i: int) -> Explanation:
        """The explanation of the i-th photo, by the first method. Its photo is read again if its file is still the same (by its
        hash); else the stored thumbnail is shown, and a note says so."""
        return self.explanations(i)[0]

    def __iter__(self) -> Iterator[Explanation]:
        return (self[i] for i in range(len(self)))

    def explanations(self, i: int, thumbnail: bool = False) -> list[Explanation]:
        """The explanations of the i-th photo, one for each method.

        thumbnail : True lays them on the stored thumbnail, and the photo's file is not looked at.
        Raises IndexError; StoreError where its shard is broken.
        """
        try:
            (i, count) = (operator.index(i), len(self))
        except TypeError:
            raise OptionError(f"{setting('i', i)}: write the place of one row; store.where(...) takes some of them.") from None
        if not -count <= i < count:
            raise IndexError(f"The store has {count} rows.")
        (shard, place) = self._located(i % count)
        (row,) = self._shard(shard).slice(place, 1).to_pylist()
        return explanations_of(row, self._manifest, self._manifest.shards[shard].versions, self._root, thumbnail)

    def order(self, by: str = "score", ascending: bool | None = None) -> list[int]:
        """The rows' places, sorted: those with the highest score first.

        by : a column of one number, text or truth value. ascending : None: numbers from the highest down, texts from a to z.
            Rows without a value come last, equal ones in the order of their paths.
        Raises OptionError for another column.
        """
        import pyarrow.compute

        if by not in PLAIN:
            raise OptionError(f"{setting('by', by)}: rows are sorted by {listed(PLAIN, 20)}.{did_you_mean(by, PLAIN)}")
        values = self._read([by])
        if ascending is None:
            ascending = pyarrow.types.is_string(values.schema.field(by).type)
        rows = values.append_column("row", pyarrow.array(range(len(values))))
        keys = [(by, "ascending" if ascending else "descending"), ("row", "ascending")]
        places: list[int] = pyarrow.compute.sort_indices(rows, sort_keys=keys).to_pylist()
        return places

    def known_features(self, most: int) -> KnownFeatures:
        """What :func:`seewhy.embed` places in the plane, of at most so many photos."""
        unread = list(dict.fromkeys(self.unread)) if self._condition is None else []
        once = self.each_photo_once()
        known = known_features(once._read, self._manifest, self.photo_file, most, unread)
        places = self.places_of(once)
        return dataclasses.replace(known, numbers=[places[number] for number in known.numbers])

    def photo_file(self, path: str) -> Path:
        """Where the photo with this path lies, if nobody has moved it; of one that is no file of this machine the path itself."""
        return photo_file(self._root, path)

    def where(self, condition: str) -> Store:
        """The rows for which a condition holds, as a store: ``store.where("wrong and score > 0.9")``.

        condition : comparisons of columns (``score``, ``label``, ``predicted``, ``path``, ``edit``, ``number``, ``height``,
            ``width``) with numbers and texts, ``wrong`` and ``right``, joined by ``and``, ``or``, ``not`` and parentheses;
            ``label in (bear, cow)``, ``path contains night``, ``label is null``. It is parsed, never run as code.

        Raises OptionError for a condition that cannot be read, TargetError for a class that the network does not have.
        """
        found = parse(condition, ClassNames(self.classes))
        return self._part(found, condition if self._words is None else f"({self._words}) and ({condition})")

    def each_photo_once(self) -> Store:
        """The photos as they are, without the rows in which something was changed; where a run has no photo as it is, those with
        its first edit. A store of :meth:`where` is what somebody has chosen, and stays as it is.

        What counts and draws a whole store takes these rows: reports, :func:`seewhy.confusion`, :func:`seewhy.compare`,
        :func:`seewhy.embed`.
        """
        edits = self._manifest.photos.get("edits", [])
        if self._condition is not None or len(edits) < 2:
            return self
        import pyarrow.compute

        column = pyarrow.compute.field("edit")
        first = column.is_null() if None in edits else column == json.dumps(edits[0], ensure_ascii=False)
        return self._part(first)

    def _part(self, condition: Expression, words: str | None = None) -> Store:
        """The rows for which a condition holds, too; what is known of the files holds for it."""
        both = condition if self._condition is None else self._condition & condition
        part = Store(self._folder, self._manifest, self._root, both, words)
        part._checked = self._checked
        return part

    def places_of(self, part: Store) -> list[int]:
        """Where the rows of a part of this store stand in it."""
        if part is self:
            return list(range(len(self)))
        places: list[int] = np.searchsorted(self._numbers, part._numbers).tolist()
        return places

    def dataset(self) -> pyarrow.dataset.Dataset:
        """The rows as a dataset of pyarrow, read in parts. ``store.rows.schema`` says what its columns are.

        Raises StoreError where a shard's file is broken, or holds other rows than were written, by how many there are and their
        numbers; its checksum is compared when a row is explained, and when the run is started again.
        """
        import pyarrow
        import pyarrow.dataset

        try:
            places = [self._folder.for_arrow(entry.file) for _, entry in self._entries]
            if not places:
                rows = pyarrow.dataset.dataset(table([]))
            else:
                rows = pyarrow.dataset.dataset([path for path, _ in places], schema=schema(), filesystem=places[0][1])
                if not self._checked:
                    self._check_rows(rows)
                self._checked = True
        except (pyarrow.ArrowException, OSError) as error:
            raise self._broken(str(error)) from error
        return rows if self._condition is None else rows.filter(self._condition)

    def to_arrow(self, columns: Sequence[str] | None = None) -> pyarrow.Table:
        """The rows as a table of pyarrow. columns : None takes those of one number, text or truth value; maps are in
        ``explanations``, and what is not named is not read.

        Raises OptionError for an unknown column, StoreError where a shard is broken.
        """
        wanted = list(PLAIN) if columns is None else list(columns)
        known = schema().names
        unknown = next((name for name in wanted if name not in known), None)
        if unknown is not None:
            raise OptionError(f"A store has no column '{unknown}'.{did_you_mean(unknown, known)} It has {listed(known, 20)}.")
        return self._read(wanted)

    def to_pandas(self, columns: Sequence[str] | None = None) -> pandas.DataFrame:
        """The rows as a frame. columns : as for :meth:`to_arrow`.

        Raises OptionError for an unknown column, MissingExtraError without pandas.
        """
        try:
            import pandas  # noqa: F401  (what to_pandas needs)
        except ImportError:
            raise MissingExtraError("Frames need pandas, which is not installed: pip install pandas.") from None
        return self.to_arrow(columns).to_pandas()

    def report(self, path: str | os.PathLike[str], title: str | None = None) -> Path:
        """Write the store as one HTML page of at most 10 MB, and beside it the same numbers as JSON; returns the page's path.

        title : None: the number of photos and the network's name.
        Of a store of :meth:`where` only its rows count, of any other :meth:`each_photo_once`. Raises RecordError for another
        suffix than .html, or a place that cannot be written; StoreError for a broken shard.
        """
        once = self.each_photo_once()
        condition = self._words if once is self else "each photo once, as it is or with the first edit"
        unread = list(dict.fromkeys(self.unread))
        chosen = self._words is not None
        source = ReportedRows(once.dataset(), self._manifest, self.methods, unread, self.complete, condition, chosen)
        return write(source, Path(path), title)

    def __repr__(self) -> str:
        unread = f", {len(self.unread)} not read" if self.unread else ""
        open_ = "" if self.complete else f" (of {self._manifest.count} photos: not finished)"
        return f"<Store {self.path}: {len(self)} rows{open_}, {listed(self.methods)}{unread}>"

    @cached_property
    def _entries(self) -> list[tuple[int, ShardEntry]]:
        return sorted(self._manifest.shards.items())

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        """How many rows there are up to the end of each finished shard."""
        return np.cumsum([entry.rows for _, entry in self._entries], dtype=np.int64)

    @cached_property
    def _numbers(self) -> npt.NDArray[np.int64]:
        """The photos' numbers in the list, row by row."""
        numbers: npt.NDArray[np.int64] = self._read(["number"])["number"].to_numpy()
        return numbers

    def _located(self, i: int) -> tuple[int, int]:
        """The shard of the i-th row, and the place in it."""
        if self._condition is not None:
            number = int(self._numbers[i])
            shard = number // self._manifest.shard_size
            return shard, int(np.searchsorted(self._shard(shard)["number"].to_numpy(), number))
        place = int(np.searchsorted(self._ends, i, side="right"))
        (shard, entry) = self._entries[place]
        return shard, i - int(self._ends[place]) + entry.rows

    def _read(self, columns: Sequence[str], numbers: Sequence[int] | None = None) -> Any:
        """Columns of all rows as a table, or of the photos with these numbers. Maps are not read unless they are named.

        Raises StoreError where a shard is broken.
        """
        import pyarrow
        import pyarrow.compute

        chosen = None if numbers is None else pyarrow.compute.field("number").isin(list(numbers))
        try:
            return self.dataset().to_table(columns=list(columns), filter=chosen)
        except (pyarrow.ArrowException, OSError) as error:
            raise self._broken(str(error)) from error

    def _check_rows(self, rows: pyarrow.dataset.Dataset) -> None:
        """Raises StoreError for a whole file in the place of another, and for classes that the manifest does not name. Only the
        ends of the files are read."""
        size = self._manifest.shard_size
        for (number, entry), fragment in zip(self._entries, rows.get_fragments(), strict=True):
            ends = {
                name: [end for group in fragment.row_groups for end in group.statistics.get(name, {}).values()]
                for name in ("number", "label_index", "predicted_index")
            }
            in_place = all(end // size == number for end in ends["number"])
            indices = [*ends["label_index"], *ends["predicted_index"]]
            if not all(0 <= index < len(self._manifest.model["classes"]) for index in indices):
                raise StoreError(f"'{self._folder.shown(entry.file)}' and '{self._folder.shown(MANIFEST)}' have other classes.")
            if not in_place or sum(group.num_rows for group in fragment.row_groups) != entry.rows:
                raise self._broken(f"'{self._folder.shown(entry.file)}' holds other rows than were written.")

    def _broken(self, reason: str) -> StoreError:
        return StoreError(f"The store '{self.path}' is broken: {reason} The run, started again, makes the shard anew.")

    def _shard(self, number: int) -> Any:
        """A shard's table. Raises StoreError where it is not what was written."""
        import pyarrow.parquet

        loaded = self._loaded  # another thread may load another one meanwhile
        if loaded is None or loaded[0] != number:
            file = self._manifest.shards[number].file
            shown = self._folder.shown(file)
            try:
                content = self._folder.read(file)
            except OSError as error:
                raise StoreError(f"'{shown}' cannot be opened: {error.strerror}.") from None
            if hashlib.sha256(content).hexdigest() != self._manifest.shards[number].sha256:
                raise StoreError(f"'{shown}' is broken: it is not what was written. The run, started again, makes it anew.")
            try:
                loaded = (number, pyarrow.parquet.read_table(io.BytesIO(content)))
            except (pyarrow.ArrowException, OSError) as error:
                raise StoreError(f"'{shown}' cannot be read: {error}") from error
            self._loaded = loaded
        return loaded[1]
