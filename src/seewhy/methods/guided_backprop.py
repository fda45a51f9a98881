"""Guided backpropagation: the gradient, with everything negative stopped at every ReLU."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seewhy.methods.backprop import BackpropMethod
from seewhy.methods.base import Needs

CAVEAT = "{} follows the photo's edges more than the network's weights: read it as texture, not as proof of what decided"


@dataclass(frozen=True, kw_only=True)
class GuidedBackprop(BackpropMethod):
    """The gradient with the rule ``(x > 0) (g > 0) g`` at every ReLU (Springenberg et al. 2015, arXiv:1412.6806, section 3.4).

    x : the ReLU's input, g : the gradient that arrives at its output. ReLU6 lets it pass where 0 < x < 6.
    """

    name: ClassVar[str] = "guided_backprop"
    title: ClassVar[str] = "Guided backprop"
    summary: ClassVar[str] = (
        "Goes back from the score to the pixels like the gradient, but at every ReLU lets only positive signals through. The "
        "picture is sharp and pleasant: eyes, edges, fur. It is so because the rule follows the photo's own structure: when the "
        "last layer's weights are replaced by random ones, the picture keeps more of itself than that of any other method "
        "measured, so it must not be shown as proof of what a network learned. It needs a network with ReLUs."
    )
    source: ClassVar[str] = "Springenberg et al. 2015, arXiv:1412.6806"
    cost: ClassVar[str] = "1 forward pass and 1 backward pass per class"
    needs: ClassVar[Needs] = Needs.OPERATIONS
    relu_rule: ClassVar[str] = "guided"
    caveat: ClassVar[str] = CAVEAT.format("Guided backprop")
