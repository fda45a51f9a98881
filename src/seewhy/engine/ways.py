"""What a network has shown about the ways to run it on many masked copies; kept with it, so that it is found out once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Way(NamedTuple):
    """How copies are run: as rectangles or as whole photos, and how many at once."""

    rectangles: bool
    size: int


@dataclass
class Ways:
    """refused : why rectangles cannot be used, empty while they can. trusted : the sizes of rectangles for which both have been
    compared. fastest : what was found on real work, by the kind of work."""

    refused: str = ""
    trusted: set[Any] = field(default_factory=set)
    fastest: dict[Any, Way] = field(default_factory=dict)
