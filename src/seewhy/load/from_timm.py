"""Networks of timm, with their published or a person's own weights, their data configuration and class names.

This is the only file that imports timm.
"""

from __future__ import annotations

import functools
import re
from types import ModuleType
from typing import Any

from torch import nn

from seewhy.errors import MissingExtraError, ModelError, OptionError, did_you_mean, listed, setting
from seewhy.load import hub
from seewhy.load.building import head_of, outputs_in, without_initial_values
from seewhy.load.from_torchvision import models as torchvision_models
from seewhy.load.parts import Parts
from seewhy.load.weights import Weights, fit, read_weights
from seewhy.preprocess import INTERPOLATIONS, Preprocess

OLDEST = "1.0.26"  # older ones unpickle weights; as in pyproject.toml
_FILES = ("model.safetensors", "pytorch_model.bin")  # what timm calls its weights on the hub


@functools.cache
def timm() -> ModuleType:
    """The package. Raises MissingExtraError where it is not installed, or too old."""
    try:
        torchvision_models()  # timm imports torchvision, which may want to be mended first
        import timm
    except (MissingExtraError, ModuleNotFoundError) as error:
        raise MissingExtraError("timm:NAME needs timm, which is not installed: pip install 'seewhy[timm]'.") from error
    if _numbers(timm.__version__) < _numbers(OLDEST):
        raise MissingExtraError(
            f"timm:NAME needs timm {OLDEST} or newer, and {timm.__version__} is installed: pip install 'seewhy[timm]'."
        )
    module: ModuleType = timm
    return module


def _numbers(version: str) -> list[int]:
    """[1, 0, 26] of "1.0.26", and of "1.0.26.dev0" too."""
    return [int(number) for number in re.findall(r"\d+", version)[:3]]


def names() -> list[str]:
    """The architectures that can be loaded by name."""
    return list(timm().list_models())


def build(name: str, weights: Weights | None, trust: bool) -> Parts:
    """A network by name, ``resnet50`` or with the name of its weights behind a dot, ``resnet50.a1_in1k``."""
    (architecture, _, tag) = name.partition(".")
    known = names()
    if architecture not in known:
        raise ModelError(
            f"There is no network '{architecture}' in timm.{did_you_mean(architecture, known)} seewhy models {architecture[:4]} "
            f"--source timm searches its {len(known)} names."
        )
    if tag and name not in (published := timm().list_pretrained(f"{architecture}.*")):
        raise ModelError(f"timm has no weights '{tag}' of {architecture}: it has {listed(published) or 'none'}.")
    if weights is None:
        network = _published(name)
        outputs = int(network.num_classes)  # type: ignore[arg-type]
    else:
        state = read_weights(weights, trust)
        head = head_of(lambda classes: timm().create_model(name, num_classes=classes))
        outputs = outputs_in(state, head, name)
        with without_initial_values():
            network = timm().create_model(name, num_classes=outputs)
        fit(network, state, f"{name} with {outputs} classes")
    return Parts(network.eval(), f"timm:{name}", _preprocess(network), _classes(network, outputs), outputs)


def _published(name: str) -> nn.Module:
    """With the published weights: from the cache, else as timm fetches them."""
    published = timm().get_pretrained_cfg(name)
    if published is None or not published.has_weights:
        raise ModelError(f"timm has no published weights of {name}: give your own with {setting('weights')}.")
    overlay = None
    repository = published.hf_hub_id
    if repository:
        path = hub.cached(repository, [published.hf_hub_filename] if published.hf_hub_filename else _FILES)
        overlay = None if path is None else {"file": str(path)}
    if repository and overlay is None:
        hub.check_reachable(f"timm:{name}", repository)
    try:
        with without_initial_values():
            network: nn.Module = timm().create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    except Exception as error:  # the hub's, the network's, a broken file's
        raise hub.unfetched(f"timm:{name}", repository or str(published.url), error) from error
    return network


def _preprocess(network: nn.Module) -> Any:
    """The architecture's own data configuration: as a Preprocess where that says the same, else timm's transform."""
    data = timm().data
    config = data.resolve_data_config(model=network)
    (channels, height, width) = config["input_size"]
    interpolation = {"random": "bilinear"}.get(config["interpolation"], config["interpolation"])
    share = config["crop_pct"] or data.DEFAULT_CROP_PCT
    resize: Any = {"center": int(height / share), "squash": "stretch"}.get(config["crop_mode"] or "center")
    is_stretched = resize == "stretch" and share == 1
    try:
        if not (is_stretched or (isinstance(resize, int) and height == width)) or interpolation not in INTERPOLATIONS:
            raise OptionError("a Preprocess has no words for it")
        return Preprocess(
            size=height if height == width else (height, width),
            resize=resize or "shorter",
            mean=tuple(config["mean"]),
            std=tuple(config["std"]),
            channels=channels,
            interpolation=interpolation,
        )
    except OptionError:
        return data.create_transform(**config, is_training=False)


def _classes(network: nn.Module, outputs: int) -> list[str] | None:
    """The names of ImageNet's classes, where the published head has so many and they are ImageNet's."""
    data = timm().data
    published: Any = getattr(network, "pretrained_cfg", {})
    subset = data.infer_imagenet_subset(dict(published))
    if subset is None or published.get("num_classes") != outputs:
        return None
    info = data.ImageNetInfo(subset)
    return [f"{info.index_to_label_name(i)} {info.index_to_description(i)}" for i in range(outputs)]
