"""What is tried of a candidate, as data: each trial is one pass of the network on a photo of the run and an edit."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seewhy.audit.candidates import Candidate, CueChange
from seewhy.audit.kinds import CUE
from seewhy.audit.photos import AuditedPhoto

MOST_RECIPIENTS = 256
MOST_CARRIERS = 64
_SHARE_OF_NECESSITY = 0.2  # of the passes of a candidate


@dataclass(frozen=True)
class AuditTrial:
    """candidate : its number. photo : the place of the photo among those that this candidate is tried on, or taken away from;
    what has one place is one outcome. number : of the photo in the run."""

    candidate: int
    photo: int
    path: str
    number: int
    change: CueChange

    @property
    def role(self) -> str:
        return self.change.role

    @property
    def control(self) -> str:
        return self.change.control


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate with the photos that it is tried on. number : its place among the candidates of all classes. recipients : of
    other classes, they do not carry it. carriers : of its class's confirmation half. thirds : of other classes' discovery
    halves, for controls."""

    number: int
    candidate: Candidate
    recipients: list[AuditedPhoto]
    carriers: list[AuditedPhoto]
    thirds: list[AuditedPhoto]

    def trials(self) -> Iterator[AuditTrial]:
        for place, photo in enumerate(self.recipients):
            yield from self._of(photo, place, self.candidate.put_on(photo, place, self.thirds_of(photo)))
        for place, photo in enumerate(self.carriers):
            yield from self._of(photo, place, self.candidate.taken_away(photo, place, self.thirds_of(photo)))

    def thirds_of(self, photo: AuditedPhoto) -> list[AuditedPhoto]:
        """Photos of a class that is neither the candidate's nor the photo's; where there is none, others of the photo's class."""
        foreign = [third for third in self.thirds if third.label != photo.label]
        return foreign or [third for third in self.thirds if third.number != photo.number]

    def _of(self, photo: AuditedPhoto, place: int, changes: Sequence[CueChange]) -> Iterator[AuditTrial]:
        for change in changes:
            yield AuditTrial(self.number, place, photo.path, photo.number, change)

    def passes(self) -> int:
        """How many trials there are, about: each photo takes as many as the first one."""
        put_on = [self.candidate.put_on(photo, 0, self.thirds_of(photo)) for photo in self.recipients[:1]]
        away = [self.candidate.taken_away(photo, 0, self.thirds_of(photo)) for photo in self.carriers[:1]]
        return sum(map(len, put_on)) * len(self.recipients) + sum(map(len, away)) * len(self.carriers)


def within(tried: Tried, budget: int) -> Tried:
    """The candidate with as many of its photos as its passes allow: most for the recipients, which decide."""
    whole = Tried(tried.number, tried.candidate, tried.recipients[:1], tried.carriers[:1], tried.thirds)
    each_recipient = max(1, sum(trial.role == CUE for trial in whole.trials()))
    each_carrier = max(1, sum(trial.role != CUE for trial in whole.trials()))
    carriers = tried.carriers[: min(MOST_CARRIERS, int(budget * _SHARE_OF_NECESSITY) // each_carrier)]
    left = budget - each_carrier * len(carriers)
    recipients = tried.recipients[: min(MOST_RECIPIENTS, max(1, left // each_recipient))]
    return Tried(tried.number, tried.candidate, recipients, carriers, tried.thirds)
