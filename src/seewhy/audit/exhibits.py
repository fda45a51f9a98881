"""What was done to a photo to judge a class, as pictures: with the cue, without it, the cue on another photo, a control."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from seewhy.audit.changed import changed_photo
from seewhy.audit.judge import Judgement, TrialOutcome
from seewhy.audit.kinds import COVERED, CUE, ELSEWHERE, KINDS, LOCAL, OPPOSITE, SHORTCUT, SURROUNDINGS, THIRD
from seewhy.audit.trials import AuditTrial
from seewhy.classifier import Classifier
from seewhy.edits import Box
from seewhy.errors import PhotoError
from seewhy.features.folder import reduced
from seewhy.store.photos import ListedPhotos
from seewhy.store.rows import thumbnail

LONGER_SIDE = 240  # pixels
MOST_CLASSES = 100  # with pictures: four of about 10 kB each
SHOWN = (SHORTCUT, SURROUNDINGS, LOCAL)
ORIGINAL, WITHOUT, CONTROL = "original", "without", "control"  # the other role is that of the trials
_CONTROLS = {
    ELSEWHERE: "another part of the cue's photo",
    THIRD: "the same of another class's photo",
    COVERED: "only covered",
    OPPOSITE: "the opposite change",
}

Shown = list[tuple[str, AuditTrial]]  # roles and trials


@dataclass(frozen=True)
class Exhibit:
    """role : ORIGINAL, WITHOUT, CUE or CONTROL. title : what is seen, in words. picture : a JPEG of the whole photo, without
    anything that a camera wrote into its file. answer, score : what the network says of it. frame : what the edit changed, and on
    the original what will be changed; None for the whole photo."""

    role: str
    title: str
    picture: bytes
    answer: str
    score: float
    frame: Box | None


def exhibits_of(
    clf: Classifier,
    listed_photos: ListedPhotos,
    judgements: Mapping[int, Judgement],
    outcomes: Mapping[int, TrialOutcome],
    typical: Mapping[int, Shown],
) -> dict[int, list[Exhibit]]:
    """By class the pictures of what decided, of at most MOST_CLASSES classes: shortcuts before others, by their effects.

    outcomes, typical : of each candidate by its number. A photo that cannot be read
    any more is left out.
    """
    deciding = {index: one.candidate for index, one in judgements.items() if one.candidate is not None and one.kind in SHOWN}
    order = sorted(deciding, key=lambda index: (KINDS.index(judgements[index].kind), -outcomes[deciding[index]].effect))
    shown = {}
    for index in order[:MOST_CLASSES]:
        pictured = []
        for role, trial in typical[deciding[index]]:
            try:
                pictured.append(_exhibit(clf, listed_photos, role, trial))
            except PhotoError:
                continue
        shown[index] = pictured
    return shown


def typical_put_on(answered: Sequence[tuple[AuditTrial, int]], classes: Collection[int], outcome: TrialOutcome) -> Shown:
    """The cue on another photo, and a control of the strongest kind: typical ones, not the best. Each did what most of its kind
    did, where a photo shows both. answered : the trials of a candidate, with the predicted classes. classes : its own."""
    on_photo: dict[int, tuple[list[tuple[AuditTrial, bool]], list[tuple[AuditTrial, bool]]]] = {}
    for trial, answer in answered:
        if trial.control in ("", outcome.strongest_control):
            on_photo.setdefault(trial.photo, ([], []))[bool(trial.control)].append((trial, answer in classes))
    complete = [(cues, controls) for cues, controls in on_photo.values() if cues and controls]
    if not complete:
        return []
    (usual_cue, usual_control) = (round(outcome.turned / outcome.tried), outcome.control)
    (cues, controls) = min(complete, key=lambda pair: (abs(_share(pair[0]) - usual_cue), abs(_share(pair[1]) - usual_control)))
    return [(CUE, _usual(cues)), (CONTROL, _usual(controls))]


def typical_taken_away(answered: Sequence[tuple[AuditTrial, int]], index: int) -> Shown:
    """A photo of the class, and the same without the cue, which did what most of them did."""
    away = [(trial, answer != index) for trial, answer in answered if not trial.control]
    if not away:
        return []
    first_role = away[0][0].role  # filled, where that can be done
    removed = _usual([(trial, changed) for trial, changed in away if trial.role == first_role])
    return [(ORIGINAL, removed), (WITHOUT, removed)]


def _share(results: Sequence[tuple[AuditTrial, bool]]) -> float:
    return sum(turned for _, turned in results) / len(results)


def _usual(results: Sequence[tuple[AuditTrial, bool]]) -> AuditTrial:
    """The first that did what most of them did."""
    usual = _share(results) >= 0.5
    return next(trial for trial, turned in results if turned == usual)


def _exhibit(clf: Classifier, listed_photos: ListedPhotos, role: str, trial: AuditTrial) -> Exhibit:
    """Raises PhotoError."""
    photo = changed_photo(clf, listed_photos, trial.number, None if role == ORIGINAL else trial.change.edit)
    (best,) = clf.classify(photo, k=1)
    label = listed_photos.labels[trial.number]
    title = _title(role, trial.control, "another class" if label is None else clf.classes[label])
    frame = getattr(trial.change.edit, "box", None)
    return Exhibit(role, title, thumbnail(reduced(photo, LONGER_SIDE)), best.name, best.score, frame)


def _title(role: str, control: str, label: str) -> str:
    if role == ORIGINAL:
        return f"A photo of {label}"
    if role == WITHOUT:
        return "The same without the cue"
    if role == CUE:
        return f"The cue on a photo of {label}"
    return f"Control: {_CONTROLS[control]}"
