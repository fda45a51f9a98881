"""Every operation on rectangles gives what it gives on whole maps: random networks made of all of them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from masked_photos import assert_same, cells, corners, kept_of, masked, patched
from torch import nn
from torch.nn import functional as F

from seewhy.engine.patched import Patched
from seewhy.engine.patched_operations import _joined


def test_rectangles_around_several_are_of_one_size_and_lie_in_the_map() -> None:
    (a, b) = (patched(0, size=(2, 2)), patched(1, size=(3, 2)))
    (a.rows, b.rows) = (np.array([5, 0, 1]), np.array([4, 2, 0]))
    (a.columns, b.columns) = (np.array([0, 7, 3]), np.array([2, 6, 3]))
    (rows, columns, size) = _joined([a, b])
    assert size == (5, 4)
    assert rows.tolist() == [2, 0, 0]  # of the seven rows
    assert columns.tolist() == [0, 5, 3]  # of the nine columns


class Do(nn.Module):
    """A function with modules of its own."""

    def __init__(self, forward: Callable[..., torch.Tensor], **parts: nn.Module) -> None:
        super().__init__()
        self.does = forward
        for name, part in parts.items():
            setattr(self, name, part)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.does(self, x)


class Draw:
    """Draws networks. ``whole`` : something in the last one is known to need whole maps."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.whole = False

    def one(self, *values):
        return values[int(self.rng.integers(len(values)))]

    def convolution(self, x: torch.Tensor) -> nn.Module:
        channels = x.shape[1]
        (out, groups) = self.one((self.one(4, 6, 8, 12), 1), (channels, channels), (2 * channels, channels), (channels, 2))
        groups = groups if channels % groups == 0 and out <= 24 else 1
        kernel = self.one(1, 3, 3, 5, 7, (1, 3), (3, 1), (2, 4), (5, 2))
        dilation = self.one(1, 1, 2, (1, 2), 3)
        stride = self.one(1, 1, 1, 2, 3, 4, (1, 2), (2, 1))
        padding = self.one(0, 1, 2, 3, (0, 2), (3, 1), "valid", "same")
        if padding == "same":
            stride = 1
        mode = "zeros" if self.rng.random() < 0.95 else self.one("reflect", "circular")
        bias = bool(self.rng.random() < 0.5)
        return nn.Conv2d(channels, out, kernel, stride, padding, dilation, groups, bias, mode)

    def max_pool(self, x: torch.Tensor) -> nn.Module:
        kernel = self.one(2, 3, 4, (2, 3))
        padding = 0 if kernel == (2, 3) else self.one(0, 1, kernel // 2)
        return nn.MaxPool2d(kernel, self.one(None, 1, 2, 3, (2, 1)), padding, self.one(1, 1, 2), ceil_mode=self.one(True, False))

    def avg_pool(self, x: torch.Tensor) -> nn.Module:
        kernel = self.one(2, 3, 4, (2, 3))
        padding = 0 if kernel == (2, 3) else self.one(0, 1, kernel // 2)
        ceil, count = self.one(False, False, True), self.one(True, False)
        return nn.AvgPool2d(kernel, self.one(None, 1, 2, 3), padding, ceil, count, self.one(None, None, 3))

    def batch_norm(self, x: torch.Tensor) -> nn.Module:
        norm = nn.BatchNorm2d(x.shape[1], affine=self.one(True, False))
        norm.running_mean.copy_(x.mean((0, 2, 3)) + torch.randn(x.shape[1]) * 0.1)
        norm.running_var.copy_(x.var((0, 2, 3), unbiased=False) + 0.1)
        return norm

    def activation(self, x: torch.Tensor) -> nn.Module:
        modules = [nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish, nn.LeakyReLU, nn.Hardtanh, nn.ELU, nn.CELU, nn.SELU, nn.Mish]
        functions = [torch.relu, F.relu, F.gelu, torch.relu_, torch.sigmoid, torch.tanh, F.softplus, torch.abs, F.hardsigmoid]
        if self.rng.random() < 0.6:
            return self.one(*modules)(inplace=self.one(True, False))
        function = self.one(*functions, lambda x: x.clamp(-1, 2), lambda x: x.clamp_(min=-0.5), lambda x: F.relu(x, True))
        return Do(lambda self, x: function(x))

    def numbers(self, x: torch.Tensor) -> nn.Module:
        scale = nn.Parameter(torch.rand(self.one((), (x.shape[1], 1, 1), (1, x.shape[1], 1, 1))) + 0.5)
        function = self.one(
            lambda x: x * scale,
            lambda x: scale * x,
            lambda x: x / scale,
            lambda x: x - scale,
            lambda x: scale + x,
            lambda x: 1 - x,
            lambda x: 0.5 - x * 2,
            lambda x: (x + 1) / 3,
            lambda x: torch.add(x, 0.3, alpha=2),
            lambda x: torch.add(x, scale, alpha=2),
            lambda x: x.mul_(1.5).add_(scale),
            lambda x: -x.neg(),
            lambda x: x.sub(0.25, alpha=2),
        )
        return Do(lambda self, x: function(x), held=nn.ParameterList([scale]))

    def branch(self, x: torch.Tensor) -> nn.Module:
        kernel = self.one(1, 3, 5)
        (a, b) = (nn.Conv2d(x.shape[1], x.shape[1], k, padding=k // 2) for k in (kernel, self.one(1, 3)))
        act = self.activation(x)

        def iadd(self, x):
            out = self.act(self.a(x))
            out += x
            return out

        function = self.one(
            lambda self, x: self.a(x) + self.b(x),
            lambda self, x: self.act(self.a(x)) + x,
            lambda self, x: torch.cat([self.a(x), x], 1),
            lambda self, x: torch.cat([x, self.act(self.b(x)), self.a(x)], dim=-3)[:, :12] * 1.0,
            lambda self, x: self.a(x) * torch.sigmoid(self.b(x)),
            lambda self, x: self.a(x).sub_(self.b(x)),
            iadd,
        )
        return Do(function, a=a, b=b, act=act)

    def squeeze_excite(self, x: torch.Tensor) -> nn.Module:
        down, up = nn.Conv2d(x.shape[1], 3, 1), nn.Conv2d(3, x.shape[1], 1)
        pool = self.one(
            lambda x: F.adaptive_avg_pool2d(x, 1), lambda x: x.mean((2, 3), keepdim=True), lambda x: x.amax((2, 3), True)
        )
        return Do(lambda self, x: x * torch.sigmoid(self.up(torch.relu(self.down(pool(x))))), down=down, up=up)

    def layer_norm(self, x: torch.Tensor) -> nn.Module:
        channels = x.shape[1]
        (norm, up, down) = nn.LayerNorm(channels), nn.Linear(channels, 2 * channels), nn.Linear(2 * channels, channels)
        gamma = nn.Parameter(torch.rand(channels))
        forward = self.one(
            lambda self, x: self.norm(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2),
            lambda self, x: x + self.down(F.gelu(self.up(self.norm(x.permute(0, 2, 3, 1))))).mul(gamma).permute(0, 3, 1, 2),
            lambda self, x: torch.relu_(self.norm(x.permute((0, 2, 3, -3)))).permute(0, -1, 1, 2),
            lambda self, x: (self.norm(x.permute(0, 2, 3, 1)) + x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2).contiguous(),
            lambda self, x: F.layer_norm(x.permute(0, 2, 3, 1), [x.shape[3], channels]).permute(0, 3, 1, 2),
        )
        return Do(forward, norm=norm, up=up, down=down, held=nn.ParameterList([gamma]))

    def unknown(self, x: torch.Tensor) -> nn.Module:
        """What has to see whole maps."""
        self.whole = True
        half = x.shape[1] // 2
        shuffle = nn.ChannelShuffle(2 if x.shape[1] % 2 == 0 else 1)
        function = self.one(
            lambda self, x: F.pad(x, (1, 0, 2, 1)),
            lambda self, x: (
                F.interpolate(x, scale_factor=2) if x.shape[2] < 12 else F.interpolate(x, size=(7, 9), mode="bilinear")
            ),
            lambda self, x: torch.cat(x.chunk(2, 1)[::-1], 1),
            lambda self, x: torch.cat([torch.relu_(x.split(half, 1)[0]), x], 1)[:, :16],
            lambda self, x: x.softmax(1) * 4,
            lambda self, x: x.transpose(2, 3),
            lambda self, x: x.flip(3) + x,
            lambda self, x: shuffle(x),
            lambda self, x: x - x.amax((1, 2, 3), keepdim=True),
            lambda self, x: F.adaptive_avg_pool2d(x, (3, None)),
            lambda self, x: F.adaptive_max_pool2d(x, (4, 5)),
            lambda self, x: F.instance_norm(x),
            lambda self, x: F.max_pool2d(x, 2, return_indices=True)[0],
            lambda self, x: x[:, :, 1:],
            lambda self, x: torch.where(x > 0, x, x * 0.1),
        )
        return Do(function)

    def other(self, x: torch.Tensor) -> nn.Module:
        act = self.activation(x)
        return self.one(
            nn.Dropout(0.5),
            nn.Dropout2d(0.5, inplace=True),
            nn.Identity(),
            nn.AdaptiveAvgPool2d((None, x.shape[3])),
            Do(lambda self, x: self.act(F.adaptive_avg_pool2d(x, tuple(x.shape[2:]))) + x, act=act),
            Do(lambda self, x: self.act(x.detach()), act=act),
            Do(lambda self, x: self.act(x.contiguous()) + x, act=act),
            Do(lambda self, x: self.act(x.clone()) + x, act=act),
            Do(lambda self, x: self.act(x.to(torch.float64).to(x.dtype)) + x, act=act),
            nn.LocalResponseNorm(3),
        )

    def body(self, x: torch.Tensor) -> nn.Sequential:
        kinds = [self.convolution] * 8 + [self.activation] * 5 + [self.batch_norm] * 3 + [self.branch] * 3
        kinds += [self.max_pool, self.avg_pool, self.numbers, self.layer_norm, self.other] * 2
        modules: list[nn.Module] = []
        steps = int(self.rng.integers(2, 9))
        while len(modules) < steps:
            kind = self.one(*kinds)
            if self.rng.random() < 0.06:
                kind = self.one(self.unknown, self.squeeze_excite)
            before = self.whole
            module = kind(x).eval()
            try:
                with torch.no_grad():
                    output = module(x.clone())
            except (RuntimeError, IndexError, ValueError):  # a kernel larger than the map, a Do without its parts
                self.whole = before
                continue
            if (
                output.numel() > 80_000
                or min(output.shape) < 1
                or float(output.std()) < 1e-3
                or not bool(output.isfinite().all())
            ):
                self.whole = before
                continue
            modules.append(module)
            x = output
        return nn.Sequential(*modules, self.head(x).eval())

    def head(self, x: torch.Tensor) -> nn.Module:
        channels = x.shape[1]
        return self.one(
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 5)),
            Do(lambda self, x: self.fc(x.mean((2, 3))), fc=nn.Linear(channels, 5)),
            Do(lambda self, x: self.fc(x.mean([-1, -2], keepdim=True).flatten(1)), fc=nn.Linear(channels, 5)),
            Do(lambda self, x: self.fc(x.mean(dim=3).mean(dim=2)), fc=nn.Linear(channels, 5)),
            nn.Sequential(nn.AdaptiveAvgPool2d((2, 3)), nn.Flatten(), nn.Linear(6 * channels, 5)),
            nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 5)),
            Do(lambda self, x: self.fc(x.reshape(len(x), -1)), fc=nn.Linear(x[0].numel(), 5)),
            Do(lambda self, x: self.fc(x.amax((2, 3))), fc=nn.Linear(channels, 5)),
            nn.Identity(),
        )

    def photo(self) -> torch.Tensor:
        size = (int(self.rng.integers(8, 33)), int(self.rng.integers(8, 33)))
        return torch.randn(1, 3, *size)

    def mask(self, photo: torch.Tensor) -> Patched:
        (height, width) = photo.shape[2:]
        size = self.one((1, 1), (4, 4), (height, width), *[(self.rng.integers(1, height), self.rng.integers(1, width))] * 3)
        (down, across) = (height - size[0] + 1, width - size[1] + 1)
        random_places = [(int(self.rng.integers(down)), int(self.rng.integers(across))) for _ in range(3)]
        places = [*corners(photo, size), *random_places]
        self.rng.shuffle(places)
        return masked(photo, places[: int(self.rng.integers(1, 7))], size)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize("part", range(6))
def test_random_networks_give_what_they_give_on_whole_photos(part: int) -> None:
    followed = 0
    for seed in range(part * 40, part * 40 + 40):
        draw = Draw(seed)
        photo = draw.photo()
        network = draw.body(photo)
        if seed % 2:
            network = network.to(memory_format=torch.channels_last)
            photo = photo.contiguous(memory_format=torch.channels_last)
        if double := seed % 4 == 0:
            (network, photo) = (network.double(), photo.double())
        for _ in range(2):
            x = draw.mask(photo)
            try:
                incremental = assert_same(network, x, 1e-12 if double else 1e-5)
            except Exception as error:
                raise AssertionError(f"seed {seed}, {tuple(photo.shape)}, masks of {x.extent}: {network}") from error
            followed += not incremental.whole_from
            assert incremental.whole_from or not draw.whole
    assert followed >= 5  # from end to end, in rectangles all the way


def test_a_convolution_gives_only_the_cells_that_the_mask_reaches() -> None:
    network = nn.Sequential(
        *(
            nn.Conv2d(3, 4, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.BatchNorm2d(4),
            nn.Conv2d(4, 4, 5, padding=2),
        ),
        *(nn.Dropout(), nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    ).eval()
    photo = torch.randn(1, 3, 40, 40)
    kept = kept_of(network, photo)
    whole = 3 * (1600 + 400 + 400)
    # 4 -> 6 by the first kernel; 6 at even places -> 3 by the pooling; 3 -> 7 by the second kernel.
    x = masked(photo, [(0, 0), (11, 15), (36, 36)], (4, 4))
    assert cells(network, x, kept) == (3 * (36 + 49 + 49), whole)
    # 6 at an odd place -> 4 by the pooling, for all of the block; 4 -> 8 by the second kernel.
    x = masked(photo, [(0, 0), (12, 12), (36, 36)], (4, 4))
    assert cells(network, x, kept) == (3 * (36 + 64 + 64), whole)
    # At the edge it grows to one side only: 4 -> 5 -> 3 -> 5.
    x = masked(photo, [(0, 0), (36, 0), (36, 36)], (4, 4))
    assert cells(network, x, kept) == (3 * (25 + 25 + 25), whole)
