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
        self._modules = list(network.modules())
        self._structure = [_structure(module) for module in self._modules]
        self._tensors = [*network.parameters(), *network.buffers()]
        self._versions = [_version(tensor) for tensor in self._tensors]
        self._views = [_spread(tensor.detach()) for tensor in self._tensors]
        self._values = self._sample()
        self._network = network

    def holds(self, network: nn.Module) -> bool:
        """True when nothing has changed since. Costs about a millisecond for a hundred layers."""
        return (
            network is self._network
            # The modules known then, each with the children it has now: a replaced one shows in its parent.
            and all(_structure(module) == known for module, known in zip(self._modules, self._structure, strict=True))
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


def _structure(module: nn.Module) -> list[Any]:
    """A module's children, weights and hooks by identity, its plain settings and replaced functions by value.

    Train or eval mode does not matter: the copy is in eval mode anyway.
    """
    own = vars(module)
    parts = [id(part) for kind in _PARTS for part in own.get(kind, {}).values()]  # TorchScript keeps them elsewhere
    settings = [v for k, v in own.items() if k[0] != "_" and k != "training" and isinstance(v, _SETTINGS)]
    return [parts, hooks_of(module), settings]


_PARTS = ("_modules", "_parameters", "_buffers")
_SETTINGS = (int, float, str, tuple, FunctionType, BuiltinFunctionType)


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
