"""Train mode, and answers drawn at random."""

from __future__ import annotations

import torch
from torch import nn

from seewhy.doctor import Fault
from seewhy.doctor.checks import mode
from seewhy.doctor.examination import Examination


def named(clf, photos) -> list:
    return mode.check(Examination(clf, clf.read_all(photos)))


def test_batch_norms_in_train_mode_are_counted_and_nothing_is_changed(damaged, scene_photos) -> None:
    clf = damaged(lambda network: network.train())
    before = {name: value.clone() for name, value in clf.network.state_dict().items()}
    (finding,) = named(clf, scene_photos[:6])
    assert finding.fault is Fault.TRAIN_MODE
    assert (finding.evidence["batch_norms"], finding.evidence["dropouts"], finding.evidence["photos"]) == (11, 0, 6)
    assert clf.network.training
    assert all(torch.equal(value, before[name]) for name, value in clf.network.state_dict().items())


def test_a_dropout_that_is_always_on(damaged, honest, scene_photos) -> None:
    class Always(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return nn.functional.dropout(x, 0.5, training=True)

    (finding,) = named(damaged(lambda network: nn.Sequential(network, Always())), scene_photos[:3])
    assert finding.fault is Fault.RANDOM_OUTPUT
    assert finding.evidence["deviation"] > 0.5
    assert named(honest, scene_photos[:3]) == []
