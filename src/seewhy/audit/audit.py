"""Does a network lean on a shortcut, and how sure is that? Proposed by statistics and maps, proven by changing photos."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seewhy.audit import statistics
from seewhy.audit.accepting import acceptances_of
from seewhy.audit.answers import answers_of, seconds_of_one
from seewhy.audit.candidates import Candidate
from seewhy.audit.changed import arrives
from seewhy.audit.exhibits import SHOWN, Shown, exhibits_of, typical_trials
from seewhy.audit.groups import groups
from seewhy.audit.heads import readable_layer
from seewhy.audit.judge import Judgement, TrialOutcome, judged, outcomes
from seewhy.audit.kinds import MOVING, RECURRING
from seewhy.audit.planning import AuditPlan, photos_by_class, planned
from seewhy.audit.planting import BUDGET as PLANT_BUDGET
from seewhy.audit.planting import planted_audits
from seewhy.audit.result import PAGE, RECORD, Audit, verdict_of
from seewhy.audit.trials import AuditTrial
from seewhy.classifier import Classifier, check_photos
from seewhy.engine import runner
from seewhy.errors import OptionError, PhotoError, TargetError, did_you_mean, setting, whole_number
from seewhy.explain import check_classifier
from seewhy.run import run
from seewhy.store.photos import list_photos
from seewhy.store.places import folder_at

LEAST_BUDGET = 200
BUDGET = 7_000  # passes of the network for a class, at most
_MOST_TRIALS = 100_000  # that are held at once
NOT_TRIED = (
    "cues without a fixed place",
    "ground, colour cast, brightness, contrast, sharpness, noise and JPEG blocks of the whole photo",
    "a border around the photo",
    "cues that only work together",
    "whether an overlay is a legitimate one",
)


def audit(
    clf: Classifier,
    photos: Any,
    labels: Any = None,
    store: str | os.PathLike[str] | None = None,
    budget: int | None = None,
    seed: int = 0,
    *,
    classes: Sequence[str | int] | None = None,
    accept: Sequence[str] = (),
    plant: int | None = None,
    batch_size: int | None = None,
    ray: str | None = None,
    progress: bool | runner.ProgressCallback | None = None,
    told: Callable[[str], None] | None = None,
) -> Audit:
    """For each class whether its answer hangs on something that has no business there.

    Half of each class's rightly answered photos give candidates: places where the same pixels recur, and where the maps are
    brightest. Each is put on photos of other classes, beside matched controls, and taken away from its own. What turns more than
    ``statistics.TOLERATED`` of them is declared, with the expected share of false ones among all that is declared at most
    ``statistics.FALSE_DISCOVERIES``.

    photos, labels : as for :func:`seewhy.run`; every photo needs one. store : a folder where photos, trials, audit.json and
        audit.html are kept, so that the same call goes on after an interruption; None: they are forgotten.
    budget : passes of the network for a class, at most; None: 7,000. seed : of the halves. classes : the ones to judge; None: all
        that have a photo. accept : cues that their owner declares legitimate, as their ``cue_id`` names them.
    plant : so many known cues are drawn on the photos, heads are trained on the network's features of them, and these are
        audited, too: ``Audit.planted`` says how many were found. None: nothing is planted.
    ray, progress, batch_size : as there. told : is given lines on what will be done and what it costs, before it is.

    Raises PhotoError: no photo has a label; TargetError: a class that the network does not have; MethodError: plant, and
    no layer of the network can be read; what :func:`seewhy.run` raises.
    """
    check_classifier(clf)
    check_photos(clf, "audit")
    budget = BUDGET if budget is None else whole_number("budget", budget)
    if budget < LEAST_BUDGET:
        raise OptionError(f"{setting('budget', budget)}: nothing can be said of a class by less than {LEAST_BUDGET} passes.")
    if plant is not None:
        whole_number("plant", plant)
        readable_layer(clf)  # else it is said before the work
    with _place(store) as folder:
        listed_photos = list_photos(photos, labels, clf.class_names())
        labelled = {label for label in listed_photos.labels if label is not None}
        if not labelled:
            raise PhotoError(f"No photo has a label, and an audit needs them: write {setting('labels', 'folders')}, or a file.")
        asked = _asked(clf, classes, sorted(labelled))
        acceptances = acceptances_of(accept, clf)
        tell = told or (lambda line: None)
        tell(
            f"{len(listed_photos.paths):,} photos, then at most {budget:,} passes for each of {_count(asked, 'class', 'classes')}"
            + (f", and {min(budget, PLANT_BUDGET):,} for each of {plant} planted cues" if plant else "")
        )
        base = run(
            clf,
            photos,
            _below(folder, "photos"),
            labels=labels,
            target=None,
            batch_size=batch_size,
            ray=ray,
            progress=progress,
        )
        by_class = photos_by_class(base, seed)
        asked = [index for index in asked if index in by_class]  # the others' photos cannot be read
        plan = planned(base, by_class, asked, budget, seed)
        question = hashlib.sha256(json.dumps([seed, budget, asked]).encode()).hexdigest()[:8]  # another one has its own trials
        blocks = [*plan.blocks(_MOST_TRIALS)]
        found: dict[int, TrialOutcome] = {}
        typical: dict[int, Shown] = {}
        seconds = 0.0  # of a pass
        (passes, unread, unseen, reason) = (0, 0, 0, "")
        for place, block in enumerate(blocks):
            seen = [tried for tried in block if arrives(clf, listed_photos, tried)]
            unseen += len(block) - len(seen)
            trials = [trial for tried in seen for trial in tried.trials()]
            if place == 0 and told is not None:
                seconds = seconds_of_one(clf, listed_photos, trials, batch_size) or 0.0
                tell(_cost(plan, seconds))
            trials_folder = folder_at(_below(folder, f"trials-{question}{f'-{place}' if place else ''}"))
            task = "Trials" if len(blocks) == 1 else f"Trials, part {place + 1} of {len(blocks)}"
            answers = answers_of(clf, listed_photos, trials, trials_folder, batch_size, ray, progress, task)
            passes += len(trials)
            unread += len(trials) - len(answers.predicted)
            reason = reason or answers.reason
            numbers = [tried.number for tried in block]
            found |= outcomes(numbers, plan.candidates, trials, answers.predicted, plan.shares)
            answered: dict[int, list[tuple[AuditTrial, int]]] = {number: [] for number in numbers}
            for trial_place, answer in sorted(answers.predicted.items()):
                answered[trials[trial_place].candidate].append((trials[trial_place], answer))
            for number in numbers:
                typical[number] = typical_trials(answered[number], plan.candidates[number].class_index, found[number])
        judgements = judged(asked, plan.candidates, found, plan.available)
        effects = {number: outcome.effect for number, outcome in found.items()}
        shown = exhibits_of(clf, listed_photos, judgements, effects, typical)
        grouped = groups(base.dataset(), _cues_of(plan, judgements))
        verdicts = [
            verdict_of(
                clf.classes[index],
                judgements[index],
                plan,
                found,
                by_class[index],
                acceptances,
                grouped.get(index),
                shown.get(index, []),
            )
            for index in asked
        ]

        def audit_one(planted_clf: Classifier, planted_photos: str, planted_store: str, class_name: str) -> Audit:
            return audit(
                planted_clf,
                planted_photos,
                "folders",
                planted_store,
                min(budget, PLANT_BUDGET),
                seed,
                classes=[class_name],
                batch_size=batch_size,
                ray=ray,
                progress=progress,
            )

        planted = None
        if plant is not None:
            planted = planted_audits(
                clf, listed_photos, by_class, plant, seed, min(budget, PLANT_BUDGET), seconds, folder, audit_one, tell
            )
        result = Audit(
            verdicts=verdicts,
            model=clf.name,
            preprocessing=clf.describe_input(),
            photos=len(base),
            passes=len(base) + passes + sum(map(len, shown.values())) + sum(one.passes for one in planted or []),
            settings={
                "seed": seed,
                "budget": budget,
                "tolerated": statistics.TOLERATED,
                "false_discoveries": statistics.FALSE_DISCOVERIES,
            },
            not_tried=list(NOT_TRIED),
            notes=[*base.notes, *_notes(passes, unread, unseen, reason)],
            planted=planted,
        )
        folder_at(folder).write(RECORD, result.json_bytes())
        if store is not None:
            folder_at(folder).write(PAGE, result.html_bytes())
        return result


def _cost(plan: AuditPlan, seconds: float) -> str:
    passes = plan.passes()
    return (
        f"{_count(plan.tried, 'candidate', 'candidates')}, {passes:,} passes of the network with what is changed in the photos, "
        f"about {runner.in_time(passes * seconds)}"
    )


def _notes(passes: int, unread: int, unseen: int, reason: str) -> list[str]:
    notes = [f"{unread} of {passes} trials could not be made: {reason}"] if unread else []
    if unseen:
        are = "candidate was" if unseen == 1 else "candidates were"
        notes.append(f"{unseen} {are} not tried: of what changes there, the network's input shows nothing")
    return notes


def _count(things: Sequence[Any], one: str, many: str) -> str:
    return f"{len(things):,} {one if len(things) == 1 else many}"


def _cues_of(plan: AuditPlan, judgements: dict[int, Judgement]) -> dict[int, Candidate]:
    """By class the cue that decides, where some photos of the class carry it and others do not."""
    deciding = {index: one.candidate for index, one in judgements.items() if one.kind in SHOWN and one.candidate is not None}
    cues = {index: plan.candidates[number] for index, number in deciding.items()}
    return {index: cue for index, cue in cues.items() if cue.why in (RECURRING, MOVING)}


@contextlib.contextmanager
def _place(store: str | os.PathLike[str] | None) -> Iterator[str]:
    if store is not None:
        if not isinstance(store, (str, os.PathLike)) or not str(store):
            raise OptionError(f"{setting('store', store)}: write a folder.")
        yield os.fspath(store)
        return
    with tempfile.TemporaryDirectory(prefix="seewhy-audit-") as folder:
        yield folder


def _below(folder: str, name: str) -> str:
    return f"{folder.rstrip('/')}/{name}" if "://" in folder else str(Path(folder) / name)


def _asked(clf: Classifier, classes: Sequence[str | int] | None, labelled: Sequence[int]) -> list[int]:
    if classes is None:
        return list(labelled)
    if isinstance(classes, (str, int)):
        classes = [classes]
    names = clf.class_names()
    asked = []
    for one in classes:
        index = names.index(one)
        if index not in labelled:
            raise TargetError(
                f"No photo has the label '{names.names[index]}'.{did_you_mean(str(one), [names.names[n] for n in labelled])}"
            )
        asked.append(index)
    return list(dict.fromkeys(asked))
