"""What a measure of a map is, and what it is given."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from seewhy.classifier import Classifier
from seewhy.errors import MethodError
from seewhy.evaluate.masked import MaskedPhoto
from seewhy.evaluate.pointing import Mask
from seewhy.evaluate.references import centre_map, random_map
from seewhy.explain import explain
from seewhy.explanation import Explanation
from seewhy.geometry import Array
from seewhy.methods import METHODS

MAP, RANDOM, CENTRE = 0, 1, 2  # places in ``Subject.maps`` and in what a metric gives


@dataclass(frozen=True, eq=False)
class Subject:
    """One map that is to be measured, beside a random map and a centre blob.

    number : of the map in the explanation. steps, fill, seed : as given to ``evaluate``. mask : bool ``(H, W)`` of the photo,
    True on the object; None where nobody gave one. masked : the photo with parts of it hidden.
    """

    clf: Classifier
    explanation: Explanation
    number: int
    masked: MaskedPhoto
    steps: int
    seed: int
    mask: Mask | None = None

    @property
    def index(self) -> int:
        """Of the class."""
        index = self.explanation.targets[self.number].index
        assert index is not None
        return index

    @cached_property
    def maps(self) -> Array:
        """The map, a random one and a centre blob, ``(3, H, W)`` on the network's input."""
        return np.stack([self.explanation.on_input()[self.number], self._random, centre_map(self.masked.size)])

    @cached_property
    def _random(self) -> Array:
        grid = self.explanation.maps.shape[-2:]
        return random_map((grid[0], grid[1]), self.masked.size, self.seed)

    def explained_again(self, clf: Classifier, photo: Any) -> Array:
        """The map that the same method makes of another photo or network; see :func:`explained_again`."""
        return explained_again(self.explanation, self.number, clf, photo)


def explained_again(explanation: Explanation, number: int, clf: Classifier, photo: Any) -> Array:
    """The map ``(h, w)`` that the explanation's method, with its settings, makes of another photo or network for the same class.

    Raises MethodError for a map of a person's own.
    """
    if explanation.method not in METHODS:
        raise MethodError(
            "A map of your own cannot be computed again, as the metrics 'stability' and 'randomisation' do: leave these out."
        )
    settings = {name: value for name, value in explanation.settings.items() if value is not None}
    target = explanation.targets[number].index
    assert target is not None
    again: Array = explain(clf, photo, explanation.method, target, seed=explanation.seed or 0, progress=False, **settings).maps[0]
    return again


@dataclass(frozen=True)
class Measurement:
    """What a metric gives for the map, for a random map and for the centre blob. values : ``(3,)``.

    curves : ``(3, steps + 1)`` and shares : ``(steps + 1,)`` of the pixels that were changed, for metrics that are areas.
    """

    values: Array
    curves: Array | None = None
    shares: Array | None = None


@dataclass(frozen=True)
class Metric:
    """A measure of a map. more_is_better : how to read it. title, source : for tables and documents."""

    title: str
    more_is_better: bool
    source: str
    measure: Callable[[Subject], Measurement] = field(repr=False)
    needs_mask: bool = False
