"""Gradient: how much the score moves with each pixel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seewhy.methods.backprop import BackpropMethod


@dataclass(frozen=True, kw_only=True)
class Gradient(BackpropMethod):
    """``M = Σ_channels |∂y/∂X|``, the saliency map (Simonyan, Vedaldi and Zisserman 2014, arXiv:1312.6034, section 3).

    X : the photo's pixels, 0 to 255; y : the score. signed : True gives ``Σ_channels ∂y/∂X``.
    """

    name: ClassVar[str] = "gradient"
    title: ClassVar[str] = "Gradient"
    summary: ClassVar[str] = (
        "Asks for every single pixel how much the class's score would change if that pixel became a little brighter. It shows "
        "where the network is sensitive, as fine as the photo and as noisy; a pixel may matter a lot without being able to move "
        "the score any more, so it says what a small change would do, not what the score is made of."
    )
    source: ClassVar[str] = "Simonyan et al. 2014, arXiv:1312.6034"
    cost: ClassVar[str] = "1 forward pass and 1 backward pass per class"

    signed: bool = False
