"""What was done to a photo to judge a class, as pictures: with the cue, without it, the cue on another photo, a control."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from seewhy.audit.judge import KINDS, LOCAL, SHORTCUT, SURROUNDINGS, Judgement
from seewhy.audit.trials import CUE, FILLED, AuditTrial
from seewhy.classifier import Classifier
from seewhy.edits import Box, Edit, Paste
from seewhy.errors import PhotoError
from seewhy.features.folder import reduced
from seewhy.store.opening import edited, open_photo
from seewhy.store.photos import ListedPhotos
from seewhy.store.rows import thumbnail

LONGER_SIDE = 240  # pixels
MOST_CLASSES = 100  # with pictures: four of about 10 kB each
SHOWN = (SHORTCUT, SURROUNDINGS, LOCAL)
ORIGINAL, WITHOUT, CONTROL = "original", "without", "control"  # the other role is that of the trials


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
    effects: Sequence[float],
    trials: Sequence[AuditTrial],
    answers: Mapping[int, int],
) -> dict[int, list[Exhibit]]:
    """By class the four pictures of what decided, of at most MOST_CLASSES classes: shortcuts before others, by their effects.

    The photos are typical ones, not the best: the effect on them is the nearest to the mean. effects : of each candidate.
    answers : the predicted class of each trial. A photo that can no longer be read is left out.
    """
    deciding = {index: one.candidate for index, one in judgements.items() if one.candidate is not None and one.kind in SHOWN}
    order = sorted(deciding, key=lambda index: (KINDS.index(judgements[index].kind), -effects[deciding[index]]))
    chosen = {deciding[index]: index for index in order[:MOST_CLASSES]}
    answered: dict[int, list[tuple[AuditTrial, int]]] = {number: [] for number in chosen}
    for place, trial in enumerate(trials):
        if trial.candidate in chosen and place in answers:
            answered[trial.candidate].append((trial, answers[place]))
    shown = {}
    for number, index in chosen.items():
        pictured = []
        for role, trial in _typical(answered[number], index, effects[number]):
            try:
                pictured.append(_exhibit(clf, listed_photos, role, trial))
            except PhotoError:
                continue
        shown[index] = pictured
    return shown


def _typical(answered: Sequence[tuple[AuditTrial, int]], index: int, effect: float) -> list[tuple[str, AuditTrial]]:
    """The trials that are shown, by role. answered : of one candidate, with their answers. index : the class."""
    on_photo: dict[int, tuple[list[tuple[AuditTrial, bool]], list[tuple[AuditTrial, bool]]]] = {}
    away = []
    for trial, answer in answered:
        if trial.role == CUE:
            on_photo.setdefault(trial.photo, ([], []))[bool(trial.control)].append((trial, answer == index))
        elif trial.role == FILLED and not trial.control:
            away.append((trial, answer != index))
    complete = [(cues, controls) for cues, controls in on_photo.values() if cues and controls]
    found: list[tuple[str, AuditTrial]] = []
    if complete:
        (cues, controls) = min(complete, key=lambda pair: abs(_share(pair[0]) - _share(pair[1]) - effect))
        found = [(CUE, _usual(cues)), (CONTROL, _usual(controls))]
    if away:
        donors = [trial.edit.sources for role, trial in found if role == CUE]
        usual = [trial for trial, changed in away if changed == (_share(away) >= 0.5)]
        removed = next(
            (trial for trial in usual if (trial.path,) in donors), usual[0]
        )  # the photo whose cue is laid on the other
        found = [(ORIGINAL, removed), (WITHOUT, removed), *found]
    return found


def _share(results: Sequence[tuple[AuditTrial, bool]]) -> float:
    return sum(turned for _, turned in results) / len(results)


def _usual(results: Sequence[tuple[AuditTrial, bool]]) -> AuditTrial:
    """The first that did what most of them did."""
    usual = _share(results) >= 0.5
    return next(trial for trial, turned in results if turned == usual)


def _exhibit(clf: Classifier, listed_photos: ListedPhotos, role: str, trial: AuditTrial) -> Exhibit:
    """Raises PhotoError."""
    (number, edit) = (trial.number, None if role == ORIGINAL else trial.edit.record())
    member = None if listed_photos.members is None else listed_photos.members[number]
    query = "" if listed_photos.queries is None else listed_photos.queries[number]

    def read(source: Any) -> Any:
        return clf.read(source if edit is None else edited(clf.picture, listed_photos.root, source, edit))

    (photo, _) = open_photo(read, listed_photos.root, listed_photos.paths[number], member, query)
    (best,) = clf.classify(photo, k=1)
    label = listed_photos.labels[number]
    title = _title(role, trial.edit, "another class" if label is None else clf.classes[label])
    return Exhibit(role, title, thumbnail(reduced(photo, LONGER_SIDE)), best.name, best.score, getattr(trial.edit, "box", None))


def _title(role: str, edit: Edit, label: str) -> str:
    if role == ORIGINAL:
        return f"A photo of {label}"
    if role == WITHOUT:
        return "The same without the cue"
    if role == CUE:
        return f"The cue on a photo of {label}"
    if not isinstance(edit, Paste):
        return f"Control: another change of a photo of {label}"
    if edit.shuffle is not None:
        what = "the cue's pixels in another order"
    elif edit.source_box is not None:
        what = "another part of the cue's photo"
    else:
        what = "the same place of another class's photo"
    return f"Control: {what}"
