"""Small vision transformers that write their attention in different ways, with the same weights."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

FORMS = ("multiplied", "fused", "whole", "einsum", "keywords", "softmax by keywords")
HEADS, WIDTH = 2, 8


class Block(nn.Module):
    """Tokens look at each other, then a dense layer; both are added."""

    def __init__(self, form: str) -> None:
        super().__init__()
        self.form = form
        self.norm = nn.LayerNorm(WIDTH)
        self.attention = nn.MultiheadAttention(WIDTH, HEADS, batch_first=True)
        self.dense = nn.Sequential(nn.LayerNorm(WIDTH), nn.Linear(WIDTH, WIDTH), nn.GELU())

    def table(self, tokens: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Softmax(q·kᵀ / √d) ``(N, heads, tokens, tokens)``, and v."""
        projected = functional.linear(self.norm(tokens), self.attention.in_proj_weight, self.attention.in_proj_bias)
        (q, k, v) = projected.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        return (q @ k.mT / (WIDTH / HEADS) ** 0.5).softmax(-1), v

    def attend(self, tokens: torch.Tensor) -> torch.Tensor:
        if self.form == "whole":
            normed = self.norm(tokens)
            return self.attention(normed, normed, normed, need_weights=False)[0]
        projected = functional.linear(self.norm(tokens), self.attention.in_proj_weight, self.attention.in_proj_bias)
        (q, k, v) = projected.unflatten(-1, (3, HEADS, -1)).permute(2, 0, 3, 1, 4)
        if self.form == "fused":
            read = functional.scaled_dot_product_attention(q, k, v)
        elif self.form == "keywords":
            read = functional.scaled_dot_product_attention(value=v, key=k, query=q)
        elif self.form == "softmax by keywords":
            read = torch.softmax(input=q @ k.mT / (WIDTH / HEADS) ** 0.5, dim=-1) @ v
        elif self.form == "einsum":
            weights = functional.softmax(torch.einsum("nhqd,nhkd->nhqk", q, k) * (WIDTH / HEADS) ** -0.5, dim=-1)
            read = torch.einsum("nhqk,nhkd->nhqd", weights, v)
        else:
            (table, v) = self.table(tokens)
            read = table @ v
        return self.attention.out_proj(read.transpose(1, 2).flatten(2))

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tokens = tokens + self.attend(tokens)
        return tokens + self.dense(tokens)


class SmallViT(nn.Module):
    """Patches of 4×4, a class token, blocks, a dense head.

    read : what the head reads: "class", "mean" (of the photo's tokens) or "both", one behind the other.
    """

    def __init__(self, form: str = "fused", read: str = "class", size: tuple[int, int] = (16, 24), blocks: int = 3) -> None:
        super().__init__()
        self.read = read
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.patches = nn.Conv2d(3, WIDTH, 4, 4)
            self.class_token = nn.Parameter(torch.randn(1, 1, WIDTH))
            self.positions = nn.Parameter(torch.randn(1, 1 + size[0] * size[1] // 16, WIDTH))
            self.blocks = nn.ModuleList(Block(form) for _ in range(blocks))
            self.norm = nn.LayerNorm(WIDTH)
            self.fc = nn.Linear(WIDTH * (2 if read == "both" else 1), 4)
            for block in self.blocks:
                nn.init.normal_(block.attention.in_proj_weight, std=1.0)

    def tokens(self, x: torch.Tensor) -> torch.Tensor:
        patches = self.patches(x).flatten(2).mT
        return torch.cat([self.class_token.expand(len(x), -1, -1), patches], dim=1) + self.positions

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.tokens(x)
        for block in self.blocks:
            tokens = block(tokens)
        tokens = self.norm(tokens)
        parts = {"class": [tokens[:, 0]], "mean": [tokens[:, 1:].mean(1)]}
        parts["both"] = parts["class"] + parts["mean"]
        return self.fc(torch.cat(parts[self.read], dim=-1))
