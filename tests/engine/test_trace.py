"""What the written-down forward pass says about layers, grids and heads."""

from __future__ import annotations

import pytest
import torch
from small_nets import SmallNet
from traced_networks import traced


def test_hooks_are_taken_off_again(small: SmallNet) -> None:
    traced(small)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in small.modules())


def test_an_in_place_relu_is_a_step_of_its_own(small: SmallNet) -> None:
    trace = traced(small)
    (norm,) = trace.find("features.5")
    (relu,) = trace.find("features.6")
    assert relu == norm + 1
    assert trace.steps[relu].inputs == (norm,)
    assert trace.steps[relu].op == "relu"


def test_a_pass_under_inference_mode_is_written_down_like_any_other(small: SmallNet) -> None:
    """Its tensors count no versions: what is done in place, and what is handed on untouched, is seen by the values."""

    class Decorated(SmallNet):
        @torch.inference_mode()
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return super().forward(x)

    (own, expected) = (traced(network) for network in (Decorated(), small))
    assert own.steps == expected.steps
    assert own.find("features.6") == expected.find("features.6")
    assert own.dense_head == expected.dense_head


def test_dropout_in_eval_mode_is_no_step(small: SmallNet) -> None:
    assert [s.op for s in traced(small).steps] == [
        "conv2d", "batch_norm", "relu", "max_pool2d", "conv2d", "batch_norm", "relu", "mean", "linear",
    ]  # fmt: skip


def test_the_layer_that_fails_is_named(small: SmallNet) -> None:
    with pytest.raises(RuntimeError) as error:
        traced(small, 4, 16, 24)
    assert error.value.seewhy_layer == "features.0"
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in small.modules())
