"""Has the network changed? Its modules, hooks, weights and a sample of their values, at one moment."""

from __future__ import annotations

import hashlib
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
        self._versions = [_version(tensor) for tensor in self._tensors]
        self._views = [_spread(tensor.detach()) for tensor in self._tensors]
        self._values = self._sample()

    def holds(self, network: nn.Module) -> bool:
        """True when nothing has changed since. Costs about a millisecond for a hundred layers."""
        return (
            network is self._network
            # The modules known then, each with the children it has now: a replaced one shows in its parent.
            and all(module.state() == module.known for module in self._modules)
            and [_version(tensor) for tensor in self._tensors] == self._versions
            and all(torch.equal(a, b) for a, b in zip(self._sample(), self._values, strict=True))
        )

    def _sample(self) -> list[torch.Tensor]:
        groups: dict[tuple[torch.device, torch.dtype], list[torch.Tensor]] = {}
        for view in self._views:
            groups.setdefault((view.device, view.dtype), []).append(view)
        with torch.inference_mode(False), torch.no_grad():
            joined = [torch.cat(views) for views in groups.values()]
        # Compared as bits, so that a NaN equals itself.
        return [t.view(torch.int32) if t.dtype == torch.float32 else t.nan_to_num() for t in joined]


class _Module:
    """A module's children, weights and hooks by identity, its plain settings and replaced functions by value.

    Train or eval mode does not matter: the copy is in eval mode anyway.
    """

    def __init__(self, module: nn.Module) -> None:
        self._own = vars(module)
        self._parts = [self._own[name] for name in _PARTS if name in self._own]  # TorchScript keeps them elsewhere
        self._settings = [
            name for name, value in self._own.items() if name[0] != "_" and name != "training" and isinstance(value, _SETTINGS)
        ]
        self.known = self.state()

    def state(self) -> list[Any]:
        """What it is now. A setting that is new shows in the count of attributes."""
        parts = [id(part) for kind in self._parts if kind for part in kind.values()]
        return [len(self._own), parts, *[self._own.get(name) for name in self._settings]]


_SETTINGS = (int, float, str, tuple, FunctionType, BuiltinFunctionType)
_PARTS = (
    *("_modules", "_parameters", "_buffers"),
    *("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks"),
)


def _version(tensor: torch.Tensor) -> tuple[int, int]:
    return (tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version)


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
