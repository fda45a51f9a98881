"""Explain the same photos by several networks, or by several methods of one network."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from seewhy.classifier import Classifier, check_photos
from seewhy.compare.comparison import Comparison, Omission, checked_columns
from seewhy.compare.drawing import taken_by_auto
from seewhy.compare.likeness import matched_correlations
from seewhy.compare.stored import checked_stores, compare_stores
from seewhy.compare.stored_rows import LONGEST
from seewhy.engine import runner
from seewhy.engine.state import random_state
from seewhy.errors import ComparisonError, Message, OptionError, PhotoError, SeewhyError, TargetError, listed, setting
from seewhy.explain import explain, make_method
from seewhy.explanation import Explanation
from seewhy.features.folder import Source, listing, reduced
from seewhy.geometry import Array
from seewhy.methods import METHODS, Method
from seewhy.methods.auto import AUTO, PASSES, TAKEN, Choice, ChoiceNote, choice_notes
from seewhy.methods.occlusion import Occlusion
from seewhy.records import Photo, Prediction, Target
from seewhy.store import Store
from seewhy.targets import resolve


def compare(
    clf: Classifier | Sequence[Classifier] | Sequence[Store],
    photos: Any = None,
    method: str | Method | Sequence[str | Method] = "grad_cam",
    target: Any = "top1",
    *,
    names: Sequence[str] | None = None,
    against: str | int | None = None,
    batch_size: int | None = None,
    seed: int = 0,
    progress: bool | runner.ProgressCallback | None = None,
    budget: int | float | str | None = None,
    **settings: Any,
) -> Comparison:
    """Do they look at the same thing? Several networks with one method, or one network with several methods.

    clf : a list of classifiers, or one; or a list of stores of the same photos, as of a network before and after it was trained
        again: what is stored is compared, without the networks. A photo is the same where its path and its hash are, or its hash
        alone; ``.change`` says what was right and what is. Maps are those of ``method`` (where "grad_cam" is not stored, of the
        first method that all have), of a class that all have explained. Photos, target and settings are then left out.
    photos : one or several, as for ``explain``. method : one, or for one network a list.
    target : the class that is explained: a name or an index of the first network, or "top1", its first choice for each photo; the
    others explain the class of the same name. names : of the columns; else the networks' or methods' own.
    against : why the target and not this class? Named like the target; a network that does not have it has no map.
    batch_size, seed, budget : as for ``explain``; the budget is that of one map. progress : None (the first map of each column
        says how long it takes, as ``explain`` does, and the first photo how long all of them take), False, or
        ``callback(done, total, partial)``, told after each photo how many maps are done.
    settings : of the methods; each gets those that it has. Where "auto" takes occlusion for one of several networks, it takes it
        for all of them, so that one measure is compared. A photo that cannot be read or explained is skipped and named in
    ``.skipped`` and ``.notes``; but what stops the first one would stop all of them, and is raised.

    Ctrl-C: the photos that are done are returned, ``partial``; it is raised where there is none yet.

    So that memory stays bounded, photos are kept at most 1024 pixels a side, and explanations without ``raw`` and the arrays of
    their ``details``.

    Raises OptionError: nothing to compare, several networks and several methods, settings beside a method that is made already,
    as for ``explain``; TargetError: no class in common, a target
    that is several classes ("top3").
    """
    settings_given = {"photos": photos, "target": None if target == "top1" else target, "against": against, "budget": budget}
    if stores := checked_stores(clf, settings_given | {"batch_size": batch_size} | settings):
        if not isinstance(method, str):
            raise OptionError(f"{setting('method')}: of stores the maps of one method are compared: write its name.")
        return compare_stores(stores, method, names, progress)
    if photos is None:
        raise OptionError("Which photos? Write seewhy.compare([clf_a, clf_b], photos), or seewhy.compare([store_a, store_b]).")
    networks: list[Classifier] = list(clf) if isinstance(clf, (list, tuple)) else [clf]  # type: ignore[list-item]
    methods: list[Any] = list(method) if isinstance(method, (list, tuple)) else [method]
    for network in networks:
        check_photos(network, "compare")
        if not isinstance(network, Classifier):
            raise OptionError(f"One of the networks is a {type(network).__name__}: wrap it as seewhy.Classifier(network, ...).")
    if len(networks) * len(methods) < 2 or min(len(networks), len(methods)) > 1:
        raise OptionError(
            f"{len(networks)} network{'s' * (len(networks) != 1)} and {len(methods)} method{'s' * (len(methods) != 1)}: compare "
            "several networks with one method, or several methods of one network."
        )
    if not isinstance(target, (str, int)):
        raise _not_one_class(target)
    of = "networks" if len(networks) > 1 else "methods"
    own_names = [network.name for network in networks] if of == "networks" else [_name(item) for item in methods]
    if names is not None and len(names) != len(own_names):
        raise OptionError(f"{len(names)} names for {len(own_names)} {of}: give one for each.")
    columns = checked_columns(list(names or own_names))
    _check_settings(settings, methods)
    sources = listing(photos)
    common = {"seed": seed, "batch_size": batch_size}
    requests = [
        _Request(column, network, item, common | _budget_of(item, methods, budget) | _settings_of(item, settings))
        for column, (network, item) in zip(columns, itertools.product(networks, methods), strict=True)
    ]
    notes: list[str] | None = None
    rows: list[_Row] = []
    skipped: list[tuple[str, str]] = []
    errors: list[SeewhyError] = []
    try:
        with runner.Progress(progress, len(sources) * len(requests), "Comparison") as bar:
            for source in sources:
                try:
                    if notes is None:
                        notes = _notes(networks, columns, source.photo)
                        _check_target(networks[0], target)
                    telling = None if not rows and progress in (None, True) else False
                    rows.append(_row(requests, source, target, against, telling))
                except SeewhyError as error:
                    concerns_photo = isinstance(error, (PhotoError, ComparisonError))  # whatever the settings are
                    if len(sources) == 1 or not (rows or concerns_photo):
                        raise
                    errors.append(error)
                    skipped.append((_photo_name(source), Message(error.message.marked.split("\n")[0])))
                bar.advance(len(requests))
    except KeyboardInterrupt:
        if not rows:
            raise
    if not rows:
        raise type(errors[0])(f"None of {len(sources)} photos could be compared: {errors[0].message.marked}")
    is_unnamed = of == "methods" and names is None
    chosen = [number for number, item in enumerate(methods) if is_unnamed and isinstance(item, str) and item == AUTO]
    columns = _with_taken(columns, chosen, rows)
    reached = len(rows) + len(skipped)
    notes = [*(notes or []), *_choices(columns, rows), *(_stopped_notes(columns, rows) if len(sources) > 1 else [])]
    if skipped:
        notes.append(
            Omission(f"{len(skipped)} of {len(sources)} photos were skipped: {listed((name for name, _ in skipped), 3)}")
        )
    if reached < len(sources):
        notes.append(Omission(f"interrupted after {reached} of {len(sources)} photos"))
    return Comparison(
        columns,
        of,
        [row.explanations for row in rows],
        [row.predictions for row in rows],
        np.stack([row.correlations for row in rows]),
        [row.target for row in rows],
        [row.name for row in rows],
        skipped,
        notes,
        len(sources) - reached,
        chosen,
    )


@dataclass(frozen=True, eq=False)
class _Request:
    """What a column asks of ``explain``. settings : the common ones, and the method's own."""

    column: str
    clf: Classifier
    method: str | Method | Choice
    settings: dict[str, Any]

    @property
    def by_class(self) -> bool:
        """False where the map belongs to the photo, not to a class."""
        kind = _kind(self.method)
        return kind is None or kind.by_class

    def explain(self, photo: Any, target: str | int, against: str | int | None, progress: bool | None) -> Explanation:
        """In a list, so that Ctrl-C is raised: part of a map is not compared with whole ones."""
        explanations = explain(self.clf, [photo], self.method, target, against=against, progress=progress, **self.settings)
        explanation: Explanation = explanations[0]
        return explanation

    def by_hiding(self, like: str) -> _Request:
        """The same by occlusion. like : the column whose map is made so."""
        reason = f"the map of {like} is made so, and those of two methods differ also where the networks agree"
        return replace(self, method=Choice(Occlusion.name, reason, PASSES))

    def prediction(self, photo: Any) -> Prediction:
        """Of a photo whose class the network does not have."""
        with random_state(self.settings["seed"]):
            predictions: list[Prediction] = self.clf.classify([photo], 1)[0]
        return predictions[0]


@dataclass(frozen=True, eq=False)
class _Row:
    """One photo by every network or method; see ``Comparison``."""

    name: str
    target: str
    explanations: list[Explanation | None]
    predictions: list[Prediction]
    correlations: Array


def _not_one_class(target: Any) -> TargetError:
    return TargetError(f"{setting('target', target)}: one class for each photo is compared: its name, its index, or 'top1'.")


def _check_target(clf: Classifier, target: str | int) -> None:
    """Raises TargetError for what may be several classes ("top3", "present"), or none. clf : its classes are counted."""
    classes = clf.class_names()
    if len(resolve([target], np.ones(len(classes)), classes)) > 1:
        raise _not_one_class(target)


def _photo_name(source: Source) -> str:
    """What the person wrote where it is a path; bytes that are no UTF-8 show as a replacement sign."""
    return source.name if source.path is None else os.fsencode(source.path).decode("utf-8", "replace")


def _row(
    requests: Sequence[_Request], source: Source, target: str | int, against: str | int | None, progress: bool | None
) -> _Row:
    """One photo by every network or method. progress : of each map; None tells how long it takes."""
    first = requests[0].clf
    by_auto = len({request.clf for request in requests}) > 1 and requests[0].method == AUTO  # then all by one measure
    photo = first.read(source.photo) if all(request.clf is first for request in requests) else source.photo
    explanation = requests[0].explain(photo, target, against, progress)
    class_ = explanation.targets[0]
    seen = _at_most(explanation.photo, LONGEST)
    explanations: list[Explanation | None] = [_kept(explanation, seen)]
    predictions = [explanation.predictions[0]]
    for request in requests[1:]:
        classes: Any = (class_.index, against) if request.clf is first else _classes_of(request.clf, first, class_)
        if classes is None:
            explanations.append(None)
            predictions.append(request.prediction(photo))
        else:
            (own_class, own_against) = classes
            if target == "top1" and not request.by_class:
                own_class = "top1"  # nobody has asked such a map for a class
            explanation = request.explain(photo, own_class, own_against, progress)
            explanations.append(_kept(explanation, seen))
            predictions.append(explanation.predictions[0])
    hidden = [
        request.column for request, e in zip(requests, explanations, strict=True) if e is not None and e.method == Occlusion.name
    ]
    if by_auto and hidden:
        for number, (request, e) in enumerate(zip(requests, explanations, strict=True)):
            if e is not None and e.method != Occlusion.name:
                (own, other) = (e.targets[0].index, e.targets[0].against)
                assert own is not None  # it is no function
                explanation = request.by_hiding(hidden[0]).explain(photo, own, None if other is None else other.index, progress)
                explanations[number] = _kept(explanation, seen)
    return _Row(_photo_name(source), class_.text, explanations, predictions, matched_correlations(explanations))


def _classes_of(clf: Classifier, first: Classifier, target: Target) -> tuple[str | int, str | int | None] | None:
    """The target of the first network, and what it is compared with, for another one; None where that lacks one of them."""
    other = target.against
    assert target.index is not None  # it is no function
    if clf.class_names().names == first.class_names().names:
        return target.index, None if other is None else other.index
    names = [target.name] if other is None else [target.name, other.name]
    if not all(name in clf.class_names() for name in names):
        return None
    return target.name, None if other is None else other.name


def _with_taken(columns: Sequence[str], chosen: Sequence[int], rows: Sequence[_Row]) -> list[str]:
    """The columns; those that "auto" chose by what it took, where that is the same for all photos."""
    taken = [{e.method for row in rows if (e := row.explanations[number]) is not None} for number in range(len(columns))]
    return [
        taken_by_auto(*methods) if number in chosen and len(methods) == 1 else column
        for number, (column, methods) in enumerate(zip(columns, taken, strict=True))
    ]


def _choices(columns: Sequence[str], rows: Sequence[_Row]) -> list[ChoiceNote]:
    """What "auto" took in each column; without the columns' names where it is the same in all, or one column is "auto"."""
    chosen = [
        list(dict.fromkeys(note for row in rows if (e := row.explanations[number]) is not None for note in choice_notes(e.notes)))
        for number in range(len(columns))
    ]
    different = [notes for i, notes in enumerate(chosen) if notes and notes not in chosen[:i]]
    if len(different) == 1:
        return different[0]
    return [ChoiceNote(f"{column}: {note.marked}") for column, notes in zip(columns, chosen, strict=True) for note in notes]


def _stopped_notes(columns: Sequence[str], rows: Sequence[_Row]) -> list[str]:
    """How many maps the budget ended early; each photo's own notes say where they ended."""
    notes = []
    for number, column in enumerate(columns):
        explanations = [e for row in rows if (e := row.explanations[number]) is not None]
        stopped = sum(e.partial for e in explanations)
        if stopped:
            notes.append(f"{column}: the budget stopped {stopped} of {len(explanations)} maps before they were complete")
    return notes


def _kept(explanation: Explanation, seen: Photo) -> Explanation:
    """What is needed to draw it. seen : the photo that all columns share: hundreds fit into memory, however large they were."""
    photo = explanation.photo
    geometry = photo.geometry.at_size(seen.geometry.photo)
    photo = replace(photo, original=seen.original, geometry=geometry, raw=None)
    details = {name: value for name, value in explanation.details.items() if not isinstance(value, np.ndarray)}
    return replace(explanation, photo=photo, raw=None, details=details)


def _at_most(photo: Photo, longest: int) -> Photo:
    """The photo with an original of at most so many pixels a side; a smaller one is left as it is."""
    return photo if max(photo.geometry.photo) <= longest else reduced(photo, longest)


def _name(method: str | Method) -> str:
    return method if isinstance(method, str) else method.name


def _kind(method: Any) -> type[Method] | None:
    """The method's class; None for a name that is unknown."""
    if isinstance(method, Method):
        return type(method)
    return METHODS.get(method) if isinstance(method, str) else None


def _setting_names(method: Any) -> list[str]:
    if method == AUTO:
        return sorted({name for taken in TAKEN for name in METHODS[taken].setting_names()})
    kind = _kind(method)
    return [] if kind is None else kind.setting_names()


def _budget_of(method: Any, methods: Sequence[Any], budget: int | float | str | None) -> dict[str, Any]:
    """The budget goes to the methods that it can limit; to all where it can limit none, and each of them says so."""
    limited = [kind.sweeps for kind in map(_kind, methods) if kind is not None]
    kind = _kind(method)
    return {"budget": None if any(limited) and kind is not None and not kind.sweeps else budget}


def _settings_of(method: str | Method, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that this method has."""
    return {name: value for name, value in settings.items() if name in _setting_names(method)}


def _check_settings(settings: dict[str, Any], methods: Sequence[Any]) -> None:
    """Raises OptionError for a setting that none of the methods has, and for one of a method that is made already.

    An unknown method is reported by ``explain``.
    """
    for method in methods:
        if isinstance(method, Method):
            make_method(method, _settings_of(method, settings))
    known = {name for method in methods for name in _setting_names(method)}
    unknown = [name for name in settings if name not in known]
    if unknown and known:
        raise OptionError(
            f"None of {listed(map(_name, methods))} has a setting '{unknown[0]}': they have {listed(sorted(known), 20)}; every "
            "method takes against, batch_size, seed, progress and budget."
        )


def _notes(networks: Sequence[Classifier], columns: Sequence[str], photo: Any) -> list[str]:
    """Classes that not all networks have. Raises TargetError where there is none that all have."""
    for network in networks:
        if network.given_classes is None:
            network.scores(photo)  # counts them
    first = networks[0].class_names()
    notes = []
    for network, column in zip(networks[1:], columns[1:], strict=False):
        names = network.class_names()
        missing = [name for name in first.names if name not in names]
        more = [name for name in names.names if name not in first]
        if len(missing) == len(first):
            raise TargetError(
                f"{columns[0]} and {column} have no class in common: {listed(first.names, 3)}; {listed(names.names, 3)}."
            )
        if missing or more:
            parts = [f"{column} does not know {listed(missing, 5)}"] * bool(missing)
            parts += [f"only {column} knows {listed(more, 5)}"] * bool(more)
            notes.append(f"classes are compared by name: {'; '.join(parts)}")
    return notes
