"""Edits: what is changed in a photo before it is prepared, as data. A new one is a file and a line here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from seewhy.edits.base import Box, Edit, Values, place_of
from seewhy.edits.fill import Fill
from seewhy.edits.inpaint import Inpaint
from seewhy.edits.match import Match
from seewhy.edits.paste import Paste
from seewhy.edits.ring import Ring
from seewhy.errors import OptionError, did_you_mean, listed

EDITS: dict[str, type[Edit]] = {kind.name: kind for kind in (Fill, Inpaint, Match, Paste, Ring)}

__all__ = ["EDITS", "Box", "Edit", "Fill", "Inpaint", "Match", "Paste", "Ring", "Values", "edit_of", "place_of"]


def edit_of(record: Mapping[str, Any]) -> Edit:
    """The edit of which :meth:`Edit.record` gave the record. Raises OptionError for another one."""
    fields = {name: tuple(value) if isinstance(value, list) else value for name, value in record.items()}
    name = fields.pop("name", None)
    if name not in EDITS:
        raise OptionError(f"There is no edit {name!r}.{did_you_mean(str(name), EDITS)} There are {listed(EDITS)}.")
    try:
        return EDITS[name](**fields)
    except TypeError as error:
        raise OptionError(f"The edit '{name}' does not have these fields: {listed(fields)}.") from error
