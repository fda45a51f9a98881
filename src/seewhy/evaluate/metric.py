"""What a measure of a map is, and what it is given."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator
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
from seewhy.records import Target

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
    def target(self) -> Target:
        """The class that the map speaks for."""
        return self.explanation.targets[self.number]

    @cached_property
    def maps(self) -> Array:
        """The map, a random one and a centre blob, ``(3, H, W)`` on the network's input."""
        return np.stack([self.explanation.on_input()[self.number], self._random(), centre_map(self.masked.size)])

    def random_maps(self, count: int) -> Iterator[Array]:
        """Random maps, ``(H, W)`` on the network's input, one after the other; others than that of ``maps``."""
        for number in range(count):
            yield self._random(number)

    def _random(self, *number: int) -> Array:
        (rows, columns) = self.explanation.maps.shape[-2:]
        drawn = zlib.crc32(self.explanation.photo.pixels.tobytes())  # others for each photo
        return random_map((rows, columns), self.masked.size, [self.seed, drawn, *number])


def explained_again(explanation: Explanation, number: int, clf: Classifier, photo: Any) -> Explanation:
    """What the explanation's method, with its settings, makes of another photo or network for the same class: one map.

    Raises MethodError for a map of a person's own, and for one that a budget cut short.
    """
    if explanation.method not in METHODS:
        raise MethodError(
            "A map of your own cannot be computed again, as the metrics 'stability' and 'randomisation' do: leave these out."
        )
    if explanation.partial:
        raise MethodError(
            "This map was cut short by a budget: the metrics 'stability' and 'randomisation' would compare it with whole ones. "
            "Leave them out, or explain without a budget."
        )
    settings = {name: value for name, value in explanation.settings.items() if value is not None}
    target = explanation.targets[number]
    if target.against is not None:
        settings["against"] = target.against.index
    assert target.index is not None
    again: Explanation = explain(
        clf, photo, explanation.method, target.index, seed=explanation.seed or 0, progress=False, **settings
    )
    return again


@dataclass(frozen=True)
class Measurement:
    """What a metric gives for the map, for a random map and for the centre blob. values : ``(3,)``.

    passes : photos through the network beyond those of ``Subject.masked``, for maps that were made again.
    curves : ``(3, steps + 1)`` and shares : ``(steps + 1,)`` of the pixels that were changed, for metrics that are areas.
    """

    values: Array
    passes: float = 0
    curves: Array | None = None
    shares: Array | None = None


@dataclass(frozen=True)
class Metric:
    """A measure of a map. more_is_better : how to read it. title, source : for tables and documents.

    passes : about how many photos go through the network for it, by the explanation and the steps of a curve.
    """

    title: str
    more_is_better: bool
    source: str
    measure: Callable[[Subject], Measurement] = field(repr=False)
    needs_mask: bool = False
    passes: Callable[[Explanation, int], int] = field(default=lambda explanation, steps: 0, repr=False)
