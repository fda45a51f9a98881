"""Input × gradient: each pixel's value times what it moves the score by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from seewhy.methods.backprop import BackpropMethod, PixelGradients
from seewhy.methods.base import Attribution


@dataclass(frozen=True, kw_only=True)
class InputXGradient(BackpropMethod):
    """``M = Σ_channels X ⊙ ∂y/∂X`` (Shrikumar et al. 2016, arXiv:1605.01713): the first-order share of every pixel in the score,
    measured from black.

    For a network that is linear between black and the photo the map's sum is the difference of their scores.
    """

    name: ClassVar[str] = "input_x_gradient"
    title: ClassVar[str] = "Input × gradient"
    summary: ClassVar[str] = (
        "Multiplies every pixel's value with how much the class's score moves with it: what the pixel seems to add to the "
        "score, compared with black. It takes one pass back and is signed, but black pixels get nothing whatever they mean, and "
        "it believes that the network is linear all the way to black, which it is not: integrated gradients go that way step by "
        "step."
    )
    source: ClassVar[str] = "Shrikumar et al. 2016, arXiv:1605.01713"
    cost: ClassVar[str] = "1 forward pass and 1 backward pass per class"

    def unit(self, score: str, of_bytes: bool) -> str:
        """The score's own: a share of it."""
        return score

    def pixel_values(self, gradients: PixelGradients) -> Attribution:
        """The gradients at the photos, times the photos."""
        return gradients.attribution(gradients.at_photos() * gradients.pixels)
