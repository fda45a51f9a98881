"""A classifier as bytes, and back in another process: on this machine, or on one that has none of its files.

What is sent is what the classifier was made of; a plan is made anew where it arrives. The person's own is only read.
"""

from __future__ import annotations

import contextlib
import io
import sys
import sysconfig
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import torch

from seewhy.classifier import Classifier
from seewhy.engine.fingerprint import weights_hash
from seewhy.errors import MissingExtraError, ModelError, setting
from seewhy.load import from_torchvision

_INSTALLED = {"site-packages", "dist-packages"}  # folders whose modules every machine has to have


@dataclass(frozen=True)
class SentClassifier:
    """A classifier on its way. content : as torch writes it. torchvision : it may hold parts of that, whose import needs care."""

    content: bytes
    torchvision: bool


def sent_classifier(clf: Classifier) -> SentClassifier:
    """What :func:`classifier_from` needs. Code of the person's own (a script, a file beside it) travels, too.

    Raises ModelError for a network that cannot be taken apart.
    """
    parts = {
        "network": clf.network,
        "preprocess": clf.preprocess,
        "classes": clf.given_classes,
        "head": clf.head.kind,
        "output": clf.output,
        "precision": clf.precision,
        "display": clf.display,
        "explain": clf.explain,
        "inputs": dict(clf.inputs),
        "dimensions": clf.dimensions,
    }
    content = (parts, clf.name, weights_hash(clf.network) if clf.is_module else "")
    try:
        with _own_code_by_value():
            return SentClassifier(_pickled(content), "torchvision" in sys.modules)
    except Exception:  # code that cannot be sent may still be found where it is going
        try:
            return SentClassifier(_pickled(content), "torchvision" in sys.modules)
        except Exception as error:
            raise ModelError(
                f"{clf.name} cannot be sent to other processes ({_first_line(error)}): leave {setting('ray')} out, or load the "
                "network from a file (seewhy.load)."
            ) from error


def classifier_from(sent: SentClassifier, device: str | torch.device | None = None) -> Classifier:
    """The classifier, on the CPU where no device is named. Raises ModelError where its weights are not those that were sent."""
    if sent.torchvision:
        with contextlib.suppress(MissingExtraError):  # then no part of it is needed, or unpickling says so
            from_torchvision.models()
    (parts, name, weights) = torch.load(io.BytesIO(sent.content), map_location="cpu", weights_only=False)
    clf = Classifier(**parts, device=device)
    clf.name = name
    if clf.is_module and weights_hash(clf.network) != weights:
        raise ModelError(f"The weights of {name} arrived as others than were sent.")
    return clf


def _cloudpickle() -> Any:
    """Ray's own, which is there wherever its workers are."""
    from ray import cloudpickle

    return cloudpickle


def _pickled(content: Any) -> bytes:
    """By torch's own writer, which lets tensors of a GPU be read where there is none."""
    cloudpickle = _cloudpickle()

    class Pickler(cloudpickle.CloudPickler):  # type: ignore[misc,name-defined]
        def reducer_override(self, obj: Any) -> Any:
            if isinstance(obj, torch.jit.ScriptModule):
                return _script_from, (_script_bytes(obj), obj.training)
            return super().reducer_override(obj)

    buffer = io.BytesIO()
    torch.save(content, buffer, pickle_module=SimpleNamespace(__name__="cloudpickle", Pickler=Pickler), pickle_protocol=4)
    return buffer.getvalue()


def _script_bytes(module: torch.jit.ScriptModule) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript itself is what torch advises against
        torch.jit.save(module, buffer)
    return buffer.getvalue()


def _script_from(content: bytes, training: bool) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.load(io.BytesIO(content), map_location="cpu").train(training)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def _own_code_by_value() -> Iterator[None]:
    """Classes and functions of modules that are not installed are written down as code, not by their names."""
    cloudpickle = _cloudpickle()
    known = cloudpickle.list_registry_pickle_by_value()
    modules = [module for module in list(sys.modules.values()) if _is_own(module) and module.__name__ not in known]
    for module in modules:
        cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        for module in modules:
            cloudpickle.unregister_pickle_by_value(module)


def _is_own(module: Any) -> bool:
    """True for a module that another machine need not have."""
    file = getattr(module, "__file__", None)
    if not isinstance(module, ModuleType) or not isinstance(file, str) or sys.modules.get(module.__name__) is not module:
        return False
    if module.__name__.partition(".")[0] in ("__main__", "seewhy"):  # cloudpickle knows the first one
        return False
    path = Path(file)
    standard = {sysconfig.get_path(name) for name in ("stdlib", "platstdlib")}
    return not _INSTALLED & set(path.parts) and not any(path.is_relative_to(folder) for folder in standard)


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
