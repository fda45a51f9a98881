"""Grad-CAM: the feature maps of a layer, weighted by how much each moves the score."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from seewhy.methods.base import FeatureMethod, spatial


@dataclass(frozen=True, kw_only=True)
class GradCam(FeatureMethod):
    """``M = ReLU(Σ_k α_k A^k)`` with ``α_k = (1/n) Σ_ij ∂y/∂A^k_ij`` (Selvaraju et al. 2017, arXiv:1610.02391, equations 1
    and 2). n : positions of the layer's grid; y : the score.

    Where the head averages the layer and applies one dense layer, α is a row of its weights over n, and no backward pass is
    needed: there Grad-CAM without its ReLU is CAM over n.
    """

    name: ClassVar[str] = "grad_cam"
    title: ClassVar[str] = "Grad-CAM"
    summary: ClassVar[str] = (
        "Takes the feature maps of a late layer and adds them up, each weighted by how much the class's score would rise if that "
        "feature were stronger everywhere. It works on any network with feature maps, for any class. It shows places, as coarse "
        "as the layer's grid, not outlines; and where the head reads each place by itself (Flatten + Linear) averaging the "
        "gradients can mislead."
    )
    source: ClassVar[str] = "Selvaraju et al. 2017, arXiv:1610.02391"
    cost: ClassVar[str] = "1 forward pass; behind the layer 1 backward pass for all classes, or none"

    def combine(self, features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """Features ``(N, 1, c, h, w)``, gradients ``(N, K, c, h, w)`` or ``(N, K, c, 1, 1)`` to ``(N, K, h, w)``."""
        alpha = gradients.mean(dim=spatial(gradients))  # (N, K, c)
        return torch.einsum("nkc,nc...->nk...", alpha, features[:, 0])
