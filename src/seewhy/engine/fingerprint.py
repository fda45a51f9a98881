"""Has the network changed? Its modules, hooks, weights and a sample of their values, at one moment."""

from __future__ import annotations

import copy
import hashlib
from operator import itemgetter
from types import BuiltinFunctionType, FunctionType
from typing import Any

import torch
from torch import nn

_SAMPLES = 1024  # values looked at per tensor, at most, to notice edits through .data


def hooks_of(module: nn.Module) -> list[int]:
    """The keys of the hooks that somebody has put on the module."""
    return [*module._forward_hooks, *module._forward_pre_hooks, *module._backward_hooks, *module._backward_pre_hooks]


def has_hooks(network: nn.Module) -> bool:
    """True when somebody has put hooks on the network."""
    return any(hooks_of(module) for module in network.modules())


class Fingerprint:
    """The state of a network at one moment: modules and their settings, every weight's identity and version, and a sample
    of the values (an edit through ``.data`` changes neither identity nor version)."""

    def __init__(self, network: nn.Module) -> None:
        self._network = network
        self._modules = [_Module(module) for module in network.modules()]
        self._tensors = [*network.parameters(), *network.buffers()]
        self._counted = [tensor for tensor in self._tensors if not tensor.is_inference()]  # the others have no version
        self._known_versions = self._versions()
        views: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}
        for tensor in self._tensors:
            views.setdefault((tensor.device, tensor.dtype), []).append(_spread(tensor.detach()))
        self._views = list(views.values())
        self._values = self._sample()

    def holds(self, network: nn.Module) -> bool:
        """True when nothing has changed since. Costs about a millisecond for a hundred layers."""
        return (
            network is self._network
            # The modules known then, each with the children it has now: a replaced one shows in its parent.
            and all(module.is_unchanged() for module in self._modules)
            and self._versions() == self._known_versions
            and all(torch.equal(a, b) for a, b in zip(self._sample(), self._values, strict=True))
        )

    def seen_through(self, network: nn.Module) -> Fingerprint:
        """The same state, of a module that has the same modules inside."""
        other = copy.copy(self)
        other._network = network
        return other

    def _versions(self) -> tuple[list[int], list[int]]:
        return [tensor.data_ptr() for tensor in self._tensors], [tensor._version for tensor in self._counted]

    def _sample(self) -> list[torch.Tensor]:
        with torch.inference_mode(False), torch.no_grad():
            joined = [torch.cat(views) for views in self._views]
        # Compared as bits, so that a NaN equals itself.
        return [t.view(torch.int32) if t.dtype == torch.float32 else t.nan_to_num() for t in joined]


class _Module:
    """A module's children, weights and hooks by identity, its plain settings and replaced functions by value.

    Train or eval mode does not matter: the copy is in eval mode anyway.
    """

    def __init__(self, module: nn.Module) -> None:
        self._own = vars(module)
        self._parts = [self._own[name] for name in _PARTS if name in self._own]  # TorchScript keeps them elsewhere
        settings = [
            name for name, value in self._own.items() if name[0] != "_" and name != "training" and isinstance(value, _SETTINGS)
        ]
        self._read_settings = itemgetter(*settings, *settings) if settings else lambda own: ()  # of one name it gives no tuple
        self._known = self._state()

    def is_unchanged(self) -> bool:
        """True where it is what it was. A setting that is new shows in the count of attributes."""
        try:
            return self._state() == self._known
        except KeyError:  # a setting is gone
            return False

    def _state(self) -> tuple[Any, ...]:
        # Most parts are empty; the loops run in C, for a network has hundreds of modules.
        return len(self._own), [[*map(id, part.values())] for part in self._parts if part], self._read_settings(self._own)


_SETTINGS = (int, float, str, tuple, FunctionType, BuiltinFunctionType)
_PARTS = (
    *("_modules", "_parameters", "_buffers"),
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
)


def _spread(tensor: torch.Tensor) -> torch.Tensor:
    """A view of values spread over the tensor: all of a small one, else at least one of every row, each in another column."""
    if tensor.numel() <= _SAMPLES or not tensor.is_contiguous():
        return tensor.reshape(-1)[:_SAMPLES]
    row = tensor[0].numel()
    return tensor.view(-1)[:: max(row - 1, tensor.numel() // _SAMPLES, 1)]


def weights_hash(network: nn.Module) -> str:
    """Sixteen hexadecimal digits of the SHA-256 over all weights, for the record."""
    digest = hashlib.sha256()
    for name, tensor in network.state_dict().items():
        digest.update(name.encode())
        if isinstance(tensor, torch.Tensor):
            plain = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
            digest.update(plain.numpy().data)
    return digest.hexdigest()[:16]
