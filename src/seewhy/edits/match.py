"""Match: a property of the whole photo, or of its ground, as another photo has it."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

from seewhy.edits.base import Edit, Values, check_source
from seewhy.errors import OptionError, did_you_mean, listed, setting
from seewhy.properties import PROPERTIES


@dataclass(frozen=True, kw_only=True)
class Match(Edit):
    """source : the path of the other photo, from the photos' folder, and in it. property : a name of ``properties.PROPERTIES``.
    opposite : the photo is moved as far the other way.

    The photo gets what the other one measures as nearly as it can; a property that it cannot have, as the saturation of a grey
    photo, leaves it as it is.
    """

    name: ClassVar[str] = "match"

    source: str
    property: str
    opposite: bool = False

    def __post_init__(self) -> None:
        check_source(self.source)
        if self.property not in PROPERTIES:
            hint = did_you_mean(str(self.property), PROPERTIES)
            raise OptionError(
                f"{setting('property', self.property)}: there is no such property.{hint} There are {listed(PROPERTIES)}."
            )
        if not isinstance(self.opposite, bool):
            raise OptionError(f"{setting('opposite', self.opposite)}: write True or False.")

    def apply(self, values: Values, other: Callable[[str], Values]) -> Values:
        kind = PROPERTIES[self.property]
        goal = kind.measure(other(self.source))
        if self.opposite:
            goal = 2 * kind.measure(values) - goal
        return kind.adjusted(values, goal)

    @builtins.property  # the field of that name hides it
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    @builtins.property  # the field of that name hides it
    def words(self) -> str:
        return f"its {self.property} moved {'away from' if self.opposite else 'to'} that of '{self.source}'"
