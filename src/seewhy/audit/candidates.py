"""What might be a shortcut of a class, and how it is tried. A new kind is a file, and a line in ``planning.py``."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field

from seewhy.audit.kinds import LOCAL, SHORTCUT
from seewhy.audit.photos import AuditedPhoto
from seewhy.edits import Box, Edit

LEAST_SHARE = 0.10  # of a class's photos that carry a cue ...
LEAST_LIFT = 3.0  # ... and how many times as often as others
OVERLAY_CARRIERS = 5  # of the discovery half: fewer photos look alike by chance
OVERLAY_FILLED = 0.75  # of an overlay's box that shows the same; a round one fills 0.79
MOST_AREA = 0.25  # of the photo that what recurs may fill: laying more than that on another one shows little


@dataclass(frozen=True)
class CueChange:
    """What is done to one photo. role : CUE, FILLED or REPLACED. control : its kind; empty for the cue itself."""

    role: str
    edit: Edit
    control: str = ""


@dataclass(frozen=True, eq=False)
class Candidate(ABC):
    """Subclasses are frozen dataclasses, made from the discovery half alone: what is tried is what stands in their donors.

    class_index : whose shortcut it may be. why : what has proposed it, a word of ``kinds``. donors : photos of the discovery half
    that show it, never none. shared : indices of other classes whose photos show it, too; what it turns into one of all of these
    counts.
    """

    class_index: int
    why: str
    donors: list[AuditedPhoto]
    shared: frozenset[int] = field(default=frozenset(), kw_only=True)

    @property
    def classes(self) -> frozenset[int]:
        """Its class, and those that share it."""
        return self.shared | {self.class_index}

    @property
    def box(self) -> Box | None:
        """Where it lies in every photo; None where it has no fixed place."""
        return None

    def surrounds(self, box: Box) -> bool:
        """True of what lies along the edges, for a place that is a part of it: where that turns as much, it is what decides."""
        return False

    @property
    def is_overlay(self) -> bool:
        """True where the same pixels make up all of it: nothing that lies behind or beside them can be what turns an answer."""
        return False

    @property
    def kind(self) -> str:
        """What it is called where it turns answers and recurs in the class's photos."""
        return SHORTCUT if self.is_overlay else LOCAL

    @property
    @abstractmethod
    def words(self) -> str:
        """What it is, for people: "what lies in the middle"."""

    @abstractmethod
    def carriers(self, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
        """The photos that show it."""

    def share_of(self, photos: Sequence[AuditedPhoto]) -> float:
        """The share of the photos that carry it; 0 of none."""
        return len(self.carriers(photos)) / len(photos) if photos else 0.0

    def donor(self, place: int) -> AuditedPhoto:
        """The donor of the recipient at this place of a list: they take turns."""
        return self.donors[place % len(self.donors)]

    @abstractmethod
    def put_on(self, recipient: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        """The cue on another class's photo, and its controls, each of which changes as much of it.

        place : of the recipient in the list of them, by which donors and other choices take turns. thirds : discovery photos of
        other classes than the candidate's and the recipient's; where there is no third class, others of the recipient's.
        """

    @abstractmethod
    def taken_away(self, carrier: AuditedPhoto, place: int, thirds: Sequence[AuditedPhoto]) -> list[CueChange]:
        """The cue taken away from a photo of its class that carries it, and controls; empty where that cannot be done."""

    def box_in(self, photo: AuditedPhoto) -> Box | None:
        """Where it lies in a photo that carries it; None where it has no place."""
        return self.box
