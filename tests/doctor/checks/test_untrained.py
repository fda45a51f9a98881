"""Weights as they were initialised, against weights that have learned."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import seewhy
from seewhy.doctor import Fault
from seewhy.doctor.checks import untrained
from seewhy.doctor.examination import Examination


def named(clf: seewhy.Classifier, photos) -> list[Fault]:
    return [finding.fault for finding in untrained.check(Examination(clf, clf.read_all(photos[:2])))]


def default(module: nn.Module) -> None:
    module.reset_parameters()


INITIALISATIONS = {
    "default": default,
    "xavier": lambda m: nn.init.xavier_uniform_(m.weight),
    "kaiming": lambda m: nn.init.kaiming_normal_(m.weight, mode="fan_out"),
    "narrow": lambda m: nn.init.normal_(m.weight, std=0.02),
}


@pytest.mark.parametrize("name", INITIALISATIONS)
def test_the_usual_initialisations_are_known(name: str) -> None:
    for seed in range(10):
        torch.manual_seed(seed)
        layer = nn.Conv2d(16, 32, 3)
        INITIALISATIONS[name](layer)
        assert untrained._is_initial(layer) is True
        with torch.no_grad():
            layer.weight.mul_(1.15)
        assert untrained._is_initial(layer) is False
    assert untrained._is_initial(nn.Conv2d(1, 2, 3)) is None  # 18 weights say nothing


def test_no_layer_of_a_trained_network_is_taken_for_fresh(honest) -> None:
    found = [(name, untrained._is_initial(module)) for name, module in untrained.dense_layers(honest.network)]
    assert len(found) == 12
    assert [name for name, is_initial in found if is_initial] == []


def test_a_network_that_was_never_loaded(honest, damaged, scene_photos) -> None:
    torch.manual_seed(3)
    fresh = damaged(lambda network: type(network)(3).eval())
    assert named(fresh, scene_photos) == [Fault.NOT_LOADED]
    assert named(honest, scene_photos) == []


def test_a_head_that_was_never_loaded(damaged, scene_photos) -> None:
    torch.manual_seed(5)
    clf = damaged(lambda network: network.fc.reset_parameters())
    (finding,) = untrained.check(Examination(clf, clf.read_all(scene_photos[:3]), [0, 1, 2]))
    assert finding.fault is Fault.HEAD_NOT_LOADED
    assert finding.evidence["layer"] == "fc"
    assert finding.evidence["weights"] == 216
    assert finding.ends


def test_statistics_that_were_left_out(damaged, scene_photos) -> None:
    def change(network: nn.Module) -> None:
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.reset_running_stats()

    assert named(damaged(change), scene_photos) == [Fault.STATISTICS_NOT_LOADED]


def test_layers_whose_names_did_not_fit(damaged, scene_photos) -> None:
    def change(network: nn.Module) -> None:
        torch.manual_seed(1)
        network.block3.conv1.reset_parameters()

    clf = damaged(change)
    (finding,) = untrained.check(Examination(clf, clf.read_all(scene_photos[:2])))
    assert (finding.fault, finding.evidence["names"]) == (Fault.NOT_LOADED, ["block3.conv1"])
    assert not finding.ends
