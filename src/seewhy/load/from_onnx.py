"""An ONNX file, run by onnxruntime: its scores can be asked for, its inside cannot be seen.

This is the only file that imports onnxruntime.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import torch

from seewhy.engine.any_batch import AnyBatch
from seewhy.engine.form import Form
from seewhy.errors import MissingExtraError, ModelError, OptionError, listed, setting
from seewhy.load.parts import Parts
from seewhy.load.weights import Weights
from seewhy.sized import sized

_TYPES = {"float": np.float32, "float16": np.float16, "double": np.float64, "uint8": np.uint8}
_NAMES_IN = ("names", "classes", "class_names", "labels", "id2label")  # keys of the metadata, as exporters write them


@functools.cache
def onnxruntime() -> ModuleType:
    """The package. Raises MissingExtraError where it is not installed."""
    try:
        import onnxruntime
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            "ONNX files are run by onnxruntime, which is not installed: pip install 'seewhy[onnx]'."
        ) from error
    module: ModuleType = onnxruntime
    return module


class OnnxNetwork:
    """``(N, C, H, W)`` float tensor -> the file's output ``(N, K)``, or a dictionary of its outputs where there are several.

    A batch axis that the file fixes at B is filled up: photos go through B at a time. Where the file leaves the axis free and yet
    only knows one photo, they go through one at a time. Channels are put last where the file wants them there.

    content : of the file, where it has come from another machine. A pickle holds it; weights that lie in files of their own are
    looked for in the same folder.
    """

    def __init__(self, path: Path, device: str | torch.device | None = None, content: bytes | None = None) -> None:
        self.__name__ = path.name
        (self._path, self._device, self._content) = (path.absolute(), device, content)
        self._session = _session(path, device, content)
        self.sha256 = hashlib.sha256(content or path.read_bytes()).hexdigest()[
            :16
        ]  # of the file; weights may lie in others beside it
        inputs = self._session.get_inputs()
        shape = list(inputs[0].shape) if len(inputs) == 1 else []
        if len(shape) != 4:
            described = "; ".join(f"{entry.name} {_shape(entry.shape)}" for entry in inputs)
            raise ModelError(f"'{path}' reads {described or 'nothing'}: it must read photos alone, (N, channels, rows, columns).")
        self._input = inputs[0].name
        self._type = self._numbers(path, inputs[0].type)
        self.outputs = {entry.name: list(entry.shape) for entry in self._session.get_outputs()}
        self._batch = shape[0] if isinstance(shape[0], int) and shape[0] > 0 else None
        self._channels_last = _is_channels_last(shape)
        (channels, *size) = [shape[3], shape[1], shape[2]] if self._channels_last else shape[1:]
        self.channels = channels if isinstance(channels, int) and channels > 0 else None
        self.size = size
        self._shape = shape[1:]
        self._any_batch = AnyBatch(self._scores)
        self.form = Form("an ONNX model", channels=self.channels, own_threads=True)

    def __reduce__(self) -> Any:
        return type(self), (self._path, self._device, self._content or self._path.read_bytes())

    @property
    def is_bytes(self) -> bool:
        """True where the file reads 0 to 255 in whole numbers."""
        return bool(self._type == np.uint8)

    @property
    def classes(self) -> int | None:
        """How many the file says there are; None where it leaves that open."""
        tables = [shape for shape in self.outputs.values() if len(shape) == 2]
        return tables[0][1] if len(tables) == 1 and isinstance(tables[0][1], int) else None

    def names(self) -> list[str] | None:
        """The class names of the file's metadata, where there is one for each class."""
        metadata = self._session.get_modelmeta().custom_metadata_map
        for key in _NAMES_IN:
            names = _parsed(metadata[key]) if key in metadata else None
            if names and (self.classes is None or len(names) == self.classes):
                return names
        return None

    def __call__(self, inputs: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        scores: torch.Tensor | dict[str, torch.Tensor] = (self._any_batch if self._batch is None else self._scores)(inputs)
        return scores

    def _scores(self, inputs: torch.Tensor) -> torch.Tensor | dict[str, torch.Tensor]:
        photos = inputs.detach().cpu().numpy()
        if self._channels_last:
            photos = photos.transpose(0, 2, 3, 1)
        photos = photos.round().clip(0, 255) if self.is_bytes else photos
        photos = np.ascontiguousarray(photos, dtype=self._type)
        chunks = [photos] if self._batch is None else _filled(photos, self._batch)
        tables = [self._run(chunk) for chunk in chunks]
        outputs = {
            name: torch.from_numpy(np.concatenate([table[i] for table in tables])[: len(photos)])
            for i, name in enumerate(self.outputs)
        }
        return outputs if len(outputs) > 1 else next(iter(outputs.values()))

    def _run(self, photos: np.ndarray[Any, Any]) -> list[np.ndarray[Any, Any]]:
        try:
            outputs: list[np.ndarray[Any, Any]] = self._session.run(list(self.outputs), {self._input: photos})
        except Exception as error:  # onnxruntime has its own kinds, all of them below Exception
            fits = all(
                wanted == side for wanted, side in zip(self._shape, photos.shape[1:], strict=True) if isinstance(wanted, int)
            )
            reason = _reason(error) if fits else f"the file takes {_shape(self._shape)}."
            raise ModelError(f"'{self.__name__}' cannot take an input of shape {photos.shape[1:]}: {reason}") from error
        return [np.atleast_1d(output) for output in outputs]

    @staticmethod
    def _numbers(path: Path, kind: str) -> Any:
        numbers = _TYPES.get(kind.removeprefix("tensor(").removesuffix(")"))
        if numbers is None:
            raise ModelError(f"'{path}' reads {kind}: it must read photos as one of {listed(_TYPES)}.")
        return numbers


def build(name: str, weights: Weights | None, device: str | torch.device | None) -> Parts:
    """The file as a function of photos, with the size, the number of classes and the class names that it holds."""
    path = Path(name)
    if weights is not None:
        raise ModelError(f"An ONNX file brings its own weights: leave {setting('weights')} out.")
    if not path.is_file():
        raise ModelError(f"There is no file '{path}'.")
    network = OnnxNetwork(path, device)
    preprocess = sized(network.size, network.channels, path.name)
    if preprocess is not None and network.is_bytes:
        preprocess = preprocess.in_bytes()
    return Parts(network, path.name, preprocess, network.names(), network.classes)


def _session(path: Path, device: str | torch.device | None, content: bytes | None) -> Any:
    """On the GPU where onnxruntime has one and nobody has asked for another device, on as many threads as torch."""
    runtime = onnxruntime()
    known = runtime.get_available_providers()
    kind = None if device is None else torch.device(device).type
    if kind == "cuda" and "CUDAExecutionProvider" not in known:
        raise OptionError(
            f"{setting('device', str(device))} cannot be used: this onnxruntime has {listed(known)}; onnxruntime-gpu has it."
        )
    on_gpu: list[Any] = []
    if kind in (None, "cuda") and "CUDAExecutionProvider" in known:
        on_gpu = [("CUDAExecutionProvider", {"device_id": (torch.device(device).index if device else None) or 0})]
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what it cannot do becomes an exception; it would print that, too
    if content is not None:
        options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(path.parent))
    try:
        return runtime.InferenceSession(
            str(path) if content is None else content, options, providers=[*on_gpu, "CPUExecutionProvider"]
        )
    except Exception as error:  # not an ONNX file, a newer one, the file with its weights is not beside it ...
        raise ModelError(f"'{path}' cannot be read by onnxruntime: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The first line of what onnxruntime says, without its own codes."""
    text = str(error).strip().splitlines()
    return text[0].rpartition(" : ")[2] or text[0] if text else type(error).__name__


def _is_channels_last(shape: Sequence[Any]) -> bool:
    """True where the last axis holds the channels: of the axes that may, it is the only one that is fixed, or the shorter one."""
    (first, last) = (side if isinstance(side, int) and side > 0 else None for side in (shape[1], shape[3]))
    return last is not None and (first is None or last < first) and last <= 16


def _filled(photos: np.ndarray[Any, Any], batch: int) -> list[np.ndarray[Any, Any]]:
    """Chunks of exactly ``batch`` photos; the last photo fills up the last chunk."""
    missing = -len(photos) % batch
    padded = np.concatenate([photos, np.repeat(photos[-1:], missing, axis=0)]) if missing else photos
    return [padded[start : start + batch] for start in range(0, len(padded), batch)]


def _shape(shape: Sequence[Any]) -> str:
    return f"({', '.join(str(side) for side in shape)})"


def _parsed(text: str) -> list[str] | None:
    """Names written as JSON, as Python (``{0: 'cat'}``), or with commas or line breaks between."""
    content: Any = None
    for read in (json.loads, ast.literal_eval):
        try:
            content = read(text)
            break
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            continue
    if isinstance(content, Mapping):
        try:
            by_index = {int(index): str(name) for index, name in content.items()}
        except (TypeError, ValueError):
            return None
        return [by_index[i] for i in range(len(by_index))] if set(by_index) == set(range(len(by_index))) else None
    if isinstance(content, (list, tuple)):
        return [str(name) for name in content]
    return [part.strip() for part in text.replace("\n", ",").split(",") if part.strip()] if content is None else None
