"""Which tokens look at which: of 24 tokens with 24 channels sizes say nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.nn import functional
from traced_networks import traced

from seewhy.engine.steps import Looks

TOKENS = 24  # 4×6 patches, and as many channels
CELLS = tuple(range(TOKENS))
Read = Callable[[torch.Tensor], torch.Tensor]


class Reading(nn.Module):
    """Tokens from patches of 4×4, whatever ``read`` makes of them, and a dense layer on their mean."""

    def __init__(self, read: Read) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, TOKENS, 4, 4)
        self.fc = nn.Linear(TOKENS, 3)
        self.read = read

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(self.read(self.patches(x).flatten(2).mT).mean(1))


def looks(read: Read) -> list[Looks | str]:
    return [step.looks for step in traced(Reading(read)).path if step.looks is not None]


def multiplied(t: torch.Tensor) -> torch.Tensor:
    return (t @ t.mT).softmax(-1) @ t


def by_columns(t: torch.Tensor) -> torch.Tensor:
    return (t @ t.mT).softmax(-2).mT @ t


def by_einsum(t: torch.Tensor) -> torch.Tensor:
    table = torch.einsum("nqc,nkc->nqk", t, t) * 0.1 + 1
    return torch.einsum("nqk,nkc->nqc", functional.softmax(table, dim=2), t)


def by_einsum_with_dots(t: torch.Tensor) -> torch.Tensor:
    return torch.einsum("...qk,...kc->...qc", torch.einsum("...qc,...kc->...qk", t, t).softmax(-1), t)


def with_bias(t: torch.Tensor) -> torch.Tensor:
    return torch.baddbmm(torch.ones(1, TOKENS, TOKENS), t, t.mT).softmax(-1) @ t


def with_talking_heads(t: torch.Tensor) -> torch.Tensor:
    heads = t.unflatten(-1, (2, 12)).transpose(1, 2)
    mixed = functional.linear((heads @ heads.mT).permute(0, 2, 3, 1), torch.ones(2, 2)).permute(0, 3, 1, 2)
    return (mixed.softmax(-1) @ heads).transpose(1, 2).flatten(2)


def folded(t: torch.Tensor) -> torch.Tensor:
    heads = t.unflatten(-1, (2, 12)).transpose(1, 2).flatten(0, 1)
    return (torch.bmm(heads, heads.mT).softmax(-1) @ heads).unflatten(0, (-1, 2)).transpose(1, 2).flatten(2)


def fused(t: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(t, value=t, key=t)


@pytest.mark.parametrize(
    "read", [multiplied, by_einsum, by_einsum_with_dots, with_bias, with_talking_heads, fused], ids=lambda read: read.__name__
)
def test_tokens_to_tokens(read: Read) -> None:
    assert looks(read) == [Looks(TOKENS, (4, 6), CELLS)]


def test_tokens_in_the_columns_that_look() -> None:
    assert looks(by_columns) == [Looks(TOKENS, (4, 6), CELLS, transposed=True)]


def test_heads_in_the_axis_of_the_photos() -> None:
    assert looks(folded) == [Looks(TOKENS, (4, 6), CELLS, batch_first=False)]


def test_a_class_token_has_no_place() -> None:
    def read(t: torch.Tensor) -> torch.Tensor:
        return multiplied(torch.cat([torch.ones(len(t), 1, TOKENS), t], 1))

    assert looks(read) == [Looks(25, (4, 6), tuple(range(1, 25)))]


def channels(t: torch.Tensor) -> torch.Tensor:
    return ((t.mT @ t).softmax(-1) @ t.mT).mT


def fused_channels(t: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(t.mT, t.mT, t.mT).mT


def channels_of_tokens(t: torch.Tensor) -> torch.Tensor:
    return (t @ t).softmax(-1) @ t  # each token by each channel


def pooled_keys(t: torch.Tensor) -> torch.Tensor:
    return (t @ t[:, ::2].mT).softmax(-1) @ t[:, ::2]


def another_order(t: torch.Tensor) -> torch.Tensor:
    return (t @ t.flip(1).mT).softmax(-1) @ t


def windows(t: torch.Tensor) -> torch.Tensor:
    return multiplied(t.unflatten(1, (2, 12)).flatten(0, 1)).unflatten(0, (-1, 2)).flatten(1, 2)


def versions(t: torch.Tensor) -> torch.Tensor:
    return multiplied(torch.cat([t, t.flip(1)])).unflatten(0, (2, -1)).mean(0)


def versions_with_heads(t: torch.Tensor) -> torch.Tensor:
    heads = torch.cat([t, t]).unflatten(-1, (2, 12)).transpose(1, 2)
    return ((heads @ heads.mT).softmax(-1) @ heads).transpose(1, 2).flatten(2).unflatten(0, (2, -1)).mean(0)


def latents(t: torch.Tensor) -> torch.Tensor:
    return functional.scaled_dot_product_attention(torch.ones(1, TOKENS, TOKENS), t, t)


def over_heads(t: torch.Tensor) -> torch.Tensor:
    heads = t.unflatten(-1, (2, 12)).transpose(1, 2)
    return ((heads @ heads.mT).softmax(1) @ heads).transpose(1, 2).flatten(2)


@pytest.mark.parametrize(
    ("read", "reason"),
    [
        (channels, "is none of the photo's tokens to each other"),
        (fused_channels, "is none of the photo's tokens to each other"),
        (channels_of_tokens, "is none of the photo's tokens to each other"),
        (pooled_keys, "has 24 tokens that look at 12"),
        (another_order, "has tokens that look at others, in another order"),
        (windows, "looks at windows of the photo, each by itself"),
        (versions, "looks at versions of the photo, each by itself"),
        (versions_with_heads, "looks at versions of the photo, each by itself"),
        (latents, "reads tokens whose places on the photo are not known"),
        (over_heads, "sums to 1 over neither its rows nor its columns"),
    ],
    ids=lambda value: value.__name__ if callable(value) else "",
)
def test_what_is_none_of_tokens_to_tokens(read: Read, reason: str) -> None:
    assert looks(read) == [reason]


def test_a_square_softmax_of_features_is_no_attention() -> None:
    """Linear attention: queries over channels, keys over tokens, 24 by 24 as any attention here."""
    assert looks(lambda t: t.softmax(-1) @ (t.softmax(1).mT @ t)) == []


def test_a_table_whose_places_were_lost_is_not_left_out() -> None:
    def read(t: torch.Tensor) -> torch.Tensor:
        tokens = torch.cat([torch.ones(len(t), 1, TOKENS), t], 1)
        return (-torch.cdist(tokens, tokens)).softmax(-1) @ tokens

    assert looks(read) == ["reads tokens whose places on the photo are not known"]
