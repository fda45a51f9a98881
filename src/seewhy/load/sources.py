"""Where a network can come from: the one list that ``load``'s messages, ``seewhy models`` and the documentation share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from seewhy.errors import MissingExtraError, OptionError, listed, setting
from seewhy.load import from_timm, from_torchvision
from seewhy.load.demo import DEMO_NETWORKS


@dataclass(frozen=True)
class ModelSource:
    """A form in which ``load`` takes a network.

    example : what a person writes. about : what that is, and what can be done with it, in a clause (its settings marked, see
    ``errors.Message``). extra : the optional package
    of seewhy that it needs, "" for none. names : the networks that it knows by name; None where there is no list of them.
    prefix : stands before a name.
    """

    name: str
    example: str
    about: str
    extra: str = ""
    names: Callable[[], list[str]] | None = None
    prefix: str = ""


SOURCES: dict[str, ModelSource] = {
    source.name: source
    for source in (
        ModelSource(
            "torchvision",
            "resnet50",
            f"a classification network of torchvision: published weights, or your own ({setting('weights')})",
            "torchvision",
            from_torchvision.names,
        ),
        ModelSource(
            "timm",
            "timm:convnext_tiny",
            "a network of timm, with its own preprocessing: published weights, or your own",
            "timm",
            from_timm.names,
            "timm:",
        ),
        ModelSource(
            "transformers",
            "hf:microsoft/resnet-50",
            "an image classifier of Hugging Face, by name or as a folder of save_pretrained, with its own image processor",
            "transformers",
        ),
        ModelSource(
            "function",
            "path/model.py:build",
            "your own function that returns an nn.Module, a seewhy.Classifier, or a model with predict_proba",
        ),
        ModelSource("onnx", "path/model.onnx", "run by onnxruntime: occlusion, LIME, RISE", "onnx"),
        ModelSource(
            "saved",
            "path/net.pt",
            f"TorchScript: scores and gradients; torch.export (.pt2) or torch.save(model), both with {setting('trust', True)}",
        ),
        ModelSource("demo", "demo:honest", "the embedded networks for drawn scenes", "", lambda: list(DEMO_NETWORKS), "demo:"),
    )
}
SPECS = ", ".join(f"'{source.example}'" for source in SOURCES.values())


@dataclass(frozen=True)
class Known:
    """The networks that a source knows by name, as they are written for ``load``. missing : why it cannot be asked, else ""."""

    source: str
    names: tuple[str, ...]
    missing: str = ""


def known_networks(text: str = "", source: str | None = None) -> list[Known]:
    """The names that contain ``text``, in any case, of each source that has a list, or of one. Raises OptionError."""
    with_names = [entry for entry in SOURCES.values() if entry.names is not None]
    if source in SOURCES and source not in (entry.name for entry in with_names):
        raise OptionError(
            f"{setting('source', source)}: what it has cannot be listed; write for example '{SOURCES[source].example}'."
        )
    if source is not None and source not in (entry.name for entry in with_names):
        raise OptionError(f"{setting('source', source)}: write one of {listed(entry.name for entry in with_names)}.")
    return [_known(entry, text.lower()) for entry in with_names if source in (None, entry.name)]


def _known(source: ModelSource, text: str) -> Known:
    assert source.names is not None
    try:
        names = [f"{source.prefix}{name}" for name in source.names()]
    except MissingExtraError as error:
        return Known(source.name, (), error.line)
    return Known(source.name, tuple(name for name in names if text in name.lower()))
