"""Attention rollout: the equation written twice, numbers by hand, identities."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attending_nets import FORMS, SmallViT
from torch import nn
from torch.nn import functional

import seewhy
from seewhy.errors import MethodError, OptionError

PHOTOS = torch.randn(3, 3, 16, 24, generator=torch.Generator().manual_seed(1))


def tables_of(network: SmallViT, photo: torch.Tensor) -> list[np.ndarray]:
    """Each block's attention, ``(heads, tokens, tokens)``."""
    tables = []
    with torch.no_grad():
        tokens = network.tokens(photo[None])
        for block in network.blocks:
            tables.append(block.table(tokens)[0][0].double().numpy())
            tokens = block(tokens)
    return tables


def rolled(tables: list[np.ndarray], fuse, discard: float = 0.0) -> np.ndarray:
    """Whole matrices, multiplied from the first block to the last, in numpy."""
    product = np.eye(tables[0].shape[-1])
    for table in tables:
        attention = fuse(table, axis=0)
        smallest = np.argsort(attention, axis=None, kind="stable")[: round(discard * attention.size)]
        attention.ravel()[smallest] = 0
        mixed = 0.5 * (attention + np.eye(len(attention)))
        product = mixed / mixed.sum(axis=1, keepdims=True) @ product
    return product


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("fusion", "discard"), [("mean", 0.0), ("max", 0.0), ("min", 0.0), ("mean", 0.6)])
def test_the_equation(form: str, fusion: str, discard: float) -> None:
    network = SmallViT(form).eval()
    explanations = seewhy.explain(
        seewhy.Classifier(network), PHOTOS, "attention_rollout", head_fusion=fusion, discard=discard, target="top2"
    )
    for explanation, photo in zip(explanations, PHOTOS, strict=True):
        expected = rolled(tables_of(network, photo), getattr(np, fusion), discard)[0, 1:].reshape(4, 6)
        assert explanation.maps.shape == (2, 4, 6)
        for map_ in explanation.maps:
            np.testing.assert_allclose(map_, expected, rtol=2e-4, atol=1e-7)
        assert not explanation.signed
        assert explanation.details["blocks"] == 3
        assert explanation.details["heads"] == 2
        assert (explanation.cost.forward, explanation.cost.backward) == (1, 0)


@pytest.mark.parametrize("read", ["class", "mean", "both"])
def test_the_rows_are_those_that_the_scores_read(read: str) -> None:
    network = SmallViT(read=read).eval()
    clf = seewhy.Classifier(network)
    product = rolled(tables_of(network, PHOTOS[0]), np.mean)
    shares = clf.executor.planned(PHOTOS[:1]).read_tokens.double().numpy()
    assert shares.sum() == pytest.approx(1)
    assert len(set(shares[1:])) == 1
    assert (shares[0] == 0) == (read == "mean")
    assert (shares[1] == 0) == (read == "class")
    if read == "both":  # two halves of the dense layer, of weights of one size
        assert 0.2 < shares[0] < 0.8
    expected = (shares @ product)[1:].reshape(4, 6)
    np.testing.assert_allclose(seewhy.explain(clf, PHOTOS[0], "attention_rollout").maps[0], expected, rtol=1e-4)


def test_the_map_and_the_class_token_share_one() -> None:
    network = SmallViT().eval()
    for fusion in ("mean", "max", "min"):
        map_ = seewhy.explain(seewhy.Classifier(network), PHOTOS[0], "attention_rollout", head_fusion=fusion).maps[0]
        assert (map_ >= 0).all()
        of_class_token = rolled(tables_of(network, PHOTOS[0]), getattr(np, fusion))[0, 0]
        assert map_.sum() + of_class_token == pytest.approx(1, abs=1e-5)


class Looking(nn.Module):
    """Every token looks at the token with the brightest patch alone, and the mean is read."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 3, 4, 4)
        self.fc = nn.Linear(3, 3)
        with torch.no_grad():
            self.patches.weight.copy_(torch.eye(3)[:, :, None, None].expand(-1, -1, 4, 4) / 16)
            self.patches.bias.zero_()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        table = (1000 * torch.ones_like(tokens) @ tokens.mT)[:, None].softmax(-1)
        return self.fc((tokens + (table @ tokens[:, None])[:, 0]).mean(1))


def test_one_block_by_hand() -> None:
    photo = torch.zeros(3, 16, 24)
    photo[:, 4:8, 12:16] = 1
    map_ = seewhy.explain(seewhy.Classifier(Looking()), photo, "attention_rollout").maps[0]
    expected = np.full((4, 6), 1 / 48)  # half of each token is itself, and the mean of 24 tokens is read
    expected[1, 3] += 0.5
    np.testing.assert_allclose(map_, expected, rtol=1e-5)


def test_what_has_no_attention_is_refused_in_one_line() -> None:
    mixer = nn.Sequential(nn.Conv2d(3, 8, 4, 4), nn.Flatten(2), nn.Linear(24, 24), nn.GELU(), nn.Flatten(), nn.Linear(192, 3))
    with pytest.raises(MethodError) as error:
        seewhy.explain(seewhy.Classifier(mixer), PHOTOS[0], "attention_rollout")
    assert error.value.line == (
        "attention_rollout does not fit Sequential: no operation of it is an attention of tokens to tokens. Use "
        "method='grad_cam' or method='occlusion'."
    )


@pytest.mark.parametrize("discard", [1.0, -0.1, "half", True])
def test_a_share_that_cannot_be(discard: object) -> None:
    with pytest.raises(OptionError, match="is the share of the attention that is left out"):
        seewhy.explain(seewhy.Classifier(SmallViT()), PHOTOS[0], "attention_rollout", discard=discard)


class Beside(nn.Module):
    """``t + a(t) + b(t)``: in a every token looks at token 5 alone, in b at token 10; the mean is read."""

    def __init__(self) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.fc = nn.Linear(8, 3)

    def attend(self, tokens: torch.Tensor, place: int) -> torch.Tensor:
        bias = torch.full((24, 24), -1000.0)
        bias[:, place] = 1000.0
        return functional.scaled_dot_product_attention(tokens, tokens, tokens, attn_mask=bias)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        tokens = self.patches(x).flatten(2).mT
        return self.fc((tokens + self.attend(tokens, 5) + self.attend(tokens, 10)).mean(1))


def test_side_by_side_by_hand() -> None:
    torch.manual_seed(0)
    e = seewhy.explain(seewhy.Classifier(Beside().eval()), PHOTOS[0], "attention_rollout")
    expected = np.full(24, 1 / 48)  # half of each token is itself, and the mean of 24 tokens is read
    expected[[5, 10]] += 0.25  # the other half is the mean of both
    np.testing.assert_allclose(e.maps[0], expected.reshape(4, 6), rtol=1e-5)
    assert (e.details["blocks"], e.details["heads"]) == (1, 2)


@pytest.mark.parametrize("method", ["attention_rollout", "grad_attention_rollout"])
def test_passes_that_run_side_by_side_are_refused_in_one_line(method: str) -> None:
    class Averaged(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vit = SmallViT(blocks=2)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (self.vit(x) + self.vit(0.5 * x)) / 2

    with pytest.raises(MethodError) as error:
        seewhy.explain(seewhy.Classifier(Averaged().eval()), PHOTOS[0], method)
    assert error.value.line == (
        f"{method} does not fit Averaged: the attention in 'vit.blocks.0' runs beside others, in a branch of its own. Use "
        "method='grad_cam' or method='occlusion'."
    )
