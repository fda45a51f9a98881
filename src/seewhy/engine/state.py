"""Random states that are put back: what seewhy draws, or makes a network draw, nobody else notices. And autocast, kept out."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch

AUTOCAST = ("cpu", "cuda", "mps")  # the devices that know it
_lock = threading.Lock()
_inside = 0  # explanations that run at this moment, in any thread
_outside: Any = None  # the states to put back when the last of them ends


@contextmanager
def random_state(seed: int) -> Iterator[None]:
    """Start every generator from ``seed`` and put all of them back afterwards, also after an exception.

    Methods draw from generators of their own; this is for networks that draw in their forward pass (a dropout that is always
    on): the same call then gives the same map. Where several threads explain at once, the last one puts the states back.
    A person's autocast is left meanwhile.
    """
    global _inside, _outside
    with _lock:
        if _inside == 0:
            _outside = _read()
        _inside += 1
        random.seed(seed)
        np.random.seed(seed % 2**32)
        torch.default_generator.manual_seed(seed)
        if _outside[3]:
            torch.cuda.manual_seed_all(seed)
    try:
        with without_autocast():
            yield
    finally:
        with _lock:
            _inside -= 1
            if _inside == 0:
                _write(_outside)


@contextmanager
def without_autocast() -> Iterator[None]:
    """Exact inside ``torch.autocast``, too: it would compute in bfloat16 whatever is a convolution or a product."""
    with ExitStack() as left:
        for device in AUTOCAST:
            if torch.is_autocast_enabled(device):
                left.enter_context(torch.autocast(device, enabled=False))
        yield


def _read() -> tuple[Any, Any, torch.Tensor, list[torch.Tensor]]:
    # A GPU that nobody has used yet has no state to keep, and asking for it would start it.
    used = torch.cuda.is_available() and torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    return random.getstate(), np.random.get_state(), torch.get_rng_state(), torch.cuda.get_rng_state_all() if used else []


def _write(states: tuple[Any, Any, torch.Tensor, list[torch.Tensor]]) -> None:
    random.setstate(states[0])
    np.random.set_state(states[1])
    torch.set_rng_state(states[2])
    if states[3]:
        torch.cuda.set_rng_state_all(states[3])
