"""Recomputing only what a mask can reach gives what the whole network gives on the masked photos."""

from __future__ import annotations

import copy
import itertools
import warnings
from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import seewhy
from seewhy.engine.incremental import Incremental, KeepResults
from seewhy.engine.patched import Patched, cut, reach, window
from seewhy.engine.patched_operations import _joined
from seewhy.errors import MissingExtraError
from seewhy.load.from_torchvision import models

# -- the parts -------------------------------------------------------------------------------------------------------------


def test_reach_finds_every_output_that_reads_the_rectangle_and_no_more_than_needed() -> None:
    tried = 0
    for kernel, stride, dilation in itertools.product(range(1, 8), range(1, 5), range(1, 4)):
        spread = (kernel - 1) * dilation
        for padding, inside in itertools.product({0, 1, spread // 2, spread}, (9, 14)):
            count = (inside + 2 * padding - spread - 1) // stride + 1
            if inside + 2 * padding <= spread:
                continue
            read = np.arange(count)[:, None] * stride - padding + np.arange(kernel) * dilation  # by each output
            for length in (1, 2, 3, 5, 9):
                first = np.arange(inside - length + 1)
                (start, many) = reach(first, length, count, kernel, stride, padding, dilation)
                spans = []
                for f, s in zip(first, start, strict=True):
                    (sees,) = np.nonzero(((read >= f) & (read < f + length)).any(axis=1))
                    assert s >= 0
                    assert s + many <= count
                    assert set(sees) <= set(range(s, s + many))
                    spans.append(sees[-1] - sees[0] + 1 if len(sees) else 0)
                    tried += 1
                # All get one number, which the farthest-spread position anywhere in a long map would need.
                longest = max(min(count, (length - 1 + spread) // stride + 1), 1)
                assert max(spans) <= many <= longest
    assert tried > 20_000


def test_reach_takes_the_fewest_outputs_that_any_position_needs() -> None:
    for kernel, stride, dilation, length in itertools.product(range(1, 8), range(1, 5), (1, 2), range(1, 6)):
        spread = (kernel - 1) * dilation
        first = np.arange(40, 40 + 12)  # far from both edges
        (_, many) = reach(first, length, 100, kernel, stride, 0, dilation)
        ends = [(f + length - 1) // stride - -((-(f - spread)) // stride) + 1 for f in first]
        assert many == max(1, max(ends))


def patched(seed: int = 0, n: int = 3, grid: tuple[int, int] = (7, 9), size: tuple[int, int] = (3, 2)) -> Patched:
    drawn = np.random.default_rng(seed)
    torch.manual_seed(seed)
    rows = drawn.integers(0, grid[0] - size[0] + 1, n)
    columns = drawn.integers(0, grid[1] - size[1] + 1, n)
    return Patched(torch.rand(n, 4, *size), rows, columns, torch.rand(1, 4, *grid))


def by_hand(x: Patched) -> torch.Tensor:
    whole = x.base.repeat(len(x.patch), 1, 1, 1)
    for i, (row, column) in enumerate(zip(x.rows, x.columns, strict=True)):
        whole[i, :, row : row + x.extent[0], column : column + x.extent[1]] = x.patch[i]
    # A network may behave differently by the order in memory: what it writes into may be a copy, or not.
    return whole if x.base.is_contiguous() else whole.contiguous(memory_format=torch.channels_last)


def test_put_together_puts_each_rectangle_in_its_own_place() -> None:
    for seed, size in enumerate([(1, 1), (3, 2), (7, 1), (1, 9), (7, 9)]):
        x = patched(seed, size=size)
        assert torch.equal(x.put_together(), by_hand(x))


def test_put_together_keeps_the_order_in_memory_of_the_kept_map() -> None:
    x = patched()
    assert x.put_together().is_contiguous()
    x = patched()
    x.base = x.base.contiguous(memory_format=torch.channels_last)
    assert x.put_together().is_contiguous(memory_format=torch.channels_last)


def test_windows_over_the_edge_are_filled_outside() -> None:
    drawn = np.random.default_rng(1)
    for seed in range(20):
        x = patched(seed)
        size = (int(drawn.integers(1, 12)), int(drawn.integers(1, 12)))
        (rows, columns) = (drawn.integers(-6, 9, 3), drawn.integers(-6, 11, 3))
        expected = torch.full((3, 4, *size), -7.0)
        whole = by_hand(x)
        for i, r, c in itertools.product(range(3), range(size[0]), range(size[1])):
            (row, column) = (rows[i] + r, columns[i] + c)
            if 0 <= row < 7 and 0 <= column < 9:
                expected[i, :, r, c] = whole[i, :, row, column]
        assert torch.equal(window(x, rows, columns, size, -7.0), expected)


def test_the_window_of_the_rectangles_is_the_rectangles() -> None:
    x = patched()
    assert window(x, x.rows, x.columns, x.extent) is x.patch


def test_rectangles_around_several_are_of_one_size_and_lie_in_the_map() -> None:
    (a, b) = (patched(0, size=(2, 2)), patched(1, size=(3, 2)))
    (a.rows, b.rows) = (np.array([5, 0, 1]), np.array([4, 2, 0]))
    (a.columns, b.columns) = (np.array([0, 7, 3]), np.array([2, 6, 3]))
    (rows, columns, size) = _joined([a, b])
    assert size == (5, 4)
    assert rows.tolist() == [2, 0, 0]  # of the seven rows
    assert columns.tolist() == [0, 5, 3]  # of the nine columns


def test_cut_takes_a_window_for_each_place() -> None:
    kept = torch.rand(1, 4, 7, 9)
    (rows, columns) = (np.array([0, 4, 2]), np.array([7, 0, 3]))
    expected = torch.stack([kept[0, :, r : r + 3, c : c + 2] for r, c in zip(rows, columns, strict=True)])
    assert torch.equal(cut(kept, rows, columns, (3, 2)), expected)


# -- whole networks --------------------------------------------------------------------------------------------------------


def masked(photo: torch.Tensor, places: list[tuple[int, int]], size: tuple[int, int]) -> Patched:
    """Rectangles of noise at these places of a photo."""
    (rows, columns) = np.array(places, np.int64).T
    noise = torch.randn(len(places), photo.shape[1], *size, generator=torch.Generator().manual_seed(9)).to(photo.dtype)
    return Patched(noise, rows, columns, photo)


def corners(photo: torch.Tensor, size: tuple[int, int], n: int = 5) -> list[tuple[int, int]]:
    """The four corners and the middle."""
    (bottom, right) = (photo.shape[2] - size[0], photo.shape[3] - size[1])
    return [(0, 0), (bottom, right), (0, right), (bottom // 2, right // 2), (bottom, 0)][:n]


def both(run: Callable[[torch.Tensor], torch.Tensor], x: Patched) -> tuple[torch.Tensor, torch.Tensor, Incremental]:
    """What comes out of rectangles, and of whole photos. Nothing may be left of the first pass in the second."""
    photo = x.base.clone()  # the network may write into it
    with torch.no_grad():
        with KeepResults() as keep:
            run(photo)
        expected = run(by_hand(x))
        with Incremental(keep.kept) as incremental:
            output = run(x)
            output = output.put_together() if isinstance(output, Patched) else output
    return output, expected, incremental


def deviation(output: torch.Tensor, expected: torch.Tensor) -> float:
    assert output.shape == expected.shape
    assert output.dtype == expected.dtype
    assert bool(torch.isfinite(expected).all())
    return float((output - expected).abs().max() / expected.abs().max().clamp_min(1e-30))


def assert_same(run: Callable[[torch.Tensor], torch.Tensor], x: Patched, most: float = 1e-5) -> Incremental:
    (output, expected, incremental) = both(run, x)
    assert deviation(output, expected) <= most
    return incremental


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
        self.drawn = np.random.default_rng(seed)
        torch.manual_seed(seed)
        self.whole = False

    def one(self, *values):
        return values[int(self.drawn.integers(len(values)))]

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
        mode = "zeros" if self.drawn.random() < 0.95 else self.one("reflect", "circular")
        bias = bool(self.drawn.random() < 0.5)
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
        if self.drawn.random() < 0.6:
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
        made: list[nn.Module] = []
        steps = int(self.drawn.integers(2, 9))
        while len(made) < steps:
            kind = self.one(*kinds)
            if self.drawn.random() < 0.06:
                kind = self.one(self.unknown, self.squeeze_excite)
            before = self.whole
            module = kind(x).eval()
            try:
                with torch.no_grad():
                    given = module(x.clone())
            except (RuntimeError, IndexError, ValueError):  # a kernel larger than the map, a Do without its parts
                self.whole = before
                continue
            if given.numel() > 80_000 or min(given.shape) < 1 or float(given.std()) < 1e-3 or not bool(given.isfinite().all()):
                self.whole = before
                continue
            made.append(module)
            x = given
        return nn.Sequential(*made, self.head(x).eval())

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
        size = (int(self.drawn.integers(8, 33)), int(self.drawn.integers(8, 33)))
        return torch.randn(1, 3, *size)

    def mask(self, photo: torch.Tensor) -> Patched:
        (height, width) = photo.shape[2:]
        size = self.one((1, 1), (4, 4), (height, width), *[(self.drawn.integers(1, height), self.drawn.integers(1, width))] * 3)
        (down, across) = (height - size[0] + 1, width - size[1] + 1)
        drawn = [(int(self.drawn.integers(down)), int(self.drawn.integers(across))) for _ in range(3)]
        places = [*corners(photo, size), *drawn]
        self.drawn.shuffle(places)
        return masked(photo, places[: int(self.drawn.integers(1, 7))], size)


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


# -- traps -----------------------------------------------------------------------------------------------------------------


class Square(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return x * x

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class AsItCame(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x: torch.Tensor) -> torch.Tensor:
        return x

    @staticmethod
    def backward(ctx, gradient: torch.Tensor) -> torch.Tensor:
        raise NotImplementedError


class Scripted(nn.Module):
    """Branches on what it is given, and writes into it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if bool(x.sum() > 0):
            x.mul_(2.0)
        return torch.relu(x) + x.permute(0, 1, 3, 2).mean()


class Trap(nn.Module):
    """Two convolutions and whatever a person may write between them."""

    def __init__(self, between: Callable[[Trap, torch.Tensor], torch.Tensor]) -> None:
        super().__init__()
        self.first, self.second, self.fc = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(6, 6, 3, padding=1), nn.Linear(6, 4)
        self.norm = nn.BatchNorm2d(6)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5, inplace=True)
        self.gain = nn.Parameter(torch.rand(6, 1, 1) + 0.5)
        self.register_buffer("seen", torch.ones(()))
        self.between = between
        self.calls = 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return self.fc(self.second(self.between(self, self.first(x))).relu().mean((2, 3)))


TRAPS: dict[str, Callable[[Trap, torch.Tensor], torch.Tensor]] = {}


def trap(function: Callable[[Trap, torch.Tensor], torch.Tensor]) -> None:
    TRAPS[function.__name__] = function


@trap
def a_view_is_written_into(net, x):
    x.permute(0, 2, 3, 1).relu_()
    return x


@trap
def what_has_a_view_is_written_into(net, x):
    y = x.permute(0, 2, 3, 1)
    x.relu_()
    return x + y.permute(0, 3, 1, 2)


@trap
def a_view_of_a_view_is_written_into(net, x):
    y = x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)
    y += 1
    return net.second(x) + y


@trap
def part_of_what_has_a_view_is_written_into(net, x):
    y = x.permute(0, 2, 3, 1)
    x.chunk(2, 1)[0].relu_()
    return y.permute(0, 3, 1, 2)


@trap
def part_of_a_view_is_written_into(net, x):
    x.permute(0, 2, 3, 1)[..., 1:3].mul_(-3)
    return net.norm(x)


@trap
def a_chunk_is_written_into(net, x):
    (a, b) = x.chunk(2, 1)
    a.relu_()
    return torch.cat([b, a], 1) + x


@trap
def an_item_is_written(net, x):
    x[:, 0] = 0
    return x


@trap
def a_mask_is_written(net, x):
    x[x < 0.1] = 0.5
    return x


@trap
def contiguous_may_be_the_thing_itself(net, x):
    y = x.contiguous()
    y.relu_()
    return net.second(x) - y


@trap
def contiguous_in_the_other_order(net, x):
    y = x.contiguous(memory_format=torch.channels_last)
    y.relu_()
    return net.second(x) - y


@trap
def a_clone_is_written_into(net, x):
    y = x.clone()
    y.relu_()
    return x - y * 0.5


@trap
def to_its_own_precision_is_the_thing_itself(net, x):
    x.to(x.dtype).relu_()
    x.float().add_(0.5)
    return x


@trap
def detached_and_written_into(net, x):
    x.detach().relu_()
    return x


@trap
def data_written_into(net, x):
    x.data.relu_()
    return x


@trap
def dropout_in_eval_mode_is_the_thing_itself(net, x):
    y = F.dropout(net.dropout(x), 0.3, training=False)
    y.relu_()
    return x - 0.1


@trap
def pooled_to_its_own_size_and_written_into(net, x):
    y = F.adaptive_avg_pool2d(x, x.shape[2:])
    y.relu_()
    return x + y


@trap
def added_in_place(net, x):
    out = net.second(x)
    out += x
    return net.relu(out) + x * 2


@trap
def a_sum_with_itself(net, x):
    x += x
    x *= x
    return x - x.neg()


@trap
def the_smaller_side_is_written_into(net, x):
    y = x.relu()
    y += net.second(net.second(x))
    return y


@trap
def what_a_branch_has_read_is_written_into(net, x):
    y = net.second(x)
    net.relu(x)
    return y + x


@trap
def written_into_with_out(net, x):
    y = torch.empty(x.shape)
    z = net.second(x)
    torch.add(x, 1.0, out=y)
    torch.mul(z, 2.0, out=z)
    return z + y


@trap
def modules_are_used_again(net, x):
    return net.relu(net.second(net.relu(net.second(net.relu(net.norm(net.norm(x)))))))


@trap
def numpy_writes_into_what_has_a_view(net, x):
    y = x.permute(0, 2, 3, 1)
    x.numpy()[:, 1] *= -2
    return y.permute(0, 3, 1, 2)


@trap
def a_branch_on_the_largest(net, x):
    y = net.second(x)
    return net.second(y) * 3 if x.abs().max() < 8 else net.norm(y).relu()


@trap
def a_branch_with_the_same_steps(net, x):
    (y, z) = (net.second(x), net.norm(x))
    return torch.relu(y if x.abs().max() < 8 else z)


@trap
def a_branch_that_writes(net, x):
    y = net.second(x)
    if x.abs().max() < 8:
        y[:, 0] = 0
    return net.second(y)


@trap
def a_number_out_of_the_maps(net, x):
    y = net.second(x)
    return y / x.max().item() - x.min().item()


@trap
def a_number_of_numpy(net, x):
    y = net.norm(x)
    return y * float(x.numpy().max())


@trap
def an_array_of_numpy(net, x):
    y = net.norm(x)
    return torch.from_numpy(np.tanh(x.numpy())) * y * torch.from_numpy(x.numpy().max(axis=(0, 2, 3))[:, None, None])


@trap
def one_number_for_all_channels(net, x):
    y = net.second(x)
    y = net.second(y * x.abs().max())
    return torch.clamp(y, max=x.mean())


@trap
def one_number_for_each_channel(net, x):
    y = net.second(x)
    return torch.relu(y - x[0].amax((1, 2), keepdim=True)) + x[:1].mean((2, 3), keepdim=True)


@trap
def squeeze_and_excite(net, x):
    return net.second(x * torch.sigmoid(F.adaptive_avg_pool2d(x, 1)))


@trap
def statistics_of_the_batch(net, x):
    return F.batch_norm(x, None, None, training=True) + F.batch_norm(
        x, net.norm.running_mean.clone(), torch.ones(6), training=True
    )


@trap
def weights_made_of_the_maps(net, x):
    y = net.norm(x)
    return F.conv2d(y, net.second.weight * x.mean(), padding=1)


@trap
def a_buffer_made_of_the_maps(net, x):
    y = net.norm(x)
    net.seen.copy_(x.mean())
    return y / net.seen


@trap
def batch_norm_of_statistics_made_of_the_maps(net, x):
    y = net.second(x)
    return F.batch_norm(y, x.mean((0, 2, 3)), net.norm.running_var)


@trap
def how_many_they_are(net, x):
    return x / len(x)


@trap
def another_way_for_many(net, x):
    y = net.second(x)
    return torch.relu(y if x.shape[0] > 1 else x)


@trap
def one_by_one(net, x):
    return net.second(torch.stack([net.norm(one[None])[0] for one in x]))


@trap
def a_function_of_autograd(net, x):
    return Square.apply(net.relu(x))


@trap
def a_function_of_autograd_that_returns_its_argument(net, x):
    AsItCame.apply(x).relu_()
    return x


@trap
def checkpointed(net, x):
    return torch.utils.checkpoint.checkpoint(net.second, x, use_reentrant=False)


@trap
def scripted(net, x):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # TorchScript itself is on its way out
        script = torch.jit.script(Scripted())
    return script(x) + x


@trap
def stored(net, x):
    net.last = x
    return net.second(net.last).relu_() + net.last


@trap
def stored_by_the_pass_before(net, x):
    (was, net.was) = (getattr(net, "was", None), x.clone())
    return x if was is None or was.shape != x.shape else x + was * 0


@trap
def names_of_arguments(net, x):
    x = torch.add(input=x, other=x)
    x = F.conv2d(input=x, weight=net.second.weight, bias=None, padding=1)
    x = torch.cat(tensors=[x, x], dim=1)
    x = torch.mul(x, other=2)
    x = F.batch_norm(x[:, :6], running_mean=net.norm.running_mean, running_var=net.norm.running_var)
    x = F.max_pool2d(x, kernel_size=3, stride=1, padding=1)
    return F.relu(input=x)


@trap
def the_operators_themselves(net, x):
    x = torch.ops.aten.relu(torch.ops.aten.add(x, x))
    return torch.ops.aten.mul.Tensor(x, net.gain) + torch.batch_norm(
        x, net.norm.weight, net.norm.bias, net.norm.running_mean, net.norm.running_var, False, 0.1, 1e-5, False
    )


@trap
def a_view_of_the_numbers(net, x):
    return (x if x.is_contiguous() else x.contiguous()).view(len(x), -1).view(x.shape)


@trap
def flattened_without_a_copy(net, x):
    return (x.view(len(x), 2, 3, *x.shape[2:]) * 2).flatten(1, 2)


@trap
def copied(net, x):
    return copy.copy(x) + copy.deepcopy(x)


@trap
def a_wrong_turn_is_caught(net, x):
    try:
        return F.conv2d(x, net.gain[None, :4] * 2)
    except RuntimeError:
        return net.second(x)


@trap
def gradients_asked_for(net, x):
    with torch.enable_grad():
        return (x.detach().requires_grad_() * 2).sin()


@pytest.mark.parametrize("order", [torch.contiguous_format, torch.channels_last], ids=["contiguous", "channels_last"])
@pytest.mark.parametrize("between", TRAPS.values(), ids=TRAPS.keys())
def test_a_trap_gives_what_it_gives_on_whole_photos(between, order: torch.memory_format) -> None:
    torch.manual_seed(0)
    network = Trap(between).eval().to(memory_format=order)
    photo = (torch.randn(1, 3, 14, 18) + 0.5).contiguous(memory_format=order)
    for n in (1, 4):
        x = masked(photo, [(0, 0), (11, 15), (4, 8), (5, 1)][:n], (3, 3))
        x.patch -= 20  # far enough from the photo to turn every branch
        assert_same(network, x)


@pytest.mark.parametrize("n", [1, 3])
def test_an_input_that_is_written_into(n: int) -> None:
    network = nn.Sequential(nn.ReLU(inplace=True), nn.Conv2d(3, 4, 3), nn.Flatten())
    assert_same(network, masked(torch.randn(1, 3, 9, 8), [(0, 0), (5, 5), (2, 1)][:n], (3, 3)))

    def standardised(x: torch.Tensor) -> torch.Tensor:
        x -= torch.tensor([0.4, 0.5, 0.6])[:, None, None]
        x /= 0.2
        return network(x)

    assert_same(standardised, masked(torch.randn(1, 3, 9, 8), [(0, 0), (5, 5), (2, 1)][:n], (3, 3)))


def test_hooks_see_the_maps_and_may_change_them() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    seen = []

    def look(module: nn.Module, args: tuple[torch.Tensor, ...], output: torch.Tensor) -> torch.Tensor:
        seen.append((type(output), output.shape, float(output.sum())))
        return output * 2

    network.norm.register_forward_hook(look)
    network.second.register_forward_pre_hook(lambda module, args: (args[0].relu_(),))
    assert_same(network, masked(torch.randn(1, 3, 14, 18), [(0, 0), (11, 15)], (3, 3)))
    (_, (_, shape, full), (kind, patched_shape, total)) = seen
    assert kind is Patched
    assert shape == patched_shape == (2, 6, 14, 18)
    assert total == pytest.approx(full, rel=1e-4)


def test_one_pass_serves_many_blocks() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    photo = torch.randn(1, 3, 14, 18)
    with torch.no_grad():
        with KeepResults() as keep:
            network(photo)
        for n, size in ((4, (3, 3)), (1, (1, 1)), (5, (2, 6)), (4, (3, 3))):
            x = masked(photo, corners(photo, size, n), size)
            expected = network(by_hand(x))
            with Incremental(keep.kept):
                assert deviation(network(x), expected) <= 1e-5


def test_the_photo_is_known_by_its_numbers() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    photo = torch.randn(1, 3, 14, 18)
    with torch.no_grad():
        with KeepResults() as keep:
            network(photo.clone())
        with Incremental(keep.kept) as incremental:
            network(masked(photo, [(1, 2)], (3, 3)))
    assert incremental.whole_from == ""


def test_two_photos_at_once_do_not_mix() -> None:
    network = Trap(lambda net, x: net.norm(x)).eval()
    with torch.no_grad():
        keeps = []
        photos = torch.randn(2, 1, 3, 14, 18)
        for photo in photos:
            with KeepResults() as keep:
                network(photo)
            keeps.append(keep.kept)
        x = masked(photos[0], [(1, 2), (7, 7)], (3, 3))
        expected = network(by_hand(x))
        with Incremental(keeps[1]) as other:
            assert deviation(network(x), expected) <= 1e-5
    assert other.whole_from == "conv2d"  # the other photo's pass is of no use


# -- what it saves ---------------------------------------------------------------------------------------------------------


class Cells(TorchDispatchMode):
    """Counts the cells that convolutions give."""

    def __init__(self) -> None:
        super().__init__()
        self.given = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        if "convolution" in str(func) and "reorder" not in str(func):
            self.given += out.shape[0] * out.shape[2] * out.shape[3]
        return out


def cells(network: nn.Module, x: Patched, kept) -> tuple[int, int]:
    """Cells given for rectangles and for whole photos."""
    with torch.no_grad():
        with Cells() as whole:
            network(by_hand(x))
        with Cells() as few, Incremental(kept):
            network(x)
    return few.given, whole.given


def kept_of(network: nn.Module, photo: torch.Tensor):
    with torch.no_grad(), KeepResults() as keep:
        network(photo)
    return keep.kept


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
    x = masked(photo, [(0, 0), (11, 15), (36, 36)], (4, 4))
    # 4 -> 6 by the first kernel; a 6 at an even or odd place -> 4 by the pooling; 4 -> 8 by the second kernel.
    assert cells(network, x, kept_of(network, photo)) == (3 * (36 + 64 + 64), 3 * (1600 + 400 + 400))


def test_weights_made_anew_in_each_pass_are_recognised() -> None:
    class Standardised(nn.Conv2d):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            weight = self.weight - self.weight.mean((1, 2, 3), keepdim=True)
            return self._conv_forward(x, weight / weight.std(), self.bias)

    network = nn.Sequential(
        Standardised(3, 4, 3), nn.utils.parametrizations.weight_norm(nn.Conv2d(4, 4, 3)), nn.ReLU(), nn.Flatten()
    )
    photo = torch.randn(1, 3, 30, 30)
    x = masked(photo, [(0, 0), (11, 15)], (2, 2))
    incremental = assert_same(network, x)
    assert incremental.whole_from == "flatten"


@pytest.mark.parametrize(
    ("forward", "expected"),
    [
        (lambda net, x: x * net.gain + net.seen, "sin"),
        (lambda net, x: net.norm(x).permute(0, 2, 3, 1).permute(0, 3, 1, 2), "sin"),
        (lambda net, x: net.dropout(x.detach().contiguous().float()), "sin"),
        (lambda net, x: F.avg_pool2d(F.avg_pool2d(x, 3, 1, 1), 3, 2, 0, count_include_pad=False), "sin"),
        (lambda net, x: F.conv2d(x, torch.ones(2, 6, 3, 2), padding="same", dilation=(1, 3)), "sin"),
        (lambda net, x: F.avg_pool2d(x, 3, 1, 1, count_include_pad=False), "avg_pool2d"),
        (lambda net, x: F.avg_pool2d(x, 3, 2, ceil_mode=True), "avg_pool2d"),
        (lambda net, x: F.pad(x, (1, 1)), "pad"),
        (lambda net, x: x * torch.sigmoid(x.mean((2, 3), keepdim=True)), "mul"),
        (lambda net, x: torch.cat(x.chunk(2, 1), 1), "chunk"),
        (lambda net, x: x[:, :, ::1], "__getitem__"),
        (lambda net, x: x if x.mean() > -1e9 else -x, "mean"),
    ],
)
def test_where_it_has_to_go_on_with_whole_maps_is_told(forward, expected: str) -> None:
    network = Trap(forward).eval()

    def run(x: torch.Tensor) -> torch.Tensor:
        return forward(network, network.first(x)).sin()

    incremental = assert_same(run, masked(torch.randn(1, 3, 14, 18), [(0, 0), (7, 7)], (3, 3)))
    assert incremental.whole_from == expected


# -- networks of torchvision -----------------------------------------------------------------------------------------------


def random_network(name: str, classes: int = 10) -> nn.Module:
    """With random weights, and BatchNorms that know their inputs (fresh ones let the scores vanish, or burst)."""
    try:
        library = models()
    except MissingExtraError as error:
        pytest.skip(str(error))
    torch.manual_seed(0)
    settings = {"aux_logits": False, "init_weights": False} if name == "googlenet" else {}
    if name == "vgg16":  # its own dense layers are 500 MB
        body = library.vgg.make_layers(library.vgg.cfgs["D"], batch_norm=False)
        network = nn.Sequential(body, nn.AdaptiveAvgPool2d(7), nn.Flatten(), nn.Linear(49 * 512, classes))
        for conv in (module for module in body if isinstance(module, nn.Conv2d)):
            nn.init.kaiming_normal_(conv.weight, mode="fan_out")
    elif name == "vit":
        network = library.VisionTransformer(
            image_size=96, patch_size=16, num_layers=2, num_heads=4, hidden_dim=64, mlp_dim=128, num_classes=classes
        )
        nn.init.normal_(network.heads.head.weight)
    else:
        network = library.get_model(name, weights=None, num_classes=classes, **settings)
    network.eval()
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    for norm in norms:
        norm.train().momentum = None
    if norms:
        with torch.no_grad():
            network(torch.randn(8, 3, 96, 96))
    return network.eval()


# For a mask of 12 pixels on 96: how many of the cells are still given by convolutions, at most, and from where on maps are whole.
NETWORKS = {
    "squeezenet1_0": (0.3, "_convolution_pointwise"),
    "googlenet": (0.35, "max_pool2d"),
    "resnet18": (0.3, "_convolution_pointwise"),
    "resnet50": (0.3, "conv2d"),
    "mobilenet_v2": (0.15, "conv2d"),
    "densenet121": (0.6, "_convolution_pointwise"),
    "efficientnet_b0": (0.7, "mul"),  # squeeze-and-excite: every channel of the whole map is scaled anew
    "convnext_tiny": (0.6, "_convolution_pointwise"),
    "vgg16": (0.1, "_convolution_pointwise"),
    "shufflenet_v2_x0_5": (0.5, "view"),
    "swin_t": (0.1, "pad"),
    "vit": (0.12, "reshape"),
}


@pytest.mark.parametrize(("name", "left", "whole_from"), [(name, *expected) for name, expected in NETWORKS.items()])
def test_networks_of_torchvision_give_what_they_give_on_whole_photos(name: str, left: float, whole_from: str) -> None:
    photo = torch.randn(1, 3, 96, 96, generator=torch.Generator().manual_seed(1))
    network = random_network(name)
    if double := name == "resnet50":  # rounding alone changes this one's scores by 3e-5 when its weights are random
        (network, photo) = (network.double(), photo.double())
    planned = seewhy.Classifier(network, preprocess=None).executor.planned(photo)
    assert planned.can_be_followed
    prepared = planned.plan.prepare(photo)
    (places, size) = (corners(photo, (12, 12), 4), (12, 12))
    incremental = assert_same(planned.forward_prepared, masked(prepared, places, size), 1e-12 if double else 1e-5)
    assert incremental.whole_from == whole_from
    (few, whole) = cells(planned.forward_prepared, masked(prepared, places, size), incremental.kept)
    assert few <= left * whole, few / whole
