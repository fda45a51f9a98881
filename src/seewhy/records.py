"""The small records that go through seewhy: frozen, with raw numbers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import numpy.typing as npt

from seewhy.errors import Message
from seewhy.formatting import format_score, format_sides
from seewhy.geometry import Array, Geometry


@dataclass(frozen=True)
class Display:
    """How a picture was made of a photo's values, where it is not simply the photo.

    bands : which channels are shown, counted from 0: one (grey) or three (red, green, blue).
    limits : for each of them what is black and what is white, in units of ``Photo.pixels``.
    """

    bands: tuple[int, ...]
    limits: tuple[tuple[float, float], ...]


@dataclass(frozen=True, eq=False)
class Photo:
    """A photo as the person sees it, and as the network does; or a volume, whose slices are the first axis behind the channels.

    original : uint8 ``(H, W, 3)`` or ``(H, W)``, turned upright; with ``preprocess=None`` the tensor itself, float32
        ``(H, W, C)``, unless ``display`` says otherwise. Of a volume uint8 ``(D, H, W)`` or ``(D, H, W, 3)``.
    pixels : float32 ``(C, h, w)``, the network's input before normalisation: 0-255, or the tensor's own units where
        ``preprocess=None``. Of a volume ``(C, D, h, w)``.
    geometry : where the input lies on the original.
    name : the file's name, or "photo".
    preprocessing : the preprocessing in words.
    notes : what was changed on the way in (a grey channel repeated, transparency laid on white).
    raw : the photo's own values ``(H, W)`` or ``(H, W, C)``, where ``original`` shows only a part of them (16 bits, many bands);
        else None. display : how ``original`` was made of them.
    inputs : the other inputs of a network that takes several, as for one photo: arrays without batch axis, or plain values.
    rebuilt : ``pixels`` were cut out of ``original`` again, and are not quite the network's input: a classifier reads it anew.
    """

    original: npt.NDArray[Any]
    pixels: Array
    geometry: Geometry
    name: str = "photo"
    preprocessing: str = ""
    notes: tuple[str, ...] = ()
    raw: npt.NDArray[Any] | None = None
    display: Display | None = None
    inputs: dict[str | int, Any] = field(default_factory=dict)
    rebuilt: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "notes", tuple(map(Message, self.notes)))  # as strings they spell settings as Python does

    @property
    def depth(self) -> int | None:
        """How many slices a volume has; None for photos."""
        return self.pixels.shape[1] if self.pixels.ndim == 4 else None


@dataclass(frozen=True)
class Prediction:
    """One class and the probability that the network gives it."""

    name: str
    index: int
    score: float

    def __str__(self) -> str:
        return f"{self.name} ({format_score(self.score)})"


@dataclass(frozen=True)
class Target:
    """What is explained: a class with its score and its rank (1 = the network's first choice).

    For a callable target ``index`` and ``rank`` are None and ``score`` is the value that it returned.
    against : the class that it is compared with; then the difference of the two classes' values is explained. None: no other.
    """

    name: str
    index: int | None
    score: float
    rank: int | None
    against: Prediction | None = None

    @property
    def text(self) -> str:
        """In words: "cow"; compared with another class "cow, not bear"."""
        return self.name if self.against is None else f"{self.name}, not {self.against.name}"

    @property
    def scores(self) -> tuple[float, ...]:
        """Of the class, and of the one that it is compared with."""
        return (self.score,) if self.against is None else (self.score, self.against.score)

    @property
    def scores_text(self) -> str:
        """In words: "0.90"; compared with another class "0.90 against 0.08"."""
        return " against ".join(map(format_score, self.scores))

    def __str__(self) -> str:
        return f"{self.text} ({self.scores_text})"


@dataclass(frozen=True)
class FeatureLayer:
    """A place in the network that can be explained.

    name : what ``layer=`` takes. kind : the operation or the module. grid : (rows, columns), of a volume (slices, rows, columns).
    channels : how many. automatic : True for the one that is taken when no layer is named.
    """

    name: str
    kind: str
    grid: tuple[int, ...]
    channels: int
    automatic: bool = False

    def __str__(self) -> str:
        return f"{self.name} {format_sides(self.grid)}"


@dataclass(frozen=True)
class Cost:
    """What an explanation cost: photos through the network forward and backward, and seconds."""

    forward: float
    backward: float
    seconds: float

    def __add__(self, other: Cost) -> Cost:
        return Cost(self.forward + other.forward, self.backward + other.backward, self.seconds + other.seconds)


class Ending(str, Enum):
    """Why work that could go on came to its end; recorded as ``details["stopped"]``."""

    COMPLETE = ""
    INTERRUPTED = "interrupted"  # Ctrl-C
    BUDGET = "budget"
    STABLE = "stable"  # LIME with budget="auto": more samples would not change the ranking
    RUNNING = "running"  # it has not ended: a partial result for a progress callback

    @property
    def text(self) -> str:
        """In words, for a sentence that goes on with "after 3 of 5 masks"."""
        return {"interrupted": "interrupted", "budget": "stopped by the budget", "running": "so far"}.get(self.value, self.value)


class Note(Message):
    """A diagnosis in words, for people; nothing is decided by it. Settings in it are marked as in an error's message.

    target : the number of the map that it speaks of, counted as in ``Explanation.targets``; None for the photo or the call.
    """

    target: int | None

    def __new__(cls, text: str, target: int | None = None) -> Note:
        note = super().__new__(cls, text)
        note.target = target
        return note
