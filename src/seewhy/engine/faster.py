"""What makes a private copy faster without changing what it gives: BatchNorms folded, weights packed for the processor."""

from __future__ import annotations

from collections import Counter
from typing import Any

import torch
from torch import nn
from torch.overrides import handle_torch_function, has_torch_function_unary

from seewhy.engine.input_gradient import BlockKernel, FirstConvolution
from seewhy.engine.steps import INPUT, Step, Trace


def fold(network: nn.Module, traced: Trace) -> frozenset[int]:
    """Multiply each BatchNorm into the convolution before it, where nothing else reads that convolution."""
    modules = dict(network.named_modules())
    readers = Counter(number for step in traced.steps for number in set(step.inputs))
    users = Counter(name for step in traced.steps for name in step.parameters)
    folded: set[int] = set()
    for step in traced.steps:
        norm = modules.get(step.module)
        if step.op != "batch_norm" or len(step.inputs) != 1 or step.inputs[0] == INPUT:
            continue
        before = traced.steps[step.inputs[0]]
        conv = modules.get(before.module)
        once = all(users[name] == 1 for name in (*step.parameters, *before.parameters))
        if type(conv) is not nn.Conv2d or type(norm) is not nn.BatchNorm2d or readers[before.number] != 1 or not once:
            continue
        if before.op != "conv2d" or norm.running_mean is None or norm.running_var is None or before.number == traced.output:
            continue
        scale = (norm.running_var + norm.eps).rsqrt()
        scale = scale if norm.weight is None else scale * norm.weight
        shift = -norm.running_mean * scale if norm.bias is None else norm.bias - norm.running_mean * scale
        bias = shift if conv.bias is None else shift + conv.bias * scale
        conv.weight = nn.Parameter(conv.weight * scale[:, None, None, None], requires_grad=False)
        conv.bias = nn.Parameter(bias, requires_grad=False)
        (parent, _, name) = step.module.rpartition(".")
        setattr(modules[parent], name, nn.Identity())
        folded |= {before.number, step.number}
    return frozenset(folded)


class PackedConv2d(nn.Conv2d):
    """A convolution whose weights lie in memory as oneDNN's kernels want them, with the ReLU behind it as its last step.

    A plain convolution reorders its weights in every call; for one photo that costs up to a fifth of the pass (ResNet-18:
    33 to 26 ms). Packed for one photo they are the wrong ones for several (ResNet-50, two photos: 127 ms, plain 79), and are not
    used there. A ReLU of its own reads and writes the whole map again: a tenth of SqueezeNet's pass of 16 photos, a seventh of
    MobileNet's. The kernel knows no gradients: where one is asked for, the plain convolution runs.
    """

    packed: torch.Tensor
    block_kernel: BlockKernel | None = None  # made for the first gradient with respect to a photo
    rectifier: tuple[str, list[float]] = ("none", [])  # oneDNN's name of it, and its bounds

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if x.requires_grad and torch.is_grad_enabled():
            return self._with_graph(x)
        if torch._C._functorch.is_functorch_wrapped_tensor(x):  # inside torch.vmap, which knows neither the kernel nor its graph
            return super().forward(x)
        run: Any = torch.ops.mkldnn._convolution_pointwise
        # Rectangles of a photo are compared with the photo itself, weight for weight.
        weight = self.weight if type(x) is torch.Tensor and len(x) > 1 else self.packed
        settings = (self.padding, self.stride, self.dilation, self.groups)
        out: Any = run(x, weight, self.bias, *settings, *self.rectifier, "")
        out.is_rectified = self.rectifier[0] != "none"
        return out  # type: ignore[no-any-return]

    def _with_graph(self, x: torch.Tensor) -> torch.Tensor:
        if type(x) is not torch.Tensor or not BlockKernel.fits(self):
            return super().forward(x)
        if self.block_kernel is None:
            with torch.no_grad(), torch._C.DisableTorchFunction():  # no step of the network, and not to be counted as one
                self.block_kernel = BlockKernel(self)
        out: torch.Tensor = FirstConvolution.apply(x, self, self.block_kernel)  # type: ignore[no-untyped-call]
        return out


class RectifiedOnce(nn.Module):
    """A ReLU or ReLU6 that leaves alone what a convolution has rectified already; torch function modes see it as ever."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if not getattr(x, "is_rectified", False):
            return super().forward(x)  # type: ignore[no-any-return]
        x.is_rectified = False  # type: ignore[attr-defined]  # the same tensor may be written into, and come here again
        return hardtanh(x) if isinstance(self, nn.ReLU6) else relu(x)


class ReLUOnce(RectifiedOnce, nn.ReLU):
    """See RectifiedOnce."""


class ReLU6Once(RectifiedOnce, nn.ReLU6):
    """See RectifiedOnce."""


def relu(input: torch.Tensor) -> torch.Tensor:
    """What ReLU is for a tensor without negative values."""
    if has_torch_function_unary(input):
        return handle_torch_function(relu, (input,), input)
    return input


def hardtanh(input: torch.Tensor) -> torch.Tensor:
    """What ReLU6, which calls ``hardtanh``, is for a tensor with values from 0 to 6."""
    if has_torch_function_unary(input):
        return handle_torch_function(hardtanh, (input,), input)
    return input


# The kinds of modules: what stands in for them, and what oneDNN calls them.
_ONCE: dict[type[nn.Module], tuple[type[nn.Module], tuple[str, list[float]]]] = {
    nn.ReLU: (ReLUOnce, ("relu", [])),
    nn.ReLU6: (ReLU6Once, ("hardtanh", [0.0, 6.0])),
}


def pack(network: nn.Module, traced: Trace, inputs: torch.Tensor) -> frozenset[int] | None:
    """Pack the weights of every convolution of a private copy, and let it do the ReLU behind it.

    Returns the numbers of the convolutions that give rectified values now; None where there is nothing to pack, or no oneDNN.
    """
    if inputs.device.type != "cpu" or not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return None
    modules = dict(network.named_modules())
    reorder: Any = torch.ops.mkldnn._reorder_convolution_weight
    calls = Counter(step.module for step in traced.steps if step.op == "conv2d")
    packed: dict[int, PackedConv2d] = {}
    for step in traced.steps:
        conv = modules.get(step.module)
        if step.op != "conv2d" or type(conv) is not nn.Conv2d or calls[step.module] != 1 or not step.inputs:
            continue
        if conv.padding_mode != "zeros" or isinstance(conv.padding, str):
            continue
        size = inputs.shape if step.inputs[0] == INPUT else traced.steps[step.inputs[0]].shape
        settings = (list(conv.padding), list(conv.stride), list(conv.dilation), conv.groups, list(size))
        conv.__class__ = PackedConv2d  # it keeps its place, its name and its parameters
        assert isinstance(conv, PackedConv2d)
        conv.packed = reorder(conv.weight.detach(), *settings)
        packed[step.number] = conv
    return _rectify(modules, traced, packed) if packed else None


def _rectify(modules: dict[str, nn.Module], traced: Trace, packed: dict[int, PackedConv2d]) -> frozenset[int]:
    """Give convolutions the ReLU that alone reads them, directly or through a BatchNorm that is folded into them."""
    readers = Counter(number for step in traced.steps for number in set(step.inputs))
    rectified: set[int] = set()
    for step in traced.steps:
        own = modules.get(step.module)
        kind = next((kind for kind in _ONCE if own is not None and type(own) in (kind, _ONCE[kind][0])), None)
        if own is None or kind is None or len(step.inputs) != 1:
            continue
        before = step.inputs[0]
        if before != INPUT and traced.steps[before].op == "batch_norm" and _is_folded(modules, traced.steps[before]):
            before = traced.steps[before].inputs[0] if readers[before] == 1 else INPUT
        if before in packed and readers[before] == 1 and before != traced.output:
            (own.__class__, packed[before].rectifier) = _ONCE[kind]
            rectified |= {before, step.inputs[0]}
    return frozenset(rectified)


def _is_folded(modules: dict[str, nn.Module], step: Step) -> bool:
    return type(modules.get(step.module)) is nn.Identity
