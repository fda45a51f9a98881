"""Class names: read from a list or a file, and found by name, synonym, wnid or index."""

from __future__ import annotations

import numbers
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seewhy.errors import ClassesError, TargetError, did_you_mean

_WNID = re.compile(r"^(n\d{8})\s+(.+)$")


class ClassNames:
    """The classes in index order. ``names`` are what is shown; wnids and synonyms find a class, too."""

    def __init__(self, lines: Sequence[str]) -> None:
        names: list[str] = []
        self._spelled: dict[str, set[int]] = {}  # exactly so
        self._found_by: dict[str, set[int]] = {}  # in any case
        for index, line in enumerate(lines):
            wnid = _WNID.match(line)
            (entry, others) = (wnid[2], [wnid[1]]) if wnid else (line, [])
            synonyms = [part.strip() for part in entry.split(",")]
            names.append(synonyms[0] if wnid else line)
            for name in (names[-1], entry, *synonyms, *others):
                self._spelled.setdefault(name, set()).add(index)
                self._found_by.setdefault(name.lower(), set()).add(index)
        self.names = tuple(names)

    @classmethod
    def read(cls, classes: Any) -> ClassNames:
        """From a sequence of names, or from a file with one a line (``n02099601 golden retriever`` lines too)."""
        if isinstance(classes, ClassNames):
            return classes
        if isinstance(classes, (str, os.PathLike)):
            path = Path(classes)
            try:
                lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
            except FileNotFoundError:
                raise ClassesError(f"There is no class list '{path}': give a file with one name a line, or a list.") from None
            except (OSError, UnicodeDecodeError) as error:
                raise ClassesError(f"'{path}' cannot be read as a class list, one name a line: {error}.") from error
            while lines and not lines[-1]:
                lines.pop()
            where = f"'{path}'"
        elif isinstance(classes, Mapping) or not isinstance(classes, Iterable):
            raise ClassesError(f"classes={classes!r}: give a list of names in index order, or a file with one name a line.")
        else:
            lines = [str(name).strip() for name in classes]
            where = "The class list"
        if not lines:
            raise ClassesError(f"{where} is empty: it needs one name per class.")
        if "" in lines:
            raise ClassesError(f"{where} has no name in line {lines.index('') + 1}: every class needs one.")
        return cls(lines)

    @classmethod
    def numbered(cls, count: int) -> ClassNames:
        """ "class 0", "class 1" ..."""
        return cls([f"class {index}" for index in range(count)])

    def __len__(self) -> int:
        return len(self.names)

    def index(self, target: str | int) -> int:
        """The index of a class given by name, synonym, wnid or index.

        Raises TargetError: no such class (with the nearest names), or a name that two classes share.
        """
        count = len(self.names)
        if isinstance(target, numbers.Integral) and not isinstance(target, bool):
            if 0 <= target < count:
                return int(target)
            raise TargetError(f"This network has no class {target}: its {count} classes are numbered 0 to {count - 1}.")
        name = str(target).strip()
        found = sorted(self._spelled.get(name) or self._found_by.get(name.lower()) or set())
        if len(found) == 1:
            return found[0]
        if found:
            both = " and ".join(str(index) for index in found)
            raise TargetError(f"{len(found)} classes are called '{name}': {both}. Say which one by its index.")
        raise TargetError(self._unknown(name))

    def _unknown(self, name: str) -> str:
        if len(self.names) == 2:
            (first, second) = self.names
            sides = f"It has two: '{first}' (0) and '{second}' (1)."
            return f"This network has no class '{name}'. {sides}"
        shown_names = {known.lower() for known in self.names}
        near = did_you_mean(name, (known for known in self._found_by if ", " not in known or known in shown_names))
        for alias, indices in self._found_by.items():
            index = min(indices)
            shown = self.names[index] if alias == self.names[index].lower() else alias
            near = near.replace(f" {alias!r}", f" {shown!r} ({index})")
        return (
            f"This network has no class '{name}'.{near} It has {len(self.names)}; list them with clf.classes. Any class can be "
            "asked for, not only the predicted one."
        )
