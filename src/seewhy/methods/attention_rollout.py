"""Attention rollout: how much of what a transformer reads at its end came from which part of the photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from seewhy.methods.attention import FUSIONS, AttentionMethod, check_share, without_smallest


@dataclass(frozen=True, kw_only=True)
class AttentionRollout(AttentionMethod):
    """``Π ½ (A_b + I)``, rows divided by their sums (Abnar and Zuidema 2020, arXiv:2005.00928, section 3).

    The map belongs to the photo, not to a class: all targets get the same one. Its sum over the photo's tokens, and those
    beside it (class token), is 1.

    head_fusion : "mean", "max" or "min" over a block's heads. discard : the share of each block's smallest entries that is left
        out.
    """

    name: ClassVar[str] = "attention_rollout"
    title: ClassVar[str] = "Attention rollout"
    summary: ClassVar[str] = (
        "Follows the attention of a vision transformer from the token that the scores are read from back through all blocks to "
        "the patches of the photo. It shows where information came from, not which class it spoke for: all classes have the "
        "same map, and what the dense layers between do with it is left out. For transformers whose tokens all look at each "
        "other (ViT, DeiT, BEiT, DINOv2); not for windows (Swin) or mixers."
    )
    source: ClassVar[str] = "Abnar and Zuidema 2020, arXiv:2005.00928"
    cost: ClassVar[str] = "1 forward pass"
    by_class: ClassVar[bool] = False

    head_fusion: str = field(default="mean", metadata={"choices": tuple(FUSIONS)})
    discard: float = 0.0

    def __post_init__(self) -> None:
        check_share(self.discard)

    def fuse(self, table: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
        """The heads' mean, largest or smallest, without its smallest entries."""
        return without_smallest(FUSIONS[self.head_fusion](table), self.discard)
