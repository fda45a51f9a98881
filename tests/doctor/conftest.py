"""The demo network, scenes with their labels, and ways to damage the network."""

from __future__ import annotations

import copy
from collections.abc import Callable

import numpy as np
import pytest
from torch import nn

import seewhy

CLASSES = ["bear", "cow", "sheep"]


@pytest.fixture(scope="session")
def scene_photos() -> list[np.ndarray]:
    return [scene.photo for scene in seewhy.demo.scenes(12, seed=31)]


@pytest.fixture(scope="session")
def scene_labels() -> list[str]:
    return [scene.label for scene in seewhy.demo.scenes(12, seed=31)]


@pytest.fixture(scope="session")
def honest() -> seewhy.Classifier:
    return seewhy.load("demo:honest")


@pytest.fixture
def damaged(honest: seewhy.Classifier) -> Callable[..., seewhy.Classifier]:
    """The demo network with its copy changed by a function (which may return another network)."""

    def make(change: Callable[[nn.Module], nn.Module | None], **settings: object) -> seewhy.Classifier:
        network = copy.deepcopy(honest.network)
        network = change(network) or network
        return seewhy.Classifier(network, honest.preprocess, CLASSES, **settings)

    return make
