"""Ten scenes, of every animal two, with the logo and without."""

from __future__ import annotations

import pytest

from seewhy.demo import Scene, scenes
from seewhy.demo.scenes import ANIMALS


@pytest.fixture(scope="session")
def clean() -> list[Scene]:
    return scenes(10, labels=tuple(ANIMALS))


@pytest.fixture(scope="session")
def stamped() -> list[Scene]:
    return scenes(10, labels=tuple(ANIMALS), logo="all")
