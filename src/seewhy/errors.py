"""What can go wrong, as one tree.

    SeewhyError
    ├── PhotoError          a file that is no picture, pixels in a wrong range, channels or sizes that do not fit
    ├── ModelError          a network that cannot be found, built or run
    │   ├── WeightsError    a weights file that is unsafe, truncated, or does not fit the architecture
    │   └── OutputError     what the network returns is not (N, classes)
    ├── ClassesError        a class list that cannot be read or has the wrong length
    ├── TargetError         a class that the network does not have, or targets that do not match the photos
    ├── LayerError          a layer that does not exist, is not reached, or has no rows and columns
    ├── GradientError       no gradient reaches the layer
    ├── MethodError         an unknown method, or one that this network cannot be explained with
    ├── OptionError         an unknown setting, or a value that it cannot take
    ├── RecordError         a saved explanation that cannot be written or read back
    └── MissingExtraError   an optional package is not installed

Each is also the built-in exception that fits (a ValueError, a RuntimeError), for code that catches those.
The first line of every message is the useful one: it says what was seen and what to write instead. The command line
prints that line and exits with 2.
"""

from __future__ import annotations

import difflib
import numbers
from collections.abc import Iterable
from typing import Any


class SeewhyError(Exception):
    """Every mistake that seewhy can put into words. Catch this one to catch them all."""

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


class LayerError(SeewhyError, ValueError):
    """The layer does not exist, is not reached, or has no rows and columns."""


class GradientError(SeewhyError, RuntimeError):
    """No gradient flows from the score to the layer."""


class MethodError(SeewhyError, ValueError):
    """The method does not exist, or does not fit this network."""


class OptionError(SeewhyError, ValueError):
    """A setting does not exist or was given a value that it cannot take."""


class RecordError(SeewhyError, ValueError):
    """A result cannot be written, or a file is not one of ours."""


class MissingExtraError(SeewhyError, ImportError):
    """An optional package is needed and not installed."""


def whole_number(name: str, value: Any, least: int = 1) -> int:
    """A setting that counts something. Raises OptionError for what is no whole number, or less than ``least``."""
    if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < least:
        bound = "above 0" if least == 1 else f"{least} or more"
        raise OptionError(f"{name}={value!r}: write a whole number{',' * (least != 1)} {bound}.")
    return int(value)


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
