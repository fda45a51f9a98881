"""What a person says of photos: their true classes, or any other groups (the camera, the training and the test split)."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seewhy.classes import ClassNames
from seewhy.errors import TargetError, did_you_mean, setting
from seewhy.features.folder import Source


@dataclass(frozen=True)
class Labels:
    """One label per photo. names : None where it is not known. indices : of the classes; all None where the labels are groups.

    notes : what a person should know of how they were read.
    """

    names: list[str | None]
    indices: list[int | None]
    notes: list[str]


def read_labels(classes: ClassNames, labels: Any, sources: Sequence[Source]) -> Labels:
    """The labels of ``sources``: class names or indices, else groups of any name; "folder" takes the names of their folders.

    Labels are classes where every one of them is (None and NaN aside; whole numbers are indices); where most are names of
    classes, the others are mistakes. Raises TargetError: such a mistake, another number than photos, "folder" for no file.
    """
    values = _values(labels, sources)
    if len(values) != len(sources):
        raise TargetError(
            f"{len(sources)} photos but {len(values)} labels: give one label per photo, None where it is not known."
        )
    unknown = [value is None or (isinstance(value, float) and math.isnan(value)) for value in values]
    known: dict[Hashable, int] = {}
    named = [str(value) for value, is_unknown in zip(values, unknown, strict=True) if not is_unknown]
    mostly_classes = 2 * sum(name in classes for name in named) > len(named)
    for value, is_unknown, source in zip(values, unknown, sources, strict=True):
        if is_unknown or value in known:
            continue
        try:
            known[value] = classes.index(value)
        except TargetError:
            near = did_you_mean(str(value), classes.names)
            if mostly_classes:
                raise
            note = (
                f"the labels are groups, not classes, and are not compared with the predictions: {str(value)!r} of "
                f"'{source.name}' is no class of the network{'.' if near else ''}{near}"
            )
            names = [None if is_unknown else str(value) for value, is_unknown in zip(values, unknown, strict=True)]
            return Labels(names, [None] * len(names), [note])
    indices = [None if is_unknown else known[value] for value, is_unknown in zip(values, unknown, strict=True)]
    return Labels([None if index is None else classes.names[index] for index in indices], indices, [])


def _values(labels: Any, sources: Sequence[Source]) -> list[Any]:
    if isinstance(labels, str):
        if labels != "folder":
            raise TargetError(f"{setting('labels', labels)}: write a list with one label per photo, or 'folder'.")
        missing = next((source.name for source in sources if source.path is None), None)
        if missing is not None:
            raise TargetError(
                f"{setting('labels', 'folder')} needs files, but '{missing}' is none: give a list with one label per photo."
            )
        return [source.path.absolute().parent.name for source in sources if source.path is not None]
    return labels.tolist() if isinstance(labels, (np.ndarray, torch.Tensor)) else list(labels)


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
