"""Class names: read from a list, a dictionary or a file, and found by name, synonym, wnid or index."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seewhy.errors import ClassesError, TargetError, did_you_mean, is_whole_number, setting

_WNID = re.compile(r"^(n\d{8})\s+(.+)$")
_INDEX = re.compile(r"#(\d+)")
_NUMBER = re.compile(r"\d+")
ONE_EACH = "give one name for each class, in index order"  # what to do about a list of another length
_ANY = " Any class can be asked for, not only the predicted one."
_LISTED = 150  # characters of names that a message lists; of more classes it says where they stand


class ClassNames:
    """The classes in index order. ``names`` are what is shown; wnids and synonyms find a class, too.

    are_sides : they are the two sides of a network's one output.
    """

    are_sides = False

    def __init__(self, lines: Sequence[str]) -> None:
        names: list[str] = []
        self._others: list[tuple[str, ...]] = []  # of each class
        self._spelled: dict[str, set[int]] = {}  # exactly so
        self._found_by: dict[str, set[int]] = {}  # in any case
        for index, line in enumerate(lines):
            wnid = _WNID.match(line)
            (entry, others) = (wnid[2], [wnid[1]]) if wnid else (line, [])
            synonyms = [part.strip() for part in entry.split(",")]
            names.append(synonyms[0] if wnid else line)
            self._others.append((*(synonym for synonym in synonyms if synonym != names[-1]), *others) if wnid else ())
            for name in (names[-1], entry, *synonyms, *others):
                self._spelled.setdefault(name, set()).add(index)
                self._found_by.setdefault(name.lower(), set()).add(index)
        self.names = tuple(names)

    @classmethod
    def read(cls, classes: Any, binary: bool = False) -> ClassNames:
        """From names in index order, a dictionary from index to name, or a file.

        classes : a sequence of names; a dictionary ``{0: "tench"}`` (keys may be strings, values ``[wnid, name]``) or the other
            way round, ``{"tench": 0}``; a file with one name a line (``n02099601 golden retriever`` lines, too), or a .json file
            with such a list or dictionary (also a Hugging Face config with ``id2label``).
        binary : the network has one output: a single name is enough, of what a large output means; the other class is called
            "not ..." and comes first.

        Raises ClassesError: no such file, unreadable, no name for an index.
        """
        if isinstance(classes, ClassNames):
            return classes.both_sides() if binary else classes
        where = "The class list"
        content = classes
        if isinstance(classes, (str, os.PathLike)):
            where = f"'{Path(classes)}'"
            content = _content(Path(classes))
        elif not isinstance(classes, Iterable):
            raise ClassesError(f"{setting('classes', classes)}: give names in index order, or a file with one name a line.")
        if isinstance(content, Mapping):
            content = _in_order(content, where)
        lines = [_line(entry, where) for entry in content]
        if not lines:
            raise ClassesError(f"{where} is empty: it needs one name per class.")
        if "" in lines:
            raise ClassesError(f"{where} has no name in line {lines.index('') + 1}: every class needs one.")
        names = cls(lines)
        return names.both_sides() if binary else names

    @classmethod
    def numbered(cls, count: int) -> ClassNames:
        """ "class 0", "class 1" ..."""
        return cls([f"class {index}" for index in range(count)])

    def both_sides(self) -> ClassNames:
        """The classes of a network with one output; of a single name "not defect" (0) and "defect" (1)."""
        if len(self) > 2:
            return self
        sides = ClassNames([f"not {self.names[0]}", self.names[0]]) if len(self) == 1 else copy.copy(self)
        sides.are_sides = True
        return sides

    def __len__(self) -> int:
        return len(self.names)

    def __contains__(self, name: object) -> bool:
        """True for a string that is the name, a synonym or the wnid of a class, in any case."""
        return isinstance(name, str) and name.strip().lower() in self._found_by

    def other_names(self, index: int) -> tuple[str, ...]:
        """What finds the class beside its name: synonyms, and last the wnid."""
        return self._others[index]

    def containing(self, text: str) -> list[int]:
        """The indices of the classes one of whose names holds ``text``, in any case; all for an empty text."""
        part = text.strip().lower()
        return [
            index for index, name in enumerate(self.names) if any(part in known.lower() for known in (name, *self._others[index]))
        ]

    def first_known(self, folders: Sequence[str]) -> str:
        """The first folder that is a class: by its name, else by its digits; of none that is one the first. Names go first, for a
        numbered folder inside a class's is a part of it."""
        numbers = (name for name in folders if name.isdecimal() and int(name) < len(self))
        return next((name for name in folders if name in self), next(numbers, folders[0]))

    def index(self, target: str | int, asked: bool = True) -> int:
        """The index of a class given by name, synonym, wnid, index, or ``"#3"`` for the index 3.

        Names come first: a class that is called "3" or "#3" is found by it. asked : to have it explained, for the message.

        Raises TargetError: no such class (with the nearest names), or a name that two classes share.
        """
        if is_whole_number(target):
            return self._checked_index(int(target))
        name = str(target).strip()
        indices = sorted(self._spelled.get(name) or self._found_by.get(name.lower()) or set())
        if len(indices) == 1:
            return indices[0]
        if indices:
            all_of_them = " and ".join(str(index) for index in indices)
            raise TargetError(
                f"{len(indices)} classes are called '{name}': {all_of_them}. Say which one by its index: '#{indices[0]}'."
            )
        by_index = _INDEX.fullmatch(name)
        if by_index:
            return self._checked_index(int(by_index[1]))
        if _NUMBER.fullmatch(name) and int(name) < len(self):
            raise TargetError(f"This network has no class called '{name}'. For the index {name} write {name} or '#{name}'.")
        raise TargetError(self._unknown(name) + _ANY * (asked and len(self) != 2))

    def _checked_index(self, index: int) -> int:
        if not 0 <= index < len(self):
            if len(self) == 2:
                raise TargetError(f"This network has no class {index}. {self._both()}")
            raise TargetError(f"This network has no class {index}: its {len(self)} classes are numbered 0 to {len(self) - 1}.")
        return index

    def _unknown(self, name: str) -> str:
        if len(self) == 2:
            return f"This network has no class '{name}'. {self._both()}"
        shown_names = {known.lower() for known in self.names}
        near = did_you_mean(name, (known for known in self._found_by if ", " not in known or known in shown_names))
        for alias, indices in self._found_by.items():
            index = min(indices)
            shown = self.names[index] if alias == self.names[index].lower() else alias
            near = near.replace(f" {alias!r}", f" {shown!r} ({index})")
        names = ", ".join(self.names)
        known = f"It has: {names}"
        if len(names) > _LISTED:
            known = f"It has {len(self)} classes: clf.classes, or 'seewhy classes', lists them"
        return f"This network has no class '{name}'.{near} {known}."

    def _both(self) -> str:
        (first, second) = self.names
        has = "Its one output has two sides" if self.are_sides else "It has two"
        return f"{has}: '{first}' (0) and '{second}' (1)."


def _content(path: Path) -> Any:
    """What a class file holds: of .json its list or dictionary, else the lines."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise ClassesError(f"There is no class list '{path}': give a file with one name a line, or a list.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ClassesError(f"'{path}' cannot be read as a class list, one name a line: {error}.") from error
    if path.suffix.lower() != ".json":
        lines = [line.strip() for line in text.splitlines()]
        while lines and not lines[-1]:
            lines.pop()
        return _without_marks(lines)
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ClassesError(f"'{path}' is no whole JSON file: {error}.") from error
    if isinstance(content, Mapping) and isinstance(content.get("id2label"), Mapping):
        content = content["id2label"]
    if not isinstance(content, (list, Mapping)):
        raise ClassesError(f"'{path}' holds a {type(content).__name__}: write a list of names, or an object from index to name.")
    return content


def _without_marks(lines: list[str]) -> list[str]:
    """The lines without what stands before every one of them: their own indices, from 0 up, or the dashes of a list."""
    for marks in ([rf"{index}(?:\s*[:,;.)=]\s*|\s+)" for index in range(len(lines))], [r"-\s+"] * len(lines)):
        matches = [re.match(mark, line) for mark, line in zip(marks, lines, strict=True)]
        if len(lines) > 1 and all(matches):
            return [line[match.end() :] for line, match in zip(lines, matches, strict=True) if match]
    return lines


def _in_order(classes: Mapping[Any, Any], where: str) -> list[Any]:
    """The names of a dictionary in index order; it may lead from index to name or from name to index."""
    from_name = all(isinstance(key, str) for key in classes) and all(is_whole_number(value) for value in classes.values())
    pairs = [(value, key) if from_name else (key, value) for (key, value) in classes.items()]
    by_index = {}
    for key, name in pairs:
        try:
            by_index[int(str(key).strip())] = name
        except ValueError:
            raise ClassesError(f"{where} has the key {key!r}: write indices as keys and names as values.") from None
    missing = next((index for index in range(len(pairs)) if index not in by_index), None)
    if missing is not None:
        last = max([*by_index, len(pairs) - 1])
        raise ClassesError(f"{where} has no name for class {missing}: it needs exactly one for each index from 0 to {last}.")
    return [by_index[index] for index in range(len(pairs))]


def _line(entry: Any, where: str) -> str:
    """A class as a line: a name, or a wnid and its name, ``["n01440764", "tench"]``."""
    if isinstance(entry, (list, tuple)):
        parts = [str(part).strip() for part in entry]
        if len(parts) != 2 or not _WNID.match(" ".join(parts)):
            raise ClassesError(f"{where} has the entry {entry!r}: write a name, or a pair of wnid and name.")
        return " ".join(parts)
    if isinstance(entry, Mapping) or entry is None:
        raise ClassesError(f"{where} has the entry {entry!r}: write a name.")
    return str(entry).strip()
