"""Explain the same photos by several networks, or by several methods of one network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from seewhy.classifier import Classifier
from seewhy.compare.comparison import Comparison, checked_columns
from seewhy.engine import runner
from seewhy.errors import OptionError, PhotoError, TargetError, listed, setting
from seewhy.evaluate import agreement
from seewhy.explain import explain
from seewhy.explanation import Explanation
from seewhy.features.folder import Source, listing, reduced
from seewhy.geometry import Array
from seewhy.methods import METHODS, Method
from seewhy.records import Photo
from seewhy.targets import resolve

LONGEST = 1024  # pixels a side of the photos that are kept
COMPARED = 256  # pixels a side at which maps are compared: ranks of more take longer and say the same


def compare(
    clf: Classifier | Sequence[Classifier],
    photos: Any,
    method: str | Method | Sequence[str | Method] = "grad_cam",
    target: Any = "top1",
    *,
    names: Sequence[str] | None = None,
    seed: int = 0,
    progress: bool | runner.ProgressCallback | None = None,
    **settings: Any,
) -> Comparison:
    """Do they look at the same thing? Several networks with one method, or one network with several methods.

    clf : a list of classifiers, or one. photos : one or several, as for ``explain``. method : one, or for one network a list.
    target : the class that is explained: a name or an index of the first network, or "top1", its first choice for each photo; the
    others explain the class of the same name. names : of the columns; else the networks' or methods' own.
    settings : of the methods; each gets those that it has. A photo that cannot be read is skipped and named in ``.skipped``
    and ``.notes``.

    So that memory stays bounded, photos are kept at most 1024 pixels a side, and explanations without ``raw`` and the arrays of
    their ``details``.

    Raises OptionError: nothing to compare, several networks and several methods; TargetError: no class in common, a target
    that is several classes ("top3").
    """
    networks: list[Classifier] = list(clf) if isinstance(clf, (list, tuple)) else [clf]  # type: ignore[list-item]
    methods: list[Any] = list(method) if isinstance(method, (list, tuple)) else [method]
    for network in networks:
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
    pairs = [(network, item) for network in networks for item in methods]
    own_settings = [_settings_of(item, settings) for item in methods] * len(networks)
    _check_settings(settings, methods)
    sources = listing(photos)
    notes: list[str] | None = None
    rows: list[list[Explanation | None]] = []
    correlations: list[Array] = []
    photo_names: list[str] = []
    skipped: list[tuple[str, str]] = []
    with runner.Progress(progress, len(sources) * len(pairs), "Comparison") as bar:
        for source in sources:
            try:
                if notes is None:
                    notes = _notes(networks, columns, source.photo)
                    _check_target(networks[0], target)
                row = _row(pairs, own_settings, source.photo, target, seed)
                correlations.append(_correlations(row))
                rows.append(row)
                photo_names.append(_photo_name(source))
            except PhotoError as error:
                if len(sources) == 1:
                    raise
                skipped.append((_photo_name(source), error.line))
            bar.advance(len(pairs))
    if not rows:
        raise PhotoError(f"None of {len(sources)} photos could be read: {skipped[0][1]}")
    targets = [next(e.targets[0].name for e in row if e is not None) for row in rows]
    notes = notes or []
    if skipped:
        notes.append(f"{len(skipped)} of {len(sources)} photos were skipped: {listed((name for name, _ in skipped), 3)}")
    return Comparison(columns, of, rows, np.stack(correlations), targets, photo_names, skipped, notes)


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
    pairs: Sequence[tuple[Classifier, Any]], settings: Sequence[dict[str, Any]], photo: Any, target: Any, seed: int
) -> list[Explanation | None]:
    """One photo by every network or method."""
    (first, method) = pairs[0]
    photo = first.read(photo) if all(network is first for network, _ in pairs) else photo
    explanation = explain(first, photo, method, target, seed=seed, progress=False, **settings[0])
    class_ = explanation.targets[0]
    seen = _at_most(explanation.photo, LONGEST)
    row: list[Explanation | None] = [_kept(explanation, seen)]
    for (network, method), own in zip(pairs[1:], settings[1:], strict=True):
        if network.class_names().names == first.class_names().names:
            again = explain(network, photo, method, class_.index, seed=seed, progress=False, **own)
        elif class_.name in network.class_names():
            again = explain(network, photo, method, class_.name, seed=seed, progress=False, **own)
        else:
            row.append(None)
            continue
        row.append(_kept(again, seen))
    return row


def _kept(explanation: Explanation, seen: Photo) -> Explanation:
    """What is needed to draw it. seen : the photo that all columns share: hundreds fit into memory, however large they were."""
    photo = explanation.photo
    photo = replace(photo, original=seen.original, geometry=photo.geometry.at_size(seen.geometry.photo))
    details = {name: value for name, value in explanation.details.items() if not isinstance(value, np.ndarray)}
    return replace(explanation, photo=photo, raw=None, details=details)


def _at_most(photo: Photo, longest: int) -> Photo:
    """The photo with an original of at most so many pixels a side; a smaller one is left as it is."""
    return photo if max(photo.geometry.photo) <= longest else reduced(photo, longest)


def _correlations(row: Sequence[Explanation | None]) -> Array:
    """``(C, C)``: of the maps on the photo; NaN where a column has none."""
    matrix = np.full((len(row),) * 2, np.nan, np.float32)
    present = [place for place, e in enumerate(row) if e is not None]
    maps = [replace(e, photo=_at_most(e.photo, COMPARED)).on_photo()[0] for e in row if e is not None]
    matrix[np.ix_(present, present)] = agreement(maps)
    return matrix


def _name(method: str | Method) -> str:
    return method if isinstance(method, str) else method.name


def _setting_names(method: Any) -> list[str]:
    kind = METHODS.get(method) if isinstance(method, str) else type(method)
    return [] if kind is None else kind.setting_names()


def _settings_of(method: str | Method, settings: dict[str, Any]) -> dict[str, Any]:
    """Those of the settings that this method has; of a method that is configured already, none."""
    if not isinstance(method, str) or method not in METHODS:
        return {}
    return {name: value for name, value in settings.items() if name in _setting_names(method)}


def _check_settings(settings: dict[str, Any], methods: Sequence[Any]) -> None:
    """Raises OptionError for a setting that none of the methods has. An unknown method is reported by ``explain``."""
    known = {name for method in methods for name in _setting_names(method)}
    unknown = [name for name in settings if name not in known]
    if unknown and known:
        raise OptionError(
            f"None of {listed(map(_name, methods))} has a setting '{unknown[0]}': they have {listed(sorted(known), 20)}."
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
