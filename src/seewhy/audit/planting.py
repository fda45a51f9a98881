"""How good would the audit be here? Known cues on somebody's own photos, heads on their network's own features, audited."""

from __future__ import annotations

import hashlib
import io
import json
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from seewhy.audit.changed import changed_photo
from seewhy.audit.drawn_cues import CUES, WHOLE, DrawnCue, Pixels
from seewhy.audit.heads import Floats, classifier_of_means, readable_layer, trained_head, with_head
from seewhy.audit.photos import AuditedPhoto
from seewhy.audit.planning import ClassPhotos
from seewhy.audit.planted import LEAST_TURNED, PlantedCue, is_found
from seewhy.audit.result import Audit
from seewhy.classifier import Classifier
from seewhy.edits import Box
from seewhy.engine import runner
from seewhy.errors import PhotoError
from seewhy.features.folder import reduced
from seewhy.formatting import format_share
from seewhy.store.photos import ListedPhotos
from seewhy.store.places import folder_at

MOST_CLASSES = 6
MOST_OF_HALF = 40  # photos of a class that train the heads, and as many that are audited
LEAST_OF_HALF = 8
BUDGET = 4_000  # passes of the network for a planted cue, at most
SHARES = (1.0, 0.6)  # of a class's photos that have the cue
_LONGEST = 640  # pixels; of networks that see more as many as they see
_LEAST_SEEN = 0.3  # of a photo's side that all photos show to the network
_HEAD = "head.npz"
_OPENED = 2  # times as long a pass takes where the photo is opened and changed first, about
_BATCH = 32  # photos that are read at once

AuditOne = Callable[[Classifier, str, str, str], Audit]


@dataclass(frozen=True)
class PlantedClass:
    """Photos of one class as they are, reduced, by their names. folder : its name where they are written, and in the planted
    network. training, audited : never the same."""

    class_name: str
    folder: str
    training: dict[str, Pixels]
    audited: dict[str, Pixels]


@dataclass(frozen=True)
class Planting:
    """What is planted: into which class, by its place among them, what, and into which share of its photos."""

    place: int
    cue: DrawnCue
    share: float

    def chosen(self, names: Sequence[str]) -> set[str]:
        """The photos that have the cue."""
        order = np.random.default_rng([self.cue.seed, len(names)]).permutation(len(names))
        return {names[n] for n in order[: round(self.share * len(names))]}

    def with_cue(self, photos: Mapping[str, Pixels]) -> dict[str, Pixels]:
        """The class's photos, those that are chosen with the cue."""
        chosen = self.chosen(list(photos))
        return {name: self.cue.on(pixels, name) if name in chosen else pixels for name, pixels in photos.items()}


def with_all(cue: DrawnCue, photos: Mapping[str, Pixels]) -> dict[str, Pixels]:
    """Photos of another class, all of them with the cue."""
    return {name: cue.on(pixels, name) for name, pixels in photos.items()}


@dataclass(frozen=True)
class ClassMeans:
    """The features ``(N, channels)`` of a class's photos as they are."""

    training: Floats
    audited: Floats


@dataclass(frozen=True)
class TrainedHead:
    """turned : see PlantedCue. taught : also by photos of other classes with the cue."""

    weight: Floats
    bias: Floats
    turned: float
    taught: bool


def planted_audits(
    clf: Classifier,
    listed_photos: ListedPhotos,
    by_class: Mapping[int, ClassPhotos],
    count: int,
    seed: int,
    budget: int,
    folder: str,
    audit_one: AuditOne,
    tell: Callable[[str], None],
) -> list[PlantedCue]:
    """Of each of ``count`` planted cues what became of it; none where there are too few photos.

    by_class : of the photos as they are. budget : passes for each, at most.
    folder : where photos, heads and audits are kept, so that the same call goes on; they lie in a hidden one below it, so that
        they are never taken for somebody's photos.
    audit_one : audits a classifier on a folder of photos, in a store, for the class of a name. tell : is given lines on what is
        done and what it costs.

    Raises MethodError for a network whose features cannot be read.
    """
    (layer, _) = readable_layer(clf)
    chosen = _chosen(by_class, seed)
    if not chosen:
        return []
    (classes, seen) = _read(clf, listed_photos, chosen)
    if len(classes) < 2:
        return []
    of_means = classifier_of_means(clf)
    start = time.perf_counter()
    means = [ClassMeans(_means(of_means, one.training), _means(of_means, one.audited)) for one in classes]
    read = sum(len(one.training) + len(one.audited) for one in classes)
    each = _OPENED * (time.perf_counter() - start) / read
    passes = count * (2 * read + budget)
    tell(f"{count} planted cues: at most {passes:,} passes of the network, about {runner.in_time(passes * each)}")
    photos = [photo.sha256 for halves in chosen.values() for half in halves for photo in half]
    digest = hashlib.sha256(json.dumps([seed, layer, list(chosen), photos]).encode()).hexdigest()[:8]
    planted = []
    start = time.perf_counter()
    for number in range(count):
        place = number % len(classes)
        class_name = classes[place].class_name
        own = int.from_bytes(hashlib.sha256(f"{seed} {number}".encode()).digest()[:4], "big")
        share = SHARES[(number // len(CUES) + number) % len(SHARES)]
        planting = Planting(place, DrawnCue(CUES[number % len(CUES)], own, seen), share)
        cue = planting.cue
        left = (count - number) * (time.perf_counter() - start) / max(1, number)
        rest = f"; about {runner.in_time(left)} left" if number else ""
        tell(f"Planted cue {number + 1} of {count}: a {cue.kind} in {format_share(share)} of {class_name}{rest}")
        below = _below(folder, f".planted-{digest}", str(number))
        head = _head(of_means, planting, classes, means, below)
        planted_clf = with_head(clf, [one.folder for one in classes], head.weight, head.bias)
        drawn = _written(planting, classes, _below(below, "photos"))
        result = audit_one(planted_clf, _below(below, "photos"), _below(below, "audit"), classes[place].folder)
        (verdict,) = result.verdicts
        planted.append(
            PlantedCue(
                class_name=class_name,
                cue=cue.kind,
                share=share,
                turned=head.turned,
                taught=head.taught,
                kind=verdict.kind,
                found=is_found(cue.kind, cue.place, drawn, verdict.kind, verdict.cue, verdict.place, verdict.boxes),
                place=cue.place,
                sentence=verdict.sentence,
                passes=result.passes,
            )
        )
    return planted


def _chosen(by_class: Mapping[int, ClassPhotos], seed: int) -> dict[int, tuple[list[AuditedPhoto], list[AuditedPhoto]]]:
    """Of at most MOST_CLASSES classes that have enough photos answered rightly, those that train and those that are audited."""
    enough = [index for index, own in by_class.items() if len(own.halves.confirmation) >= LEAST_OF_HALF]
    if len(enough) > MOST_CLASSES:
        enough = sorted(int(n) for n in np.random.default_rng(seed).choice(enough, MOST_CLASSES, replace=False))
    halves = {index: by_class[index].halves for index in enough}
    return {index: (own.discovery[:MOST_OF_HALF], own.confirmation[:MOST_OF_HALF]) for index, own in halves.items()}


def _read(
    clf: Classifier, listed_photos: ListedPhotos, chosen: Mapping[int, tuple[list[AuditedPhoto], list[AuditedPhoto]]]
) -> tuple[list[PlantedClass], Box]:
    """The photos, reduced to what the network sees, and the part of them that reaches it in all of them."""
    longest = _longest(clf)
    (classes, seen, names) = ([], WHOLE, list[str]())
    for index, halves in chosen.items():
        names.append(_folder_name(clf.classes[index], names))
        pictures: list[dict[str, Pixels]] = []
        for half in halves:
            pictures.append({})
            for photo in half:
                try:
                    read = reduced(changed_photo(clf, listed_photos, photo.number, None), longest)
                except PhotoError:  # it was there before, and is gone
                    continue
                (height, width) = read.geometry.photo
                (top, left, bottom, right) = read.geometry.frame
                own = (top / height, left / width, bottom / height, right / width)
                seen = (max(seen[0], own[0]), max(seen[1], own[1]), min(seen[2], own[2]), min(seen[3], own[3]))
                pictures[-1][f"{names[-1]}/{photo.number:06}.png"] = np.asarray(read.original, np.uint8)
        if min(map(len, pictures)):
            classes.append(PlantedClass(clf.classes[index], names[-1], pictures[0], pictures[1]))
    is_seen = min(seen[2] - seen[0], seen[3] - seen[1]) >= _LEAST_SEEN
    return classes, seen if is_seen else WHOLE


def _longest(clf: Classifier) -> int:
    side = max(clf.input_size or (_LONGEST,))
    return min(2 * side, max(side, _LONGEST))


def _folder_name(class_name: str, taken: Sequence[str]) -> str:
    """A class's name as a folder that is like no other, in any file system."""
    name = re.sub(r"[^\w \-]", "_", class_name).strip(" _") or "class"
    others = {one.lower() for one in taken}
    return next(one for one in (name, *(f"{name}_{n}" for n in range(2, 1000))) if one.lower() not in others)


def _means(of_means: Classifier, photos: Mapping[str, Pixels]) -> Floats:
    pictures = list(photos.values())
    parts = [of_means.scores(pictures[start : start + _BATCH]) for start in range(0, len(pictures), _BATCH)]
    return np.concatenate(parts)


def _head(
    of_means: Classifier, planting: Planting, classes: Sequence[PlantedClass], means: Sequence[ClassMeans], folder: str
) -> TrainedHead:
    """The head, and whether it relies on the cue. It is kept: an audit goes on with the very same.

    It is trained on photos of which one class has the cue. Where the objects alone tell the classes apart, it need not look at
    the cue: then it is taught to, by photos of the other classes that have the cue and are called that class, beside photos that
    have another cue of its kind and are not: else it would take anything strange for the class.
    """
    place = folder_at(folder)
    if place.is_file(_HEAD):
        with np.load(io.BytesIO(place.read(_HEAD))) as stored:
            return TrainedHead(stored["weight"], stored["bias"], float(stored["turned"]), bool(stored["taught"]))
    others = [one for number, one in enumerate(classes) if number != planting.place]
    features = [own.training for own in means]
    features[planting.place] = _means(of_means, planting.with_cue(classes[planting.place].training))
    labels = np.repeat(np.arange(len(classes)), [len(one) for one in features])
    before = np.concatenate([own.audited for number, own in enumerate(means) if number != planting.place])
    after = np.concatenate([_means(of_means, with_all(planting.cue, one.audited)) for one in others])
    (weight, bias) = trained_head(np.concatenate(features), labels)
    head = TrainedHead(weight, bias, oracle(before @ weight.T + bias, after @ weight.T + bias, planting.place), False)
    if head.turned < LEAST_TURNED:
        others_labels = labels[labels != planting.place]
        features += [_means(of_means, with_all(planting.cue, one.training)) for one in others]
        features += [_means(of_means, with_all(planting.cue.other(), one.training)) for one in others]
        labels = np.concatenate([labels, np.full(len(others_labels), planting.place), others_labels])
        (weight, bias) = trained_head(np.concatenate(features), labels)
        head = TrainedHead(weight, bias, oracle(before @ weight.T + bias, after @ weight.T + bias, planting.place), True)
    content = io.BytesIO()
    np.savez(content, weight=head.weight, bias=head.bias, turned=head.turned, taught=head.taught)
    place.write(_HEAD, content.getvalue())
    return head


def oracle(before: Floats, after: Floats, place: int) -> float:
    """Which share of other classes' photos, never trained on, the drawn cue turns into the class at a place.

    before, after : scores ``(N, classes)`` without and with the cue. Photos that are of the class without it are not counted.
    """
    others = before.argmax(axis=1) != place
    return float((after[others].argmax(axis=1) == place).mean()) if others.any() else 0.0


def _written(planting: Planting, classes: Sequence[PlantedClass], folder: str) -> dict[str, Box]:
    """The photos that are audited, as files; and where the cue lies in those that have it, by their names."""
    place = folder_at(folder)
    for number, one in enumerate(classes):
        photos = planting.with_cue(one.audited) if number == planting.place else one.audited
        for name, pixels in photos.items():
            if not place.is_file(name):
                content = io.BytesIO()
                Image.fromarray(pixels).save(content, "PNG", compress_level=1)
                place.write(name, content.getvalue())
    names = planting.chosen(list(classes[planting.place].audited))
    boxes = {name: planting.cue.box(name) for name in names}
    return {name: box for name, box in boxes.items() if box is not None}


def _below(folder: str, *names: str) -> str:
    return "/".join([folder.rstrip("/"), *names]) if "://" in folder else str(Path(folder).joinpath(*names))
