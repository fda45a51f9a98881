"""The gradient of a network's first convolution with respect to its input, computed as a convolution of its own.

oneDNN is slow where a convolution's gradient has three channels: SqueezeNet's first layer takes 7 ms a photo that way, a quarter
of the whole way forward and back, and 2.4 as it is done here; the patches of a vision transformer take 9.6 and 2.0.

With stride s and kernel k, ``dx[y] = sum over j of g[j] w[y + p - s j]``. Put ``y + p = t q + r`` with ``0 <= r < t`` and t a
multiple of s: every block of t x t pixels is then the same linear function of its window of g, so all of them together are one
convolution of g with stride t / s and t x t x C channels, and its kernel at offset d is ``w[r - s d]``.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

MOST_CHANNELS = 4  # of the input; with more, oneDNN's own is as fast


class BlockKernel:
    """The kernel of that convolution, for a convolution of the network that allows it.

    weight : ``(t t C, O, m, m)``, rows of pixels first, channels last. block : t. before : by how many places of g a window
    begins before its block.
    """

    def __init__(self, conv: nn.Conv2d) -> None:
        (kernel, stride) = (conv.kernel_size[0], conv.stride[0])
        self.block = stride if stride > 1 else 2  # with three channels instead of twelve the kernel would be mostly idle
        self.step = self.block // stride
        self.padding = int(conv.padding[0])
        self.before = (kernel - 1) // stride
        side = self.before + (self.block - 1) // stride + 1
        weight = conv.weight.detach()  # (O, C, k, k)
        blocks = weight.new_zeros(self.block, self.block, weight.shape[1], weight.shape[0], side, side)
        places = [
            (r, d + self.before, r - stride * d)
            for r in range(self.block)
            for d in range(-self.before, side - self.before)
            if 0 <= r - stride * d < kernel
        ]
        for row, down, a in places:
            for column, across, b in places:
                blocks[row, column, :, :, down, across] = weight[:, :, a, b].T
        self.channels = weight.shape[1]
        self.weight = blocks.flatten(0, 2).contiguous(memory_format=torch.channels_last)

    @staticmethod
    def fits(conv: nn.Conv2d) -> bool:
        """True for few input channels, a square kernel without holes, and the same stride and padding both ways."""
        return (
            conv.in_channels <= MOST_CHANNELS
            and conv.groups == 1
            and conv.dilation == (1, 1)
            and conv.padding_mode == "zeros"
            and not isinstance(conv.padding, str)
            and all(a == b for a, b in (conv.kernel_size, conv.stride, conv.padding))
        )

    def input_gradient(self, gradient: torch.Tensor, size: tuple[int, int]) -> torch.Tensor:
        """``(N, O, h, w)`` of the convolution's output to ``(N, C, *size)`` of its input."""
        (t, channels) = (self.block, self.channels)
        # Rows and columns of blocks, and how far the last window reaches beyond g.
        needed = [-(-(side + self.padding) // t) for side in size]
        behind = [
            max(0, self.step * (blocks - 1) + self.weight.shape[2] - self.before - length)
            for blocks, length in zip(needed, gradient.shape[2:], strict=True)
        ]
        if max(behind) > self.before:
            gradient = F.pad(gradient, (0, behind[1], 0, behind[0]))
        pixels = F.conv2d(gradient, self.weight, None, self.step, self.before).permute(0, 2, 3, 1)
        (photos, rows, columns, _) = pixels.shape
        pixels = pixels.reshape(photos, rows, columns, t, t * channels).transpose(2, 3)
        pixels = pixels.reshape(photos, rows * t, columns * t, channels)
        (top, left) = (self.padding, self.padding)
        return pixels[:, top : top + size[0], left : left + size[1]].permute(0, 3, 1, 2)


class FirstConvolution(torch.autograd.Function):
    """A convolution whose gradient with respect to its input is :meth:`BlockKernel.input_gradient`; its weights get none."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, conv: nn.Conv2d, kernel: BlockKernel) -> torch.Tensor:
        (ctx.kernel, ctx.size) = (kernel, x.shape[2:])
        return F.conv2d(x, conv.weight, conv.bias, conv.stride, conv.padding)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> Any:
        return ctx.kernel.input_gradient(gradients[0], tuple(ctx.size)), None, None
