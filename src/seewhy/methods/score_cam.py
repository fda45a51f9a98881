"""Score-CAM: every feature map as a mask on the photo, weighted by the score that it leaves."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import torch
from torch import nn

from seewhy.engine.incremental import Places, Size
from seewhy.engine.sweep import Copies, Which
from seewhy.errors import OptionError
from seewhy.explanation import empty_notes
from seewhy.geometry import Array, resize_map
from seewhy.methods.base import Heat
from seewhy.methods.perturbation import PerturbationMethod, Study


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

    layer: str | nn.Module | None = None
    relu: bool = True
    score: str = field(default="logit", metadata={"choices": ("logit", "probability", "log_odds")})

    def explore(self, study: Study) -> Heat:
        """One copy of the photo behind each feature map, and a black one."""
        (layer, features) = study.features(self.layer)  # (c, h, w)
        flat = np.ptp(features.reshape(len(features), -1), axis=1) == 0
        used = np.flatnonzero(~flat)
        masks = _FeatureMasks(features[used], study.size)
        study.hide_behind("black")
        targets = len(study.targets)
        values = np.full((len(used) + 1, targets), np.nan, np.float32)  # the last one is black
        study.expect(masks, len(values))

        def take(which: Which, found: Array, scores: Array | None) -> None:
            values[which] = found

        def result(stopped: str) -> Heat:
            known = np.flatnonzero(np.isfinite(values[:-1, 0]))
            (weights, maps) = _combine(values, known, features[used])
            maps = np.maximum(maps, 0) if self.relu else maps
            partial = len(known) < len(used)
            notes = [note for heat, target in zip(maps, study.targets, strict=True) for note in empty_notes(heat, target, layer)]
            if partial:
                notes.append(f"{stopped} after {len(known)} of {len(used)} channels")
            every = np.zeros((targets, len(features)), np.float32)
            every[:, used[known]] = weights
            details = {"weights": every, "constant_channels": int(flat.sum()), "channels_done": len(known)}
            return study.heat(maps, signed=not self.relu, notes=notes, details=details, partial=partial, layer=layer)

        if len(used) == 0:
            return result("")
        # Black first: without it there is no weight at all.
        order = np.array([len(used), *range(len(used))])
        study.sweep(masks, order, take, lambda: result("so far"))
        if not np.isfinite(values[:-1, 0]).any():
            if study.stopped == "interrupted":
                raise KeyboardInterrupt
            raise OptionError(f"The budget was used up before the first of {len(used)} channels: give it more passes or seconds.")
        return result(study.stopped)


def _combine(values: Array, known: Which, features: Array) -> tuple[Array, Array]:
    """Weights ``(K, n)`` of the known channels, and the maps ``(K, h, w)``."""
    rises = (values[known] - values[-1]).astype(np.float64).T  # (K, n)
    if not len(known):
        return rises.astype(np.float32), np.zeros((values.shape[1], *features.shape[1:]), np.float32)
    powers = np.exp(rises - rises.max(axis=1, keepdims=True))
    weights = powers / powers.sum(axis=1, keepdims=True)
    maps = np.einsum("kn,nhw->khw", weights, features[known])
    return weights.astype(np.float32), maps.astype(np.float32)


class _FeatureMasks(Copies):
    """Feature maps enlarged to the photo and stretched to [0, 1]; one more copy is hidden everywhere."""

    def __init__(self, features: Array, size: tuple[int, int]) -> None:
        self._features = features
        self._size = size

    def shown(self, which: Which, rows: Places, columns: Places, size: Size) -> torch.Tensor:
        masks = np.zeros((len(which), *self._size), np.float32)
        real = which < len(self._features)
        large = resize_map(self._features[which[real]], self._size) if real.any() else masks[:0]
        if real.any():
            low = large.min(axis=(1, 2), keepdims=True)
            masks[real] = (large - low) / (large.max(axis=(1, 2), keepdims=True) - low)
        return torch.from_numpy(masks)  # such a mask is everywhere: there are no rectangles
