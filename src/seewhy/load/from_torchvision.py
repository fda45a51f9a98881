"""Classification networks of torchvision, with their own weights, preprocessing and class names.

This is the only file that imports torchvision.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import nn

from seewhy.errors import MissingExtraError, ModelError, did_you_mean, listed
from seewhy.load.building import head_of, outputs_in, without_initial_values
from seewhy.load.parts import Parts
from seewhy.load.weights import State, Weights, fetch, fit, read_weights
from seewhy.preprocess import Preprocess

# What torchvision's compiled part declares and classification does not use. Its published wheel is built for CUDA; beside a
# CPU build of torch that part does not load, and the import stops at these two names.
MISSING = "operator torchvision::nms does not exist"
_OPERATORS = ("nms", "qnms")
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"


@functools.cache
def models() -> ModuleType:
    """``torchvision.models``, also beside a CPU build of torch. Raises MissingExtraError where it is not installed."""
    try:
        return _import()
    except RuntimeError as error:
        if not any(f"operator torchvision::{operator} does not exist" in str(error) for operator in _OPERATORS):
            raise
    library: Any = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    _kept_alive.append(library)  # the operators vanish with the object
    for operator in _OPERATORS:
        try:
            library.define(f"{operator}{_SCHEMA}")
        except RuntimeError as error:  # another library (timm, a notebook) has registered it already
            if "multiple" not in str(error) and "already" not in str(error):
                raise
    return _import()


_kept_alive: list[Any] = []


def _import() -> ModuleType:
    try:
        with _compiler_later():
            import torchvision.models  # type: ignore[import-untyped]
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "Networks by name come from torchvision, which is not installed: pip install 'seewhy[torchvision]'."
        ) from error
    module: ModuleType = torchvision.models
    return module


_COMPILER = "torch._dynamo.utils"


class _LateCompiler(ModuleType):
    """Stands for the module of torch's compiler that torchvision imports, and brings it when something of it is used."""

    def __init__(self) -> None:
        super().__init__(_COMPILER)

    @staticmethod
    def is_compile_supported(device_type: Any) -> bool:
        """What torchvision takes from it: object detection calls it, no classification network does."""
        return bool(importlib.import_module(_COMPILER).is_compile_supported(device_type))

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system asks for __path__
            raise AttributeError(name)
        if sys.modules.get(_COMPILER) is self:
            del sys.modules[_COMPILER]
        return getattr(importlib.import_module(_COMPILER), name)


@contextmanager
def _compiler_later() -> Iterator[None]:
    """Import torchvision without the compiler of torch, which takes as long as torch itself (it brings sympy)."""
    stand_in = _LateCompiler()
    sys.modules.setdefault(_COMPILER, stand_in)
    try:
        yield
    finally:
        if sys.modules.get(_COMPILER) is stand_in:
            del sys.modules[_COMPILER]


def names() -> list[str]:
    """The classification networks that can be loaded by name."""
    return list(models().list_models(module=models()))


def build(name: str, weights: Weights | None, trust: bool) -> Parts:
    """A network by name: with the published weights, or with a person's own."""
    if name not in names():
        own = " (a file? write its function too: 'model.py:build')" if os.sep in name or "." in name else ""
        raise ModelError(
            f"There is no classification network '{name}' in torchvision{own}.{did_you_mean(name, names())} Examples: "
            f"{listed(['squeezenet1_0', 'googlenet', 'resnet18', 'resnet50', 'mobilenet_v2', 'vgg16'])}."
        )
    published = models().get_model_weights(name).DEFAULT
    source = fetch(published.url) if weights is None else weights
    state = read_weights(source, trust)
    outputs = _outputs(name, state)
    network = _network(name, outputs, state, is_published=_is_published(source, published.url))
    fit(network, _renamed(network, state), f"{name} with {outputs} classes")
    names_known = published.meta["categories"] if outputs == len(published.meta["categories"]) else None
    return Parts(network.eval(), name, _preprocess(published), names_known, outputs)


def _is_published(weights: Weights, url: str) -> bool:
    """True for the published file, also in another folder."""
    return not isinstance(weights, Mapping) and Path(weights).name == url.rsplit("/", 1)[-1]


def _renamed(network: nn.Module, state: State) -> State:
    """The published DenseNets name their layers "norm.1" where the module has "norm1"."""
    own = network.state_dict()
    short = {k: k.replace("norm.", "norm").replace("conv.", "conv") for k in state}
    return {k if k in own or short[k] not in own else short[k]: value for k, value in state.items()}


def _network(name: str, outputs: int, state: State, is_published: bool) -> nn.Module:
    """The architecture as the file was saved: with or without auxiliary heads."""
    settings: dict[str, Any] = {"num_classes": outputs}
    known = _settings(name)
    if "aux_logits" in known:  # GoogLeNet and Inception-v3
        settings["aux_logits"] = any(key.lower().startswith("aux") for key in state)
    if "transform_input" in known:  # their published weights expect another normalisation inside forward
        settings["transform_input"] = is_published
    if "init_weights" in known:  # drawing weights that are overwritten at once takes seconds
        settings["init_weights"] = False
    with without_initial_values():
        network: nn.Module = models().get_model(name, weights=None, **settings)
    return network


def _settings(name: str) -> set[str]:
    """What the network's constructor takes, beyond what its builder names."""
    module = inspect.getmodule(models().get_model_builder(name))
    classes = [c for _, c in inspect.getmembers(module, inspect.isclass) if c.__module__ == getattr(module, "__name__", "")]
    builders = [c for c in classes if issubclass(c, nn.Module) and "num_classes" in inspect.signature(c).parameters]
    return set().union(*(inspect.signature(c).parameters for c in builders if "num_classes" in inspect.signature(c).parameters))


def _outputs(name: str, state: State) -> int:
    """How many classes the file has: read off the last layer of the architecture."""
    return outputs_in(state, _head_of(name), name)


@functools.cache
def _head_of(name: str) -> str:
    """The parameter of the last layer, whose first side is the number of classes: the one that changes with it."""
    settings: dict[str, Any] = {"init_weights": False} if "init_weights" in _settings(name) else {}
    return head_of(lambda classes: models().get_model(name, weights=None, num_classes=classes, **settings))


def _preprocess(published: Any) -> Preprocess:
    """The library's own preprocessing of these weights."""
    own = published.transforms()
    return Preprocess(
        size=int(own.crop_size[0]),
        resize=int(own.resize_size[0]),
        mean=tuple(own.mean),
        std=tuple(own.std),
        interpolation=str(own.interpolation.value),
    )
