from __future__ import annotations

import pytest
from stuck_photos import Planted, Scenes, drawn_scenes, sticker

from seewhy.audit.free_place import FreePlace


@pytest.fixture(scope="session")
def scenes() -> Scenes:
    return drawn_scenes()


@pytest.fixture(scope="session")
def planted(scenes: Scenes) -> Planted:
    return Planted(scenes, sticker(44), share=0.6)


@pytest.fixture(scope="session")
def cue(planted: Planted) -> FreePlace:
    return planted.found()[0]
