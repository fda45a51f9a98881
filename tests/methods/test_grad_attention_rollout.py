"""Rollout weighted by gradients: the equation written twice, identities, and what has no gradient."""

from __future__ import annotations

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
