"""A network from a person's own Python file: ``path/model.py:build``."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from torch import nn

from seewhy.classifier import Classifier
from seewhy.engine.plan import unwrap
from seewhy.errors import ModelError, WeightsError, did_you_mean, listed
from seewhy.load import from_torchvision
from seewhy.load.parts import Parts
from seewhy.load.weights import Weights, fit, read_weights

Result = TypeVar("Result")


def build(spec: str, weights: Weights | None, trust: bool) -> Parts:
    """Run the file and call the function; it returns an ``nn.Module`` or a ``seewhy.Classifier``."""
    (file, _, function) = spec.rpartition(":")
    if not file.endswith(".py"):
        raise ModelError(f"'{spec}' does not say which function builds the network: write '{spec}:build'.")
    path = Path(file)
    if not path.is_file():
        raise ModelError(f"There is no file '{path}'.")
    with own_folders(path.parent):
        module = _run(path)
        builder: Any = getattr(module, function, None)
        if not callable(builder):
            functions = [n for n, v in vars(module).items() if callable(v) and not n.startswith("_")]
            raise ModelError(
                f"'{file}' has no function '{function}'.{did_you_mean(function, functions)} It has: "
                f"{listed(functions) or 'none'}."
            )
        try:
            built = _with_torchvision(builder)
        except (Exception, SystemExit) as error:
            raise ModelError(f"{function}() in '{file}' failed: {type(error).__name__}: {error}") from error
    classifier = built if isinstance(built, Classifier) else None
    network = built.network if isinstance(built, Classifier) else unwrap(built)
    if classifier is None and not isinstance(network, nn.Module) and not hasattr(network, "predict_proba"):
        raise ModelError(
            f"{function}() in '{file}' returned a {type(built).__name__}: it must return an nn.Module or a seewhy.Classifier."
        )
    if weights is not None:
        if not isinstance(network, nn.Module):
            raise WeightsError(f"The network of {spec} is a function: weights cannot be put into it.")
        fit(network, read_weights(weights, trust), f"the network of {spec}")
    if isinstance(network, nn.Module):
        with suppress(NotImplementedError):  # programs of torch.export refuse
            network.eval()  # as all that is loaded: every constructor leaves train mode behind
    if classifier is not None:
        names = classifier.given_classes
        return Parts(network, spec, classifier.preprocess, names, None, classifier)
    return Parts(network, f"{Path(file).name}:{function}")


_imported: dict[str, str] = {}  # modules that earlier files have imported from their own folders, and the folders


@contextmanager
def own_folders(*folders: Path) -> Iterator[None]:
    """A file's folders to import from, the first one first.

    What another file has imported from its own is forgotten where these have a module of the same name: both may have a
    ``layers.py``. What anybody can import, from ``sys.path`` or where one stands, is put back afterwards.
    """
    added = list(dict.fromkeys(str(folder.resolve()) for folder in folders))
    ordinary = {str(Path(entry).resolve()) for entry in (*sys.path, "")}
    put_back: dict[str, ModuleType] = {}
    for name, home in list(_imported.items()):
        if name in sys.modules and _home(name, added) not in (None, home):
            module = sys.modules.pop(name)
            if home in ordinary:
                put_back[name] = module
            else:
                del _imported[name]
    before = set(sys.modules)
    sys.path[:0] = added
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            file = str(getattr(sys.modules[name], "__file__", None) or "")
            homes = [entry for entry in sys.path if file.startswith(entry.rstrip(os.sep) + os.sep)]
            home = max(homes, key=len, default="")
            if home not in added:  # in a site-packages further down, as below a project's .venv
                continue
            if {name, name.partition(".")[0]} & set(put_back):
                del sys.modules[name]
            else:
                _imported[name] = home
        sys.modules.update(put_back)
        for folder in added:
            sys.path.remove(folder)


def _home(name: str, folders: list[str]) -> str | None:
    """The first of the folders that has the module, or the package that it belongs to."""
    (package, _, _) = name.partition(".")
    return next((folder for folder in folders if PathFinder.find_spec(package, [folder]) is not None), None)


def _run(path: Path) -> ModuleType:
    """The file as a module."""
    try:
        return _with_torchvision(lambda: _execute(path))
    except (Exception, SystemExit) as error:
        raise ModelError(f"'{path}' cannot be run: {type(error).__name__}: {error}") from error


def _with_torchvision(call: Callable[[], Result]) -> Result:
    """What it returns. Where it wants torchvision beside a CPU torch, that is mended and it is called again."""
    try:
        return call()
    except (Exception, SystemExit) as error:
        reason: BaseException | None = error
        while reason is not None and from_torchvision.MISSING not in str(reason):
            reason = reason.__cause__  # transformers' own error stands in front
        if reason is None:
            raise
    from_torchvision.models()
    return call()


def _execute(path: Path) -> ModuleType:
    name = f"seewhy_model_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise ImportError("it is no Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up there
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
