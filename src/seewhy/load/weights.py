"""Weights files, read safely: safetensors, or tensors in a ``.pth``. Nothing is unpickled that could run code."""

from __future__ import annotations

import http.client
import os
import pickle
import sys
import urllib.error
import warnings
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from seewhy.errors import ModelError, WeightsError, listed, setting

State = dict[str, torch.Tensor]
Weights = str | os.PathLike[str] | Mapping[str, Any]  # a file, or a state dict
WEIGHTS_SUFFIXES = (".safetensors", ".pth", ".pt", ".ckpt", ".bin")
READ_SAVED = "seewhy.Explanation.load('{}')"
STARTS = (b"PK", b"\x80")  # how torch.save's archives and its older pickles begin
_INSIDE = ("state_dict", "model_state_dict", "model_state", "model", "net", "network", "weights", "ema", "params")
_PREFIXES = ("module.", "_orig_mod.", "model.", "net.", "network.")


def read_weights(weights: Weights, trust: bool = False) -> State:
    """The tensors of a ``.safetensors`` or ``.pth`` file, or of a dictionary in memory, by name, as float32 on the CPU.

    Looks inside checkpoint dictionaries and takes off prefixes that every name has ("module.", "model.").
    Raises WeightsError: no file, broken or truncated, unsafe without ``trust``, no tensors inside.
    """
    if isinstance(weights, Mapping):
        (where, content) = ("The dictionary of weights", weights)
    elif isinstance(weights, (str, os.PathLike)):
        path = Path(weights)
        (where, content) = (f"'{path.name}'", _content(path, trust))
    else:
        raise WeightsError(f"Weights cannot be a {type(weights).__name__}: give a file, or a dictionary of tensors.")
    state = _state_inside(content)
    if not state:
        kind = type(content).__name__
        cure = "give model.state_dict()" if isinstance(weights, Mapping) else "save model.state_dict()"
        raise WeightsError(f"{where} holds no weights that can be read ({kind}): {cure}.")
    state = {name: value.detach().cpu() for name, value in _without_prefixes(state).items()}
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}


def _content(path: Path, trust: bool) -> Any:
    if path.is_dir():
        raise WeightsError(f"'{path}' is a folder: give the weights file in it.")
    if not path.is_file():
        raise WeightsError(f"There is no weights file '{path}'.")
    if path.suffix.lower() == ".safetensors":
        return _read_safetensors(path)
    if path.suffix.lower() == ".npz":
        raise WeightsError(
            f"'{path.name}' holds no PyTorch weights: save model.state_dict(). An explanation saved as .npz is read with "
            f"{READ_SAVED.format(path.name)}."
        )
    try:
        with path.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise WeightsError(f"'{path.name}' cannot be opened: {error.strerror}.") from error
    if not start.startswith(STARTS):
        is_page = start.lstrip().startswith(b"<")
        reason = "is empty" if not start else "looks like a web page" if is_page else "is broken or something else"
        raise WeightsError(f"'{path.name}' holds no PyTorch weights: it {reason}. Save model.state_dict(), or download it again.")
    return _read_pickle(path, trust)


def _read_safetensors(path: Path) -> Any:
    try:
        return load_file(path)
    except Exception as error:  # on a broken file its reader raises whatever it stumbles over
        reason = _first_line(error)
        raise WeightsError(f"'{path.name}' is not a whole safetensors file ({reason}): it is broken or truncated.") from error


def _read_pickle(path: Path, trust: bool) -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what torch says about an archive, the messages below say
            return torch.load(path, map_location="cpu", weights_only=not trust)
    except pickle.UnpicklingError as error:
        if trust or "Weights only" not in str(error):
            raise WeightsError(f"'{path.name}' cannot be read as PyTorch weights: it is broken or something else.") from error
        for content in (checkpoint_without_objects(path), _module_without_code(path)):
            if content is not None:
                return content
        raise WeightsError(
            f"'{path.name}' holds more than tensors, and reading it could run code. Save model.state_dict() or a .safetensors "
            f"file; if you trust its author, say {setting('trust', True)}."
        ) from error
    except Exception as error:  # see above: struct.error, IndexError, MemoryError ...
        reason = _first_line(error)
        if "TorchScript" in reason:
            raise WeightsError(
                f"'{path.name}' is a TorchScript archive, not weights alone: save model.state_dict(), or say "
                f"{setting('trust', True)}."
            ) from error
        if trust and isinstance(error, (AttributeError, ImportError)):
            state = _module_without_code(path)
            if state is not None:
                return state
            raise WeightsError(
                f"'{path.name}' was saved with code that cannot be imported here ({reason}): save model.state_dict() instead."
            ) from error
        raise WeightsError(f"'{path.name}' cannot be read as PyTorch weights ({reason}): it is broken or truncated.") from error


class _Inert:
    """Stands for an object of a checkpoint: it can be made and filled, and does nothing."""

    def __init__(self, *args: Any, **settings: Any) -> None:
        """Nothing is kept."""

    def __setstate__(self, state: Any) -> None:
        """Nothing is kept."""


class _InertDict:
    """The same for an object that may be a dictionary, which torch fills only where it is a plain one."""

    def __new__(cls, *args: Any, **settings: Any) -> Any:
        return OrderedDict()


def checkpoint_without_objects(path: Path) -> Any:
    """A training checkpoint (PyTorch Lightning's ``.ckpt``) whose tensors lie in a dictionary of their own, beside settings and
    callbacks of any class. None of them is imported: each is read as an object that does nothing. None for any other file.
    """
    for stand_in in (_InertDict, _Inert):
        try:
            names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
            known: Any = [(_Inert if name.startswith("numpy.") else stand_in, name) for name in names]
            with warnings.catch_warnings(), torch.serialization.safe_globals(known):
                warnings.simplefilter("ignore")
                content = torch.load(path, map_location="cpu", weights_only=True)
        except Exception:  # a name that torch never allows, an object that is filled in a way of its own, a torch before 2.6
            continue
        inside = [content[key] for key in _INSIDE if key in content] if type(content) is dict else []
        if any(type(entry) in (dict, OrderedDict) and _state_inside(entry) for entry in inside):
            return content
    return None


class _InertModule:
    """Stands for a module of ``torch.save(model)``, or another object in it: it keeps its attributes and does nothing."""

    def __new__(cls, *args: Any, **settings: Any) -> Any:
        return object.__new__(cls)

    def __setstate__(self, state: Any) -> None:
        self.attributes: dict[str, Any] = state if isinstance(state, dict) else {}

    def state(self, prefix: str = "") -> State:
        """What ``state_dict()`` of the module would give, but for modules that change theirs."""
        passing = self.attributes.get("_non_persistent_buffers_set") or ()
        own = dict(self.attributes["_parameters"]) | {
            name: buffer for name, buffer in self.attributes["_buffers"].items() if name not in passing
        }
        tensors = {prefix + name: value for name, value in own.items() if isinstance(value, torch.Tensor)}
        for name, module in self.attributes["_modules"].items():
            tensors |= module.state(f"{prefix}{name}.") if isinstance(module, _InertModule) else {}
        return tensors


def _module_without_code(path: Path) -> Any:
    """What ``torch.save(model)`` wrote, or a checkpoint with the whole model in it, read without its classes: neither must they
    be here, nor do they run. None for any other file."""
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
        known: Any = [(_InertModule, name) for name in names]
        with warnings.catch_warnings(), torch.serialization.safe_globals(known):
            warnings.simplefilter("ignore")
            content = torch.load(path, map_location="cpu", weights_only=True)
        inside = [content, *(content.get(key) for key in _INSIDE)] if type(content) is dict else [content]
        modules = [entry for entry in inside if isinstance(entry, _InertModule)]
        return modules[0].state() if modules else None
    except Exception:  # see above; a packed parameter, whose values are no tensor
        return None


def _first_line(error: Exception) -> str:
    """The first sentence of another library's error, at most a line."""
    text = str(error).strip()
    return text.splitlines()[0].split(". ")[0].removesuffix(".") if text else type(error).__name__


def _state_inside(content: Any) -> State:
    """The state dict in a module, a checkpoint dictionary, or as it is."""
    if isinstance(content, nn.Module):
        content = content.state_dict()
    if not isinstance(content, Mapping):
        return {}
    for key in _INSIDE:
        if isinstance(content.get(key), (Mapping, nn.Module)):
            return _state_inside(content[key])
    return {str(name): value for name, value in content.items() if isinstance(value, torch.Tensor)}


def _without_prefixes(state: State) -> State:
    while True:
        prefix = next((p for p in _PREFIXES if all(name.startswith(p) for name in state)), None)
        if prefix is None:
            return state
        state = {name[len(prefix) :]: value for name, value in state.items()}


def fit(network: nn.Module, state: State, what: str) -> None:
    """Put the weights into the network. Raises WeightsError that names the keys and shapes that do not fit."""
    own = {name: value for name, value in network.state_dict().items() if isinstance(value, torch.Tensor)}
    first = next(iter(own), "")
    if own and (prefix := first.removesuffix(next(iter(_without_prefixes(own))))):
        # The network's own names begin like a wrapper's ("net.0.weight"), so reading the file has taken that off.
        state = {name if name in own else prefix + name: value for name, value in state.items()}
    optional = {name for name in own if name.endswith("num_batches_tracked")}
    missing = [name for name in own if name not in state and name not in optional]
    extra = [name for name in state if name not in own]
    shapes = [name for name in own if name in state and own[name].shape != state[name].shape]
    if missing or extra or shapes:
        parts = []
        if shapes:
            name = shapes[0]
            parts.append(f"'{name}' is {tuple(state[name].shape)} in the file and {tuple(own[name].shape)} in the network")
        if missing:
            parts.append(f"missing in the file: {listed(missing, 3)}")
        if extra:
            parts.append(f"unknown to the network: {listed(extra, 3)}")
        raise WeightsError(f"The weights do not fit {what}: {'; '.join(parts)}.")
    fitting: Any = OrderedDict(state)
    # Names and shapes are the network's own, so its modules need not convert an older version's (MNASNet refuses what has none).
    fitting._metadata = getattr(network.state_dict(), "_metadata", {})
    network.load_state_dict(fitting, strict=False)


def fetch(url: str) -> Path:
    """A published weights file: from torch's cache, else fetched into it (whole or not at all, its hash checked).

    Raises ModelError that names the file, the cache folder and the address when neither is possible.
    """
    name = url.rsplit("/", 1)[-1]
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / name
    if path.is_file():
        return path
    hash_prefix = torch.hub.HASH_REGEX.search(name)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(url, str(path), hash_prefix[1] if hash_prefix else None, sys.stderr.isatty())
    except (urllib.error.URLError, http.client.HTTPException, OSError, RuntimeError) as error:
        reason = getattr(error, "reason", error)
        if isinstance(error, urllib.error.HTTPError):
            error.close()  # it holds the connection
        raise ModelError(
            f"The weights '{name}' are not in the cache '{folder}' and cannot be fetched from {url} ({reason}). Put the file "
            f"into that folder, or give your own with {setting('weights')}."
        ) from error
    return path
