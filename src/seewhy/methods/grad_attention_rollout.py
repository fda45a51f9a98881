"""Attention rollout weighted by gradients: only what raises the class's score is followed."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import torch

from seewhy.head import SCORES
from seewhy.methods.attention import AttentionMethod, check_share, without_smallest


@dataclass(frozen=True, kw_only=True)
class GradAttentionRollout(AttentionMethod):
    """``Π ½ (mean over heads of ReLU(∂y/∂A_b ⊙ A_b) + I)``, rows divided by their sums (Chefer, Gur and Wolf 2021,
    arXiv:2103.15679, equations 5 and 6, in the form of a rollout), less what a token keeps for itself past all blocks: where the
    scores read the mean of all tokens, that is nearly everything, and the same everywhere.

    score : whose gradient weights the attention. discard : the share of each block's smallest entries that is left out.
    """

    name: ClassVar[str] = "grad_attention_rollout"
    title: ClassVar[str] = "Attention rollout, weighted by gradients"
    summary: ClassVar[str] = (
        "Follows the attention of a vision transformer back to the patches of the photo, but only where more attention would "
        "raise the score of the class: so each class has a map of its own. For transformers whose tokens all look at each other "
        "(ViT, DeiT, BEiT, DINOv2); not for windows (Swin) or mixers. It says where evidence came from, not what speaks against "
        "the class."
    )
    source: ClassVar[str] = "Chefer, Gur and Wolf 2021, arXiv:2103.15679"
    cost: ClassVar[str] = "1 forward pass and 1 backward pass for each class"
    backward: ClassVar[bool] = True
    with_kept: ClassVar[bool] = False

    score: str = field(default="logit", metadata={"choices": tuple(SCORES)})
    discard: float = 0.0

    def __post_init__(self) -> None:
        check_share(self.discard)

    @property
    def weighting_score(self) -> str:
        """Whose gradient weights the tables."""
        return self.score

    def fuse(self, table: torch.Tensor, gradient: torch.Tensor | None) -> torch.Tensor:
        """The mean over the heads of what raises the score."""
        assert gradient is not None
        return without_smallest((gradient * table).clamp_min(0).mean(1), self.discard)
