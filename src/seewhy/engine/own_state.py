"""What a network's forward writes down for its next pass: a running mean, a counter, a list of what it has seen.

The same call has to give the same map. So every pass of seewhy begins from the state in which the network came, and leaves that
behind. Which values a pass changes is seen once, in the pass that is traced; a network that changes none costs nothing later.

Seen are the buffers and the plain attributes of all modules: replaced, written into, or, of lists, dictionaries and sets, filled.
What an attribute holds further inside, or what lies outside of the modules, is not.
"""

from __future__ import annotations

import copy
import threading
from collections import OrderedDict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

_ABSENT: Any = object()
_CONTAINERS = (list, dict, set, OrderedDict, deque)
_OF_TORCH = frozenset([*vars(nn.Module()), "_compiled_call_impl"])  # parameters, hooks and the like
_lock = threading.RLock()  # held while a network has values of a pass in the place of its own


@dataclass(frozen=True)
class Written:
    """A value that a pass changes. in_place : it is written into; else it is only replaced."""

    module: str
    attribute: str
    is_buffer: bool
    in_place: bool


@contextmanager
def watched(network: nn.Module) -> Iterator[list[Written]]:
    """For one pass, after which the network is as it was before; then the list holds what the pass has changed."""
    written: list[Written] = []
    copies: dict[int, Any] = {}
    hooks = _hooks(network)
    with _lock:
        places = [
            (name, place, is_buffer)
            for name, module in network.named_modules()
            for place, is_buffer in ((vars(module), False), (module._buffers, True))
        ]
        before = [{key: value for key, value in place.items() if key not in _OF_TORCH} for _, place, _ in places]
        states = []
        for (_, place, _), values in zip(places, before, strict=True):
            for key, value in values.items():
                place[key] = _copied(value, copies)
            states.append({key: (place[key], _contents(place[key])) for key in values})
        try:
            yield written
        finally:
            for (name, place, is_buffer), values, known in zip(places, before, states, strict=True):
                for key in [key for key in {**values, **place} if key not in _OF_TORCH]:
                    now = place.get(key, _ABSENT)
                    (then, contents) = known.get(key, (_ABSENT, None))
                    in_place = then is not _ABSENT and _contents(then) != contents
                    changed = in_place or now is not then
                    if changed and not is_buffer and _hooks(network) != hooks:
                        continue
                    if changed:
                        written.append(Written(name, key, is_buffer, in_place))
                    _put(place, key, values.get(key, _ABSENT))


@contextmanager
def from_its_state(network: Any, written: tuple[Written, ...]) -> Iterator[None]:
    """Passes in here begin from the network's own values of what is ``written``, and do not change them."""
    if not written:
        yield
        return
    with _lock:
        modules = dict(network.named_modules())
        own: list[tuple[Any, str, Any]] = []
        copies: dict[int, Any] = {}
        for value in written:
            if value.module in modules:  # a BatchNorm that has been folded away is not
                module = modules[value.module]
                place: Any = module._buffers if value.is_buffer else vars(module)
                own.append((place, value.attribute, place.get(value.attribute, _ABSENT)))
                # Copied and not put back afterwards: a graph may still hold what the pass has written into.
                if value.in_place:
                    place[value.attribute] = _copied(own[-1][2], copies)
        try:
            yield
        finally:
            for place, attribute, before in own:
                _put(place, attribute, before)


def _hooks(network: nn.Module) -> list[tuple[int, int]]:
    """How many hooks each module has. A pass that puts hooks of its own on them, once, notes that in attributes: they stay."""
    return [(len(module._forward_hooks), len(module._forward_pre_hooks)) for module in network.modules()]


def _put(place: dict[str, Any], key: str, value: Any) -> None:
    if value is _ABSENT:
        place.pop(key, None)
    else:
        place[key] = value


def _copied(value: Any, copies: dict[int, Any]) -> Any:
    """A copy of what can be written into; the same one wherever the value stands."""
    if type(value) is not torch.Tensor and type(value) not in _CONTAINERS:
        return value
    if id(value) not in copies:
        with torch.inference_mode(False):
            copies[id(value)] = value.detach().clone() if isinstance(value, torch.Tensor) else copy.copy(value)
    return copies[id(value)]


def _contents(value: Any) -> Any:
    """By which it is seen whether a value has been written into."""
    if type(value) is torch.Tensor:
        return None if value.is_inference() else value._version
    if isinstance(value, dict) and type(value) in _CONTAINERS:
        return [(key, id(item)) for key, item in value.items()]
    return [id(item) for item in value] if type(value) in _CONTAINERS else None
