"""What a person asks to have explained, and which classes that is for each photo once its scores are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, TargetError, setting
from seewhy.records import Target

RequestedTarget = str | int | Callable[[Any], Any]
_TOP = re.compile(r"top[ _-]?(\d+)")
PRESENT = 0.5  # "present": every label above this probability


@dataclass(frozen=True)
class ResolvedTarget:
    """One target of one photo: the record, and the function if it is a callable."""

    target: Target
    function: Callable[[Any], Any] | None = None


def requested_targets(target: Any, photos: int) -> list[list[RequestedTarget]]:
    """One list of targets per photo. A flat list means all of them for every photo; a list of lists, one per photo."""
    if isinstance(target, (list, tuple)):
        if not target:
            raise TargetError(f"The list of targets is empty: name a class, or leave {setting('target', 'top1')}.")
        nested = [isinstance(item, (list, tuple)) for item in target]
        if all(nested):
            if len(target) != photos:
                raise TargetError(
                    f"{photos} photos but {len(target)} lists of targets. A flat list of targets applies to every photo; for one "
                    f"list per photo give {photos} lists."
                )
            if not all(target):
                empty = [len(targets) for targets in target].index(0)
                raise TargetError(f"The list of targets for photo {empty + 1} is empty: name a class.")
            return [[_checked(item) for item in targets] for targets in target]
        if any(nested):
            raise TargetError("Targets and lists of targets are mixed: give a flat list, or one list per photo.")
        return [[_checked(item) for item in target]] * photos
    return [[_checked(target)]] * photos


def _checked(target: Any) -> RequestedTarget:
    if isinstance(target, torch.Tensor) and target.ndim == 0:
        target = target.item()
    if isinstance(target, np.integer):
        return int(target)
    if isinstance(target, (str, int)) and not isinstance(target, bool):
        return target
    if callable(target):
        function: Callable[[Any], Any] = target
        return function
    raise TargetError(
        f"{setting('target', target)}: write a class name, an index, 'top1', "
        "'top3', 'present', a function of the output, or a list."
    )


def resolve(
    requested: Sequence[RequestedTarget], scores: np.ndarray[Any, Any] | None, classes: ClassNames | None
) -> list[ResolvedTarget]:
    """The targets of one photo. scores : ``(K,)``, None where the output has no class scores (callable targets only)."""
    if scores is None or classes is None:
        if not all(callable(target) for target in requested):
            raise OptionError("The output holds no class scores: give a function of the output as the target.")
        return [_of_function(target) for target in requested if callable(target)]
    order = rank_order(scores)
    resolved = []
    for target in requested:
        if callable(target):
            resolved.append(_of_function(target))
            continue
        for index in _indices(target, scores, order, classes):
            rank = 1 + int(np.argmax(order == index))
            resolved.append(ResolvedTarget(Target(classes.names[index], index, float(scores[index]), rank)))
    return resolved


def _of_function(function: Callable[[Any], Any]) -> ResolvedTarget:
    """Its score is known once it has been called."""
    return ResolvedTarget(Target(_function_name(function), None, float("nan"), None), function)


def rank_order(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Indices from the largest score down; ties keep the class order, NaN comes last."""
    return np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")


def _indices(target: str | int, scores: np.ndarray[Any, Any], order: np.ndarray[Any, Any], classes: ClassNames) -> list[int]:
    if isinstance(target, str) and target not in classes:
        top = _TOP.fullmatch(target.strip().lower())
        if top:
            if int(top[1]) < 1:
                raise TargetError(f"{setting('target', target)}: the smallest is 'top1'.")
            return [int(index) for index in order[: int(top[1])]]
        if target == "present":
            present = [int(index) for index in order if scores[index] > PRESENT]
            return present or [int(order[0])]
    return [classes.index(target)]


def _function_name(function: Any) -> str:
    name = str(getattr(function, "__name__", type(function).__name__))
    return "function" if name == "<lambda>" else name
