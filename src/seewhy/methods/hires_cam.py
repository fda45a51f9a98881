"""HiResCAM: like Grad-CAM, with the gradient of every place kept apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from seewhy.methods.base import FeatureMethod


@dataclass(frozen=True, kw_only=True)
class HiResCam(FeatureMethod):
    """``M = ReLU(Σ_k g^k ⊙ A^k)`` with ``g = ∂y/∂A`` (Draelos and Carin 2020, arXiv:2011.08891, section 3).

    No averaging: for any head that is linear behind the layer, the sum of the map without its ReLU is the score up to its
    constant. Where the head averages the layer it equals Grad-CAM.
    """

    name: ClassVar[str] = "hires_cam"
    title: ClassVar[str] = "HiResCAM"
    summary: ClassVar[str] = (
        "Multiplies the feature maps of a late layer, place by place, with how much each value there moves the class's score, "
        "and adds them up. Where the head averages its features this is Grad-CAM; where it reads each place by itself (Flatten + "
        "Linear, as in small networks of one's own) this is the one to use, because nothing is mixed up between places. As "
        "coarse as the layer's grid."
    )
    source: ClassVar[str] = "Draelos and Carin 2020, arXiv:2011.08891"
    cost: ClassVar[str] = "1 forward pass; behind the layer 1 backward pass for all classes, or none"
    averages: ClassVar[bool] = False

    def combine(self, features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """Features ``(N, 1, c, h, w)``, gradients ``(N, K, c, h, w)`` or ``(N, K, c, 1, 1)`` to ``(N, K, h, w)``."""
        return (gradients * features).sum(dim=2)
