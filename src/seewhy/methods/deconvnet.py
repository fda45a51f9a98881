"""Deconvnet: the way back through the network with ReLUs that look at the signal alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seewhy.methods.backprop import BackpropMethod
from seewhy.methods.base import Needs
from seewhy.methods.guided_backprop import CAVEAT


@dataclass(frozen=True, kw_only=True)
class Deconvnet(BackpropMethod):
    """The gradient with the rule ``(g > 0) g`` at every ReLU, whatever its input was (Zeiler and Fergus 2014, arXiv:1311.2901,
    section 2.1). g : the gradient that arrives at the ReLU's output.
    """

    name: ClassVar[str] = "deconvnet"
    title: ClassVar[str] = "Deconvnet"
    summary: ClassVar[str] = (
        "Runs the network backwards from the score, putting a ReLU on the signal instead of asking which units were on. It shows "
        "patterns that would excite the class. Like guided backpropagation it follows the photo more than the weights, and it is "
        "blurrier: here for the record and for comparisons. It needs a network with ReLUs."
    )
    source: ClassVar[str] = "Zeiler and Fergus 2014, arXiv:1311.2901"
    cost: ClassVar[str] = "1 forward pass and 1 backward pass per class"
    needs: ClassVar[Needs] = Needs.OPERATIONS
    relu_rule: ClassVar[str] = "deconvnet"
    caveat: ClassVar[str] = CAVEAT.format("Deconvnet")
