"""A network of several inputs, as one of the input that is explained: the others are given beside it and stay as they are."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import nn

from seewhy.errors import ModelError, OptionError, PhotoError, did_you_mean, listed, setting

Name = str | int  # of an input: a keyword or an entry of a dictionary, or its place
Inputs = Mapping[Name, Any]


@dataclass(frozen=True)
class CallForm:
    """How a network takes its inputs, read off the signature of its forward.

    explained : the input that is explained. kind : "keywords" (``forward(image, age)``), "places" (``forward(*inputs)``),
    "dict" (``forward(batch)`` with a dictionary) or "tuple" (one tuple). known : the inputs it has, None where any may be.
    required : those without a default.
    """

    explained: Name
    kind: str
    known: tuple[Name, ...] | None
    required: tuple[Name, ...]

    @classmethod
    def of(cls, network: Callable[..., Any], explain: Name) -> CallForm:
        """Raises OptionError where the network has no such input."""
        parameters = forward_parameters(network)
        named = [p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
        names = tuple(p.name for p in named)
        required = tuple(p.name for p in named if p.default is p.empty)
        kinds = {p.kind for p in parameters}
        keywords = inspect.Parameter.VAR_KEYWORD in kinds
        places = inspect.Parameter.VAR_POSITIONAL in kinds
        if isinstance(explain, int) and not isinstance(explain, bool) and explain >= 0:
            if explain < len(names) and len(names) > 1:
                return cls(names[explain], "keywords", None if keywords else names, required)
            if places and not names:
                return cls(explain, "places", None, ())
            if len(names) == 1 and not places:
                return cls(explain, "tuple", None, ())
        elif isinstance(explain, str) and explain:
            if explain in names or keywords:
                return cls(explain, "keywords", None if keywords else names, required)
            if len(required or names) == 1:
                return cls(explain, "dict", None, ())
        raise OptionError(
            f"{setting('explain', explain)}: the network's forward takes {listed(names) or 'nothing by name'}."
            f"{did_you_mean(str(explain), names)}"
        )

    def check(self, inputs: Inputs, complete: bool = True) -> str:
        """What is wrong with the other inputs, in a sentence; empty where nothing is. complete : none may be missing."""
        takes = f"The network's forward takes {listed(self.known)}" if self.known else "The network's inputs"
        if self.explained in inputs:
            return f"{takes}: '{self.explained}' is the input that is explained, so it is the photo and no fixed input."
        unknown = next((name for name in inputs if self.known is not None and name not in self.known), None)
        if unknown is not None:
            return f"{takes}: there is no input '{unknown}'.{did_you_mean(str(unknown), map(str, self.known or ()))}"
        names: Iterator[Name] = iter(self.required)
        if self.kind in ("places", "tuple"):
            numbers = [name for name in (self.explained, *inputs) if isinstance(name, int)]
            names = iter(range(max(numbers) + 1))
        missing = [name for name in names if name != self.explained and name not in inputs]
        if not complete or not missing:
            return ""
        return (
            f"{takes}: {missing[0]!r} is missing. Give it with the photo, {{{self.explained!r}: photo, {missing[0]!r}: ...}}, or "
            f"to the classifier, inputs={{{missing[0]!r}: ...}}."
        )

    def split(self, photo: Any) -> tuple[Any, dict[Name, Any]]:
        """A photo as people give it, ``{"image": photo, "age": 63.0}`` or the photo alone, and the other inputs it brings."""
        if not isinstance(photo, dict):
            return photo, {}
        if self.explained not in photo:
            raise PhotoError(
                f"The photo's dictionary has {listed(photo)}, and no {self.explained!r}, the input that is explained."
            )
        return photo[self.explained], {name: value for name, value in photo.items() if name != self.explained}

    def note(self, inputs: Inputs) -> str:
        """What goes beside the photo, for the record."""
        return f"explained is the input '{self.explained}'; beside it the network gets {in_words(inputs) or 'nothing'}"


def no_form(photo: Mapping[Any, Any]) -> str:
    """Why a dictionary is no photo of a classifier that was not told which of its entries is explained."""
    return (
        f"The photo is a dictionary ({listed(photo)}): for a network of several inputs say which one is explained, "
        f"Classifier(..., {setting('explain', next(iter(photo), 'image'))})."
    )


def forward_parameters(network: Callable[..., Any]) -> list[inspect.Parameter]:
    """Of a module's forward, or of a function; empty where they are not known."""
    try:
        return list(inspect.signature(network.forward if isinstance(network, nn.Module) else network).parameters.values())
    except (TypeError, ValueError):
        return []


def several_required(network: Callable[..., Any]) -> list[str]:
    """The inputs that the network cannot do without, where they are more than one."""
    parameters = [p for p in forward_parameters(network) if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    names = [p.name for p in parameters if p.default is p.empty]
    return names if len(names) > 1 else []


class OneInput(nn.Module):
    """The network as a function of the explained input alone.

    inputs : the others, as for one photo: arrays without batch axis are repeated for every photo of a batch; all else (text,
    True, None) is handed on as it is. Floats take the precision of the photos. batched : those whose first axis, of 1, is the
    batch's already.

    Its modules, weights and their names are those of the network: it is not seen among them.
    """

    def __init__(self, network: Any, form: CallForm, inputs: Inputs, batched: frozenset[Name] = frozenset()) -> None:
        super().__init__()
        self.batched = batched
        self.wrapped = network
        self.form = form
        self.inputs = dict(inputs)

    def beside(self, inputs: Inputs) -> OneInput:
        """The same network with other inputs; nothing of it is copied."""
        return OneInput(self.wrapped, self.form, inputs, self.batched)

    def with_batch_axes(self) -> OneInput | None:
        """The same network, where a leading 1 of the other inputs is their batch axis; None where none has one."""
        arrays = {name: value for name, value in self.inputs.items() if isinstance(value, np.ndarray)}
        batched = frozenset(name for name, value in arrays.items() if value.ndim > 1 and value.shape[0] == 1)
        return OneInput(self.wrapped, self.form, self.inputs, batched) if batched and not self.batched else None

    def forward(self, x: torch.Tensor) -> Any:
        """x : ``(N, C, H, W)``, the explained input."""
        form = self.form
        values: dict[Name, Any] = {name: self._repeated(name, value, x) for name, value in self.inputs.items()}
        values[form.explained] = x
        try:
            if form.kind == "keywords":
                return self.wrapped(**{str(name): value for name, value in values.items()})
            if form.kind == "dict":
                return self.wrapped(values)
            in_order = tuple(values[place] for place in range(len(values)))
            return self.wrapped(in_order) if form.kind == "tuple" else self.wrapped(*in_order)
        except KeyError as error:
            name = error.args[0] if error.args else None
            if form.kind == "dict" and isinstance(name, str) and name not in values:
                raise ModelError(
                    f"The network asks for the input '{name}', and was given {listed(values)}: give it with the photo, "
                    f"{{{form.explained!r}: photo, {name!r}: ...}}, or to the classifier as inputs={{{name!r}: ...}}."
                ) from error
            raise
        except Exception as error:
            shapes = ", ".join(f"{name} {_described(value)}" for name, value in values.items() if name != form.explained)
            error.seewhy_inputs = shapes  # type: ignore[attr-defined]
            raise

    def _repeated(self, name: Name, value: Any, x: torch.Tensor) -> Any:
        if not isinstance(value, np.ndarray):
            return value
        tensor = torch.as_tensor(value, device=x.device)
        tensor = tensor.to(x.dtype) if tensor.is_floating_point() else tensor
        tensor = tensor if name in self.batched else tensor[None]
        return tensor.expand(x.shape[0], *tensor.shape[1:]).clone()  # a network may write into its inputs

    def named_modules(self, memo: Any = None, prefix: str = "", remove_duplicate: bool = True) -> Any:
        """Those of the network."""
        if not isinstance(self.wrapped, nn.Module):
            return super().named_modules(memo, prefix, remove_duplicate)
        return self.wrapped.named_modules(memo, prefix, remove_duplicate)

    def get_submodule(self, target: str) -> nn.Module:
        """Of the network."""
        module: nn.Module = self.wrapped.get_submodule(target)
        return module

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """That of the network."""
        return self.wrapped.state_dict(*args, **kwargs)


def _described(value: Any) -> str:
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}" if isinstance(value, torch.Tensor) else repr(value)


def as_input(value: Any) -> Any:
    """One of the other inputs as it is kept: numbers, lists of them, arrays and tensors as an array; all else as it is."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    if isinstance(value, (bool, str, bytes)) or value is None:
        return value
    if isinstance(value, (int, float, list, tuple, np.ndarray, np.generic)):
        try:
            array = np.array(value)
        except ValueError:  # rows of different lengths
            return value
        kept = isinstance(value, (np.ndarray, np.generic))
        array = array.astype(np.float32) if array.dtype == np.float64 and not kept else array
        return array if array.dtype.kind in "buif" else value
    return value


def key_of(inputs: Inputs) -> tuple[Any, ...]:
    """Equal for equal inputs."""
    return tuple(sorted(((str(name), *_key(value)) for name, value in inputs.items()), key=lambda item: item[0]))


def signature_of(inputs: Inputs) -> tuple[Any, ...]:
    """Equal for inputs that go the same way through a network: arrays by kind and shape, all else by value."""
    return tuple(sorted(((str(name), *_key(value)[:2]) for name, value in inputs.items()), key=lambda item: item[0]))


def _key(value: Any) -> tuple[Any, ...]:
    if isinstance(value, np.ndarray):
        return (str(value.dtype), value.shape, value.tobytes())
    return (type(value).__name__, repr(value), "")


def in_words(inputs: Inputs) -> str:
    """``"age 63, sex [0, 1]"``; of a large array its shape."""
    words = []
    for name, value in inputs.items():
        small = not isinstance(value, np.ndarray) or value.size <= 4
        shown = value.tolist() if isinstance(value, np.ndarray) and small else value
        shown = f"{shown:.6g}" if isinstance(shown, float) else shown
        words.append(f"{name} {shown}" if small else f"{name} {'×'.join(map(str, value.shape))}")
    return ", ".join(words)
