"""What a network has shown about the ways to run it on many masked copies; kept with it, so that it is found out once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Way(NamedTuple):
    """How copies are run, and how many at once. kind : "rectangles", "whole", or "compiled" (whole photos, compiled network)."""

    kind: str
    size: int


@dataclass
class Ways:
    """refused : why rectangles cannot be used, empty while they can. trusted : the sizes of rectangles for which both have been
    compared. fastest : what was found on real work, seconds : of one copy, both by the kind of work."""

    refused: str = ""
    trusted: set[Any] = field(default_factory=set)
    fastest: dict[Any, Way] = field(default_factory=dict)
    seconds: dict[Any, float] = field(default_factory=dict)
