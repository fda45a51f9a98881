"""Photos in, files out: what a path stands for, skipping what cannot be read, and where each result goes."""

from __future__ import annotations

import csv
import dataclasses
import glob
import io
import json
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import typer
from rich.text import Text

import seewhy
from seewhy.cli.options import err
from seewhy.errors import LayerError, MethodError, OptionError, PhotoError, SeewhyError, TargetError, listed
from seewhy.files import write_whole
from seewhy.photo import PHOTO_SUFFIXES, photos_below

_TOGETHER = 16  # photos explained in one go
_FOR_ALL = (OptionError, TargetError, LayerError, MethodError)  # mistakes that every photo of a batch would repeat


def expand(patterns: Sequence[str]) -> list[Path]:
    """The files that paths, globs and folders stand for, folders with all that is below them, each file once."""
    found: list[Path] = []
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            inside = [photo for photo in photos_below(path) if not _is_ours(photo)]
            if not inside:
                raise PhotoError(f"There is no photo in the folder '{pattern}' ({listed(PHOTO_SUFFIXES, 20)}).")
            found.extend(inside)
        elif not path.exists() and any(mark in pattern for mark in "*?["):
            globbed = (Path(match) for match in glob.glob(pattern, recursive=True))
            matches = sorted(match for match in globbed if not match.is_dir() and not _is_ours(match))
            if not matches:
                raise PhotoError(f"No file matches '{pattern}'.")
            found.extend(matches)
        else:
            found.append(path)
    return list(dict.fromkeys(found))


def _is_ours(path: Path) -> bool:
    """True for a picture that an earlier run wrote beside the photos: it is no photo."""
    return path.stem.rpartition("-")[2] in seewhy.METHODS and path.suffix == ".png"


@dataclasses.dataclass
class Batch:
    """Photos one after the other: a bad one is skipped and named at the end, all others are done."""

    clf: seewhy.Classifier
    files: list[Path]
    bad: list[tuple[Path, SeewhyError]] = dataclasses.field(default_factory=list)

    def read(self) -> Iterator[tuple[Path, Any]]:
        """Every photo that can be read."""
        for path in self.files:
            try:
                photo = self.clf.read(path)
            except PhotoError as error:
                self._skip(path, error)
            else:
                yield path, photo

    def each(self, work: Callable[[Any], Any]) -> Iterator[tuple[Path, Any]]:
        """What ``work`` makes of every photo that can be read."""
        for path in self.files:
            try:
                made = work(path)
            except _FOR_ALL:
                raise
            except SeewhyError as error:
                self._skip(path, error)
            else:
                yield path, made

    def explain(self, **wanted: Any) -> Iterator[tuple[Path, seewhy.Explanation]]:
        """Every photo that can be explained: several at once, or one by one where each takes many passes."""
        method = wanted.get("method", "")
        if method in seewhy.METHODS and seewhy.METHODS[method].sweeps:
            yield from self._explain_one_by_one(wanted)
            return
        waiting: list[tuple[Path, Any]] = []
        for item in self.read():
            waiting.append(item)
            if len(waiting) == _TOGETHER:
                yield from self._explain_some(waiting, wanted)
                waiting = []
        yield from self._explain_some(waiting, wanted)

    def _explain_one_by_one(self, wanted: dict[str, Any]) -> Iterator[tuple[Path, seewhy.Explanation]]:
        """Ctrl-C ends with what the photo at work has so far."""
        for done, (path, photo) in enumerate(self.read(), start=1):
            try:
                explanation = seewhy.explain(self.clf, photo, **wanted)
            except _FOR_ALL:
                raise
            except SeewhyError as error:
                self._skip(path, error)
                continue
            yield path, explanation
            if explanation.details.get("stopped") == "interrupted":
                err.print(
                    Text(f"Interrupted: the map of {path} is what was reached; {done - 1} of {len(self.files)} photos are whole.")
                )
                raise typer.Exit(130)

    def _explain_some(self, some: list[tuple[Path, Any]], wanted: dict[str, Any]) -> Iterator[tuple[Path, seewhy.Explanation]]:
        if not some:
            return
        try:
            explanations = seewhy.explain(self.clf, [photo for _, photo in some], **wanted)
        except _FOR_ALL:
            raise
        except SeewhyError as error:
            if len(some) == 1:
                self._skip(some[0][0], error)
                return
            for item in some:  # one of them is at fault: find out which
                yield from self._explain_some([item], wanted)
            return
        yield from zip((path for path, _ in some), explanations, strict=True)

    def _skip(self, path: Path, error: SeewhyError) -> None:
        if len(self.files) == 1:
            raise error
        self.bad.append((path, error))

    def finish(self) -> None:
        """Name what was skipped; the exit code says so, too."""
        finish_skipped([(path, error.line) for path, error in self.bad], len(self.files))


def finish_skipped(skipped: Sequence[tuple[Any, str]], count: int) -> None:
    """Name the files that were skipped; the exit code says so, too."""
    for path, reason in skipped:
        err.print(Text(f"Skipped {path}: {reason}"))
    if skipped:
        err.print(Text(f"{len(skipped)} of {count} photos were skipped, all others are done."))
        raise typer.Exit(2)


def read_lines(path: str) -> list[str]:
    """A text file's lines. Raises OptionError where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise OptionError(f"--labels {path}: write 'folder', or a text file with one class a line ({error}).") from error


class Names:
    """Where each result goes: the file that was asked for, a folder, or beside the photo's name in the current folder."""

    def __init__(self, files: Sequence[Path], output: str | None, method: str) -> None:
        place = Path("." if output is None else output)
        self._single = None
        self.suffix = ".png"
        if output is not None and place.suffix and not place.is_dir() and not output.endswith(os.sep):
            if len(files) > 1:
                raise OptionError(f"-o {output}: for {len(files)} photos write a folder.")
            self._single = place
            self.suffix = place.suffix.lower()
        self._folder = place
        self._ending = f"-{method}" if output is None else ""
        self._taken: set[str] = set()

    def of(self, photo: Path) -> Path:
        """A name of its own for every photo; the second of the same name gets a number."""
        if self._single is not None:
            return self._single
        (stem, number) = (photo.stem + self._ending, 2)
        while stem in self._taken:
            stem = f"{photo.stem}{self._ending}-{number}"
            number += 1
        self._taken.add(stem)
        return self._folder / f"{stem}{self.suffix}"


def write_table(path: Path, record: dict[str, Any]) -> None:
    if path.suffix.lower() == ".json":
        write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
    elif path.suffix.lower() == ".csv":
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow(["photo", "rank", "index", "class", "score", "model", "preprocessing"])
        for row in record["photos"]:
            for rank, p in enumerate(row["predictions"], start=1):
                table.writerow(
                    [row["photo"], rank, p["index"], p["name"], f"{p['score']:.6f}", record["model"], record["preprocessing"]]
                )
        write_whole(path, text.getvalue().encode())
    else:
        raise OptionError(f"-o {path}: a table is written as .csv or .json.")
