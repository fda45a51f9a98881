"""Does the effect of a cue on fresh photos lie in the interval that its verdict states? By the audit's own trials and controls.

After an audit each cue that a verdict names is put on photos that nobody has seen, from the same donors, with the same controls,
and its effect is reckoned as the audit reckons it. Such photos are drawn as the audited ones are, and pass the same rules: of
other classes than the cue's, answered rightly, each scene once, not carrying the cue. Their number is finite, so that this effect
has an error of its own (0.035 as a standard error of 200 photos, where controls turn none); none is allowed for.
"""

from __future__ import annotations

import contextlib
import functools
import math
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest import mock

import seewhy
from bench.audit_scenes import Clean, draw
from bench.audit_specs import EMBLEM_CLASS, Spec
from bench.audit_training import example, write
from seewhy.audit.changed import with_properties
from seewhy.audit.judge import Judgement
from seewhy.audit.kinds import LOCAL, SHORTCUT, SURROUNDINGS
from seewhy.audit.photos import AuditedPhoto, in_turn
from seewhy.audit.planning import AuditPlan, ClassPhotos, Inspect, photos_by_class
from seewhy.audit.trials import Tried
from seewhy.audit.trying import Results, Trying
from seewhy.properties import PROPERTIES
from seewhy.store.photos import ListedPhotos, list_photos

PHOTOS = 200  # that each cue is put on
MOST_OF_CLASS, MOST_ROUNDS = 120, 5  # photos of a class at once (of more than 128 some are not used); how often more are drawn
SPARE = 1.1  # times as many are drawn: some are answered wrongly
SEED = 10_000_000  # beyond those of all specs: other scenes
NAMES_A_CUE = (SHORTCUT, SURROUNDINGS, LOCAL)

Record = dict[str, Any]
MorePhotos = Callable[[int, Sequence[int], int, Path], None]
Judged = tuple[Trying, list[Judgement]]


@contextlib.contextmanager
def watched() -> Iterator[list[Judged]]:
    """Within it, of each audit how it tried its cues, and its judgements in the order of its verdicts."""
    audits: list[Judged] = []
    taken_away = Trying.taken_away

    def noted(trying: Trying, judgements: Sequence[Judgement], results: Results) -> None:
        audits.append((trying, list(judgements)))
        taken_away(trying, judgements, results)

    with mock.patch.object(Trying, "taken_away", noted):
        yield audits


def of_spec(spec: Spec, photos: Path, audit: Judged, verdicts: Sequence[Record]) -> list[Record]:
    """See :func:`with_fresh_effects`; the photos are the spec's own."""

    def more(turn: int, labels: Sequence[int], each: int, folder: Path) -> None:
        other = replace(spec, seed=SEED + MOST_ROUNDS * spec.seed + turn)

        def drawing(number: int, animal: str) -> Clean:
            empty = spec.setup == EMBLEM_CLASS and number % len(spec.animals) in spec.classes
            return draw(number, "test", other.seed, animal, "empty" if empty else spec.layout)

        numbers = [len(spec.animals) * place + label for place in range(each) for label in labels]
        write(spec, [example(other, number, drawing, 1) for number in numbers], folder)

    return with_fresh_effects(photos, audit, verdicts, more)


def with_fresh_effects(
    photos: Path, audit: Judged, verdicts: Sequence[Record], more: MorePhotos, count: int = PHOTOS
) -> list[Record]:
    """The verdicts; those that name a cue with its "fresh_effect", and with "fresh_photos", how many it was put on: ``count``, or
    fewer where MOST_ROUNDS did not give as many.

    photos : the folder that was audited; fresh ones are written below it, too. more : writes photos in folders of their classes:
    by the number of the round, the classes, how many of each, and the folder.
    """
    (trying, judgements) = audit
    deciding = [one.candidate if one.kind in NAMES_A_CUE else None for one in judgements]
    tried = [trying.plan.tried[number] for number in deciding if number is not None]
    if not tried:
        return list(verdicts)
    with tempfile.TemporaryDirectory() as folder:
        (listed_photos, recipients) = _recipients(trying, tried, photos, Path(folder), more, count)
        cues = [Tried(place, one.candidate, recipients[place], [], one.thirds) for place, one in enumerate(tried)]
        plan = AuditPlan(cues, [(1.0, 0.0)] * len(cues), {}, {})
        own = Trying(trying.clf, listed_photos, plan, lambda name: str(Path(folder) / name), progress=False)
        outcomes = own.put_on().outcomes
    fresh = [{"fresh_effect": outcomes[place].effect, "fresh_photos": outcomes[place].tried} for place in range(len(cues))]
    return [verdict if number is None else verdict | fresh.pop(0) for verdict, number in zip(verdicts, deciding, strict=True)]


def _recipients(
    trying: Trying, tried: Sequence[Tried], photos: Path, store: Path, more: MorePhotos, count: int
) -> tuple[ListedPhotos, list[list[AuditedPhoto]]]:
    """The list of the audit with fresh photos behind it, and those of them that each cue is put on."""
    (clf, listed_photos) = (trying.clf, trying.listed_photos)
    measured = any(one.candidate.why in PROPERTIES for one in tried)  # measuring takes as long as drawing
    classes = {label for label in listed_photos.labels if label is not None}
    recipients: list[list[AuditedPhoto]] = [[] for _ in tried]
    for turn in range(MOST_ROUNDS):
        each: dict[int, int] = {}
        for one, own in zip(tried, recipients, strict=True):
            labels = classes - one.candidate.classes
            wanted = min(MOST_OF_CLASS, math.ceil(SPARE * (count - len(own)) / max(1, len(labels))))
            each |= {label: max(wanted, each.get(label, 0)) for label in labels if wanted}
        if not each:
            break
        name = f"fresh {turn}"
        more(turn, sorted(each), max(each.values()), photos / name)
        own_photos = list_photos(photos / name, "folders", clf.class_names(), only_classes=True)
        base = seewhy.run(clf, own_photos, store / name, progress=False)
        inspect: Inspect = functools.partial(with_properties, clf, own_photos) if measured else list
        unseen = _used(photos_by_class(base, 0, inspect).values(), len(listed_photos.paths), name)
        paths = [*listed_photos.paths, *(f"{name}/{path}" for path in own_photos.paths)]
        listed_photos = replace(listed_photos, paths=paths, labels=[*listed_photos.labels, *own_photos.labels])
        for one, own in zip(tried, recipients, strict=True):
            own += eligible(one, unseen)[: count - len(own)]
    return listed_photos, recipients


def _used(by_class: Iterable[ClassPhotos], behind: int, name: str) -> list[AuditedPhoto]:
    """The photos that an audit would use, where they lie in a list behind so many others, in a folder of this name."""
    used = [photo for one in by_class for photo in (*one.halves.discovery, *one.halves.confirmation)]
    return [replace(photo, number=behind + photo.number, path=f"{name}/{photo.path}") for photo in in_turn(used, 0)]


def eligible(tried: Tried, photos: Sequence[AuditedPhoto]) -> list[AuditedPhoto]:
    """Those of other classes than the cue's that do not carry it."""
    strangers = [photo for photo in photos if photo.label not in tried.candidate.classes]
    carried = {photo.number for photo in tried.candidate.carriers(strangers)}
    return [photo for photo in strangers if photo.number not in carried]
