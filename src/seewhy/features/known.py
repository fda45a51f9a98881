"""Photos that went through a network already: what is known of them, so that they can be placed in the plane without it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from seewhy.explanation import Explanation
from seewhy.features.embedding import PhotoFeatures


@dataclass(frozen=True, eq=False, kw_only=True)
class KnownFeatures(PhotoFeatures):
    """Some of ``total`` photos. numbers : their places among what knows them."""

    total: int


@runtime_checkable
class KnowsFeatures(Protocol):
    """What has photos with their features and their explanations: a :class:`seewhy.Store`, which stands above this room."""

    def known_features(self, most: int) -> KnownFeatures:
        """Of at most so many photos, an even sample."""
        ...

    def explanations(self, i: int) -> list[Explanation]:
        """Of the photo at a place, one for each method."""
        ...
