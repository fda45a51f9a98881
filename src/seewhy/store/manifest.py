"""What a store holds and how it was made: one JSON file, replaced as a whole when shards are finished."""

from __future__ import annotations

import contextlib
import hashlib
import json
import math
import posixpath
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import Any

from seewhy.errors import RecordError, SeewhyError, StoreError, setting
from seewhy.store.places import Folder, Place, folder_at
from seewhy.store.rows import OWN, columns_of

MANIFEST = "manifest.json"
SHARDS = "shards"
FORMAT = 2  # raised when an older seewhy could not read the store
_SHARD_FILE = re.compile(rf"{SHARDS}/\d{{6,}}\.parquet")
_LONGEST = 60  # characters of a value in a message
_SELDOM = 20  # the manifest is not written more than a twentieth of the time


@dataclass(frozen=True)
class UnreadPhoto:
    """A photo that could not be explained. path : from the photos' root. reason : in words."""

    path: str
    reason: str


@dataclass(frozen=True)
class ShardEntry:
    """A finished shard. file : from the store's folder. sha256 : of its bytes. unread : photos that are not in it. stamp : of the
    photos' files, see ``store.replaced``; empty where that is not known."""

    file: str
    rows: int
    sha256: str
    unread: list[UnreadPhoto] = field(default_factory=list)
    versions: dict[str, str] = field(default_factory=dict)
    stamp: str = ""


@dataclass
class Manifest:
    """Everything that is needed to repeat a run, and which shards are finished.

    model : name, hash of the weights, classes, head, preprocessing, precision. settings : methods, target, seed, batch size ...
    photos : root (from the store's folder), count, hash of their paths and of their labels. preprocess : its fields, where it is
    seewhy's own, so that photos can be read again without the network. notes : on the labels. shards : by their number.
    """

    model: dict[str, Any]
    settings: dict[str, Any]
    photos: dict[str, Any]
    preprocess: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)
    shards: dict[int, ShardEntry] = field(default_factory=dict)

    @property
    def shard_size(self) -> int:
        size: int = self.settings["shard_size"]
        return size

    @property
    def count(self) -> int:
        """Of the photos, finished or not."""
        count: int = self.photos["count"]
        return count

    @property
    def numbers(self) -> range:
        """Of all shards, finished or not."""
        return range(-(-self.count // self.shard_size))

    def differences(self, other: Manifest) -> list[str]:
        """What makes ``other`` a different run, in words: "seed 0 there, 1 here".

        Hashes are named where nothing else of the model, or of the photos, differs.
        """
        found = []
        for part in ("model", "settings", "photos"):
            (there, here) = (getattr(self, part), getattr(other, part))
            readable: list[str] = []
            hashes: list[str] = []
            for name in dict.fromkeys([*there, *here]):
                if name == "batch_size" and there.get("copies") != here.get("copies"):
                    continue  # said with what was asked for
                if there.get(name) != here.get(name):
                    what = _WORDS.get((part, name), name.replace("_", " "))
                    in_words = _methods_in_words if name == "methods" else _short
                    words = f"{what} {in_words(there.get(name))} there, {in_words(here.get(name))} here"
                    (hashes if (part, name) in _HASHES else readable).append(words)
            found += readable or hashes
        return found

    def write(self, store: Place) -> None:
        """Replace the store's manifest. Raises RecordError where it cannot be written."""
        versions: list[dict[str, str]] = []  # once each: most shards have the same
        lines = []
        for number, entry in sorted(self.shards.items()):
            if entry.versions not in versions:
                versions.append(entry.versions)
            record = vars(entry) | {"unread": [vars(photo) for photo in entry.unread], "versions": versions.index(entry.versions)}
            lines.append(f'  "{number}": {json.dumps(record, ensure_ascii=False)}')
        others = {name: value for name, value in vars(self).items() if name != "shards"}
        head = json.dumps({"format": FORMAT, **others, "versions": versions}, indent=1, ensure_ascii=False)
        shards = ",\n".join(lines)  # a line each, which is written fast
        folder_at(store).write(MANIFEST, f'{head[:-2]},\n "shards": {{\n{shards}\n }}\n}}\n'.encode())

    @classmethod
    def read(cls, store: Place) -> Manifest:
        """The manifest of a store. Raises StoreError where there is none, none that this version reads, or one that has been
        changed so that it does not fit together."""
        store = folder_at(store)
        try:
            record = json.loads(store.read(MANIFEST).decode())
            form = record.pop("format")
            if form != FORMAT:
                raise StoreError(
                    f"The store '{store}' has format {form}, and this seewhy reads {FORMAT}: read it with the other one."
                )
            versions = record.pop("versions")
            shards = {int(number): _entry(versions, **entry) for number, entry in record.pop("shards").items()}
            manifest = cls(**record, shards=shards)
            manifest._check()
            return manifest
        except (FileNotFoundError, NotADirectoryError):
            raise StoreError(f"There is no store in '{store}': 'seewhy run PHOTOS -o {store}' makes one.") from None
        except StoreError:
            raise
        except OSError as error:
            raise StoreError(f"'{store.shown(MANIFEST)}' cannot be opened: {error.strerror}.") from error
        except (ValueError, TypeError, KeyError, AttributeError, IndexError) as error:
            raise StoreError(f"'{store.shown(MANIFEST)}' cannot be read as the manifest of a store ({error}).") from error

    def _check(self) -> None:
        """Raises ValueError, TypeError or KeyError where numbers, names and sums do not fit together."""
        for part in ("model", "settings", "photos"):
            if not isinstance(getattr(self, part), dict):
                raise ValueError(f"'{part}' is no object")
        for part, key, kinds in _KEPT:
            if key not in getattr(self, part):
                raise ValueError(f"'{part}' has no '{key}'")
            if not isinstance(value := getattr(self, part)[key], kinds):
                raise ValueError(f"'{key}' is {_short(value)}")
        for what, number, least in (("shard_size", self.shard_size, 1), ("count", self.count, 0)):
            if type(number) is not int or number < least:
                raise ValueError(f"'{what}' is {json.dumps(number)}")
        methods = self.settings["methods"]
        if not all(isinstance(method, dict) for method in methods):
            raise ValueError(f"'methods' is {_short(methods)}")
        if not all(isinstance(name, str) for name in [*self.model["classes"], *(method["name"] for method in methods)]):
            raise ValueError("a name is no text")
        lists: tuple[tuple[str, Any, type | tuple[type, ...]], ...] = (
            ("display", self.model["display"] or [], int),
            ("notes", self.notes, str),
            ("edits", self.photos.get("edits", []), (dict, type(None))),
        )
        for what, values, kinds in lists:
            if not isinstance(values, list) or not all(isinstance(value, kinds) for value in values):
                raise ValueError(f"'{what}' is {_short(values)}")
        if not isinstance(self.preprocess, (dict, type(None))):
            raise ValueError(f"'preprocess' is {_short(self.preprocess)}")
        self._check_shards()

    def _check_shards(self) -> None:
        """Raises ValueError."""
        for number, entry in self.shards.items():
            if number not in self.numbers:
                raise ValueError(f"there is a shard {number}, of {len(self.numbers)}")
            if entry.file != shard_file(number):
                raise ValueError(f"the file of shard {number} is {json.dumps(entry.file)}")
            texts = [entry.sha256, entry.stamp]
            for record in (entry.versions, *map(vars, entry.unread)):
                texts += record.values() if isinstance(record, dict) else [record]
            if not all(isinstance(text, str) for text in texts) or not isinstance(entry.versions, dict):
                raise ValueError(f"what is said of shard {number} is no text")
            most = min(self.shard_size, self.count - number * self.shard_size)
            if type(entry.rows) is not int or not 0 <= entry.rows <= most - len(entry.unread):
                raise ValueError(f"shard {number} has {json.dumps(entry.rows)} rows of {most} photos")


# What is read of a store without a look whether it is there; an object is looked at by itself.
_KEPT: tuple[tuple[str, str, type | tuple[type, ...]], ...] = (
    ("model", "name", str),
    ("model", "weights", str),
    ("model", "classes", list),
    ("model", "preprocessing", str),
    ("model", "display", (list, type(None))),
    ("settings", "methods", list),
    ("settings", "shard_size", object),
    ("settings", "embedding", (str, type(None))),
    ("photos", "root", str),
    ("photos", "count", object),
)
_WORDS = {
    ("model", "name"): "the model",
    ("settings", "batch_size"): setting("batch_size"),
    ("settings", "copies"): setting("batch_size"),
    ("model", "weights"): "the weights' hash",
    ("settings", "methods"): "method",
    ("model", "file"): "the hash of the model's file",
    ("model", "answers"): "what the model answers to pictures made for that",
    ("photos", "root"): "the photos' folder",
    ("photos", "count"): "the number of photos",
    ("photos", "paths"): "the hash of the photos' paths",
    ("photos", "labels"): "the hash of the labels",
    ("photos", "own_edits"): "the hash of the photos' edits",
}
# What says that something differs, and not in what.
_HASHES = {
    ("model", "weights"),
    ("model", "file"),
    ("model", "answers"),
    ("photos", "paths"),
    ("photos", "labels"),
    ("photos", "own_edits"),
}


def _entry(known: list[dict[str, str]], unread: list[dict[str, str]], versions: int, **values: Any) -> ShardEntry:
    return ShardEntry(**values, unread=[UnreadPhoto(**photo) for photo in unread], versions=known[versions])


def _short(value: Any) -> str:
    text = "none" if value is None else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _methods_in_words(methods: Any) -> str:
    """Their names, each with the settings that were asked for: "cam, occlusion (mask_size 3)"."""
    words = []
    for method in methods or []:
        own = ", ".join(f"{name} {_short(value)}" for name, value in method.items() if name != "name")
        words.append(f"{method.get('name')} ({own})" if own else str(method.get("name")))
    return ", ".join(words) or "none"


def shard_file(number: int) -> str:
    """Where a shard lies, from the store's folder."""
    return f"{SHARDS}/{number:06d}.parquet"


def other_files(store: Place) -> list[str]:
    """What lies where a store has its shards and is none, but somebody's own: names from the store's folder. Raises OSError."""
    store = folder_at(store)
    if store.is_file(SHARDS):
        return [SHARDS]
    files = [file for file in _in_shards(store) if not posixpath.basename(file).startswith(".")]
    return [file for file in files if not _is_own(store, file)]


def remove_others(store: Place, manifest: Manifest) -> None:
    """Delete shards that no manifest enters, of a kill or of a store that stood here: who reads the folder would read them, too.

    Raises StoreError where that fails, and for a table that is somebody's own: a shard would be written over it.
    """
    store = folder_at(store)
    entered = {entry.file for entry in manifest.shards.values()}
    try:
        files = [file for file in _in_shards(store) if file not in entered and _SHARD_FILE.fullmatch(file)]
        for file in files:
            with store.open(file) as opened:
                names = columns_of(opened)
            if names is not None and not OWN.issubset(names):
                raise StoreError(
                    f"'{store.shown(file)}' is no part of this store, and its name is that of a shard: move it away."
                )
        for file in files:  # some may be halves
            store.delete(file)
    except OSError as error:
        raise StoreError(f"The store '{store}' cannot be written: {error.strerror}.") from error


def _in_shards(store: Folder) -> list[str]:
    return [f"{SHARDS}/{name}" for name in folder_at(f"{store.address.rstrip('/')}/{SHARDS}").names()]


def _is_own(store: Folder, file: str) -> bool:
    """True for a shard that some run has written; not for what cannot be opened."""
    try:
        with store.open(file) as opened:
            return OWN.issubset(columns_of(opened) or ())
    except OSError:
        return False


def is_whole(store: Place, entry: ShardEntry) -> bool:
    """False where a shard's file is missing or has changed since it was written."""
    try:
        return hashlib.sha256(folder_at(store).read(entry.file)).hexdigest() == entry.sha256
    except OSError:
        return False


class ShardWriter:
    """Writes shards, and enters them in the manifest once they are on the disk. A context: on leaving it, all is entered.

    The manifest is written as a whole, which takes longer the more shards there are. Where that would be more than a twentieth of
    the time, some are entered together; what a kill leaves out is computed again.
    """

    def __init__(self, store: Place, manifest: Manifest) -> None:
        (self._folder, self._manifest) = (folder_at(store), manifest)
        self._entered = True  # all that is new
        (self._written, self._took) = (-math.inf, 0.0)  # when the manifest was written last, and how long that took

    def put(
        self, number: int, content: bytes, rows: int, unread: list[UnreadPhoto], versions: dict[str, str], stamp: str = ""
    ) -> None:
        """Write a shard. Raises StoreError where that fails."""
        entry = ShardEntry(shard_file(number), rows, hashlib.sha256(content).hexdigest(), unread, versions, stamp)
        with _said():
            self._folder.write(entry.file, content)
            self._manifest.shards[number] = entry
            self._entered = False
            if time.monotonic() - self._written >= _SELDOM * self._took:
                self._enter()

    def stamp(self, number: int, stamp: str) -> None:
        """Enter another stamp of a shard whose photos have other times and the same bytes, so that they are not read again."""
        self._manifest.shards[number] = replace(self._manifest.shards[number], stamp=stamp)
        self._entered = False

    def _enter(self) -> None:
        start = time.monotonic()
        self._manifest.write(self._folder)
        self._entered = True
        self._written = time.monotonic()
        self._took = self._written - start

    def __enter__(self) -> ShardWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._entered:
            return
        with contextlib.nullcontext() if kind is None else contextlib.suppress(SeewhyError), _said():
            self._enter()


@contextlib.contextmanager
def _said() -> Iterator[None]:
    try:
        yield
    except RecordError as error:
        raise StoreError(f"{error.line} What is finished stays: the same command goes on from there.") from error
