from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.audit.heads import HeadOnFeatures, LayerMeans, classifier_of_means, readable_layer, trained_head, with_head
from seewhy.engine.steps import Grid
from seewhy.errors import MethodError


class TwoSteps(nn.Module):
    """A layer, and behind it something that writes into the layer's result."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(3, 4, 3)
        self.fc = nn.Linear(4, 2)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        features = self.layer(pixels)
        scores: torch.Tensor = self.fc(nn.functional.relu(features, inplace=True).mean(dim=(2, 3)))
        return scores


def head(network: TwoSteps) -> HeadOnFeatures:
    random = np.random.default_rng(0)
    means = LayerMeans(network, "layer", Grid(4, 4, 4))
    return HeadOnFeatures(means, random.standard_normal((3, 4)).astype(np.float32), np.float32([1, -2, 0.5]))


def test_it_is_the_weight_times_the_mean_and_the_bias() -> None:
    network = TwoSteps()
    pixels = torch.randn(5, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        scores = head(network)(pixels).numpy()
        values = network.layer(pixels).numpy()
    weight = np.random.default_rng(0).standard_normal((3, 4)).astype(np.float32)
    expected = np.zeros((5, 3))
    for photo in range(5):
        for index in range(3):
            expected[photo, index] = [1, -2, 0.5][index]
            for channel in range(4):
                expected[photo, index] += weight[index, channel] * values[photo, channel].mean()
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-6)


def test_the_network_comes_back_as_it_was() -> None:
    network = TwoSteps().train()
    network.layer.eval()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    clf = seewhy.Classifier(network, seewhy.Preprocess(size=16, crop=False), ["x", "y"])
    made = with_head(clf, ["a", "b", "c"], np.ones((3, 4), np.float32), np.zeros(3, np.float32))
    made.scores(np.zeros((20, 20, 3), np.uint8))
    classifier_of_means(clf).scores(np.zeros((20, 20, 3), np.uint8))
    with pytest.raises(RuntimeError):
        head(network)(torch.zeros(1, 2, 6, 6))
    assert [module.training for module in network.modules()] == [True, False, True]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in network.modules())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert clf.network is network
    assert clf.classes == ["x", "y"]


def test_the_layer_is_the_one_that_a_store_keeps_the_mean_of() -> None:
    clf = seewhy.load("demo:honest")
    (layer, grid) = readable_layer(clf)
    assert layer == seewhy.store.shard.embedding_layer(clf) == "block4"
    assert (grid.rows, grid.columns, grid.channels) == (12, 16, 72)
    photo = seewhy.demo.scenes(1)[0].photo
    means = classifier_of_means(clf).scores(photo)
    assert means.shape == (1, 72)
    own = with_head(clf, ["bear", "cow", "sheep"], *(p.detach().numpy() for p in clf.network.fc.parameters()))
    np.testing.assert_allclose(own.logits(photo), clf.logits(photo), rtol=1e-4, atol=1e-4)  # with its own head it is itself
    assert own.feature_layer == "means.network.block4"
    assert own.describe_input() == clf.describe_input()


def test_of_a_function_behind_the_last_module_the_module_is_read() -> None:
    clf = seewhy.Classifier(TwoSteps(), seewhy.Preprocess(size=16, crop=False), ["x", "y"])
    assert readable_layer(clf)[0] == "layer"


@pytest.mark.parametrize(
    "clf",
    [
        seewhy.Classifier(lambda batch: batch.mean(dim=(2, 3)), seewhy.Preprocess(size=16), ["a", "b", "c"]),
        seewhy.Classifier(nn.Sequential(nn.Flatten(), nn.Linear(768, 2)), seewhy.Preprocess(size=16), ["a", "b"]),
        seewhy.Classifier(TwoSteps(), None, ["a", "b"]),
    ],
    ids=["function", "dense", "no preprocessing"],
)
def test_other_networks_are_refused_in_a_line(clf: seewhy.Classifier) -> None:
    with pytest.raises(MethodError, match=r"plant= needs a network whose features can be read, and .+ is none"):
        readable_layer(clf)


@pytest.mark.parametrize("classes", [2, 3])
def test_a_head_is_trained_on_features_of_any_scale(classes: int) -> None:
    random = np.random.default_rng(0)
    labels = np.repeat(np.arange(classes), 40)
    features = random.standard_normal((40 * classes, 5)) * [1, 1, 1, 1, 1e-9]
    features[:, 0] += 6 * labels  # what tells the classes apart
    features = (features * [1000, 1, 0.01, 1, 1] + [5000, 0, 0, -3, 7]).astype(np.float32)
    (weight, bias) = trained_head(features, labels)
    assert (weight.shape, bias.shape) == ((classes, 5), (classes,))
    answers = (features @ weight.T + bias).argmax(axis=1)
    assert (answers == labels).mean() > 0.97
    assert np.isfinite(weight).all()
    np.testing.assert_array_equal(trained_head(features, labels)[0], weight)


def test_passes_of_several_threads_do_not_mix() -> None:
    both = threading.Barrier(2)

    class Meeting(TwoSteps):
        def forward(self, pixels: torch.Tensor) -> torch.Tensor:
            both.wait(10)  # both hooks are on
            scores = super().forward(pixels)
            both.wait(10)  # and none is off
            return scores

    made = head(Meeting())
    photos = torch.randn(2, 1, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    with ThreadPoolExecutor(2) as pool:
        (one, other) = pool.map(made, photos)
    alone = head(TwoSteps())
    alone.load_state_dict(made.state_dict())
    assert torch.equal(one, alone(photos[0]))
    assert torch.equal(other, alone(photos[1]))
