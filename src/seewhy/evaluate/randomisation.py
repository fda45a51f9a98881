"""Does a map depend on what the network has learned? Weights are replaced by noise, and the map is made again.

Adebayo et al. 2018, arXiv:1810.03292: ``0.01 · N(0, 1)`` in the layers from the last one on (cascading), or in one layer alone
(independent). A map that stays is an edge detector. Published: the gradient changes, guided backpropagation hardly does.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.errors import MethodError, OptionError, setting, whole_number
from seewhy.evaluate.agreement import rank_correlation
from seewhy.evaluate.metric import Measurement, Subject, explained_again
from seewhy.evaluate.references import random_map
from seewhy.geometry import Array, resize_map
from seewhy.show import min_max

ORDERS = ("cascading", "independent")
_LARGEST = 56  # rows and columns that are compared
_WINDOW = 7  # of the structural similarity, which needs so many rows and columns


@dataclass(frozen=True)
class Likeness:
    """How alike two maps' absolute values are. layer : from which on (cascading), or which one alone, was replaced.

    layers : how many were replaced. rank : Spearman's correlation. structure : structural similarity (Wang et al. 2004), NaN on
    grids below 7×7.
    """

    layer: str
    layers: int
    rank: float
    structure: float


def randomisation(subject: Subject) -> Measurement:
    """``|rank correlation|`` of |map| with that of a network whose weights are all noise; small is good, 1 proves blindness.

    The random map's is that of two random maps: what chance gives. The centre blob never changes. 0 also where the map vanishes
    together with the weights, as a ReLU may make it.
    """
    noise = randomised(subject.clf, weighted_layers(subject.clf), subject.seed)
    again = explained_again(subject.explanation, subject.number, noise, subject.explanation.photo)
    subject.masked.advance(round(again.cost.forward))
    own = subject.explanation.maps[subject.number]
    chance = [random_map(own.shape, own.shape, subject.seed + draw) for draw in range(2)]
    values = [abs(likeness(*pair)[0]) for pair in ((own, again.maps[0]), chance)]
    return Measurement(np.array([*values, 1.0], np.float32), again.cost.forward)


def randomise(
    clf: Classifier, explanations: Sequence[Any], order: str = "cascading", layers: int | None = 4, seed: int = 0
) -> list[Likeness]:
    """How the maps of one method change while the network forgets: one row per depth, the mean over explanations.

    explanations : of ``clf``, each is made again with its own settings; its first map counts. order : "cascading" (from the last
    layer on) or "independent" (one layer at a time). layers : how many depths, evenly from the last layer to the first; None
    takes every one.

    Raises MethodError: a callable, a network without weights, a map of a person's own; OptionError: an unknown order.
    """
    if order not in ORDERS:
        raise OptionError(f"{setting('order', order)}: write 'cascading' or 'independent'.")
    if not explanations:
        raise OptionError("There is no explanation to make again: give a list with at least one.")
    layers = None if layers is None else whole_number("layers", layers)
    names = weighted_layers(clf)
    count = len(names) if layers is None else min(layers, len(names))
    depths = sorted({round(depth) for depth in np.linspace(1, len(names), count)})
    rows = []
    for depth in depths:
        replaced = names[-depth:] if order == "cascading" else [names[-depth]]
        noise = randomised(clf, replaced, seed)
        pairs = [likeness(e.maps[0], explained_again(e, 0, noise, e.photo).maps[0]) for e in explanations]
        (rank, structure) = (float(np.mean(column)) for column in zip(*pairs, strict=True))
        rows.append(Likeness(names[-depth], len(replaced), rank, structure))
    return rows


def weighted_layers(clf: Classifier) -> list[str]:
    """The modules with weights of their own, first to last. Raises MethodError where there are none to replace."""
    if not clf.is_module:
        raise MethodError(
            f"This is {clf.executor.form.name}: it has no weights that could be replaced by noise. Give the nn.Module itself."
        )
    names = [name for name, module in clf.network.named_modules() if any(True for _ in module.parameters(recurse=False))]
    if not names:
        raise MethodError("The network has no weights that could be replaced by noise.")
    return names


def randomised(clf: Classifier, names: Sequence[str], seed: int) -> Classifier:
    """A copy whose modules of these names are noise; the network itself stays as it is."""
    network: nn.Module = copy.deepcopy(clf.network)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name in names:
            for parameter in network.get_submodule(name).parameters(recurse=False):
                parameter.copy_(0.01 * torch.randn(parameter.shape, generator=generator))
    return clf.with_network(network)


def likeness(a: Array, b: Array) -> tuple[float, float]:
    """Rank correlation and structural similarity of two maps' absolute values, at most 56×56."""
    from skimage.metrics import structural_similarity

    (rows, columns) = (min(_LARGEST, side) for side in a.shape)
    (first, second) = (min_max(resize_map(np.abs(map), (rows, columns))).astype(np.float32) for map in (a, b))
    has_room = min(rows, columns) >= _WINDOW
    similarity: Any = structural_similarity
    structure = float(similarity(first, second, data_range=1.0)) if has_room else float("nan")
    return rank_correlation(first, second), structure
