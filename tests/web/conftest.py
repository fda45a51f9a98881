"""A network and a photo for the pages."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest

import seewhy
from seewhy.web.explaining import Explainer


@pytest.fixture(scope="session")
def honest() -> seewhy.Classifier:
    return seewhy.load("demo:honest")


@pytest.fixture
def scene() -> npt.NDArray[np.uint8]:
    return seewhy.demo.scenes(1, seed=3)[0].photo


@pytest.fixture
def explainer(honest: seewhy.Classifier) -> Iterator[Explainer]:
    with Explainer(honest) as explainer:
        yield explainer
