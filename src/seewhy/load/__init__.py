"""From a name or a file to a classifier: ``load("resnet50")``, ``load("model.py:build")``, ``load("demo:honest")``."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch

from seewhy.classes import ClassNames
from seewhy.classifier import Classifier
from seewhy.errors import ModelError, setting
from seewhy.load import demo, from_file, from_torchvision
from seewhy.load.parts import Parts
from seewhy.load.weights import READ_SAVED, Weights
from seewhy.preprocess import Preprocess

SPECS = "'resnet50' (any classification network of torchvision), 'path/model.py:build', 'demo:honest'"


def load(
    spec: str | os.PathLike[str],
    weights: Weights | None = None,
    classes: Any = None,
    preprocess: Any = None,
    head: str | None = None,
    device: str | torch.device | None = None,
    precision: str = "exact",
    trust: bool = False,
    display: int | Sequence[int] | None = None,
) -> Classifier:
    """A classifier from its name or file.

    spec : "resnet50" or "torchvision:resnet50"; "path/model.py:build" (a function that returns an ``nn.Module`` or a
        ``seewhy.Classifier``); "demo:honest", "demo:shortcut" (bear | cow | sheep), "demo:bear" (bear | not bear).
    weights : your own for that architecture: a ``.safetensors`` or ``.pth`` file, or a dictionary of tensors
        (``model.state_dict()``); None takes the published ones, from the cache or the network. The number of classes is read off
        them.
    classes : class names, a list, a dictionary ``{0: name}`` or a file (one a line, or .json); None takes the names that belong
        to the published weights.
    preprocess : None takes the library's own for that architecture.
    head : None means "softmax", or "binary" for a single output: class 0 is its negative side, class 1 its positive one, and the
        name of class 1 is enough.
    display : the bands that pictures show of photos with many; see ``Classifier``.
    trust : unpickle what could run code. Without it only safetensors and tensors are read.

    Raises ModelError (unknown name, not to be fetched), WeightsError (unsafe, broken, does not fit), ClassesError.
    """
    if not isinstance(spec, (str, os.PathLike)):
        raise ModelError(f"A model cannot be loaded from a {type(spec).__name__}: write {SPECS}, or seewhy.Classifier(network).")
    text = os.fspath(spec)
    if text.lower().endswith(".npz"):
        raise ModelError(f"'{text}' is no network: an explanation saved as .npz is read with {READ_SAVED.format(text)}.")
    (source, _, name) = text.partition(":")
    if source == "demo":
        parts = _demo(name, weights)
    elif ".py" in text:
        parts = from_file.build(text, weights, trust)
    elif source == "torchvision" or ":" not in text:
        parts = from_torchvision.build(name or text, weights, trust)
    else:
        raise ModelError(f"The model '{text}' is not known: write {SPECS}.")
    built = parts.classifier
    if built is not None and (classes, preprocess, head, device, precision, display) == (None, None, None, None, "exact", None):
        return built
    head = head or (built.head.kind if built is not None else "binary" if parts.outputs == 1 else "softmax")
    names = classes if classes is not None else parts.classes
    if names is not None:
        names = ClassNames.read(names, binary=head == "binary")
        parts.check_count(names)
    classifier = Classifier(
        parts.network,
        preprocess=preprocess if preprocess is not None else parts.preprocess,
        classes=names,
        head=head,
        output=None if built is None else built.output,
        device=device,
        precision=built.precision if built is not None and precision == "exact" else precision,
        display=built.display if built is not None and display is None else display,
        explain=None if built is None else built.explain,
        inputs=None if built is None else built.inputs,
    )
    classifier.name = parts.name
    return classifier


def _demo(name: str, weights: object) -> Parts:
    if weights is not None:
        raise ModelError(f"The demo networks bring their own weights: leave {setting('weights')} out.")
    (network, classes) = demo.demo_network(name)
    prepare = Preprocess(size=demo.DEMO_SIZE, resize="stretch", mean=demo.DEMO_MEAN, std=demo.DEMO_STD)
    return Parts(network, f"demo:{name}", prepare, classes, len(classes))


__all__ = ["load"]
