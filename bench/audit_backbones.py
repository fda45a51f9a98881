"""Small backbones of many kinds for the audit's bench: those that are tuned on, and those that are counted.

Each ends in a dense layer ``fc``, so that a head can be trained on its frozen features.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

import seewhy
from bench import small_networks as small
from bench.timing import DATA
from seewhy.load.demo import DEMO_MEAN, DEMO_SIZE, DEMO_STD, DemoNet

WEIGHTS = DATA / "squeezenet1_0_imagenet.safetensors"
Sizes = tuple[int, int]
SMALL = (64, 85)  # of the inputs of those that would take long


def _unit(before: int, after: int, size: int = 3, stride: int = 1, **settings: int) -> nn.Sequential:
    padding = settings.get("dilation", 1) * (size // 2)
    convolution = nn.Conv2d(before, after, size, stride, padding, bias=False, **settings)
    return nn.Sequential(convolution, nn.BatchNorm2d(after), nn.ReLU())


class Averaged(nn.Module):
    """Any features ``(N, width, h, w)``, their mean over the grid (or their maximum), one dense layer."""

    def __init__(self, features: Sequence[nn.Module], width: int, classes: int, largest: bool = False) -> None:
        super().__init__()
        self.features = nn.Sequential(*features)
        self.pool: nn.Module = nn.AdaptiveMaxPool2d(1) if largest else nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.fc(self.pool(self.features(x)).flatten(1))
        return out


class Fire(nn.Module):
    """SqueezeNet's: few channels, then 1×1 and 3×3 side by side."""

    def __init__(self, before: int, few: int, each: int) -> None:
        super().__init__()
        self.squeeze, self.small, self.large = _unit(before, few, 1), _unit(few, each, 1), _unit(few, each, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.squeeze(x)
        return torch.cat([self.small(x), self.large(x)], 1)


class Inverted(nn.Module):
    """MobileNetV2's: wide, depthwise, narrow again without a ReLU, around which the input goes."""

    def __init__(self, before: int, after: int, stride: int) -> None:
        super().__init__()
        wide = 3 * before
        narrow = (nn.Conv2d(wide, after, 1, bias=False), nn.BatchNorm2d(after))
        self.way = nn.Sequential(_unit(before, wide, 1), _unit(wide, wide, 3, stride, groups=wide), *narrow)
        self.around = stride == 1 and before == after

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.way(x)
        return out + x if self.around else out


class Excited(nn.Module):
    """Two convolutions whose channels are weighed by what all of the photo holds, around which the input goes."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.way = nn.Sequential(_unit(before, after, 3, 2), nn.Conv2d(after, after, 3, 1, 1, bias=False), nn.BatchNorm2d(after))
        self.weigh = nn.Sequential(
            nn.AdaptiveAvgPool2d(1), nn.Conv2d(after, after // 4, 1), nn.ReLU(), nn.Conv2d(after // 4, after, 1), nn.Sigmoid()
        )
        self.around = nn.Conv2d(before, after, 1, 2)

    def forward(self, x: Tensor) -> Tensor:
        inner = self.way(x)
        out: Tensor = (inner * self.weigh(inner) + self.around(x)).relu()
        return out


class Before(nn.Module):
    """The norm and the ReLU stand before each convolution, as in the second ResNet; the norm is of groups."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.first = nn.Sequential(small.group_norm(before), nn.ReLU(), nn.Conv2d(before, after, 3, 2, 1))
        self.second = nn.Sequential(small.group_norm(after), nn.ReLU(), nn.Conv2d(after, after, 3, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        out: Tensor = x + self.second(x)
        return out


class Shuffled(nn.Module):
    """Convolutions of four groups whose channels then take turns."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.inner = nn.Sequential(_unit(before, after, 1, groups=4), nn.ChannelShuffle(4), _unit(after, after, 3, 2, groups=4))

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.inner(x)
        return out


class Patched(nn.Module):
    """Patches as tokens, each with its place learned: attention (ViT), or dense layers over places (Mixer); their mean."""

    def __init__(self, classes: int, size: Sizes, mixer: bool, width: int = 64, depth: int = 3, patch: int = 8) -> None:
        super().__init__()
        stem = (nn.Conv2d(3, width // 2, 3, 2, 1), nn.GELU(), nn.Conv2d(width // 2, width, patch // 2, patch // 2))
        self.stem = nn.Sequential(*stem)
        cells = (size[0] // patch) * (size[1] // patch)
        self.places = nn.Parameter(0.02 * torch.randn(1, cells, width))
        layers = [
            Mixing(cells, width) if mixer else nn.TransformerEncoderLayer(width, 4, 2 * width, 0.0, "gelu", batch_first=True)
            for _ in range(depth)
        ]
        self.blocks = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x).flatten(2).transpose(1, 2) + self.places
        out: Tensor = self.fc(self.norm(self.blocks(x)).mean(1))
        return out


class Mixing(nn.Module):
    """The Mixer's: dense layers over the places, then over the channels."""

    def __init__(self, cells: int, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList([nn.LayerNorm(width) for _ in range(2)])
        self.places = nn.Sequential(nn.Linear(cells, 96), nn.GELU(), nn.Linear(96, cells))
        self.channels = nn.Sequential(nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.places(self.norms[0](x).transpose(1, 2)).transpose(1, 2)
        out: Tensor = x + self.channels(self.norms[1](x))
        return out


def _squeeze(classes: int, size: Sizes) -> nn.Module:
    fires = [Fire(24, 8, 16), nn.MaxPool2d(2), Fire(32, 12, 24), nn.MaxPool2d(2), Fire(48, 16, 32)]
    return Averaged([_unit(3, 24, 5, 2), nn.MaxPool2d(2), *fires], 64, classes)


def _inverted(classes: int, size: Sizes) -> nn.Module:
    stages = [Inverted(16, 24, 2), Inverted(24, 24, 1), Inverted(24, 40, 2), Inverted(40, 40, 1)]
    return Averaged([_unit(3, 16, 3, 2), *stages, _unit(40, 80, 1)], 80, classes)


def _dilated(classes: int, size: Sizes) -> nn.Module:
    units = [_unit(3, 24, 5, 2), _unit(24, 32, 3, 2), *(_unit(32, 32, dilation=d) for d in (2, 4)), _unit(32, 48, 3, 2)]
    return Averaged(units, 48, classes)


def _largest(classes: int, size: Sizes) -> nn.Module:
    return Averaged([_unit(3, 24, 3, 2), _unit(24, 32, 3, 2), _unit(32, 48, 3, 2), _unit(48, 64, 3, 1)], 64, classes, True)


def _excited(classes: int, size: Sizes) -> nn.Module:
    return Averaged([_unit(3, 20, 3, 2), Excited(20, 32), Excited(32, 48), Excited(48, 64)], 64, classes)


def _before(classes: int, size: Sizes) -> nn.Module:
    return Averaged([nn.Conv2d(3, 24, 3, 2, 1), Before(24, 32), Before(32, 48), Before(48, 64), nn.ReLU()], 64, classes)


def _shuffled(classes: int, size: Sizes) -> nn.Module:
    return Averaged([_unit(3, 24, 3, 2), Shuffled(24, 48), Shuffled(48, 64), Shuffled(64, 96)], 96, classes)


def _demo(name: str) -> Callable[[int, Sizes], nn.Module]:
    def build(classes: int, size: Sizes) -> nn.Module:
        network = DemoNet(classes)
        known = seewhy.load(f"demo:{name}").network.state_dict()
        own = {key: value for key, value in known.items() if not key.startswith("fc.")}
        network.load_state_dict(own, strict=False)
        return network

    return build


def _real_squeezenet(classes: int, size: Sizes) -> nn.Module:
    clf = seewhy.load("squeezenet1_0", weights=WEIGHTS, classes=DATA / "imagenet_synsets.txt")
    return Averaged([clf.network.features], 512, classes)  # type: ignore[list-item]


@dataclass(frozen=True)
class Backbone:
    """build : from the number of classes and the input's size. half : of the bench. rate : of learning, at most. trained : it
    comes with its weights, and only heads are trained on it."""

    half: str
    build: Callable[[int, Sizes], nn.Module]
    rate: float = 4e-3
    size: Sizes = DEMO_SIZE
    mean: tuple[float, float, float] = DEMO_MEAN
    std: tuple[float, float, float] = DEMO_STD
    trained: bool = False

    @property
    def preparation(self) -> seewhy.Preprocess:
        return seewhy.Preprocess(self.size, resize="stretch", mean=self.mean, std=self.std)


BACKBONES = {
    "plain": Backbone("tuned", lambda k, size: small.Plain(k, 3, nn.BatchNorm2d)),
    "residual": Backbone("tuned", lambda k, size: small.Residual(k, 3, nn.BatchNorm2d)),
    "separable": Backbone("tuned", lambda k, size: small.Separable(k, 3)),
    "flat": Backbone("tuned", lambda k, size: small.Flat(k, 3, nn.BatchNorm2d, 12 * 16)),
    "dense": Backbone("tuned", lambda k, size: small.Densely(k, 3), size=SMALL),
    "class token": Backbone("tuned", lambda k, size: small.Tokens(k, 3), 2e-3, size=SMALL),
    "largest": Backbone("tuned", _largest),
    "demo:honest": Backbone("tuned", _demo("honest"), trained=True),
    "plain of groups": Backbone("counted", lambda k, size: small.Plain(k, 3, small.group_norm)),
    "large kernels": Backbone("counted", lambda k, size: small.Patches(k, 3, 32, 2), size=SMALL),
    "branches": Backbone("counted", lambda k, size: small.Branches(k, 3, nn.BatchNorm2d), size=SMALL),
    "squeeze": Backbone("counted", _squeeze),
    "inverted": Backbone("counted", _inverted, size=SMALL),
    "dilated": Backbone("counted", _dilated),
    "excited": Backbone("counted", _excited),
    "before": Backbone("counted", _before),
    "shuffled": Backbone("counted", _shuffled, size=SMALL),
    "vit": Backbone("counted", lambda k, size: Patched(k, size, False), 1.5e-3, size=SMALL),
    "mixer": Backbone("counted", lambda k, size: Patched(k, size, True), 2e-3),
    "flat, small": Backbone("counted", lambda k, size: small.Flat(k, 3, small.group_norm, 8 * 11), size=SMALL),
    "pooled": Backbone("counted", lambda k, size: small.Pooled(k, 3), 2e-3, size=SMALL),
    "demo:bear": Backbone("counted", _demo("bear"), trained=True),
    "real SqueezeNet": Backbone("counted", _real_squeezenet, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), trained=True),
}
