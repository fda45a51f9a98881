"""Outputs that do not depend on the photo."""

from __future__ import annotations

import torch
from torch import nn

from seewhy.doctor import Fault
from seewhy.doctor.checks import constant
from seewhy.doctor.examination import Examination


def test_the_first_layer_that_is_the_same_for_everything_is_named(honest, damaged, scene_photos) -> None:
    def change(network: nn.Module) -> None:
        with torch.no_grad():
            network.block4.conv2.weight.zero_()
            for norm in (network.block4.norm2, network.block4.norm1):
                norm.bias.fill_(-1000)

    clf = damaged(change)
    (finding,) = constant.check(Examination(clf, clf.read_all(scene_photos[:3])))
    assert finding.fault is Fault.CONSTANT_OUTPUT
    assert finding.evidence["layer"] == "block4.relu1"
    assert finding.ends
    assert constant.check(Examination(honest, honest.read_all(scene_photos[:3]))) == []
