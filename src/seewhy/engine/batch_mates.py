"""Networks that let one photo of a batch have a say in the scores of another: statistics over the batch, ``x - x.mean()``.

What gives an explanation of ten photos together must not differ from one by one, so these networks run one photo at a time. In
the pass that is traced it is seen whether an operation could mix photos; only then two photos go through together and alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch
from torch import nn

from seewhy.engine.any_batch import gives_the_same, joined, two_photos
from seewhy.engine.operations import Address, OperationMode
from seewhy.engine.own_state import Written, from_its_state
from seewhy.engine.several_inputs import Inputs, OneInput
from seewhy.engine.steps import Step, Trace

# What puts an axis together, orders it or goes along it: over the first one it may mix photos.
_REDUCED = ["mean", "sum", "prod", "var", "std", "var_mean", "std_mean", "amax", "amin", "max", "min", "aminmax", "median", "all"]
_NORMS = ["norm", "vector_norm", "linalg_vector_norm", "normalize", "logsumexp", "softmax", "log_softmax", "softmin", "any"]
_ORDERED = ["argmax", "argmin", "sort", "argsort", "topk", "kthvalue", "cumsum", "cumprod", "cummax", "cummin", "flip", "roll"]
_ALONG = frozenset([*_REDUCED, *_NORMS, *_ORDERED, "quantile", "nanmean", "nansum", "count_nonzero", "diff"])
_PRODUCTS = frozenset(["matmul", "mm", "__matmul__", "__rmatmul__", "einsum", "cdist", "addmm"])
_PARTED = frozenset(["unbind", "__iter__"])  # a loop over photos runs its operations once for each
_TO_PYTHON = frozenset(["__bool__", "__float__", "__int__", "__index__", "item", "tolist"])
_RECURRENT = frozenset(["lstm", "gru", "rnn_tanh", "rnn_relu"])
_ATTENTION = frozenset(["multi_head_attention_forward", "_native_multi_head_attention"])


class Suspicion(OperationMode):
    """Notes the operations of a pass of one photo whose arguments say that they could mix several.

    suspects : their addresses. decisive : of those that gave one number, by which Python code then went on.
    """

    def __init__(self) -> None:
        super().__init__()
        self.suspects: set[Address] = set()
        self.decisive: set[Address] = set()
        self._numbers: dict[int, tuple[torch.Tensor, Address]] = {}  # kept alive, so that an id stays one tensor's

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        if _may_mix(address.name, args, kwargs):
            self.suspects.add(address)
        if address.name in _TO_PYTHON and args and id(args[0]) in self._numbers:
            self.decisive.add(self._numbers[id(args[0])][1])
        out = func(*args, **kwargs)
        if isinstance(out, torch.Tensor) and not out.ndim:
            self._numbers[id(out)] = (out, address)
        return out

    def first(self, trace: Trace) -> Step | None:
        """The first step of the pass that depends on the photo and could mix several; None where none could."""
        return next((step for step in trace.steps if step.number in trace.touched and self._is_suspect(step, trace)), None)

    def is_certain(self, trace: Trace) -> bool:
        """True where a number of the whole batch decides how the forward goes on: no two photos of noise need show it."""
        return any(step.address in self.decisive for step in trace.steps if step.number in trace.touched)

    def _is_suspect(self, step: Step, trace: Trace) -> bool:
        if step.address in self.suspects or not step.shape:  # one number is left: of the whole batch
            return True
        of_photos = [number for number in step.inputs if number in trace.touched]
        return step.op in _PRODUCTS and len(of_photos) > 1 and len(step.shape) == 2  # of every photo with every one


@contextmanager
def suspicious(network: nn.Module) -> Iterator[Suspicion]:
    """Watches the network's next pass, underneath whatever else watches it."""
    suspicion = Suspicion()
    watch = ExitStack()

    def begin(*_: Any) -> None:
        watch.enter_context(suspicion)

    def end(*_: Any) -> None:
        watch.close()

    handles = [
        network.register_forward_pre_hook(begin, prepend=True),
        network.register_forward_hook(end, always_call=True),
    ]
    try:
        yield suspicion
    finally:
        watch.close()  # torch calls no hook after Ctrl-C
        for handle in handles:
            handle.remove()


def _may_mix(name: str, args: Any, kwargs: dict[str, Any]) -> bool:
    """True where the arguments say so. Only the first axis counts, and only where it may be the batch's: it has one entry."""
    if name == "batch_norm":
        return bool(kwargs.get("training", args[5] if len(args) > 5 else False))
    tensor = args[0] if args else kwargs.get("input")
    if not isinstance(tensor, torch.Tensor) or not tensor.ndim or len(tensor) != 1:
        return False
    if name in _RECURRENT or name in _ATTENTION:
        return True  # a sequence of one: the batch may stand where the sequence should
    if name == "layer_norm":
        shape = args[1] if len(args) > 1 else kwargs.get("normalized_shape", ())
        return len(shape) == tensor.ndim
    if name == "__getitem__":
        index = args[1][0] if isinstance(args[1], tuple) and args[1] else args[1]
        return isinstance(index, int) and not isinstance(index, bool)
    axes = set(_whole_numbers([args[1:], *(kwargs.get(key, ()) for key in ("dim", "axis", "dims"))]))
    if name in _PARTED:
        return not axes or 0 in axes
    return name in _ALONG and (0 in axes or -tensor.ndim in axes)


def _whole_numbers(value: Any) -> Iterator[int]:
    if isinstance(value, (tuple, list)):
        for item in value:
            yield from _whole_numbers(item)
    elif isinstance(value, int) and not isinstance(value, bool):
        yield value


@torch.no_grad()
def mixes_photos(forward: Callable[[torch.Tensor], Any], pick: Callable[[Any], Any], like: torch.Tensor) -> bool:
    """True where two photos of noise like ``like`` ``(1, C, H, W)`` give something else together than each alone, or take another
    way; also where that cannot be told."""
    counts: dict[int, dict[str, int]] = {}

    def counted(photos: torch.Tensor) -> Any:
        with Suspicion() as watch:
            output = forward(photos)
        counts[len(photos)] = watch.counts
        return pick(output)

    return not gives_the_same(counted, two_photos(like)) or counts[1] != counts[2]


class OneAtATime(nn.Module):
    """The network, given its photos one after the other; every one of them finds it in its own state (``engine.own_state``).

    Its modules, weights and their names are those of the network: it is not seen among them.
    """

    def __init__(self, network: nn.Module, written: tuple[Written, ...]) -> None:
        super().__init__()
        self.wrapped = network
        self.written = written

    def forward(self, x: torch.Tensor) -> Any:
        """The outputs of all photos, one behind the other. Gradients flow."""
        if len(x) <= 1:
            return self.wrapped(x)
        return joined([self._alone(photo) for photo in torch.split(x, 1)], None)

    def _alone(self, photo: torch.Tensor) -> Any:
        with from_its_state(self.wrapped, self.written):
            return self.wrapped(photo)

    def beside(self, inputs: Inputs) -> OneAtATime:
        """The same network with other inputs beside the photo."""
        assert isinstance(self.wrapped, OneInput)
        return OneAtATime(self.wrapped.beside(inputs), self.written)

    def named_modules(self, memo: Any = None, prefix: str = "", remove_duplicate: bool = True) -> Any:
        """Those of the network."""
        return self.wrapped.named_modules(memo, prefix, remove_duplicate)

    def get_submodule(self, target: str) -> nn.Module:
        """Of the network."""
        return self.wrapped.get_submodule(target)

    def state_dict(self, *args: Any, **kwargs: Any) -> Any:
        """That of the network."""
        return self.wrapped.state_dict(*args, **kwargs)
