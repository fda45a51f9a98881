"""Building architectures whose weights a file will bring: nothing is drawn, and the number of classes is read off the head."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from seewhy.errors import WeightsError, listed
from seewhy.load.weights import State


class _NoInitialValues(TorchFunctionMode):
    """Weights that a file will bring are not drawn before."""

    drawing: tuple[Any, ...] = (nn.init.uniform_, nn.init.normal_, nn.init.kaiming_uniform_)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func in self.drawing:
            return args[0] if args else kwargs["tensor"]
        if func is torch.Tensor.normal_ and isinstance(args[0], nn.Parameter):  # as kaiming_normal_ draws
            # A value that has been drawn is within its bounds, which trunc_normal_ looks at; what it draws again is no parameter.
            return args[0].fill_(args[1] if len(args) > 1 else kwargs.get("mean", 0.0))
        return func(*args, **kwargs)


class _NoMemory(_NoInitialValues):
    """Weights without memory; ``torch.device("meta")`` also takes the small tensors that RegNet computes its widths with."""

    # Drawing into such weights would bring the compiler of torch. Where there are values, trunc_normal_ waits for good ones.
    drawing = (*_NoInitialValues.drawing, torch.Tensor.normal_, torch.Tensor.uniform_)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.empty:
            kwargs = (kwargs or {}) | {"device": "meta"}
        return super().__torch_function__(func, types, args, kwargs)


@contextmanager
def without_initial_values() -> Iterator[None]:
    """Initial values of weights are not drawn; torch's random state stays what it was."""
    state = torch.get_rng_state()
    try:
        with _NoInitialValues():
            yield
    finally:
        torch.set_rng_state(state)


def head_of(build: Callable[[int], nn.Module]) -> str:
    """The name of the weight whose first side is the number of classes: the last one that changes with it.

    build : makes the architecture for so many classes.
    """
    with torch.random.fork_rng(devices=[]), _NoMemory():  # some initial values are drawn
        (one, two) = (build(classes).state_dict() for classes in (11, 12))
    changed: list[str] = [
        k for k in one if one[k].shape != two[k].shape and not k.lower().startswith("aux") and k.endswith("weight")
    ]
    return changed[-1]


def outputs_in(state: State, head: str, name: str) -> int:
    """How many classes the weights of the architecture ``name`` have. Raises WeightsError where they have no such head."""
    if head not in state:
        raise WeightsError(
            f"The weights do not fit {name}: there is no '{head}' in the file (it has {listed(state, 4)}). Of which architecture "
            "are they?"
        )
    return int(state[head].shape[0])
