"""Does a network lean on a shortcut, and how sure is that? Proposed by statistics and maps, proven by changing photos."""

from __future__ import annotations

import contextlib
import datetime
import functools
import hashlib
import json
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from seewhy.audit import calibration, statistics
from seewhy.audit.accepting import Acceptance, acceptances_of
from seewhy.audit.answers import kept_in
from seewhy.audit.candidates import Candidate
from seewhy.audit.changed import with_properties
from seewhy.audit.exhibits import SHOWN, exhibits_of
from seewhy.audit.groups import groups
from seewhy.audit.heads import readable_layer
from seewhy.audit.judge import Judgement, judged
from seewhy.audit.kinds import MOVING, RECURRING
from seewhy.audit.planning import AuditPlan, photos_by_class, planned
from seewhy.audit.planting import BUDGET as PLANT_BUDGET
from seewhy.audit.planting import planted_audits
from seewhy.audit.result import PAGE, RECORD, Audit, Verdict, verdict_of
from seewhy.audit.sentences import power_sentence
from seewhy.audit.trying import Trying
from seewhy.classifier import Classifier, check_photos
from seewhy.engine import runner
from seewhy.errors import Message, OptionError, PhotoError, TargetError, did_you_mean, listed, setting, whole_number
from seewhy.explain import check_classifier
from seewhy.run import run
from seewhy.store import Store
from seewhy.store.manifest import Manifest
from seewhy.store.photos import list_photos
from seewhy.store.places import folder_at

LEAST_BUDGET = 200
BUDGET = 7_000  # passes of the network for a class, at most
_MOST_UNREAD = 5  # photos that are named where they could not be read
_NONE_RIGHT = (
    "no labelled photo is answered rightly: are the class names in the order of the network's outputs, and the photos prepared "
    "as it was trained? `seewhy doctor` looks into that"
)
NOT_TRIED = (
    "cues without a fixed place that are faint, of one colour, or narrower than a tenth of the photo",
    "the ground behind the object, but for its colour, its brightness and the outer ring of the photo",
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

    Half of each class's rightly answered photos give candidates: pixels that recur at a place or at none, properties of the whole
    photo and its outer ring, and where the maps are brightest. Each is put on photos of other classes, beside matched controls,
    and what decides is taken away from its own. What turns more than ``statistics.TOLERATED`` of them is declared, with the
    expected share of false ones among all that is declared at most ``statistics.FALSE_DISCOVERIES``.

    photos, labels : as for :func:`seewhy.run`, but that photos whose label is no class are left out, and a note names them.
    store : a folder where photos, trials, audit.json and audit.html are kept, so that the same call goes on after an
        interruption; None: they are forgotten.
    budget : passes of the network for a class, at most; None: 7,000. seed : of the halves. classes : the ones to judge; None: all
        that have a photo. accept : cues that their owner declares legitimate, as their ``cue_id`` names them.
    plant : so many known cues are drawn on the photos, heads are trained on the network's features of them, and these are
        audited, too: ``Audit.planted`` says how many were found. None: nothing is planted.
    ray, progress, batch_size : as there. told : is given lines on what will be done and what it costs, before it is.

    Raises PhotoError: no photo has a label; TargetError: no label is a class of the network, or one of ``classes`` is none;
    MethodError: plant, and no layer of the network can be read; what :func:`seewhy.run` raises.
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
        listed_photos = list_photos(photos, labels, clf.class_names(), only_classes=True)
        labelled = {label for label in listed_photos.labels if label is not None}
        if not labelled:
            raise PhotoError(f"No photo has a label, and an audit needs them: write {setting('labels', 'folders')}, or a file.")
        asked = _asked(clf, classes, sorted(labelled))
        acceptances = acceptances_of(accept, clf, _dates(folder))
        tell = told or (lambda line: None)
        tell(
            f"{len(listed_photos.paths):,} photos, then at most {budget:,} passes for each of {_count(asked, 'class', 'classes')}"
            + (f", and {min(budget, PLANT_BUDGET):,} for each of {plant} planted cues" if plant else "")
            + ("; what is kept already is not computed again" if kept_in(folder_at(_below(folder, "photos"))) else "")
        )
        for note in listed_photos.notes:
            tell(note)
        base = run(
            clf,
            listed_photos,
            _below(folder, "photos"),
            target=None,
            batch_size=batch_size,
            ray=ray,
            progress=progress,
        )
        by_class = photos_by_class(base, seed, functools.partial(with_properties, clf, listed_photos))
        asked = [index for index in asked if index in by_class]  # the others' photos cannot be read
        plan = planned(base, by_class, asked, budget, seed, tell)
        none_right = [] if any(one.used for one in by_class.values()) or not by_class else [_NONE_RIGHT]
        for note in none_right:
            tell(note)
        used = [
            photo.sha256 for own in by_class.values() for photo in (*own.halves.discovery, *own.halves.confirmation)
        ]  # another question, or photos that were replaced, have their own trials
        question = hashlib.sha256(json.dumps([seed, budget, asked, used]).encode()).hexdigest()[:8]
        power = power_sentence(plan)
        tell(power)
        trying = Trying(clf, listed_photos, plan, lambda name: _below(folder, f"{name}-{question}"), batch_size, ray, progress)
        results = trying.put_on(told)
        donors = {index: len(by_class[index].halves.discovery) for index in asked}
        bank = calibration.shipped()
        counts = {index: one.used for index, one in by_class.items()}
        judgements = judged(asked, plan.candidates, results.outcomes, plan.available, donors, photos=counts, bank=bank)
        trying.taken_away([*judgements.values()], results)
        shown = exhibits_of(clf, listed_photos, judgements, results.outcomes, results.typical)
        grouped = groups(base.dataset(), _cues_of(plan, judgements))
        verdicts = [
            verdict_of(
                clf.classes,
                judgements[index],
                plan,
                results.outcomes,
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
                clf, listed_photos, by_class, plant, seed, min(budget, PLANT_BUDGET), folder, audit_one, tell
            )
        model = Manifest.read(folder_at(_below(folder, "photos"))).model
        result = Audit(
            verdicts=verdicts,
            model=clf.name,
            preprocessing=clf.describe_input(),
            photos=len(base),
            passes=len(base) + results.passes + sum(map(len, shown.values())) + sum(one.passes for one in planted or []),
            settings={
                "seed": seed,
                "budget": budget,
                "tolerated": statistics.TOLERATED,
                "false_discoveries": statistics.FALSE_DISCOVERIES,
                "clean_networks": bank.words,
                "weights": model["file"] or model["weights"] or "not known",
                "trials": question,
            },
            not_tried=list(NOT_TRIED),
            power=power,
            notes=[*base.notes, *none_right, *_unread(base), *results.notes(), *_unmatched(acceptances, accept, verdicts)],
            planted=planted,
            skipped=[(photo.path, photo.reason) for photo in base.unread],
            left_out=listed_photos.left_out,
            day=_day(folder, question),
        )
        folder_at(folder).write(RECORD, result.json_bytes())
        if store is not None:
            folder_at(folder).write(PAGE, result.html_bytes())
        return result


def _dates(folder: str) -> dict[tuple[str, str], str]:
    """When declarations were recorded before, by cue and reason: the day on which somebody signed stays."""
    return {
        (verdict["cue_id"], verdict["acceptance"]["reason"]): verdict["acceptance"]["date"]
        for verdict in _record_of_before(folder).get("verdicts", [])
        if verdict.get("acceptance")
    }


def _day(folder: str, question: str) -> str:
    """When an audit with these trials was made: begun again it keeps its day."""
    record = _record_of_before(folder)
    is_same = "day" in record and record["settings"]["trials"] == question
    return str(record["day"]) if is_same else datetime.date.today().isoformat()


def _record_of_before(folder: str) -> dict[str, Any]:
    """Empty where there is none."""
    place = folder_at(folder)
    record: dict[str, Any] = json.loads(place.read(RECORD)) if place.is_file(RECORD) else {}
    return record


def _unread(base: Store) -> list[str]:
    if not base.unread:
        return []
    named = [f"{photo.path} ({photo.reason.rstrip('.')})" for photo in base.unread[:_MOST_UNREAD]]
    return [f"{_count(base.unread, 'photo', 'photos')} could not be read: {listed(named, _MOST_UNREAD)}"]


def _unmatched(acceptances: Sequence[Acceptance], accept: Sequence[str], verdicts: Sequence[Verdict]) -> list[str]:
    """Declarations that stand for no cue that was found."""
    texts = [accept] if isinstance(accept, str) else accept
    used = [verdict.acceptance for verdict in verdicts]
    cues = [verdict.cue_id for verdict in verdicts if verdict.cue_id]
    return [
        Message(f"{setting('accept', text)} stands for no cue that was found here; these are {listed(cues) if cues else 'none'}")
        for text, acceptance in zip(texts, acceptances, strict=True)
        if acceptance not in used
    ]


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
        folder = os.fspath(store)
        try:
            yield folder
        except KeyboardInterrupt as interrupt:
            if interrupt.args:  # a run has said how much it keeps
                raise
            photos = folder_at(_below(folder, "photos"))
            raise KeyboardInterrupt(
                f"{kept_in(photos):,} photos are read and kept in {photos}, and all trials that are done beside them; begun "
                "again, the audit goes on from there"
            ) from None
        return
    with tempfile.TemporaryDirectory(prefix="seewhy-audit-") as folder:
        try:
            yield folder
        except KeyboardInterrupt:  # what is said below of folders that go is not true
            raise KeyboardInterrupt("nothing is kept: with a folder as the store, the same call goes on where it was") from None


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
