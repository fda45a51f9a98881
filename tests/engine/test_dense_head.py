"""Heads that average over space and apply one dense layer are seen, by values; others are not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import Planted
from torch import nn
from torch.nn import functional as F
from traced_networks import Head, traced

import seewhy
from seewhy.errors import MethodError

POOLED = {
    "adaptive": lambda self, x: self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1)),
    "mean": lambda self, x: self.fc(x.mean(dim=[2, 3])),
    "two means": lambda self, x: self.fc(x.mean(3).mean(2)),
    "avg_pool2d": lambda self, x: self.fc(F.avg_pool2d(x, x.shape[2:]).squeeze(-1).squeeze(-1)),
    "dropout": lambda self, x: self.fc(F.dropout(x.mean((2, 3)), 0.5, self.training)),
    "view": lambda self, x: self.fc(F.adaptive_avg_pool2d(x, 1).view(x.shape[0], -1)),
    "log_softmax": lambda self, x: self.fc(x.mean((2, 3))).log_softmax(1),
    "softmax": lambda self, x: self.fc(x.mean((2, 3))).softmax(1),
    "all by index": lambda self, x: self.fc(x.mean((2, 3)))[:, :][..., None][:, :, 0],
    "1×1 convolution": lambda self, x: F.conv2d(F.adaptive_avg_pool2d(x, 1), self.conv1x1).flatten(1),
    "quotient of a sum": lambda self, x: self.fc(x.sum((2, 3)) / (x.shape[2] * x.shape[3])),
    "other precision": lambda self, x: self.fc(x.double().mean((2, 3)).float()),
    "one tensor joined": lambda self, x: self.fc(torch.cat([x.mean((2, 3))], dim=1)),
}


@pytest.mark.parametrize("head", POOLED)
def test_pooling_and_one_dense_layer_is_seen(head: str) -> None:
    network = Head(POOLED[head])
    network.conv1x1 = nn.Parameter(torch.rand(5, 8, 1, 1))
    trace = traced(network)
    assert trace.dense_head is not None
    assert trace.name(trace.steps[trace.dense_head.features]) == "relu()"
    assert trace.dense_head.weight == ("conv1x1" if "1×1" in head else "fc.weight")
    assert trace.dense_head.bias == (None if "1×1" in head else "fc.bias")


OTHER = {
    "flatten": (lambda self, x: self.fc(x.flatten(1)), 8 * 16 * 24),
    "max": (lambda self, x: self.fc(x.amax((2, 3))), 8),
    "sum": (lambda self, x: self.fc(x.sum((2, 3))), 8),
    "norm between": (lambda self, x: self.fc(F.layer_norm(x.mean((2, 3)), (8,))), 8),
    "activation between": (lambda self, x: self.fc(torch.tanh(x.mean((2, 3)))), 8),
    "activation behind": (lambda self, x: torch.relu(self.fc(x.mean((2, 3)))), 8),
    "two branches": (lambda self, x: self.fc(x.mean((2, 3)) + x.amax((2, 3))), 8),
    "corner": (lambda self, x: self.fc(x[:, :, 0, 0]), 8),
    "other order": (lambda self, x: self.fc(x.mean((2, 3)))[:, [2, 0, 1, 4, 3]], 8),
    "part of the scores": (lambda self, x: self.fc(x.mean((2, 3)))[:, 1:], 8),
    "every second score": (lambda self, x: self.fc(x.mean((2, 3)))[:, ::2], 8),
    "other order of probabilities": (lambda self, x: self.fc(x.mean((2, 3))).softmax(1)[:, [2, 0, 1, 4, 3]], 8),
    "part of a score's shape": (lambda self, x: self.fc(x.mean((2, 3))).reshape(-1, 5, 1)[:, 2:], 8),
}


@pytest.mark.parametrize("head", OTHER)
def test_other_heads_are_not(head: str) -> None:
    (function, out) = OTHER[head]
    assert traced(Head(function, out)).dense_head is None


@pytest.mark.parametrize("activation", [[nn.ReLU(inplace=True)], []], ids=["ReLU", "no activation"])
def test_squeezenets_form_has_no_matrix(activation: list[nn.Module]) -> None:
    network = nn.Sequential(nn.Conv2d(3, 5, 1), *activation, nn.AdaptiveAvgPool2d(1), nn.Flatten())
    head = traced(network).dense_head
    assert head is not None
    assert (head.weight, head.bias, head.features) == (None, None, len(activation))


class Unrectified(Head):
    """The features may be negative, and so may their average."""

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x) + 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self, self.features(x))


WEIGHT = torch.rand(5, 8, generator=torch.Generator().manual_seed(2)) - 0.5
# What does nothing to the average of the trial, and something to that of another photo; weights that are no matrix of that form.
NOT_IN_CLOSED_FORM = {
    "limit": lambda self, x: self.fc(x.mean((2, 3)).clamp(max=3.0)),
    "ReLU": lambda self, x: self.fc(torch.relu(x.mean((2, 3)))),
    "ReLU in place": lambda self, x: self.fc(x.mean((2, 3)).relu_()),
    "hardtanh": lambda self, x: self.fc(F.hardtanh(F.adaptive_avg_pool2d(x, 1), -3, 3).flatten(1)),
    "ReLU of what no matrix follows": lambda self, x: torch.relu(x.mean((2, 3))),
    "limit before the average": lambda self, x: self.fc(x.clamp(max=30.0).mean((2, 3))),
    "weight that is no parameter": lambda self, x: F.linear(x.mean((2, 3)), WEIGHT.to(x), self.fc.bias),
    "square weight that is no parameter": lambda self, x: F.linear(x.mean((2, 3)), torch.eye(8).to(x), self.conv.bias),
    "computed weight": lambda self, x: F.linear(x.mean((2, 3)), self.fc.weight * 2, self.fc.bias),
    "groups": lambda self, x: F.conv2d(x.mean((2, 3), keepdim=True), self.halves, groups=2).flatten(1),
    "3×3 convolution": lambda self, x: F.conv2d(x.mean((2, 3), keepdim=True), self.sides, padding=1).flatten(1),
}


@pytest.mark.parametrize("method", ["auto", "grad_cam", "hires_cam"])
@pytest.mark.parametrize("head", NOT_IN_CLOSED_FORM)
def test_what_only_looks_like_an_average_and_a_matrix_is_explained_by_its_gradient(head: str, method: str) -> None:
    torch.manual_seed(0)
    network = Unrectified(NOT_IN_CLOSED_FORM[head]).eval()
    network.halves = nn.Parameter(torch.randn(4, 4, 1, 1))
    network.sides = nn.Parameter(torch.randn(5, 8, 3, 3))
    clf = seewhy.Classifier(network)
    photo = torch.randn(3, 16, 24) * 10 + 10  # far from the noise of the trial
    planned = clf.executor.planned(photo[None])
    assert planned.trace.dense_head is None or "before" in head
    features = network.features(photo[None]).detach()
    features = features.clamp(max=30.0) if "before" in head else features
    features.requires_grad_()
    score = network.head(network, features)[0, 3]
    (gradient,) = torch.autograd.grad(score, features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1)[0].detach()  # the head averages: HiResCAM is the same
    explanation = seewhy.explain(clf, photo, method, 3, **({} if method == "auto" else {"relu": False}))
    np.testing.assert_allclose(
        explanation.maps[0], expected.relu() if method == "auto" else expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
    )


def test_a_matrix_that_is_a_buffer_is_read_like_a_parameter() -> None:
    network = Head(lambda self, x: F.linear(x.mean((2, 3)), self.matrix, self.fc.bias)).eval()
    network.register_buffer("matrix", WEIGHT)
    photo = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(1))
    explanation = seewhy.explain(seewhy.Classifier(network), photo, "cam", 3)
    features = torch.relu(network.conv(photo[None]))[0].detach()
    np.testing.assert_allclose(explanation.maps[0], torch.einsum("c,chw->hw", WEIGHT[3], features), rtol=1e-5, atol=1e-6)
    assert explanation.details["bias"] == [pytest.approx(network.fc.bias[3].item())]


def test_pooling_in_two_stages_keeps_the_finer_grid() -> None:
    trace = traced(Head(lambda self, x: self.fc(F.avg_pool2d(x, 2).mean((2, 3)))))
    step = trace.steps[trace.dense_head.features]
    assert (trace.name(step), step.grid.rows, step.grid.columns) == ("relu()", 16, 24)


def test_a_dead_network_is_not_taken_for_an_averaging_one() -> None:
    network = Planted()
    with torch.no_grad():
        network.conv.bias.fill_(-100)  # every feature is zero: the mean is also the maximum
    assert traced(network).dense_head is None


@pytest.mark.parametrize("method", ["auto", "grad_cam", "hires_cam"])
@pytest.mark.parametrize("end", ["other order", "part of the scores", "every second score", "other order of probabilities"])
def test_scores_behind_an_index_are_explained_by_their_own_weights(end: str, method: str) -> None:
    network = Head(*OTHER[end]).eval()
    photo = torch.rand(3, 16, 24, generator=torch.Generator().manual_seed(1))
    features = torch.relu(network.conv(photo[None])).detach().requires_grad_()
    score = network.head(network, features)[0, 1]
    score = score.log() if "probabilities" in end else score
    (gradient,) = torch.autograd.grad(score, features)
    expected = (gradient.mean((2, 3), keepdim=True) * features).sum(1)[0].detach()  # the head averages: HiResCAM is the same
    explanation = seewhy.explain(seewhy.Classifier(network), photo, method, 1, **({} if method == "auto" else {"relu": False}))
    np.testing.assert_allclose(
        explanation.maps[0], expected.relu() if method == "auto" else expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max())
    )


def test_cam_says_that_the_scores_are_taken_by_an_index() -> None:
    clf = seewhy.Classifier(Head(*OTHER["other order"]).eval())
    with pytest.raises(MethodError) as error:
        seewhy.explain(clf, torch.rand(3, 16, 24), "cam")
    assert "mean → linear → index: the scores are a part of what the dense layer gives, or stand in another order" in str(
        error.value
    )
