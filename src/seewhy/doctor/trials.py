"""The photos through the network under one preparation: its outputs, and what its BatchNorms read."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine import memory, runner
from seewhy.engine.network import MISFITS
from seewhy.engine.state import random_state
from seewhy.errors import ModelError, OutputError
from seewhy.head import describe

Doubles = npt.NDArray[np.float64]
MOST_LAYERS = 12  # BatchNorms that are read, spread over the network, the first ones among them
FIRST = 3
_LIVES = 1e-6  # of the largest running variance: below, a channel says nothing
_MOST = 20.0  # of one channel's gap


@dataclass(frozen=True, eq=False)
class Moments:
    """What one BatchNorm read, photo by photo, and what it expects. mean, square : ``(N, C)``; expected ones ``(C,)``."""

    mean: Doubles
    square: Doubles
    expected_mean: Doubles
    expected_variance: Doubles

    def gap(self, weights: Doubles) -> Doubles:
        """How far the photos are from what is expected: the mean over channels of the Kullback-Leibler divergence of two normal
        distributions, in nats. weights : ``(B, N)``, how often each photo counts; gives ``(B,)``."""
        share = weights / weights.sum(axis=1, keepdims=True)
        mean = share @ self.mean
        variance = np.maximum(share @ self.square - mean**2, 0)
        lives = self.expected_variance > _LIVES * self.expected_variance.max()
        expected = self.expected_variance[lives] + 1e-12
        ratio = (variance[:, lives] + 1e-3 * expected) / expected
        away = (mean[:, lives] - self.expected_mean[lives]) ** 2 / expected
        gaps: Doubles = np.minimum(0.5 * (ratio + away - 1 - np.log(ratio)), _MOST).mean(axis=1)
        return gaps


@dataclass(frozen=True, eq=False)
class Trial:
    """What came of one preparation. outputs : ``(N, K)``, as the network returned them. moments : of its BatchNorms."""

    outputs: Doubles
    moments: tuple[Moments, ...]

    def gap(self, weights: Doubles | None = None) -> Doubles:
        """The mean gap of the BatchNorms, ``(B,)``, for ``weights`` ``(B, N)``; None counts each photo once."""
        weights = np.ones((1, len(self.outputs))) if weights is None else weights
        return np.mean([moments.gap(weights) for moments in self.moments], axis=0)  # type: ignore[no-any-return]


class PrivateCopy:
    """A private copy of a classifier's network in eval mode, whose BatchNorms are listened to."""

    def __init__(self, clf: Classifier) -> None:
        self._clf = clf
        self.passes = 0
        self.one_by_one = False  # the network takes one photo at once, as one that was exported with a fixed batch does
        self.network: Any = clf.network
        self.is_copy = False
        if clf.is_module and not clf.executor.is_closed:
            with contextlib.suppress(Exception):  # whatever a person's module raises when it is copied
                self.network = copy.deepcopy(clf.network).eval()
                self.network.requires_grad_(False)
                self.is_copy = True
        self.norms = batch_norms(self.network) if self.is_copy else []
        self._listened = [module for _, module in _chosen(self.norms)]

    def run(self, inputs: Sequence[torch.Tensor] | torch.Tensor, seed: int = 0) -> Trial:
        """The trial of network inputs, one ``(C, h, w)`` for each photo. Raises OutputError, and what the network raises.

        seed : of what the network draws at random in its forward pass.
        """
        try:
            return self._run(inputs, seed)
        except (ModelError, OutputError, *MISFITS):
            if self.one_by_one or len(inputs) < 2 or not self._takes_one(inputs[0]):
                raise
        return self._run(inputs, seed)

    def _takes_one(self, first: torch.Tensor) -> bool:
        """Whether one photo passes where several do not: then the batch is what the network cannot take, and not the size."""
        self.one_by_one = True
        try:
            self._run([first], 0)
        except (ModelError, OutputError, *MISFITS):
            self.one_by_one = False
        return self.one_by_one

    def _run(self, inputs: Sequence[torch.Tensor] | torch.Tensor, seed: int) -> Trial:
        rows: list[Doubles] = []
        read: list[list[tuple[Doubles, Doubles]]] = [[] for _ in self._listened]
        executor = self._clf.executor
        size = 1 if self.one_by_one else 8 if executor.device.type == "cpu" else 32

        def work(batch: Sequence[torch.Tensor]) -> Doubles:
            stacked = torch.stack(list(batch)).to(executor.device)
            return self._forward(stacked, read)

        with memory.kept(), random_state(seed):
            for count, result in runner.in_batches(list(inputs), size, lambda x: x.shape, work):
                rows.append(result)
                self.passes += count
        moments = tuple(
            Moments(
                np.concatenate([mean for mean, _ in pairs]), np.concatenate([square for _, square in pairs]), *_expected(module)
            )
            for module, pairs in zip(self._listened, read, strict=True)
            if pairs and sum(len(mean) for mean, _ in pairs) == len(inputs)  # a layer that runs twice is not counted
        )
        return Trial(np.concatenate(rows), moments)

    def _forward(self, inputs: torch.Tensor, read: list[list[tuple[Doubles, Doubles]]]) -> Doubles:
        if not self.is_copy:
            executor = self._clf.executor
            if not self._clf.is_module:
                return _rows(executor.call(inputs), len(inputs))
            planned = executor.planned()
            return _rows(planned.forward(inputs).output, len(inputs))
        handles = []
        for module, pairs in zip(self._listened, read, strict=True):
            handles.append(module.register_forward_pre_hook(_listener(pairs)))
        try:
            with torch.inference_mode(False), torch.no_grad():
                dtype = next((p.dtype for p in self.network.parameters() if p.is_floating_point()), torch.float32)
                output = self._clf.executor.pick(self.network(inputs.to(dtype)))
        finally:
            for handle in handles:
                handle.remove()
        return _rows(output, len(inputs))

    @contextlib.contextmanager
    def training(self, names: Sequence[str]) -> Iterator[None]:
        """The modules of these names in train mode; only the copy's statistics change, and they are put back."""
        modules = dict(self.network.named_modules())
        kept = {name: copy.deepcopy(modules[name].state_dict()) for name in names}
        for name in names:
            modules[name].training = True
        try:
            yield
        finally:
            for name in names:
                modules[name].training = False
                modules[name].load_state_dict(kept[name])


def batch_norms(network: Any) -> list[tuple[str, nn.Module]]:
    """The modules that carry running statistics, in the network's order: found by their buffers, frozen ones among them."""
    if not isinstance(network, nn.Module):
        return []
    return [
        (name, module)
        for name, module in network.named_modules()
        if isinstance(getattr(module, "running_mean", None), torch.Tensor)
        and isinstance(getattr(module, "running_var", None), torch.Tensor)
    ]


def _chosen(norms: Sequence[tuple[str, nn.Module]]) -> list[tuple[str, nn.Module]]:
    if len(norms) <= MOST_LAYERS:
        return list(norms)
    later = np.linspace(FIRST, len(norms) - 1, MOST_LAYERS - FIRST).round().astype(int)
    return [*norms[:FIRST], *(norms[place] for place in dict.fromkeys(later.tolist()))]


def _expected(module: Any) -> tuple[Doubles, Doubles]:
    (mean, variance) = (part.detach().double().cpu().numpy() for part in (module.running_mean, module.running_var))
    return mean, variance


def _listener(pairs: list[tuple[Doubles, Doubles]]) -> Callable[[nn.Module, Any], None]:
    def listen(module: nn.Module, inputs: Any) -> None:
        values = inputs[0].detach().double()
        values = values.flatten(2) if values.ndim > 2 else values[..., None]
        pairs.append((values.mean(2).cpu().numpy(), (values**2).mean(2).cpu().numpy()))

    return listen


def _rows(output: Any, photos: int) -> Doubles:
    """The picked output as ``(N, K)``. Raises OutputError for another form."""
    if isinstance(output, torch.Tensor) and output.ndim < 2:
        output = output.reshape(-1, 1)
    if not isinstance(output, torch.Tensor) or output.ndim != 2 or len(output) != photos:
        raise OutputError(f"The network returned {describe(output)}. Expected class scores (N, classes).")
    rows: Doubles = output.detach().double().cpu().numpy()
    return rows
