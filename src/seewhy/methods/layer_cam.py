"""LayerCAM: the activations of a layer, each weighted by its own positive gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from seewhy.methods.base import FeatureMethod


@dataclass(frozen=True, kw_only=True)
class LayerCam(FeatureMethod):
    """``M = ReLU(Σ_k ReLU(g^k) ⊙ A^k)``, ``g = ∂y/∂A`` (Jiang et al. 2021, "LayerCAM", IEEE Transactions on Image Processing 30,
    equations 5 to 7).
    """

    name: ClassVar[str] = "layer_cam"
    title: ClassVar[str] = "LayerCAM"
    summary: ClassVar[str] = (
        "Multiplies the feature maps of a layer, place by place, with how much each value there raises the class's score, "
        "leaving out what would lower it, and adds them up. Made for early layers, where Grad-CAM's averages turn to noise: "
        "name a layer with a fine grid and it shows outlines instead of patches. What speaks against the class is ignored by "
        "design."
    )
    source: ClassVar[str] = "Jiang et al. 2021, IEEE TIP 30, LayerCAM"
    cost: ClassVar[str] = "1 forward pass; behind the layer 1 backward pass for all classes, or none"
    averages: ClassVar[bool] = False

    def combine(self, features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """Features ``(N, 1, c, h, w)``, gradients ``(N, K, c, h, w)`` or ``(N, K, c, 1, 1)`` to ``(N, K, h, w)``."""
        return (gradients.clamp_min(0) * features).sum(dim=2)
