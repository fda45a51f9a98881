"""The way back through a BatchNorm that torch goes wrong on.

Of a single photo, torch 2.13 on a CPU reads the gradient that arrives at a BatchNorm in the wrong order where its values lie in
memory channel by channel for each place, as behind ``flatten(2).mT``, and the BatchNorm's own lie place by place for each
channel. Its own ``gradcheck`` finds it with a convolution, a BatchNorm and that. In a planned copy BatchNorms are folded away or
run channels_last; where a network is run plainly the gradient is put in order first.
"""

from __future__ import annotations

from typing import Any

import torch

from seewhy.engine.operations import Address, OperationMode


class OrderedGradients(OperationMode):
    """Inside the with-block the gradient of every BatchNorm lies in memory as its result does."""

    def __init__(self) -> None:
        super().__init__(frozenset(["batch_norm"]))

    def operation(self, address: Address, func: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        out = func(*args, **kwargs)
        if out.requires_grad and out.is_contiguous():
            out.register_hook(torch.Tensor.contiguous)
        return out
