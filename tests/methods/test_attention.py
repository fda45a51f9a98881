"""What the methods on attention share."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from attending_nets import SmallViT

import seewhy
from seewhy.errors import OptionError
from seewhy.methods.attention import FUSIONS, check_share, without_smallest

PHOTOS = torch.randn(4, 3, 16, 24, generator=torch.Generator().manual_seed(1))


def test_the_smallest_entries_of_each_photo_are_left_out() -> None:
    table = torch.tensor([[[4.0, 1.0], [3.0, 2.0]], [[0.1, 0.2], [0.4, 0.3]]])
    expected = torch.tensor([[[4.0, 0.0], [3.0, 0.0]], [[0.0, 0.0], [0.4, 0.3]]])
    assert torch.equal(without_smallest(table, 0.5), expected)
    assert without_smallest(table, 0.0) is table


def test_heads_are_fused() -> None:
    table = torch.arange(8.0).reshape(1, 2, 2, 2)
    assert {name: fuse(table).flatten().tolist() for name, fuse in FUSIONS.items()} == {
        "mean": [2, 3, 4, 5],
        "max": [4, 5, 6, 7],
        "min": [0, 1, 2, 3],
    }


@pytest.mark.parametrize("share", [0, 0.0, 0.99])
def test_shares_that_can_be(share: float) -> None:
    check_share(share)


def test_a_share_of_everything() -> None:
    with pytest.raises(OptionError, match=r"discard=1: it is the share"):
        check_share(1)


@pytest.mark.parametrize("method", ["attention_rollout", "grad_attention_rollout"])
@pytest.mark.parametrize("form", ["fused", "whole"])
def test_a_network_with_hooks_is_watched_as_it_runs(method: str, form: str) -> None:
    network = SmallViT(form).eval()
    clf = seewhy.Classifier(network)
    plain = seewhy.explain(clf, PHOTOS[0], method).maps
    network.patches.register_forward_hook(lambda module, args, out: None)
    assert clf.executor.planned(PHOTOS[:1]).plan.as_is
    before = [(parameter.grad, parameter.requires_grad) for parameter in network.parameters()]
    np.testing.assert_allclose(seewhy.explain(clf, PHOTOS[0], method).maps, plain, rtol=1e-4, atol=1e-7)
    assert [(parameter.grad, parameter.requires_grad) for parameter in network.parameters()] == before


@pytest.mark.parametrize("method", ["attention_rollout", "grad_attention_rollout"])
def test_other_methods_are_not_changed_by_it(method: str) -> None:
    """A pass in the open leaves nothing behind."""
    clf = seewhy.Classifier(SmallViT().eval())
    before = seewhy.explain(clf, PHOTOS[1], "gradient").maps
    seewhy.explain(clf, PHOTOS, method, target="top2")
    np.testing.assert_array_equal(seewhy.explain(clf, PHOTOS[1], "gradient").maps, before)
