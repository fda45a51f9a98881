"""The gradient of the first convolution as a convolution of its own: against autograd's, for every form of kernel."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import seewhy
from seewhy.engine.faster import PackedConv2d
from seewhy.engine.input_gradient import BlockKernel, FirstConvolution

# channels, kernel, stride, padding, input
FORMS = [
    (3, 7, 2, 0, (224, 224)),  # SqueezeNet
    (3, 7, 2, 3, (45, 37)),  # ResNet
    (3, 3, 2, 1, (32, 33)),  # MobileNet
    (3, 3, 1, 1, (28, 28)),  # VGG
    (3, 16, 16, 0, (48, 53)),  # a vision transformer, with pixels at the end that no patch covers
    (3, 4, 4, 0, (37, 33)),  # ConvNeXt
    (3, 11, 4, 2, (63, 64)),  # AlexNet
    (1, 3, 1, 5, (9, 8)),  # more padding than kernel
    (2, 1, 2, 0, (9, 8)),  # pixels that no kernel reads
    (4, 2, 3, 0, (20, 22)),
    (3, 5, 3, 2, (20, 21)),
    (3, 7, 1, 0, (7, 7)),  # a single output
]


@pytest.mark.parametrize(("channels", "kernel", "stride", "padding", "size"), FORMS)
def test_it_is_autograds(channels: int, kernel: int, stride: int, padding: int, size: tuple[int, int]) -> None:
    torch.manual_seed(0)
    conv = nn.Conv2d(channels, 6, kernel, stride, padding).double().requires_grad_(False)
    assert BlockKernel.fits(conv)
    x = torch.randn(2, channels, *size, dtype=torch.float64, requires_grad=True)
    out = conv(x)
    gradient = torch.randn_like(out)
    (expected,) = torch.autograd.grad(out, x, gradient)
    torch.testing.assert_close(BlockKernel(conv).input_gradient(gradient, size), expected, rtol=1e-12, atol=1e-12)


def test_by_hand() -> None:
    """A kernel of (1, 2, 3) with stride 2: g = (1, 10) gives 1, 2, 3 + 10, 20, 30."""
    conv = nn.Conv2d(1, 1, 3, 2, bias=False).requires_grad_(False)
    conv.weight.data.zero_()
    conv.weight.data[0, 0, 0] = torch.tensor([1.0, 2.0, 3.0])
    gradient = torch.tensor([1.0, 10.0]).reshape(1, 1, 1, 2)
    expected = torch.zeros(1, 1, 3, 6)
    expected[0, 0, 0] = torch.tensor([1.0, 2.0, 13.0, 20.0, 30.0, 0.0])
    assert torch.equal(BlockKernel(conv).input_gradient(gradient, (3, 6)), expected)


@pytest.mark.parametrize(
    "conv",
    [
        nn.Conv2d(5, 6, 3),
        nn.Conv2d(4, 8, 3, groups=2),
        nn.Conv2d(3, 6, 3, dilation=2),
        nn.Conv2d(3, 6, (3, 5)),
        nn.Conv2d(3, 6, 3, stride=(1, 2)),
        nn.Conv2d(3, 6, 3, padding=(1, 0)),
        nn.Conv2d(3, 6, 3, padding="same"),
        nn.Conv2d(3, 6, 3, padding=1, padding_mode="reflect"),
    ],
)
def test_others_are_left_alone(conv: nn.Conv2d) -> None:
    assert not BlockKernel.fits(conv)


def test_several_gradients_at_once_and_second_derivatives() -> None:
    torch.manual_seed(1)
    conv = nn.Conv2d(3, 6, 3, 2, 1).double().requires_grad_(False)
    x = torch.randn(2, 3, 9, 9, dtype=torch.float64, requires_grad=True)
    out = FirstConvolution.apply(x, conv, BlockKernel(conv))
    seeds = torch.randn(4, *out.shape, dtype=torch.float64)
    (batched,) = torch.autograd.grad(out, x, seeds, is_grads_batched=True, retain_graph=True)
    expected = torch.stack([torch.autograd.grad(conv(x), x, seed)[0] for seed in seeds])
    torch.testing.assert_close(batched, expected)
    (first,) = torch.autograd.grad(out.pow(2).sum(), x, create_graph=True)
    (second,) = torch.autograd.grad(first.sum(), x)
    (plain,) = torch.autograd.grad(conv(x).pow(2).sum(), x, create_graph=True)
    torch.testing.assert_close(second, torch.autograd.grad(plain.sum(), x)[0])


@pytest.mark.skipif(not torch.backends.mkldnn.is_available(), reason="packed convolutions need oneDNN")
def test_a_gradient_method_uses_it_and_agrees_with_autograd() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 5, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    clf = seewhy.Classifier(network, preprocess=seewhy.Preprocess(size=32))
    photo = np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)
    e = seewhy.explain(clf, photo, method="gradient", target=2)
    planned = clf.executor.planned(clf.executor.pixels([clf.read(photo)]))
    first = next(module for module in planned.plan.network.modules() if isinstance(module, PackedConv2d))
    assert isinstance(first.block_kernel, BlockKernel)
    assert [module.block_kernel for module in planned.plan.network.modules() if isinstance(module, PackedConv2d)][1] is None
    x = torch.from_numpy(photo.astype(np.float32) / 255).permute(2, 0, 1)[None].requires_grad_()
    (at_unit_pixels,) = torch.autograd.grad(network(x)[0, 2], x)
    expected = at_unit_pixels[0].numpy() / 255  # a pixel is 0 to 255
    assert e.raw is not None
    np.testing.assert_allclose(e.raw[0], expected, atol=1e-5 * float(np.abs(expected).max()))
