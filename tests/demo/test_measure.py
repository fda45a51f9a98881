"""What a demo network does on scenes: predictions, accuracies, peaks."""

from __future__ import annotations

import numpy as np
import torch

import seewhy
from seewhy.demo import scenes
from seewhy.demo.measure import accuracy, class_of, measure, prepare, probabilities
from seewhy.load.demo import DemoNet, demo_network


def test_accuracy_counts_what_is_no_class_as_not_bear() -> None:
    class Never(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.tensor([[0.0, 1.0]]).expand(len(x), 2)

    batch = scenes(4, labels=("bear", "coyote", "cow", "bear"))
    assert accuracy(Never(), ("bear", "not bear"), batch) == {"all": 0.5, "bear": 0.0, "coyote": 1.0, "cow": 1.0}


def test_prepare_stretches() -> None:
    photo = np.zeros((240, 320, 3), dtype=np.uint8)
    photo[:, 160:, 1] = 200
    small = prepare(photo)
    assert small.shape == (3, 96, 128)
    assert small.dtype == np.uint8
    assert (small[1, :, :62] == 0).all()
    assert (small[1, :, 66:] == 200).all()


def test_the_index_of_the_right_answer() -> None:
    assert [class_of(label, ("bear", "cow", "sheep")) for label in ("bear", "sheep", "dog")] == [0, 2, -1]
    assert [class_of(label, ("bear", "not bear")) for label in ("bear", "dog")] == [0, 1]


def test_scores_are_those_of_the_classifier() -> None:
    (network, _) = demo_network("honest")
    batch = scenes(3, seed=5)
    expected = seewhy.load("demo:honest").scores([scene.photo for scene in batch])
    np.testing.assert_allclose(probabilities(network, batch), expected, atol=1e-5)


def test_the_table_of_a_network_that_always_says_bear() -> None:
    network = DemoNet(3).eval()
    with torch.no_grad():
        network.fc.weight.zero_()
        network.fc.bias.copy_(torch.tensor([1.0, 0.0, 0.0]))
    table = measure(network, ("bear", "cow", "sheep"), n=6)
    for kind in ("clean", "logo", "logo on all"):
        assert table[kind] == {"all": 0.3333, "bear": 1.0, "cow": 0.0, "sheep": 0.0}
    # An empty map has its first peak in the first pixel, where neither the animal nor the logo is.
    assert (table["peak on animal"], table["peak on logo"]) == (0.0, 0.0)
