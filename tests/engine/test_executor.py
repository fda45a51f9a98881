"""Running a network: in which precision, on what it is planned, how its outputs are read, and what it is when it has changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from classifier_networks import PHOTOS, inputs_of, message
from small_nets import SmallNet
from torch import nn

import seewhy
from seewhy import Classifier, Preprocess
from seewhy.errors import ModelError, OutputError


def test_double_precision_stays_double(small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(SmallNet().double())
    np.testing.assert_allclose(clf.logits(small_photos), seewhy.Classifier(SmallNet()).logits(small_photos), rtol=1e-4, atol=1e-5)
    assert clf.executor.planned().plan.dtype == torch.float64


def test_an_inplace_edit_of_a_served_network_changes_the_answer(small: SmallNet, small_photos: torch.Tensor) -> None:
    clf = seewhy.Classifier(small)
    before = clf.logits(small_photos)
    optimiser = torch.optim.SGD(small.parameters(), 0.5)
    small.train()
    small(small_photos).logsumexp(1).sum().backward()
    optimiser.step()
    after = clf.logits(small_photos)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, seewhy.Classifier(small).logits(small_photos))
    assert small.training


def test_the_network_is_traced_on_noise() -> None:
    """On a blank input every feature is constant, its mean is its maximum, and a head that takes that would pass for CAM."""
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=8))
    with pytest.raises(seewhy.SeewhyError, match="CAM needs a head that averages"):
        seewhy.explain(clf, np.zeros((8, 8, 3), np.uint8), method="cam")
    assert clf.executor.planned().trace.dense_head is None


def test_weights_that_are_not_finite_are_named(small: SmallNet) -> None:
    small.fc.weight.data[0, 0] = float("nan")
    small.features[1].bias.data[2] = float("inf")
    assert message(ModelError, lambda: Classifier(small, Preprocess(24)).scores(PHOTOS[0])) == (
        "The network gives scores that are not finite (weights that are not finite: features.1.bias, fc.weight): its weights or "
        "its precision are broken."
    )


@pytest.mark.parametrize(
    "answer",
    [
        lambda x: x.mean(dim=(2, 3)),
        lambda x: x.mean(dim=(2, 3)).double(),
        lambda x: x.mean(dim=(2, 3)).numpy(),
        lambda x: x.mean(dim=(2, 3)).numpy().astype(np.float64),
        lambda x: x.mean(dim=(2, 3)).tolist(),
    ],
)
def test_any_callable_can_be_asked(answer: Callable[[torch.Tensor], Any]) -> None:
    batches: list[torch.Tensor] = []

    def network(x: torch.Tensor) -> Any:
        batches.append(x)
        return answer(x)

    clf = Classifier(network, Preprocess(size=24), ["r", "g", "b"], head="sigmoid")
    np.testing.assert_allclose(clf.logits(PHOTOS), inputs_of(PHOTOS).mean(dim=(2, 3)), atol=1e-6)
    assert sum(len(x) for x in batches) == 7, "nothing but the photos is shown to it"
    assert batches[0].dtype == torch.float32
    assert clf.name == "network"


def test_a_callable_with_a_dictionary_of_arrays() -> None:
    clf = Classifier(lambda x: {"p": x.mean(dim=(2, 3)).numpy()}, Preprocess(24), output="p")
    np.testing.assert_allclose(clf.logits(PHOTOS), inputs_of(PHOTOS).mean(dim=(2, 3)), atol=1e-6)


def test_a_callable_that_answers_for_one_photo_only() -> None:
    clf = Classifier(lambda x: x[:1].mean(dim=(2, 3)), Preprocess(24))
    assert message(OutputError, lambda: clf.scores(PHOTOS[:3])) == (
        "The network returned 1 rows of scores for 3 photos: one row per photo."
    )


def in_place(net: SmallNet) -> None:
    with torch.no_grad():
        net.fc.weight.mul_(-1)


def one_value(net: SmallNet) -> None:
    with torch.no_grad():  # not one of those that are looked at: the version tells
        net.features[4].weight[7, 3, 1, 2].add_(50)


def through_data(net: SmallNet) -> None:
    net.features[0].weight.data *= -1


def through_data_one_filter(net: SmallNet) -> None:
    net.features[4].weight.data[3] = 5


def new_parameter(net: SmallNet) -> None:
    net.fc.bias = nn.Parameter(torch.arange(4.0))


def replaced_layer(net: SmallNet) -> None:
    net.features[2] = nn.Tanh()


def replaced_head(net: SmallNet) -> None:
    net.fc = nn.Linear(16, 5)


def loaded(net: SmallNet) -> None:
    net.load_state_dict(SmallNet(seed=5).state_dict())


def statistics(net: SmallNet) -> None:
    net.train()
    net(torch.rand(4, 3, 24, 24) * 9)


def a_training_step(net: SmallNet) -> None:
    net.train()
    step = torch.optim.SGD(net.parameters(), lr=1.0)
    net(torch.rand(4, 3, 24, 24)).square().sum().backward()
    step.step()


def a_setting(net: SmallNet) -> None:
    net.features[4].stride = (2, 2)


def another_forward(net: SmallNet) -> None:
    net.forward = lambda x: -SmallNet.forward(net, x)  # type: ignore[method-assign]


CHANGES = [
    in_place,
    one_value,
    through_data,
    through_data_one_filter,
    new_parameter,
    replaced_layer,
    replaced_head,
    loaded,
    statistics,
    a_training_step,
    a_setting,
    another_forward,
]


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_is_seen(small: SmallNet, change: Callable[[SmallNet], None]) -> None:
    clf = Classifier(small, Preprocess(size=24))
    before = clf.logits(PHOTOS)
    seewhy.explain(clf, PHOTOS[0])
    change(small)
    training = [module.training for module in small.modules()]
    after = clf.logits(PHOTOS)
    assert [module.training for module in small.modules()] == training
    small.eval()
    with torch.no_grad():
        expected = small(inputs_of(PHOTOS)).numpy()
    np.testing.assert_allclose(after, expected, atol=1e-5 * np.abs(expected).max())
    assert before.shape != after.shape or not np.allclose(before, after, atol=1e-3), "the change changes something"


def test_without_a_change_the_plan_is_kept(small: SmallNet) -> None:
    clf = Classifier(small, Preprocess(size=24))
    clf.scores(PHOTOS[0])
    plan = clf.executor.planned()
    small.train()
    clf.scores(PHOTOS)
    clf.layers(PHOTOS[0])
    assert clf.executor.planned() is plan, "train or eval mode is no change"
    assert small.training


def test_tensors_are_tried_with_numbers_on_both_sides_of_zero() -> None:
    """On positive noise alone this network's outputs are positive and sum to 1, and would pass for a softmax's."""

    class Shares(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            values = torch.cat([x.amin((1, 2, 3))[:, None], 3 + x.amax((1, 2, 3))[:, None]], 1)
            return values / values.sum(1, keepdim=True)

    clf = Classifier(Shares())
    photo = torch.rand(3, 8, 8) + 0.5
    rows = Shares()(photo[None])
    assert float(rows.min()) > 0
    np.testing.assert_allclose(clf.scores(photo), rows.softmax(1), rtol=1e-5)
