"""How the numbers that a network returns are to be read: as class scores, as logits, as the value that is explained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import torch

from seewhy.errors import OptionError, OutputError, listed, setting

HEADS = ("softmax", "sigmoid", "binary", "none")
SCORES = {"logit": "logit", "probability": "probability", "log_odds": "log-odds"}  # score= -> unit
PLAIN = "value"  # the unit of outputs that are explained as they are


@dataclass(frozen=True)
class Head:
    """What the outputs of a network mean.

    kind : "softmax" (one class of many), "sigmoid" (several labels at once), "binary" (one logit, two classes: 0 = negative, 1 =
        positive), "none" (the outputs are scores already).
    probabilities : True where the network ends in the softmax or the sigmoid itself. Then its outputs are read as they are, and a
        logit means their logarithm (softmax) or their log-odds (sigmoid, binary).
    """

    kind: str = "softmax"
    probabilities: bool = False

    def __post_init__(self) -> None:
        if self.kind not in HEADS:
            raise OptionError(f"{setting('head', self.kind)}: write one of {', '.join(HEADS)}.")

    def ending_in(self, activation: str) -> Head:
        """The head of a network whose last operation is ``activation``, "softmax" or "sigmoid"; "" for any other.

        Raises OutputError where they contradict each other.
        """
        if not activation or self.kind == "none":
            return self
        fitting = ("softmax",) if activation == "softmax" else ("sigmoid", "binary")
        if self.kind in fitting:
            return replace(self, probabilities=True)
        if activation == "sigmoid":
            raise OutputError(
                "The network ends in a sigmoid, so its outputs are no logits of a "
                f"softmax: write {setting('head', 'sigmoid')} (several "
                f"labels), {setting('head', 'binary')} (one output, yes or no), or "
                f"{setting('head', 'none')} (scores as they are)."
            )
        raise OutputError(
            f"The network ends in a softmax, but {setting('head', self.kind)} was given: write {setting('head', 'softmax')}."
        )

    def check(self, output: object, returned: Returned | None = None) -> torch.Tensor:
        """The output as ``(N, K)``, or an error that says what came instead. returned : what it was picked out of."""
        if not isinstance(output, torch.Tensor):
            raise OutputError(
                f"The network returned {describe(output)}. Expected class scores (N, classes): say which entry holds them with "
                f"{entry_hint(output)}."
            )
        if output.ndim < 2 and self.kind != "softmax":  # squeezed; of a single photo even the batch axis
            output = output.reshape(-1, 1)
        if self.kind == "softmax" and (output.ndim < 2 or output.shape[1:] == (1,)):
            if not output.is_floating_point() and output.dtype != torch.bool:
                raise OutputError("The network returns whole numbers (class indices): return the scores before argmax.")
            raise OutputError(
                "The network returns one number per photo: write "
                f"{setting('head', 'binary')} (yes or no, the number is a logit) or "
                f"{setting('head', 'none')} (the number is a score)."
            )
        if output.ndim != 2:
            whole = describe(output) if returned is None else returned.description
            entry = "" if returned is None or not returned.others else f"{returned.others} if another entry holds the scores"
            hint = f"Say where they are with {entry or setting('output') + ' a key, an index, or a function'}."
            if output.ndim == 4:
                ways = ["seewhy.targets.segment(12) for the pixels of class 12", "another function of the output", entry]
                (*others, last) = filter(None, ways)
                hint = f"This looks like segmentation: in Python pass target={', '.join(others)}, or {last}."
            raise OutputError(f"The network returned {whole}. Expected class scores (N, classes). {hint}")
        if self.kind == "binary" and output.shape[1] != 1:
            raise OutputError(
                f"The network returned {describe(output)}, but {setting('head', 'binary')} wants "
                f"one logit per photo: write {setting('head', 'softmax')}."
            )
        if output.shape[1] == 0:
            raise OutputError(f"The network returned {describe(output)}. Expected class scores (N, classes), at least one class.")
        return output

    def count(self, output: torch.Tensor) -> int:
        """The number of classes."""
        return 2 if self.kind == "binary" else output.shape[1]

    def look_like_probabilities(self, output: torch.Tensor) -> bool:
        """True where every row is in [0, 1] and sums to 1, so that another softmax would be wrong."""
        if self.kind != "softmax" or not len(output):
            return False
        rows = output.float()
        in_range = bool((rows >= 0).all() and (rows <= 1 + 1e-4).all())
        return in_range and bool(((rows.sum(dim=1) - 1).abs() < 1e-3).all())

    def logits(self, output: torch.Tensor) -> torch.Tensor:
        """``(N, K)``; for one logit, minus it and it."""
        values = _in_full_precision(output)
        if self.probabilities:
            tiny = torch.finfo(values.dtype).tiny
            # The largest float below 1 keeps a saturated sigmoid finite.
            values = values.clamp_min(tiny).log() if self.kind == "softmax" else torch.logit(values.clamp(tiny, 1 - 2**-24))
        return torch.cat([-values, values], dim=1) if self.kind == "binary" else values

    def scores(self, output: torch.Tensor) -> torch.Tensor:
        """``(N, K)`` probabilities, or with "none" the values themselves."""
        values = _in_full_precision(output)
        if self.kind == "none" or (self.probabilities and self.kind != "binary"):
            return values
        if self.probabilities:
            return torch.cat([1 - values, values], dim=1)
        return values.softmax(dim=1) if self.kind == "softmax" else self.logits(output).sigmoid()

    def value(self, output: torch.Tensor, index: torch.Tensor, score: str) -> torch.Tensor:
        """The number that is explained, ``(N,)``: of class ``index[n]`` of row n, as ``score`` says; differentiable.

        "logit" z_c; "probability" p_c; "log_odds" z_c - logsumexp of the others = log(p_c / (1 - p_c)). With head "none" it is
        the value itself.
        """
        if score not in SCORES:
            raise OptionError(f"{setting('score', score)}: write one of {', '.join(SCORES)}.")
        if score == "probability":
            return self.scores(output).gather(1, index[:, None])[:, 0]
        logits = self.logits(output)
        value = logits.gather(1, index[:, None])[:, 0]
        if self.kind != "softmax" or score == "logit":
            return value
        others = logits.scatter(1, index[:, None], float("-inf"))
        return value - others.logsumexp(dim=1)

    def unit(self, score: str) -> str:
        """What the value is measured in."""
        return PLAIN if self.kind == "none" else SCORES[score]


@dataclass(frozen=True)
class Returned:
    """What a network returned, in words. others : what to write to pick another entry of it; "" where it has a single one."""

    description: str
    others: str

    @classmethod
    def of(cls, returned: object) -> Returned:
        """For anything that a network may return."""
        return cls(describe(returned), setting("output", _first_table(returned, "key")) if len(entries_of(returned)) > 1 else "")


def entries_of(value: object) -> list[tuple[object, object]]:
    """The named or numbered parts of what a network returned."""
    if isinstance(value, Mapping):
        return list(value.items())
    if isinstance(value, (tuple, list)):
        names = getattr(value, "_fields", range(len(value)))
        return list(zip(names, value, strict=True))
    if is_dataclass(value) and not isinstance(value, type):
        return [(part.name, getattr(value, part.name)) for part in fields(value)]
    return list(value.items()) if hasattr(value, "items") else []


def _in_full_precision(output: torch.Tensor) -> torch.Tensor:
    return output if output.dtype == torch.float64 else output.float()


def with_batch_axis(output: Any) -> Any:
    """The output; a bare number, as ``squeeze()`` gives for one photo, as ``(1,)``."""
    return output.reshape(1) if isinstance(output, torch.Tensor) and output.ndim == 0 else output


def entry_hint(output: object, axes: int = 2) -> str:
    """What to write so that one entry is picked out of a dictionary or a tuple: of so many axes, else any tensor."""
    tensors = [(key, entry) for key, entry in entries_of(output) if isinstance(entry, torch.Tensor)]
    fitting = [key for key, entry in tensors if entry.ndim == axes]
    if fitting:
        return setting("output", fitting[0])
    if tensors:
        return f"{setting('output', tensors[0][0])}; a function given as the target then gets that entry"
    return f"{setting('output', 'key')}, an index, or a function"


def _first_table(output: object, otherwise: object) -> object:
    """The name of the first entry that could be class scores."""
    tables = (key for key, entry in entries_of(output) if isinstance(entry, torch.Tensor) and entry.ndim == 2)
    return next(tables, otherwise)


def describe(value: object) -> str:
    """``"a tensor (1, 21, 64, 64)"`` or ``"dict: out (1, 21, 64, 64), aux (1, 21, 64, 64)"``."""
    if isinstance(value, torch.Tensor):
        return f"a tensor {tuple(value.shape)}"
    parts = [
        f"{key} {tuple(item.shape) if isinstance(item, torch.Tensor) else type(item).__name__}" for key, item in entries_of(value)
    ]
    return f"{type(value).__name__}" + (f": {listed(parts, 5)}" if parts else "")
