"""Every torch operation of a pass is handed over once, under the same address in every pass."""

from __future__ import annotations

import threading
from typing import Any

import torch
from small_nets import SmallNet
from torch.nn import functional as F

from seewhy.engine.operations import Address, OperationMode


class Listing(OperationMode):
    """Writes the addresses down, and gives something else for one of them."""

    def __init__(self, replaced: Address | None = None) -> None:
        super().__init__()
        self.addresses: list[Address] = []
        self.replaced = replaced

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        self.addresses.append(address)
        out = func(*args, **kwargs)
        return out * 0 if address == self.replaced else out


def test_functions_methods_and_operators_are_numbered_by_name() -> None:
    x = torch.tensor([-1.0, 2.0])
    with Listing() as listing:
        y = torch.relu(x).relu() + torch.exp(x)
        F.relu(y)
    assert listing.addresses == [("relu", 0), ("relu", 1), ("exp", 0), ("add", 0), ("relu", 2)]


def test_a_look_at_a_tensor_is_no_operation_and_a_view_of_it_is_one() -> None:
    x = torch.zeros(2, 3)
    with Listing() as listing:
        assert (x.requires_grad, x.device.type, x.mT.shape, x.T.dtype) == (False, "cpu", (3, 2), torch.float32)
    assert listing.addresses == [("__get__", 0), ("__get__", 1)]


def test_every_pass_has_the_same_addresses(small: SmallNet, small_photos: torch.Tensor) -> None:
    small.eval()
    passes = []
    for photos in (small_photos[:1], small_photos):
        with Listing() as listing:
            small(photos)
        passes.append(listing.addresses)
    assert passes[0] == passes[1]
    assert len(set(passes[0])) == len(passes[0]) >= 9
    assert [address.number for address in passes[0] if address.name == "conv2d"] == [0, 1]


def test_what_an_operation_returns_is_what_the_network_goes_on_with() -> None:
    x = torch.tensor([1.0, 2.0])
    with Listing(replaced=Address("exp", 1)):
        (first, second, third) = (torch.exp(x), torch.exp(x), torch.exp(x))
    assert second.tolist() == [0, 0]
    assert torch.equal(first, third)
    assert torch.equal(first, x.exp())


def test_another_thread_is_not_watched() -> None:
    with Listing() as listing:
        thread = threading.Thread(target=lambda: torch.exp(torch.ones(2)))
        thread.start()
        thread.join()
    assert listing.addresses == []
