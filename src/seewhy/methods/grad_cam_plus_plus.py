"""Grad-CAM++: Grad-CAM whose channel weights count every place by itself, so that several objects all show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from seewhy.methods.base import FeatureMethod, spatial


@dataclass(frozen=True, kw_only=True)
class GradCamPlusPlus(FeatureMethod):
    """``M = ReLU(Σ_k w_k A^k)``, ``w_k = Σ_ij α^k_ij ReLU(g^k_ij)``, ``α^k_ij = g² / (2 g² + Σ_ab A^k_ab g³)``, 0 where that has
    no denominator (Chattopadhay et al. 2018, arXiv:1710.11063, equations 10, 11 and 19, for ``exp(score)``). ``g = ∂y/∂A``.
    """

    name: ClassVar[str] = "grad_cam_plus_plus"
    title: ClassVar[str] = "Grad-CAM++"
    summary: ClassVar[str] = (
        "Like Grad-CAM, but the weight of a feature map is made of the places where it speaks for the class, each weighted so "
        "that a small second object counts as much as a large first one. It tends to cover more of the object than Grad-CAM. The "
        "weights follow from a formula for one special score, so they are a recipe that works rather than a share of anything."
    )
    source: ClassVar[str] = "Chattopadhay et al. 2018, arXiv:1710.11063"
    cost: ClassVar[str] = "1 forward pass; behind the layer 1 backward pass for all classes, or none"

    def combine(self, features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """Features ``(N, 1, c, h, w)``, gradients ``(N, K, c, h, w)`` or ``(N, K, c, 1, 1)`` to ``(N, K, h, w)``."""
        g = gradients.expand(*gradients.shape[:3], *features.shape[3:])
        axes = spatial(g)
        # α does not change when g is divided by s and ΣA multiplied by it: kept near one, g³ does not vanish in float32.
        scale = g.abs().amax(dim=(2, *axes), keepdim=True).clamp_min(1e-30)
        unit = g / scale
        below = 2 * unit**2 + features.sum(dim=axes, keepdim=True) * scale * unit**3
        alpha = torch.where(below == 0, torch.zeros_like(below), unit**2 / torch.where(below == 0, 1.0, below))
        weights = (alpha * g.clamp_min(0)).sum(dim=axes)  # (N, K, c)
        return torch.einsum("nkc,nc...->nk...", weights, features[:, 0])
