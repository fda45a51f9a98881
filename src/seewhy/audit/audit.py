"""Does a network lean on a shortcut, and how sure is that? Proposed by statistics and maps, proven by changing photos."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from seewhy.audit import statistics
from seewhy.audit.candidates import RECURRING, Candidate
from seewhy.audit.exhibits import SHOWN, Exhibit, exhibits_of
from seewhy.audit.fixed_place import brightest_place, corners, recurring_places
from seewhy.audit.groups import groups
from seewhy.audit.judge import Judgement, TrialOutcome, judged, outcomes
from seewhy.audit.photos import AuditedPhoto, Halves, audited, halves
from seewhy.audit.result import PAGE, RECORD, Audit, Verdict
from seewhy.audit.sentences import sentence
from seewhy.audit.trials import AuditTrial, put_on, salient_boxes, taken_away
from seewhy.classifier import Classifier, check_photos
from seewhy.engine import runner
from seewhy.errors import OptionError, PhotoError, TargetError, did_you_mean, setting, whole_number
from seewhy.explain import check_classifier
from seewhy.run import run
from seewhy.store import Store
from seewhy.store.filling import fill
from seewhy.store.identity import manifest_of
from seewhy.store.photos import ListedPhotos, list_photos
from seewhy.store.places import Folder, folder_at
from seewhy.store.report.regions import SIDE as MAP_SIDE
from seewhy.store.report.regions import evidence_on_photo
from seewhy.store.report.scanning import scan
from seewhy.store.shard import MOST_PHOTOS, RunSpec

LEAST_BUDGET = 200
BUDGET = 7_000  # passes of the network a class, at most
_MOST_RECIPIENTS = 256
_MOST_CARRIERS = 64
_LEAST_CARRIERS = 3  # of the second half, for a cue to be tried
_EACH_RECIPIENT, _EACH_CARRIER = 8, 8  # passes, at most
_SHARE_OF_NECESSITY = 0.2  # of the budget
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
    batch_size: int | None = None,
    ray: str | None = None,
    progress: bool | runner.ProgressCallback | None = None,
) -> Audit:
    """For each class whether its answer hangs on something at a fixed place of the photo that has no business there.

    Half of each class's rightly answered photos give candidates: places where the same pixels recur, and where the maps are
    brightest. With the other half each candidate is put on photos of other classes, beside matched controls, and taken away from
    its own. What turns more than ``statistics.TOLERATED`` of them is declared, with the expected share of false ones among all
    that is declared at most ``statistics.FALSE_DISCOVERIES``.

    photos, labels : as for :func:`seewhy.run`; every photo needs one. store : a folder where photos, trials, audit.json and
        audit.html are kept, so that the same call goes on after an interruption; None: they are forgotten.
    budget : passes of the network for a class, at most; None: 7,000. seed : of the halves. classes : the ones to judge; None: all
        that have a photo. ray, progress, batch_size : as there.

    Raises PhotoError: no photo has a label; TargetError: a class that the network does not have; what :func:`seewhy.run` raises.
    """
    check_classifier(clf)
    check_photos(clf, "audit")
    budget = BUDGET if budget is None else whole_number("budget", budget)
    if budget < LEAST_BUDGET:
        raise OptionError(f"{setting('budget', budget)}: nothing can be said of a class by less than {LEAST_BUDGET} passes.")
    with _place(store) as folder:
        listed_photos = list_photos(photos, labels, clf.class_names())
        labelled = {label for label in listed_photos.labels if label is not None}
        if not labelled:
            raise PhotoError(f"No photo has a label, and an audit needs them: write {setting('labels', 'folders')}, or a file.")
        asked = _asked(clf, classes, sorted(labelled))
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
        by_class = _by_class(base, seed)
        asked = [index for index in asked if index in by_class]  # the others' photos cannot be read
        plan = _planned(base, by_class, asked, budget)
        question = hashlib.sha256(json.dumps([seed, budget, asked]).encode()).hexdigest()[:8]  # another one has its own trials
        trials_folder = folder_at(_below(folder, f"trials-{question}"))
        (answers, reason) = _answers(clf, listed_photos, plan.trials, trials_folder, batch_size, ray, progress)
        unread = len(plan.trials) - len(answers)
        found = outcomes(plan.candidates, plan.trials, answers, plan.shares)
        judgements = judged(asked, plan.candidates, found, plan.available)
        verdicts = [_verdict(clf, index, judgements[index], plan, found, by_class) for index in asked]
        shown = exhibits_of(clf, listed_photos, judgements, [one.effect for one in found], plan.trials, answers)
        verdicts = _shown(base, plan, judgements, shown, verdicts)
        result = Audit(
            verdicts=verdicts,
            model=clf.name,
            preprocessing=clf.describe_input(),
            photos=len(base),
            passes=len(base) + len(plan.trials) + sum(map(len, shown.values())),
            settings={
                "seed": seed,
                "budget": budget,
                "tolerated": statistics.TOLERATED,
                "false_discoveries": statistics.FALSE_DISCOVERIES,
            },
            not_tried=list(NOT_TRIED),
            notes=[*base.notes, *([f"{unread} of {len(plan.trials)} trials could not be made: {reason}"] if unread else [])],
        )
        folder_at(folder).write(RECORD, result.json_bytes())
        if store is not None:
            folder_at(folder).write(PAGE, result.html_bytes())
        return result


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


@dataclasses.dataclass(frozen=True)
class _Plan:
    """candidates, and for each the shares of photos that carry it; trials; available : how many photos of each
    class there are to take cues from."""

    candidates: list[Candidate]
    shares: list[tuple[float, float]]
    trials: list[AuditTrial]
    available: dict[int, int]


def _by_class(base: Store, seed: int) -> dict[int, tuple[Halves, int]]:
    """Of each class its halves, and how many photos have its label."""
    rightly: dict[int, list[AuditedPhoto]] = {}
    count: dict[int, int] = {}
    for row in scan(base.dataset(), ("number", "path", "sha256", "label_index", "predicted_index", "thumbnail")):
        label = row["label_index"]
        if label is None or row["predicted_index"] is None:
            continue
        count[label] = count.get(label, 0) + 1
        own = rightly.setdefault(label, [])
        if row["predicted_index"] == label:
            own.append(audited(row))
    return {label: (halves(rightly[label], seed), count[label]) for label in sorted(count)}


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


def _planned(base: Store, by_class: dict[int, tuple[Halves, int]], asked: Sequence[int], budget: int) -> _Plan:
    """Candidates are proposed and frozen before any photo of the confirmation halves is looked at."""
    maps = _mean_maps(base, {index: {photo.number for photo in parts.discovery} for index, (parts, _) in by_class.items()})
    plan = _Plan([], [], [], {})
    for index in asked:
        (parts, _) = by_class[index]
        others = [photo for other, (part, _) in by_class.items() if other != index for photo in part.discovery]
        own_candidates = recurring_places(index, parts.discovery, others) if len(parts.discovery) > 1 else []
        if index in maps and parts.discovery:
            brightest = brightest_place(index, maps[index], parts.discovery)
            own_candidates += [brightest] if brightest is not None else []
        if not own_candidates and parts.discovery:
            own_candidates = corners(index, parts.discovery)
        pool = [photo for other, (part, _) in by_class.items() if other != index for photo in part.confirmation]
        plan.available[index] = len(parts.confirmation)
        own_candidates = [one for one in own_candidates if parts.confirmation and pool]
        for candidate in own_candidates:
            _add_trials(plan, candidate, parts, pool, maps.get(index), budget // len(own_candidates))
    return plan


def _add_trials(
    plan: _Plan,
    candidate: Candidate,
    parts: Halves,
    pool: Sequence[AuditedPhoto],
    mean_map: npt.NDArray[np.float64] | None,
    budget: int,
) -> None:
    """One candidate, and what is tried of it within its passes."""
    number = len(plan.candidates)
    carriers = candidate.carriers(parts.confirmation)
    carried_by_others = {photo.number for photo in candidate.carriers(pool)}
    plan.candidates.append(candidate)
    plan.shares.append((candidate.share_of(parts.confirmation), candidate.share_of(pool)))
    if candidate.why == RECURRING and len(carriers) < _LEAST_CARRIERS:
        return  # it did not recur: one of the hypotheses, but nothing to try
    donors = carriers if candidate.why == RECURRING else list(parts.confirmation)  # each has its own there
    most_carriers = min(_MOST_CARRIERS, max(1, int(budget * _SHARE_OF_NECESSITY) // _EACH_CARRIER))
    away = list(taken_away(number, candidate, donors[:most_carriers], pool))
    most = min(_MOST_RECIPIENTS, max(1, (budget - len(away)) // _EACH_RECIPIENT))
    recipients = [photo for photo in pool if photo.number not in carried_by_others][:most]
    salient = salient_boxes(candidate.box, mean_map)
    plan.trials.extend([*put_on(number, candidate, donors, _mixed(recipients), pool, salient), *away])


def _mixed(photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
    """In an order that the photos' content gives, so that the classes take turns."""
    return sorted(photos, key=lambda photo: photo.sha256)


def _mean_maps(base: Store, discovery: dict[int, set[int]]) -> dict[int, npt.NDArray[np.float64]]:
    """By class the sum of its maps over the whole photos of its discovery half; without those where nothing speaks for it."""
    sums: dict[int, npt.NDArray[np.float64]] = {}
    for row in scan(base.dataset(), ("number", "label_index", "geometry", "explanations")):
        index = row["label_index"]
        if row["number"] not in discovery.get(index, ()) or not row["explanations"]:
            continue
        stored = row["explanations"][0]
        values = stored.map_of(index)
        lying = None if values is None else evidence_on_photo(values, row["geometry"], stored.sample_grid, stored.units)
        if lying is not None:
            sums.setdefault(index, np.zeros((MAP_SIDE, MAP_SIDE)))
            sums[index] += lying[0]
    return sums


def _answers(
    clf: Classifier,
    listed_photos: ListedPhotos,
    trials: Sequence[AuditTrial],
    folder: Folder,
    batch_size: int | None,
    ray: str | None,
    progress: bool | runner.ProgressCallback | None,
) -> tuple[dict[int, int], str]:
    """The predicted class of each trial by its place, without those that could not be made; and why the first could not."""
    if not trials:
        return {}, ""
    order = sorted(range(len(trials)), key=lambda place: (trials[place].number, place))  # of a photo one after the other
    numbers = [trials[place].number for place in order]
    paths = [listed_photos.paths[number] for number in numbers]
    members = None if listed_photos.members is None else [listed_photos.members[number] for number in numbers]
    queries = None if listed_photos.queries is None else [listed_photos.queries[number] for number in numbers]
    labels = [listed_photos.labels[number] for number in numbers]
    spec = RunSpec(
        root=listed_photos.root.address,
        paths=paths,
        labels=labels,
        methods=[],
        batch_size=batch_size or (runner.MOST_ON_CPU if clf.device.type == "cpu" else runner.MOST_ON_GPU),
        shard_size=MOST_PHOTOS,
        edits=[trials[place].edit.record() for place in order],
        members=members,
        queries=queries,
    )
    repeated_photos = dataclasses.replace(listed_photos, paths=paths, labels=labels, members=members, queries=queries, notes=[])
    wanted = manifest_of(clf, spec, repeated_photos, folder, own_edits=True)
    (manifest, _) = fill(clf, spec, wanted, folder, progress=progress, ray=ray, task="Trials")
    store = Store(folder, manifest, None)
    rows = store.to_arrow(["number", "predicted_index"]).to_pylist()
    reason = store.unread[0].reason if store.unread else ""
    return {order[row["number"]]: row["predicted_index"] for row in rows}, reason


def _shown(
    base: Store,
    plan: _Plan,
    judgements: dict[int, Judgement],
    shown: dict[int, list[Exhibit]],
    verdicts: list[Verdict],
) -> list[Verdict]:
    """The verdicts, in the order of the judgements, with their pictures; and where the same pixels decide, with all photos of the
    class that show them, and those that do not."""
    deciding = {index: one.candidate for index, one in judgements.items() if one.kind in SHOWN and one.candidate is not None}
    cues = {index: plan.candidates[number] for index, number in deciding.items()}
    grouped = groups(base.dataset(), {index: cue for index, cue in cues.items() if cue.why == RECURRING})
    completed = []
    for index, verdict in zip(judgements, verdicts, strict=True):
        (carrying, others) = grouped.get(index, (None, None))
        own = shown.get(index, [])
        completed.append(dataclasses.replace(verdict, carrying=carrying, others=others, exhibits=own))
    return completed


def _verdict(
    clf: Classifier,
    index: int,
    judgement: Judgement,
    plan: _Plan,
    found: Sequence[TrialOutcome],
    by_class: dict[int, tuple[Halves, int]],
) -> Verdict:
    number = judgement.candidate
    outcome = None if number is None else found[number]
    candidate = None if number is None else plan.candidates[number]
    box = None if candidate is None else candidate.box
    (parts, count) = by_class[index]
    return Verdict(
        class_name=clf.classes[index],
        kind=judgement.kind,
        sentence=sentence(judgement, outcome, box),
        effect=0.0 if outcome is None else outcome.effect,
        interval=judgement.interval,
        control=0.0 if outcome is None else outcome.control,
        place=box,
        cue="" if candidate is None else candidate.why,
        photos=[photo.path for photo in (candidate.carriers(parts.confirmation) if candidate is not None else ())],
        necessity=None if outcome is None or not outcome.necessity else float(np.mean(outcome.necessity)),
        share=None if outcome is None else outcome.share,
        limit=judgement.limit,
        candidates=len(judgement.tried),
        recipients=0 if outcome is None else outcome.tried,
        donors=judgement.donors,
        labelled=count,
        right=len(parts.discovery) + len(parts.confirmation),
        copies=parts.copies,
    )
