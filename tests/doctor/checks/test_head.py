"""Heads: applied twice, or contradicting what the classifier was told."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.doctor import Fault
from seewhy.doctor.checks import head
from seewhy.doctor.examination import Examination


def found(clf: seewhy.Classifier, photos) -> list:
    return head.check(Examination(clf, clf.read_all(photos)))


def test_two_softmaxes_are_seen_in_the_pass(damaged, scene_photos) -> None:
    clf = damaged(lambda network: nn.Sequential(network, nn.Softmax(1), nn.Softmax(1)))
    (finding,) = found(clf, scene_photos[:2])
    assert finding.fault is Fault.DOUBLE_SOFTMAX
    assert finding.evidence["closing"] == ["softmax", "softmax"]
    assert found(damaged(lambda network: nn.Sequential(network, nn.Softmax(1))), scene_photos[:2]) == []


def test_and_in_the_values_of_a_function(honest, scene_photos) -> None:
    def twice(inputs: torch.Tensor) -> torch.Tensor:
        return honest.network(inputs).softmax(1).softmax(1)

    clf = seewhy.Classifier(twice, honest.preprocess, honest.classes)
    (finding,) = found(clf, scene_photos[:6])
    assert finding.fault is Fault.DOUBLE_SOFTMAX
    assert finding.evidence["largest"] <= round(np.e / (np.e + 2), 4)  # of three classes no softmax of a softmax gives more
    assert finding.evidence["inner"] > 0.9
    once = seewhy.Classifier(lambda inputs: honest.network(inputs).softmax(1), honest.preprocess, honest.classes)
    assert found(once, scene_photos[:6]) == []


def test_softmaxed_twice_is_taken_back() -> None:
    inner = np.array([[0.9, 0.06, 0.04], [0.2, 0.7, 0.1]])
    twice = np.exp(inner) / np.exp(inner).sum(1, keepdims=True)
    assert head.softmaxed_twice(twice) == pytest.approx(0.9)
    assert head.softmaxed_twice(inner) is None
    assert head.softmaxed_twice(np.full((4, 3), 1 / 3)) is None


def test_a_sigmoid_that_is_read_as_a_softmax(damaged, scene_photos) -> None:
    (finding,) = found(damaged(lambda network: nn.Sequential(network, nn.Sigmoid())), scene_photos[:2])
    assert finding.fault is Fault.HEAD
    assert finding.settings == {"head": "sigmoid"}
    (other,) = found(damaged(lambda network: nn.Sequential(network, nn.Softmax(1)), head="sigmoid"), scene_photos[:2])
    assert other.settings == {"head": "softmax"}


def test_shapes_that_contradict_the_head(damaged, scene_photos) -> None:
    (finding,) = found(damaged(lambda network: nn.Sequential(network, First())), scene_photos[:6])
    assert (finding.fault, finding.settings) == (Fault.HEAD, {"head": "binary"})


def test_percent(damaged, scene_photos) -> None:
    (finding,) = found(damaged(lambda network: nn.Sequential(network, nn.Softmax(1), Percent())), scene_photos[:4])
    assert (finding.fault, finding.settings) == (Fault.DOUBLE_SOFTMAX, {"head": "none"})
    assert finding.evidence["total"] == pytest.approx(100)


class First(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x[:, :1] - x[:, 1:2]


class Percent(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 100 * x
