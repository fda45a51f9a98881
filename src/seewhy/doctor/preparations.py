"""The preparations that the doctor tries, as data: how values are normalised, in which order of colours, at which size."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch

from seewhy.formatting import format_size
from seewhy.geometry import Array
from seewhy.preprocess import PhotoPreprocess, Preprocess

Values = tuple[float, ...]
UNIT = (0.0, 1.0)
SAME = "the same mean and std, no range"


@dataclass(frozen=True)
class Normalisation:
    """``(pixels / 255 - mean) / std``, the colours in ``order`` first. mean, std : one per channel, in that order.

    unit : of pixels / 255 the values that become 0 and 1 before mean and std; other ones read a photo without the ``range``.
    """

    name: str
    mean: Values
    std: Values
    order: str = "RGB"
    unit: tuple[float, float] = UNIT

    def apply(self, pixels: torch.Tensor) -> torch.Tensor:
        """``(N, C, h, w)`` pixels, 0-255 and RGB, to the network's inputs."""
        (mean, std) = (torch.tensor(values, dtype=pixels.dtype).reshape(-1, 1, 1) for values in (self.mean, self.std))
        return (self.in_unit(pixels if self.order == "RGB" else pixels.flip(1)) - mean) / std

    def in_unit(self, pixels: torch.Tensor) -> torch.Tensor:
        """Pixels, 0-255, in the unit of mean and std."""
        (black, white) = self.unit
        return (pixels / 255 - black) / (white - black)

    @property
    def ends(self) -> Array:
        """What black and white become, RGB: ``(2, C)``."""
        (black, white) = self.unit
        units = (np.array([[0.0], [1.0]]) - black) / (white - black)
        ends = (units - np.array(self.mean)) / np.array(self.std)
        return np.asarray(ends if self.order == "RGB" else ends[:, ::-1], dtype=np.float32)

    def is_like(self, other: Normalisation) -> bool:
        """The same values, up to 1 % of their range."""
        if self.order != other.order and len(self.mean) == 3:
            return False
        return bool(np.abs(self.ends - other.ends).max() <= 0.01 * np.ptp(other.ends))

    def reversed(self) -> Normalisation:
        """The same for a network that reads the colours the other way round."""
        order = "BGR" if self.order == "RGB" else "RGB"
        return dataclasses.replace(self, mean=self.mean[::-1], std=self.std[::-1], order=order)

    def turned(self) -> Normalisation:
        """The colours the other way round, mean and std in their places: what forgetting to swap them does."""
        return dataclasses.replace(self, order="BGR" if self.order == "RGB" else "RGB")

    @property
    def text(self) -> str:
        """In words: "ImageNet's mean and std, BGR"."""
        without = "" if self.unit == UNIT or self.name.startswith(SAME) else ", no range"
        return self.name + without + (", BGR" if self.order == "BGR" else "")


class Scale(str, Enum):
    """In which range the values of a normalisation lie."""

    UNIT = "unit"  # 0 to 1 as it is
    BYTES = "bytes"  # 0 to 255, or that far apart
    STANDARD = "standard"  # around zero, a few units wide


def scale_of(normalisation: Normalisation) -> Scale:
    """The range that a normalisation leads to."""
    (black, white) = normalisation.ends
    if float((white - black).max()) > 60:
        return Scale.BYTES
    is_unit = np.abs(black).max() < 0.01 and np.abs(white - 1).max() < 0.01
    return Scale.UNIT if is_unit else Scale.STANDARD


# Name, mean and std. None is numbers that are not known beforehand.
KNOWN: tuple[tuple[str, Values, Values], ...] = (
    ("values 0-1", (0.0,), (1.0,)),
    ("ImageNet's mean and std", (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    ("values -1 to 1", (0.5,), (0.5,)),
    ("CLIP's mean and std", (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
    ("values 0-255", (0.0,), (1 / 255,)),
    ("values 0-255 minus the mean", (123.675 / 255, 116.28 / 255, 103.53 / 255), (1 / 255,)),
)
OWN = "the photos' own mean and std"
ONCE = "the same mean and std, applied once"


def normalisations(
    current: Normalisation, photos_mean: Values, photos_std: Values, unit: tuple[float, float] | None = None
) -> list[Normalisation]:
    """What is tried in place of the current one, each in both orders of colours, none twice.

    photos_mean, photos_std : of the photos' pixels, in units of [0, 1], RGB. unit : of a photo that is read without the range
    (see :class:`Normalisation`), where one is set: the usual mean and std are tried in it, too.
    """
    channels = len(current.mean)
    candidates = [
        Normalisation(name, _wide(mean, channels), _wide(std, channels))
        for name, mean, std in KNOWN
        if channels == 3 or len(mean) == 1
    ]
    (own_mean, own_std) = (
        tuple(round(max(v, least), 3) for v in values) for values, least in ((photos_mean, 0.0), (photos_std, 0.01))
    )
    candidates.append(Normalisation(OWN, own_mean, own_std))
    once = applied_once(current)
    if once is not None:
        candidates.insert(0, once)
    if channels == 3:
        candidates = [each for one in candidates for each in (one, one.reversed())]
        candidates = [*other_orders(current), *candidates]
    found = _different(current, candidates)
    if unit is not None:
        same = dataclasses.replace(current, name=SAME)
        usual = [one for one in candidates if one.name not in (current.name, OWN, ONCE)]
        tried = [current, *found]
        read = [same, *_different(same, [*(other_orders(same) if channels == 3 else ()), *usual])]
        found += [one for one in (dataclasses.replace(one, unit=unit) for one in read) if not any(map(one.is_like, tried))]
    return found


def other_orders(current: Normalisation) -> list[Normalisation]:
    """The colours the other way round, mean and std in their places or turned with them, each by a name of its own."""
    (turned, backwards) = (current.turned(), current.reversed())
    now_first = ", RGB" if turned.order == "RGB" else ""
    named = [dataclasses.replace(turned, name=current.name + now_first)]
    if not backwards.is_like(turned):
        named.append(dataclasses.replace(backwards, name=f"{current.name}{now_first}, mean and std turned, too"))
    return named


def _different(current: Normalisation, candidates: Sequence[Normalisation]) -> list[Normalisation]:
    """Those that are neither the current one nor one before them."""
    different = [current]
    for candidate in candidates:
        if not any(candidate.is_like(other) for other in different):
            different.append(candidate)
    return different[1:]


def applied_once(current: Normalisation) -> Normalisation | None:
    """Where the current normalisation may be one that is applied twice: that one.

    ``((x - m) / s - m) / s = (x - m - m s) / s²``.
    """
    std = np.sqrt(np.array(current.std))
    mean = np.array(current.mean) / (1 + std)
    if not 0.05 < std.min() < 0.95 or mean.min() < 0.01:
        return None
    once = Normalisation(ONCE, tuple(mean.round(6).tolist()), tuple(std.round(6).tolist()), current.order)
    for name, known_mean, known_std in KNOWN:
        known = Normalisation(name, _wide(known_mean, len(std)), _wide(known_std, len(std)))
        if known.is_like(dataclasses.replace(once, order="RGB")) and current.order == "RGB":
            return known
    return once


def _wide(values: Values, channels: int) -> Values:
    return values * channels if len(values) == 1 else values


def current_normalisation(preprocess: PhotoPreprocess, channels: int) -> Normalisation:
    """What a classifier's preprocessing does to values, read off black and white."""
    order = getattr(preprocess, "order", "RGB")
    ends = torch.tensor([0.0, 255.0]).reshape(2, 1, 1, 1).expand(2, channels, 1, 1).contiguous()
    (black, white) = preprocess.normalise(ends).double().flatten(1)
    std = 1 / (white - black)
    mean = -black * std
    return Normalisation("as it is now", _plain(mean), _plain(std), order)


def _plain(values: torch.Tensor) -> Values:
    return tuple(round(float(value), 7) + 0.0 for value in values)


# -- how the photo is laid into the input ------------------------------------------------------------------------------

# Sides that networks are trained with.
SIDES = (28, 32, 48, 64, 75, 96, 112, 128, 160, 176, 192, 224, 227, 240, 256, 288, 299, 320, 331, 336, 380, 384, 448, 480, 512)
NEIGHBOURHOOD = 2.2  # times larger or smaller
MOST_SIDES = 6
FAR = 4.2  # for networks that cannot take the current size at all


@dataclass(frozen=True)
class PhotoFit:
    """How a photo is resized and cut: the fields of ``Preprocess`` that say so."""

    size: tuple[int, int]
    resize: str | int
    crop: bool

    @classmethod
    def of(cls, preprocess: Preprocess) -> PhotoFit:
        """As a preprocessing does it."""
        return cls(preprocess.input_size, preprocess.resize, preprocess.crop)

    @property
    def text(self) -> str:
        """In words: "224×224, shorter side 256 and cut"."""
        (height, width) = self.size
        if self.resize == "stretch":
            return f"{format_size(self.size)}, stretched"
        shorter = self.resize if isinstance(self.resize, int) else min(height, width)
        return f"{format_size(self.size)}, shorter side {shorter}{' and cut' if self.crop else ', no crop'}"


def fits(current: PhotoFit) -> list[PhotoFit]:
    """Sizes of the neighbourhood at the current way of resizing, and other ways of resizing at the current size."""
    (height, width) = current.size
    side = min(height, width)
    near = [s for s in SIDES if s != side and 1 / NEIGHBOURHOOD <= s / side <= NEIGHBOURHOOD]
    sizes = sorted(_spread(near, side))
    margin = current.resize / side if isinstance(current.resize, int) else None
    others = []
    for new in sizes:
        size = (round(height * new / side), round(width * new / side))
        others.append(PhotoFit(size, current.resize if margin is None else round(new * margin), current.crop))
    with_margin = round(side / 0.875)
    for resize in ("stretch", "shorter", with_margin):
        fit = PhotoFit(current.size, resize, True)
        same_shorter = current.resize == side and resize == "shorter"
        if resize != current.resize and not same_shorter and (resize != with_margin or height == width):
            others.append(fit)
    return others


def _spread(near: Sequence[int], side: int) -> list[int]:
    """At most six, those whose ratio to the side is most usual: 3/4, 7/8, 8/7, 4/3 and the ends."""
    if len(near) <= MOST_SIDES:
        return list(near)
    goals = (0.5, 0.75, 0.875, 8 / 7, 4 / 3, 2.0)
    return list({min(near, key=lambda s: abs(np.log(s / (side * goal)))) for goal in goals})


def far_fits(current: PhotoFit) -> list[PhotoFit]:
    """Sizes for a network that cannot take the current one, the nearest first: square ones, and for a wide or tall input those of
    its shape, also those by which it may have been multiplied."""
    (height, width) = current.size
    side = min(height, width)
    near = [s for s in SIDES if 1 / (FAR * 2) <= s / side <= FAR]
    sizes = {(s, s) for s in near}
    if height != width:
        shares = [s / side for s in near] + [part for n in (2, 3, 4) for part in (n, 1 / n)]
        sizes |= {(round(height * share), round(width * share)) for share in shares}
    way = current.resize if isinstance(current.resize, str) else "shorter"
    ordered = sorted(sizes - {current.size}, key=lambda size: (abs(np.log(min(size) / side)), size))
    return [PhotoFit(size, way, current.crop) for size in ordered]


def with_fit(preprocess: Preprocess, fit: PhotoFit) -> Preprocess:
    """The preprocessing with another size, resize or crop. Raises OptionError for a fit that cannot be."""
    return dataclasses.replace(preprocess, size=fit.size, resize=fit.resize, crop=fit.crop)


def settings_of(normalisation: Normalisation) -> dict[str, object]:
    """What to write: the fields of ``Preprocess``."""
    settings: dict[str, object] = {"mean": _short(normalisation.mean), "std": _short(normalisation.std)}
    if set(normalisation.mean) == {0.0} and set(normalisation.std) == {1.0}:
        settings = {"mean": 0.0, "std": 1.0}
    if normalisation.unit != UNIT:
        settings = {"range": None} | ({} if normalisation.name == SAME else settings)
    if len(normalisation.mean) == 3:
        settings["order"] = normalisation.order
    return settings


def _short(values: Values) -> float | tuple[float, ...]:
    rounded = tuple(float(f"{value:.4g}") for value in values)
    return rounded[0] if len(set(rounded)) == 1 else rounded
