"""What every edit is: a photo's numbers in, others out, and everything that it takes as plain data.

An edit can be stored beside its result, repeated, and sent to another machine. It changes the photo as it was opened, upright and
before any resizing, so that it goes through the same preparation as a photo that somebody had edited by hand.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import PureWindowsPath
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt
from PIL import Image

from seewhy.errors import OptionError, PhotoError, setting
from seewhy.photo import FULL

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


def check_source(source: Any) -> None:
    """Raises OptionError for what is outside the photos' folder: it would not be found on another machine, where the store is
    passed on to, and names a folder of this one."""
    parts = PureWindowsPath(source).parts if isinstance(source, str) else ()  # takes both kinds of slashes
    outside = not parts or source[0] in "/\\" or re.match("[A-Za-z]:|[A-Za-z0-9+.-]+://", source) is not None or ".." in parts
    if outside:
        raise OptionError(f"{setting('source', source)}: write a path from the photos' folder, and in it: 'cow/0.jpg'.")


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


def resized(patch: Values, size: tuple[int, ...]) -> Values:
    """Bilinear; of as many rows and columns."""
    if patch.shape[:2] == size:
        return patch
    planes = patch.reshape(*patch.shape[:2], -1).astype(np.float32)
    resized = [
        np.asarray(Image.fromarray(planes[..., n]).resize((size[1], size[0]), Image.Resampling.BILINEAR))
        for n in range(planes.shape[2])
    ]
    stacked = np.stack(resized, axis=-1).reshape(*size, *patch.shape[2:])
    return (np.rint(stacked) if patch.dtype.kind == "u" else stacked).astype(patch.dtype)


def in_form_of(values: Values, donor: Values) -> Values:
    """The donor's numbers with the channels and of the type of the photo's: grey as three channels and the other way round, and
    white as what is white there.

    Raises PhotoError where the photo has other channels than 1 or 3 and the donor not the same.
    """
    converted = donor
    (channels, own) = (1 if photo.ndim == 2 else photo.shape[2] for photo in (values, donor))
    if own != channels:
        if {own, channels} != {1, 3}:
            raise PhotoError(f"A photo of {own} channels has nothing that could be laid on one of {channels}.")
        grey = donor.reshape(*donor.shape[:2], own).astype(np.float32) @ np.array(
            [0.299, 0.587, 0.114] if own == 3 else [1], np.float32
        )
        converted = grey if channels == 1 else grey[..., None].repeat(3, axis=2)
    if converted.dtype != values.dtype:
        converted = converted.astype(np.float32) * (FULL.get(values.dtype, 1) / FULL.get(donor.dtype, 1))
        converted = (np.rint(converted) if values.dtype.kind == "u" else converted).astype(values.dtype)
    formed: Values = converted.reshape(*donor.shape[:2], *values.shape[2:])
    return formed
