"""Maps of networks that have forgotten what they knew."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_nets import SmallNet, assert_same_state, state_of

import seewhy
from seewhy.evaluate.randomisation import likeness, randomise, randomised, weighted_layers


@pytest.fixture
def clf(small: SmallNet) -> seewhy.Classifier:
    return seewhy.Classifier(small.eval(), preprocess=None)


def test_the_named_layers_are_noise_and_the_network_is_as_it_was(clf: seewhy.Classifier) -> None:
    before = state_of(clf.network)
    noise = randomised(clf, ["fc"], seed=0).network
    assert_same_state(before, state_of(clf.network))
    assert float(noise.fc.weight.detach().abs().max()) < 0.06
    assert torch.equal(noise.features[0].weight, clf.network.features[0].weight)
    assert weighted_layers(clf) == ["features.0", "features.1", "features.4", "features.5", "fc"]


def test_cascading_replaces_more_and_more_and_independent_one_at_a_time(
    clf: seewhy.Classifier, small_photos: torch.Tensor
) -> None:
    explanations = [seewhy.explain(clf, photo, "gradient", signed=True) for photo in small_photos[:2]]
    cascading = randomise(clf, explanations, layers=None)
    assert [(row.layer, row.layers) for row in cascading] == [
        ("fc", 1), ("features.5", 2), ("features.4", 3), ("features.1", 4), ("features.0", 5)
    ]  # fmt: skip
    assert [row.layers for row in randomise(clf, explanations, "independent", layers=None)] == [1] * 5
    assert cascading[-1].rank < 0.7
    expected = []
    noise = randomised(clf, weighted_layers(clf)[-2:], 0)
    for e in explanations:
        again = seewhy.explain(noise, e.photo, "gradient", e.targets[0].index, signed=True)
        expected.append(likeness(e.maps[0], again.maps[0])[0])
    assert cascading[1].rank == pytest.approx(np.mean(expected))


def test_maps_are_alike_by_the_order_of_their_absolute_values() -> None:
    map_ = np.random.default_rng(0).normal(size=(20, 30)).astype(np.float32)
    assert likeness(map_, -2 * map_) == pytest.approx((1, 1), abs=1e-5)
    assert np.isnan(likeness(map_[:3, :3], map_[:3, :3])[1])  # too small for a window


def test_what_it_refuses(clf: seewhy.Classifier, small_photos: torch.Tensor) -> None:
    with pytest.raises(seewhy.SeewhyError, match="order='backwards': write 'cascading' or 'independent'"):
        randomise(clf, [], "backwards")
    function = seewhy.Classifier(lambda x: x.mean(dim=(2, 3)), preprocess=None)
    with pytest.raises(seewhy.SeewhyError, match="This is a function: it has no weights"):
        weighted_layers(function)
