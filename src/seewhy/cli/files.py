"""Photos in, files out: what a path stands for, skipping what cannot be read, and where each result goes."""

from __future__ import annotations

import contextlib
import csv
import functools
import glob
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import seewhy
from seewhy.cli.options import err
from seewhy.cli.report import Report
from seewhy.errors import OptionError, PhotoError, SeewhyError, listed
from seewhy.files import write_whole
from seewhy.photo import PHOTO_SUFFIXES, photos_below
from seewhy.pipeline import FOR_ALL, in_parts, in_stages
from seewhy.records import Ending

_TOGETHER = 16  # photos explained in one go
_LONGEST_NAME = 40  # characters of a class's name in a file's name
TABLES = (".csv", ".json")
NUMBERS = (".npz", ".json")  # nothing is drawn in them

Explained = tuple[Path, seewhy.Explanation, Path]  # the photo, why, and where that was saved


def expand(patterns: Sequence[str]) -> dict[Path, Path]:
    """The files that paths, globs and folders stand for, folders with all that is below them, each file once.

    With each file goes the folder that it lies in below the folder that was named, "." for a file named by itself.
    """
    files: dict[Path, Path] = {}
    for pattern in patterns:
        path = Path(pattern)
        if path.is_dir():
            (root, matches) = (path, photos_below(path))
            reason = f"There is no photo in the folder '{pattern}' ({listed(PHOTO_SUFFIXES, 20)})."
        elif not path.exists() and glob.has_magic(pattern):
            root = _root(path)
            matches = sorted(match for match in map(Path, glob.glob(pattern, recursive=True)) if not match.is_dir())
            reason = f"No file matches '{pattern}'."
        else:
            files.setdefault(path, Path())
            continue
        matches = _without_results(matches, root)
        if not matches:
            raise PhotoError(reason)
        for match in matches:
            files.setdefault(match, match.parent.relative_to(root))
    return files


def _not_there(files: Iterable[Path]) -> str:
    """``" ('0.456' is no file)"``: a value that a shell has cut off its option; "" where all are there."""
    missing = next((path for path in files if not path.exists()), None)
    return "" if missing is None else f" ('{missing}' is no file)"


def _root(pattern: Path) -> Path:
    """The part of a pattern before its first * or ?."""
    parts = pattern.parts
    return Path(*parts[: next(place for place, part in enumerate(parts) if glob.has_magic(part))])


def _without_results(paths: Sequence[Path], root: Path) -> list[Path]:
    """The photos without the pictures that an earlier run made of them: where ``a.jpg`` is, ``a-lime-cow.png`` is no photo.

    Below ``root``, what lies in a folder of maps of a confusion is none, either.
    """
    methods = "|".join([*seewhy.METHODS, "activations", "comparison", "crop-test"])
    stems = {path.stem for path in paths}
    photos = []
    for path in paths:
        result = re.fullmatch(rf"(.+?)-(?:{methods})(?:-.*)?", path.stem)
        is_map = result and path.suffix.lower() in seewhy.Explanation.suffixes and result[1] in stems
        if not is_map and not any(re.fullmatch("confusion-.+-as-.+", folder) for folder in path.relative_to(root).parts[:-1]):
            photos.append(path)
    return photos


class Batch:
    """Photos one after the other: a bad one is skipped and named at the end, all others are done."""

    def __init__(self, clf: seewhy.Classifier, files: Sequence[Path], report: Report) -> None:
        (self.clf, self.files, self.report) = (clf, files, report)
        self._calls = 0

    def each(self, work: Callable[[Path], Any]) -> Iterator[tuple[Path, Any]]:
        """What ``work`` gives for every photo that can be read."""
        for path in self.files:
            try:
                result = work(path)
            except FOR_ALL:
                raise
            except SeewhyError as error:
                self._skip(path, error)
            else:
                yield path, result

    def classify(self, k: int) -> Generator[tuple[Path, list[seewhy.Prediction]], None, None]:
        """The k most probable classes of every photo that can be read, several photos at once. To be closed."""

        def work(photos: list[Any]) -> list[list[seewhy.Prediction]]:
            return self.clf.classify(photos, k=k)

        def saved(_: list[seewhy.Prediction], path: Path) -> Path:  # nothing is
            return path

        on_cpu = self.clf.device.type == "cpu"
        batches = in_parts(self.files, _TOGETHER)
        outcomes = in_stages(batches, self.clf.read, work, lambda path, _: path, saved, shares_cores=on_cpu, draws=True)
        with contextlib.closing(outcomes):
            for outcome in outcomes:
                if outcome.error is not None:
                    self._skip(outcome.item, outcome.error)
                elif outcome.result is not None:
                    yield outcome.item, outcome.result

    def explain(
        self,
        names: Names,
        style: dict[str, Any],
        method: str,
        examine: Callable[[seewhy.Explanation], seewhy.Explanation] = lambda explanation: explanation,
        **settings: Any,
    ) -> Generator[Explained, None, None]:
        """Every photo that can be explained, saved under its name: several at once, or one by one where each takes many passes.

        examine : adds to each explanation, in order, before it is saved.
        To be closed. Ctrl-C ends a method of many passes with what the photo at work has so far.
        """
        sweeps = method in seewhy.METHODS and seewhy.METHODS[method].sweeps

        def work(photos: list[Any]) -> list[seewhy.Explanation]:
            explain: Callable[[Any], Any] = functools.partial(
                seewhy.explain, self.clf, method=method, progress=self.next_progress(), **settings
            )
            explanations = [explain(photos[0])] if sweeps else explain(photos)
            return [examine(explanation) for explanation in explanations]

        def place(path: Path, explanation: seewhy.Explanation) -> Path:
            target = explanation.targets[0]
            other = [] if target.against is None else [f"not {target.against.name}"]
            return names.of(path, explanation.method, target.name, *other)

        whole: list[Path] = []  # files

        def save(explanation: seewhy.Explanation, path: Path) -> Path:
            saved = explanation.save(path, **style)
            if not explanation.partial:
                whole.append(saved)
            return saved

        (size, read) = (1, lambda path: path) if sweeps else (_TOGETHER, self.clf.read)
        on_cpu = self.clf.device.type == "cpu"
        batches = in_parts(self.files, size)
        outcomes = in_stages(batches, read, work, place, save, shares_cores=on_cpu, draws=names.suffix not in NUMBERS)
        try:
            with contextlib.closing(outcomes):
                for outcome in outcomes:
                    if outcome.error is not None:
                        self._skip(outcome.item, outcome.error)
                    elif outcome.result is not None and outcome.path is not None:
                        yield outcome.item, outcome.result, outcome.path
                        if outcome.result.details.get("stopped") == Ending.INTERRUPTED:
                            raise KeyboardInterrupt(f"the map of {outcome.item} is what was reached; ")
        except KeyboardInterrupt as interrupt:
            if len(self.files) == 1 and not interrupt.args:
                raise
            text = f": {''.join(interrupt.args)}{len(whole)} of {len(self.files)} photos are whole"
            raise KeyboardInterrupt(text) from None

    def next_progress(self) -> bool | None:
        """How long it takes is told once, not for every photo; in a terminal there is a bar for each."""
        self._calls += 1
        return None if self._calls == 1 or err.is_terminal else False

    def _skip(self, path: Path, error: SeewhyError) -> None:
        if len(self.files) == 1:
            raise error
        self.report.skip(path, error)


class Names:
    """Where each result goes: the file that was asked for, a folder, or beside the photo's name in the current folder.

    Below a folder every photo keeps its sub folder. Without ``output`` the name says what was computed
    (``photo-lime-golden_retriever.png``). Raises OptionError before the work where the results cannot be written so.

    form : of the files, as their suffix without its dot; None takes the suffix of ``output`` where it is a file, else png.
    """

    def __init__(self, files: dict[Path, Path], output: str | None, suffixes: Sequence[str], form: str | None = None) -> None:
        _refuse_stream(output)
        (self._files, self._output) = (files, output)
        place = Path("." if output is None else output)
        self._folder = place
        self._single = None
        self.suffix = f".{form or 'png'}".lower()
        if self.suffix not in suffixes:
            raise OptionError(f"--format {form}: write one of {', '.join(suffix[1:] for suffix in suffixes)}.")
        self._photos = {photo.resolve() for photo in files}
        self._taken: set[Path] = set()
        if output is not None and place.suffix and not place.is_dir() and not output.endswith(os.sep):
            if len(files) > 1:
                raise OptionError(f"-o {output}: for {len(files)} photos{_not_there(files)} write a folder.")
            check_output(place, suffixes)
            if place.resolve() in self._photos:
                raise OptionError(f"-o {output}: that is the photo itself, and it would be lost; write another name.")
            if form is not None and place.suffix.lower() != self.suffix:
                raise OptionError(f"-o {output}: that file is no {form}; leave --format out, or write a folder.")
            self._single = place
            self.suffix = place.suffix.lower()
        else:
            _check_writable(place, place / "a")

    def of(self, photo: Path, *contents: str) -> Path:
        """A name of its own for every photo; one that is taken, also by a photo, gets a number."""
        if self._single is not None:
            return self._single
        parts = [photo.stem] if self._output is not None else [photo.stem, *map(safe_name, contents)]
        folder = self._folder if self._output is None else self._folder / self._files[photo]
        (path, number) = (folder / f"{'-'.join(parts)}{self.suffix}", 2)
        while path in self._taken or path.resolve() in self._photos:
            path = folder / f"{'-'.join(parts)}-{number}{self.suffix}"
            number += 1
        self._taken.add(path)
        return path


def safe_name(text: str) -> str:
    """A class's or a layer's name as a part of a file's name: letters, digits, ``_ . -``."""
    return re.sub(r"[^\w.-]+", "_", text).strip("_.-")[:_LONGEST_NAME] or "_"


def _refuse_stream(output: str | None) -> None:
    if output == "-":
        raise OptionError("-o -: results are files, not a stream: write a file or a folder. --json prints the record.")


def check_output(path: Path, suffixes: Sequence[str]) -> Path:
    """The path, if a result can be written there. Raises OptionError for an unknown suffix or a folder that takes no files."""
    _refuse_stream(str(path))
    if path.is_dir():
        raise OptionError(f"-o {path}: that is a folder; write a file in it.")
    if not path.suffix:
        usual = ".html" if ".html" in suffixes else suffixes[0]
        raise OptionError(f"-o {path} has no ending: write {path}{usual}; known are {', '.join(suffixes)}.")
    if path.suffix.lower() not in suffixes:
        raise OptionError(f"-o {path}: '{path.suffix}' is not one of {', '.join(suffixes)}.")
    _check_writable(path, path)
    return path


def _check_writable(output: Path, file: Path) -> None:
    """The nearest folder of ``file`` that exists must take new files."""
    folder = next((parent for parent in file.parents if parent.exists()), Path())
    if not folder.is_dir():
        raise OptionError(f"-o {output}: '{folder}' is a file, not a folder.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise OptionError(f"-o {output}: '{folder}' takes no files ({error.strerror}).") from None


def write_table(path: Path, record: dict[str, Any]) -> None:
    """The predictions of all photos, as .csv or .json."""
    if path.suffix.lower() == ".json":
        write_whole(path, (json.dumps(record, indent=1, ensure_ascii=False) + "\n").encode())
        return
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["photo", "rank", "index", "class", "score", "model", "preprocessing"])
    for row in record["photos"]:
        for rank, p in enumerate(row["predictions"], start=1):
            table.writerow(
                [row["photo"], rank, p["index"], p["name"], f"{p['score']:.6f}", record["model"], record["preprocessing"]]
            )
    write_whole(path, text.getvalue().encode())
