"""What a person says of photos: their true classes, or any other groups (the camera, the training and the test split)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

from seewhy.classes import ClassNames
from seewhy.errors import TargetError, did_you_mean
from seewhy.features.folder import Source
from seewhy.label_classes import class_index
from seewhy.labels import read_labels


@dataclass(frozen=True)
class Labels:
    """One label per photo. names : None where it is not known. indices : of the classes; all None where the labels are groups.

    notes : what a person should know of how they were read.
    """

    names: list[str | None]
    indices: list[int | None]
    notes: list[str]


def classes_or_groups(classes: ClassNames, labels: Any, sources: Sequence[Source]) -> Labels:
    """The labels of ``sources``: class names or indices, else groups of any name. labels : see ``seewhy.labels.read_labels``.

    Labels are classes where every one of them is (None and NaN aside; whole numbers are indices); where most are names of
    classes, the others are mistakes. Raises TargetError: such a mistake, another number than photos, folders for no file.
    """
    given = read_labels(labels, [source.path for source in sources], [source.name for source in sources])
    notes = given.missing_note + given.unmatched_note
    known: dict[Hashable, int] = {}
    named = [str(value) for value in given.values if value is not None]
    mostly_classes = 2 * sum(name in classes for name in named) > len(named)
    for value, source in zip(given.values, sources, strict=True):
        if value is None or value in known:
            continue
        try:
            known[value] = class_index(classes, value, given.written)
        except TargetError:
            near = did_you_mean(str(value), classes.names)
            if mostly_classes:
                raise
            note = (
                f"the labels are groups, not classes, and are not compared with the predictions: {str(value)!r} of "
                f"'{source.name}' is no class of the network{'.' if near else ''}{near}"
            )
            names = [None if value is None else str(value) for value in given.values]
            return Labels(names, [None] * len(names), [*notes, note])
    indices = [None if value is None else known[value] for value in given.values]
    return Labels(
        [None if index is None else classes.names[index] for index in indices], indices, notes + given.index_note(classes)
    )


def sample(labels: Sequence[str | None] | None, count: int, most: int) -> list[int]:
    """Which ``most`` of ``count`` photos: of every label its share (largest remainders), evenly spread, in order."""
    strata: dict[str | None, list[int]] = {}
    for number in range(count):
        strata.setdefault(None if labels is None else labels[number], []).append(number)
    exact = {key: most * len(members) / count for key, members in strata.items()}
    least = 1 if len(strata) <= most else 0  # no label is lost where there is room for all
    share = {key: max(least, int(value)) for key, value in exact.items()}
    while sum(share.values()) < most:
        share[max(strata, key=lambda key: exact[key] - share[key])] += 1
    while sum(share.values()) > most:
        share[max((key for key in strata if share[key] > least), key=lambda key: share[key] - exact[key])] -= 1
    picked = []
    for key, members in strata.items():
        picked += [members[int((i + 0.5) * len(members) / share[key])] for i in range(share[key])]
    return sorted(picked)
