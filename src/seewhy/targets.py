"""What a person asks to have explained, and which classes that is for each photo once its scores are known."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from seewhy.classes import ClassNames
from seewhy.errors import OptionError, TargetError
from seewhy.records import Target

Wish = str | int | Callable[[Any], Any]
_TOP = re.compile(r"top[ _-]?(\d+)")
PRESENT = 0.5  # "present": every label above this probability


@dataclass(frozen=True)
class Chosen:
    """One target of one photo: the record, and the function if it is a callable."""

    target: Target
    function: Callable[[Any], Any] | None = None


def wishes(target: Any, photos: int) -> list[list[Wish]]:
    """One list of wishes per photo. A flat list means all of them for every photo; a list of lists, one per photo."""
    if isinstance(target, (list, tuple)):
        if not target:
            raise TargetError("The list of targets is empty: name a class, or leave target='top1'.")
        nested = [isinstance(item, (list, tuple)) for item in target]
        if all(nested):
            if len(target) != photos:
                raise TargetError(
                    f"{photos} photos but {len(target)} lists of targets. A flat list of targets applies to every photo; for one "
                    f"list per photo give {photos} lists."
                )
            if not all(target):
                empty = [len(wishes_of_one) for wishes_of_one in target].index(0)
                raise TargetError(f"The list of targets for photo {empty + 1} is empty: name a class.")
            return [[_checked(wish) for wish in wishes_of_one] for wishes_of_one in target]
        if any(nested):
            raise TargetError("Targets and lists of targets are mixed: give a flat list, or one list per photo.")
        return [[_checked(wish) for wish in target]] * photos
    return [[_checked(target)]] * photos


def _checked(wish: Any) -> Wish:
    if isinstance(wish, torch.Tensor) and wish.ndim == 0:
        wish = wish.item()
    if isinstance(wish, np.integer):
        return int(wish)
    if isinstance(wish, (str, int)) and not isinstance(wish, bool):
        return wish
    if callable(wish):
        function: Callable[[Any], Any] = wish
        return function
    raise TargetError(
        f"target={wish!r}: write a class name, an index, 'top1', 'top3', 'present', a function of the output, or a list."
    )


def choose(wanted: Sequence[Wish], scores: np.ndarray[Any, Any] | None, classes: ClassNames | None) -> list[Chosen]:
    """The targets of one photo. scores : ``(K,)``, None where the output has no class scores (callable targets only)."""
    if scores is None or classes is None:
        if not all(callable(wish) for wish in wanted):
            raise OptionError("The output holds no class scores: give a function of the output as the target.")
        return [Chosen(Target(_function_name(wish), None, float("nan"), None), wish) for wish in wanted if callable(wish)]
    order = rank_order(scores)
    chosen = []
    for wish in wanted:
        if callable(wish):
            chosen.append(Chosen(Target(_function_name(wish), None, float("nan"), None), wish))
            continue
        for index in _indices(wish, scores, order, classes):
            chosen.append(Chosen(Target(classes.names[index], index, float(scores[index]), 1 + int(np.argmax(order == index)))))
    return chosen


def rank_order(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Indices from the largest score down; ties keep the class order, NaN comes last."""
    return np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")


def _indices(wish: str | int, scores: np.ndarray[Any, Any], order: np.ndarray[Any, Any], classes: ClassNames) -> list[int]:
    if isinstance(wish, str) and wish not in classes:
        top = _TOP.fullmatch(wish.strip().lower())
        if top:
            if int(top[1]) < 1:
                raise TargetError(f"target={wish!r}: the smallest is 'top1'.")
            return [int(index) for index in order[: int(top[1])]]
        if wish == "present":
            present = [int(index) for index in order if scores[index] > PRESENT]
            return present or [int(order[0])]
    return [classes.index(wish)]


def _function_name(function: Any) -> str:
    name = str(getattr(function, "__name__", type(function).__name__))
    return "function" if name == "<lambda>" else name
