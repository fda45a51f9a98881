"""What can go wrong, as one tree.

    SeewhyError
    ├── PhotoError          a file that is no picture, pixels in a wrong range, channels or sizes that do not fit
    ├── ModelError          a network that cannot be found, built or run
    │   ├── WeightsError    a weights file that is unsafe, truncated, or does not fit the architecture
    │   └── OutputError     what the network returns is not (N, classes)
    ├── ClassesError        a class list that cannot be read or has the wrong length
    ├── TargetError         a class that the network does not have, or targets that do not match the photos
    ├── ComparisonError     the class that targets are compared with is a target of this photo itself
    ├── LayerError          a layer that does not exist, is not reached, or has no rows and columns
    ├── GradientError       no gradient reaches the layer
    ├── MethodError         an unknown method, or one that this network cannot be explained with
    ├── OptionError         an unknown setting, or a value that it cannot take
    ├── RecordError         a saved explanation that cannot be written or read back
    │   └── StoreError      a store of explanations that belongs to another run, is in use, broken, or cannot be written
    └── MissingExtraError   an optional package is not installed

Each is also the built-in exception that fits (a ValueError, a RuntimeError), for code that catches those.
The first line of every message is the useful one: it says what was seen and what to write instead. The command line
prints that line and exits with 2.

A message that names a setting marks it, ``f"use {setting('method', 'hires_cam')}"``: Python reads ``method='hires_cam'``, the
command line ``--method hires_cam``; where a command has no such flag, ``method='hires_cam' in Python``.
"""

from __future__ import annotations

import difflib
import math
import numbers
import re
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

# A marked setting: start of text, name, separator, the value as Python writes it, end. Control characters, so that no sentence,
# file name or class name looks like one.
_MARKED = re.compile("\x01([^\x01-\x03]*)\x02([^\x01-\x03]*)\x03")
_NO_VALUE = object()


def setting(name: str, value: Any = _NO_VALUE) -> str:
    """A setting as a part of a message, for SeewhyError and Note: ``relu=False`` in Python, ``--no-relu`` on the command line.

    value : left out where the message speaks of the setting as such: ``relu=`` and ``--relu``.
    """
    return f"\x01{name}\x02{'' if value is _NO_VALUE else repr(value)}\x03"


AMessage = TypeVar("AMessage", bound="Message")


class Message(str):
    """A sentence for people. As a string it spells its settings as Python does; ``spelled`` gives any other spelling."""

    marked: str  # the sentence with its settings marked

    def __new__(cls: type[AMessage], text: str) -> AMessage:
        marked = getattr(text, "marked", text)
        message = super().__new__(cls, _MARKED.sub(r"\1=\2", marked))
        message.marked = marked
        return message

    def spelled(self, spelling: Callable[[str, str], str]) -> str:
        """The sentence with every setting as ``spelling(name, value)`` writes it; value as in Python, "" for none."""
        return _MARKED.sub(lambda match: spelling(match[1], match[2]), self.marked)


class SeewhyError(Exception):
    """Every mistake that seewhy can put into words. Catch this one to catch them all.

    clause : the same as a part of a sentence; the whole line where it is short enough for that.
    """

    def __init__(self, message: str = "", clause: str = "") -> None:
        self.message = Message(message)
        super().__init__(str(self.message))
        self.clause = clause or self.line.rstrip(".")

    @property
    def line(self) -> str:
        """The first line of the message: the one that says what to do."""
        return str(self).splitlines()[0] if str(self) else type(self).__name__


class PhotoError(SeewhyError, ValueError):
    """The photo cannot be read, or does not fit the network."""


class ModelError(SeewhyError, RuntimeError):
    """The network cannot be found, built or run."""


class WeightsError(ModelError):
    """The weights file is unsafe, broken, or belongs to another architecture."""


class OutputError(ModelError):
    """The network returns something else than one row of class scores per photo."""


class ClassesError(SeewhyError, ValueError):
    """The class list cannot be read or does not match the network."""


class TargetError(SeewhyError, ValueError):
    """The class that was asked for does not exist, or the targets do not match the photos."""


class ComparisonError(SeewhyError, ValueError):
    """The class that targets are compared with is one of them. No TargetError: another photo may have another first class."""


class LayerError(SeewhyError, ValueError):
    """The layer does not exist, is not reached, or has no rows and columns."""


class GradientError(SeewhyError, RuntimeError):
    """No gradient flows from the score to the layer."""


class MethodError(SeewhyError, ValueError):
    """The method does not exist, or does not fit this network."""


class OptionError(SeewhyError, ValueError):
    """A setting does not exist or was given a value that it cannot take."""


class BudgetError(OptionError):
    """A budget that was used up before there was anything to show."""


class RecordError(SeewhyError, ValueError):
    """A result cannot be written, or a file is not one of ours."""


class StoreError(RecordError):
    """A store of explanations belongs to another run, is in use by one, is broken, or cannot be written."""


class MissingExtraError(SeewhyError, ImportError):
    """An optional package is needed and not installed."""


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """A setting that counts something. Raises OptionError for what is no whole number, or less than ``least``."""
    if not is_whole_number(value) or value < least:
        bound = "above 0" if least == 1 else f"{least} or more"
        raise OptionError(f"{setting(name, value)}: write a whole number{',' * (least != 1)} {bound}.")
    return int(value)


def is_whole_number(value: Any) -> bool:
    """True for an integer of Python or numpy; False for a bool."""
    return isinstance(value, numbers.Integral) and not isinstance(value, bool)


def is_number(value: Any) -> bool:
    """True for one finite number, of Python or numpy; False for a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


def did_you_mean(word: str, known: Iterable[str], most: int = 3) -> str:
    """``" Did you mean 'tiger cat'?"`` with the nearest known names, or an empty string when none is near."""
    by_lower = {name.lower(): name for name in known}
    near = [by_lower[match] for match in difflib.get_close_matches(word.lower(), by_lower, n=most, cutoff=0.6)]
    if not near:
        return ""
    return " Did you mean " + " or ".join(repr(name) for name in near) + "?"


def listed(names: Iterable[object], most: int = 8) -> str:
    """``"a, b, c"``; of a long list the first few and the count."""
    words = [str(name) for name in names]
    return ", ".join(words) if len(words) <= most else ", ".join(words[:most]) + f" ... ({len(words)} in all)"


def alternatives(names: Iterable[object]) -> str:
    """``"a, b or c"``."""
    words = [str(name) for name in names]
    return " or ".join(filter(None, (", ".join(words[:-1]), *words[-1:])))
