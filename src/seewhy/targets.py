"""What a person asks to have explained, which classes that is for each photo once its scores are known, and their values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch

from seewhy.classes import ClassNames
from seewhy.errors import ComparisonError, OptionError, TargetError, is_whole_number, setting
from seewhy.head import PLAIN, Head, describe, entry_hint
from seewhy.records import Prediction, Target

LABEL = "label"  # of a run: each photo's own class

_TOP = re.compile(r"top[ _-]?(\d+)")
PRESENT = 0.5  # "present": every label above this probability


@dataclass(frozen=True)
class Also:
    """One more class, where no target before it is that class, and the targets are not compared with it."""

    index: int


RequestedTarget = str | int | Also | Callable[[Any], Any]


@dataclass(frozen=True)
class ResolvedTarget:
    """One target of one photo: the record, and the function if it is a callable."""

    target: Target
    function: Callable[[Any], Any] | None = None

    def at(self, output: Any) -> ResolvedTarget:
        """With everything decided that its function decides at the photo itself. output : of that photo alone, ``(1, ...)``."""
        decide = getattr(self.function, "at_photo", None)
        return self if decide is None or not isinstance(output, torch.Tensor) else replace(self, function=decide(output))


def segment(class_index: int) -> Callable[[Any], torch.Tensor]:
    """A target for segmentation: what makes the network give pixels to a class.

    Of an output ``(N, classes, h, w)``: the class's values where it is the largest, added up and divided by ``h·w``. Of one
    with a single channel ``(N, 1, h, w)`` the class 1 lies where the logit is above 0, the class 0 where it is below. Where the
    class has no pixel in a photo, the mean of its values over all pixels, and the explanation's notes say so.

    In an explanation the pixels are those that the class has in the whole photo, also for copies of it that are masked, noisy or
    on the way to a baseline: the same pixels are compared, and a number added to all classes changes no map.

    >>> seewhy.explain(clf, photo, target=seewhy.targets.segment(12))
    """
    return _PixelsOfClass(_whole(class_index))


class _PixelsOfClass:
    """The function, and what it has to say of a photo."""

    def __init__(self, index: int) -> None:
        self._index = index
        self.__name__ = f"pixels of class {index}"

    def __call__(self, output: Any) -> torch.Tensor:
        return self._value(output, self._pixels(output))

    def at_photo(self, output: Any) -> Callable[[Any], torch.Tensor]:
        """The same of the pixels that the class has in this output, whichever it has in others."""
        pixels = self._pixels(output)

        def value(output: Any) -> torch.Tensor:
            return self._value(output, pixels)

        value.__name__ = self.__name__
        return value

    def _value(self, output: Any, pixels: torch.Tensor) -> torch.Tensor:
        """The class's values at ``(N, h, w)`` pixels, or ``(1, h, w)`` for all photos, added up and divided by h·w."""
        logits = self._logits(output)
        return (logits[:, self._index] * pixels.to(logits.dtype)).mean(dim=(1, 2))

    def _pixels(self, output: Any) -> torch.Tensor:
        """Where the class wins ``(N, h, w)``; everywhere in a photo where it wins nowhere."""
        wins = self._wins(self._logits(output))
        return wins | ~wins.any(dim=(1, 2))[:, None, None]

    def remark(self, output: Any) -> str:
        """Of the output for one photo: which of its two values it has, where that is not the usual one; else ""."""
        logits = self._logits(output)
        if self._wins(logits).any():
            return ""
        class_index = self._index % logits.shape[1]
        return f"no pixel of this photo is given to class {class_index}: the mean over the whole photo is explained"

    def _wins(self, logits: torch.Tensor) -> torch.Tensor:
        return logits.argmax(1) == self._index % logits.shape[1]

    def _logits(self, output: Any) -> torch.Tensor:
        """``(N, classes, h, w)``, of a single channel both sides. Raises TargetError."""
        index = self._index
        if not isinstance(output, torch.Tensor) or output.ndim != 4:
            raise TargetError(
                f"seewhy.targets.segment({index}) reads scores of pixels (N, classes, h, w), and the network returned "
                f"{describe(output)}: say which entry holds them with {entry_hint(output, axes=4)}."
            )
        logits = torch.cat([-output, output], dim=1) if output.shape[1] == 1 else output
        if not -logits.shape[1] <= index < logits.shape[1]:
            raise TargetError(f"seewhy.targets.segment({index}): the network knows the classes 0 to {logits.shape[1] - 1}.")
        return logits


def value(*index: int) -> Callable[[Any], torch.Tensor]:
    """A target for regression: one number of the output as it is, ``output[:, index]``; of ``(N,)`` itself without an index.

    >>> seewhy.explain(clf, photo, target=seewhy.targets.value(3))
    """
    place = tuple(_whole(number) for number in index)

    def number(output: torch.Tensor) -> torch.Tensor:
        if not isinstance(output, torch.Tensor) or output.ndim != 1 + len(place):
            raise TargetError(
                f"seewhy.targets.value({', '.join(map(str, place))}) reads one number of each photo, and the network returned "
                f"{describe(output)}: give one index for each axis behind the first."
            )
        returned = output
        try:
            for axis_index in place:
                output = output[:, axis_index]
        except IndexError as error:
            raise TargetError(
                f"seewhy.targets.value({', '.join(map(str, place))}): a number of {describe(returned)} was meant, which has no "
                "such place."
            ) from error
        return output

    number.__name__ = f"value {', '.join(map(str, place))}" if place else "value"
    return number


def _whole(index: Any) -> int:
    if not is_whole_number(index):
        raise TargetError(f"{index!r} is no index: write a whole number.")
    return int(index)


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'s' * (count != 1)}"


def requested_targets(target: Any, photos: int) -> list[list[RequestedTarget]]:
    """One list of targets per photo. A flat list means all of them for every photo; a list of lists, one per photo."""
    if isinstance(target, (list, tuple)):
        if not target:
            raise TargetError(f"The list of targets is empty: name a class, or leave {setting('target', 'top1')}.")
        nested = [isinstance(item, (list, tuple)) for item in target]
        if all(nested):
            if len(target) != photos:
                raise TargetError(
                    f"{_counted(photos, 'photo')} but {_counted(len(target), 'list')} of targets. A flat list of targets applies "
                    f"to every photo; for one list per photo give {_counted(photos, 'list')}."
                )
            if not all(target):
                empty = [len(targets) for targets in target].index(0)
                raise TargetError(f"The list of targets for photo {empty + 1} is empty: name a class.")
            return [[_checked(item) for item in targets] for targets in target]
        if any(nested):
            raise TargetError("Targets and lists of targets are mixed: give a flat list, or one list per photo.")
        return [[_checked(item) for item in target]] * photos
    return [[_checked(target)]] * photos


def requested_against(against: Any, targets: Sequence[Sequence[RequestedTarget]]) -> str | int | None:
    """The class that every target is compared with: a name, an index, or a rank ("top2"); None where there is none.

    Raises TargetError: something else, or a function among the targets.
    """
    if against is None:
        return None
    class_ = _class(against)
    if class_ is None:
        raise TargetError(f"{setting('against', against)}: write one class: a name, an index, or 'top2' for the second choice.")
    if any(callable(target) for row in targets for target in row):
        raise TargetError(
            f"{setting('against', class_)}: a function of the output says itself what it compares; name a class as the target, "
            f"or leave {setting('against')} out."
        )
    return class_


def _class(request: Any) -> str | int | None:
    """What may name a class, or classes by their rank, as plain Python; None for anything else."""
    if isinstance(request, torch.Tensor) and request.ndim == 0:
        request = request.item()
    if isinstance(request, np.integer):
        return int(request)
    return request if isinstance(request, (str, int)) and not isinstance(request, bool) else None


def _checked(target: Any) -> RequestedTarget:
    if isinstance(target, Also):
        return target
    class_ = _class(target)
    if class_ is not None:
        return class_
    if callable(target):
        function: Callable[[Any], Any] = target
        return function
    raise TargetError(
        f"{setting('target', target)}: write a class name, an index, 'top1', "
        "'top3', 'present', a function of the output, or a list."
    )


def resolve(
    requested: Sequence[RequestedTarget],
    scores: np.ndarray[Any, Any] | None,
    classes: ClassNames | None,
    against: str | int | None = None,
) -> list[ResolvedTarget]:
    """The targets of one photo. scores : ``(K,)``, None where the output has no class scores (callable targets only).

    against : the class that all of them are compared with; see ``requested_against``. Raises ComparisonError where it is one of
    them.
    """
    if scores is None or classes is None:
        if not all(callable(target) for target in requested):
            raise OptionError("The output holds no class scores: give a function of the output as the target.")
        return [_of_function(target) for target in requested if callable(target)]
    order = rank_order(scores)
    resolved: list[ResolvedTarget] = []
    other = [] if against is None else [_against_index(against, order, classes)]
    for target in requested:
        if callable(target):
            resolved.append(_of_function(target))
            continue
        if isinstance(target, Also):
            if resolved and target.index in [*class_indices(resolved), *other]:
                continue
            target = target.index
        for index in _indices(target, scores, order, classes):
            rank = 1 + int(np.argmax(order == index))
            resolved.append(ResolvedTarget(Target(classes.names[index], index, float(scores[index]), rank)))
    return resolved if against is None else _compared(resolved, against, scores, order, classes)


def _compared(
    resolved: Sequence[ResolvedTarget],
    against: str | int,
    scores: np.ndarray[Any, Any],
    order: np.ndarray[Any, Any],
    classes: ClassNames,
) -> list[ResolvedTarget]:
    """The targets, compared with one class."""
    index = _against_index(against, order, classes)
    indices = [target.target.index for target in resolved]
    if index in indices:
        which = "the target itself" if len(indices) == 1 else f"'{classes.names[index]}', one of the targets"
        other = next((f"write another class, such as '{classes.names[i]}'" for i in order if i not in indices), "leave it out")
        raise ComparisonError(f"{setting('against', against)} is {which}: {other}.")
    prediction = Prediction(classes.names[index], index, float(scores[index]))
    return [ResolvedTarget(replace(target.target, against=prediction)) for target in resolved]


def _against_index(against: str | int, order: np.ndarray[Any, Any], classes: ClassNames) -> int:
    rank = _number_of_top("against", against, classes)
    if rank is None:
        return classes.index(against)
    if rank > len(order):
        raise TargetError(f"{setting('against', against)}: this network has {len(order)} classes.")
    return int(order[rank - 1])


def class_values(head: Head, rows: torch.Tensor, targets: Sequence[ResolvedTarget], score: str) -> torch.Tensor:
    """What is explained of each row ``(N,)``: the value of its target's class, less that of the class it is compared with.

    rows : the output ``(N, K)``. targets : of each row; all are compared, or none. score : see ``Head.value``. Differentiable;
    where a target is a function, the number is void.
    """

    def values(indices: list[int]) -> torch.Tensor:
        return head.value(rows, torch.tensor(indices, device=rows.device), score)

    own = values(class_indices(targets))
    others = against_indices(targets)
    return own - values(others) if others else own


def unit_of(head: Head, targets: Sequence[ResolvedTarget], score: str) -> str:
    """What the values of targets are measured in; a function of the output has a unit of its own, which nobody knows."""
    return head.unit(score) if any(target.function is None for target in targets) else PLAIN


def class_indices(targets: Sequence[ResolvedTarget]) -> list[int]:
    """The classes of targets, 0 for a function."""
    return [target.target.index or 0 for target in targets]


def against_indices(targets: Sequence[ResolvedTarget]) -> list[int]:
    """The classes that targets are compared with; empty where they are compared with none."""
    return [target.target.against.index for target in targets if target.target.against is not None]


def _of_function(function: Callable[[Any], Any]) -> ResolvedTarget:
    """Its score is known once it has been called."""
    return ResolvedTarget(Target(_function_name(function), None, float("nan"), None), function)


def rank_order(scores: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Indices from the largest score down; ties keep the class order, NaN comes last."""
    return np.argsort(-np.nan_to_num(scores, nan=-np.inf), kind="stable")


def _indices(target: str | int, scores: np.ndarray[Any, Any], order: np.ndarray[Any, Any], classes: ClassNames) -> list[int]:
    count = _number_of_top("target", target, classes)
    if count is not None:
        return [int(index) for index in order[:count]]
    if target == "present" and target not in classes:
        present = [int(index) for index in order if scores[index] > PRESENT]
        return present or [int(order[0])]
    return [classes.index(target)]


def check_classes(requested: Iterable[str | int], against: str | int | None, classes: ClassNames) -> None:
    """Raises TargetError for a class that is none of these, before there are scores to choose by."""
    scores = np.zeros(len(classes.names))
    for target in requested:
        _indices(target, scores, rank_order(scores), classes)
    if against is not None:
        _against_index(against, rank_order(scores), classes)


def _number_of_top(name: str, request: str | int, classes: ClassNames) -> int | None:
    """3 for "top3"; None for an index, a class's name and any other string. name : of the setting, for the error."""
    top = _TOP.fullmatch(request.strip().lower()) if isinstance(request, str) and request not in classes else None
    if top and int(top[1]) < 1:
        raise TargetError(f"{setting(name, request)}: the smallest is 'top1'.")
    return int(top[1]) if top else None


def _function_name(function: Any) -> str:
    name = str(getattr(function, "__name__", type(function).__name__))
    return "function" if name == "<lambda>" else name
