"""From a name or a file to a classifier: ``load("resnet50")``, ``load("model.py:build")``, ``load("net.onnx")``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from seewhy.classes import ClassNames
from seewhy.classifier import Classifier
from seewhy.errors import ModelError, OptionError, setting
from seewhy.load import demo, from_file, from_onnx, from_saved, from_timm, from_torchvision, from_transformers
from seewhy.load.parts import Parts
from seewhy.load.sources import SOURCES, SPECS, Known, ModelSource, known_networks
from seewhy.load.weights import READ_SAVED, WEIGHTS_SUFFIXES, Weights
from seewhy.preprocess import Preprocess

_SAVED_SUFFIXES = (*WEIGHTS_SUFFIXES, ".pt2")


def load(
    spec: str | os.PathLike[str],
    weights: Weights | None = None,
    classes: Any = None,
    preprocess: Any = None,
    head: str | None = None,
    device: str | torch.device | None = None,
    precision: str = "exact",
    trust: bool = False,
    output: Any = None,
    display: int | Sequence[int] | None = None,
    dimensions: int | None = None,
) -> Classifier:
    """A classifier from its name or file.

    spec : "resnet50" or "torchvision:resnet50"; "timm:NAME"; "hf:NAME", or a folder that ``save_pretrained`` of transformers
        wrote; "path/model.py:build" (a function that returns an ``nn.Module`` or a ``seewhy.Classifier``); "path/model.onnx"
        (black-box methods only); "path/net.pt", ".pth" or ".pt2" (TorchScript; with ``trust`` torch.export and
        ``torch.save(model)``); "demo:honest", "demo:shortcut" (bear | cow | sheep), "demo:bear" (bear | not bear).
    weights : your own for that architecture: a ``.safetensors``, ``.pth`` or Lightning ``.ckpt`` file, or a dictionary of tensors
        (``model.state_dict()``); None takes the published ones, from the cache or the network. The number of classes is read off
        them.
    classes : class names, a list, a dictionary ``{0: name}`` or a file (one a line, or .json); None takes the names that belong
        to the published weights, or that the file holds.
    preprocess : None takes the library's own for that architecture; of .onnx and .pt2 files only the size is known.
    head : None means "softmax", or "binary" for a single output: class 0 is its negative side, class 1 its positive one, and the
        name of class 1 is enough.
    display : the bands that pictures show of photos with many; see ``Classifier``.
    trust : read what could run code (pickled networks, programs of torch.export) or write files (TorchScript whose code calls
        such operations, or may hide them). Without it only tensors and other TorchScript are read.
    output : as in ``Classifier``: which of several outputs holds the class scores.
    dimensions : 3 for networks of volumes; see ``Classifier``. None: what a function's own ``Classifier`` says, else 2.

    Raises ModelError (unknown name, not to be fetched), WeightsError (unsafe, broken, does not fit), ClassesError,
    MissingExtraError (names the package that is not installed).
    """
    if not isinstance(spec, (str, os.PathLike)):
        raise ModelError(f"A model cannot be loaded from a {type(spec).__name__}: write {SPECS}, or seewhy.Classifier(network).")
    text = os.fspath(spec)
    parts = _parts(text, weights, trust, device)
    built = parts.classifier
    changes = (classes, preprocess, head, device, output, display, dimensions)
    if built is not None and precision == "exact" and all(change is None for change in changes):
        return built
    dimensions = (2 if built is None else built.dimensions) if dimensions is None else dimensions
    if dimensions == 3 and preprocess is None and parts.preprocess is not None:
        raise OptionError(f"{setting('dimensions', 3)}: {parts.name} brings the preprocessing of photos; leave it out.")
    own_head = parts.head if built is None else built.head.kind
    head = head or own_head or ("binary" if parts.outputs == 1 else "softmax")
    names = classes if classes is not None else parts.classes
    if names is not None:
        names = ClassNames.read(names, binary=head == "binary")
        parts.check_count(names, head == "binary")
    classifier = Classifier(
        parts.network,
        preprocess=preprocess if preprocess is not None else parts.preprocess,
        classes=names,
        head=head,
        output=built.output if built is not None and output is None else output,
        device=None if isinstance(parts.network, from_onnx.OnnxNetwork) else device,  # onnxruntime moves its own tensors
        precision=built.precision if built is not None and precision == "exact" else precision,
        display=built.display if built is not None and display is None else display,
        explain=None if built is None else built.explain,
        inputs=None if built is None else built.inputs,
        dimensions=dimensions,
    )
    classifier.name = parts.name
    return classifier


def _parts(text: str, weights: Weights | None, trust: bool, device: str | torch.device | None) -> Parts:
    """Which loader a name or a file is for."""
    (prefix, _, name) = text.partition(":")
    suffix = Path(text).suffix.lower()
    if suffix == ".npz":
        raise ModelError(f"'{text}' is no network: an explanation saved as .npz is read with {READ_SAVED.format(text)}.")
    if prefix == "demo":
        return _demo(name, weights)
    if prefix == "timm":
        return from_timm.build(name, weights, trust)
    if prefix == "hf":
        return from_transformers.build(name, weights, trust)
    if prefix == "torchvision":
        return from_torchvision.build(name, weights, trust)
    if suffix == ".onnx":
        return from_onnx.build(text, weights, device)
    if ".py" in text:
        return from_file.build(text, weights, trust)
    if Path(text).is_dir():
        return from_transformers.build(text, weights, trust)
    if suffix in _SAVED_SUFFIXES or Path(text).is_file():
        return from_saved.build(text, weights, trust)
    if ":" in text:
        module = Path(f"{prefix.replace('.', '/')}.py")
        if module.is_file():
            raise ModelError(f"The model '{text}' is not known: for the file write '{module}:{name}'.")
        raise ModelError(f"The model '{text}' is not known: write {SPECS}.")
    return from_torchvision.build(text, weights, trust)


def _demo(name: str, weights: object) -> Parts:
    if weights is not None:
        raise ModelError(f"The demo networks bring their own weights: leave {setting('weights')} out.")
    (network, classes) = demo.demo_network(name)
    prepare = Preprocess(size=demo.DEMO_SIZE, resize="stretch", mean=demo.DEMO_MEAN, std=demo.DEMO_STD)
    return Parts(network, f"demo:{name}", prepare, classes, len(classes))


__all__ = ["SOURCES", "Known", "ModelSource", "known_networks", "load"]
