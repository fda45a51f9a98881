"""EigenCAM: what a layer's feature maps have most in common, whatever the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from seewhy.methods.base import FeatureMethod, Needs


@dataclass(frozen=True, kw_only=True)
class EigenCam(FeatureMethod):
    """``M = ReLU(A v₁)``: the layer's values ``(hw, c)`` along their first principal direction v₁ (columns less their means),
    with the sign that agrees with ``Σ_k A^k`` (Muhammad and Yeasin 2020, arXiv:2008.00299, section III).

    The map belongs to the photo, not to a class: all targets get the same one. score : has no effect.
    """

    name: ClassVar[str] = "eigen_cam"
    title: ClassVar[str] = "EigenCAM"
    summary: ClassVar[str] = (
        "Finds the one pattern that explains most of what the feature maps of a late layer do on this photo. It needs no "
        "gradient and no class: it shows what the layer reacts to at all, usually the most striking object. It cannot say why "
        "this class and not another, and it has no sign; useful where no gradient is to be had, or to see whether the layer "
        "sees the object."
    )
    source: ClassVar[str] = "Muhammad and Yeasin 2020, arXiv:2008.00299"
    cost: ClassVar[str] = "1 forward pass"
    needs: ClassVar[Needs] = Needs.LAYERS
    averages: ClassVar[bool] = False
    by_class: ClassVar[bool] = False

    def combine(self, features: torch.Tensor, gradients: torch.Tensor) -> torch.Tensor:
        """Features ``(N, 1, c, h, w)`` to the same map ``(N, K, h, w)`` for all targets; the gradients only count them."""
        maps = torch.stack([_first_component(of_photo[0]) for of_photo in features])  # (N, h, w)
        return maps[:, None].expand(-1, gradients.shape[1], *[-1] * (maps.ndim - 1))


def _first_component(features: torch.Tensor) -> torch.Tensor:
    """``(c, h, w)`` to ``(h, w)``; of a volume ``(c, d, h, w)`` to ``(d, h, w)``."""
    values = features.flatten(1).T.double()  # (hw, c)
    centred = values - values.mean(dim=0)
    if not bool((centred != 0).any()):
        return torch.zeros_like(features[0])
    (_, _, directions) = torch.linalg.svd(centred, full_matrices=False)
    component = values @ directions[0]
    total = values.sum(dim=1)
    agrees = ((component - component.mean()) * (total - total.mean())).sum()
    if float(agrees) < 0:
        component = -component
    map: torch.Tensor = component.reshape(features.shape[1:]).to(features.dtype)
    return map
