"""Rollout weighted by gradients: the equation written twice, identities, and what has no gradient."""

from __future__ import annotations

import re

import numpy as np
import pytest
import torch
from attending_nets import FORMS, SmallViT
from torch import nn

import seewhy
from seewhy.errors import GradientError

PHOTOS = torch.randn(3, 3, 16, 24, generator=torch.Generator().manual_seed(1))


def expected_map(network: SmallViT, photo: torch.Tensor, index: int, score: str, discard: float = 0.0) -> np.ndarray:
    """With autograd's own graph of the whole network, and whole matrices."""
    shares = np.eye(25)[0] if network.read == "class" else (np.arange(25) > 0) / 24
    tables = []
    tokens = network.tokens(photo[None])
    for block in network.blocks:
        (table, values) = block.table(tokens)
        table = table.detach().requires_grad_() if not tables else table
        tables.append(table)
        tokens = tokens + block.attention.out_proj((table @ values).transpose(1, 2).flatten(2))
        tokens = tokens + block.dense(tokens)
    tokens = network.norm(tokens)
    logits = network.fc(tokens[:, 0] if network.read == "class" else tokens[:, 1:].mean(1))
    value = logits[0, index] if score == "logit" else logits.softmax(-1)[0, index]
    (product, kept) = (np.eye(tokens.shape[1]), np.eye(tokens.shape[1]))
    for table, gradient in zip(tables, torch.autograd.grad(value, tables), strict=True):
        attention = (gradient * table).clamp_min(0).mean(1)[0].detach().double().numpy()
        attention.ravel()[np.argsort(attention, axis=None, kind="stable")[: round(discard * attention.size)]] = 0
        mixed = (attention + np.eye(len(attention))) / 2
        product = mixed / mixed.sum(axis=1, keepdims=True) @ product
        kept = np.eye(len(mixed)) / 2 / mixed.sum(axis=1, keepdims=True) @ kept
    return (shares @ (product - kept))[1:].reshape(4, 6)


@pytest.mark.parametrize("read", ["class", "mean"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("score", "discard"), [("logit", 0.0), ("probability", 0.0), ("logit", 0.3)])
def test_the_equation(form: str, read: str, score: str, discard: float) -> None:
    network = SmallViT(form, read).eval()
    explanations = seewhy.explain(
        seewhy.Classifier(network), PHOTOS, "grad_attention_rollout", target=[0, 3], score=score, discard=discard
    )
    for explanation, photo in zip(explanations, PHOTOS, strict=True):
        for map_, index in zip(explanation.maps, (0, 3), strict=True):
            expected = expected_map(network, photo, index, score, discard)
            np.testing.assert_allclose(map_, expected, rtol=1e-3, atol=1e-6)
        assert not np.allclose(explanation.maps[0], explanation.maps[1], rtol=1e-2)
        assert (explanation.cost.forward, explanation.cost.backward) == (1, 2)


def test_a_class_of_which_no_attention_speaks_keeps_to_its_own_token() -> None:
    """Where the score does not depend on the attention at all, nothing but the identity is left."""
    network = SmallViT().eval()
    for block in network.blocks:
        nn.init.zeros_(block.attention.out_proj.weight)
    e = seewhy.explain(seewhy.Classifier(network), PHOTOS[0], "grad_attention_rollout", target=1)
    np.testing.assert_array_equal(e.maps, 0)
    assert any("empty" in note for note in e.notes)


class Detached(SmallViT):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()


def test_scores_that_are_cut_off_are_said() -> None:
    with pytest.raises(GradientError) as error:
        seewhy.explain(seewhy.Classifier(Detached().eval()), PHOTOS[0], "grad_attention_rollout")
    assert str(error.value) == (
        "Attention rollout, weighted by gradients: the scores are cut off from the attention. First step without gradient: "
        "'detach()'. Use a method that needs none: method='attention_rollout' or method='occlusion'; or remove detach() from "
        "Detached.forward."
    )


class Frozen(SmallViT):
    """Parts that are not trained run under no_grad(): "all" blocks at once, "each" by itself, the "first" alone."""

    def __init__(self, frozen: str) -> None:
        super().__init__()
        self.frozen = frozen

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.set_grad_enabled(self.frozen != "all"):
            tokens = self.tokens(x)
            for number, block in enumerate(self.blocks):
                with torch.set_grad_enabled(self.frozen == "first" and number > 0):
                    tokens = block(tokens)
        return self.fc(self.norm(tokens)[:, 0])


@pytest.mark.parametrize("frozen", ["all", "each", "first"])
@pytest.mark.parametrize("hooked", [False, True])
def test_frozen_parts(frozen: str, hooked: bool) -> None:
    network = Frozen(frozen).eval()
    if hooked:  # it then runs as it is, with weights that ask for gradients
        network.patches.register_forward_hook(lambda module, args, out: None)
    maps = seewhy.explain(seewhy.Classifier(network), PHOTOS[0], "grad_attention_rollout", target=[0, 3]).maps
    for map_, index in zip(maps, (0, 3), strict=True):
        np.testing.assert_allclose(map_, expected_map(SmallViT(), PHOTOS[0], index, "logit"), rtol=1e-3, atol=1e-6)
    assert torch.is_grad_enabled()
    assert all(parameter.grad is None for parameter in network.parameters())


class CutAmid(SmallViT):
    """Nothing goes back to the first block."""

    def __init__(self, by: str) -> None:
        super().__init__()
        self.by = by

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode(self.by == "inference_mode"):
            tokens = self.blocks[0](self.tokens(x))
        tokens = tokens.detach() if self.by == "detach" else tokens
        for block in self.blocks[1:]:
            tokens = block(tokens)
        return self.fc(self.norm(tokens)[:, 0])


@pytest.mark.parametrize(("by", "what"), [("detach", "'detach()'"), ("inference_mode", "see what has no gradient in CutAmid")])
def test_a_block_without_gradient_is_not_left_out(by: str, what: str) -> None:
    with pytest.raises(GradientError, match=f"the scores are cut off from the attention.*{re.escape(what)}"):
        seewhy.explain(seewhy.Classifier(CutAmid(by).eval()), PHOTOS[0], "grad_attention_rollout")


class Beside(nn.Module):
    """``t + a(t) + b(t)``, written with tables, so that their gradients can be taken."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.fc = nn.Linear(8, 3)

    def tables(self, x: torch.Tensor) -> tuple[torch.Tensor, list[torch.Tensor]]:
        tokens = self.patches(x).flatten(2).mT
        return tokens, [(tokens @ (sign * tokens).mT).softmax(-1) for sign in (1, -1)]

    def scores(self, tokens: torch.Tensor, tables: list[torch.Tensor]) -> torch.Tensor:
        return self.fc((tokens + tables[0] @ tokens + tables[1] @ tokens).mean(1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.scores(*self.tables(x))


def test_side_by_side() -> None:
    network = Beside().eval()
    map_ = seewhy.explain(seewhy.Classifier(network), PHOTOS[0], "grad_attention_rollout", target=1).maps[0]
    (tokens, tables) = network.tables(PHOTOS[:1])
    gradients = torch.autograd.grad(network.scores(tokens, tables)[0, 1], tables)
    weighted = [(gradient * table).clamp_min(0)[0] for gradient, table in zip(gradients, tables, strict=True)]
    attention = ((weighted[0] + weighted[1]) / 2).detach().double().numpy()
    mixed = (attention + np.eye(24)) / 2
    total = mixed.sum(axis=1, keepdims=True)
    expected = ((mixed - np.eye(24) / 2) / total).mean(axis=0).reshape(4, 6)
    np.testing.assert_allclose(map_, expected, rtol=1e-3, atol=1e-7)
    assert expected.max() > 1e-4
