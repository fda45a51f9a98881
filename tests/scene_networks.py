"""Networks with other heads than a softmax, and photos of two animals.

The features are those of the demo network that looks at animals; the last layer is trained here on 30 scenes, in a second.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import nn

import seewhy
from seewhy.demo import Scene
from seewhy.demo.measure import prepare
from seewhy.load.demo import DEMO_MEAN, DEMO_SIZE, DEMO_STD, DemoNet, demo_network, normalise

ANIMALS = ("bear", "cow", "sheep")
STEPS = 300


class Pair:
    """Two scenes in one photo, side by side. photo : uint8 ``(240, 640, 3)``. labels : left and right."""

    def __init__(self, left: Scene, right: Scene) -> None:
        self.photo = np.concatenate([left.photo, right.photo], axis=1)
        self.labels = (left.label, right.label)
        self._scenes = (left, right)

    def where(self, label: str) -> np.ndarray:
        """The pixels of the animals of that name, bool ``(240, 640)``."""
        return np.concatenate([scene.animal & (scene.label == label) for scene in self._scenes], axis=1)


@functools.cache
def pairs(labels: tuple[str, ...] = ANIMALS, count: int = 20) -> list[Pair]:
    """Photos of two unlike animals that no network was trained on."""
    drawn = seewhy.demo.scenes(count + 1, seed=1000, labels=labels)
    return [Pair(left, right) for left, right in itertools.pairwise(drawn)]


@functools.cache
def one_logit() -> seewhy.Classifier:
    """A sheep, against a bear: one logit, in photos of one of the two."""
    (network, features, labels) = _begun(1)
    chosen = torch.tensor([label != "cow" for label in labels])
    means = features[chosen].mean((2, 3))
    truth = torch.tensor([[float(label == "sheep")] for label in labels if label != "cow"])
    _train(network.fc, lambda generator: (means, truth))
    return _classifier(network, ["bear", "sheep"], "binary")


@functools.cache
def several_labels() -> seewhy.Classifier:
    """Which of three animals are there: a sigmoid for each, in photos of two."""
    (network, features, labels) = _begun(len(ANIMALS))
    means = features.mean((2, 3))
    truth = torch.tensor([[float(label == animal) for animal in ANIMALS] for label in labels])

    def batch(generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        (left, right) = torch.randint(len(means), (2, 64), generator=generator)
        return (means[left] + means[right]) / 2, torch.maximum(truth[left], truth[right])

    _train(network.fc, batch)
    return _classifier(network, list(ANIMALS), "sigmoid")


@functools.cache
def _scenes() -> list[Scene]:
    return seewhy.demo.scenes(30, "train", labels=ANIMALS)


def _begun(outputs: int) -> tuple[DemoNet, torch.Tensor, list[str]]:
    """The demo network with a new last layer, its features of 30 scenes ``(30, 72, 12, 16)``, and what the scenes show."""
    (network, _) = demo_network("honest")
    assert isinstance(network, DemoNet)
    scenes = _scenes()
    with torch.no_grad():
        features = network.features(normalise(torch.from_numpy(np.stack([prepare(scene.photo) for scene in scenes])).float()))
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network.fc = nn.Linear(features.shape[1], outputs)
    return network, features, [scene.label for scene in scenes]


def _train(layer: nn.Module, batch: Callable[[torch.Generator], tuple[torch.Tensor, torch.Tensor]]) -> None:
    """The last layer alone, by binary cross-entropy."""
    generator = torch.Generator().manual_seed(0)
    optimiser = torch.optim.AdamW(layer.parameters(), 0.03)
    for _ in range(STEPS):
        (means, truth) = batch(generator)
        optimiser.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(layer(means), truth).backward()
        optimiser.step()


def _classifier(network: DemoNet, classes: Sequence[str], head: str) -> seewhy.Classifier:
    """For photos of two scenes side by side."""
    size = (DEMO_SIZE[0], 2 * DEMO_SIZE[1])
    preprocess = seewhy.Preprocess(size, resize="stretch", mean=DEMO_MEAN, std=DEMO_STD)
    return seewhy.Classifier(network.eval(), preprocess, list(classes), head=head)
