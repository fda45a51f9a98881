"""How the numbers that a network returns are to be read: as class scores, as logits, as the value that is explained."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from seewhy.errors import OptionError, OutputError

HEADS = ("softmax", "sigmoid", "binary", "none")
SCORES = {"logit": "logit", "probability": "probability", "log_odds": "log-odds"}  # score= -> unit


@dataclass(frozen=True)
class Head:
    """``kind``: "softmax" (one class of many), "sigmoid" (several labels at once), "binary" (one logit, two classes: 0 =
    negative, 1 = positive), "none" (the outputs are scores already)."""

    kind: str = "softmax"

    def __post_init__(self) -> None:
        if self.kind not in HEADS:
            raise OptionError(f"head={self.kind!r}: write one of {', '.join(HEADS)}.")

    def check(self, output: object) -> torch.Tensor:
        """The output as ``(N, K)``, or an error that says what came instead."""
        if not isinstance(output, torch.Tensor):
            raise OutputError(
                f"The network returned {describe(output)}. Expected class scores (N, classes): say which entry holds them with "
                "output='key', an index, or a function."
            )
        if self.kind == "binary" and output.ndim < 2:  # squeezed; of a single photo even the batch axis
            output = output.reshape(-1, 1)
        if output.ndim != 2:
            hint = (
                "This looks like segmentation: pass target= a function of the output, such as lambda y: y[:, 12].sum((1, 2))."
                if output.ndim == 4
                else "Say where they are with output= a key, an index, or a function."
            )
            raise OutputError(f"The network returned {describe(output)}. Expected class scores (N, classes). {hint}")
        if self.kind == "binary" and output.shape[1] != 1:
            raise OutputError(
                f"The network returned {describe(output)}, but head='binary' wants one logit per photo: write head='softmax'."
            )
        if output.shape[1] == 0:
            raise OutputError(f"The network returned {describe(output)}. Expected class scores (N, classes), at least one class.")
        if self.kind == "softmax" and output.shape[1] == 1:
            raise OutputError(
                "The network returns one number per photo: write head='binary' (yes or no, the number is a logit) or "
                "head='none' (the number is a score)."
            )
        return output

    def count(self, output: torch.Tensor) -> int:
        """The number of classes."""
        return 2 if self.kind == "binary" else output.shape[1]

    def gives_probabilities(self, output: torch.Tensor) -> bool:
        """True where every row already is in [0, 1] and sums to 1, so that another softmax would be wrong."""
        if self.kind != "softmax" or not len(output):
            return False
        rows = output.float()
        in_range = bool((rows >= 0).all() and (rows <= 1 + 1e-4).all())
        return in_range and bool(((rows.sum(dim=1) - 1).abs() < 1e-3).all())

    def logits(self, output: torch.Tensor) -> torch.Tensor:
        """``(N, K)``; for one logit, minus it and it."""
        return self._sides(output.float())

    def _sides(self, output: torch.Tensor) -> torch.Tensor:
        return torch.cat([-output, output], dim=1) if self.kind == "binary" else output

    def scores(self, output: torch.Tensor, given: bool | None = None) -> torch.Tensor:
        """``(N, K)`` probabilities, or with "none" the values themselves. given : the rows are probabilities; None: look."""
        if self.kind == "none" or (self.gives_probabilities(output) if given is None else given):
            return output.float()
        if self.kind == "softmax":
            return output.float().softmax(dim=1)
        return self.logits(output).sigmoid()

    def value(self, output: torch.Tensor, index: torch.Tensor, score: str, given: bool | None = None) -> torch.Tensor:
        """The number that is explained, ``(N,)``: of class ``index[n]`` of row n, as ``score`` says; differentiable.

        "logit" z_c; "probability" p_c; "log_odds" z_c - logsumexp of the others = log(p_c / (1 - p_c)). With head "none" it is
        the value itself. Where the network gives probabilities, the logit is their logarithm.
        """
        if score not in SCORES:
            raise OptionError(f"score={score!r}: write one of {', '.join(SCORES)}.")
        if self.kind == "softmax" and (self.gives_probabilities(output) if given is None else given):
            if score == "probability":
                return output.gather(1, index[:, None])[:, 0]
            output = output.clamp_min(torch.finfo(output.dtype).tiny).log()
        if self.kind != "softmax" or score == "logit":
            value = self._sides(output).gather(1, index[:, None])[:, 0]
            return value.sigmoid() if score == "probability" and self.kind != "none" else value
        if score == "probability":
            return output.softmax(dim=1).gather(1, index[:, None])[:, 0]
        others = output.scatter(1, index[:, None], float("-inf"))
        return output.gather(1, index[:, None])[:, 0] - others.logsumexp(dim=1)

    def unit(self, score: str) -> str:
        """What the value is measured in."""
        return "score" if self.kind == "none" else SCORES[score]


def describe(value: object) -> str:
    """``"a tensor (1, 21, 64, 64)"`` or ``"dict: out (1, 21, 64, 64), aux (1, 21, 64, 64)"``."""
    if isinstance(value, torch.Tensor):
        return f"a tensor {tuple(value.shape)}"
    items = value.items() if hasattr(value, "items") else enumerate(value) if isinstance(value, (tuple, list)) else ()
    parts = [f"{key} {tuple(item.shape) if isinstance(item, torch.Tensor) else type(item).__name__}" for key, item in items]
    return f"{type(value).__name__}" + (f": {', '.join(parts)}" if parts else "")
