"""Fixtures that all tests share. One thread: the networks are small, and two threads would only wait for each other."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from small_nets import DATA, Planted, SmallNet

import seewhy

torch.set_num_threads(1)


@pytest.fixture
def planted() -> Planted:
    return Planted()


@pytest.fixture
def planted_photo() -> torch.Tensor:
    """(3, 16, 24): a square of ones in channel 1, rows 2 to 6 and columns 14 to 20. Not symmetric: a transposed map shows."""
    photo = torch.zeros(3, 16, 24)
    photo[1, 2:6, 14:20] = 1
    return photo


@pytest.fixture
def small() -> SmallNet:
    return SmallNet()


@pytest.fixture
def small_photos() -> torch.Tensor:
    """(5, 3, 20, 28) noise."""
    return torch.randn(5, 3, 20, 28, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="session")
def real_squeezenet() -> seewhy.Classifier:
    """The ImageNet network beside the project; a test that needs it skips by name where it is missing."""
    weights = DATA / "squeezenet1_0_imagenet.safetensors"
    if not weights.is_file():
        pytest.skip("../shared/data is not there: no real ImageNet network")
    return seewhy.load("squeezenet1_0", weights=weights, classes=DATA / "imagenet_synsets.txt")


@pytest.fixture(scope="session")
def real_photos() -> Path:
    """The folder of photos beside the project."""
    folder = DATA / "photos"
    if not folder.is_dir():
        pytest.skip("../shared/data/photos is not there: no real photos")
    return folder
