from __future__ import annotations

from typing import Any

import numpy as np
from embeddings import blobs, made

import seewhy
from seewhy.features.known import KnownFeatures, KnowsFeatures


class Kept:
    """Photos of three groups whose features are known."""

    def known_features(self, most: int) -> KnownFeatures:
        whole = made(blobs())
        fields = {name: value for name, value in vars(whole).items() if name in KnownFeatures.__dataclass_fields__}
        return KnownFeatures(total=100, **fields | {"notes": ["kept"]})

    def explanations(self, i: int) -> list[Any]:
        return []


def test_anything_that_knows_features_can_be_placed() -> None:
    kept = Kept()
    assert isinstance(kept, KnowsFeatures)
    assert not isinstance(seewhy.load("demo:honest"), KnowsFeatures)
    placed = seewhy.embed(kept, seed=3)
    assert np.array_equal(placed.features, blobs())
    assert (placed.points.shape, placed.seed, placed.layer) == ((60, 2), 3, "relu")
    assert placed.notes == ["kept", "60 of 100 photos were taken, evenly: most=5000 allows no more"]
    nearest = placed.nearest(5, "points") // 20  # the groups
    assert (nearest == np.arange(60)[:, None] // 20).all()
