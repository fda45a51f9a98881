"""Guided Grad-CAM: the fine picture of guided backpropagation, where Grad-CAM says that the class is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.geometry import UPSAMPLINGS, resize_map
from seewhy.methods.backprop import BackpropMethod, PixelGradients
from seewhy.methods.base import Attribution, Needs
from seewhy.methods.grad_cam import GradCam
from seewhy.methods.guided_backprop import CAVEAT


@dataclass(frozen=True, kw_only=True)
class GuidedGradCam(BackpropMethod):
    """``G ⊙ M``: guided backpropagation times Grad-CAM (with its ReLU) enlarged to the input (Selvaraju et al. 2017,
    arXiv:1610.02391, section 3.2).

    layer : of Grad-CAM. upsample : how its map is enlarged, "bicubic" or "nearest".
    """

    name: ClassVar[str] = "guided_grad_cam"
    title: ClassVar[str] = "Guided Grad-CAM"
    summary: ClassVar[str] = (
        "Multiplies guided backpropagation's fine lines with Grad-CAM's coarse map, so that only the lines remain where the "
        "class is. The place is Grad-CAM's and can be trusted as much as that; the lines inside it are guided backpropagation's "
        "and say little about the weights. It needs a network with ReLUs."
    )
    source: ClassVar[str] = "Selvaraju et al. 2017, arXiv:1610.02391"
    cost: ClassVar[str] = "2 forward passes and 1 to 2 backward passes per class"
    needs: ClassVar[Needs] = Needs.OPERATIONS
    relu_rule: ClassVar[str] = "guided"
    caveat: ClassVar[str] = CAVEAT.format("Guided backprop")

    layer: str | nn.Module | None = None
    upsample: str = field(default="bicubic", metadata={"choices": UPSAMPLINGS})

    def pixel_values(self, gradients: PixelGradients) -> Attribution:
        """Both, multiplied."""
        raw = gradients.at_photos()
        cam = GradCam(layer=self.layer, score=self.score).attribute(gradients.request)
        gradients.forward += cam.forward
        gradients.backward += cam.backward
        size = (int(raw.shape[-2]), int(raw.shape[-1]))
        large = np.zeros((*raw.shape[:2], *size), np.float32)  # (K, N, H, W)
        for n, maps in enumerate(cam.maps):
            large[: len(maps), n] = resize_map(maps, size, self.upsample)
        details = [{"grad_cam": maps} for maps in cam.maps]
        weights = torch.from_numpy(large).to(raw)[:, :, None]
        return gradients.attribution(raw * weights, cam.notes, details, layer=cam.layer)
