"""A network from a person's own Python file: ``path/model.py:build``."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from seewhy.classifier import Classifier
from seewhy.errors import ModelError, did_you_mean, listed
from seewhy.load.parts import Parts
from seewhy.load.weights import fit, read_weights


def build(spec: str, weights: str | os.PathLike[str] | None, trust: bool) -> Parts:
    """Run the file and call the function; it returns an ``nn.Module`` or a ``seewhy.Classifier``."""
    (file, _, function) = spec.rpartition(":")
    if not file.endswith(".py"):
        raise ModelError(f"'{spec}' does not say which function builds the network: write '{spec}:build'.")
    module = _run(Path(file))
    builder: Any = getattr(module, function, None)
    if not callable(builder):
        functions = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
        raise ModelError(
            f"'{file}' has no function '{function}'.{did_you_mean(function, functions)} It has: {listed(functions) or 'none'}."
        )
    try:
        built = builder()
    except Exception as error:
        raise ModelError(f"{function}() in '{file}' failed: {type(error).__name__}: {error}") from error
    classifier = built if isinstance(built, Classifier) else None
    network = built.network if isinstance(built, Classifier) else built
    if not isinstance(network, nn.Module):
        raise ModelError(f"{function}() in '{file}' returned a {type(built).__name__}: it must return an nn.Module.")
    if weights is not None:
        fit(network, read_weights(weights, trust), f"the network of {spec}")
    if classifier is not None:
        names = classifier.given_classes
        return Parts(network, spec, classifier.preprocess, names, None, classifier)
    return Parts(network, f"{Path(file).name}:{function}")


def _run(path: Path) -> ModuleType:
    """The file as a module, with its own folder to import from while it runs."""
    if not path.is_file():
        raise ModelError(f"There is no file '{path}'.")
    spec = importlib.util.spec_from_file_location(f"seewhy_model_{path.stem}", path)
    if spec is None or spec.loader is None:
        raise ModelError(f"'{path}' cannot be run as Python.")
    module = importlib.util.module_from_spec(spec)
    folder = str(path.parent.resolve())
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ModelError(f"'{path}' cannot be run: {type(error).__name__}: {error}") from error
    finally:
        sys.path.remove(folder)
    return module
