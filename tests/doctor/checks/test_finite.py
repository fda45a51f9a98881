"""Weights that are not finite."""

from __future__ import annotations

import torch
from torch import nn

from seewhy.doctor import Fault
from seewhy.doctor.checks import finite
from seewhy.doctor.examination import Examination


def test_weights_that_are_not_finite_are_named(honest, damaged, scene_photos) -> None:
    def change(network: nn.Module) -> None:
        with torch.no_grad():
            network.block2.conv1.weight[0, 0, 0, 0] = float("inf")

    clf = damaged(change)
    (finding,) = finite.check(Examination(clf, clf.read_all(scene_photos[:1])))
    assert finding.fault is Fault.NOT_FINITE
    assert finding.evidence["tensors"] == ["block2.conv1.weight"]
    assert finite.check(Examination(honest, honest.read_all(scene_photos[:1]))) == []
