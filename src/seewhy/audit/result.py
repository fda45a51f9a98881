"""What an audit says: a verdict for each class, saved as a page and as JSON."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from seewhy.audit.exhibits import Exhibit
from seewhy.audit.groups import PhotoGroup
from seewhy.audit.judge import SHORTCUT, UNDECIDED
from seewhy.audit.page import page
from seewhy.edits import Box
from seewhy.errors import RecordError
from seewhy.explanation import versions
from seewhy.files import write_whole

SUFFIXES = (".html", ".json")
RECORD, PAGE = "audit.json", "audit.html"  # in the folder of an audit


@dataclass(frozen=True)
class Verdict:
    """What may be said of one class.

    kind : "shortcut", "surroundings", "local", "none" or "undecided". sentence : the same for people. effect : the share of other
    photos that the cue turns into the class, less what matched controls turn, -1 to 1; interval : where its mean lies, with 95 %
    confidence after selection over all classes; control : the share that controls turned. place : (top, left, bottom, right) as
    shares of the photo, None where there is none. cue : why the place was tried: "recurring" pixels, "evidence" of maps, or
    a "corner" where neither is known.
    photos : of the confirmation half, those that carry it. necessity : how many answers change when the cue is taken away, less
    controls; None where that was not tried. share : of the class's photos that carry it. limit : what the candidates turn at
    most, all at once. candidates : how many were tried. recipients : photos of other classes that the deciding
    one was tried on. donors : photos that the cue of the one tried least was taken from. labelled,
    right, copies : photos of the class, those answered rightly (at most 128 are used), and copies of a scene left out. carrying,
    others : all photos of the class, those that show the pixels that decide and those that do not; None where no recurring ones
    decide. exhibits : pictures of what decided, in no record.
    """

    class_name: str
    kind: str
    sentence: str
    effect: float
    interval: tuple[float, float]
    control: float
    place: Box | None
    cue: str
    photos: list[str]
    necessity: float | None = None
    share: float | None = None
    limit: float = 1.0
    candidates: int = 0
    recipients: int = 0
    donors: int = 0
    labelled: int = 0
    right: int = 0
    copies: int = 0
    carrying: PhotoGroup | None = None
    others: PhotoGroup | None = None
    exhibits: list[Exhibit] = field(default_factory=list, compare=False, repr=False)

    def __str__(self) -> str:
        return f"{self.class_name}: {self.sentence}"


@dataclass(frozen=True)
class Audit:
    """verdicts : one for each class, in index order. photos : how many were read. passes : of the network, in all. not_tried :
    what no candidate stood for. notes : on the labels."""

    verdicts: list[Verdict]
    model: str
    preprocessing: str
    photos: int
    passes: int
    settings: dict[str, Any]
    not_tried: list[str]
    notes: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """True where no class is "shortcut" or "undecided". It never means that there is no shortcut."""
        return all(verdict.kind not in (SHORTCUT, UNDECIDED) for verdict in self.verdicts)

    def record(self) -> dict[str, Any]:
        """All of it as plain data, without the pictures."""
        fields = asdict(self)
        for verdict in fields["verdicts"]:
            del verdict["exhibits"]
        return {**fields, "passed": self.passed, "versions": versions()}

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the audit as one page, ``.html``, and beside it its record, ``.json``; or as ``.json`` alone. Returns the path.

        Raises RecordError for another suffix, or a place that cannot be written.
        """
        path = Path(path)
        if path.suffix.lower() not in SUFFIXES:
            raise RecordError(f"'{path.name}': an audit is written as {' or '.join(SUFFIXES)}.")
        if path.suffix.lower() == ".html":
            write_whole(path.with_suffix(".json"), self.json_bytes())
            return write_whole(path, self.html_bytes())
        return write_whole(path, self.json_bytes())

    def html_bytes(self) -> bytes:
        """The page as a file."""
        return page(self.record(), [verdict.exhibits for verdict in self.verdicts]).encode()

    def json_bytes(self) -> bytes:
        """:meth:`record` as a file."""
        return json.dumps(self.record(), indent=1, ensure_ascii=False, allow_nan=False).encode()

    def __str__(self) -> str:
        return "\n".join(map(str, self.verdicts))
