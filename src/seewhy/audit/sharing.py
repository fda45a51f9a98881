"""Cues that classes share: what is put on a photo turns it into any of them, and none of them alone is set apart by it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from seewhy.audit.candidates import LEAST_LIFT, LEAST_SHARE, Candidate
from seewhy.audit.photos import AuditedPhoto

_FEW = 3  # other classes: one of more that shares a cue no longer makes the cue look common
_LEAST_PHOTOS = 3  # of a class that carry it
_AS_OFTEN = 0.5  # as in the candidate's own class

AnyCandidate = TypeVar("AnyCandidate", bound=Candidate)


def share_elsewhere(carried: npt.NDArray[np.bool_], labels: Sequence[int]) -> float:
    """The share of other classes' photos that carry a cue; where there are few classes, without the one that carries it most:
    that one may share it. carried, labels : of each photo."""
    if not len(carried):
        return 0.0
    shares = {label: float(carried[np.asarray(labels) == label].mean()) for label in dict.fromkeys(labels)}
    if not 1 < len(shares) <= _FEW:
        return float(carried.mean())
    most = max(shares, key=lambda label: shares[label])
    return float(carried[np.asarray(labels) != most].mean())


def without_each(photos: Sequence[AuditedPhoto]) -> list[tuple[list[AuditedPhoto], list[AuditedPhoto]]]:
    """Other classes' photos parted into those of each class and the rest, where there are few classes; else nothing."""
    labels = sorted({photo.label for photo in photos})
    if not 1 < len(labels) <= _FEW:
        return []
    return [
        ([photo for photo in photos if photo.label == label], [photo for photo in photos if photo.label != label])
        for label in labels
    ]


def set_apart(candidate: AnyCandidate, own: Sequence[AuditedPhoto], others: Sequence[AuditedPhoto]) -> AnyCandidate | None:
    """The candidate with the other classes that carry it: half as often as its own class at least; as it is where all others do.
    None where its class does not carry it three times as often as the rest.

    own, others : the discovery halves of its class and of others."""
    carriers = {photo.number for photo in candidate.carriers(others)}
    share = candidate.share_of(own)
    least = max(LEAST_SHARE, _AS_OFTEN * share)
    labels = {photo.label for photo in others}
    shared = set()
    for label in labels:
        carried = [photo.number in carriers for photo in others if photo.label == label]
        if sum(carried) >= max(_LEAST_PHOTOS, least * len(carried)):
            shared.add(label)
    if shared == labels:
        shared = set()
    rest = [photo.number in carriers for photo in others if photo.label not in shared]
    if share * len(rest) < LEAST_LIFT * sum(rest):
        return None
    return dataclasses.replace(candidate, shared=frozenset(shared))
