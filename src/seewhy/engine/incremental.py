"""Recompute only what a mask can reach: exact inference on masked copies of a photo whose untouched pass is kept.

A mask changes a rectangle of the input. Behind every layer the changed rectangle is a little larger (by the kernel) and the
map it lies in smaller (by the stride); outside of it everything is what the untouched photo gives. So the untouched pass is
kept once, and for a batch of masks only the changed rectangles are carried from layer to layer: all of one size, each at its
own place. The rim that a kernel reads around a rectangle comes from the kept pass. Where a rectangle covers most of its map,
and at operations that are not known here, whole maps are put together and the network goes on with ordinary tensors.

The network's own forward runs, so any Python code in it is followed as it is. An operation is done on rectangles only where
the untouched pass had the same operation on the same things (the same earlier results, weights and settings); everything else
is done on whole maps, which is always right. The idea: Nakandala, Kumar and
Papakonstantinou, "Incremental and Approximate Inference for Faster Occlusion-based Deep CNN Explanations", SIGMOD 2019.
"""

from __future__ import annotations

from typing import Any

import torch
from torch.utils.weak import WeakTensorKeyDictionary

from seewhy.engine.operations import Address, OperationMode
from seewhy.engine.patched import PLAIN, Patched, patched_in, put_together, shares_memory
from seewhy.engine.patched_operations import (
    HANDLERS,
    MAY_HAND_ON,
    KeptResult,
    OtherTensor,
    PatchedOperation,
    ResultOf,
    writes_in_place,
)

_QUESTIONS = frozenset(
    ["size", "dim", "ndimension", "numel", "nelement", "is_floating_point", "is_complex", "get_device", "element_size", "__len__"]
)
_PROPERTIES = frozenset(
    ["shape", "ndim", "dtype", "device", "requires_grad", "is_cuda", "is_cpu", "is_mkldnn", "is_quantized", "layout", "is_leaf"]
)


class NotIncrementalError(Exception):
    """Rectangles do not give what whole photos give: the network does something that nobody can see from outside."""


def _version(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version


class KeepResults(OperationMode):
    """Runs the untouched photo and keeps what every operation on maps gave and what it was given.

    kept : the results, by the operation's address.
    """

    def __init__(self) -> None:
        super().__init__()
        self.kept: dict[Address, KeptResult] = {}
        # Which operation gave a tensor its present numbers, and the tensor's version then.
        self._origins: Any = WeakTensorKeyDictionary()

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = address.name
        if name not in HANDLERS:
            return func(*args, **kwargs)
        arguments = self._with_origins((args, kwargs))
        first = args[0] if args and isinstance(args[0], torch.Tensor) else None
        version = None if first is None else _version(first)
        out = func(*args, **kwargs)
        if isinstance(out, torch.Tensor) and (out.ndim == 4 or name == "mean"):
            same = name in MAY_HAND_ON and first is not None and shares_memory(first, out) and version == _version(first)
            # Copied at once: what follows may write into it.
            self.kept[address] = KeptResult(None if same else out.detach().clone(), arguments, same)
            if not same or name == "permute":
                self._origins[out] = (address, _version(out))
            elif first in self._origins:  # it is what it was
                self._origins[out] = self._origins[first]
        return out

    def _with_origins(self, value: Any) -> Any:
        """Arguments with ``ResultOf`` and ``OtherTensor`` in the place of tensors."""
        if isinstance(value, torch.Tensor):
            (address, version) = self._origins.get(value, (None, 0))
            is_result = address is not None and version == _version(value)
            return ResultOf(address) if is_result else OtherTensor(value, _version(value))
        if isinstance(value, (tuple, list)):
            return tuple(value) if _is_plain(value) else [self._with_origins(item) for item in value]
        return {key: self._with_origins(item) for key, item in value.items()} if isinstance(value, dict) else value


class Incremental(OperationMode):
    """Runs masked copies as :class:`Patched` tensors, on what :class:`KeepResults` has kept.

    whole_from : the operation behind which maps were whole, for the record; empty while none was.
    """

    def __init__(self, kept: dict[Address, KeptResult]) -> None:
        super().__init__()
        self.kept = kept
        self.whole_from = ""

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        name = address.name
        patched = patched_in((args, kwargs))
        if not patched or name in _QUESTIONS or (name == "__get__" and getattr(func.__self__, "__name__", "") in _PROPERTIES):
            return func(*args, **kwargs)  # shapes and the like: the wrapper knows
        handler = HANDLERS.get(name)
        kept = self.kept.get(address)
        if handler is not None and kept is not None and args and not any(tensor.is_whole for tensor in patched):
            shared = isinstance(args[0], Patched) and args[0].has_view and writes_in_place(name, args, kwargs)
            if not shared and "out" not in kwargs and self._is_same((args, kwargs), kept.arguments):
                patched_operation = PatchedOperation(address, self.kept)
                result = handler(patched_operation, func, *args, **kwargs)
                if patched_operation.is_whole:
                    self.whole_from = self.whole_from or name
                if result is not None:
                    return result
        self.whole_from = self.whole_from or name
        (args, kwargs) = put_together((args, kwargs))
        return func(*args, **kwargs)

    def _is_same(self, now: Any, then: Any) -> bool:
        """True where the untouched pass was given the same, but for the rectangles."""
        if isinstance(now, Patched):
            return (isinstance(then, ResultOf) and now.address == then.address) or (
                not now.last and self._is_equal(now.base, then)
            )
        if isinstance(now, torch.Tensor):
            return self._is_equal(now, then)
        if isinstance(now, (tuple, list)):
            if isinstance(then, tuple):
                return _is_plain(now) and tuple(now) == then
            same_length = isinstance(then, list) and len(now) == len(then)
            return same_length and all(a is b or self._is_same(a, b) for a, b in zip(now, then, strict=True))
        if isinstance(now, dict):
            return isinstance(then, dict) and now.keys() == then.keys() and all(self._is_same(now[k], then[k]) for k in now)
        return now is then or (not isinstance(then, (ResultOf, OtherTensor)) and (now == then) is True)

    def _is_equal(self, now: torch.Tensor, then: Any) -> bool:
        if isinstance(then, ResultOf):
            output = self.kept[then.address].output
            return output is not None and _equal(now, output)
        return isinstance(then, OtherTensor) and _version(then.tensor) == then.version and _equal(now, then.tensor)


def _is_plain(values: Any) -> bool:
    """True for settings like a stride: numbers, words and None only."""
    return all(isinstance(value, PLAIN) for value in values)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    return a is b or (a.shape == b.shape and a.dtype == b.dtype and a.device == b.device and torch.equal(a, b))
