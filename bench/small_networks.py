"""Small networks of many kinds, to be trained in a minute: what the doctor's bench spoils (``bench/spoilt.py``)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import nn


def _block(before: int, after: int, stride: int, norm: Callable[[int], nn.Module]) -> list[nn.Module]:
    return [nn.Conv2d(before, after, 3, stride, 1), norm(after), nn.ReLU()]


class Plain(nn.Module):
    """Convolutions one after the other, a mean over the grid, one dense layer."""

    def __init__(
        self, classes: int, channels: int, norm: Callable[[int], nn.Module], widths: Sequence[int] = (24, 32, 48, 64)
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((channels, *widths), widths, strict=False):
            layers += _block(before, after, 2, norm)
        self.features = nn.Sequential(*layers)
        self.dropout = nn.Dropout(0.1)
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.dropout(self.features(x).mean((2, 3))))
        return out


class Flat(nn.Module):
    """A Flatten head: the input has one size only."""

    def __init__(self, classes: int, channels: int, norm: Callable[[int], nn.Module], cells: int) -> None:
        super().__init__()
        self.features = nn.Sequential(*_block(channels, 16, 2, norm), *_block(16, 32, 2, norm), *_block(32, 32, 2, norm))
        self.hidden = nn.Linear(32 * cells, 64)
        self.fc = nn.Linear(64, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.hidden(self.features(x).flatten(1)).relu())
        return out


class Separable(nn.Module):
    """Depthwise and pointwise convolutions with hard-swish, as in phones."""

    def __init__(self, classes: int, channels: int) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(channels, 24, 3, 2, 1, bias=False), nn.BatchNorm2d(24), nn.Hardswish()]
        for before, after in ((24, 40), (40, 56), (56, 80)):
            layers += [nn.Conv2d(before, before, 5, 2, 2, groups=before, bias=False), nn.BatchNorm2d(before), nn.Hardswish()]
            layers += [nn.Conv2d(before, after, 1, bias=False), nn.BatchNorm2d(after), nn.Hardswish()]
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(80, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.features(x).mean((2, 3)))
        return out


class Patches(nn.Module):
    """Patches, LayerNorm over channels, mixing by large depthwise convolutions: no BatchNorm to be read."""

    def __init__(self, classes: int, channels: int, width: int = 48, depth: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, width, 4, 4)
        self.mixers = nn.ModuleList([nn.Conv2d(width, width, 7, 1, 3, groups=width) for _ in range(depth)])
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(depth + 1)])
        self.widen = nn.ModuleList([nn.Linear(width, 2 * width) for _ in range(depth)])
        self.narrow = nn.ModuleList([nn.Linear(2 * width, width) for _ in range(depth)])
        self.fc = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for mixer, norm, widen, narrow in zip(self.mixers, self.norms, self.widen, self.narrow, strict=False):
            inner = norm(mixer(x).permute(0, 2, 3, 1))
            x = x + narrow(nn.functional.gelu(widen(inner))).permute(0, 3, 1, 2)
        out: torch.Tensor = self.fc(self.norms[-1](x.mean((2, 3))))
        return out


class Residual(nn.Module):
    """Blocks whose input is added to what they make of it, behind a pooled stem."""

    def __init__(
        self, classes: int, channels: int, norm: Callable[[int], nn.Module], widths: Sequence[int] = (24, 40, 56)
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(*_block(channels, widths[0], 2, norm), nn.MaxPool2d(2))
        self.ways = nn.ModuleList()
        self.shortcuts = nn.ModuleList()
        for before, after in zip((widths[0], *widths), widths, strict=False):
            stride = 1 if before == after else 2
            inner = [*_block(before, after, stride, norm), nn.Conv2d(after, after, 3, 1, 1), norm(after)]
            self.ways.append(nn.Sequential(*inner))
            self.shortcuts.append(nn.Identity() if stride == 1 else nn.Conv2d(before, after, 1, stride))
        self.fc = nn.Linear(widths[-1], classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for way, shortcut in zip(self.ways, self.shortcuts, strict=True):
            x = (way(x) + shortcut(x)).relu()
        out: torch.Tensor = self.fc(x.mean((2, 3)))
        return out


class Pooled(nn.Module):
    """Convolutions and max pooling without any norm, as networks were ten years ago; the classes' maps are averaged."""

    def __init__(self, classes: int, channels: int, widths: Sequence[int] = (24, 32, 48, 64)) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for before, after in zip((channels, *widths), widths, strict=False):
            layers += [nn.Conv2d(before, after, 3, 1, 1), nn.LeakyReLU(0.1), nn.MaxPool2d(2)]
        self.features = nn.Sequential(*layers)
        self.fc = nn.Conv2d(widths[-1], classes, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.fc(self.features(x)).mean((2, 3))
        return out


class Densely(nn.Module):
    """Every layer reads all that came before; the norm stands before the convolution."""

    def __init__(self, classes: int, channels: int, growth: int = 16, depth: int = 3) -> None:
        super().__init__()
        self.stem = nn.Conv2d(channels, 24, 5, 2, 2, bias=False)
        stages = []
        width = 24
        for _ in range(2):
            layers = nn.ModuleList()
            for _ in range(depth):
                layers.append(nn.Sequential(nn.BatchNorm2d(width), nn.ReLU(), nn.Conv2d(width, growth, 3, 1, 1, bias=False)))
                width += growth
            stages.append(layers)
        self.stages = nn.ModuleList(stages)
        self.norm = nn.BatchNorm2d(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x)
        for stage in self.stages:
            x = nn.functional.avg_pool2d(x, 2)
            for layer in stage:  # type: ignore[attr-defined]
                x = torch.cat([x, layer(x)], 1)
        out: torch.Tensor = self.fc(self.norm(x).relu().mean((2, 3)))
        return out


class Branches(nn.Module):
    """Convolutions of three sizes side by side."""

    def __init__(
        self, classes: int, channels: int, norm: Callable[[int], nn.Module], widths: Sequence[int] = (12, 20, 24)
    ) -> None:
        super().__init__()
        self.stages = nn.ModuleList()
        before = channels
        for width in widths:
            parts = [nn.Sequential(nn.Conv2d(before, width, size, 2, size // 2), norm(width), nn.SiLU()) for size in (1, 3, 5)]
            self.stages.append(nn.ModuleList(parts))
            before = 3 * width
        self.fc = nn.Linear(before, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for stage in self.stages:
            x = torch.cat([part(x) for part in stage], 1)  # type: ignore[union-attr]
        out: torch.Tensor = self.fc(x.mean((2, 3)))
        return out


class Tokens(nn.Module):
    """A convolution's grid as tokens, a class token that attends to them, LayerNorm."""

    def __init__(self, classes: int, channels: int, width: int = 48, depth: int = 2) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(channels, width // 2, 5, 4, 2), nn.GELU(), nn.Conv2d(width // 2, width, 3, 2, 1), nn.GELU()
        )
        self.first = nn.Parameter(torch.zeros(1, 1, width))
        self.blocks = nn.ModuleList(
            [
                nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True, norm_first=True)
                for _ in range(depth)
            ]
        )
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.first.expand(len(x), -1, -1), x], 1)
        for block in self.blocks:
            x = block(x)
        out: torch.Tensor = self.fc(self.norm(x[:, 0]))
        return out


def group_norm(width: int) -> nn.Module:
    """GroupNorm of eight channels each."""
    return nn.GroupNorm(max(1, width // 8), width)
