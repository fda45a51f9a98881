"""A new last layer on the features of somebody's network, which stays as it is."""

from __future__ import annotations

import threading
import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine.steps import Grid
from seewhy.errors import MethodError, setting
from seewhy.store.shard import embedding_layer

Floats = npt.NDArray[np.float32]

_FREEDOM = (
    100.0  # the inverse of the penalty: a cue changes the mean of a layer little, and a head that is held short does not see it
)


class LayerMeans(nn.Module):
    """The mean over space of what a layer of a network gives, ``(N, channels)``.

    The network runs as a whole, and a hook reads the layer; it is taken off after each pass. layer : the name of a module of it
    that returns one tensor, once in a pass. grid : how that lies over the photo.
    """

    def __init__(self, network: nn.Module, layer: str, grid: Grid) -> None:
        super().__init__()
        (self.network, self.layer, self.grid) = (network, layer, grid)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        means: list[torch.Tensor] = []
        thread = threading.get_ident()

        def read(module: nn.Module, args: Any, out: torch.Tensor) -> None:
            if threading.get_ident() == thread:  # another one may be in a pass of its own
                # At once: what comes behind the layer may write into its result.
                means.append(self.grid.read(out).flatten(2).mean(dim=2).float())

        hook = self.network.get_submodule(self.layer).register_forward_hook(read)
        try:
            self.network(pixels)
        finally:
            hook.remove()
        return means[0]


class HeadOnFeatures(nn.Module):
    """``weight · mean + bias`` of the means of a layer. weight : ``(classes, channels)``. bias : ``(classes,)``."""

    def __init__(self, means: LayerMeans, weight: Floats, bias: Floats) -> None:
        super().__init__()
        self.means = means
        self.fc = nn.Linear(weight.shape[1], weight.shape[0])
        with torch.no_grad():
            self.fc.weight.copy_(torch.from_numpy(weight))
            self.fc.bias.copy_(torch.from_numpy(bias))

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        scores: torch.Tensor = self.fc(self.means(pixels))
        return scores


def readable_layer(clf: Classifier) -> tuple[str, Grid]:
    """The module whose result stands for a photo, as in the column ``embedding`` of a store: the automatic feature layer, or the
    last module before it where that is a function; and how its result lies over the photo.

    Raises MethodError for a network whose features cannot be read.
    """
    preprocess = clf.preprocess
    is_open = embedding_layer(clf) is not None and getattr(preprocess, "channels", 3) in (1, 3)
    planned = clf.executor.planned() if is_open else None
    if planned is not None:
        trace = planned.trace
        for step in reversed(trace.path):
            name = trace.modules.get(step.number, "")
            if step.number > planned.feature_step.number or not name or len(trace.calls[name]) != 1:
                continue
            if step.grid is not None and step.grid.has_cells and step.grid.depth is None:
                return name, step.grid
    raise MethodError(
        f"{setting('plant')} needs a network whose features can be read, and {clf.name} is none: an nn.Module with a "
        "preprocessing for photos, of which a module returns rows and columns."
    )


def classifier_of_means(clf: Classifier) -> Classifier:
    """What gives the means as its values: ``scores`` are ``(N, channels)``."""
    means = LayerMeans(clf.network, *readable_layer(clf))
    return Classifier(means, clf.preprocess, head="none", precision=clf.precision, display=clf.display)


def with_head(clf: Classifier, class_names: list[str], weight: Floats, bias: Floats) -> Classifier:
    """The same features and preprocessing with another last layer, for other classes."""
    network = HeadOnFeatures(LayerMeans(clf.network, *readable_layer(clf)), weight, bias).to(clf.device)
    changed = Classifier(network, clf.preprocess, class_names, precision=clf.precision, display=clf.display)
    changed.name = f"{clf.name}, another head"
    return changed


def trained_head(features: Floats, labels: npt.NDArray[np.int64]) -> tuple[Floats, Floats]:
    """Multinomial logistic regression on standardised features, each class of the same weight, as weights and biases of the
    features themselves.

    features : ``(N, D)``. labels : ``(N,)``, all of 0 to classes - 1 among them, at least two.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    values = features.astype(np.float64)
    (mean, spread) = (values.mean(axis=0), values.std(axis=0))
    spread[spread < 1e-6] = 1.0  # of a channel that says nothing
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # as good a head as any: what it relies on is measured
        regression = LogisticRegression(C=_FREEDOM, max_iter=2000, class_weight="balanced").fit((values - mean) / spread, labels)
    (weight, bias) = (regression.coef_, regression.intercept_)
    if len(weight) == 1:  # of two classes one row of log-odds
        (weight, bias) = (np.concatenate([-weight, weight]) / 2, np.concatenate([-bias, bias]) / 2)
    weight = weight / spread
    return weight.astype(np.float32), (bias - weight @ mean).astype(np.float32)
