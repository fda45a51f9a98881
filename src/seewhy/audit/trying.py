"""The trials of a plan are run: the cues on other photos first, then those that decide are taken away from their own."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from seewhy.audit.answers import answers_of, is_finished, kept_in, seconds_of_one
from seewhy.audit.changed import why_unseen
from seewhy.audit.exhibits import SHOWN, Shown, typical_put_on, typical_taken_away
from seewhy.audit.judge import Judgement, TrialOutcome, outcomes
from seewhy.audit.planning import AuditPlan
from seewhy.audit.trials import AuditTrial
from seewhy.classifier import Classifier
from seewhy.engine import runner
from seewhy.store.photos import ListedPhotos
from seewhy.store.places import Folder, folder_at

_MOST_TRIALS = 100_000  # that are held at once
_MOST_UNSEEN = 10  # candidates that are named where they could not be tried


@dataclass
class Results:
    """outcomes, typical : of each candidate by its number. passes : trials. unread : those that could not be made; reason : why
    the first of them could not. unseen : candidates that could not be tried, as the class, what it is, and why."""

    outcomes: dict[int, TrialOutcome] = field(default_factory=dict)
    typical: dict[int, Shown] = field(default_factory=dict)
    passes: int = 0
    unread: int = 0
    reason: str = ""
    unseen: list[tuple[str, str, str]] = field(default_factory=list)

    def notes(self) -> list[str]:
        notes = [f"{self.unread} of {self.passes} trials could not be made: {self.reason}"] if self.unread else []
        notes += [f"not tried for {name}: {words}: {why}" for name, words, why in self.unseen[:_MOST_UNSEEN]]
        if len(self.unseen) > _MOST_UNSEEN:
            notes.append(f"and {len(self.unseen) - _MOST_UNSEEN} other candidates that could not be tried")
        return notes


@dataclass(frozen=True)
class Trying:
    """How trials are run. folder_of : the folder of a part of them by its name. progress, ray, batch_size : as for
    :func:`seewhy.run`."""

    clf: Classifier
    listed_photos: ListedPhotos
    plan: AuditPlan
    folder_of: Callable[[str], str]
    batch_size: int | None = None
    ray: str | None = None
    progress: bool | runner.ProgressCallback | None = None

    def put_on(self, told: Callable[[str], None] | None = None) -> Results:
        """Every cue on photos of other classes. told : is given the cost before."""
        results = Results()
        blocks = [*self.plan.blocks(_MOST_TRIALS)]
        names = [f"trials{f'-{place}' if place else ''}" for place in range(len(blocks))]
        for place, block in enumerate(blocks):
            reasons = {tried.number: why_unseen(self.clf, self.listed_photos, tried) for tried in block}
            seen = [tried for tried in block if not reasons[tried.number]]
            results.unseen += [
                (self.clf.classes[tried.candidate.class_index], tried.candidate.words, reasons[tried.number])
                for tried in block
                if reasons[tried.number]
            ]
            trials = [trial for tried in seen for trial in tried.trials()]
            if place == 0 and told is not None:
                passes = self.plan.passes() - sum(tried.passes() for tried in block if reasons[tried.number])
                told(self._cost(passes, trials, [folder_at(self.folder_of(name)) for name in names]))
            task = "Trials" if len(blocks) == 1 else f"Trials, part {place + 1} of {len(blocks)}"
            answered = self._run(names[place], trials, results, task)
            for tried in block:
                number = tried.number
                outcome = outcomes([number], self.plan.candidates, *_apart(answered[number]), self.plan.shares)[number]
                results.outcomes[number] = outcome
                results.typical[number] = typical_put_on(_read(answered[number]), tried.candidate.classes, outcome)
        return results

    def taken_away(self, judgements: Sequence[Judgement], results: Results) -> None:
        """The cues that decide are taken away from photos of their classes; the results are completed."""
        numbers = [one.candidate for one in judgements if one.kind in SHOWN and one.candidate is not None]
        tried_cues = {number: self.plan.tried[number] for number in numbers}
        trials = [trial for tried in tried_cues.values() for trial in tried.removals()]
        answered = self._run("removals", trials, results, "Removals")
        for number, tried in tried_cues.items():
            outcome = outcomes([number], self.plan.candidates, *_apart(answered[number]), self.plan.shares)[number]
            results.outcomes[number] = dataclasses.replace(results.outcomes[number], necessity=outcome.necessity)
            away = typical_taken_away(_read(answered[number]), tried.candidate.class_index)
            results.typical[number] = [*away, *results.typical[number]]

    def _run(
        self, name: str, trials: Sequence[AuditTrial], results: Results, task: str
    ) -> dict[int, list[tuple[AuditTrial, int | None]]]:
        """By candidate its trials with the predicted classes; None where one could not be made."""
        folder = folder_at(self.folder_of(name))
        try:
            answers = answers_of(self.clf, self.listed_photos, trials, folder, self.batch_size, self.ray, self.progress, task)
        except KeyboardInterrupt:
            kept = results.passes + kept_in(folder)
            trials_are = "trial is" if kept == 1 else "trials are"
            raise KeyboardInterrupt(
                f"{kept:,} {trials_are} done and kept in {folder}; begun again, the audit goes on from there"
            ) from None
        results.passes += len(trials)
        results.unread += len(trials) - len(answers.predicted)
        results.reason = results.reason or answers.reason
        answered: dict[int, list[tuple[AuditTrial, int | None]]] = {tried.number: [] for tried in self.plan.tried}
        for place, trial in enumerate(trials):
            answered[trial.candidate].append((trial, answers.predicted.get(place)))
        return answered

    def _cost(self, passes: int, trials: Sequence[AuditTrial], folders: Sequence[Folder]) -> str:
        """passes : of all parts. trials : of the first part, which are timed. folders : of all parts."""
        count = len(self.plan.tried)
        words = (
            f"{count:,} candidate{'' if count == 1 else 's'}, {passes:,} passes of the network with what is changed in the photos"
        )
        if all(map(is_finished, folders)):
            return f"{words}: all of them are kept already"
        kept = min(passes, sum(map(kept_in, folders)))
        seconds = seconds_of_one(self.clf, self.listed_photos, trials, self.batch_size) or 0.0
        return (
            f"{words}, {f'{kept:,} of them kept already, ' if kept else ''}about {runner.in_time((passes - kept) * seconds)}; "
            "what decides is then taken away from its own photos"
        )


def _apart(answered: Sequence[tuple[AuditTrial, int | None]]) -> tuple[list[AuditTrial], dict[int, int]]:
    return [trial for trial, _ in answered], {place: answer for place, (_, answer) in enumerate(answered) if answer is not None}


def _read(answered: Sequence[tuple[AuditTrial, int | None]]) -> list[tuple[AuditTrial, int]]:
    return [(trial, answer) for trial, answer in answered if answer is not None]
