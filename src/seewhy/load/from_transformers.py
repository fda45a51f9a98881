"""Image classifiers of transformers, by name on the hub or from a folder that ``save_pretrained`` wrote.

This is the only file that imports transformers.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from seewhy.errors import MissingExtraError, ModelError, OptionError, listed, setting
from seewhy.load import hub
from seewhy.load.building import head_of, outputs_in, without_initial_values
from seewhy.load.from_torchvision import models as torchvision_models
from seewhy.load.parts import Parts
from seewhy.load.weights import Weights, fit, read_weights
from seewhy.photo import Picture
from seewhy.preprocess import Preprocess
from seewhy.sized import sized

CONFIG = "config.json"
_PROCESSOR = "preprocessor_config.json"
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json", "pytorch_model.bin")
_HEADS = {"multi_label_classification": "sigmoid", "regression": "none"}  # what it was trained for, where its config says so
_TRIALS = ((61, 97), (90, 53))  # rows and columns of the pictures on which a description is compared with the processor
# Grey levels that a description may differ by, at most and in the mean: two libraries round a resized pixel differently.
_MOST, _MEAN = 2.5, 0.25


@functools.cache
def transformers() -> ModuleType:
    """The package. Raises MissingExtraError where it is not installed."""
    with contextlib.suppress(MissingExtraError):  # its image processors do without
        torchvision_models()  # which they import where it is there, and which may want to be mended first
    try:
        import transformers
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "Networks of Hugging Face need transformers, which is not installed: pip install 'seewhy[transformers]'."
        ) from error
    module: ModuleType = transformers
    return module


def build(name: str, weights: Weights | None, trust: bool) -> Parts:
    """A classifier from a folder, or by its name on the hub; from the cache where it is there."""
    folder = Path(name)
    is_folder = folder.is_dir()
    if is_folder and not (folder / CONFIG).is_file():
        raise ModelError(f"The folder '{name}' has no {CONFIG}: give one that save_pretrained of transformers wrote.")
    transformers()
    is_cached = is_folder or (hub.cached(name, (CONFIG,)) and (weights is not None or hub.cached(name, _WEIGHTS))) is not None
    if not is_cached:
        hub.check_reachable(f"hf:{name}", name)
    with _quiet():
        config = _of_hub("AutoConfig", name, is_cached)
        network = _network(name, config, weights, trust, is_cached)
        preprocess = _preprocess(name, config)
    outputs = int(network.config.num_labels)  # type: ignore[union-attr, arg-type]
    labels = getattr(network.config, "id2label", None)
    classes = dict(labels) if labels is not None and len(labels) == outputs else None
    head = _HEADS.get(getattr(network.config, "problem_type", None) or "")
    return Parts(
        network.eval(),
        f"hf:{name}" if not is_folder else folder.name,
        preprocess,
        classes,
        outputs,
        head="binary" if head == "sigmoid" and outputs == 1 else head,
    )


def _network(name: str, config: Any, weights: Weights | None, trust: bool, is_cached: bool) -> nn.Module:
    """With its own weights, or with a person's; then the number of classes is read off them."""
    kind = transformers().AutoModelForImageClassification
    if type(config) not in kind._model_mapping:
        raise ModelError(
            f"'{name}' is a {config.model_type}, and transformers has no image classifier of that kind: give one that classifies."
        )
    if weights is None:
        settings = {"use_safetensors": None if trust else True, "output_loading_info": True}
        (network, loading) = _of_hub("AutoModelForImageClassification", name, is_cached, **settings)
        if loading["missing_keys"]:
            raise ModelError(
                f"'{name}' has no weights of {listed(sorted(loading['missing_keys']), 3)}: it was never trained to classify. "
                "Give a model that was."
            )
        return network  # type: ignore[no-any-return]
    state = read_weights(weights, trust)

    def built(classes: int) -> nn.Module:
        own = type(config).from_dict(config.to_dict())
        if classes != own.num_labels:
            own.num_labels = classes
        network: nn.Module = kind.from_config(own)
        return network

    outputs = outputs_in(state, head_of(built), name)
    with without_initial_values():
        network = built(outputs)
    fit(network, state, f"{name} with {outputs} classes")
    return network


def _of_hub(kind: str, name: str, is_cached: bool, **settings: Any) -> Any:
    """``transformers.kind.from_pretrained``; what goes wrong is one line."""
    try:
        return getattr(transformers(), kind).from_pretrained(
            name, local_files_only=is_cached, trust_remote_code=False, **settings
        )
    except Exception as error:  # of the hub, of the network, of a file
        text = str(error).strip().splitlines()
        reason = text[0] if text else type(error).__name__
        if "trust_remote_code" in str(error):
            raise ModelError(
                f"'{name}' brings Python code of its own, which seewhy never runs: write a function that builds it, and give "
                "path/model.py:build."
            ) from error
        if "safetensors" in str(error) and settings.get("use_safetensors"):
            raise ModelError(
                f"'{name}' has no weights in safetensors, and reading others could run code: save it with "
                f"save_pretrained(safe_serialization=True), or, if you trust its author, say {setting('trust', True)}."
            ) from error
        if not is_cached:
            raise hub.unfetched(f"hf:{name}", name, error) from error
        raise ModelError(f"'{name}' cannot be read by transformers: {reason}") from error


# -- preprocessing ------------------------------------------------------------------------------------------------------------


def _preprocess(name: str, config: Any) -> Any:
    """The image processor: as a Preprocess where that gives the same pixels, else as it is; without one, the size alone."""
    folder = Path(name)
    is_folder = folder.is_dir()
    if not ((folder / _PROCESSOR).is_file() if is_folder else hub.has(f"hf:{name}", name, _PROCESSOR)):
        side = getattr(config, "image_size", None)
        size = tuple(side) if isinstance(side, (tuple, list)) else (side, side)
        return sized(size, getattr(config, "num_channels", 3), f"{CONFIG} (there is no {_PROCESSOR})")
    is_cached = is_folder or hub.cached(name, (_PROCESSOR,)) is not None
    processor = _of_hub("AutoImageProcessor", name, is_cached)
    return next((own for own in _descriptions(processor) if _gives_the_same(own, processor)), processor)


@dataclass(frozen=True)
class ProcessorPreprocess(Preprocess):
    """A Preprocess as image processors of transformers do it: where the middle lies between two pixels, the crop begins at the
    first of them (torchvision's may begin at the second).

    blue_first : the network reads blue, green, red; mean and std are in that order, too.
    """

    blue_first: bool = False

    def normalise(self, pixels: torch.Tensor) -> torch.Tensor:
        """``(N, 3, h, w)`` RGB pixels to the values the network was trained on; differentiable."""
        return super().normalise(pixels.flip(1) if self.blue_first else pixels)

    def describe(self) -> str:
        """For every output. Sizes are rows × columns."""
        return super().describe().replace("RGB", "BGR") if self.blue_first else super().describe()

    def _plan(self, photo: tuple[int, int]) -> tuple[tuple[int, int], tuple[int, int], tuple[int, int]]:
        (resized, _, size) = super()._plan(photo)
        return resized, ((resized[0] - size[0]) // 2, (resized[1] - size[1]) // 2), size


def _descriptions(processor: Any) -> Iterator[Preprocess]:
    """What the processor's settings may mean. Each kind of processor reads them in its own way; values decide."""
    does = functools.partial(getattr, processor)
    (size, crop) = (_sides(does("size", None)), _sides(does("crop_size", None)))
    interpolation = {0: "nearest", 1: "lanczos", 2: "bilinear", 3: "bicubic"}.get(int(does("resample", None) or 2), "bilinear")
    settings: dict[str, Any] = {"interpolation": interpolation}
    factor = does("rescale_factor", None) if does("do_rescale", None) else 1.0
    (mean, std) = (does("image_mean", None), does("image_std", None)) if does("do_normalize", None) else (0.0, 1.0)
    if factor is None or mean is None or std is None:
        return
    # (v f - mean) / std for v in 0-255 is (v / 255 - mean / 255 f) / (std / 255 f)
    scale = 255 * factor
    (settings["mean"], settings["std"]) = ([float(v) / scale for v in np.atleast_1d(values)] for values in (mean, std))
    if not does("do_normalize", None) and abs(scale - 1) < 1e-6:
        settings["mean"] = settings["std"] = None
    settings["blue_first"] = bool(does("do_flip_channel_order", None))
    (height, width, shorter) = size
    share = does("crop_pct", None) or 1.0
    crops = does("do_center_crop", None) and crop[0] is not None
    plans: list[tuple[Any, Any]] = []
    if height is not None and not crops:
        plans.append(((height, width), "stretch"))
    if shorter is not None:
        plans.append(((shorter, shorter), "stretch"))
        plans.append(((shorter, shorter), int(shorter / share)))
        if crops:
            plans += [(crop[:2], shorter), (crop[:2], int(shorter * 256 / 224)), (crop[:2], int(shorter / share))]
    for to, resize in plans:
        try:
            yield ProcessorPreprocess(size=to[0] if to[0] == to[1] else to, resize=resize, **settings)
        except OptionError:
            continue


def _sides(size: Any) -> tuple[int | None, int | None, int | None]:
    """Height, width and shorter side that a processor's size means."""
    entries: Any = dict(size) if size is not None else {}
    return entries.get("height"), entries.get("width"), entries.get("shortest_edge")


def _gives_the_same(description: Preprocess, processor: Any) -> bool:
    """True where noise comes out alike, pictures of two forms, to a rounding of the resized pixels."""
    random = np.random.default_rng(0)
    for height, width in _TRIALS:
        scale = 8  # large enough that it is made smaller, as photos are
        noise = Image.fromarray(random.integers(0, 256, (height // 4, width // 4, 3), np.uint8))
        image = noise.resize((width * scale, height * scale), Image.Resampling.BICUBIC)
        try:
            expected = torch.as_tensor(np.asarray(processor(images=image, return_tensors="pt")["pixel_values"]))
            (pixels, _, _) = description.apply(Picture(np.asarray(image)))
        except Exception:  # whatever a processor raises, and sizes that do not fit: it is not described so
            return False
        inputs = description.normalise(torch.from_numpy(pixels)[None])
        if inputs.shape != expected.shape:
            return False
        level = 1 / (255 * torch.as_tensor(description.std or 1.0).min())
        difference = (inputs - expected).abs()
        if float(difference.max()) > _MOST * float(level) or float(difference.mean()) > _MEAN * float(level):
            return False
    return True


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without progress bars, and without what transformers says about weights: it is said here, in one line."""
    logging = transformers().utils.logging
    (level, bars) = (logging.get_verbosity(), logging.is_progress_bar_enabled())
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
