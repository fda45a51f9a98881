"""What every edit is: a photo's numbers in, others out, and everything that it takes as plain data.

An edit can be stored beside its result, repeated, and sent to another machine. It changes the photo as it was opened, upright and
before any resizing, so that it goes through the same preparation as a photo that somebody had edited by hand.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from seewhy.errors import OptionError, setting

Box = tuple[float, float, float, float]  # (top, left, bottom, right), as shares of the photo's height and width
Values = npt.NDArray[Any]  # of an opened photo: see photo.Picture


@dataclass(frozen=True, kw_only=True)
class Edit(ABC):
    """Subclasses are frozen dataclasses; their fields are plain data."""

    name: ClassVar[str]

    @abstractmethod
    def apply(self, values: Values, other: Callable[[str], Values]) -> Values:
        """The photo's numbers ``(H, W, C)`` or ``(H, W)``, edited; of the same shape and type.

        other : opens another photo, one of ``sources``, by its path, as paths are written in a run. The given numbers are left as
        they are.
        Raises PhotoError where the edit does not suit the photo.
        """

    @property
    @abstractmethod
    def words(self) -> str:
        """What was changed, for people."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The paths of the other photos that it takes something from."""
        return ()

    def record(self) -> dict[str, Any]:
        """The edit as plain data; ``edits.edit_of`` makes it an edit again."""
        return {"name": self.name, **asdict(self)}


def check_box(name: str, box: Any) -> Box:
    """Raises OptionError for what is no box within the photo."""
    try:
        (top, left, bottom, right) = plain_floats(box)
    except (TypeError, ValueError):
        (top, left, bottom, right) = (1.0, 1.0, 0.0, 0.0)
    if not (0 <= top < bottom <= 1 and 0 <= left < right <= 1):
        raise OptionError(f"{setting(name, box)}: write (top, left, bottom, right) as shares of the photo: (0, 0, 0.2, 0.5).")
    return (top, left, bottom, right)


def plain_floats(values: Any) -> tuple[float, ...]:
    """Numbers of a list, an array, a tensor as Python's own, so that an edit can be stored. Raises TypeError, ValueError."""
    if isinstance(values, str):
        raise TypeError(f"{values!r} is a text")  # digits of a text are not numbers one by one
    return tuple(float(value) for value in values)


def place_of(box: Box, values: Values) -> tuple[slice, slice]:
    """The rows and columns of a box in a photo, at least one of each."""
    (height, width) = values.shape[:2]
    (top, left, bottom, right) = np.rint(np.multiply(box, (height, width, height, width))).astype(int)
    (top, left) = (min(top, height - 1), min(left, width - 1))
    return slice(int(top), int(max(bottom, top + 1))), slice(int(left), int(max(right, left + 1)))


def box_in_words(box: Box) -> str:
    """ "rows 0-20 %, columns 0-50 %" """
    (top, left, bottom, right) = (round(100 * side) for side in box)
    return f"rows {top}-{bottom} %, columns {left}-{right} %"
