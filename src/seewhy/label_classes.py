"""Which class a label is, and what is said of labels that are none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from seewhy.classes import ClassNames
from seewhy.errors import TargetError, did_you_mean, is_whole_number, listed, setting

_NAMED = 3  # labels in a message
_MOST_LEFT_OUT = 5  # labels that are named one by one


def class_index(classes: ClassNames, label: Any, written: bool = False) -> int:
    """The class of one label. written : digits are an index, unless a class is called so. Raises TargetError."""
    if written and isinstance(label, str) and label.isdecimal() and label not in classes:
        return classes.index(int(label))
    if isinstance(label, (float, np.floating)) and float(label).is_integer():  # a column with gaps turns its indices into floats
        return classes.index(int(label))
    return classes.index(label)


def class_indices(
    classes: ClassNames,
    labels: Sequence[Any],
    kind: str,
    names: Sequence[str] | None = None,
    written: bool = False,
    advice: str = "",
) -> list[int | None]:
    """The classes of labels or predictions, None for None. advice : what to do about those that are none, for the message.

    Raises TargetError: some are no classes (which, of which photos, how many), or a name that two classes share.
    """
    (indices, unknown) = known_indices(classes, labels, written)
    if unknown:
        counts = [is_index(labels[places[0]], written) for places in unknown.values()]
        unnamed = classes.names == ClassNames.numbered(len(classes)).names and not all(counts)
        parts = (
            _no_classes(classes, labels, unknown, kind, names),
            f"The network brought no names of its classes: give them, {setting('classes', 'classes.txt')}." * unnamed,
            f"Indices count from 0: {numbered(classes)}." * any(counts),
            advice,
        )
        raise TargetError(" ".join(filter(None, parts)))
    return indices


def known_indices(classes: ClassNames, labels: Sequence[Any], written: bool) -> tuple[list[int | None], dict[str, list[int]]]:
    """The classes of labels, None for None and for what is none; and the places of these, by the label as it is written.

    Raises TargetError for a name that two classes share.
    """
    known: dict[Any, int] = {}
    unknown: dict[str, list[int]] = {}
    indices: list[int | None] = []
    for place, label in enumerate(labels):
        key = (isinstance(label, str), str(label))
        if label is None or repr(label) in unknown:
            indices.append(None)
        elif key in known:
            indices.append(known[key])
        else:
            try:
                known[key] = class_index(classes, label, written)
            except TargetError:
                if label in classes:  # a name that two classes share
                    raise
            indices.append(known.get(key))
        if label is not None and indices[-1] is None:
            unknown.setdefault(repr(label), []).append(place)
    return indices, unknown


def _left_out(count: int, text: str) -> str:
    return f"{count:,} photo{'' if count == 1 else 's'} of {text} {'was' if count == 1 else 'were'} left out"


def is_index(label: Any, written: bool) -> bool:
    """True for what is read as an index, unless a class is called so."""
    if isinstance(label, str):
        return written and label.isdecimal()
    return is_whole_number(label) or (isinstance(label, (float, np.floating)) and float(label).is_integer())


def numbered(classes: ClassNames) -> str:
    """The first classes with their indices."""
    return listed((f"{index} = {name}" for index, name in enumerate(classes.names)), 5)


def _no_classes(
    classes: ClassNames, labels: Sequence[Any], unknown: dict[str, list[int]], kind: str, names: Sequence[str] | None
) -> str:
    count = sum(map(len, unknown.values()))
    texts = []
    for label, places in list(unknown.items())[:_NAMED]:
        photo = f"photo {places[0] + 1}" if names is None else names[places[0]]
        more = f" and {len(places) - 1} more" if len(places) > 1 else ""
        texts.append(f"{label} of {photo}{more}")
    rest = f" ... ({len(unknown)} such {kind})" if len(unknown) > _NAMED else ""
    known = sum(label is not None for label in labels)
    near = did_you_mean(str(labels[next(iter(unknown.values()))[0]]), classes.names)
    return (
        f"{count} of {known} {kind} {'is no class' if count == 1 else 'are no classes'}: {', '.join(texts)}{rest}.{near} "
        f"The classes are {listed(map(repr, classes.names))}."
    )


def left_out_notes(classes: ClassNames, labels: Sequence[Any], unknown: Mapping[str, Sequence[int]]) -> list[str]:
    """What a person should know of photos that were left out, as their labels are no classes; the most frequent label first.

    unknown : see :func:`known_indices`.
    """
    most_first = sorted(unknown.items(), key=lambda entry: -len(entry[1]))
    notes = []
    for text, places in most_first[:_MOST_LEFT_OUT]:
        near = did_you_mean(str(labels[places[0]]), classes.names, most=1)
        notes.append(f"{_left_out(len(places), text)}: the network has no such class{'.' if near else ''}{near}")
    rest = most_first[_MOST_LEFT_OUT:]
    if rest:
        others = "1 other label" if len(rest) == 1 else f"{len(rest)} other labels"
        notes.append(f"{_left_out(sum(len(places) for _, places in rest), others)}: the network has no such classes")
    return notes
