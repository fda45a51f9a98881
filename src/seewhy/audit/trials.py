"""What is tried of a candidate, as data: each trial is one pass of the network on a photo of the run and an edit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from seewhy.audit.candidates import Candidate, CueChange
from seewhy.audit.photos import AuditedPhoto

MOST_RECIPIENTS = 256
MOST_CARRIERS = 64


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
    halves, for controls. why_not : why it is not tried, where that is known beforehand."""

    number: int
    candidate: Candidate
    recipients: list[AuditedPhoto]
    carriers: list[AuditedPhoto]
    thirds: list[AuditedPhoto]
    why_not: str = ""

    def trials(self) -> Iterator[AuditTrial]:
        """The cue on each recipient, beside its controls."""
        for place, photo in enumerate(self.recipients):
            yield from self._of(photo, place, self.candidate.put_on(photo, place, self.thirds_of(photo)))

    def removals(self) -> Iterator[AuditTrial]:
        """The cue taken away from each carrier, beside controls."""
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
        return self.passes_of_one() * len(self.recipients)

    def passes_of_one(self) -> int:
        """Of a recipient; 0 where there is none."""
        return sum(len(self.candidate.put_on(photo, 0, self.thirds_of(photo))) for photo in self.recipients[:1])

    def within(self, recipients: int, removals: int) -> Tried:
        """The candidate with so many recipients at most, and as many of its carriers as so many passes allow."""
        away = [len(self.candidate.taken_away(photo, 0, self.thirds_of(photo))) for photo in self.carriers[:1]]
        carriers = self.carriers[: min(MOST_CARRIERS, removals // max(1, sum(away)))]
        return dataclasses.replace(self, recipients=self.recipients[: min(MOST_RECIPIENTS, recipients)], carriers=carriers)
