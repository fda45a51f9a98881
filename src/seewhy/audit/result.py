"""What an audit says: a verdict for each class, saved as a page and as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from seewhy.audit.accepting import Acceptance, accepted, cue_id
from seewhy.audit.calibration import Calibration
from seewhy.audit.candidates import Candidate
from seewhy.audit.exhibits import Exhibit
from seewhy.audit.groups import PhotoGroup
from seewhy.audit.judge import Judgement, TrialOutcome
from seewhy.audit.kinds import LOCAL, SHORTCUT, SURROUNDINGS, UNDECIDED
from seewhy.audit.page import page
from seewhy.audit.planning import AuditPlan, ClassPhotos
from seewhy.audit.planted import PlantedCue, sensitivity
from seewhy.audit.sentences import PhotoCounts, sentence
from seewhy.edits import Box
from seewhy.errors import RecordError
from seewhy.explanation import versions
from seewhy.files import write_whole

SUFFIXES = (".html", ".json")
RECORD, PAGE = "audit.json", "audit.html"  # in the folder of an audit


@dataclass(frozen=True)
class TriedCue:
    """One candidate of a class, and what trying it gave. cue : what proposed it. words : what it is. cue_id : how its owner names
    it to declare it legitimate. effect, control, shared_with : see Verdict. recipients : photos that it was tried on.
    declared : it turns more than is tolerated."""

    cue: str
    cue_id: str
    words: str
    place: Box | None
    effect: float
    control: float
    recipients: int
    share: float
    declared: bool
    shared_with: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Verdict:
    """What may be said of one class.

    kind : "shortcut", "surroundings", "local", "none" or "undecided". sentence : the same for people. effect : the share of other
    photos that the cue turns into the class, less what the strongest kind of matched control turns, -1 to 1; interval : where its
    mean lies, with 95 % confidence after selection over all classes; control : the share that these controls turned. place :
    (top, left, bottom, right) as shares of the photo, None where there is none; boxes : by path, where the cue lies in the
    confirmation photos that carry it, of a cue without a fixed place. cue : why it was tried: "recurring" pixels, "moving" ones,
    "evidence" of maps, a "corner" where neither is known, the outer "ring", or a property of the whole photo
    or of its ground.
    photos : of the confirmation half, those that carry it. necessity : how many answers change when the cue is taken away, less
    controls; None where that was not tried. shuffled : the share that its pixels in another order turn. share : of the class's
    photos that carry it. limit : what the candidates turn at most, all at once. candidates : how many were tried. recipients :
    photos of other classes that the deciding one was tried on. labelled, right, copies : photos of the class, those answered
    rightly (at most 128 are used), and copies of a scene left out. carrying, others : all photos of the class, those that show
    the pixels that decide and those that do not; None where no recurring ones decide. tried : all candidates of the class.
    shared_with : other classes whose photos carry the deciding cue as well; what it turns into one of all of these counts.
    scores : of the class by stratum, "overlay" and "surroundings": the largest lower end of an effect's interval, with 97.5 %
    confidence for each candidate alone; -1 where there is none. calibration : how many clean networks of ours reach the score of
    the verdict's stratum, never a p-value; None where the kind has none. uncalibrated : why recurring pixels that turn other
    photos are "local" and no "shortcut": clean networks of ours reach the score, or cannot be compared with it; else empty.
    cue_id : the deciding cue's, see TriedCue. acceptance : the owner's declaration that it is legitimate. exhibits : pictures of
    what decided, in no record.
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
    boxes: dict[str, Box] | None = None
    necessity: float | None = None
    shuffled: float | None = None
    share: float | None = None
    limit: float = 1.0
    candidates: int = 0
    recipients: int = 0
    labelled: int = 0
    right: int = 0
    copies: int = 0
    carrying: PhotoGroup | None = None
    others: PhotoGroup | None = None
    tried: list[TriedCue] = field(default_factory=list)
    shared_with: list[str] = field(default_factory=list)
    scores: dict[str, float] = field(default_factory=dict)
    calibration: Calibration | None = None
    uncalibrated: str = ""
    cue_id: str = ""
    acceptance: Acceptance | None = None
    exhibits: list[Exhibit] = field(default_factory=list, compare=False, repr=False)

    @property
    def is_open(self) -> bool:
        """True where something is to be done: a shortcut, or an overlay whose score is uncalibrated, that nobody has declared
        legitimate; or too few photos."""
        return self.kind == UNDECIDED or (self.acceptance is None and (self.kind == SHORTCUT or bool(self.uncalibrated)))

    def __str__(self) -> str:
        return f"{self.class_name}: {self.sentence}"


@dataclass(frozen=True)
class Audit:
    """verdicts : one for each class, in index order. photos : how many were read. passes : of the network, in all. not_tried :
    what no candidate stood for. notes : on labels and photos that were left out, and candidates that could not be tried.
    planted : what became of cues that were planted; None where none were asked for. skipped : (path, reason) of photos that could
    not be read. left_out : how many have a label that is no class. power : how probable it was beforehand that a cue is declared
    with the photos at hand, as a sentence. day : on which it was made, YYYY-MM-DD."""

    verdicts: list[Verdict]
    model: str
    preprocessing: str
    photos: int
    passes: int
    settings: dict[str, Any]
    not_tried: list[str]
    notes: list[str] = field(default_factory=list)
    planted: list[PlantedCue] | None = None
    skipped: list[tuple[str, str]] = field(default_factory=list)
    left_out: int = 0
    power: str = ""
    day: str = field(default="", compare=False)

    @property
    def sensitivity(self) -> str:
        """How many of the planted cues were found, as a sentence; empty where none were asked for. It never changes
        :attr:`passed`."""
        return "" if self.planted is None else sensitivity(self.planted)

    @property
    def passed(self) -> bool:
        """True where no class is "shortcut" or "undecided", nor has an overlay whose score is uncalibrated, but for those that
        their owner has declared legitimate. It never means that there is no shortcut."""
        return not any(verdict.is_open for verdict in self.verdicts)

    def record(self) -> dict[str, Any]:
        """All of it as plain data, without the pictures."""
        fields = asdict(self)
        for verdict in fields["verdicts"]:
            del verdict["exhibits"]
        fields["skipped"] = [{"photo": path, "reason": reason} for path, reason in self.skipped]
        return {**fields, "passed": self.passed, "sensitivity": self.sensitivity, "versions": versions()}

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


def verdict_of(
    classes: Sequence[str],
    judgement: Judgement,
    plan: AuditPlan,
    found: Mapping[int, TrialOutcome],
    class_photos: ClassPhotos,
    acceptances: Sequence[Acceptance],
    grouped: tuple[PhotoGroup, PhotoGroup] | None,
    exhibits: list[Exhibit],
) -> Verdict:
    """All that is known of a class, put together. classes : all names. found : the outcome of each candidate. grouped : see
    ``Verdict.carrying``."""
    number = judgement.candidate
    outcome = None if number is None else found[number]
    candidate = None if number is None else plan.tried[number].candidate
    halves = class_photos.halves
    carriers = [] if candidate is None else candidate.carriers(halves.confirmation)
    boxes = {photo.path: box for photo in carriers if candidate is not None and (box := candidate.box_in(photo)) is not None}
    says = candidate is not None and judgement.kind in (SHORTCUT, SURROUNDINGS, LOCAL)
    shared_with = _shared_with(classes, candidate) if candidate is not None and says else []
    acceptance = accepted(acceptances, candidate) if candidate is not None and says else None
    (index, class_name) = (class_photos.index, classes[class_photos.index])
    counts = PhotoCounts(class_photos.labelled, class_photos.used, plan.pool.get(index, 0))
    budget = None if judgement.needed is None else plan.budget_for(index, judgement.needed)
    said = sentence(judgement, outcome, candidate, counts, budget, shared_with)
    (carrying, others) = grouped or (None, None)
    return Verdict(
        class_name=class_name,
        kind=judgement.kind,
        sentence=said if acceptance is None else f"{said}; declared legitimate on {acceptance.date}{_by(acceptance)}",
        effect=0.0 if outcome is None else outcome.effect,
        interval=judgement.interval,
        control=0.0 if outcome is None else outcome.control,
        place=None if candidate is None else candidate.box,
        cue="" if candidate is None else candidate.why,
        photos=[photo.path for photo in carriers],
        boxes=boxes if candidate is not None and candidate.box is None and boxes else None,
        necessity=None if outcome is None or not outcome.necessity else float(np.mean(outcome.necessity)),
        shuffled=None if outcome is None else outcome.shuffled,
        share=None if outcome is None else outcome.share,
        limit=judgement.limit,
        candidates=len(judgement.tried),
        recipients=judgement.recipients if outcome is None else outcome.tried,
        labelled=class_photos.labelled,
        right=class_photos.used,
        copies=halves.copies,
        carrying=carrying,
        others=others,
        tried=[_tried_cue(classes, plan.tried[n].candidate, found[n], n in judgement.declared) for n in judgement.tried],
        shared_with=shared_with,
        scores=judgement.scores,
        calibration=judgement.calibration,
        uncalibrated=judgement.uncalibrated,
        cue_id=cue_id(class_name, candidate) if candidate is not None and says else "",
        acceptance=acceptance,
        exhibits=exhibits,
    )


def _by(acceptance: Acceptance) -> str:
    return f": {acceptance.reason}" if acceptance.reason else ", by nobody who is named"


def _shared_with(classes: Sequence[str], candidate: Candidate) -> list[str]:
    return [classes[index] for index in sorted(candidate.shared)]


def _tried_cue(classes: Sequence[str], candidate: Candidate, outcome: TrialOutcome, declared: bool) -> TriedCue:
    return TriedCue(
        cue=candidate.why,
        cue_id=cue_id(classes[candidate.class_index], candidate),
        words=candidate.words,
        place=candidate.box,
        effect=outcome.effect,
        control=outcome.control,
        recipients=outcome.tried,
        share=outcome.share,
        declared=declared,
        shared_with=_shared_with(classes, candidate),
    )
