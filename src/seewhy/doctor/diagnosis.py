"""Is the network given what it was trained on? Checks of weights, head, classes and preparation, and what they find."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch

from seewhy.classes import ClassNames
from seewhy.classifier import Classifier, check_photos
from seewhy.doctor import words
from seewhy.doctor.checks import CHECKS
from seewhy.doctor.drawing import panels_of
from seewhy.doctor.evidence import FEWEST, is_like_guessing, is_unfit
from seewhy.doctor.examination import MOST_PHOTOS, Examination, spread
from seewhy.doctor.findings import Attempt, Basis, Certainty, Fault, Finding, Unknown
from seewhy.engine.runner import Progress
from seewhy.errors import Message, PhotoError, SeewhyError, TargetError
from seewhy.files import json_bytes, save_as
from seewhy.formatting import format_number, format_share
from seewhy.labels import read_labels
from seewhy.photo import photos_below
from seewhy.reading import photo_list
from seewhy.records import Cost, Photo
from seewhy.show import Panel, Section, gallery
from seewhy.show.figures import PICTURE_SUFFIXES, picture_writers, render
from seewhy.show.layout import compose

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from PIL import Image

_ROUGHLY = 40  # preparations that are tried, for the progress
_FIRST = 40  # passes at least, and six of each photo, before one says how long it takes: the first ones are slow


@dataclass(frozen=True, eq=False)
class Diagnosis:
    """What the doctor found.

    findings : the faults, each a :class:`Finding` with its kind (``.fault``), how sure it is, its evidence in numbers and the
        settings to write; empty where nothing was found.
    unknown : what could not be decided. attempts : the preparations that were tried, with their numbers. sources : what they were
    compared by. photos, labelled : how many. model, preprocessing : what was examined, in words. cost : passes and seconds.
    notes : on the labels. skipped : (name, reason) of photos that cannot be read.
    """

    findings: tuple[Finding, ...]
    unknown: tuple[Unknown, ...]
    attempts: tuple[Attempt, ...]
    sources: tuple[Basis, ...]
    photos: int
    labelled: int
    model: str
    preprocessing: str
    cost: Cost
    panels: tuple[Panel, ...] = ()
    notes: tuple[str, ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    suffixes: ClassVar[tuple[str, ...]] = (*PICTURE_SUFFIXES, ".html", ".json")

    @property
    def faults(self) -> list[Fault]:
        """The kinds of the findings."""
        return [finding.fault for finding in self.findings]

    @property
    def sentence(self) -> str:
        """The result in one line."""
        if not self.findings:
            return f"{self.heading} ({self._counted}); {self._checked}."
        return f"{self.heading} ({self._counted})."

    @property
    def heading(self) -> str:
        """The faults by name, for pictures and pages; without any, whether the photos fit the network at all."""
        return words.heading(self.findings, self.unknown)

    @property
    def _counted(self) -> str:
        labels = {0: "", self.photos: ", all labelled" if self.photos > 1 else ", labelled"}
        labelled = labels.get(self.labelled, f", {self.labelled} of them labelled")
        return f"{self.photos} photo{'s' * (self.photos != 1)}{labelled}"

    @property
    def _checked(self) -> str:
        if len(self.attempts) < 2:
            return "no other preparation was tried"
        by = words.source_text(self.sources)
        return f"{len(self.attempts) - 1} other preparations were compared by {by}, none is clearly better"

    @property
    def messages(self) -> list[Message]:
        """Each finding in a few sentences, settings marked (see ``seewhy.errors.Message``)."""
        return [
            Message(f"{words.name(f)} ({words.certainty_text(f.certainty)}). {words.sentences(f).marked}") for f in self.findings
        ]

    @property
    def remarks(self) -> list[Message]:
        """What could not be decided, in words."""
        return [words.unknown_message(unknown, Unknown.INSIDE in self.unknown) for unknown in self.unknown]

    def table(self) -> list[list[str]]:
        """The preparations that were tried, as rows of text; heads first, then the present one, then the best."""
        columns: dict[str, tuple[str, Callable[[float], str]]] = {
            "gap": ("gap (nats)", format_number),
            "accuracy": ("right", format_share),
            "likelihood": ("log-likelihood", format_number),
            "information": ("says (nats)", format_number),
        }
        used = [name for name in columns if any(getattr(attempt, name) is not None for attempt in self.attempts)]
        rows = [["preparation", *(columns[name][0] for name in used), ""]]
        for attempt in sorted(self.attempts, key=_rank):
            cells = []
            for name in used:
                value = getattr(attempt, name)
                cells.append("–" if value is None or not np.isfinite(value) else columns[name][1](value))
            mark = "now" if attempt.current else "believed" if attempt.chosen else "not possible" if attempt.refused else ""
            rows.append([attempt.text, *cells, mark])
        return rows

    def record(self) -> dict[str, Any]:
        """The result as plain JSON values."""
        return {
            "sentence": self.sentence,
            "findings": [
                finding.record() | {"text": str(message)} for finding, message in zip(self.findings, self.messages, strict=True)
            ],
            "unknown": [unknown.value for unknown in self.unknown],
            "sources": [source.value for source in self.sources],
            "tried": [{name: _plain(value) for name, value in vars(attempt).items()} for attempt in self.attempts],
            "photos": self.photos,
            "labelled": self.labelled,
            "model": self.model,
            "preprocessing": self.preprocessing,
            "notes": list(self.notes),
            "skipped": [{"photo": name, "reason": str(Message(reason))} for name, reason in self.skipped],
            "cost": vars(self.cost),
        }

    def plot(self) -> Figure:
        """The photo as the network sees it, as a figure."""
        return compose(
            [list(self.panels)], title=self.heading, footer="  ·  ".join((self.model, self.preprocessing, self._counted))
        )

    def image(self) -> Image.Image:
        """The photo as the network sees it, as a PIL image."""
        return render(self.plot())

    def page(self) -> str:
        """One HTML page: the findings, the photo as the network sees it, all that was tried."""
        texts = [*map(str, self.messages), *map(str, self.remarks)]
        if not self.findings:
            texts.insert(0, f"{self._checked[0].upper()}{self._checked[1:]}.")
        sections = [Section("The photo as the network sees it", "", self.panels)] if self.panels else []
        if self.attempts:
            by = f"Compared by {words.source_text(self.sources)}." if self.sources else ""
            sections.append(Section("What was tried", by, table=self.table()))
        cost = f"{self.cost.forward:.0f} forward passes, {self.cost.seconds:.1f} s"
        footer = " · ".join((self.model, self.preprocessing, self._counted, cost))
        return gallery(self.heading, sections, "\n\n".join(texts), footer)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the picture (.png, .jpg, .pdf, .svg), the page (.html) or the record (.json). Raises RecordError."""
        writers = {
            **(picture_writers(self.plot) if self.panels else {}),
            ".html": lambda: self.page().encode(),
            ".json": lambda: json_bytes(self.record()),
        }
        return save_as(path, writers)

    def __str__(self) -> str:
        return "\n".join([self.sentence, *map(str, self.messages), *map(str, self.remarks)])

    def __repr__(self) -> str:
        return f"<Diagnosis: {self.sentence}>"


def doctor(
    clf: Classifier,
    photos: Any,
    labels: Any = None,
    progress: bool | Callable[[int, int, Any], None] | None = None,
) -> Diagnosis:
    """Is the network given what it was trained on, and read as it was trained?

    Checks weights (finite, ever loaded, dead), train mode, the head, the class list (with labels), and the preparation: value
    range, mean and std, order of the colours, size, resize. About 25 other preparations are tried on the photos, on at most 64
    of them; about 30 passes a photo. Which one fits is told by the true classes, and by the BatchNorms: their running mean and
    variance are what the layers read in training. A preparation is blamed only where another one is better beyond chance.

    photos : one, a list, a folder, or a batch tensor. labels : their classes, as ``seewhy.confusion``'s: "folders", a file, a
    dictionary or a list; None where they are not known. progress : None, False, or a function (done, total, partial).

    The classifier and its network stay as they are. Raises PhotoError, TargetError (labels that are no classes), OptionError.
    """
    start = time.perf_counter()
    check_photos(clf, "doctor")
    sources = _sources(photos)
    given = None if labels is None else read_labels(labels, [_path(source) for source in sources])
    places = spread(len(sources)) if given is None else _labelled_first(given.values)
    (photos_read, faulty, skipped) = _read(clf, sources, places)
    true = None if given is None else _true(clf, given, list(photos_read))
    read = list(photos_read.values())
    with Progress(progress, _ROUGHLY * len(read), "doctor", first=max(_FIRST, 6 * len(read))) as bar:
        examination = Examination(clf, read, true, bar.advance)
        findings = list(faulty)
        for check in CHECKS:
            findings += check(examination)
            if any(finding.ends for finding in findings):
                break
    return Diagnosis(
        tuple(findings),
        tuple(_unknown(examination, findings)),
        tuple(examination.attempts),
        tuple(_compared_by(examination)),
        len(read),
        0 if examination.true is None else len(examination.true),
        clf.name,
        clf.describe_input(),
        Cost(examination.subject.passes, 0, time.perf_counter() - start),
        tuple(panels_of(examination)),
        () if given is None else (*given.missing_note, *given.unmatched_note),
        tuple(skipped),
    )


def _sources(photos: Any) -> list[Any]:
    sources: list[Any] = []
    for photo in photo_list(photos):
        path = _path(photo)
        sources += photos_below(path) if path is not None and path.is_dir() else [photo]
    if not sources:
        raise PhotoError("There is no photo: give one, a list, or a folder.")
    return sources


def _path(photo: Any) -> Path | None:
    return Path(photo) if isinstance(photo, (str, os.PathLike)) else None


def _labelled_first(values: Sequence[Any]) -> list[int]:
    """Which photos are looked at: of more than 64 those that have a label, spread over all."""
    if len(values) <= MOST_PHOTOS:
        return list(range(len(values)))
    known = [place for place, value in enumerate(values) if value is not None]
    return [known[i] for i in spread(len(known))] if known else spread(len(values))


def _true(clf: Classifier, given: Any, places: Sequence[int]) -> list[int | None] | None:
    """The classes of the photos that are looked at; None where the network's own classes cannot be counted."""
    try:
        names: ClassNames = clf.class_names()
    except TargetError:
        raise
    except SeewhyError:
        return None  # nobody named the classes, and the network cannot be run: why, a check says
    indices = given.indices(names)
    return [indices[i] for i in places]


def _read(
    clf: Classifier, sources: Sequence[Any], places: Sequence[int]
) -> tuple[dict[int, Photo], list[Finding], list[tuple[str, str]]]:
    """The photos by their places; findings on arrays whose values are not those of a photo, which are brought back; names and
    reasons of what cannot be read. Raises PhotoError where none can."""
    read: dict[int, Photo] = {}
    findings: list[Finding] = []
    skipped: list[tuple[str, str]] = []
    for place in places:
        (source, finding) = (sources[place], None)
        if clf.preprocess is not None:
            (source, finding) = _in_range(source)
        try:
            read[place] = clf.read(source)
        except PhotoError as error:
            if len(places) == 1:
                raise
            skipped.append((str(_path(source) or f"photo {place + 1}"), error.message.marked))
        else:
            findings += [finding] if finding is not None and not findings else []
    if not read:
        raise PhotoError(f"None of the {len(places)} photos can be read. The first: {skipped[0][1]}")
    return read, findings, skipped


def _in_range(source: Any) -> tuple[Any, Finding | None]:
    """A float array whose values are not 0 to 1 as one whose values are, and what is wrong with it."""
    if not isinstance(source, (np.ndarray, torch.Tensor)):
        return source, None
    values = source.detach().cpu().numpy() if isinstance(source, torch.Tensor) else source
    if values.dtype.kind != "f" or values.ndim != 3 or not np.isfinite(values).all():
        return source, None
    (low, high) = (float(values.min()), float(values.max()))
    if low < -1e-3:
        finding = Finding(Fault.ALREADY_NORMALISED, Certainty.CERTAIN, {"low": low, "high": high}, ends=True)
        return (values - low) / (high - low), finding
    if high > 2:
        evidence = {"low": low, "high": high, "believed": "float photos of 0 to 1, or uint8 ones of 0 to 255"}
        return values / 255, Finding(Fault.VALUE_RANGE, Certainty.CERTAIN, evidence)
    return source, None


def _unknown(examination: Examination, findings: Sequence[Finding]) -> list[Unknown]:
    unknown = []
    if any(finding.ends for finding in findings):
        return [Unknown.BEHIND]
    if not examination.subject.is_copy:
        unknown.append(Unknown.INSIDE)
    if examination.true is None:
        unknown.append(Unknown.CLASSES)
    if len(examination.photos) < FEWEST:
        unknown.append(Unknown.FEW_PHOTOS)
    gap = next((attempt.gap for attempt in sorted(examination.attempts, key=_believed_first)), None)
    if gap is not None and is_unfit(gap, len(examination.photos)):
        unknown.append(Unknown.LOOKS_WRONG if len(examination.photos) < FEWEST else Unknown.UNFIT)
    if len(examination.photos) >= FEWEST and examination.true is None and not examination.subject.norms:
        unknown.append(Unknown.PREPARATION)
    elif len(examination.photos) >= FEWEST and examination.true is None and examination.colours_open:
        unknown.append(Unknown.COLOURS)
    shares = [attempt.accuracy for attempt in examination.attempts if attempt.accuracy is not None]
    if examination.true is not None and shares and is_like_guessing(round(max(shares) * len(examination.true)), examination.true):
        unknown.append(Unknown.GUESSING)
    return unknown


def _compared_by(examination: Examination) -> list[Basis]:
    kinds: Mapping[str, Basis] = {"likelihood": Basis.LABELS, "gap": Basis.STATISTICS, "information": Basis.CONFIDENCE}
    return [
        source for name, source in kinds.items() if any(getattr(attempt, name) is not None for attempt in examination.attempts)
    ]


def _rank(attempt: Attempt) -> tuple[bool, bool, float]:
    numbers = (attempt.gap, _minus(attempt.likelihood), _minus(attempt.information))
    first = next((number for number in numbers if number is not None and np.isfinite(number)), np.inf)
    return not attempt.current, not attempt.chosen, first


def _believed_first(attempt: Attempt) -> tuple[bool, bool]:
    return not attempt.chosen, not attempt.current


def _minus(value: float | None) -> float | None:
    return None if value is None else -value


def _plain(value: Any) -> Any:
    """For JSON, which knows no NaN."""
    return None if isinstance(value, float) and not np.isfinite(value) else value
