"""Score-CAM: every feature map as a mask on the photo, weighted by the score that it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.engine.patched import Positions, Size
from seewhy.engine.sweep import Copies, Indices
from seewhy.explanation import empty_notes
from seewhy.geometry import Array, resize_map, resize_volume
from seewhy.methods.base import OTHER_LAYER, Attribution, Needs
from seewhy.methods.perturbation import Estimator, PerturbationMethod, PerturbedPhoto
from seewhy.records import Ending, Note


@dataclass(frozen=True, kw_only=True)
class ScoreCam(PerturbationMethod):
    """``M = ReLU(Σ_k w_k A^k)``, ``w = softmax over k of y(X ⊙ H_k) - y(black)`` (Wang et al. 2020, arXiv:1910.01279, section
    3.2).

    H_k : the feature map ``A^k`` enlarged to the input and stretched to [0, 1]; channels that are constant have none, they are
    left out and counted. layer : as for Grad-CAM. relu : leave out what is below zero.
    """

    name: ClassVar[str] = "score_cam"
    title: ClassVar[str] = "Score-CAM"
    summary: ClassVar[str] = (
        "Lays every feature map of a late layer over the photo as a mask, looks how high the class's score still is, and adds "
        "the feature maps up with those scores as weights. It needs no gradient, only the layer. Every channel costs a forward "
        "pass; one softmax over all channels makes the weights, so where scores differ little the map is hardly about the "
        "class."
    )
    source: ClassVar[str] = "Wang et al. 2020, arXiv:1910.01279"
    cost: ClassVar[str] = "1 forward pass per channel of the layer (512 to 2048); all classes in one sweep"

    needs: ClassVar[Needs] = Needs.LAYERS
    volumes: ClassVar[bool] = True

    layer: str | nn.Module | None = None
    relu: bool = True
    score: str = field(default="logit", metadata={"choices": ("logit", "probability", "log_odds")})

    def estimator(self, photo: PerturbedPhoto) -> Estimator:
        """One copy of the photo behind each feature map, and a black one."""
        return _ScoreCamMap(self, photo)


class _ScoreCamMap(Estimator):
    """The scores behind each feature map, and the feature maps weighted by them."""

    unit = "channels"

    def __init__(self, method: ScoreCam, photo: PerturbedPhoto) -> None:
        self._method = method
        self._photo = photo
        (self._layer, self._features) = photo.features(method.layer)  # (c, h, w)
        varies = np.ptp(self._features.reshape(len(self._features), -1), axis=1) != 0
        self._used = np.flatnonzero(varies)
        self.copies = _FeatureMasks(self._features[self._used], photo.size)
        self.count = len(self._used)
        self.passes = self.count + 1 if self.count else 0
        self.least = min(1, self.count)
        self._values = np.full((self.count + 1, len(photo.targets)), np.nan, np.float32)  # the last one is black
        photo.hide_behind("black")

    def orders(self) -> Iterator[Indices]:
        """Black first: without it there is no weight at all."""
        if self.count:
            yield np.array([self.count, *range(self.count)])

    @property
    def reached(self) -> int:
        """Channels whose scores are known."""
        return int(np.isfinite(self._values[:-1, 0]).sum())

    def update(self, indices: Indices, values: Array, scores: Array | None) -> None:
        """Keep the values."""
        self._values[indices] = values

    def attribution(self, ending: Ending) -> Attribution:
        """The feature maps added up."""
        (method, photo) = (self._method, self._photo)
        known = np.flatnonzero(np.isfinite(self._values[:-1, 0]))
        (weights, maps) = _combine(self._values, known, self._features[self._used])
        maps = np.maximum(maps, 0) if method.relu else maps
        partial = len(known) < self.count
        notes = empty_notes(maps, photo.targets, self._layer, OTHER_LAYER, ranking=photo.ranking)
        if partial:
            notes.append(Note(f"{ending.text} after {len(known)} of {self.count} channels"))
        all_weights = np.zeros((len(photo.targets), len(self._features)), np.float32)
        all_weights[:, self._used[known]] = weights
        details = {
            "weights": all_weights,
            "constant_channels": len(self._features) - self.count,
            "channels_done": len(known),
        }
        return photo.attribution(
            maps,
            ending if partial else Ending.COMPLETE,
            notes=notes,
            details=details,
            signed=not method.relu,
            units="activation",  # the weights are shares
            layer=self._layer,
        )


def _combine(values: Array, known: Indices, features: Array) -> tuple[Array, Array]:
    """Weights ``(K, n)`` of the known channels, and the maps ``(K, h, w)``."""
    rises = (values[known] - values[-1]).astype(np.float64).T  # (K, n)
    if not len(known):
        return rises.astype(np.float32), np.zeros((values.shape[1], *features.shape[1:]), np.float32)
    powers = np.exp(rises - rises.max(axis=1, keepdims=True))
    weights = powers / powers.sum(axis=1, keepdims=True)
    maps = np.einsum("kn,n...->k...", weights, features[known])
    return weights.astype(np.float32), maps.astype(np.float32)


class _FeatureMasks(Copies):
    """Feature maps enlarged to the photo and stretched to [0, 1]; one more copy is hidden everywhere."""

    def __init__(self, features: Array, size: tuple[int, ...]) -> None:
        self._features = features
        self._size = size

    def visible(self, indices: Indices, rows: Positions, columns: Positions, size: Size) -> torch.Tensor:
        masks = np.zeros((len(indices), *self._size), np.float32)
        real = indices < len(self._features)
        if real.any():
            resize: Any = resize_map if len(self._size) == 2 else resize_volume
            large = resize(self._features[indices[real]], self._size)
            axes = tuple(range(1, large.ndim))
            low = large.min(axis=axes, keepdims=True)
            masks[real] = (large - low) / (large.max(axis=axes, keepdims=True) - low)
        return torch.from_numpy(masks)  # such a mask is everywhere: there are no rectangles
