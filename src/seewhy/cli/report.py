"""What a command has done: told line by line, or as one JSON object at the end; after Ctrl-C, too."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import typer
from rich.text import Text

import seewhy
from seewhy.cli.options import as_flag, err, out
from seewhy.errors import Message, SeewhyError, listed


class Report:
    """A context: on leaving it, the JSON object is printed (or the closing line), and the files that were skipped are named.

    ``record`` is the JSON object. Skipped files end the command with exit code 2; all others are done. ``exit_code`` is the
    command's own, which goes before that.
    """

    def __init__(self, clf: seewhy.Classifier | seewhy.Store, as_json: bool, files: int = 1) -> None:
        self.as_json = as_json
        if isinstance(clf, seewhy.Store):
            self.record: dict[str, Any] = {"model": clf.model, "preprocessing": clf.preprocessing}
        else:
            self.record = {"model": clf.name, "preprocessing": clf.describe_input()}
        self._skipped: list[dict[str, str]] = []
        self._files = files
        self.exit_code = 0

    def line(self, text: str) -> None:
        """A line for people."""
        if not self.as_json:
            out.print(plain_text(text))

    def notes(self, notes: Sequence[str]) -> None:
        """A result's diagnoses, for people."""
        for note in notes:
            self.line(f"  note: {Message(note).spelled(as_flag)}")

    @property
    def first_reason(self) -> str:
        """Why the first file that was skipped could not be used."""
        return self._skipped[0]["reason"] if self._skipped else ""

    def skip(self, path: Any, reason: SeewhyError | str) -> None:
        """A file that could not be used."""
        text = first_line(reason.message) if isinstance(reason, SeewhyError) else reason
        self._skipped.append({"photo": str(path), "reason": text})

    def __enter__(self) -> Report:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if error is not None and not isinstance(error, KeyboardInterrupt):
            return
        self.record["skipped"] = self._skipped
        if error is not None:
            self.record["interrupted"] = True
        if self.as_json:
            print(json.dumps(self.record, indent=1, ensure_ascii=False))
        elif error is None:
            model = self.record["model"]  # a list where several are compared
            names = [model] if isinstance(model, str) else model
            self.line(f"Model{'s' * (len(names) > 1)} {joined(names)}; preprocessing: {self.record['preprocessing']}")
        photos: dict[str, list[str]] = {}  # by the reason
        for file in self._skipped:
            photos.setdefault(file["reason"], []).append(file["photo"])
        for reason, names in photos.items():
            err.print(plain_text(f"Skipped {listed(names, 3)}: {reason}"))
        if self._skipped and error is None:
            count = len(self._skipped)
            others = ", all others are done" * (count < self._files)
            err.print(Text(f"{count} of {self._files} photos were skipped{others}."))
        code = self.exit_code or (2 if self._skipped else 0)
        if code and error is None:
            raise typer.Exit(code)


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def quoted(text: str) -> str:
    """A part of a command as it can be copied into a shell: text that holds single quotes stands in double ones where it can."""
    return f'"{text}"' if "'" in text and not re.search(r'[$`\\"!]', text) else shlex.quote(text)


def plain_text(text: str) -> Text:
    """For the terminal, with the control characters that a file's name may hold as escapes: they would steer it."""
    return Text(_CONTROL.sub(lambda character: character[0].encode("unicode_escape").decode(), text))


def joined(names: Sequence[str]) -> str:
    """``"a, b and c"``."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def first_line(message: Message) -> str:
    """The useful line of an error, as the command line spells it."""
    return next(iter(message.spelled(as_flag).splitlines()), "")


def print_explanation(report: Report, path: Path, explanation: seewhy.Explanation, place: Path) -> None:
    """What is it, what was explained, where does the result lie."""
    where = f" at {explanation.layer}, {'×'.join(map(str, explanation.maps.shape[1:]))}" if explanation.layer else ""
    targets = "; ".join(str(target) for target in explanation.targets)
    report.line(f"{path}: {'; '.join(str(prediction) for prediction in explanation.predictions[:3])}")
    report.line(f"  {explanation.method}{where} of {targets} → {place}")
    report.notes(explanation.notes)
