"""SmoothGrad: the mean gradient over noisy copies of the photo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from seewhy.errors import OptionError, is_number, setting, whole_number
from seewhy.methods.backprop import BackpropMethod, PixelGradients
from seewhy.methods.base import Attribution
from seewhy.records import Ending, Note


@dataclass(frozen=True, kw_only=True)
class SmoothGrad(BackpropMethod):
    """``M = Σ_channels |(1/n) Σ_i ∂y/∂X (X + ε_i)|``, ``ε ~ N(0, σ²)`` (Smilkov et al. 2017, arXiv:1706.03825, section 3).

    samples : n. noise : σ as a share of the photo's range, ``max X - min X``. signed : True leaves the absolute value out.
    """

    name: ClassVar[str] = "smooth_grad"
    title: ClassVar[str] = "SmoothGrad"
    summary: ClassVar[str] = (
        "Takes the gradient of many copies of the photo with a little noise on them, and their mean: what stays is what the "
        "score is sensitive to around the photo and not only exactly at it. Calmer than the plain gradient and as fine; the "
        "amount of noise is a choice that changes the picture, and the same caution holds: sensitivity is not a share of the "
        "score."
    )
    source: ClassVar[str] = "Smilkov et al. 2017, arXiv:1706.03825"
    cost: ClassVar[str] = "50 forward passes and as many backward passes per class"
    sweeps: ClassVar[bool] = True

    samples: int = 50
    noise: float = 0.15
    signed: bool = False

    def pixel_values(self, gradients: PixelGradients) -> Attribution:
        """The mean over the copies; the noise of a copy does not depend on how many go through at once."""
        samples = whole_number("samples", self.samples)
        if not is_number(self.noise) or self.noise < 0:
            raise OptionError(f"{setting('noise', self.noise)}: write a share of the photo's range, such as 0.15.")
        photo = gradients.pixels
        gradients.value_at(photo)
        sigma = float(self.noise) * float(photo.max() - photo.min())
        generator = torch.Generator().manual_seed(gradients.request.seed)

        def copies(first: int, last: int) -> torch.Tensor:
            noise = [torch.randn(photo.shape[1:], generator=generator) for _ in range(first, last)]
            return photo + sigma * torch.stack(noise).to(photo)

        (mean, reached) = gradients.mean_over(samples, copies, gradients.sketch, "")
        ending = gradients.ending
        partial = ending is not Ending.COMPLETE
        notes = [Note(f"{ending.text} after {reached} of {samples} noisy copies")] if partial else []
        details = {"sigma": sigma, "samples_done": reached, "stopped": ending.value}
        return gradients.attribution(mean, [notes], [details], partial=partial)
